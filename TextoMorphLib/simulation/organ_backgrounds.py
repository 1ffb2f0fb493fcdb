"""Invented anatomy of one organ: portal venous and other livers, kidneys of cortex and medulla, a pancreas in fat.

What is around the middle of a crop is the organ's own tissue, as it looks in the phases that it is scanned in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy import ndimage

from TextoMorphLib.simulation.anatomy_fields import smooth_field

FAT_HU = (-115.0, -80.0)
BLUR_MM = (0.5, 1.1)  # sigma of what a scanner makes of borders
T = TypeVar("T")


def organ_crop(organ: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Invented anatomy with an organ in its middle. HU, float32, `size` mm, without noise.

    Args:
        organ: One of `INVENTED`.
        size: Side of the cube, mm.
        rng: Source of randomness.
    """
    return np.asarray(ndimage.gaussian_filter(INVENTED[organ](size, rng), rng.uniform(*BLUR_MM)), np.float32)


def _liver(size: int, rng: np.random.Generator) -> np.ndarray:
    """Parenchyma with vessels, brighter or darker by the phase, and perhaps a border to fat, lung or another organ."""
    portal, arterial = (85.0, 130.0, 25.0, 75.0), (55.0, 85.0, -10.0, 90.0)
    low, high, least, most = _pick([portal, arterial, (35.0, 65.0, -20.0, -5.0)], [0.6, 0.2, 0.2], rng)
    shape = (size,) * 3
    ct = rng.uniform(low, high) + rng.uniform(0, 5) * smooth_field(shape, rng.uniform(8, 16), rng)
    for _ in range(rng.integers(0, 4)):
        ct += rng.uniform(least, most) * tube(shape, rng.uniform(8, 16), rng.uniform(0.06, 0.3), rng)
    if rng.random() < 0.5:
        other = _pick([rng.uniform(*FAT_HU), -850.0, rng.uniform(20, 200)], [0.5, 0.15, 0.35], rng)
        ct += (other - ct) * (smooth_field(shape, rng.uniform(8, 18), rng) > rng.uniform(0.7, 1.7))
    return np.asarray(ct)


def _kidney(size: int, rng: np.random.Generator) -> np.ndarray:
    """A bumpy ball of cortex with pyramids of medulla, fat and vessels in its sinus, and fat around it."""
    corticomedullary, nephrographic = (150.0, 250.0, 60.0, 120.0), (140.0, 240.0, 130.0, 230.0)
    phases = [corticomedullary, nephrographic, (28.0, 40.0, 26.0, 38.0)]
    low, high, least, most = _pick(phases, [0.35, 0.45, 0.2], rng)
    share = rng.random()
    cortex, medulla = low + share * (high - low), least + share * (most - least)
    shape = (size,) * 3
    radius = rng.uniform(26, 36)
    towards = rng.standard_normal(3)
    centre = (size - 1) / 2 - towards / np.linalg.norm(towards) * (radius - rng.uniform(-2, 18))
    grid = np.indices(shape, dtype=np.float32) - centre.astype(np.float32).reshape(3, 1, 1, 1)
    depth = radius - np.sqrt(np.square(grid).sum(0)) + rng.uniform(0.5, 2) * smooth_field(shape, 7.0, rng)
    pyramids = smooth_field(shape, rng.uniform(4, 6), rng) > -0.4
    inner = (depth > rng.uniform(5, 9)) & pyramids
    ct = np.where(inner, medulla, cortex) + rng.uniform(0, 4) * smooth_field(shape, 6.0, rng)
    fat = rng.uniform(*FAT_HU)
    sinus = depth + 2 * smooth_field(shape, 4.0, rng) > rng.uniform(17, 22)
    urine = fat + (rng.uniform(0, 15) - fat) * tube(shape, 9.0, rng.uniform(0.2, 0.6), rng)
    vessels = urine + rng.uniform(60, 200) * tube(shape, 9.0, rng.uniform(0.1, 0.3), rng)
    ct = np.where(sinus, np.minimum(vessels, cortex + 30), ct)
    return np.asarray(np.where(depth > 0, ct, _beyond(depth, fat, rng)))


def _pancreas(size: int, rng: np.random.Generator) -> np.ndarray:
    """A band of lobules in fat, fat between them, perhaps a duct, a vein along it and bowel beside it."""
    low, high, vein = _pick([(80.0, 125.0, 50.0), (95.0, 140.0, 20.0), (30.0, 50.0, 0.0)], [0.55, 0.25, 0.2], rng)
    level, shape = rng.uniform(low, high), (size,) * 3
    normal = rng.standard_normal(3)
    grid = np.indices(shape, dtype=np.float32) - np.float32((size - 1) / 2)
    across = np.tensordot(normal / np.linalg.norm(normal), grid, 1).astype(np.float32)
    half = rng.uniform(8, 18)
    across += rng.uniform(-0.6, 0.6) * half + rng.uniform(1, 4) * smooth_field(shape, 9.0, rng)
    depth = half - np.abs(across) + rng.uniform(0.5, 1.5) * smooth_field(shape, 3.0, rng)
    fat = rng.uniform(*FAT_HU)
    between = smooth_field(shape, rng.uniform(2, 4), rng) > rng.uniform(0.9, 3.0)
    gland = level + rng.uniform(2, 8) * smooth_field(shape, rng.uniform(2, 5), rng)
    ct = np.where(between, gland + rng.uniform(0.3, 1) * (fat - gland), gland)
    if rng.random() < 0.4:
        ct += (rng.uniform(5, 20) - ct) * tube(shape, 12.0, rng.uniform(0.05, 0.12), rng)
    ct = np.where(depth > 0, ct, _beyond(depth, fat, rng))
    if rng.random() < 0.6:
        along = np.hypot(across - half - rng.uniform(0, 3), 7 * smooth_field(shape, 12.0, rng))
        ct += (level + vein + rng.uniform(0, 40) - ct) / (1 + (along / rng.uniform(3, 5)) ** 8)
    return np.asarray(ct)


INVENTED: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "liver": _liver,
    "kidney": _kidney,
    "pancreas": _pancreas,
}


def tube(shape: tuple[int, ...], reach_mm: float, width: float, rng: np.random.Generator) -> np.ndarray:
    """Each voxel's share of a vessel: the crossing of two fields' zero surfaces is a line."""
    across = np.hypot(smooth_field(shape, reach_mm, rng), smooth_field(shape, reach_mm, rng))
    return np.asarray(1 / (1 + (across / width) ** 4))


def _beyond(depth: np.ndarray, fat: float, rng: np.random.Generator) -> np.ndarray:
    """Fat around an organ, and perhaps another organ beyond it."""
    around = np.full(depth.shape, fat, np.float32)
    if rng.random() < 0.6:
        other = (depth < -rng.uniform(2, 12)) & (smooth_field(depth.shape, 10.0, rng) > rng.uniform(-0.5, 1.0))
        around[other] = rng.uniform(10, 140)
    return around


def _pick(values: Sequence[T], odds: Sequence[float], rng: np.random.Generator) -> T:
    return values[int(rng.choice(len(values), p=odds))]
