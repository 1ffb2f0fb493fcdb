"""Lesions of a reference against those of a prediction: who is found, what is a false alarm, how well borders agree.

The rules, which every table prints (`RULES`), are ours: published figures by size come without any.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.spatial.geometry import TOUCHING, Box, ball_mm, tight_box

LEAST_MM, LEAST_VOXELS = 5.0, 10  # reference lesions below either are counted apart
LEAST_IOU = 0.1
TOLERANCE_MM = 2.0

RULES = (
    "Lesions are 26-connected components of the tumour's label; their diameter is that of a ball of the same volume, "
    "(6V/pi)^(1/3).",
    "A reference lesion is found if any voxel of it is predicted; also counted: with an IoU of at least 0.1 with all "
    "predicted components that touch it, taken together.",
    "Reference lesions under 5 mm or under 10 voxels are counted apart: neither found nor missed in the other figures.",
    "A false positive is a predicted component without a voxel in common with any reference lesion, small ones "
    "included.",
    "DSC and NSD are of all tumour voxels of a scan: 1 where reference and prediction are both empty, 0 where one is.",
)


@dataclass(frozen=True)
class Component:
    """A connected component of either.

    Attributes:
        number: Its number in `Matching.reference` or `Matching.predicted`.
        value: Its class: that of its voxels in the reference, of most of them in the prediction.
        voxels: Its size.
        diameter_mm: Of the ball with its volume.
        box: The smallest box around it.
        overlap: Voxels of it that are in the other, too.
    """

    number: int
    value: int
    voxels: int
    diameter_mm: float
    box: Box
    overlap: int


@dataclass(frozen=True)
class Lesion(Component):
    """A lesion of the reference.

    Attributes:
        iou: With all predicted components that touch it, taken together.
        components: Numbers of these in `Matching.predicted`.
    """

    iou: float
    components: tuple[int, ...]

    @property
    def small(self) -> bool:
        """Too small to count with the others."""
        return self.diameter_mm < LEAST_MM or self.voxels < LEAST_VOXELS

    @property
    def found(self) -> bool:
        """Whether any of it is predicted."""
        return self.overlap > 0

    @property
    def found_iou(self) -> bool:
        """Whether the prediction covers it to some degree."""
        return self.iou >= LEAST_IOU


@dataclass(frozen=True)
class Prediction(Component):
    """A component of the prediction.

    Attributes:
        lesions: Numbers of the reference lesions that it touches.
    """

    lesions: tuple[int, ...]

    @property
    def false(self) -> bool:
        """Whether it is a false alarm."""
        return self.overlap == 0


@dataclass(frozen=True)
class Matching:
    """Which lesions belong to which.

    Attributes:
        reference: int32, the scan's shape: numbers of the reference's lesions, 0 elsewhere.
        predicted: The same of the prediction's components.
        lesions: Of the reference.
        components: Of the prediction.
    """

    reference: np.ndarray
    predicted: np.ndarray
    lesions: tuple[Lesion, ...]
    components: tuple[Prediction, ...]

    @property
    def counted(self) -> tuple[Lesion, ...]:
        """The reference's lesions without the small ones."""
        return tuple(lesion for lesion in self.lesions if not lesion.small)

    @property
    def missed(self) -> tuple[Lesion, ...]:
        """Counted lesions of which nothing is predicted."""
        return tuple(lesion for lesion in self.counted if not lesion.found)

    @property
    def false_positives(self) -> tuple[Prediction, ...]:
        """Predicted components that touch no lesion."""
        return tuple(component for component in self.components if component.false)


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The 26-connected components of what is above 0: their numbers from 1 (int32, 0 elsewhere), and how many.

    Parts with different values are components of their own, though they touch.
    """
    mask = np.asarray(mask)
    values = [True] if mask.dtype == bool else [value for value in np.unique(mask).tolist() if value > 0]
    numbers, count = np.zeros(mask.shape, np.int32), 0
    for value in values:
        found, more = ndimage.label(mask == value, TOUCHING)
        numbers += np.where(found > 0, found + count, 0).astype(np.int32) if count else found
        count += int(more)
    return numbers, count


def match(reference: np.ndarray, prediction: np.ndarray, spacing: Sequence[float] | np.ndarray) -> Matching:
    """Matches predicted components with the lesions of a reference.

    Args:
        reference: 3D, above 0 (or True) where tumours are; lesions of different values are different ones, though
            they touch.
        prediction: The same, of the same shape, where they were predicted; what touches is one component, and has the
            value that most of it has.
        spacing: Voxel size in mm along each axis.

    Raises:
        InputError: The shapes differ.
    """
    if reference.shape != prediction.shape:
        raise InputError(f"the prediction has {prediction.shape} voxels and the reference {reference.shape}")
    voxel = float(np.prod(spacing))
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    first, second = reference > 0, prediction > 0
    if not (first.any() or second.any()):
        empty = np.zeros(first.shape, np.int32)
        return Matching(empty, empty.copy(), (), ())
    around = _joint_box(first, second)
    true, true_count = components(reference[around])
    seen, seen_count = components(second[around])
    true_sizes = np.bincount(true.ravel(), minlength=true_count + 1)
    seen_sizes = np.bincount(seen.ravel(), minlength=seen_count + 1)
    both = (true > 0) & (seen > 0)
    pairs, shared = np.unique(np.stack([true[both], seen[both]]), axis=1, return_counts=True)

    lesions = []
    for number, inner in enumerate(ndimage.find_objects(true), start=1):
        box = _outer(inner, around)
        own = pairs[0] == number
        touching, overlap = pairs[1][own], int(shared[own].sum())
        union = int(true_sizes[number]) + int(seen_sizes[touching].sum()) - overlap
        size = int(true_sizes[number])
        value = int(reference[around][inner][true[inner] == number][0])
        diameter = ball_mm(size * voxel)
        lesions.append(
            Lesion(
                number, value, size, diameter, box, overlap, overlap / union, tuple(int(other) for other in touching)
            )
        )
    predicted = []
    for number, inner in enumerate(ndimage.find_objects(seen), start=1):
        box = _outer(inner, around)
        own = pairs[1] == number
        size = int(seen_sizes[number])
        value = int(np.bincount(prediction[around][inner][seen[inner] == number].astype(int)).argmax())
        diameter = ball_mm(size * voxel)
        touched = tuple(int(other) for other in pairs[0][own])
        predicted.append(Prediction(number, value, size, diameter, box, int(shared[own].sum()), touched))
    whole = [np.zeros(first.shape, np.int32) for _ in range(2)]  # pages that stay zero take no memory
    whole[0][around], whole[1][around] = true, seen
    return Matching(whole[0], whole[1], tuple(lesions), tuple(predicted))


def _joint_box(first: np.ndarray, second: np.ndarray) -> Box:
    """The smallest box that holds two masks, one of which may be empty."""
    boxes = [tight_box(mask) for mask in (first, second) if mask.any()]
    i, j, k = (
        slice(min(part.start for part in ends), max(part.stop for part in ends)) for ends in zip(*boxes, strict=True)
    )
    return i, j, k


def _outer(inner: Box, around: Box) -> Box:
    """A box of the box `around`, in the whole array."""
    i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(around, inner, strict=True))
    return i, j, k


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Dice similarity coefficient (DSC) of two masks: 1 if both are empty, 0 if one is."""
    total = np.count_nonzero(reference) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero((reference > 0) & (prediction > 0)) / total if total else 1.0


