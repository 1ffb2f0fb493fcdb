"""Healthy crops to put lesions in: real scans, procedural anatomy, and what scanners and contrast make of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.simulation.anatomy_fields import smooth_field

AIR_HU = -1000
PARENCHYMA_HU = (0.0, 200.0)


@dataclass(frozen=True)
class Scan:
    """A scan on a 1 mm RAS grid, and where in it lesions may go."""

    name: str
    ct: np.ndarray  # int16 HU
    sites: np.ndarray  # [N, 3] voxels amid homogeneous soft tissue


def load_scans(folder: Path, names: list[str]) -> list[Scan]:
    """Reads the scans of a training set.

    Args:
        folder: Where they lie.
        names: File names in it.

    Raises:
        InputError: A scan is missing or is no CT in HU.
    """
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise InputError(
            f"not found in {folder}: {', '.join(missing)}; give the folder of the training CTs with --data"
        )
    return [load_scan(folder / name) for name in names]


def load_scan(path: Path) -> Scan:
    """Reads a scan and finds where in it lesions may go.

    Raises:
        InputError: It is no CT in HU.
    """
    volume = Volume.read(path)
    check_ct(volume)
    ct = on_1mm_grid(volume)
    coarse = ndimage.zoom(
        ndimage.gaussian_filter(ct.astype(np.float32), 2.0), 0.25, order=0, grid_mode=True, mode="nearest"
    )
    parenchyma = (coarse > PARENCHYMA_HU[0]) & (coarse < PARENCHYMA_HU[1])
    inside = ndimage.uniform_filter(parenchyma.astype(np.float32), 3) > 0.75  # mostly soft tissue within 6 mm
    return Scan(path.name, ct, (np.argwhere(inside & parenchyma) * 4).astype(np.int32))


def on_1mm_grid(volume: Volume) -> np.ndarray:
    """The whole scan as int16 HU on a 1 mm isotropic RAS grid."""
    corners = np.array(np.meshgrid(*[[0, n - 1] for n in volume.shape])).reshape(3, -1)
    world = volume.affine[:3, :3] @ corners + volume.affine[:3, 3:]
    low, high = world.min(1), world.max(1)
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


def real_crop(scans: list[Scan], size: int, rng: np.random.Generator) -> np.ndarray:
    """A cube around a random site of a random scan, mirrored and turned at random. HU, float32, `size` mm."""
    scan = scans[rng.integers(len(scans))]
    centre = scan.sites[rng.integers(len(scan.sites))] + rng.integers(0, 4, 3)
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
    fat, water = rng.normal(0, 5, 2)
    organ = rng.uniform(35, 75)
    bright = organ + rng.uniform(50, 140)
    if rng.random() < 0.7:
        crop = np.interp(crop, [-1000, -100, 0, 50, 150, 1500], [-1000, -100 + fat, water, organ, bright, 1500]) * 1.0
        crop = crop + (crop > -20) * rng.uniform(-5, 60) * np.clip((crop + 20) / 60, 0, 1)
    if rng.random() < 0.3:
        crop = ndimage.gaussian_filter(crop, rng.uniform(0.3, 0.9, 3))
    if rng.random() < 0.6:
        grain = smooth_field(crop.shape, rng.uniform(0.4, 1.2), rng)
        crop = crop + rng.uniform(0, 25) * grain
    return crop.astype(np.float32)


def background_crop(scans: list[Scan], size: int, rng: np.random.Generator, procedural: float = 0.3) -> np.ndarray:
    """A healthy crop, real or (in `procedural` of the draws) invented, as some scanner would have shown it."""
    crop = procedural_crop(size, rng) if not scans or rng.random() < procedural else real_crop(scans, size, rng)
    return scanned(crop, rng)
