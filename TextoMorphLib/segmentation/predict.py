"""A whole scan through a segmenter: sliding window on the network's grid, back on the scan's own, tidied up.

What grows with the scan lies in files: probabilities on the network's grid, labels on the scan's. Memory holds the
planes that a row of windows sees, and slabs of the scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import on_disk
from TextoMorphLib.io.on_disk import let_go
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.device import autocast
from TextoMorphLib.segmentation.components import own_organ, restricted, tidied, tumours
from TextoMorphLib.segmentation.model import Segmenter, intensities
from TextoMorphLib.spatial.geometry import Box, grow, tight_box
from TextoMorphLib.spatial.grids import isotropic_grid, sampled_back, sampled_hu
from TextoMorphLib.spatial.slabs import slabs

OVERLAP = 0.75
LEAST_MM = 3.0
BODY_HU = -300.0
AROUND_ORGAN_MM = 20.0
WINDOWS = 4  # that the network sees at a time
SIGMA = 1 / 8  # of the Gaussian by which a window's voxels count, in sides of the window,
PLANES = 16  # of the network's grid that are sampled at a time
LEAST_WEIGHT = 1e-3  # and the least of it
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Segmentation:
    """What was found in a scan.

    Attributes:
        labels: uint8, the scan's shape, on disk: 1 organ, 2 and above the tumour classes.
        probability: uint8, the scan's shape, on disk, 0 to 255: of any tumour, where it counts; None if not asked for.
        dropped: Voxels of tumour outside the organ, and of too small components, that were left out.
        box: The part of the scan that was looked at.
    """

    labels: np.ndarray
    probability: np.ndarray | None
    dropped: dict[str, int]
    box: Box


def segment(
    segmenter: Segmenter,
    ct: Volume,
    organ: np.ndarray | None = None,
    overlap: float = OVERLAP,
    least_mm: float = LEAST_MM,
    restrict: bool = True,
    probability: bool = False,
    progress: Progress | None = None,
) -> Segmentation:
    """Segments the organ and its tumours in a scan.

    Args:
        segmenter: The model.
        ct: The scan, HU.
        organ: Boolean, the scan's shape: where tumours may be, and all that is looked at. The network's own organ
            decides where none is given.
        overlap: Of neighbouring windows, 0 up to below 1.
        least_mm: Components of a smaller equivalent diameter are left out.
        restrict: Whether tumours outside the organ are left out.
        probability: Whether the tumour's probability is wanted, too.
        progress: Called with (rows of windows done, rows in all); may return False to cancel.

    Raises:
        InputError: The organ's mask is empty or of another shape, or the overlap is out of range.
        Cancelled: `progress` returned False.
    """
    if not 0 <= overlap < 1:
        raise InputError(f"an overlap of {overlap:g} is out of range; use 0 to below 1, such as 0.75")
    box = _box(ct, organ)
    let_go(ct.data)
    found, affine = _probabilities(segmenter, ct, box, overlap, progress)
    labels, tumour = _back(found, affine, ct, box, keep=probability)
    dropped = {"outside_organ": 0, "too_small": 0}
    inner = labels[box]
    if restrict:
        allowed = own_organ(inner, ct.spacing) if organ is None else organ[box]
        dropped["outside_organ"] = restricted(inner, allowed, None if tumour is None else tumour[box])
    dropped["too_small"] = tidied(inner, ct.spacing, least_mm, organ is not None)
    return Segmentation(labels, tumour, dropped, box)


def _box(ct: Volume, organ: np.ndarray | None) -> Box:
    """The part of the scan to look at: the organ's surroundings, or the body."""
    if organ is not None:
        if organ.shape != ct.shape:
            raise InputError(f"the organ's mask has {organ.shape} voxels and the scan {ct.shape}")
        if not organ.any():
            raise InputError("the organ's mask is empty")
        return grow(tight_box(organ), np.ceil(AROUND_ORGAN_MM / ct.spacing), ct.shape)
    step = np.maximum((4 / ct.spacing).astype(int), 1)
    coarse = ct.data[:: step[0], :: step[1], :: step[2]] * ct.slope + ct.intercept > BODY_HU
    numbers, count = ndimage.label(ndimage.binary_opening(coarse, iterations=2))
    if not count:
        return grow((slice(0, ct.shape[0]), slice(0, ct.shape[1]), slice(0, ct.shape[2])), np.zeros(3), ct.shape)
    body = tight_box(numbers == 1 + int(np.bincount(numbers.ravel())[1:].argmax()))
    i, j, k = (slice(part.start * n, part.stop * n) for part, n in zip(body, step.tolist(), strict=True))
    return grow((i, j, k), 2 * step, ct.shape)


