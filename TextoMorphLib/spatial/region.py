"""From a scan to the neighbourhood of each lesion: 1 mm isotropic, axes along R, A and S, sized to it.

The models see only such regions, so whatever grid a scan comes on (oblique, flipped, thick slices) is dealt
with here and in `composite.paste`, which goes the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.patient_position import ON_BACK, Up
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import Box, ball_mm, grow, placed, resample, shifted, signed_depth, tight_box
from TextoMorphLib.spatial.own_range import WHOLE, Range
from TextoMorphLib.spatial.slices import slice_axis
from TextoMorphLib.spatial.tissue import LEAST_ORGAN_MM3, UNKNOWN_HU, organ_hu, parenchyma_hu, smoothed

REACH_MM = 4.0  # nothing farther outside the mask than this may change
JOIN_MM = 10.0  # components nearer than this are one lesion to the model
JOIN_GRID_MM = 2.0  # how coarsely that is decided
FINE_MM = 0.8  # grids finer than this are low-pass filtered before they are sampled at 1 mm
LEAST_SIDE_MM = 48.0  # the models have learned from nothing smaller
LEAST_DEPTH_MM = 0.5  # however small a lesion, it is this deep somewhere
ORGAN_FROM_MM, ORGAN_MM = 3.0, 60.0  # how far around lesions, which blur, their organ is looked at
SMOOTHING_MM = 1.0
THICK_MM, THICKER = 3.0, 2.0  # slices from which on a border across them is blurred: and than their pixels are wide
UNUSABLE = 0.01  # how much of a voxel may come from what is no healthy tissue


@dataclass(frozen=True)
class Region:
    """The neighbourhood of one lesion (or of several close to each other).

    Attributes:
        ct: HU, float32, 1 mm isotropic; indices grow towards Right, Anterior and Superior.
        depth: Signed distance to the mask's border in mm on the same grid, float32; positive inside.
        affine: Region index -> RAS mm, 4x4.
        box: The part of the scan's own grid that may change: the mask and 4 mm around it.
        mask: The lesion on `box`, bool.
        usable: Where `ct` may be taken for healthy tissue, bool; None for everywhere.
        organ_hu: HU of the organ's healthy tissue where its mask is known; None where it is to be told from `ct`.
        up: Which way is up in the patient.
        unseen: What lies beyond the scan's edge, bool, if the lesion goes on there (`scan_edges`); else None.
        limits: Between which HU the scan was stored (`own_range`), where that is known.
        across: The way across the scan's slices, [3], a unit vector of `ct`'s axes, if they are thick; else None.
    """

    ct: np.ndarray
    depth: np.ndarray
    affine: np.ndarray
    box: Box
    mask: np.ndarray
    usable: np.ndarray | None = None
    organ_hu: float | None = None
    up: Up = ON_BACK
    unseen: np.ndarray | None = None
    limits: Range = WHOLE
    across: np.ndarray | None = None

    @cached_property
    def parenchyma_hu(self) -> float:
        """HU of the healthy tissue that the lesion replaces."""
        return parenchyma_hu(self.ct, self.depth, self.usable) if self.organ_hu is None else self.organ_hu

    @cached_property
    def smooth(self) -> np.ndarray:
        """HU smoothed by 1 mm, in which noise makes no fat or vessel of soft tissue."""
        return smoothed(self.ct, SMOOTHING_MM, None)


def regions(
    volume: Volume,
    mask: np.ndarray,
    stride: int = 16,
    context_mm: float = 12.0,
    exclude: np.ndarray | None = None,
    within: np.ndarray | None = None,
) -> list[Region]:
    """Cut the neighbourhood of each lesion in a mask out of a scan.

    Work and memory follow the lesions' extent, not the scan's.

    Args:
        volume: The scan.
        mask: Boolean, of the scan's shape. Components nearer than about 10 mm share one region.
        stride: Each side of a region is a multiple of this many mm.
        context_mm: What a region shows around its lesion on each side, at least.
        exclude: Boolean, of the scan's shape: what is no healthy tissue, such as other lesions.
        within: Likewise, the organ, where it is known: what lies outside is another's tissue.

    Returns:
        One region a lesion, in the order in which the scan's grid meets them; none for an empty mask.

    Raises:
        InputError: Nothing of the organ is left to judge a lesion by; see `without_organ`.
    """
    found = lesions(mask, volume.spacing)
    if within is None:
        return [_region(volume, box, lesion, stride, context_mm, exclude) for box, lesion in found]
    check_organ(volume, mask, within, exclude)
    lesioned = mask if exclude is None else mask | exclude
    exclude = ~(within | mask) if exclude is None else exclude | ~(within | mask)
    cut = [_region(volume, box, lesion, stride, context_mm, exclude) for box, lesion in found]
    return [replace(region, organ_hu=_organ_hu(volume, within, lesioned, region.box)) for region in cut]


def without_organ(volume: Volume, mask: np.ndarray, within: np.ndarray, exclude: np.ndarray | None = None) -> str:
    """Whether an organ's mask leaves no healthy tissue around a lesion of it, in words; empty if all have some.

    Args:
        volume: The scan.
        mask: Boolean, of its shape: the lesions.
        within: Likewise, the organ.
        exclude: Likewise, what else is no healthy tissue.
    """
    healthy = within & ~mask if exclude is None else within & ~(mask | exclude)
    for box, _ in lesions(mask, volume.spacing):
        near = np.count_nonzero(healthy[_around(volume, box)]) * volume.voxel_mm3
        if near < LEAST_ORGAN_MM3:
            return (
                f"the organ's mask holds {near / 1000:.2f} ml of healthy tissue within {ORGAN_MM:.0f} mm of the "
                "lesion, too little to judge it by; give the mask of the whole organ that the lesion lies in, or none"
            )
    return ""


def check_organ(volume: Volume, mask: np.ndarray, within: np.ndarray, exclude: np.ndarray | None = None) -> None:
    """Makes sure that an organ's mask leaves healthy tissue around each lesion; arguments as of `without_organ`.

    Raises:
        InputError: It does not.
    """
    if said := without_organ(volume, mask, within, exclude):
        raise InputError(said)


def diameters_mm(volume: Volume, mask: np.ndarray) -> list[float]:
    """Of the ball with each lesion's volume, in the order of `regions`."""
    return [ball_mm(np.count_nonzero(lesion) * volume.voxel_mm3) for _, lesion in lesions(mask, volume.spacing)]


