"""Connected parts and holes of an image that is looked at slab by slab: those that scipy finds in the whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.spatial import slabs
from TextoMorphLib.spatial.geometry import TOUCHING


@pytest.mark.parametrize("structure", [None, TOUCHING])
@pytest.mark.parametrize("voxels", [1, 900, 10**6])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_parts_are_those_of_the_whole(
    structure: np.ndarray | None, voxels: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slabs, "SLAB_VOXELS", voxels)
    image = np.random.default_rng(1).random((20, 15, 37)) < share
    right, count = ndimage.label(image, structure)
    pieces = slabs.Pieces(lambda start, stop: image[..., start:stop], image.shape, structure)
    found = np.zeros(image.shape, int)
    for part, numbers in pieces:
        found[part] = numbers
    assert pieces.count == count
    assert len(np.unique(np.stack([found.ravel(), right.ravel()]), axis=1).T) == count + 1  # one number for another
    assert np.array_equal(found > 0, image)


@pytest.mark.parametrize("voxels", [1, 900])
def test_holes_are_those_of_the_whole(voxels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "SLAB_VOXELS", voxels)
    image = np.random.default_rng(2).random((18, 17, 25)) < 0.75
    made = slabs.filled(lambda start, stop: image[..., start:stop], image.shape)
    assert np.array_equal(made, ndimage.binary_fill_holes(image))
    assert made.sum() > image.sum()


def test_an_empty_image() -> None:
    nothing = np.zeros((4, 5, 6), bool)
    assert slabs.Pieces(lambda start, stop: nothing[..., start:stop], nothing.shape).count == 0
    assert not slabs.filled(lambda start, stop: nothing[..., start:stop], nothing.shape).any()