def _probabilities(
    segmenter: Segmenter, ct: Volume, box: Box, overlap: float, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Of organ and tumour classes: float16, [classes, X, Y, Z] on the network's grid, on disk; and the grid's affine.

    Windows are seen row by row along Z; what no further row sees is done.
    """
    patch = tuple(int(side) for side in segmenter.config["patch"])
    affine, shape = _grid(ct, box, float(segmenter.config["spacing_mm"]), patch)
    found = on_disk.zeros((1 + len(segmenter.classes), *shape), np.float16)
    along = [_starts(size, side, overlap) for size, side in zip(shape, patch, strict=True)]
    weight = _weights(patch)
    summed = np.zeros((len(found) + 1, *shape[:2], patch[2]), np.float32)  # the last channel: of the weights
    seen, low = np.zeros((*shape[:2], patch[2]), np.float32), -patch[2]
    for number, start in enumerate(along[2]):
        _flush(summed, found, low, start)
        _move_on(seen, start - low, lambda z, planes: _seen(segmenter, ct, affine, (*shape[:2], planes), z), start)
        low = start
        places = list(product(*along[:2]))
        for at in range(0, len(places), WINDOWS):
            if progress is not None and progress(number, len(along[2])) is False:
                raise Cancelled("cancelled")
            parts = [(slice(i, i + patch[0]), slice(j, j + patch[1])) for i, j in places[at : at + WINDOWS]]
            for (i, j), made in zip(parts, _looked_at(segmenter, [seen[part] for part in parts]), strict=True):
                summed[:-1, i, j] += made * weight
                summed[-1, i, j] += weight
    _flush(summed, found, low, low + patch[2])
    if progress is not None:
        progress(len(along[2]), len(along[2]))
    return found, affine


def _grid(ct: Volume, box: Box, spacing_mm: float, patch: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The network's grid over a box of the scan, a window large at the least: affine and shape."""
    affine, shape = isotropic_grid(ct, box, spacing_mm)
    i, j, k = (max(size, side) for size, side in zip(shape, patch, strict=True))
    affine[:3, 3] -= (np.array([i, j, k]) - shape) // 2 * spacing_mm
    return affine, (i, j, k)


def _starts(size: int, side: int, overlap: float) -> list[int]:
    """Where windows start along an axis; the last ends with it."""
    return [*range(0, size - side, max(int(side * (1 - overlap)), 1)), size - side]


def _weights(patch: tuple[int, ...]) -> np.ndarray:
    """How much each voxel of a window counts: a Gaussian around its centre."""
    weight = np.ones((1,) * len(patch), np.float32)
    for axis, side in enumerate(patch):
        away = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
        weight = weight * np.exp(-(away**2) / 2).astype(np.float32).reshape(np.roll((side, 1, 1), axis))
    return np.maximum(weight, LEAST_WEIGHT)


def _flush(summed: np.ndarray, found: np.ndarray, low: int, start: int) -> None:
    """Writes the planes from `low` to `start`, which are done, and moves the others to the front."""
    if low >= 0:
        done = summed[..., : start - low]
        found[..., low:start] = done[:-1] / done[-1]
        let_go(found)
        _move_on(summed, start - low, lambda _, planes: 0)


def _move_on(planes: np.ndarray, by: int, new: Callable[[int, int], Any], start: int = 0) -> None:
    """Moves planes to the front, in place, and puts `new` ones behind them, a few at a time."""
    side = planes.shape[-1]
    kept = max(side - by, 0)
    planes[..., :kept] = planes[..., side - kept :].copy()
    for at in range(kept, side, PLANES):
        end = min(at + PLANES, side)
        planes[..., at:end] = new(start + at, end - at)


def _seen(segmenter: Segmenter, ct: Volume, affine: np.ndarray, shape: tuple[int, ...], start: int) -> np.ndarray:
    """Some planes of the scan as the network sees them."""
    moved = affine.copy()
    moved[:3, 3] += affine[:3, 2] * start
    made = intensities(sampled_hu(ct, moved, shape), segmenter.config["window_hu"])
    let_go(ct.data)
    return made


@torch.inference_mode()
def _looked_at(segmenter: Segmenter, windows: list[np.ndarray]) -> np.ndarray:
    """Probabilities of organ and tumour classes in windows: [windows, classes, X, Y, Z]."""
    seen = torch.from_numpy(np.stack(windows))[:, None].to(segmenter.device)
    with autocast(segmenter.device):
        logits = segmenter.network(seen).float()
    return torch.softmax(logits, 1)[:, 1:].cpu().numpy()  # type: ignore[no-any-return]


def _back(
    found: np.ndarray, affine: np.ndarray, ct: Volume, box: Box, keep: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels, and the tumour's probability if it is kept, on the scan's own grid."""
    labels = on_disk.zeros(ct.shape, np.uint8)
    tumour = on_disk.zeros(ct.shape, np.uint8) if keep else None
    for part in _slabs(box):
        each = np.stack([sampled_back(channel, affine, ct, part) for channel in found])
        summed = each[1:].sum(0)
        nothing = 1 - each.sum(0)
        # Tumour against the rest first; which class is decided for a whole component later on.
        labels[part] = np.where(
            summed > np.maximum(nothing, each[0]), 2 + each[1:].argmax(0), np.where(each[0] > nothing, 1, 0)
        )
        if tumour is not None:
            tumour[part] = np.rint(255 * np.clip(summed, 0, 1))
            let_go(tumour)
        let_go(found, labels)
    if found.shape[0] > 2:
        _one_class_each(labels, found, affine, ct, box)
    return labels, tumour


def _slabs(box: Box) -> Iterator[Box]:
    """The slabs of a box of the scan."""
    low = box[2].start
    for start, stop in slabs(tuple(part.stop - part.start for part in box)):
        yield box[0], box[1], slice(low + start, low + stop)


def _one_class_each(labels: np.ndarray, found: np.ndarray, affine: np.ndarray, ct: Volume, box: Box) -> None:
    """Gives each component of tumour the class with the largest sum of probabilities in it."""
    inner = labels[box]
    pieces = tumours(inner)
    sums = np.zeros((len(found) - 1, pieces.count + 1))
    for part, (_, numbers) in zip(_slabs(box), pieces, strict=True):
        for at, channel in enumerate(found[1:]):
            chances = sampled_back(channel, affine, ct, part)
            sums[at] += np.bincount(numbers.ravel(), chances.ravel(), pieces.count + 1)
        let_go(found)
    values = 2 + sums.argmax(0)
    for part, numbers in pieces:
        inner[part] = np.where(numbers > 0, values[numbers], inner[part])
        let_go(labels)
