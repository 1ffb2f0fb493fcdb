"""Smooth random fields, the raw material of shapes, procedural anatomy and scan noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


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
