"""A lesion's own outline, measured against its mask's: lobes and spicules, where it differs enough from what is around.

At each point of the mask's border the thickness of what is of the lesion's HU, within 4 mm of it, says how far out the
lesion reaches there. How that varies along the border, coarsely and finely, tells lobes from spicules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.geometry import tight_box

LEAST_CONTRAST_HU = 10.0
BAND_MM = 4.0
COARSE, LEAST_COARSE_MM = 0.16, 1.8  # sigma along the border, in units of the deepest point's depth
FINE_MM = 0.8


@dataclass(frozen=True)
class Outline:
    """How a lesion's outline departs from its mask's; NaN without contrast.

    Attributes:
        lobulation_mm: Standard deviation along the border of how far out the lesion reaches, coarsely.
        spiculation_mm: The same of what is finer than that, beside what noise gives.
    """

    lobulation_mm: float
    spiculation_mm: float


def outline(change: np.ndarray, depth: np.ndarray, seen: np.ndarray) -> Outline:
    """Measures an outline.

    Args:
        change: Lesion minus what was there before, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border, mm, positive inside.
        seen: Boolean, of the same shape: where the change may be looked at.
    """
    nothing = Outline(float("nan"), float("nan"))
    deepest = float(depth.max())
    outer = seen & (depth > min(2.0, 0.3 * deepest)) & (depth < max(0.5 * deepest, 3.0))
    contrast_hu = float(np.median(change[outer])) if outer.any() else 0.0
    if abs(contrast_hu) < LEAST_CONTRAST_HU:
        return nothing
    box = tight_box(depth > -BAND_MM - 4)
    depth, seen = depth[box], seen[box]
    band = seen & (np.abs(depth) <= BAND_MM)
    share = np.clip(ndimage.gaussian_filter(change[box], 0.6) / contrast_hu, -0.5, 1.5)
    border = np.abs(depth) < 0.75
    if np.count_nonzero(border) < 50:
        return nothing
    # Over the depth first: what varies across the border is not of it.
    reach = _along(np.where(band, share - (depth > 0), 0), band, depth)
    sigma = max(COARSE * deepest, LEAST_COARSE_MM)
    coarse = _smoothed(reach, border, sigma)
    fine = _smoothed(reach, border, FINE_MM) - coarse
    return Outline(float(coarse[border].std()), float(fine[border].std()))


def _along(values: np.ndarray, band: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """At each voxel of the border, the sum of what lies above and below it, per voxel of the border."""
    border = np.abs(depth) < 0.75
    nearest = ndimage.distance_transform_edt(~border, return_distances=False, return_indices=True)
    flat = np.ravel_multi_index(tuple(nearest), depth.shape)[band]
    total = np.bincount(flat, values[band], minlength=depth.size).reshape(depth.shape)
    return np.where(border, total, 0)


def _smoothed(values: np.ndarray, border: np.ndarray, sigma: float) -> np.ndarray:
    """Smoothed along the border, per mm2 of it."""
    weight = ndimage.gaussian_filter(border.astype(np.float32), sigma)
    return ndimage.gaussian_filter(np.where(border, values, 0).astype(np.float32), sigma) / np.maximum(weight, 1e-4)
