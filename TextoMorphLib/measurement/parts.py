"""What lies inside a lesion, measured: fat, gas, levels, nodules, rings and scars.

All from the scan and the mask alone, on a 1 mm grid with axes to Right, Anterior and Superior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.patient_position import ON_BACK, Up
from TextoMorphLib.spatial.geometry import grow, tight_box

LEAST_VOXELS = 60  # of what is compared
FAT_HU = (-150.0, -25.0)  # after smoothing, which noise does not reach in soft tissue
GAS_HU = -160.0
NEAR_GAS = 2  # voxels, in which gas is blurred with what lies around it
BORDER_MM = (1.5, 0.3)  # what is nearer to the border, or this share of the deepest point's depth, is mixed with it
OUTER = 0.45  # relative depth up to which a lesion's border zone reaches, and
INNER = 0.55  # from which its inside does
HIGH, LOW = 0.92, 0.3  # quantiles of a zone
FLUID = 0.2  # quantile of what is inside that is fluid, in a cyst
NODULE = 0.2  # sigma, in units of the deepest point's depth, at which a nodule is told
RINGS = 10  # layers of relative depth that a target is told by


@dataclass(frozen=True)
class Parts:
    """What lies inside; NaN where a lesion is too small for it.

    Attributes:
        fat_fraction: Share of its inside that is fat: -150 to -25 HU after smoothing by 1 mm, away from gas.
        gas_fraction: Share of it that is gas: under -160 HU.
        level_hu: The dependent quarter of its inside (the posterior one, on the back) minus the opposite one.
        nodule_hu: How far the brightest compact part of its inside stands out of its median.
        globules_hu: By how much more its border zone varies along the border than its inside does.
        target_hu: By how much a ring within it is brighter than both the border zone and the centre.
        scar_hu: The deepest part minus the zone around it.
        fluid_hu: The darker half of its inside, without gas: a cyst's fluid beside sediment, nodules and septa.
    """

    fat_fraction: float
    gas_fraction: float
    level_hu: float
    nodule_hu: float
    globules_hu: float
    target_hu: float
    scar_hu: float
    fluid_hu: float


def parts(
    scan: np.ndarray,
    inside: np.ndarray,
    soft: np.ndarray,
    depth: np.ndarray,
    wall_mm: float = 0.0,
    up: Up = ON_BACK,
) -> Parts:
    """Measures what lies inside a lesion.

    Args:
        scan: HU, on a 1 mm grid.
        inside: Boolean, of the same shape: the lesion.
        soft: Boolean: where calcium does not brighten the scan.
        depth: Signed distance to the border, mm, positive inside.
        wall_mm: How far a thick wall reaches inwards, and what it blurs: no fluid is looked for there.
        up: Which way is up in the patient.
    """
    box = grow(tight_box(inside), np.full(3, 6), scan.shape)
    scan, inside, soft, depth = scan[box], inside[box], soft[box], depth[box]
    deepest = float(depth.max())
    smooth = ndimage.gaussian_filter(scan, 1.0)
    gas = inside & (ndimage.gaussian_filter(scan, 0.6) < GAS_HU)
    away = ~ndimage.binary_dilation(gas, iterations=NEAR_GAS) if gas.any() else np.ones_like(gas)
    whole = inside & (depth > min(BORDER_MM[0], BORDER_MM[1] * deepest))
    fat = whole & away & (smooth > FAT_HU[0]) & (smooth < FAT_HU[1])
    plain = whole & away & soft
    relative = depth / max(deepest, 1e-6)
    fluid = plain & (relative > 0.3)
    return Parts(
        fat_fraction=_share(fat, whole),
        gas_fraction=_share(gas, inside),
        level_hu=_level(smooth, plain & (relative > 0.25), up),
        nodule_hu=_nodule(scan, plain & (relative > 0.25), relative > 0.42, deepest),
        globules_hu=_globules(scan, plain, relative),
        target_hu=_target(scan, plain, relative),
        scar_hu=_difference(smooth, plain & (relative > 0.84), plain & (relative > 0.4) & (relative < 0.7)),
        fluid_hu=_quantile(smooth, fluid & (depth > min(wall_mm, 0.8 * deepest))),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(int(np.count_nonzero(part)) / max(int(np.count_nonzero(whole)), 1))


def _difference(values: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    if not one.any() or np.count_nonzero(other) < LEAST_VOXELS:
        return float("nan")
    return float(values[one].mean() - np.median(values[other]))


def _quantile(smooth: np.ndarray, where: np.ndarray) -> float:
    return float(np.quantile(smooth[where], FLUID)) if where.any() else float("nan")


def _level(smooth: np.ndarray, where: np.ndarray, up: Up) -> float:
    if np.count_nonzero(where) < LEAST_VOXELS:
        return float("nan")
    axis, way = up
    height = way * np.nonzero(where)[axis]
    low, high = np.quantile(height, (0.25, 0.75))
    values = smooth[where]
    return float(np.median(values[height <= low]) - np.median(values[height >= high]))


def _nodule(scan: np.ndarray, where: np.ndarray, lumen: np.ndarray, deepest: float) -> float:
    """Smoothed as coarsely as a nodule is large, within the lesion alone: sheets and specks fade."""
    if np.count_nonzero(where & lumen) < LEAST_VOXELS:
        return float("nan")
    smooth = _within(scan, where, max(NODULE * deepest, 1.5))
    return float(smooth[where & lumen].max() - np.median(smooth[where]))


def _globules(scan: np.ndarray, plain: np.ndarray, relative: np.ndarray) -> float:
    smooth = ndimage.gaussian_filter(scan, 1.5)
    border, inner = plain & (relative < OUTER), plain & (relative > INNER)
    if min(np.count_nonzero(border), np.count_nonzero(inner)) < LEAST_VOXELS:
        return float("nan")

    def spread(where: np.ndarray) -> float:
        low, high = np.quantile(smooth[where], (LOW, HIGH))
        return float(high - low)

    return spread(border) - spread(inner)


def _target(scan: np.ndarray, plain: np.ndarray, relative: np.ndarray) -> float:
    layer = np.clip((relative * RINGS).astype(int), 0, RINGS - 1)
    count = np.bincount(layer[plain], minlength=RINGS)
    if (count[2:9] == 0).any():
        return float("nan")
    mean = np.bincount(layer[plain], scan[plain], minlength=RINGS) / np.maximum(count, 1)
    ring = 3 + int(mean[3:7].argmax())
    centre = scan[plain & (relative > 0.8)]
    return float(mean[ring] - max(mean[2], np.median(centre) if centre.size else mean[-2]))


def _within(scan: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """Smoothed over some voxels alone."""
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma)
    level = np.float32(scan[where].mean())
    total = ndimage.gaussian_filter(np.where(where, scan - level, 0).astype(np.float32), sigma)
    return np.asarray(level + total / np.maximum(weight, 0.05))
