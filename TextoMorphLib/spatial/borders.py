"""The organ's own border under a mask: fat, gas and bone that a lesion does not grow into."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.geometry import tight_box
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import parenchyma_hu, smoothed

SMOOTHING_MM = 1.0
FAT_HU = -100.0
SURELY_FAT_HU = -35.0  # smoothed; noise does not reach it in soft tissue
BONE_HU = 300.0
EDGE_HU = 50.0  # smoothed: how many HU the border's blur is read over, half-way between fat and parenchyma
THIN_MM = 1  # what is thinner than twice this is a cleft within the organ, or noise
LEAST_OUTSIDE_MM3 = 100  # how much of it lies outside the mask: what is inside alone is the lesion's to replace
MOST_OF_MASK = 0.65  # where so much of a mask is not of the organ, the mask is taken for what is meant


def beyond_organ(region: Region, beyond_mm: float = 0.0) -> np.ndarray:
    """What under a mask is fat, gas or bone that goes on outside it.

    Args:
        region: The neighbourhood of a lesion.
        beyond_mm: How far outside the mask it is told, too.

    Returns:
        Each voxel's share of it, 0 to 1, float32; 0 farther outside the mask. 0 everywhere where it is most of the
        mask: then the lesion is meant to lie there.
    """
    share = np.zeros(region.ct.shape, np.float32)
    smooth = smoothed(region.ct, SMOOTHING_MM, None)
    apart = (smooth < SURELY_FAT_HU) | (smooth > BONE_HU)
    there = region.depth > -beyond_mm
    if not (apart & there).any():
        return share
    apart = ndimage.binary_opening(np.pad(apart, 2, mode="edge"), iterations=THIN_MM)[2:-2, 2:-2, 2:-2]
    pieces, _ = ndimage.label(apart)
    outside = np.bincount(pieces[region.depth < 0], minlength=pieces.max() + 1) >= LEAST_OUTSIDE_MM3
    outside[0] = False
    core = outside[pieces]
    inside = region.depth > 0
    if np.count_nonzero(core & inside) > MOST_OF_MASK * np.count_nonzero(inside):
        return share
    near = ndimage.binary_dilation(core, iterations=2) & there
    if not near.any():
        return share
    box = tight_box(near)
    half_way = (min(parenchyma_hu(region.ct, region.depth, region.usable), 150.0) + FAT_HU) / 2
    fat = np.clip(0.5 + (half_way - smooth[box]) / EDGE_HU, 0, 1)
    share[box] = np.where(smooth[box] > BONE_HU, 1, fat) * near[box]
    return share
