"""What the healthy tissue in and around a mask is like.

The parenchyma's HU is the reference of every contrast in TextoMorph: the renderers, the model's training data and
the measurements all take it from here, so that "-40 HU" means one thing.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

UNKNOWN_HU = -1200.0  # what is darker than air is no voxel of the scan: padding, or the outside of a crop
SOFT_TISSUE_HU = (-40.0, 260.0)  # excludes fat, lung and bone, keeps enhanced organs
NEIGHBOURHOOD_MM = 6.0
FARTHER_MM = 9.0  # likewise, where less of that is usable than
LEAST_USABLE = 0.6  # this share;
# A mask holds a tumour already if most of it is another tissue than around it (told on real tumours of the pancreas
# and on healthy organs): they are at least so far apart, the inner one is neither fat nor blurred with it,
LEAST_APART_HU, LEAST_INSIDE_HU = 20.0, -10.0
MOST_ALIKE, MOST_INSIDE = 0.4, 0.1  # and so little of each lies on the other side
AS_COMMON, VALLEY = 0.45, 0.9  # the second of two tissues, relative to the first; and what lies between, to that
BLURRED_MM = 2.0  # outside a mask, over which a tumour is blurred with what is around it
LEAST_ORGAN_MM3 = 500.0  # of an organ, to know its level
LEAST_VOXELS = 200  # and where there are fewer usable voxels than this, wherever there are any
SMOOTHING_MM = 1.5
# What is so much darker than the brightest fifth of an organ is fat, a duct or a cyst, or blurred with one: so far.
MIXED_HU, MIXED_MM = 45.0, 2.0
FATTY_HU = 20.0  # what of an organ is darker than this is no tissue of its own in any phase
BRIGHTEST = 80  # percentile
MOST_SPREAD_HU = 20.0  # in which half of it lies, smoothed, if it is of one kind
SPREAD_HU = 8.0  # how far tissue of one kind spreads once it is smoothed
INSIDE_COUNTS = 3.0  # how much more what lies in the mask counts than what lies around it


def lifted(hu: np.ndarray, lowest_hu: float, softly_hu: float) -> np.ndarray:
    """How much HU have to rise for none to stay under a floor; softly, so that what was darker stays so near it."""
    return np.asarray(softly_hu * np.logaddexp(0, (lowest_hu - hu) / softly_hu))


def neighbourhood(depth: np.ndarray, usable: np.ndarray | None) -> np.ndarray:
    """Where healthy tissue is looked at: in a mask and 6 mm around it, or 9 mm where much of that tells nothing.

    Args:
        depth: Signed distance to the mask's border in mm, positive inside.
        usable: Boolean, of the same shape: where what is seen may be healthy; None for everywhere.
    """
    near = depth > -NEIGHBOURHOOD_MM
    if usable is None:
        return near
    if np.count_nonzero(near & usable) < LEAST_USABLE * np.count_nonzero(near):
        near = depth > -FARTHER_MM
    if np.count_nonzero(near & usable) < LEAST_VOXELS:
        return _or(usable, near)
    return np.asarray(near & usable)


def smoothed(ct: np.ndarray, sigma: float, usable: np.ndarray | None) -> np.ndarray:
    """A scan smoothed by a Gaussian of a sigma in voxels; what is not usable does not blur into what is."""
    if usable is None:
        return np.asarray(ndimage.gaussian_filter(ct, sigma))
    weight = ndimage.gaussian_filter(usable.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(usable, ct, np.float32(0)), sigma)
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), ct)


def parenchyma_hu(ct: np.ndarray, depth: np.ndarray, usable: np.ndarray | None = None) -> float:
    """HU of the healthy parenchyma that a lesion replaces: the commonest soft tissue in the mask and 6 mm around it.

    A median would be drawn towards the fat that lies around a small organ and blurs with it. Where the organ's mask is
    known, `organ_hu` says it.

    Args:
        ct: Scan, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, positive inside.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere.

    Returns:
        HU. Where there is no soft tissue at all (lung, fat), the commonest of what is there.
    """
    near = neighbourhood(depth, usable)
    smooth = smoothed(ct, SMOOTHING_MM, usable)
    low, high = SOFT_TISSUE_HU
    tissue = _or(near & (smooth > low) & (smooth < high), near)
    values = smooth[tissue]
    weights = np.where(depth[tissue] > 0, INSIDE_COUNTS, 1.0)
    commonest = _commonest(values, weights)
    return float(np.median(ct[tissue][np.abs(values - commonest) < 2.5 * SPREAD_HU]))


def organ_hu(ct: np.ndarray, organ: np.ndarray, spacing: np.ndarray) -> float | None:
    """HU of an organ's healthy tissue: the median of its soft tissue, away from fat where there is so much of it.

    Args:
        ct: Scan, HU.
        organ: Boolean, of the same shape: the organ without its lesions.
        spacing: Voxel size in mm.

    Returns:
        HU; None where too little of the organ is soft tissue.
    """
    for tissue in reversed(_soft(ct, organ, spacing)):
        if np.count_nonzero(tissue) * np.prod(spacing) >= LEAST_ORGAN_MM3:
            return float(np.median(ct[tissue]))
    return None


def apart_from_fat(ct: np.ndarray, organ: np.ndarray, spacing: np.ndarray) -> bool:
    """Whether an organ has so much tissue away from fat that `organ_hu`, which takes the same, is its own level."""
    return bool(np.count_nonzero(_soft(ct, organ, spacing)[1]) * np.prod(spacing) >= LEAST_ORGAN_MM3)


def _soft(ct: np.ndarray, organ: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An organ's soft tissue, and what of it is away from fat."""
    per_mm = np.where(spacing > 2 * spacing.min(), 0, 1 / spacing)  # thick slices are not mixed
    sigma = SMOOTHING_MM * per_mm
    weight = ndimage.gaussian_filter(organ.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(organ, ct, np.float32(0)), sigma) / np.maximum(weight, 1e-3)
    soft = organ & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    width = 2 * np.rint(MIXED_MM * per_mm).astype(int) + 1
    return soft, soft & ~ndimage.maximum_filter(organ & (smooth < FATTY_HU), width)


