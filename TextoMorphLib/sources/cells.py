"""Tumours that grow cell by cell, after "From Pixel to Cancer" (Lai et al., MICCAI 2024), from its description.

A voxel holds up to ten cells. Each step cells divide, full voxels invade their neighbours, and voxels deep among full
ones die off (necrosis). How willingly tissue is invaded depends on its HU: parenchyma is, vessels, fat and other organs
are less, and the organ's border is never crossed. Every step is decided by the seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from TextoMorphLib.sources import Insertion, span
from TextoMorphLib.sources.placement import DIAMETERS_MM, MOST_OF_PATCH
from TextoMorphLib.spatial.geometry import Box, grow, tight_box

FULL = 10  # cells in a voxel
INVASION, DIVISION, DEATH = 0.5, 0.7, 0.05  # chances a step
TISSUE_HU = 15.0  # how far from the parenchyma tissue is invaded half as willingly
MOST_STEPS = 300
SIX_CONNECTED = ndimage.generate_binary_structure(3, 1)


class Cells:
    """Grown tumours.

    Attributes:
        diameters_mm: Between which the tumour's size is drawn.
        contrast_hu: Between which the difference of a voxel full of cells to the organ is drawn.
        necrosis_hu: Between which the further difference of dead voxels is drawn.
    """

    def __init__(
        self,
        spacing_mm: float = 1.0,
        diameters_mm: Sequence[float] = DIAMETERS_MM,
        contrast_hu: tuple[float, float] = (-60.0, -15.0),
        necrosis_hu: tuple[float, float] = (-35.0, 0.0),
    ) -> None:
        self.spacing_mm, self.diameters_mm = spacing_mm, span("diameters_mm", diameters_mm, least=0.0)
        self.contrast_hu, self.necrosis_hu = span("contrast_hu", contrast_hu), span("necrosis_hu", necrosis_hu)

    def insert(self, patch: np.ndarray, organ: np.ndarray, rng: np.random.Generator) -> Insertion:
        """See `TumourSource.insert`."""
        most = MOST_OF_PATCH * min(patch.shape) * self.spacing_mm
        low, high = (min(mm, most) for mm in self.diameters_mm)
        diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        voxels = max(int(np.pi / 6 * (diameter / self.spacing_mm) ** 3), 1)
        willing = willingness(patch, organ)
        places = np.argwhere(organ & (willing > 0.5))
        places = places if len(places) else np.argwhere(organ)
        seed = tuple(int(n) for n in places[rng.integers(len(places))])
        cells, change = self._grown(willing, seed, voxels, rng)
        label = np.where(cells >= FULL // 2, 2, organ).astype(np.uint8)
        label[seed] = 2
        return Insertion((patch + change).astype(np.float32), label, "")

    def change(self, patch: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What is added to a patch to grow a tumour in a mask, from its deepest voxel on, HU, of its shape."""
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
        seed = tuple(int(n) for n in np.unravel_index(int(depth.argmax()), mask.shape))
        return self._grown(willingness(patch, mask), seed, int(np.count_nonzero(mask)), rng)[1]

    def _grown(
        self, willing: np.ndarray, seed: tuple[int, ...], voxels: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        cells, dead = grown(willing, seed, voxels, rng)
        density = ndimage.gaussian_filter(cells / np.float32(FULL), 0.7 / self.spacing_mm)
        change = density * rng.uniform(*self.contrast_hu)
        change += ndimage.gaussian_filter(dead.astype(np.float32), 1.0 / self.spacing_mm) * rng.uniform(
            *self.necrosis_hu
        )
        return cells, change


def willingness(patch: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """How easily each voxel is invaded, 0 to 1: 1 in parenchyma, less where HU differ, 0 outside the organ."""
    smooth = ndimage.gaussian_filter(patch, 1.0)
    away = (smooth - np.median(smooth[organ])) / TISSUE_HU
    return np.where(organ, 1 / (1 + away**2), 0).astype(np.float32)


def grown(
    willing: np.ndarray, seed: tuple[int, ...], voxels: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Grows a tumour.

    Args:
        willing: 0 to 1, how easily a voxel is invaded.
        seed: Where it starts.
        voxels: How many voxels it shall have; fewer if it cannot go on.
        rng: Decides each step.

    Returns:
        Cells in each voxel (uint8, 0 to 10), and where they are dead.
    """
    cells, dead = np.zeros(willing.shape, np.uint8), np.zeros(willing.shape, bool)
    cells[seed] = FULL
    for _ in range(MOST_STEPS):
        box = grow(tight_box(cells > 0), np.full(3, 2), willing.shape)
        _step(cells, dead, willing, box, rng)
        if np.count_nonzero(cells >= FULL // 2) >= voxels:
            break
    return cells, dead


def _step(cells: np.ndarray, dead: np.ndarray, willing: np.ndarray, box: Box, rng: np.random.Generator) -> None:
    own, gone, chance = cells[box], dead[box], willing[box]
    full = own >= FULL
    pressed = ndimage.convolve(full.astype(np.float32), SIX_CONNECTED.astype(np.float32), mode="constant") / 6
    drawn = rng.random(own.shape, np.float32)
    own[(own == 0) & (drawn < INVASION * chance * np.minimum(2 * pressed, 1))] = 1
    divided = (own > 0) & ~full & (drawn < DIVISION * (0.3 + 0.7 * chance))
    own[divided] = np.minimum(own[divided] + 2, FULL)
    deep = ndimage.binary_erosion(full, iterations=3)
    gone |= deep & (rng.random(own.shape, np.float32) < DEATH)
