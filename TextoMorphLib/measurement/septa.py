"""Septa, measured: thin sheets that are brighter than what lies on both sides of them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SIGMA_MM = 1.3  # at which a scan's curvature is looked at: about a septum's thickness
PLATE = 0.35  # the curvature of a sheet of 2 to 3 mm at this sigma, relative to its height
SEPTA, NOISE = 0.95, 0.9  # quantiles: septa are a small part of a lesion, and noise is told without vessels


def septa_hu(scan: np.ndarray, interior: np.ndarray, healthy: np.ndarray, tissue: np.ndarray) -> float:
    """How far septa stand out of a lesion's body.

    The curvature of a sheet is large across it and small along it (Sato et al., 2000, "Tissue classification based on
    3D local intensity structures"), which tells it from patches, grain and nodules.

    Args:
        scan: HU, on a 1 mm grid.
        interior: Boolean, of the same shape: the lesion without its wall.
        healthy: The scan before, HU.
        tissue: Boolean, of the same shape: plain parenchyma in it, for what noise alone gives.

    Returns:
        HU, 0 where there is nothing but noise; NaN for a lesion too small to have septa.
    """
    if not interior.any() or not tissue.any():
        return float("nan")
    found = np.quantile(_sheets(scan, interior), SEPTA) - np.quantile(_sheets(healthy, tissue), NOISE)
    return max(float(found), 0.0) / PLATE


def _sheets(scan: np.ndarray, where: np.ndarray) -> np.ndarray:
    """How strong a bright sheet there is at each of some voxels."""
    curvature = np.empty((np.count_nonzero(where), 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            order = np.bincount([i, j], minlength=3)
            curvature[:, i, j] = curvature[:, j, i] = ndimage.gaussian_filter(scan, SIGMA_MM, order)[where]
    across, first, second = np.linalg.eigvalsh(curvature * SIGMA_MM**2).T
    along = np.maximum(np.abs(first), np.abs(second))
    return np.where(across < 0, -across * np.clip(1 - along / np.maximum(-across, 1e-6), 0, 1), 0)
