"""Taking what is inside a mask out of a scan, and putting a lesion in.

The scan's own voxels are kept wherever they can be: outside the mask only the lesion's margin, sharp or blurred, is
added to them, and vessels end within its first millimetre, unless they are to pass through.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.geometry import distances, grow, placed, resample, shifted, tight_box
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU, UNKNOWN_HU, lifted, neighbourhood, smoothed

FEATHER_MM = 0.5  # either side of the mask's border, over which the filled-in parenchyma gives way to the scan
FILL_SIGMA_MM = 5.0
SEAM_MM = 1.0  # inside the mask, over which the scan's own voxels take over: outside it they stay as they are
# Outside the mask: up to where a lesion's margin is kept, and where it must be gone; blurred margins, and sharp ones.
WINDOW_MM = (2.5, 3.9)
SHARP_WINDOW_MM = (0.0, 1.2)
BLUR_MM = 1.5  # sigma of what decoding from 4 mm voxels blurs,
RESTORED = 2.0  # and how much of the detail finer than that is given back, twice
DARKEST_HU = (-5.0, 5.0)  # fluid, and how softly: nothing in a lesion is darker, noise aside
DARKEST_FADE_MM = 1.0  # inside the mask, from where on that holds
LAYER_MM, LEVEL_FROM_MM = 1.0, 3.0  # depths with a mean of their own; how deep inside a lesion is all level
MARGIN_MM = 4.0  # farther outside than any of these
THICK_MM = 1.5  # voxels longer than this average what they cover
VESSEL_SIGMA_MM = 1.2  # smoothing before vessels are told from noise
LEAST_VESSEL_MM3 = 60  # what is smaller is noise
LEAST_TISSUE = 0.02  # share of parenchyma around a point below which its overall HU takes over


def background(region: Region, beyond_mm: float = 0.0) -> np.ndarray:
    """The region with what lies inside the mask replaced by smooth parenchyma: no vessels, no noise.

    The fill follows the parenchyma in and around the mask (a normalised convolution over voxels that look
    like it), so that slow changes across an organ go on through it. Where the mask lies over fat or air it is
    parenchyma, too.

    Args:
        region: The neighbourhood of a lesion.
        beyond_mm: How far outside the mask it is done, too.

    Returns:
        HU, float32, of the region's shape; equal to `region.ct` from 0.5 mm outside that.
    """
    parenchyma = region.parenchyma_hu
    smooth = smoothed(region.ct, 1.5, region.usable)
    # Every second voxel is enough for a field this smooth.
    coarse = (slice(None, None, 2),) * 3
    values = smooth[coarse]
    usable = None if region.usable is None else region.usable[coarse]
    tissue = np.abs(values - parenchyma) < _spread(values, region.depth[coarse], parenchyma, usable)
    if usable is not None:
        tissue &= usable
    tissue = tissue.astype(np.float32)
    sigma = FILL_SIGMA_MM / 2
    total = ndimage.gaussian_filter(tissue * (values - np.float32(parenchyma)), sigma)
    fill = parenchyma + total / (ndimage.gaussian_filter(tissue, sigma) + LEAST_TISSUE)

    depth = region.depth + np.float32(beyond_mm)
    box = tight_box(depth > -FEATHER_MM)
    shape = tuple(part.stop - part.start for part in box)
    fine = resample(fill, np.diag([0.5, 0.5, 0.5, 1.0]) @ shifted(box), shape)
    weight = smoothstep(0.5 + depth[box] / (2 * FEATHER_MM))
    filled = region.ct.copy()
    filled[box] += weight * (fine - filled[box])
    return filled


def no_darker_than_fluid(delta: np.ndarray, filled: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """A lesion whose darkest parts are fluid: texts that drive a model far can make it draw less than there is.

    Args:
        delta: The lesion minus its background, HU, noise free.
        filled: That background, HU.
        depth: Signed distance to the mask's border in mm, positive inside.

    Returns:
        The lesion minus its background; what was darker than fluid inside the mask has become fluid.
    """
    box = tight_box(depth > 0)
    raised = delta.copy()
    raised[box] += smoothstep(depth[box] / DARKEST_FADE_MM) * lifted(filled[box] + delta[box], *DARKEST_HU)
    return raised


def vessels(region: Region, background: np.ndarray) -> np.ndarray:
    """What in a mask stands out of the parenchyma, and is soft tissue: vessels, in most organs.

    Args:
        region: The neighbourhood of a lesion.
        background: The region without what was in the mask, HU, as `background` returns it.

    Returns:
        Each voxel's share of vessel, 0 to 1, float32; 0 outside the mask.
    """
    smooth = ndimage.gaussian_filter(region.ct, VESSEL_SIGMA_MM)
    parenchyma = region.parenchyma_hu
    spread = _spread(smooth, region.depth, parenchyma, region.usable)
    inside = (region.depth > 0) & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    share = smoothstep(2 * np.abs(smooth - background) / spread - 1) * inside
    pieces, _ = ndimage.label(share > 0.5)
    large = np.flatnonzero(np.bincount(pieces.ravel())[1:] >= LEAST_VESSEL_MM3) + 1
    near = ndimage.binary_dilation(np.isin(pieces, large), iterations=2)
    return np.asarray(share * near, np.float32)


def deblurred(delta: np.ndarray, depth: np.ndarray, share: float = 1.0) -> np.ndarray:
    """A decoded lesion with sharp edges.

    A decoder of 4 mm voxels blurs; a lesion has no noise yet that sharpening could raise. No voxel leaves the range of
    its neighbours, so that no halo appears; what is smooth over several mm stays as it is.

    Args:
        delta: Lesion minus background on a 1 mm grid, HU, without noise.
        depth: Signed distance to the mask's border, mm.
        share: How much of it is done, 0 to 1: how surely the lesion's border is sharp.

    Returns:
        HU, float32, of delta's shape.
    """
    box = tight_box(depth > -WINDOW_MM[1] - 3 * BLUR_MM)
    sharp = delta[box]
    for _ in range(2):
        least, most = ndimage.minimum_filter(sharp, 3), ndimage.maximum_filter(sharp, 3)
        detail = sharp - ndimage.gaussian_filter(sharp, BLUR_MM)
        sharp = np.clip(sharp + RESTORED * detail, least, most)
    out = delta.copy()
    out[box] += np.float32(share) * (sharp - out[box])
    return out


def levelled(delta: np.ndarray, depth: np.ndarray, share: float = 1.0) -> np.ndarray:
    """A lesion in which nothing varies but with depth: a decoder leaves a faint texture in what is homogeneous.

    Args:
        delta: Lesion minus background on a 1 mm grid, HU, without noise.
        depth: Signed distance to the mask's border, mm, positive inside.
        share: How much of it is done, 0 to 1.

    Returns:
        HU, float32, of delta's shape; outside the mask as it was.
    """
    box = tight_box(depth > 0)
    inner, own = depth[box], delta[box]
    inside = inner > 0
    layer = np.where(inside, inner / LAYER_MM, 0).astype(int)
    means = np.bincount(layer[inside], own[inside]) / np.maximum(np.bincount(layer[inside]), 1)
    at = np.interp(inner / LAYER_MM - 0.5, np.arange(len(means)), means)
    out = delta.copy()
    out[box] += np.float32(share) * smoothstep(inner / LEVEL_FROM_MM) * (at - own)
    return out


def noise_around(volume: Volume, region: Region, exclude: np.ndarray | None = None) -> np.ndarray:
    """The autocovariance of the scan's noise around a mask, HU^2, on the scan's grid.

    Args:
        volume: The scan that `region` was cut from.
        region: The neighbourhood of the lesion.
        exclude: Boolean, of the scan's shape: what is no healthy tissue.
    """
    around = grow(region.box, np.ceil(noise.reach_mm(volume.spacing) / volume.spacing), volume.shape)
    mask = placed(region.mask, region.box, around)
    return noise.autocovariance(volume.hu(around), mask, volume.spacing, None if exclude is None else ~exclude[around])


def paste(
    volume: Volume,
    region: Region,
    background: np.ndarray,
    delta: np.ndarray,
    seed: int,
    covariance: np.ndarray,
    kept: np.ndarray | None = None,
    sharp: float = 0.0,
) -> Volume:
    """Put a lesion into a scan, on the scan's own grid.

    With w rising from 0 at the mask's border to 1 at 1 mm inside it, and v falling from 1 to 0 between 2.5 and 3.9 mm
    outside (0 and 1.2 mm where the border is sharp): (1 - w) scan + w background + sqrt(1 - (1 - w)^2) noise + v delta.
    The root keeps the noise as strong on the seam as on both sides of it.

    Args:
        volume: The scan that `region` was cut from (other lesions may have been put in since).
        region: The neighbourhood of the lesion.
        background: The region without what was in the mask, HU, as `background` returns it.
        delta: Lesion minus background on the region's grid, HU, without noise.
        seed: Of the noise.
        covariance: The noise's, as `noise_around` returns it.
        kept: The share of each of the region's voxels that stays the scan's own, such as `vessels`.
        sharp: How surely the lesion's border is sharp, 0 to 1.

    Returns:
        A new volume. Voxels 3.9 mm or more outside the mask are the input's, bit by bit.
    """
    ct = volume.hu(region.box)
    centre, _ = distances(~region.mask, volume.spacing)
    _, inside = distances(region.mask, volume.spacing)
    from_mm, gone = (wide + sharp * (narrow - wide) for wide, narrow in zip(WINDOW_MM, SHARP_WINDOW_MM, strict=True))
    scan = 1 - smoothstep(inside / SEAM_MM)
    lesion = smoothstep((gone - centre) / (gone - from_mm)) * to_scan(delta, region, volume)
    if kept is not None and kept.any():
        own = to_scan(kept, region, volume)
        scan, lesion = np.maximum(scan, own), (1 - own) * lesion
    filled = to_scan(background, region, volume)
    new = (
        filled
        + scan * (ct - filled)
        + np.sqrt(1 - scan * scan) * noise.sample_noise(covariance, region.mask.shape, seed)
    )
    new = np.clip(new + lesion, *region.limits)
    return volume.with_hu(region.box, new, (centre < gone) & (ct > UNKNOWN_HU))


def smoothstep(x: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, and a smooth cubic between."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def to_scan(image: np.ndarray, region: Region, volume: Volume) -> np.ndarray:
    """An image on the region's grid, on the scan's; a thick voxel is the mean over what it covers."""
    parts = np.where(volume.spacing > THICK_MM, np.rint(volume.spacing), 1).astype(int)
    split = np.diag([*1 / parts, 1.0])
    split[:3, 3] = (1 / parts - 1) / 2
    matrix = np.linalg.inv(region.affine) @ volume.affine @ shifted(region.box) @ split
    shape = region.mask.shape
    fine = resample(image, matrix, tuple(np.array(shape) * parts))
    pairs = [length for size, part in zip(shape, parts, strict=True) for length in (size, part)]
    return np.asarray(fine.reshape(pairs).mean(axis=(1, 3, 5)))


def _spread(smooth: np.ndarray, depth: np.ndarray, parenchyma: float, usable: np.ndarray | None) -> float:
    """How far from the parenchyma's HU a smoothed voxel may be and still count as it."""
    near = smooth[neighbourhood(depth, usable)]
    soft = near[(near > SOFT_TISSUE_HU[0]) & (near < SOFT_TISSUE_HU[1])]
    deviation = np.median(np.abs((soft if soft.size else near) - parenchyma))
    return float(np.clip(3 * deviation, 8.0, 30.0))
