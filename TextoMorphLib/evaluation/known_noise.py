"""Scans whose noise is known: their own smoothed away around a place, and noise of a chosen strength and grain put in.

What is taken for the noise of a real scan is itself an estimate, with anatomy in it where even tissue is rare. Here the
anatomy is real and the noise is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.even_tissue import robust_sd
from TextoMorphLib.spatial.geometry import Box
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

LEAST_SD_HU = 10.0
STRONGER = (1.0, 2.0)  # than the scan's own, of which smoothing leaves a tenth to a quarter
SIGMA = (0.4, 0.9)  # voxels within slices: neighbours correlate by 0.2 to 0.7,
ACROSS = (0.0, 0.4)  # and across them by so much
MEDIAN_VOXELS = 5  # of slices; what it takes away tells how strong the scan's own noise is
SMOOTH_VOXELS, PASSES = 9, 3  # of the guided filter, which takes it away where the scan varies no more than that


@dataclass(frozen=True)
class Planted:
    """A scan with known noise, and that noise, HU, on the part of the scan that has it."""

    volume: Volume
    noise: np.ndarray


def planted(volume: Volume, box: Box, seed: int) -> Planted:
    """Puts noise of known properties into a box of a scan; what is cut off in the scan stays cut off.

    Args:
        volume: The scan.
        box: Where.
        seed: Decides strength, grain and the noise itself.
    """
    rng = np.random.default_rng(seed)
    hu, across = volume.hu(box), 2 - int(np.argmax(volume.spacing[::-1]))
    known = hu > UNKNOWN_HU
    flat = np.array([axis != across for axis in range(3)])
    detail = hu - ndimage.median_filter(hu, np.where(flat, MEDIAN_VOXELS, 1))
    own = max(robust_sd(detail[known]), LEAST_SD_HU)
    clean = hu
    for _ in range(PASSES):
        clean = _guided(clean, known, own, np.where(flat, SMOOTH_VOXELS, 1))
    noise = _noise(hu.shape, np.where(flat, rng.uniform(*SIGMA, 3), 0), rng.uniform(*ACROSS), across, rng)
    noise *= rng.uniform(*STRONGER) * own / noise.std()
    made = np.clip(clean + noise, hu[known].min(initial=-1024), hu[known].max(initial=-1024))
    return Planted(volume.with_hu(box, made, known), noise.astype(np.float32))


def _guided(hu: np.ndarray, known: np.ndarray, sd: float, size: np.ndarray) -> np.ndarray:
    """The guided filter (He, Sun and Tang, 2013), its guide the image: means where it varies less than `sd`."""
    weight = np.maximum(ndimage.uniform_filter(known.astype(np.float64), size), 1e-6)

    def mean(image: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.uniform_filter(np.where(known, image, 0.0), size) / weight)

    level = mean(hu)
    varies = np.maximum(mean(np.square(hu, dtype=np.float64)) - np.square(level), 0)
    kept = varies / (varies + sd**2)
    return mean(kept) * hu + mean((1 - kept) * level)


def _noise(
    shape: tuple[int, ...], sigma: np.ndarray, correlation: float, across: int, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian noise with a grain within slices, of which neighbours have a correlation; alike up to its edges."""
    margin = np.where(sigma > 0, 4, 0)
    margin[across] = 1
    white = rng.normal(size=np.array(shape) + 2 * margin)
    grain = np.moveaxis(ndimage.gaussian_filter(white, sigma), across, -1)
    share = (1 - np.sqrt(1 - 4 * correlation**2)) / (2 * correlation) if correlation else 0.0
    mixed = np.moveaxis(grain[..., 1:] + share * grain[..., :-1], -1, across)
    inside = tuple(slice(edge, edge + size) for edge, size in zip(margin, shape, strict=True))
    return np.asarray(mixed[inside])
