"""Septa, measured: thin sheets that are brighter than what lies on both sides of them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.geometry import grow, tight_box

SIGMA_MM = 1.3  # at which a scan's curvature is looked at: about a septum's thickness
PLATE = 0.35  # the curvature of a sheet of 2 to 3 mm at this sigma, relative to its height
REACH = 5  # voxels, beyond which a scan's curvature does not see
ENOUGH_VOXELS, LEAST_TISSUE = 4000, 500
MIDDLE_MM = 40
EDGE = 3  # voxels
SEPTA, NOISE = 0.95, 0.9  # quantiles: septa are a small part of a lesion, and noise is told without vessels


def septa_hu(scan: np.ndarray, interior: np.ndarray, noise_hu: float) -> float:
    """How far septa stand out of a lesion's body.

    The curvature of a sheet is large across it and small along it (Sato et al., 2000, "Tissue classification based on
    3D local intensity structures"), which tells it from patches, grain and nodules.

    Args:
        scan: HU, on a 1 mm grid.
        interior: Boolean, of the same shape: the lesion without its wall.
        noise_hu: What noise alone gives, as `noise_sheets_hu` returns it.

    Returns:
        HU, 0 where there is nothing but noise; NaN for a lesion too small to have septa.
    """
    if not interior.any():
        return float("nan")
    curvature = _curvature(scan, interior)
    # Noise gives dark sheets as well as bright ones; healthy tissue may have vessels, or a cortex.
    noise = min(noise_hu, float(np.quantile(_sheets(-curvature), SEPTA)))
    return max(float(np.quantile(_sheets(curvature), SEPTA)) - noise, 0.0) / PLATE


def noise_sheets_hu(healthy: np.ndarray, tissue: np.ndarray) -> float:
    """How strong sheets noise alone gives in plain parenchyma, HU.

    Args:
        healthy: The scan before, HU, on a 1 mm grid.
        tissue: Boolean, of the same shape, not empty: plain parenchyma in it.
    """
    return float(np.quantile(_sheets(_curvature(healthy, _middle(_deep(tissue)))), NOISE))


def _curvature(scan: np.ndarray, where: np.ndarray) -> np.ndarray:
    """[N, 3, 3], HU: second derivatives of the smoothed scan at some voxels; at every n-th where they are many."""
    box = grow(tight_box(where), np.full(3, REACH), scan.shape)
    scan, at = scan[box], np.flatnonzero(where[box])
    at = at[:: max(len(at) // ENOUGH_VOXELS, 1)]
    curvature = np.empty((len(at), 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            order = np.bincount([i, j], minlength=3)
            curvature[:, i, j] = curvature[:, j, i] = ndimage.gaussian_filter(scan, SIGMA_MM, order).ravel()[at]
    return curvature * SIGMA_MM**2


def _sheets(curvature: np.ndarray) -> np.ndarray:
    """How strong a bright sheet there is at each of some voxels, HU."""
    across, first, second = np.linalg.eigvalsh(curvature).T
    along = np.maximum(np.abs(first), np.abs(second))
    return np.where(across < 0, -across * np.clip(1 - along / np.maximum(-across, 1e-6), 0, 1), 0)


def _deep(tissue: np.ndarray) -> np.ndarray:
    """What of a tissue lies away from its borders, which curve as septa do, if that is enough to tell noise from."""
    deep = ndimage.binary_erosion(tissue, iterations=EDGE)
    return deep if np.count_nonzero(deep) >= LEAST_TISSUE else tissue


def _middle(tissue: np.ndarray) -> np.ndarray:
    """What of a tissue lies in the middle of the region, if that is enough to tell noise from."""
    middle = np.zeros_like(tissue)
    part = tuple(slice(max(size // 2 - MIDDLE_MM // 2, 0), size // 2 + MIDDLE_MM // 2) for size in tissue.shape)
    middle[part] = tissue[part]
    return middle if np.count_nonzero(middle) >= LEAST_TISSUE else tissue
