"""Compare: three planes, the colours of the difference, what was asked for, and another tumour in a result."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import slicer
from reading_desk import layout, start
from vtk import reference

LIVER = (70.0, 10.0, 20.0)


@pytest.fixture
def made(host: Any, ct: Any, panels: Any, logic: Any) -> Any:
    """A result that is looked at; the parameters."""
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 24.0, position=LIVER)
    wanted.text = "hyperattenuating, no calcification"
    wanted.ownSettings, wanted.steps = True, 1
    panels["Generate"].ui.generateButton.click()
    return wanted


def test_three_planes_are_compared_with_the_crosshair_in_all(panels: Any, made: Any) -> None:
    ui, manager = panels["Compare"].ui, slicer.app.layoutManager()
    crosshair = slicer.util.getNode("vtkMRMLCrosshairNode*")
    ui.showButton.click()
    assert len(manager.sliceViewNames()) == 3
    ui.planesCheckBox.click()
    assert len(manager.sliceViewNames()) == 9
    shown = [manager.sliceWidget(name).sliceLogic() for name in manager.sliceViewNames()]
    assert (
        sorted(each.GetSliceNode().GetOrientation() for each in shown)
        == ["Axial"] * 3 + ["Coronal"] * 3 + ["Sagittal"] * 3
    )
    assert all(each.GetSliceCompositeNode().GetLinkedControl() for each in shown)
    assert crosshair.GetCrosshairMode() == crosshair.ShowBasic
    ui.fadeSlider.value = 0.25
    after = [each for each in shown if each.GetSliceCompositeNode().GetForegroundVolumeID()]
    assert [each.GetSliceCompositeNode().GetForegroundOpacity() for each in after] == [0.25] * 3
    ui.planesCheckBox.click()
    assert len(manager.sliceViewNames()) == 3
    ui.backButton.click()
    assert crosshair.GetCrosshairMode() == crosshair.NoCrosshair


def test_a_reading_begins_and_ends_beside_three_planes(panels: Any, made: Any, study: Any) -> None:
    ui, manager = panels["Compare"].ui, slicer.app.layoutManager()
    ui.showButton.click()
    ui.planesCheckBox.click()
    before = layout()
    case = start(panels, study.folder)
    assert case.caseLabel.text == "Case 1 of 4"
    assert layout() != before
    case.endButton.click()
    assert layout() == before
    assert len(manager.sliceViewNames()) == 9


def test_the_colours_of_the_difference_are_explained(panels: Any, made: Any, logic: Any) -> None:
    ui = panels["Compare"].ui
    assert ui.scaleLabel.isHidden()
    ui.showButton.click()
    ends = logic.differenceRange(made.result)
    assert f"{ends:.0f} HU" in ui.scaleLabel.text
    change = np.abs(slicer.util.arrayFromVolume(logic.difference(made.result)))
    assert 0.005 < (change[change >= 1] > ends).mean() < 0.021  # beyond the colours' ends: "or brighter"
    ui.backButton.click()
    assert ui.scaleLabel.isHidden()


def test_the_table_says_which_range_was_asked_for(panels: Any, made: Any, logic: Any) -> None:
    table, rows = panels["Compare"].ui.askedTable, logic.askedAgainstMeasured(made.result)
    assert table.rowCount == len(rows) > 1
    for number, row in enumerate(rows):
        said = table.item(number, 2).text()
        if row["measured"] is not None:
            low, high = row["range"]
            numbers = [float(each) for each in re.findall(r"-?[\d.]+(?:e-?\d+)?", said)]
            assert np.allclose(numbers, np.array([low, high]) * (1 if row["unit"] else 100), rtol=1e-3)
            assert said.startswith("not ") == row["denied"]


def test_another_tumour_is_added_to_a_result(host: Any, ct: Any, panels: Any, made: Any, logic: Any) -> None:
    first, other = made.result, (LIVER[0] - 50, LIVER[1], LIVER[2])
    panels["Compare"].ui.anotherButton.click()
    assert made.ct is first
    assert made.segmentation is None
    assert not panels["Generate"].ui.generateButton.enabled
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(other)
    panels["Scan"].ui.placeButton.click()
    panels["Generate"].ui.generateButton.click()
    assert made.result is not first
    assert host.messages == []
    both, one, none = (slicer.util.arrayFromVolume(node) for node in (made.result, first, ct))
    assert (both != one).any()
    mask = first.GetNodeReference("TextoMorph.mask")
    kept = slicer.util.arrayFromSegmentBinaryLabelmap(mask, mask.GetSegmentation().GetNthSegmentID(0), ct)
    assert np.array_equal(both[kept > 0], one[kept > 0])  # the first tumour is as it was
    assert (both != none)[kept > 0].mean() > 0.9


def test_a_segment_says_in_snomed_what_it_is(made: Any) -> None:
    segment = made.segmentation.GetSegmentation().GetSegment(made.segmentId)
    value = reference("")
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), value)
    assert "SCT^108369006^Neoplasm" in str(value)


def test_the_lesion_is_shown_in_3d(panels: Any, made: Any) -> None:
    box, mask = panels["Compare"].ui.surfaceCheckBox, made.result.GetNodeReference("TextoMorph.mask")
    segment = mask.GetSegmentation().GetNthSegmentID(0)
    box.click()
    assert mask.GetClosedSurfaceInternalRepresentation(segment).GetNumberOfPoints() > 100
    assert mask.GetDisplayNode().GetVisibility3D()
    assert mask.GetDisplayNode().GetVisibility()
    box.click()
    assert not mask.GetDisplayNode().GetVisibility3D()
