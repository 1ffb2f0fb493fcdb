"""From a CT to a saved result by clicks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import slicer

from host import mainpath

LIVER = (70.0, 10.0, 20.0)


def test_the_module_describes_itself_and_offers_sample_data(loaded: Any) -> None:
    host, module = loaded
    assert module.parent.title == "TextoMorph"
    assert module.parent.categories == ["Image Synthesis"]
    assert host.problems_at_start == []
    assert host.samples[0].sampleName == "AbdomenCT"


def test_from_a_ct_to_a_saved_tumour(host: Any, ct: Any, panels: Any, wait_until: Any, tmp_path: Path) -> None:
    scan, describe, generate, compare = (panels[name] for name in ("Scan", "Describe", "Generate", "Compare"))
    wanted = scan.parameters
    wait_until(lambda: wanted.ct is ct)  # the only CT is chosen by itself
    assert not generate.ui.generateButton.enabled
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(LIVER)

    scan.ui.placeButton.click()
    wait_until(lambda: "1 lesion" in scan.ui.statusLabel.text)
    assert "25 mm" in scan.ui.statusLabel.text

    describe.ui.clearButton.click()
    describe._chips["hyperattenuating"].click()
    assert wanted.text == "hyperattenuating"

    before = slicer.util.arrayFromVolume(ct).copy()
    generate.ui.generateButton.click()
    (result,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[1:]
    assert wanted.result is result
    assert result.GetName() == "Synthetic hyperattenuating seed 0"
    assert np.array_equal(slicer.util.arrayFromVolume(ct), before)
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, ct) > 0
    assert (slicer.util.arrayFromVolume(result) - before)[inside].mean() > 10
    assert result.GetDisplayNode().GetWindow() == ct.GetDisplayNode().GetWindow()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    assert hierarchy.GetItemDataNode(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(result))) is ct
    assert compare.ui.askedTable.item(0, 0).text() == "hyperattenuating"

    compare.ui.showButton.click()
    views = [
        slicer.app.layoutManager().sliceWidget(name).sliceLogic()
        for name in slicer.app.layoutManager().sliceViewNames()
    ]
    shown = [view.GetSliceCompositeNode() for view in views]
    assert [each.GetBackgroundVolumeID() for each in shown[:2]] == [ct.GetID()] * 2
    assert shown[1].GetForegroundVolumeID() == result.GetID()
    assert all(each.GetLinkedControl() for each in shown)
    compare.ui.fadeSlider.value = 0.25
    assert shown[1].GetForegroundOpacity() == 0.25

    host.file = str(tmp_path / "tumour.nii.gz")
    compare.ui.saveButton.click()
    assert Path(host.file).is_file()
    assert json.loads((tmp_path / "tumour.json").read_text())["synthetic"] is True
    assert host.messages == []

    compare.ui.discardButton.click()
    assert wanted.result is None
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == [wanted.segmentation]
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [ct]


def test_from_an_empty_scene_to_a_saved_tumour_in_ten_actions(host: Any, phantom_ct: Path, tmp_path: Path) -> None:
    saved = tmp_path / "tumour.nii.gz"
    actions, panels = zip(*mainpath.walk(host, phantom_ct, saved), strict=True)
    assert len(actions) <= 10
    assert json.loads((tmp_path / "tumour.json").read_text())["terms"] == [mainpath.TERM]
    before, after = (
        slicer.util.arrayFromVolume(node) for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    )
    wanted = panels[-1]["Generate"].parameters
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, wanted.ct) > 0
    assert (after - before)[inside].mean() > 10
    assert np.array_equal(np.sort(nibabel.load(saved).get_fdata(), None), np.sort(after, None))
    assert host.messages == []
    host.close(host.opened)


def test_words_without_effect_are_named(ct: Any, panels: Any, logic: Any, wait_until: Any) -> None:
    generate = panels["Generate"]
    wanted = generate.parameters
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    wanted.text = "hyperattenuating, sparkly"
    generate.ui.generateButton.click()
    assert "Made in" in generate.ui.statusLabel.text
    assert "Without effect: sparkly." in generate.ui.statusLabel.text


def test_cancel_in_mid_run_adds_nothing(host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any) -> None:
    from PySide6 import QtCore

    wanted = panels["Generate"].parameters
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    wanted.ownSettings, wanted.steps = True, 200
    button = panels["Generate"].ui.generateButton
    seen = []

    def press() -> None:
        if panels["Generate"].ui.progressBar.value > 0:
            seen.append(button.text)
            button.click()
            timer.stop()

    timer = QtCore.QTimer()
    timer.timeout.connect(press)
    timer.start(20)
    button.click()
    assert seen == ["Cancel"]
    assert "Cancelled" in panels["Generate"].ui.statusLabel.text
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [ct]
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == [wanted.segmentation]
    assert button.text == "Generate"
    assert button.enabled


@pytest.mark.parametrize("name", ["saveButton", "dicomButton"])
def test_cancelled_saving_writes_nothing(
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path, name: str
) -> None:
    from PySide6 import QtCore

    from TextoMorphModule.Actions import background

    wanted, ui = panels["Compare"].parameters, panels["Compare"].ui
    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    (wanted.result,) = logic.generate(ct, *mask, "cystic", steps=1)
    host.file = str(tmp_path / "tumour.nii.gz" if name == "saveButton" else tmp_path)
    button, seen = getattr(ui, name), []

    def press() -> None:
        seen.append((button.text, ui.discardButton.enabled))
        button.click()

    usual = button.text
    QtCore.QTimer.singleShot(0, press)
    button.click()
    assert seen == [("Cancel", False)]
    assert (button.text, button.enabled, ui.discardButton.enabled) == (usual, True, True)
    background.run(lambda _step: None)  # waits for the writing to end
    assert list(tmp_path.iterdir()) == []
    assert host.messages == []


def test_the_scene_closes_in_mid_run(host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any) -> None:
    from PySide6 import QtCore

    wanted = panels["Generate"].parameters
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    QtCore.QTimer.singleShot(100, lambda: slicer.mrmlScene.Clear(0))
    panels["Generate"].ui.generateButton.click()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert host.messages == []


def test_a_saved_scene_brings_everything_back(
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path, wait_until: Any
) -> None:
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    wanted.organ, wanted.text, wanted.seed, wanted.lesionDiameter = "kidney", "renal cyst", 7, 33.0
    scene = str(tmp_path / "scene.mrb")
    slicer.mrmlScene.SetURL(scene)
    assert slicer.mrmlScene.WriteToMRB(scene)
    slicer.mrmlScene.Clear(0)
    assert panels["Generate"].parameters.text == "hypoattenuating, ill-defined"
    slicer.mrmlScene.ReadFromMRB(scene)
    again = sys.modules["TextoMorph"].TextoMorphLogic().getParameterNode()  # type: ignore[attr-defined]
    assert (again.organ, again.text, again.seed, again.lesionDiameter) == ("kidney", "renal cyst", 7, 33.0)
    assert again.ct.GetName() == "Phantom CT"
    assert again.segmentation.GetSegmentation().GetSegment(again.segmentId) is not None
    wait_until(lambda: panels["Describe"]._chips["renal cyst"].checked)
