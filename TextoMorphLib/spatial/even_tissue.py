"""The nearest tissue around a lesion in which all there is to see is the scan's noise.

Two ways to tell it. Even patches: what is left of a patch once noise is smoothed away hardly varies; large organs have
many, and what they tell of the noise is not biased by their choice. Flat and quiet tissue: away from steep places, and
no noisier than where the scan is quietest; small crops have it where no whole patch is even, and trabecular bone or a
kidney's cortex, which may be even and are no noise, show against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.geometry import Box, grow, tight_box
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU, UNKNOWN_HU

SMOOTHING_MM = 2.0  # edges and vessels are told from noise in the scan smoothed by this
FEW_VOXELS = 500  # enough to estimate noise from
# What varies slower than this is anatomy; where even tissue is scarce, it is less even, and more of it is.
TREND_MM, SCARCE_TREND_MM = 10.0, 6.0
SCARCE_VOXELS = 3000
# Even patches: of this size, varying so little, relative to the noise that smoothing takes away; the next where few;
EVEN_PATCH_MM = 12.0
UNEVEN = (0.35, 0.5)
NOISIEST = 1.25  # relative to the quietest third of them
# Flat tissue: gradients (mean squares over 3 mm) relative to the flattest places; the next where there is too little;
STEEP = (2.0, 3.0, 4.5, np.inf)
NARROW_MM = 3.0  # what is narrower does not count.
# Quiet tissue: over patches of this size, of which flat tissue covers so much at least,
PATCH_MM = 10.0
LEAST_COVER = 0.3
QUIETEST, LOUD = 0.05, 1.25  # no louder than in this share of the places,
USUAL = 1.15  # and then than is usual where it is so: not the quietest places alone.
LOUDER = 1.2  # even patches that are so much louder than quiet tissue have a texture of their own,
SAMPLED_VOXELS = 250_000  # which so much of a scan tells as well as all of it
CUT_OFF, MOST_CUT = 0.002, 0.05  # the share of a scan at its largest or least value that is no chance; of what is used
TISSUES_HU = (SOFT_TISSUE_HU, (-150.0, 260.0), (-200.0, 400.0), (UNKNOWN_HU, np.inf))  # the next where there is less
NEAR_MM = 10.0  # how far around the mask it is looked for first,
ENOUGH_VOXELS, WANTED_VOXELS = 1500, 4000  # where there is so much; as many are taken from farther away


def even(
    ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray, usable: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds it.

    Args:
        ct: HU on a part of the scan's own grid.
        mask: Boolean, of the same shape, not empty: what it should be near to.
        spacing: Voxel size in mm.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere. Noise is the scan's:
            where too little is even there, as in a crop that a tumour fills, all that is even counts.

    Returns:
        Where it is, the scan minus its trend there, HU, and where the scan's noise is whole, neither padded nor cut
        off; all of the scan's shape.
    """
    per_mm = _per_mm(spacing)
    known = _measured(ct, per_mm)
    ct = np.where(ct > UNKNOWN_HU, ct, np.float32(0))
    smooth = _mean(ct, known, SMOOTHING_MM * per_mm)
    chosen = _even_patches(ct, known, smooth, per_mm)
    if np.count_nonzero(chosen) < FEW_VOXELS or _have_texture(chosen, ct, known, smooth, spacing):
        chosen = _flat_and_quiet(ct, known, smooth, spacing)
    if usable is not None:
        healthy = chosen & usable
        if int(healthy.sum()) >= min(ENOUGH_VOXELS, int(chosen.sum())):
            chosen = healthy
    chosen = _nearest(chosen, mask, spacing)
    scarce = np.count_nonzero(chosen) < SCARCE_VOXELS
    residual = ct - _trend(ct, chosen, per_mm, SCARCE_TREND_MM if scarce else TREND_MM)
    return chosen & _usual(residual, chosen, 4), residual, known


def across(spacing: np.ndarray) -> int:
    """The axis across slices: the one with the largest steps, the last of several."""
    return 2 - int(np.argmax(spacing[::-1]))


