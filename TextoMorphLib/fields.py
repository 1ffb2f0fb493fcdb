"""Smooth random fields, the raw material of lesions, procedural anatomy and scan noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LATENT_MM = 4  # the autoencoder's stride


def smooth_field(shape: tuple[int, ...], sigma_mm: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian random field of unit variance on a 1 mm grid.

    Args:
        shape: Grid.
        sigma_mm: Smoothness: the Gaussian's sigma.
        rng: Source of randomness.
    """
    step = max(1, int(sigma_mm / 2))  # a coarse grid holds all that a wide Gaussian leaves
    coarse = tuple(-(-n // step) + 2 for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), sigma_mm / step, mode="wrap")
    if step > 1:
        field = ndimage.zoom(field, step, order=1, grid_mode=True, mode="nearest")
    field = field[tuple(slice(n) for n in shape)]
    return (field - field.mean()) / (field.std() + 1e-6)


def latent_noise(shape: tuple[int, ...], rng: np.random.Generator, channels: int = 8) -> np.ndarray:
    """White noise of a latent's size, for `field_from_noise`.

    Args:
        shape: Of the 1 mm grid, multiples of 4.
        rng: Source of randomness.
        channels: Of the latent.

    Returns:
        [channels, X/4, Y/4, Z/4] standard normal, float32.
    """
    return rng.standard_normal((channels, *(size // LATENT_MM for size in shape)), dtype=np.float32)


def field_from_noise(noise: np.ndarray, number: int, sigma_mm: float) -> np.ndarray:
    """A smooth random field made from a latent's white noise, so that whoever sees the noise can foresee the field.

    The eight channels of a 4 mm voxel, each with a sign of its own, are the eight 2 mm voxels in it. Fields of
    different numbers have signs that cancel, which makes them independent where they are smoother than 4 mm.

    Args:
        noise: [C, x, y, z] standard normal, of voxels of 4 mm.
        number: Which of the fields.
        sigma_mm: Smoothness: the Gaussian's sigma; not much finer than 1 mm, for the grid's sake.

    Returns:
        [4x, 4y, 4z] on a 1 mm grid, float32, of unit variance.
    """
    signs = np.array([(-1) ** (number & channel).bit_count() for channel in range(8)], np.float32)
    cells = noise[np.arange(8) % len(noise)] * signs[:, None, None, None]
    x, y, z = noise.shape[1:]
    white = cells.reshape(2, 2, 2, x, y, z).transpose(3, 0, 4, 1, 5, 2).reshape(2 * x, 2 * y, 2 * z)
    sigma = sigma_mm / 2
    field = ndimage.gaussian_filter(white, sigma, mode="wrap")
    kernel = ndimage.gaussian_filter1d(np.eye(1, 65, 32)[0], sigma, mode="constant")
    field /= np.float32(np.square(kernel).sum() ** 1.5)
    return np.asarray(ndimage.zoom(field, 2, order=1, grid_mode=True, mode="nearest"))
