"""A digital abdomen: a CT that is at hand without a download, for the demo offline and for tests."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.anatomy_fields import smooth_field

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SHAPE = (332, 244, 56)
SPACING_MM = (0.9, 0.9, 2.5)
NOISE_HU = 12.0
AIR, FAT, MUSCLE = -1000.0, -100.0, 55.0
LIVER, PANCREAS, SPLEEN, KIDNEY, AORTA, VEIN = 105.0, 95.0, 120.0, 165.0, 160.0, 145.0


@lru_cache(maxsize=1)
def phantom(seed: int = 0) -> tuple[Volume, dict[str, Mask]]:
    """A portal-venous CT of an abdomen made of ellipsoids, with liver vessels, blurred edges and correlated noise.

    Args:
        seed: Decides the liver's vessels, the tissues' unevenness and the noise.

    Returns:
        The scan (int16 HU, 0.9 x 0.9 x 2.5 mm, index growing to Left, Posterior, Superior as scanners write it) and
        the masks of liver, pancreas, kidney (both), spleen and aorta. All who ask get the same, to be read alone.
    """
    rng = np.random.default_rng(seed)
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(SHAPE, SPACING_MM, strict=True)]
    right, anterior, superior = np.ix_(-axes[0], -axes[1], axes[2])

    def ellipsoid(centre: tuple[float, float, float], half: tuple[float, float, float]) -> Mask:
        (x, y, z), (a, b, c) = centre, half
        inside: Mask = ((right - x) / a) ** 2 + ((anterior - y) / b) ** 2 + ((superior - z) / c) ** 2 <= 1
        return inside

    def along_spine(centre: tuple[float, float], half: tuple[float, float]) -> Mask:
        return ellipsoid((*centre, 0), (*half, np.inf))

    cavity = along_spine((0, 5), (112, 76))
    kidneys = [((62, -42, -28), (24, 20, 36)), ((-62, -40, -20), (24, 20, 36))]
    kidney = np.logical_or.reduce([ellipsoid(*place) for place in kidneys])
    around_kidney = np.logical_or.reduce([ellipsoid(centre, (30, 25, 42)) for centre, _ in kidneys])
    liver = ellipsoid((66, 8, 22), (60, 66, 62)) | ellipsoid((8, 42, 36), (52, 28, 28))
    liver &= cavity & ~around_kidney & ~along_spine((0, -45), (34, 32))
    spleen = ellipsoid((-84, -12, 30), (27, 36, 36)) & cavity & ~around_kidney
    parts = [((-42, 2, 0), (26, 11, 12)), ((-12, 8, -4), (26, 11, 12)), ((18, 2, -12), (20, 13, 18))]
    pancreas = np.logical_or.reduce([ellipsoid(*part) for part in parts]) & ~liver & ~around_kidney
    aorta = along_spine((-9, -24), (10, 10))

    hu = np.full(SHAPE, AIR, np.float32)
    for tissue, value in (
        (along_spine((0, 0), (142, 102)), FAT),
        (along_spine((0, 2), (126, 88)), MUSCLE),
        (cavity, FAT),
        (along_spine((36, -66), (30, 20)), MUSCLE),
        (along_spine((-36, -66), (30, 20)), MUSCLE),
        (along_spine((0, -52), (21, 18)), 420.0),  # the vertebrae's cortex
        (along_spine((0, -52), (18, 15)), 180.0),
        (liver, LIVER),
        (liver & _vessels(right, anterior, superior, rng), VEIN),
        (spleen, SPLEEN),
        (pancreas, PANCREAS),
        (kidney, KIDNEY),
        (along_spine((16, -22), (11, 9)), VEIN),  # vena cava
        (aorta, AORTA),
    ):
        hu[tissue] = value
    affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
    affine[:3, 3] = [-axes[0][0], -axes[1][0], axes[2][0]]
    stored = _scanned(hu, rng)
    organs = {"liver": liver, "pancreas": pancreas, "kidney": kidney, "spleen": spleen, "aorta": aorta}
    for array in (stored, *organs.values()):
        array.flags.writeable = False
    return Volume.from_array(stored, affine), organs


def _scanned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissues as a scanner sees them: blurred, uneven, with noise, int16."""
    hu = ndimage.gaussian_filter(hu, (0.7, 0.7, 0.4))
    hu += np.where(hu > 0, 3 * smooth_field(SHAPE, 4.0, rng), 0)
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE, np.float32), (0.8, 0.8, 0), mode="wrap")
    hu += NOISE_HU / noise.std() * noise
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _vessels(right: Any, anterior: Any, superior: Any, rng: np.random.Generator) -> Mask:
    """The portal vein's branches, from the liver's hilum outwards."""
    vessels = np.zeros(SHAPE, bool)
    tips = [(np.array([26.0, 8.0, 14.0]), np.array([0.9, 0.1, 0.4]), 5.0)]
    while tips:
        start, direction, radius = tips.pop()
        way = 5 * radius * direction / np.linalg.norm(direction)
        middle, reach = start + way / 2, np.abs(way) / 2 + radius
        box = tuple(
            np.flatnonzero(np.abs(np.ravel(axis) - at) <= far)
            for axis, at, far in zip((right, anterior, superior), middle, reach, strict=True)
        )
        if all(len(part) for part in box):
            x, y, z = right[box[0]] - start[0], anterior[:, box[1]] - start[1], superior[:, :, box[2]] - start[2]
            share = np.clip((x * way[0] + y * way[1] + z * way[2]) / (way @ way), 0, 1)
            near = (x - share * way[0]) ** 2 + (y - share * way[1]) ** 2 + (z - share * way[2]) ** 2
            vessels[np.ix_(*box)] |= near <= radius**2
        if radius > 1.5:
            tips += [(start + way, way / np.linalg.norm(way) + rng.normal(0, 0.6, 3), radius * 0.78) for _ in "ab"]
    return vessels