def surface_dice(
    reference: np.ndarray,
    prediction: np.ndarray,
    spacing: Sequence[float] | np.ndarray,
    tolerance_mm: float = TOLERANCE_MM,
) -> float:
    """Normalised surface distance (NSD): the share of both surfaces within a tolerance of the other one.

    Surface elements of marching cubes, as DeepMind's surface-distance weighs them (MONAI's `use_subvoxels`).

    Args:
        reference: Mask, 3D.
        prediction: Mask of the same shape.
        spacing: Voxel size in mm.
        tolerance_mm: Distance that does not count.

    Returns:
        0 to 1; 1 if both are empty, 0 if one is.
    """
    first, second = np.asarray(reference) > 0, np.asarray(prediction) > 0
    if not (first.any() and second.any()):
        return float(first.any() == second.any())
    try:
        import torch
        from monai.metrics.surface_dice import compute_surface_dice
    except ImportError as error:
        raise InputError("the NSD needs MONAI; install it with: pip install monai") from error

    box = _joint_box(first, second)
    one, other = (torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (first, second))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI about a call of its own
        found = compute_surface_dice(
            other,
            one,
            [tolerance_mm],
            include_background=True,
            spacing=tuple(float(mm) for mm in spacing),
            use_subvoxels=True,
        )
    return float(found[0, 0])
