"""The Segment panel, by keys and clicks: a real process with the shipped model, its tumours as segments and a list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from panel_hands import click_row, darken, opened, unfold
from PySide6 import QtWidgets

from host import mainpath

LESION = (70.0, 10.0, 20.0)


@pytest.fixture
def darkened(ct: Any) -> Any:
    """The phantom with a dark ball of 24 mm in its liver, 15 mm to the left of where it was made."""
    darken(ct, LESION, 24.0, -60)
    shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    moved = np.eye(4)
    moved[0, 3] = 15.0
    shift.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    ct.SetAndObserveTransformNodeID(shift.GetID())
    return ct


@pytest.fixture
def liver(darkened: Any) -> tuple[Any, str]:
    from TextoMorphLib.simulation.phantom import phantom
    from TextoMorphModule.Actions import nodes

    segmentation = nodes.addSegmentation("Organs", darkened)
    segmentId = segmentation.GetSegmentation().AddEmptySegment("liver", "liver")
    nodes.paint(phantom()[1]["liver"], segmentation, segmentId, darkened)
    return segmentation, segmentId


@pytest.fixture
def segment(panels: Any) -> Any:
    """The panel, unfolded."""
    return opened(panels["Segment"])


def test_a_tumour_is_found_listed_gone_to_and_taken_as_the_mask(
    host: Any, darkened: Any, liver: Any, segment: Any, wait_until: Any
) -> None:
    ui, wanted = segment.ui, segment.parameters
    assert not ui.runButton.enabled or wanted.ct is darkened
    wanted.ct, wanted.organ = darkened, "liver"
    ui.organSelector.setCurrentNode(liver[0])
    ui.organSelector.setCurrentSegmentID(liver[1])
    assert (wanted.organSegmentation, wanted.organSegmentId) == liver
    unfold(ui.moreCollapsibleButton)
    ui.overlapSpinBox.value = 0.25
    ui.leastSpinBox.value = 10.0  # of a phantom's vessels the model takes a few of 6 to 9 mm for tumours
    mainpath.click(ui.runButton)
    run = segment._process
    assert ui.runButton.text == "Cancel"
    wait_until(lambda: not segment.running, 600)
    assert host.messages == []
    assert "One tumour" in ui.statusLabel.text, ui.logEdit.toPlainText()
    assert run.of > 0, "it did not tell how far it was"
    assert not run.folder.exists()

    node = wanted.segmentResult
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 1  # the organ was given
    tumour = segmentation.GetNthSegment(0)
    assert "108369006^Neoplasm" in _tag(tumour)
    found = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(0), darkened)
    assert 0.5 < np.count_nonzero(found) * np.prod(darkened.GetSpacing()) / (np.pi / 6 * 24**3) < 1.6
    assert not node.GetDisplayNode().GetSegmentVisibility2DFill(segmentation.GetNthSegmentID(0))

    assert ui.lesionTable.rowCount == 1
    click_row(ui.lesionTable, 0)
    seen = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetSliceToRAS()
    middle = [seen.GetElement(axis, 3) for axis in range(3)]
    assert np.allclose(middle, (LESION[0] + 15, *LESION[1:]), atol=4)  # where the transform has moved it
    mainpath.click(ui.maskButton)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, darkened)
    assert np.array_equal(mask > 0, found > 0)

    other = slicer.modules.volumes.logic().CloneVolume(slicer.mrmlScene, darkened, "Other")
    wanted.ct = other
    assert "One tumour" in ui.statusLabel.text
    assert f"This is of {darkened.GetName()}, which is not the CT chosen now" in ui.statusLabel.text
    wanted.ct = darkened
    assert "One tumour" in ui.statusLabel.text
    assert "not the CT" not in ui.statusLabel.text


def _tag(segment: Any) -> str:
    import vtk

    value = vtk.reference("")
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), value)
    return str(value)


def test_the_models_own_organ_is_a_segment_with_its_tumours(
    host: Any, darkened: Any, segment: Any, wait_until: Any
) -> None:
    segment.parameters.ct = darkened
    segment.ui.overlapSpinBox.value = 0.0
    mainpath.click(segment.ui.runButton)
    wait_until(lambda: not segment.running, 600)
    node = segment.parameters.segmentResult
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegment(index).GetName() for index in range(2)] == ["liver", "tumour"]
    assert "10200004^Liver" in _tag(segmentation.GetNthSegment(0))
    organ, tumour = (
        slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(index), darkened) > 0
        for index in range(2)
    )
    assert tumour.any()
    assert np.all(organ[tumour])  # a segment painted over another takes nothing from it


def test_segmenting_is_cancelled_and_leaves_nothing(
    host: Any, darkened: Any, segment: Any, wait_until: Any, tmp_path: Path
) -> None:
    before = set(os.listdir(slicer.app.temporaryPath))
    segment.parameters.ct = darkened
    mainpath.click(segment.ui.runButton)
    wait_until(lambda: bool(segment._process and segment._process.running))
    mainpath.click(segment.ui.runButton)
    wait_until(lambda: not segment.running)
    assert segment.ui.statusLabel.text == "Cancelled; nothing was made."
    assert segment.parameters.segmentResult is None
    left = [name for name in os.listdir(slicer.app.temporaryPath) if name.startswith("textomorph-")]
    assert set(left) <= before


def test_the_model_says_what_it_is_for(host: Any, segment: Any) -> None:
    ui = segment.ui
    assert "Of the liver: tumour." in ui.modelLabel.text
    assert "never seen a real tumour" in ui.modelLabel.text
    mainpath.click(ui.cardButton)
    assert "No real tumour" in ui.cardTextEdit.toPlainText()
    segment.parameters.organ = "kidney"
    assert "knows the liver; the organ chosen under Scan is the kidney" in ui.modelLabel.text


def test_a_ct_that_is_removed_meanwhile_is_said(
    host: Any, darkened: Any, liver: Any, segment: Any, wait_until: Any
) -> None:
    wanted = segment.parameters
    wanted.ct, (wanted.organSegmentation, wanted.organSegmentId) = darkened, liver
    segment.ui.overlapSpinBox.value = 0.0
    mainpath.click(segment.ui.runButton)
    slicer.mrmlScene.Clear(0)
    wait_until(lambda: not segment.running, 600)
    assert "The CT was removed or changed meanwhile" in host.messages[0]
    QtWidgets.QApplication.processEvents()