def lean(ct: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """Where an organ is its own tissue, neither fat between its lobules nor blurred with that.

    Args:
        ct: Scan, HU, on a 1 mm grid.
        organ: Boolean, of the same shape: its healthy part.

    Returns:
        Boolean, of the same shape.
    """
    if not organ.any():
        return organ
    smooth = smoothed(ct, 1.0, organ)
    dark = organ & (smooth < np.percentile(smooth[organ], BRIGHTEST) - MIXED_HU)
    return np.asarray(organ & (ndimage.distance_transform_edt(~dark) > MIXED_MM)) if dark.any() else organ


def spread_hu(ct: np.ndarray, organ: np.ndarray, own: np.ndarray) -> float:
    """In how many HU half of an organ's own tissue lies, smoothed: over `MOST_SPREAD_HU` it is not of one kind.

    Args:
        ct: Scan, HU, on a 1 mm grid.
        organ: Boolean, of the same shape: its healthy part.
        own: Likewise, what `lean` makes of it; not empty.
    """
    low, high = np.percentile(smoothed(ct, SMOOTHING_MM, organ)[own], (25, 75))
    return float(high - low)


def two_tissues(ct: np.ndarray, depth: np.ndarray, usable: np.ndarray | None = None) -> tuple[float, float] | None:
    """Whether two soft tissues lie around a mask, of which the second is nearly as common as the first.

    Args:
        ct: Scan, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, positive inside.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere.

    Returns:
        HU of both, the commoner first; None if one stands alone.
    """
    around = (depth < -BLURRED_MM) & (depth > -FARTHER_MM)
    if usable is not None:
        around &= usable
    values = smoothed(ct, SMOOTHING_MM, usable)[around]
    values = values[(values > SOFT_TISSUE_HU[0]) & (values < SOFT_TISSUE_HU[1])]
    if values.size < LEAST_VOXELS:
        return None
    bins, count = _histogram(values, np.ones(values.size))
    first = int(count.argmax())
    other = np.where(np.abs(bins - bins[first]) >= LEAST_APART_HU, count, 0)
    second = int(other.argmax())
    between = count[min(first, second) : max(first, second) + 1].min()
    if other[second] < AS_COMMON * count[first] or between > VALLEY * other[second]:
        return None
    return float(bins[first] + 0.5), float(bins[second] + 0.5)


def unlike_around(ct: np.ndarray, depth: np.ndarray, usable: np.ndarray | None = None) -> tuple[float, float] | None:
    """Whether what a mask holds is another tissue than what lies around it, as a tumour is that is there already.

    Noise is smoothed away; organs that end within the mask, or tissues side by side, are found on both sides of its
    border, and count for nothing.

    Args:
        ct: Scan, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, positive inside.
        usable: Boolean, of the same shape: where the scan is looked at; None for everywhere.

    Returns:
        HU inside and around it; None where the same tissue is on both sides, or too little to tell.
    """
    smooth = smoothed(ct, SMOOTHING_MM, usable)
    soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    if usable is not None:
        soft &= usable
    within, around = (
        smooth[soft & zone] for zone in (depth > min(2.0, 0.3 * depth.max()), (depth < -2) & (depth > -FARTHER_MM))
    )
    if min(within.size, around.size) < LEAST_VOXELS:
        return None
    inside, outside = (_commonest(values, np.ones(values.size)) for values in (within, around))
    apart = abs(inside - outside)
    alike = np.mean(np.abs(around - inside) < apart / 2)
    also_inside = np.mean(np.abs(within - outside) < apart / 2)
    if inside < LEAST_INSIDE_HU or apart < LEAST_APART_HU or alike > MOST_ALIKE or also_inside > MOST_INSIDE:
        return None
    return inside, outside


def _commonest(values: np.ndarray, weights: np.ndarray) -> float:
    """The highest point of a smoothed histogram."""
    bins, count = _histogram(values, weights)
    return float(bins[count.argmax()] + 0.5)


def _histogram(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins of 1 HU by their lower ends, and how much lies in each, smoothed."""
    bins = np.arange(np.floor(values.min()), np.ceil(values.max()) + 2)
    count, _ = np.histogram(values, bins, weights=weights)
    return bins[:-1], ndimage.gaussian_filter1d(count.astype(float), SPREAD_HU, mode="constant")


def _or(some: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    return some if some.any() else fallback
