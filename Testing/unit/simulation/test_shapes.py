"""Lesion shapes: the size asked for, one piece, a true distance, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.simulation.shapes import lesion_depth


@pytest.mark.parametrize("irregularity", [0.0, 1.0])
@pytest.mark.parametrize("diameter_mm", [4.0, 12.0, 40.0])
def test_a_shape_is_one_piece_of_the_size_asked_for(diameter_mm: float, irregularity: float) -> None:
    size = int(diameter_mm) + 24
    mask = lesion_depth((size, size + 2, size), diameter_mm, irregularity, np.random.default_rng(4)) > 0
    assert ndimage.label(mask)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(mask), mask)
    assert mask.sum() == pytest.approx(np.pi / 6 * diameter_mm**3, rel=0.1)


def test_depth_is_the_distance_to_the_border() -> None:
    depth = lesion_depth((40, 40, 40), 16.0, 0.5, np.random.default_rng(5))
    voxel = np.unravel_index(depth.argmax(), depth.shape)
    outside = np.argwhere(depth < 0)
    nearest = np.sqrt(np.square(outside - voxel).sum(axis=1).min())
    assert depth.max() == pytest.approx(nearest - 0.5, abs=1e-4)
    assert depth.dtype == np.float32
    assert np.abs(depth).min() == 0.5


def test_irregular_shapes_have_more_surface() -> None:
    def surface(irregularity: float) -> int:
        depth = lesion_depth((56, 56, 56), 30.0, irregularity, np.random.default_rng(6))
        return int(np.count_nonzero((depth > 0) & (depth < 1)))

    assert surface(1.0) > 1.1 * surface(0.0)


def test_a_seed_gives_one_shape() -> None:
    one, same, other = (lesion_depth((32, 32, 32), 14.0, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
