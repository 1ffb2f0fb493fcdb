"""What is kept of labels, and what is in them: components of organ and tumour, slab by slab and in place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from TextoMorphLib.io import on_disk
from TextoMorphLib.io.on_disk import let_go
from TextoMorphLib.spatial.geometry import TOUCHING, Box
from TextoMorphLib.spatial.slabs import Pieces, filled, slabs

OWN_ORGAN_SHARE = 0.25  # parts of the organ smaller than this share of the largest are no organ
NECK = 0.15  # of its greatest depth: what is thinner on both sides is a neck
COARSE_MM = 3.0  # the grid that it is looked at on


class Lesion(NamedTuple):
    """A component of tumour: its number, the value that most of it has, its voxels, and its centre in the scan."""

    number: int
    value: int
    voxels: int
    centre: np.ndarray


def tumours(labels: np.ndarray) -> Pieces:
    """The components of tumour in labels."""

    def seen(start: int, stop: int) -> np.ndarray:
        found: np.ndarray = labels[..., start:stop] > 1
        let_go(labels)
        return found

    return Pieces(seen, labels.shape, TOUCHING)


def own_organ(labels: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The network's organ with the tumours in it: its large parts, holes filled; on disk.

    What hangs on a part by a neck alone is none of it: a network that has seen little but the organ goes on from there
    into muscle, vessels and bowel. How thin a neck is goes by how deep the organ is, so that a pancreas keeps its tail.
    Looked at on a coarse grid, which keeps memory small.

    Args:
        labels: 0 elsewhere, 1 organ, 2 and above tumours.
        spacing: Of the voxels, mm.
    """
    step = np.maximum(np.round(COARSE_MM / spacing).astype(int), 1)
    coarse, sides = np.asarray(labels[:: step[0], :: step[1], :: step[2]]), step * spacing
    depth = ndimage.distance_transform_edt(np.pad(coarse > 0, 1), sampling=sides)[1:-1, 1:-1, 1:-1]
    neck = NECK * depth.max()
    numbers, count = ndimage.label(depth > neck, TOUCHING)
    sizes = np.bincount(numbers[coarse == 1], minlength=count + 1)  # tumour alone is no organ
    sizes[0] = 0
    core = (sizes >= max(OWN_ORGAN_SHARE * sizes.max(), 1))[numbers]
    near = ndimage.distance_transform_edt(~core, sampling=sides) <= neck + np.linalg.norm(sides) / 2
    near &= core.any()
    organ = on_disk.zeros(labels.shape, bool)
    i, j, k = (np.arange(size) // by for size, by in zip(labels.shape, step, strict=True))
    for start, stop in slabs(labels.shape):
        organ[..., start:stop] = (labels[..., start:stop] > 0) & near[np.ix_(i, j, k[start:stop])]
        let_go(organ, labels)
    return filled(lambda start, stop: organ[..., start:stop], labels.shape)


def restricted(labels: np.ndarray, allowed: np.ndarray, tumour: np.ndarray | None) -> int:
    """Leaves out tumour, and organ, where they are not allowed, in place; returns how many voxels of tumour."""
    left_out = 0
    for start, stop in slabs(labels.shape):
        part, no = np.s_[:, :, start:stop], ~allowed[..., start:stop]
        left_out += int(((labels[part] > 1) & no).sum())
        labels[part][no] = 0
        if tumour is not None:
            tumour[part][no] = 0
            let_go(tumour)
        let_go(labels, allowed)
    return left_out


def tidied(labels: np.ndarray, spacing: np.ndarray, least_mm: float, organ_given: bool) -> int:
    """Leaves out components that are too small, in place; returns how many voxels of tumour."""
    pieces = tumours(labels)
    sizes = np.zeros(pieces.count + 1, np.int64)
    for _, numbers in pieces:
        sizes += np.bincount(numbers.ravel(), minlength=len(sizes))
    small = sizes < np.pi / 6 * least_mm**3 / float(np.prod(spacing))
    small[0] = False
    if small.any():
        for part, numbers in pieces:
            labels[part][small[numbers]] = 1 if organ_given else 0
            let_go(labels)
    return int(sizes[small].sum())


def lesions(labels: np.ndarray, box: Box) -> list[Lesion]:
    """The components of tumour in labels of a box of the scan."""
    pieces = tumours(labels)
    count = pieces.count + 1
    most = 1 + max(int(labels[..., start:stop].max()) for start, stop in slabs(labels.shape))
    values, places = np.zeros(count * most, np.int64), np.zeros((3, count))
    for part, numbers in pieces:
        where = np.nonzero(numbers)
        own = numbers[where]
        values += np.bincount(own * most + labels[part][where], minlength=len(values))
        for axis, (at, first) in enumerate(zip(where, (0, 0, part[2].start), strict=True)):
            places[axis] += np.bincount(own, at + first, count)
        let_go(labels)
    by_value = values.reshape(count, most)
    sizes = by_value.sum(1)
    first = np.array([part.start for part in box])
    return [
        Lesion(number, int(by_value[number].argmax()), int(sizes[number]), places[:, number] / sizes[number] + first)
        for number in range(1, count)
    ]


def organ_voxels(labels: np.ndarray) -> int:
    """How many voxels of labels are organ."""
    found = 0
    for start, stop in slabs(labels.shape):
        found += int(np.count_nonzero(labels[..., start:stop] == 1))
        let_go(labels)
    return found
