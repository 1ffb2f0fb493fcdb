"""The level of pure fat in a scan: the one tissue of the body that shows where an unknown scale lies to 25 HU.

Organs may have been given contrast, gas in bowel is mixed with what is around it; fat is neither. It is pure where it
is some size: beside organs, or in strands, it is blurred with them, and would show nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Array

PURE_HU = (-118.0, -78.0)  # of the fat of patients, by the scans and phases that this was tried on
LOOKED_AT_HU = (-220.0, -20.0)  # where fat would be, on a scale that may be none
DENSEST_HU = 300.0
SMOOTHING_MM = 1.5
STEEPEST = 12.0  # HU a mm: what is steeper is an edge
LEAST_VOXELS = 50
CUT_OFF = 0.002  # the share of a scan at its least value that is no chance
MOST_SPREAD_HU = 20.0  # of the middle half: what spreads farther is a mixture


def pure_fat_hu(hu: Array, known: Array, spacing: Array) -> float | None:
    """The median of flat places that may be fat.

    Args:
        hu: The scan, 3D.
        known: Boolean, of its shape: what is no padding.
        spacing: Voxel size in mm.

    Returns:
        HU; None where there is too little of it, or where it is mixed with other tissue.
    """
    from scipy import ndimage

    lowest = hu == hu[known].min() if known.any() else known
    if np.mean(lowest) > CUT_OFF:  # not measured, but cut off there
        known = known & ~lowest
    if not known.all():
        known = ndimage.binary_erosion(known)
    plane = np.where(spacing > 2 * spacing.min(), 0.0, 1.0)  # thick slices are not mixed
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), SMOOTHING_MM * plane / spacing)
    body = known & (smooth > LOOKED_AT_HU[0]) & (smooth < DENSEST_HU)
    fat = body & (smooth < LOOKED_AT_HU[1])
    if np.count_nonzero(fat) < LEAST_VOXELS:
        return None
    along = [axis for axis in range(3) if plane[axis] and hu.shape[axis] > 1]
    steep = np.sqrt(sum(np.square(np.gradient(smooth, spacing[axis], axis=axis)) for axis in along))
    steep = ndimage.maximum_filter(steep, [3 if part else 1 for part in plane])
    values = smooth[fat & (steep < min(float(np.median(steep[body])), STEEPEST))]
    if values.size < LEAST_VOXELS:
        return None
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(middle) if high - low < MOST_SPREAD_HU else None