def thick(spacing: np.ndarray) -> bool:
    """Whether slices are so thick that nothing is smoothed across them."""
    return bool(spacing.max() > 2 * spacing.min())


def robust_sd(values: np.ndarray) -> float:
    """The standard deviation that a Gaussian with the same median absolute deviation has; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0


def _per_mm(spacing: np.ndarray) -> np.ndarray:
    """Voxels a mm along each axis; 0 across thick slices, which are not mixed."""
    per_mm = 1 / spacing
    if thick(spacing):
        per_mm[across(spacing)] = 0
    return per_mm


def _measured(ct: np.ndarray, per_mm: np.ndarray) -> np.ndarray:
    """What is no padding, and not cut off at the ends of a scan's range, where noise is gone."""
    known = ct > UNKNOWN_HU
    if not known.any():
        return known
    seen = ct[known]
    ends = [end for end in (seen.min(), seen.max()) if np.mean(seen == end) > CUT_OFF]
    if ends:
        known &= ndimage.uniform_filter(np.isin(ct, ends).astype(np.float32), _voxels(NARROW_MM, per_mm)) < MOST_CUT
    return known


def _even_patches(ct: np.ndarray, known: np.ndarray, smooth: np.ndarray, per_mm: np.ndarray) -> np.ndarray:
    """The middles of patches of soft tissue that are even, and no noisier than most of them."""
    size = _voxels(EVEN_PATCH_MM, per_mm)
    varies = ndimage.uniform_filter(np.square(smooth), size) - np.square(ndimage.uniform_filter(smooth, size))
    detail = ndimage.uniform_filter(np.square(ct - smooth), size)
    uneven = np.sqrt(np.maximum(varies, 0) / np.maximum(detail, 1e-3))
    soft = known & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    if not known.all():
        soft &= ndimage.uniform_filter(known.astype(np.float32), size) > 0.9
    chosen = soft
    for limit in UNEVEN:
        chosen = soft & (uneven <= limit)
        if chosen.any():
            chosen &= detail <= NOISIEST**2 * np.quantile(detail[chosen], 0.3)
        chosen = soft & ndimage.maximum_filter(chosen, np.maximum(size // 3, 1))
        if np.count_nonzero(chosen) >= FEW_VOXELS:
            break
    return chosen


def _have_texture(
    patches: np.ndarray, ct: np.ndarray, known: np.ndarray, smooth: np.ndarray, spacing: np.ndarray
) -> bool:
    """Whether even patches are so loud that they have a texture of their own; of a large scan, some slices tell."""
    axis = across(spacing)
    step = np.ones(3, int)
    step[axis] = np.clip(ct.size // SAMPLED_VOXELS, 1, ct.shape[axis])
    i, j, k = (slice(None, None, each) for each in step)
    hu, here, mean = (np.ascontiguousarray(each[i, j, k]) for each in (ct, known, smooth))
    quiet = _flat_and_quiet(hu, here, mean, spacing * step)
    if np.count_nonzero(quiet) < FEW_VOXELS:
        return False
    loudness = np.square(ct[patches] - smooth[patches]).mean()
    return bool(loudness > LOUDER**2 * np.square(hu[quiet] - mean[quiet]).mean())


def _flat_and_quiet(ct: np.ndarray, known: np.ndarray, smooth: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Soft tissue away from steep places and no noisier than the quietest; other tissue where there is little of it.

    All that is known where no tissue has enough.
    """
    per_mm = _per_mm(spacing)
    along = [axis for axis in range(3) if per_mm[axis] and ct.shape[axis] > 1]
    steep = sum((np.square(np.gradient(smooth, spacing[axis], axis=axis)) for axis in along), np.zeros_like(smooth))
    steep = ndimage.uniform_filter(steep, _voxels(NARROW_MM, per_mm))
    for low, high in TISSUES_HU:
        tissue = known & (smooth > low) & (smooth < high)
        if np.count_nonzero(tissue) < FEW_VOXELS:
            continue
        flattest = np.quantile(ndimage.uniform_filter(steep, _voxels(PATCH_MM, per_mm))[tissue], QUIETEST)
        for limit in STEEP:
            flat = tissue & (steep <= limit**2 * flattest) if np.isfinite(limit) else tissue
            chosen = _quiet(ct, ndimage.binary_opening(flat, np.ones(_voxels(NARROW_MM, per_mm))), per_mm)
            if np.count_nonzero(chosen) >= FEW_VOXELS:
                return chosen
    return known


def _quiet(ct: np.ndarray, flat: np.ndarray, per_mm: np.ndarray) -> np.ndarray:
    """Where flat tissue is about as quiet as it is anywhere; nowhere if there is too little of it."""
    patch = _voxels(PATCH_MM, per_mm)
    cover = ndimage.uniform_filter(flat.astype(np.float32), patch)
    square = np.where(flat, np.square(ct - _trend(ct, flat, per_mm)), np.float32(0))
    energy = ndimage.uniform_filter(square, patch) / np.maximum(cover, 1e-3)
    flat = flat & (cover > LEAST_COVER)
    if np.count_nonzero(flat) < FEW_VOXELS:
        return np.zeros_like(flat)
    chosen = flat & (energy <= LOUD**2 * np.quantile(energy[flat], QUIETEST))
    for _ in range(4):
        chosen = flat & (energy <= USUAL**2 * np.median(energy[chosen]))
    return chosen


def _nearest(tissue: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What of a tissue is near a mask, or nearest to it."""
    box = grow(tight_box(mask), np.ceil(NEAR_MM / spacing), mask.shape)
    near = np.zeros_like(tissue)
    near[box] = tissue[box] & (ndimage.distance_transform_edt(~mask[box], sampling=spacing) < NEAR_MM)
    if np.count_nonzero(near) >= ENOUGH_VOXELS:
        return near
    if np.count_nonzero(tissue) <= WANTED_VOXELS:
        return tissue
    away = ndimage.distance_transform_edt(~mask, sampling=spacing)
    return np.asarray(tissue & (away <= np.partition(away[tissue], WANTED_VOXELS)[WANTED_VOXELS]))


def _mean(ct: np.ndarray, where: np.ndarray, sigma: np.ndarray, mode: Sequence[str] | str = "reflect") -> np.ndarray:
    """The mean around each voxel of what lies at some places; 0 where none of them is near."""
    if where.all():
        return np.asarray(ndimage.gaussian_filter(ct, sigma, mode=mode, truncate=3))
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma, mode=mode, truncate=3)
    total = ndimage.gaussian_filter(np.where(where, ct, np.float32(0)), sigma, mode=mode, truncate=3)
    return np.asarray(total / np.maximum(weight, 1e-3))


def _trend(ct: np.ndarray, where: np.ndarray, per_mm: np.ndarray, sigma_mm: float = TREND_MM) -> np.ndarray:
    """What of the scan varies slowly at some places, there; 0 far from them."""
    trend = np.zeros_like(ct)
    if where.any():
        sigma = sigma_mm * per_mm
        box, mode = _alone(where, np.ceil(3 * sigma))
        trend[box] = _mean(ct[box], where[box], sigma, mode)
    return trend


def _alone(where: np.ndarray, reach: np.ndarray) -> tuple[Box, list[str]]:
    """The box of some places, outside of which is nothing that a filter of a reach would see, and its modes there.

    Along an axis on which the array's edge mirrors them into that reach, all of it.
    """
    box, mode = [], []
    for part, size, far in zip(tight_box(where), where.shape, reach, strict=True):
        mirrored = 2 * min(part.start, size - part.stop) < far
        box.append(slice(0, size) if mirrored else part)
        mode.append("reflect" if mirrored else "constant")
    return (box[0], box[1], box[2]), mode


def _voxels(mm: float, per_mm: np.ndarray) -> np.ndarray:
    return np.maximum(np.rint(mm * per_mm), 1).astype(int)


def _usual(values: np.ndarray, tissue: np.ndarray, spread: float) -> np.ndarray:
    """Where values lie within so many standard deviations of the tissue's median."""
    usual = values[tissue]
    if not usual.size:
        return tissue
    return np.asarray(np.abs(values - np.median(usual)) <= spread * robust_sd(usual) + 0.5)
