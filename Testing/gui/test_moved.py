"""Scans that are moved, cropped or exchanged beside the module: what is made lies where it belongs, or is not made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore
from test_lesions import BESIDE, LIVER, add, shown
from test_masks import in_transform, spline, turn

__all__ = ["shown"]  # a fixture


def affine(node: Any) -> Any:
    from TextoMorphModule.Actions import nodes

    return nodes.affineOf(node)


def move(node: Any, mm: float) -> None:
    """Moves a volume to the right in its own coordinates, as "Center volume" does."""
    moved = affine(node)
    moved[0, 3] += mm
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(moved))


def without_first_columns(ct: Any, count: int) -> Any:
    """A volume like a CT, but for its first voxels along i."""
    cropped = affine(ct)
    cropped[:3, 3] += count * cropped[:3, 0]
    voxels = slicer.util.arrayFromVolume(ct)[..., count:].copy()
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=cropped, name="Cropped")


def middle(mask: tuple[Any, str], ct: Any) -> Any:
    """A mask's middle in a CT's own coordinates, RAS mm."""
    from TextoMorphModule.Actions import nodes

    box, inside = nodes.cutOut(*mask, ct)
    return affine(ct)[:3] @ [*np.argwhere(inside).mean(0) + [part.start for part in box], 1.0]


@pytest.mark.parametrize("warp", [turn, spline])
def test_a_lesion_is_placed_anew_in_a_scan_that_was_put_into_a_transform(
    host: Any, ct: Any, shown: Any, logic: Any, warp: Any
) -> None:
    alone = logic.placeLesion(ct, 20.0, position=LIVER)
    add(shown, LIVER, "cystic")
    in_transform(ct, warp())
    at = [0.0, 0.0, 0.0]
    ct.TransformPointToWorld(BESIDE, at)
    fresh, again = (logic.placeLesion(ct, 20.0, position=at, into=into) for into in (None, alone))
    assert logic.describeMask(*again, ct) == logic.describeMask(*fresh, ct)
    panel = shown["Lesions"]
    panel.onDragged(0, (at[0], at[1], at[2]))
    (row,) = panel._table.rows
    for mask in (again, (panel.parameters.lesionsSegmentation, row.segment)):
        assert np.allclose(middle(mask, ct), middle(fresh, ct), atol=2.5)


def test_live_goes_where_its_scan_went(host: Any, ct: Any, logic: Any) -> None:
    node = logic.live(ct, *logic.placeLesion(ct, 20.0, position=LIVER), "cystic")
    move(ct, 50.0)
    in_transform(ct, turn())
    at = [0.0, 0.0, 0.0]
    ct.TransformPointToWorld((LIVER[0] + 50.0, *LIVER[1:]), at)
    assert logic.live(ct, *logic.placeLesion(ct, 20.0, position=at), "cystic") is node
    assert np.allclose(affine(node), affine(ct))
    assert node.GetTransformNodeID() == ct.GetTransformNodeID()


def test_the_histogram_is_of_the_lesion_wherever_its_scan_went(host: Any, ct: Any, logic: Any) -> None:
    (node,) = logic.generate(ct, *logic.placeLesion(ct, 20.0, position=LIVER), "hyperattenuating", steps=1)
    hu, inside, _spacing = logic._given(node)
    move(ct, 16.0)
    again, still, _spacing = logic._given(node)
    assert np.array_equal(again[still], hu[inside])


@pytest.mark.parametrize("how", ["moved", "cropped"])
def test_a_scan_that_is_changed_meanwhile_gets_no_tumour(
    host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any, how: str
) -> None:
    wanted = panels["Generate"].parameters
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)

    def change() -> None:
        if how == "moved":
            move(ct, 20.0)
            return
        cropped = without_first_columns(ct, 20)
        ct.CopyOrientation(cropped)
        ct.SetAndObserveImageData(cropped.GetImageData())

    QtCore.QTimer.singleShot(100, change)
    panels["Generate"].ui.generateButton.click()
    assert "The CT was changed meanwhile" in host.messages[0]
    assert logic.results() == []


def test_a_change_on_another_scan_is_not_taken_back(host: Any, ct: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    add(shown, BESIDE, "cystic", 15.0)
    panel = shown["Lesions"]
    panel.onResize(panel._table.rows[0].segment, 30.0)
    mask = panel.parameters.lesionsSegmentation, panel._table.rows[0].segment
    before = middle(mask, ct)
    assert panel.ui.undoButton.enabled
    panel.parameters.ct = without_first_columns(ct, 10)
    assert not panel.ui.undoButton.enabled
    panel.ui.undoButton.click()
    assert np.allclose(middle(mask, ct), before)


def test_a_lesion_goes_into_the_scan_that_was_chosen_when_it_was_asked_for(
    host: Any,
    ct: Any,
    shown: Any,
) -> None:
    panel, other = shown["Lesions"], without_first_columns(ct, 10)

    def choose() -> None:
        panel.parameters.ct = other

    panel.logic.lesionShape, shape = _then(panel.logic.lesionShape, choose), panel.logic.lesionShape
    add(shown, LIVER, "cystic")
    panel.logic.lesionShape = shape
    (row,) = panel._table.rows
    assert np.allclose(middle((panel.parameters.lesionsSegmentation, row.segment), ct), LIVER, atol=3)


def _then(work: Any, also: Any) -> Any:
    def done(*given: Any) -> Any:
        found = work(*given)
        also()  # what the user does while the shape is worked out
        return found

    return done


def test_a_tumour_in_the_list_is_taken_by_its_place_in_the_world(host: Any, ct: Any, logic: Any) -> None:
    from TextoMorphModule.Actions import nodes

    segmentation = nodes.addSegmentation("Found", ct)
    segment_id = nodes.addSegment(segmentation, "tumour", segmentId="tumour")
    first, second = (np.rint((np.linalg.inv(affine(ct)) @ [*at, 1.0])[:3]).astype(int) for at in (LIVER, BESIDE))
    found = np.zeros(ct.GetImageData().GetDimensions(), bool)
    for voxel in (first, second):
        found[tuple(slice(at - 2, at + 3) for at in voxel)] = True
    nodes.paint(found, segmentation, segment_id, ct)
    lesion = {"class": "tumour", "diameter_mm": 8.0, "centre_ras_mm": list(LIVER), "centre_voxel": first.tolist()}
    other = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(ct), ijkToRAS=affine(ct), name="Other")
    move(other, float((affine(ct)[:3, :3] @ (second - first))[0]))  # the second's place has the first's index in it
    assert np.allclose(middle(logic.lesionAsMask(segmentation, lesion, other), ct), LIVER, atol=3)
