"""Putting a lesion with a texture of its own into a scan, on the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.compositing import LAYER_MM, SEAM_MM, SHARP_WINDOW_MM, WINDOW_MM, smoothstep, to_scan
from TextoMorphLib.spatial.continuing import continued
from TextoMorphLib.spatial.geometry import distances, resample, shifted
from TextoMorphLib.spatial.region import UNKNOWN_HU, Region
from TextoMorphLib.spatial.slices import slice_axis

INTERIOR_MM, CORE_SHARE = 3.0, 0.45  # a lesion's interior is deeper than the lesser: where its mean is measured


@dataclass(frozen=True)
class Texture:
    """What is added to a lesion.

    Attributes:
        field: HU, of the region's box: what varies in the lesion; of mean 0 in its interior.
        sigma: Of the low pass that the field already has noise under, voxels along each of the box's axes; None if it
            has none, and the scan's noise is added in full.
        whole: Whether the field brings its own margin: the lesion is then flat but for it. Otherwise what the lesion
            has at each depth stays, and the field's mean at each depth is taken out.
        noise: What the scan's noise is multiplied by, everywhere or of the box: an estimate from around a lesion has
            some anatomy in it, and in a lesion noise is not the same everywhere.
        strength: 0 to 1 where structures of the lesion (walls, septa, calcium) are to stay as they are; of the box.
    """

    field: np.ndarray
    sigma: tuple[float, float, float] | None
    whole: bool
    noise: np.ndarray | float = 1.0
    strength: np.ndarray | float = 1.0


def paste_textured(
    volume: Volume,
    region: Region,
    background: np.ndarray,
    delta: np.ndarray,
    seed: int,
    covariance: np.ndarray,
    texture: Texture,
    kept: np.ndarray | None = None,
    sharp: float = 0.0,
) -> Volume:
    """As `compositing.paste`, with a texture; the scan's noise is added less what the texture has of it.

    Where the texture brings its own margin, it meets the scan at the mask's border: noise goes on there.

    Returns:
        A new volume. Voxels 3.9 mm or more outside the mask are the input's, bit by bit.
    """
    ct = volume.hu(region.box)
    centre, outside = distances(~region.mask, volume.spacing)
    _, inside = distances(region.mask, volume.spacing)
    drawn = noise.sample_noise(covariance, region.mask.shape, seed)
    if texture.sigma is not None:
        drawn = drawn - ndimage.gaussian_filter(drawn, texture.sigma)
    drawn = texture.noise * drawn
    filled, change = to_scan(background, region, volume), to_scan(delta, region, volume)
    depth = depth_on_scan(region, volume)
    own = to_scan(kept, region, volume) if kept is not None else np.zeros(ct.shape, np.float32)
    if texture.whole:
        lesion_share = smoothstep(0.5 + (inside - outside) / SEAM_MM)
        level, field, reach = interior_mean(filled + change, depth), texture.field, SEAM_MM
        where = (region.mask, ct > UNKNOWN_HU, volume.spacing, slice_axis(volume.affine))
        drawn = continued(drawn, covariance, ct, level + field, *where)
        change = lesion_share * (level - filled)
    else:
        from_mm, gone = (a + sharp * (b - a) for a, b in zip(WINDOW_MM, SHARP_WINDOW_MM, strict=True))
        lesion_share = smoothstep(inside / SEAM_MM)
        change = smoothstep((gone - centre) / (gone - from_mm)) * change
        field, reach = without_profile(texture.field, depth), gone
    scan = np.maximum(1 - lesion_share, own)
    change = (1 - own) * change + (1 - scan) * texture.strength * field
    # Noise that goes on from the scan's is mixed with it; what has nothing to do with it is mixed to be as loud.
    goes_on = texture.whole & (1 - lesion_share > own)
    new = filled + scan * (ct - filled) + np.where(goes_on, 1 - scan, np.sqrt(1 - scan * scan)) * drawn + change
    new = np.clip(new, *region.limits)
    return volume.with_hu(region.box, new, (centre < reach) & (ct > UNKNOWN_HU))


def interior_mean(values: np.ndarray, depth: np.ndarray) -> float:
    """A lesion's mean where its border does not reach."""
    interior = depth > min(INTERIOR_MM, CORE_SHARE * float(depth.max()))
    return float(values[interior].mean())


def without_profile(field: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """A field without its mean at each depth in the mask."""
    layer, _, means = _by_depth(field, depth)
    return np.asarray(np.where(depth > 0, field - means[np.minimum(layer, len(means) - 1)], 0), np.float32)


def profile(field: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """A field's mean at each depth in the mask; what lies outside has that of the border."""
    _, count, means = _by_depth(field, depth)
    return np.asarray(np.interp(depth / LAYER_MM - 0.5, np.flatnonzero(count), means[count > 0]), np.float32)


def _by_depth(field: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In which layer of the mask each voxel is (0 outside), and of each layer the voxels and the field's mean."""
    layer, inside = np.where(depth > 0, depth / LAYER_MM, 0).astype(int), depth > 0
    count = np.bincount(layer[inside])
    return layer, count, np.bincount(layer[inside], field[inside]) / np.maximum(count, 1)


def depth_on_scan(region: Region, volume: Volume) -> np.ndarray:
    """The region's signed depth on its box of the scan's grid, mm."""
    matrix = np.linalg.inv(region.affine) @ volume.affine @ shifted(region.box)
    return resample(region.depth, matrix, region.mask.shape)
