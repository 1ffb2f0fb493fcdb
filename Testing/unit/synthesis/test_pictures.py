"""Figures: what they show lies where it should, whatever the scan's orientation."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from matplotlib.image import imread

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.synthesis import pictures
from TextoMorphLib.synthesis.pictures import View

RAS = np.diag([1.0, 2.0, 4.0, 1.0])


def scan(affine: np.ndarray) -> tuple[Volume, np.ndarray]:
    """Air with one bright voxel to the Right, front and head of a lesion, in any axis order."""
    hu = np.full((40, 30, 20), -1000, np.int16)
    hu[30, 20, 14] = 300
    mask = np.zeros(hu.shape, bool)
    mask[18:22, 13:17, 8:12] = True
    ras = Volume.from_array(hu, RAS)
    if affine is RAS:
        return ras, mask
    return Volume.from_array(hu[::-1].transpose(2, 0, 1), affine), mask[::-1].transpose(2, 0, 1)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_planes_are_drawn_the_radiologists_way(plane: pictures.Plane) -> None:
    from matplotlib.figure import Figure

    volume, mask = scan(RAS)
    view = View.around(volume, mask, least_mm=1000.0)
    view = View(view.box, view.to_ras, view.spacing, view.mask, (30, 20, 14))  # through the bright voxel
    image = view.draw(Figure().subplots(), view.cut(volume, plane), plane)
    row, column = np.unravel_index(np.argmax(image.get_array()), image.get_array().shape)
    # Its patient position is right of, in front of and above the middle; rows count from the bottom.
    rows, columns = image.get_array().shape
    assert row > rows / 2
    assert column < columns / 2
    assert image.axes.get_aspect() == {"axial": 2 / 1, "coronal": 4 / 1, "sagittal": 4 / 2}[plane]


def test_another_axis_order_gives_the_same_picture() -> None:
    turned = np.array([[0, -1, 0, 39], [0, 0, 2, 0], [4, 0, 0, 0], [0, 0, 0, 1]], float)
    one, other = (
        pictures.before_after(volume, volume, mask, "cyst", "note") for volume, mask in (scan(RAS), scan(turned))
    )
    assert np.array_equal(imread(io.BytesIO(one)), imread(io.BytesIO(other)))


def test_stored_values_that_are_no_hu_give_the_same_picture() -> None:
    volume, mask = scan(RAS)
    stored = dataclasses.replace(volume, data=volume.data + 1024, intercept=-1024.0)  # as in DICOM
    one, other = (pictures.before_after(each, each, mask, "cyst", "note") for each in (volume, stored))
    assert np.array_equal(imread(io.BytesIO(one)), imread(io.BytesIO(other)))


def test_the_largest_lesion_is_shown() -> None:
    volume, mask = scan(RAS)
    mask[2, 2, 2] = True
    view = View.around(volume, mask, least_mm=0.0)
    assert view.mask[view.centre]
    assert [part.start for part in view.box] == [14, 9, 4]


def test_the_difference_appears_in_colour_where_the_lesion_is() -> None:
    volume, mask = scan(RAS)
    lesion = volume.with_hu((slice(None),) * 3, volume.hu() + 1000, mask)
    same = imread(io.BytesIO(pictures.before_after(volume, volume, mask, "", "")))
    changed = imread(io.BytesIO(pictures.before_after(volume, lesion, mask, "", "")))
    width = same.shape[1]
    differs = np.abs(same - changed).max(axis=(0, 2)) > 0.1
    assert not differs[: width // 3].any()  # "before" stays as it is
    assert differs[width // 3 : 2 * width // 3].any()
    assert differs[2 * width // 3 :].any()


def test_grid_has_a_cell_a_text_and_carries_its_provenance() -> None:
    volume, mask = scan(RAS)
    view = View.around(volume, mask, least_mm=90.0)
    flat = view.cut(volume, "axial")
    few, many = (pictures.text_grid(view, flat, [("50% $dense", flat)] * count, "synthetic: here") for count in (3, 4))
    assert imread(io.BytesIO(many)).shape[0] > imread(io.BytesIO(few)).shape[0]  # the fifth cell starts a second row
    assert b"synthetic: here" in many
