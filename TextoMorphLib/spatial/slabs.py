"""Images that are worked on slab by slab along their last axis, so that memory holds a slab and not the scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from scipy import ndimage, sparse

from TextoMorphLib.io import on_disk
from TextoMorphLib.io.on_disk import let_go

SLAB_VOXELS = 4_000_000
Seen = Callable[[int, int], np.ndarray]  # planes from and to (exclusive) -> boolean, [X, Y, planes]


def slabs(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Planes from and to (exclusive) of the slabs of an image."""
    thick = max(1, SLAB_VOXELS // (shape[0] * shape[1]))
    ends = [*range(0, shape[2], thick), shape[2]]
    return list(pairwise(ends))


class Pieces:
    """The connected parts of an image, numbered from 1 on.

    Each slab is labelled by itself, with the last plane of the one before; parts with a voxel of that plane in common
    are one. Numbers are kept of parts alone: a slab is labelled again when it is asked for.

    Attributes:
        count: How many there are.
    """

    def __init__(self, seen: Seen, shape: tuple[int, ...], structure: np.ndarray | None = None) -> None:
        self.seen, self.slabs, self.structure = seen, slabs(shape), structure
        self.first, pairs, before = [0], [np.zeros((2, 0), np.int64)], None
        for start, stop in self.slabs:
            numbers, count = self._labelled(start, stop)
            if before is not None:
                shared = (numbers[..., 0] > 0) & (before > 0)
                both = np.stack([before[shared], numbers[..., 0][shared] + self.first[-1]])
                pairs.append(np.unique(both, axis=1))
            before = np.where(numbers[..., -1] > 0, numbers[..., -1].astype(np.int64) + self.first[-1], 0)
            self.first.append(self.first[-1] + count)
        one, other = np.concatenate(pairs, axis=1)
        size = self.first[-1] + 1
        links = sparse.coo_array((np.ones(len(one), bool), (one, other)), (size, size))
        found, self.root = sparse.csgraph.connected_components(links, directed=False)
        self.count = int(found) - 1  # number 0 is what is in no part: the first, and linked with nothing

    def __iter__(self) -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
        """Where each slab lies in the image, and its parts' numbers, 0 where there is none."""
        for (start, stop), first, end in zip(self.slabs, self.first[:-1], self.first[1:], strict=True):
            numbers, _ = self._labelled(start, stop)
            roots = np.concatenate([[0], self.root[first + 1 : end + 1]])
            yield np.s_[:, :, start:stop], roots[numbers[..., min(start, 1) :]]

    def _labelled(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        """A slab with the plane before it, if there is one."""
        seen = self.seen(max(start - 1, 0), stop)
        numbers, count = ndimage.label(seen.T, self.structure)  # quicker in the order in which it lies in memory
        return numbers.T, int(count)


def filled(seen: Seen, shape: tuple[int, ...]) -> np.ndarray:
    """An image with its holes filled: boolean, on disk."""
    outside = Pieces(lambda start, stop: ~seen(start, stop), shape)
    open_ = np.zeros(outside.count + 1, bool)
    for (*_, planes), numbers in outside:
        ends = [numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]
        ends += [numbers[..., 0]] if planes.start == 0 else []
        ends += [numbers[..., -1]] if planes.stop == shape[2] else []
        for end in ends:
            open_[np.unique(end)] = True
    made = on_disk.zeros(shape, bool)
    for part, numbers in outside:
        made[part] = (numbers == 0) | ~open_[numbers]
        let_go(made)
    return made
