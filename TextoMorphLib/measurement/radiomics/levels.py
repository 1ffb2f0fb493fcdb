"""A lesion's voxels as grey levels, and who is whose neighbour: what all texture matrices are counted from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

BIN_WIDTH_HU = 25.0
# Half of the 26 neighbours; the others lie opposite.
DIRECTIONS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


@dataclass(frozen=True)
class GreyLevels:
    """Grey levels of a lesion on its box with one voxel around, flattened.

    A neighbour is always at the same distance in the flat array, and what lies around the lesion is level 0.

    Attributes:
        grid: Levels, 1 and up in the lesion, 0 outside it.
        strides: Distance in `grid` from a voxel to its neighbour in each of `DIRECTIONS`.
        present: The levels that occur, ascending.
        count: How many voxels have each of `present`.
    """

    grid: np.ndarray
    strides: tuple[int, ...]
    present: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, hu: np.ndarray, mask: np.ndarray, bin_width: float) -> GreyLevels:
        """Bins of a fixed width that start at a multiple of it; the lowest that occurs is level 1."""
        kept = tuple(np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
        box = tuple(slice(found[0], found[-1] + 1) for found in kept)
        inside, values = mask[box], np.floor(hu[box].astype(np.float64) / bin_width)
        grid = np.pad(np.where(inside, values - values[inside].min() + 1, 0).astype(np.int64), 1)
        _, rows, columns = grid.shape
        thin = np.array(inside.shape) == 1  # no direction leads out of a lesion of a single slice
        steps = [step for step in DIRECTIONS if not np.any(thin & (np.array(step) != 0))]
        strides = tuple(x * rows * columns + y * columns + z for x, y, z in steps)
        flat = grid.ravel()
        present, count = np.unique(flat[flat > 0], return_counts=True)
        return cls(flat, strides, present, count)

    @property
    def ranks(self) -> np.ndarray:
        """The grid with each level's place among those present, counted from 1; 0 outside."""
        return np.where(self.grid > 0, np.searchsorted(self.present, self.grid) + 1, 0)

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """In each direction, the indices of the voxels with a neighbour in the lesion, and of that neighbour."""
        inside = self.grid > 0
        for stride in self.strides:
            first = np.flatnonzero(inside[:-stride] & inside[stride:])
            yield first, first + stride


def entropy(shares: np.ndarray, axis: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Of shares that sum to 1, in bits; a share of 0 adds nothing."""
    return -np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0)), axis=axis)
