"""Lesion matching, counted by hand; DSC and NSD against MONAI's own."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.lesions import dice, match, surface_dice

Box = tuple[int, int]
SHAPE = (30, 30, 30)
ONE = (1.0, 1.0, 1.0)


def boxes(*sides: tuple[Box, Box, Box]) -> np.ndarray:
    made = np.zeros(SHAPE, bool)
    for side in sides:
        made[tuple(slice(*ends) for ends in side)] = True
    return made


A = ((2, 8), (2, 8), (2, 8))  # 216 voxels
B = ((12, 18), (2, 8), (2, 8))
FAR = ((20, 24), (20, 24), (20, 24))  # 64 voxels, 4.96 mm: too small to count
CASES = {  # reference, prediction -> counted, found, found at IoU 0.1, missed, false positives, small
    "same": ([A], [A], (1, 1, 1, 0, 0, 0)),
    "missed": ([A, B], [A], (2, 1, 1, 1, 0, 0)),
    "false alarm": ([A], [A, B], (1, 1, 1, 0, 1, 0)),
    "both empty": ([], [], (0, 0, 0, 0, 0, 0)),
    "nothing predicted": ([A], [], (1, 0, 0, 1, 0, 0)),
    "healthy with an alarm": ([], [B], (0, 0, 0, 0, 1, 0)),
    # corner to corner is one lesion (26-connected)
    "touching at a corner": ([A, ((8, 14), (8, 14), (8, 14))], [A], (1, 1, 1, 0, 0, 0)),
    # a prediction in two pieces finds one lesion, and is no false alarm
    "split": ([A], [((2, 4), (2, 8), (2, 8)), ((6, 8), (2, 8), (2, 8))], (1, 1, 1, 0, 0, 0)),
    # one voxel is enough to be found; IoU 1/216 is not
    "one voxel": ([A], [((7, 8), (7, 8), (7, 8))], (1, 1, 0, 0, 0, 0)),
    # one predicted component over two lesions finds both: IoU 216/432 each with what lies between
    "merged": ([A, B], [((2, 18), (2, 8), (2, 8))], (2, 2, 2, 0, 0, 0)),
    "small apart": ([A, FAR], [FAR], (1, 0, 0, 1, 0, 1)),
    "at the edge": ([((0, 6), (0, 6), (0, 6))], [((0, 3), (0, 3), (0, 3))], (1, 1, 1, 0, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_counted_by_hand(name: str) -> None:
    reference, prediction, expected = CASES[name]
    found = match(boxes(*reference), boxes(*prediction), ONE)
    counted = found.counted
    assert (
        len(counted),
        sum(lesion.found for lesion in counted),
        sum(lesion.found_iou for lesion in counted),
        len(found.missed),
        len(found.false_positives),
        len(found.lesions) - len(counted),
    ) == expected


def test_sizes_places_and_overlaps() -> None:
    reference, prediction = boxes(A, B), boxes(((4, 8), (2, 8), (2, 8)), FAR)
    found = match(reference, prediction, (1.0, 1.0, 2.0))
    first = found.lesions[0]
    assert first.diameter_mm == pytest.approx((6 * 432 / np.pi) ** (1 / 3))
    assert (first.voxels, first.overlap, first.iou) == (216, 144, pytest.approx(144 / 216))
    assert first.box == tuple(slice(*ends) for ends in A)
    assert (found.reference == first.number).sum() == 216
    assert first.components == (found.predicted[5, 5, 5],)
    assert found.components[1].box == tuple(slice(*ends) for ends in FAR)
    assert found.components[1].false


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="voxels"):
        match(np.zeros((3, 3, 3)), np.zeros((3, 3, 4)), ONE)


@pytest.mark.parametrize("seed", range(4))
def test_dice_and_nsd_equal_monai(seed: int) -> None:
    import torch
    from monai.metrics.meandice import compute_dice
    from monai.metrics.surface_dice import compute_surface_dice
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    first, second = (ndimage.gaussian_filter(rng.standard_normal((24, 20, 16)), 2) > 0.05 for _ in range(2))
    first[:1], second[:1] = False, False
    spacing = tuple(rng.uniform(0.7, 3, 3).tolist())
    one, other = (torch.from_numpy(np.pad(mask, 2))[None, None] for mask in (first, second))
    assert dice(first, second) == pytest.approx(float(compute_dice(other, one)[0, 0]), abs=1e-6)
    theirs = compute_surface_dice(other, one, [2.0], include_background=True, spacing=spacing, use_subvoxels=True)
    assert surface_dice(first, second, spacing) == pytest.approx(float(theirs[0, 0]), abs=1e-4)


def test_surfaces_by_hand() -> None:
    slab, shifted = boxes(((5, 10), (0, 30), (0, 30))), boxes(((8, 13), (0, 30), (0, 30)))
    assert surface_dice(slab, slab, ONE) == 1
    assert surface_dice(slab, shifted, ONE, tolerance_mm=3.01) > surface_dice(slab, shifted, ONE, tolerance_mm=2)
    empty = boxes()
    assert (dice(empty, empty), surface_dice(empty, empty, ONE)) == (1, 1)
    assert (dice(slab, empty), surface_dice(slab, empty, ONE), surface_dice(empty, slab, ONE)) == (0, 0, 0)
