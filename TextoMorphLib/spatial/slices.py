"""A scan as a stack of slices: its low pass in the plane, depth in the plane, and noise around a lesion.

What a texture network learns from and what it is shown later is computed here, once for both. Arrays have their slices
along the last axis.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SOFT_HU = (-20.0, 220.0)
AROUND_MM = (1.5, 15.0)  # outside the mask, where noise is looked at
GRAIN_MM = 2.2  # sigma of the Gaussian that takes anatomy for the rest
LOCAL_MM, QUIET = 3.0, 0.3
LEAST_VOXELS = 60
USUAL_NOISE_HU, USUAL_GRAIN_HU = 11.0, 5.0


def slice_axis(affine: np.ndarray) -> int:
    """The axis across a scan's slices: the one of the longest voxels, of equal ones the most cranial."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    cranial = np.abs(affine[2, :3]) / spacing
    return int(np.argmax(np.round(spacing / spacing.max(), 1) + 0.01 * cranial))


def low_pass(hu: np.ndarray, known: np.ndarray, spacing: np.ndarray, sigma_mm: float) -> np.ndarray:
    """A Gaussian in the plane over known voxels alone.

    Args:
        hu: [h, w, slices].
        known: Boolean, of the same shape.
        spacing: Of the first two axes, mm.
        sigma_mm: Of the Gaussian.

    Returns:
        HU, float32; where nothing known is near, 0.
    """
    sigma = (*(sigma_mm / spacing[:2]), 0)
    weight = ndimage.gaussian_filter(known.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(known, hu, np.float32(0)).astype(np.float32), sigma)
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), np.float32(0))


def depth_in_plane(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Signed distance to the mask's border in each slice, mm, positive inside; -99 in slices without mask."""
    depth = np.full(mask.shape, -99.0, np.float32)
    half = float(np.mean(spacing[:2])) / 2
    for number in np.flatnonzero(mask.any(axis=(0, 1))):
        inside = np.pad(mask[:, :, number], 1)
        within = ndimage.distance_transform_edt(inside, sampling=spacing[:2])[1:-1, 1:-1]
        outside = ndimage.distance_transform_edt(~mask[:, :, number], sampling=spacing[:2])
        depth[:, :, number] = np.where(within > 0, within - half, half - outside)
    return depth


def noise_and_grain(
    hu: np.ndarray, known: np.ndarray, depth: np.ndarray, spacing: np.ndarray, sigma_mm: float
) -> tuple[float, float]:
    """Standard deviations of what is quiet around a lesion: finer than a low pass, and coarser up to `GRAIN_MM`.

    Args:
        hu: [h, w, slices].
        known: Boolean, of the same shape.
        depth: As `depth_in_plane` returns it.
        spacing: Of the first two axes, mm.
        sigma_mm: Of the low pass.

    Returns:
        Both in HU; usual values where there is too little soft tissue.
    """
    low = low_pass(hu, known, spacing, sigma_mm)
    soft = known & (low > SOFT_HU[0]) & (low < SOFT_HU[1])
    where = soft & (depth < -AROUND_MM[0]) & (depth > -AROUND_MM[1])
    if np.count_nonzero(where) < LEAST_VOXELS:
        return USUAL_NOISE_HU, USUAL_GRAIN_HU
    coarse = low_pass(low, soft, spacing, GRAIN_MM)
    return _quiet(hu - low, soft, where, spacing), _quiet(low - coarse, soft, where, spacing)


def _quiet(values: np.ndarray, soft: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> float:
    """The local root mean square that `QUIET` of the places stay under: edges and fat lobules are at the others."""
    squares = low_pass(np.square(values), soft, spacing, LOCAL_MM)
    return float(np.sqrt(np.quantile(squares[where], QUIET)))