def resampled(volume: Volume, region: Region) -> np.ndarray:
    """HU, float32, on a region's grid: of the scan it was cut from with a lesion put in, for example."""
    return _ct(volume, region.affine, region.ct.shape)


def check_finite(found: Iterable[Region]) -> None:
    """Refuses regions of which some voxels are no numbers.

    Raises:
        InputError: They are.
    """
    if not all(np.isfinite(region.ct).all() for region in found):
        raise InputError("the scan has NaN or infinite voxels around the mask; replace them, for example by -1000 HU")


def lesions(mask: np.ndarray, spacing: np.ndarray) -> Iterator[tuple[Box, np.ndarray]]:
    """The tight box of each lesion, and the lesion in it. Who is near whom is decided on a coarse grid."""
    if not mask.any():
        return
    whole = tight_box(mask)
    block = np.maximum(np.floor(JOIN_GRID_MM / spacing), 1).astype(int)
    coarse = mask[whole]
    for axis, step in enumerate(block):
        coarse = np.logical_or.reduceat(coarse, np.arange(0, coarse.shape[axis], step), axis=axis)
    near = ndimage.distance_transform_edt(~coarse, sampling=spacing * block) < JOIN_MM / 2
    groups, _ = ndimage.label(near, np.ones((3, 3, 3)))
    for number, found in enumerate(ndimage.find_objects(groups), start=1):
        fine = tuple(slice(part.start * step, part.stop * step) for part, step in zip(found, block, strict=True))
        own = groups[found] == number
        for axis, step in enumerate(block):
            own = own.repeat(step, axis=axis)
        lesion = mask[whole][fine]
        lesion = lesion & own[tuple(slice(size) for size in lesion.shape)]
        tight = tight_box(lesion)
        i, j, k = (
            slice(a.start + b.start + c.start, a.start + b.start + c.stop)
            for a, b, c in zip(whole, fine, tight, strict=True)
        )
        yield (i, j, k), lesion[tight]


def _organ_hu(volume: Volume, within: np.ndarray, lesioned: np.ndarray, box: Box) -> float | None:
    """HU of the healthy organ around a lesion, away from what lesions blur with it."""
    around = _around(volume, box)
    width = 2 * np.rint(ORGAN_FROM_MM / volume.spacing).astype(int) + 1
    hu = volume.hu(around)
    organ = within[around] & ~ndimage.maximum_filter(lesioned[around], width) & (hu > UNKNOWN_HU)
    return organ_hu(hu, organ, volume.spacing)


def _around(volume: Volume, box: Box) -> Box:
    """As far around a lesion as its organ is looked at."""
    return grow(box, np.ceil(ORGAN_MM / volume.spacing), volume.shape)


def _region(
    volume: Volume, tight: Box, lesion: np.ndarray, stride: int, context_mm: float, exclude: np.ndarray | None
) -> Region:
    affine, shape = _grid(volume.affine, tight, lesion, stride, context_mm)
    around, matrix = cover(volume, affine, shape)
    depth = resample(signed_depth(placed(lesion, tight, around), volume.spacing), matrix, shape)
    depth += lacking(depth)
    box = grow(tight, np.ceil(REACH_MM / volume.spacing), volume.shape)
    usable = _usable(volume, tight, affine, shape, exclude)
    own = placed(lesion, tight, box)
    ct = _ct(volume, affine, shape)
    return Region(ct, depth, affine, box, own, usable, up=volume.up, across=_across_thick(volume))


