"""Real lesions as the denoiser learns them: a lesion's region with it, and with healthy tissue in its place.

A triple is a scan, the mask of a tumour in it, and words (`triple_texts`). The tumour is taken out as `replace` does
it, so that nothing under any tumour counts as healthy; what the scan shows minus what is filled in, without noise as
far as that can be told, is the change that is learnt. What is not known (the outside of a crop) is in no loss, no fill
and no noise.

Slices stay as thick as they are: the denoiser is told the scan's voxel size (`Denoiser.told_voxels`). A loss over slabs
would have to decode every estimate, at several times the cost, and at use the scan's voxel size is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Box, Volume, check_ct
from TextoMorphLib.measurement.description import Words, words_to_draw
from TextoMorphLib.simulation.anatomy_fields import smooth_field
from TextoMorphLib.spatial.borders import beyond_organ
from TextoMorphLib.spatial.compositing import FEATHER_MM, background, noise_around, smoothstep
from TextoMorphLib.spatial.denoising import denoised
from TextoMorphLib.spatial.geometry import along_patient, ball_mm, grow, shifted, tight_box
from TextoMorphLib.spatial.healing import SPILL_MM, healed
from TextoMorphLib.spatial.region import REACH_MM, Region, known_around, lesions, regions, resampled
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

CONTINUED_MM = (3.0, 16.0)  # how far a tumour that the scan's edge cuts is taken to go on behind it, at least and most
LEAST_MM = 5.0  # smaller lesions are about one voxel of the latent
AROUND_MM = 8.0  # around what may change, where noise is taken out, too
TURNED = ("healthy", "calm", "seen", "left", "depth", "usable", "known", "beside")  # a site's images
JITTER_MM = 0.8  # masks are drawn too wide or too tight, unevenly, by about as much


@dataclass(frozen=True)
class Site:
    """A real lesion's region on a 1 mm grid, axes along R, A and S; arrays of one cubic shape.

    Attributes:
        healthy: HU, the tumour taken out, with the scan's noise.
        calm: HU, the same without noise.
        seen: HU, the scan with the tumour, without noise.
        left: A sample of the noise that is left in `seen`, HU.
        depth: Signed distance to the mask's border, mm, positive inside.
        usable: Boolean: what is known, and no tumour.
        known: Boolean: what the scan shows.
        beside: Share of each voxel that is fat, gas or bone beside the lesion's organ.
        voxel_mm: Size of the scan's voxels along the region's axes.
        noise_hu: Standard deviation of the scan's noise.
    """

    healthy: np.ndarray
    calm: np.ndarray
    seen: np.ndarray
    left: np.ndarray
    depth: np.ndarray
    usable: np.ndarray
    known: np.ndarray
    beside: np.ndarray
    voxel_mm: np.ndarray
    noise_hu: float


@dataclass(frozen=True)
class View:
    """A site as it is learnt once, turned and with its mask a little otherwise.

    Attributes:
        filled: HU, with healthy tissue in the mask: what the denoiser is shown.
        change: HU, what the lesion adds to it.
        left: A sample of the noise in `change`, HU.
        depth: Signed distance to the mask's border, mm, positive inside.
        counts: How much each voxel tells of the lesion, 0 to 1: nothing where it is unknown, or beside the organ.
        voxel_mm: Size of the scan's voxels along the axes.
    """

    filled: np.ndarray
    change: np.ndarray
    left: np.ndarray
    depth: np.ndarray
    counts: np.ndarray
    voxel_mm: np.ndarray


@dataclass(frozen=True)
class Scan:
    """A case's scan, and the same with what lies behind its edges.

    Attributes:
        volume: The scan as it is.
        targets: uint8, of its shape: 1 organ, 2 and above tumours; nothing where the scan is unknown.
        wider: The scan with unknown voxels around it, into which the tumours that its edges cut go on.
        inner: Where the scan is in that.
        tumours: Boolean, of the wider scan's shape.
        lesions: Its lesions.
    """

    volume: Volume
    targets: np.ndarray
    wider: Volume
    inner: Box
    tumours: np.ndarray
    lesions: tuple[Found, ...]


@dataclass(frozen=True)
class Found:
    """A lesion of a case's label map.

    Attributes:
        mask: Boolean, of the wider scan's shape.
        diameter_mm: Of the ball with its volume.
        components: Numbers of the label map's components in it, the largest first.
    """

    mask: np.ndarray
    diameter_mm: float
    components: tuple[int, ...]


def read(case: Case) -> Scan:
    """A case's scan and its lesions.

    Raises:
        InputError: There is no label map or no tumour in it, it is on another grid, or all of the tumours is unknown.
    """
    if not case.label or not case.classes:
        raise InputError("no label map with a tumour; add one, or mark the case as healthy")
    volume = Volume.read(case.ct)
    check_ct(volume)
    targets = case.targets(volume)
    if not (targets > 1).any():
        raise InputError(f"its label map {case.label} holds no tumour; mark it as healthy, or mend it")
    known = volume.hu() > UNKNOWN_HU
    if not known[targets > 1].any():
        raise InputError(
            f"every voxel of its tumour is unknown (under {UNKNOWN_HU:g} HU) in {case.ct}; "
            "give the whole scan, or a crop that holds the tumour"
        )
    numbers, _ = ndimage.label(targets > 1, np.ones((3, 3, 3)))
    wider, pad = _continued(volume, targets > 1)
    tumours, numbers = (np.pad(each, pad, mode="symmetric") for each in (targets > 1, numbers))
    x, y, z = (slice(first, first + size) for (first, _), size in zip(pad, volume.shape, strict=True))
    seen = np.where(known, targets, 0).astype(np.uint8)
    return Scan(volume, seen, wider, (x, y, z), tumours, tuple(_lesions(wider, tumours, numbers)))


def site(scan: Scan, lesion: Found, sizes: Sequence[int]) -> Site | None:
    """A lesion's region.

    Args:
        scan: The scan.
        lesion: One of its lesions.
        sizes: Sides of the cubes that there are, mm, from the smallest on.

    Returns:
        None if it is larger than the largest cube holds.
    """
    volume, tumours = scan.wider, scan.tumours
    healthy = healed(volume, lesion.mask, tumours)
    found = _cube(healthy, lesion.mask, tumours, sizes)
    if found is None:
        return None
    region, size = found
    (real,) = regions(volume, lesion.mask, stride=size)
    covariance = noise_around(volume, region, tumours)
    if not covariance.any():  # a crop of the tumour alone: its own noise, then
        covariance = noise_around(volume, region)
    seen, left = _without_noise(volume, region, lesion.mask, covariance)
    calm, _ = _without_noise(healthy, region, lesion.mask, covariance)
    beside = beyond_organ(real, REACH_MM)
    everywhere = np.ones(region.ct.shape, bool)
    middle = tuple(side // 2 for side in covariance.shape)
    return Site(
        region.ct,
        calm,
        seen,
        left,
        region.depth,
        everywhere if region.usable is None else region.usable,
        everywhere if real.usable is None else real.usable,
        beside,
        along_patient(volume.affine),
        float(np.sqrt(max(float(covariance[middle]), 0.0))),
    )


def view(place: Site, rng: np.random.Generator | None) -> View:
    """One look at a site.

    Args:
        place: The site.
        rng: Mirrors, turns about the patient's long axis, and moves the mask's border; None takes it as it is.
    """
    images = [getattr(place, name) for name in TURNED]
    voxel_mm = place.voxel_mm
    if rng is not None:
        turns, mirrored = int(rng.integers(4)), tuple(axis for axis in range(3) if rng.random() < 0.5)
        images = [np.ascontiguousarray(np.flip(np.rot90(image, turns), mirrored)) for image in images]
        voxel_mm = voxel_mm[[1, 0, 2]] if turns % 2 else voxel_mm
    healthy, calm, seen, left, depth, usable, known, beside = images
    if rng is not None:
        depth = depth + np.float32(JITTER_MM) * smooth_field(depth.shape, 6.0, rng).astype(np.float32)
        depth += max(0.5 - float(depth.max()), 0.0)
    everywhere = tuple(slice(0, side) for side in depth.shape)
    region = Region(healthy, depth, np.eye(4), everywhere, depth > 0, usable)  # type: ignore[arg-type]
    filled = background(region)
    # Inside the mask the change is against what the denoiser is shown, outside against what was there without noise.
    base = calm + smoothstep(0.5 + depth / (2 * FEATHER_MM)) * (filled - calm)
    share = (1 - beside) * smoothstep((REACH_MM + depth) / (REACH_MM - SPILL_MM))
    change, noise = (np.asarray(share * image, np.float32) for image in (seen - base, left))
    counts = np.asarray(known * (1 - beside), np.float32)
    return View(filled, change, noise, np.asarray(depth, np.float32), counts, voxel_mm)


def measured(scan: Scan, lesion: Found, organ: str) -> Words:
    """What the scan says of a lesion."""
    mask = lesion.mask[scan.inner] & (scan.targets > 1)
    return words_to_draw(scan.volume, mask, organ, scan.targets > 1, scan.targets == 1)


def _continued(volume: Volume, tumours: np.ndarray) -> tuple[Volume, list[tuple[int, ...]]]:
    """The scan with unknown voxels around it, and how many there are on each side.

    A tumour that the scan's edge cuts has no border there; it is taken to go on behind it, where nothing is known.
    """
    box = tight_box(tumours)
    extent = np.array([part.stop - part.start for part in box]) * volume.spacing
    pad = []
    for part, size, mm, length in zip(box, volume.shape, volume.spacing, extent, strict=True):
        cut = (part.start == 0, part.stop == size)
        step = np.clip((extent.max() - length) / max(sum(cut), 1), *CONTINUED_MM) / mm  # about as long as wide
        pad.append(tuple(min(int(np.ceil(step)), size) if each else 1 for each in cut))
    hu = np.pad(volume.hu(), pad, constant_values=UNKNOWN_HU - 300)
    affine = volume.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.array([first for first, _ in pad])
    return Volume.from_array(hu, affine), pad


def _lesions(volume: Volume, tumours: np.ndarray, numbers: np.ndarray) -> Iterator[Found]:
    known = volume.hu() > UNKNOWN_HU
    for box, lesion in lesions(tumours, volume.spacing):
        mask = np.zeros(tumours.shape, bool)
        mask[box] = lesion
        voxels = np.count_nonzero(mask & known)
        diameter = ball_mm(voxels * volume.voxel_mm3)
        counts = np.bincount(numbers[mask & known])
        order = [int(at) for at in np.argsort(-counts, kind="stable") if at and counts[at]]
        if order:
            yield Found(mask, diameter, tuple(order))


def _cube(healthy: Volume, mask: np.ndarray, tumours: np.ndarray, sizes: Sequence[int]) -> tuple[Region, int] | None:
    """The region in the smallest cube that holds it."""
    for size in sizes:
        (region,) = regions(healthy, mask, stride=size, exclude=tumours)
        if region.ct.shape == (size, size, size):
            return region, size
    return None


def _without_noise(
    volume: Volume, region: Region, mask: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A scan without noise on a region's grid, around what may change, and a sample of what is left of the noise."""
    box: Box = grow(region.box, np.ceil(AROUND_MM / volume.spacing), volume.shape)
    hu = volume.hu(box)
    unknown = hu <= UNKNOWN_HU
    clean, left = denoised(known_around(hu, volume.spacing), covariance, volume.spacing, mask[box] & ~unknown)
    affine = volume.affine @ shifted(box)
    made = [resampled(Volume.from_array(image, affine), region) for image in (clean, left)]
    return made[0], made[1]
