"""Healthy crops to put lesions in: real scans, procedural anatomy, and what scanners and contrast make of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.simulation.anatomy_fields import smooth_field
from TextoMorphLib.simulation.organ_backgrounds import organ_crop

AIR_HU = -1000
PARENCHYMA_HU = (0.0, 200.0)


@dataclass(frozen=True)
class Scan:
    """A scan on a 1 mm RAS grid, and where in it lesions may go."""

    name: str
    ct: np.ndarray  # int16 HU
    sites: np.ndarray  # [N, 3] voxels amid homogeneous soft tissue
    organs: Mapping[str, np.ndarray] = field(default_factory=dict)  # those of them that lie in an organ, by its name


@dataclass(frozen=True)
class OrganPlace:
    """A ball in a scan that lies in an organ, apart from what is no soft tissue there.

    Attributes:
        scan: The scan's file name.
        organ: Liver, kidney or pancreas.
        centre_mm: RAS.
        radius_mm: The ball's.
    """

    scan: str
    organ: str
    centre_mm: Sequence[float]
    radius_mm: float


def load_scans(folder: Path, names: list[str], places: Sequence[OrganPlace] = ()) -> list[Scan]:
    """Reads the scans of a training set.

    Args:
        folder: Where they lie.
        names: File names in it.
        places: Where in them which organ is known to be.

    Raises:
        InputError: A scan is missing or is no CT in HU, or a place holds no soft tissue.
    """
    wanted = [*names, *(place.scan for place in places if place.scan not in names)]
    missing = [name for name in wanted if not (folder / name).exists()]
    if missing:
        raise InputError(
            f"not found in {folder}: {', '.join(missing)}; give the folder of the training CTs with --data"
        )
    return [load_scan(folder / name, [place for place in places if place.scan == name]) for name in wanted]


def load_scan(path: Path, places: Sequence[OrganPlace] = ()) -> Scan:
    """Reads a scan and finds where in it lesions may go.

    Raises:
        InputError: It is no CT in HU, or a place holds no soft tissue.
    """
    volume = Volume.read(path)
    check_ct(volume)
    ct = on_1mm_grid(volume)
    coarse = ndimage.zoom(
        ndimage.gaussian_filter(ct.astype(np.float32), 2.0), 0.25, order=0, grid_mode=True, mode="nearest"
    )
    parenchyma = (coarse > PARENCHYMA_HU[0]) & (coarse < PARENCHYMA_HU[1])
    inside = ndimage.uniform_filter(parenchyma.astype(np.float32), 3) > 0.75  # mostly soft tissue within 6 mm
    sites = (np.argwhere(inside & parenchyma) * 4).astype(np.int32)
    low, _ = _extent(volume)
    known: dict[str, list[np.ndarray]] = {}
    for place in places:
        away = np.linalg.norm(sites + low - np.asarray(place.centre_mm, float), axis=1)
        if not (away <= place.radius_mm).any():
            raise InputError(f"{path.name}: no soft tissue within {place.radius_mm} mm of {list(place.centre_mm)}")
        known.setdefault(place.organ, []).append(sites[away <= place.radius_mm])
    return Scan(path.name, ct, sites, {organ: np.concatenate(found) for organ, found in known.items()})


def _extent(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest world coordinates of a scan's voxels."""
    corners = np.array(np.meshgrid(*[[0, n - 1] for n in volume.shape])).reshape(3, -1)
    world = volume.affine[:3, :3] @ corners + volume.affine[:3, 3:]
    return world.min(1), world.max(1)


def on_1mm_grid(volume: Volume) -> np.ndarray:
    """The whole scan as int16 HU on a 1 mm isotropic RAS grid."""
    low, high = _extent(volume)
    to_index = np.linalg.inv(volume.affine)
    shape = tuple(int(n) for n in np.ceil(high - low) + 1)
    moved = ndimage.affine_transform(
        volume.hu(),
        to_index[:3, :3],
        to_index[:3, :3] @ low + to_index[:3, 3],
        output_shape=shape,
        order=1,
        mode="nearest",
    )
    return np.clip(np.round(moved), AIR_HU, 3000).astype(np.int16)