def _across_thick(volume: Volume) -> np.ndarray | None:
    axis = slice_axis(volume.affine)
    thick, wide = volume.spacing[axis], np.delete(volume.spacing, axis).max()
    return np.asarray(volume.affine[:3, axis] / thick) if thick >= max(THICK_MM, THICKER * wide) else None


def lacking(depth: np.ndarray) -> float:
    """What a signed depth lacks of a lesion's least, mm: one thinner than the grid can fall between its points."""
    return max(LEAST_DEPTH_MM - float(depth.max()), 0.0)


def _ct(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The scan's HU on a region's grid."""
    around, matrix = cover(volume, affine, shape)
    within = grow(around, np.zeros(3), volume.shape)
    hu = known_around(volume.hu(within), volume.spacing)
    fineness = np.maximum(FINE_MM / volume.spacing, 1)
    if (fineness > 1).any():
        hu = ndimage.gaussian_filter(hu, 0.5 * np.sqrt(fineness**2 - 1))
    return resample(hu, np.linalg.inv(shifted(within)) @ shifted(around) @ matrix, shape)


def known_around(hu: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """HU of which the nearest that is known goes on where nothing is, as beyond the scan's edge."""
    unknown = hu <= UNKNOWN_HU
    if not unknown.any() or unknown.all():
        return hu
    nearest = ndimage.distance_transform_edt(unknown, spacing, return_distances=False, return_indices=True)
    return np.asarray(hu[tuple(nearest)])


def _usable(
    volume: Volume, tight: Box, affine: np.ndarray, shape: tuple[int, ...], exclude: np.ndarray | None
) -> np.ndarray | None:
    """Where a region shows what may be healthy tissue; None for everywhere.

    Beyond the scan's edge, where its last voxels go on, nothing is seen of a lesion that reaches it.
    """
    around, matrix = cover(volume, affine, shape)
    within = grow(around, np.zeros(3), volume.shape)
    bad = volume.hu(within) <= UNKNOWN_HU
    if exclude is not None:
        bad |= exclude[within]
    cut = any(part.start == 0 or part.stop == size for part, size in zip(tight, volume.shape, strict=True))
    if not (cut or bad.any()):
        return None
    bad = np.pad(bad, 1, constant_values=True) if cut else np.pad(bad, 1, mode="edge")
    to_box = np.linalg.inv(shifted(within)) @ shifted(around) @ matrix
    to_box[:3, 3] += 1
    return np.asarray(resample(bad.astype(np.float32), to_box, shape) < UNUSABLE)


def cover(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> tuple[Box, np.ndarray]:
    """The box of the scan's grid (beyond its edge, too) that holds a region; region index -> index in it."""
    to_scan = np.linalg.inv(volume.affine) @ affine
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(shape)[:, None] - 1)
    ends = to_scan[:3, :3] @ corners + to_scan[:3, 3:]
    starts, stops = np.floor(ends.min(axis=1)).astype(int) - 2, np.ceil(ends.max(axis=1)).astype(int) + 3
    i, j, k = (slice(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))
    return (i, j, k), np.linalg.inv(shifted((i, j, k))) @ to_scan


def _grid(
    scan: np.ndarray, tight: Box, lesion: np.ndarray, stride: int, context_mm: float
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The affine and the shape of the region around a lesion."""
    to_ras = scan @ shifted(tight)
    # The ends of the lesion's columns hold all of its extreme points, on an oblique grid too.
    columns = lesion.any(axis=2)
    first = lesion.argmax(axis=2)[columns]
    last = lesion.shape[2] - 1 - lesion[:, :, ::-1].argmax(axis=2)[columns]
    ij = np.argwhere(columns).T
    points = np.hstack([np.vstack([ij, first]), np.vstack([ij, last])])
    ras = to_ras[:3, :3] @ points + to_ras[:3, 3:]
    half_voxel = np.abs(to_ras[:3, :3]).sum(axis=1) / 2
    low, high = ras.min(axis=1) - half_voxel, ras.max(axis=1) + half_voxel
    size = np.maximum(high - low + 2 * context_mm, LEAST_SIDE_MM)
    size = (np.ceil(size / stride) * stride).astype(int)
    origin = (low + high - size + 1) / 2
    # Up to half a millimetre's shift puts the points on a 1 mm scan's own: no blur then.
    voxel = np.rint(np.linalg.solve(to_ras[:3, :3], origin - to_ras[:3, 3]))
    offset = to_ras[:3, :3] @ voxel + to_ras[:3, 3] - origin
    affine = np.eye(4)
    affine[:3, 3] = origin + offset - np.rint(offset)
    return affine, (int(size[0]), int(size[1]), int(size[2]))
