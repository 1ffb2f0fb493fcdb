"""The organ's own border under a mask: what a lesion does not grow into, unless its text says so."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.geometry import tight_box
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import smoothed

FAT_HU = -100.0
SURELY_FAT_HU = -35.0  # smoothed; noise does not reach it in soft tissue
BONE_HU, PART_OF_BONE_HU, MARROW_MM = 300.0, 200.0, 4  # somewhere, and all over; a rib's cortex encloses twice that
FINE_MM, LEAST_DENSE = 0.5, 0.05  # a rib's cortex is thin; and this share of a bone has that HU
EDGE_HU = 50.0  # smoothed: how many HU a border's blur is read over, half-way between both sides
ABOVE_HU, BELOW_HU = 45.0, 35.0  # smoothed: how much brighter than the parenchyma a large vessel or the next organ is,
# and how much darker muscle, bile or bowel
CLEFT_MM, VESSEL_MM = 1, 4  # what is thinner than twice this is a cleft within the organ, or a vessel in it
LEAST_OUTSIDE_MM3 = {CLEFT_MM: 100, VESSEL_MM: 600}  # of it outside the mask: what is inside alone is to be replaced
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
    smooth = region.smooth
    fat = smooth < SURELY_FAT_HU
    near, none = region.depth > -beyond_mm, np.zeros(region.ct.shape, np.float32)
    beside_fat = (fat & near).any()
    # What dense voxels enclose is no farther from them than this: without any, bone need not be looked for.
    if not (beside_fat or (smooth[region.depth > -beyond_mm - MARROW_MM - 2] > PART_OF_BONE_HU).any()):
        return none
    bone = _bone(region, smooth)
    if not (beside_fat or (bone & near).any()):
        return none
    half_way = (min(region.parenchyma_hu, 150.0) + FAT_HU) / 2
    share = np.where(bone, 1, np.clip(0.5 + (half_way - smooth) / EDGE_HU, 0, 1)).astype(np.float32)
    return _where_large(share, bone | fat, region, beyond_mm, CLEFT_MM, bone)


def neighbours(region: Region, beyond_mm: float = 0.0, darker: bool = True) -> np.ndarray:
    """What under a mask is a large vessel, or brighter or darker than the organ, and goes on outside it.

    Not for kidneys, whose cortex is brighter than their medulla.

    Args:
        region: The neighbourhood of a lesion.
        beyond_mm: How far outside the mask it is told, too.
        darker: Whether what is darker is another organ: not in a pancreas, whose lobules lie in fat.

    Returns:
        As `beyond_organ`.
    """
    smooth = region.smooth
    found = np.zeros(region.ct.shape, np.float32)
    others = [smooth > region.parenchyma_hu + ABOVE_HU, smooth < region.parenchyma_hu - BELOW_HU]
    for other in others[: 1 + darker]:
        if (other & (region.depth > -beyond_mm)).any():
            found = np.maximum(found, _where_large(np.ones_like(smooth), other, region, beyond_mm, VESSEL_MM))
    return found


def _bone(region: Region, smooth: np.ndarray) -> np.ndarray:
    """Bone with its marrow, where it goes on outside the mask.

    Another rule than `placement`'s, on purpose. That one warns: it may take all that dense voxels enclose in a slice
    for marrow, bowel with contrast among it, and costs a sentence where it errs. What is bone here is left out of a
    lesion: an enhanced cortex of a kidney must not be, nor what a ring of dense vessels encloses.
    """
    pieces, count = ndimage.label(smooth > PART_OF_BONE_HU)
    if not count:
        return np.zeros(smooth.shape, bool)
    fine = smoothed(region.ct, FINE_MM, None)
    # Noise on a kidney's enhanced cortex reaches that HU in fewer voxels.
    dense = np.bincount(pieces[fine > BONE_HU], minlength=count + 1) > LEAST_DENSE * np.bincount(pieces.ravel())
    dense[0] = False
    if not dense.any():
        return np.zeros(smooth.shape, bool)
    wide = np.pad(dense[pieces], MARROW_MM, mode="edge")
    closed = ndimage.binary_closing(wide, iterations=MARROW_MM)[(slice(MARROW_MM, -MARROW_MM),) * 3]
    bones, count = ndimage.label(closed)
    # Outside the mask its cortex may be too thin to be seen.
    reaching = np.bincount(bones[region.depth < 1], minlength=count + 1) > 0
    reaching[0] = False
    return np.asarray(reaching[bones])


def _where_large(
    share: np.ndarray, apart: np.ndarray, region: Region, beyond_mm: float, thin_mm: int, sure: np.ndarray | None = None
) -> np.ndarray:
    """The share in and next to the pieces that are thick enough, or sure, and go on outside the mask; 0 elsewhere."""
    width = 2 * thin_mm
    opened = ndimage.binary_opening(np.pad(apart, width, mode="edge"), iterations=thin_mm)
    opened = opened[(slice(width, -width),) * 3]
    found = np.zeros(region.ct.shape, np.float32)
    wide = 2 if thin_mm == CLEFT_MM else 1
    if sure is None and not (opened & (region.depth > -beyond_mm - wide - 1)).any():
        return found
    pieces, count = ndimage.label(opened)
    outside = np.bincount(pieces[region.depth < 0], minlength=count + 1) >= LEAST_OUTSIDE_MM3[thin_mm]
    outside[0] = False
    core = outside[pieces] if sure is None else outside[pieces] | sure
    inside = region.depth > 0
    near = ndimage.binary_dilation(core, iterations=wide) & (region.depth > -beyond_mm)
    if not near.any() or np.count_nonzero(core & inside) > MOST_OF_MASK * np.count_nonzero(inside):
        return found
    box = tight_box(near)
    found[box] = share[box] * near[box]
    return found