def real_crop(scans: list[Scan], size: int, rng: np.random.Generator, organ: str | None = None) -> np.ndarray:
    """A cube around a random site of a random scan, mirrored and turned at random. HU, float32, `size` mm.

    Args:
        scans: To choose from.
        size: Side of the cube, mm.
        rng: Source of randomness.
        organ: In which the site is to be, known in one of the scans; anywhere if None.
    """
    found = [
        (scan, scan.sites if organ is None else scan.organs[organ]) for scan in scans if organ in (None, *scan.organs)
    ]
    scan, sites = found[rng.integers(len(found))]
    centre = sites[rng.integers(len(sites))] + rng.integers(0, 4, 3)
    start = centre - size // 2
    inside = [np.clip(np.arange(s, s + size), 0, n - 1) for s, n in zip(start, scan.ct.shape, strict=True)]
    crop = scan.ct[np.ix_(*inside)].astype(np.float32)
    axes = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
    mirrored = tuple(slice(None, None, int(step)) for step in rng.choice([-1, 1], 3))
    return np.ascontiguousarray(crop.transpose(axes)[mirrored])


def procedural_crop(size: int, rng: np.random.Generator) -> np.ndarray:
    """Invented anatomy: parenchyma with vessels, a border to fat or to another organ. HU, float32, `size` mm."""
    shape = (size,) * 3
    level = rng.uniform(25, 180)
    ct = level + rng.uniform(0, 6) * smooth_field(shape, rng.uniform(8, 16), rng)
    for _ in range(rng.integers(0, 3)):  # the crossing of two fields' zero surfaces is a line: a vessel
        reach = rng.uniform(8, 14)
        tube = np.hypot(smooth_field(shape, reach, rng), smooth_field(shape, reach, rng))
        ct += rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(10, 90) / (1 + (tube / rng.uniform(0.08, 0.3)) ** 4)
    if rng.random() < 0.6:
        outside = smooth_field(shape, rng.uniform(8, 18), rng) > rng.uniform(0.6, 1.6)
        other = rng.uniform(-115, -70) if rng.random() < 0.6 else rng.uniform(-10, 220)
        ct += (other - ct) * ndimage.gaussian_filter(outside.astype(np.float32), rng.uniform(0.5, 1.2))
    return ct.astype(np.float32)


def scanned(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop as another contrast phase, kernel and dose would have shown it.

    Args:
        crop: HU on a 1 mm grid.
        rng: Source of randomness.

    Returns:
        HU: soft tissue mapped through a random monotone curve, blurred, with correlated noise of 0 to 25 HU.
    """
    return seen(in_another_phase(crop, rng), rng)


def in_another_phase(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop with its soft tissue mapped through a random monotone curve, in most draws. HU."""
    fat, water = rng.normal(0, 5, 2)
    organ = rng.uniform(35, 75)
    bright = organ + rng.uniform(50, 140)
    if rng.random() < 0.7:
        crop = np.interp(crop, [-1000, -100, 0, 50, 150, 1500], [-1000, -100 + fat, water, organ, bright, 1500]) * 1.0
        crop = crop + (crop > -20) * rng.uniform(-5, 60) * np.clip((crop + 20) / 60, 0, 1)
    return crop


def seen(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop as some kernel and dose show it: perhaps blurred, perhaps with correlated noise. HU, float32."""
    if rng.random() < 0.3:
        crop = ndimage.gaussian_filter(crop, rng.uniform(0.3, 0.9, 3))
    if rng.random() < 0.6:
        grain = smooth_field(crop.shape, rng.uniform(0.4, 1.2), rng)
        crop = crop + rng.uniform(0, 25) * grain
    return crop.astype(np.float32)


def background_crop(
    scans: list[Scan], size: int, rng: np.random.Generator, procedural: float = 0.3, organ: str | None = None
) -> np.ndarray:
    """A healthy crop, real or (in `procedural` of the draws) invented, as some scanner would have shown it.

    Args:
        scans: Real ones.
        size: Side of the crop, mm.
        rng: Source of randomness.
        procedural: Share of invented ones.
        organ: What is in the middle; anything if None. Invented, too, where no scan is known to show it.
    """
    if organ is None:
        crop = procedural_crop(size, rng) if not scans or rng.random() < procedural else real_crop(scans, size, rng)
        return scanned(crop, rng)
    if rng.random() < procedural or not any(organ in scan.organs for scan in scans):
        return seen(organ_crop(organ, size, rng), rng)
    return scanned(real_crop(scans, size, rng, organ), rng)
