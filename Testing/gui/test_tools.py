"""What goes beside the main path: places by click, favourites, model settings, histograms."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import slicer

LIVER = (70.0, 10.0, 20.0)


def test_a_lesion_goes_where_the_user_clicks(host: Any, ct: Any, panels: Any, wait_until: Any) -> None:
    scan = panels["Scan"]
    scan.parameters.ct = ct
    scan.ui.placeComboBox.currentIndex = 2
    scan.ui.placeButton.click()
    scan.ui.placeButton.click()  # pressed twice: still one lesion
    assert scan.parameters.segmentation is None
    points = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")[-1]
    points.AddControlPointWorld(*LIVER)
    wait_until(lambda: scan.parameters.segmentation is not None)
    painted = slicer.util.arrayFromSegmentBinaryLabelmap(scan.parameters.segmentation, scan.parameters.segmentId, ct)
    i, j, k = np.argwhere(painted.transpose() > 0).mean(0)
    toRas = slicer.util.vtkMatrixFromArray(np.eye(4))
    ct.GetIJKToRASMatrix(toRas)
    assert np.allclose(toRas.MultiplyPoint((i, j, k, 1))[:3], LIVER, atol=4)
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []


@pytest.mark.parametrize("how", ["the module is left", "the scene is closed", "another tool is taken up"])
def test_a_click_is_waited_for_only_in_the_module(host: Any, ct: Any, panels: Any, how: str) -> None:
    widget, scan = host.opened, panels["Scan"]
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    scan.parameters.ct = ct
    scan.ui.placeComboBox.currentIndex = 2
    scan.ui.placeButton.click()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    if how == "the scene is closed":
        slicer.mrmlScene.Clear(0)
    elif how == "the module is left":
        widget.exit()
    else:
        ruler = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
        slicer.modules.markups.logic().SetActiveList(ruler)
        widget.exit()
    placing = interaction.GetCurrentInteractionMode() == interaction.Place
    assert placing == (how == "another tool is taken up")
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
    interaction.SwitchToViewTransformMode()


def test_favourites_stay_and_come_first(host: Any, panels: Any) -> None:
    describe = panels["Describe"]
    describe.remember("cystic")
    describe.parameters.text = "ill-defined,\nsolid"
    describe.ui.favouriteButton.click()
    box = describe.ui.recentComboBox
    assert [box.itemText(index) for index in range(1, box.count)] == ["★ ill-defined, solid", "cystic"]
    describe.onRecent(2)
    assert describe.parameters.text == "cystic"
    assert not describe.ui.favouriteButton.checked
    describe.onRecent(1)
    assert describe.parameters.text == "ill-defined, solid"
    assert describe.ui.favouriteButton.checked
    describe.ui.favouriteButton.click()
    assert [box.itemText(index) for index in range(1, box.count)] == ["cystic"]


def test_steps_and_guidance_are_the_models_own(host: Any, panels: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"presets": {"final": {"steps": 7, "guidance": 2.25}}}))
    ui, wanted = panels["Generate"].ui, panels["Generate"].parameters
    wanted.model = str(tmp_path)
    assert (ui.stepsSpinBox.value, ui.guidanceSpinBox.value) == (7, 2.25)
    wanted.ownSettings = True
    ui.stepsSpinBox.value = 20
    assert wanted.steps == 20
    wanted.ownSettings = False
    assert (wanted.steps, ui.stepsSpinBox.value) == (7, 7)


def test_too_many_variants_are_refused(host: Any, ct: Any, logic: Any) -> None:
    for variants in (0, 9):
        with pytest.raises(ValueError, match="choose 1 to 8"):
            logic.generate(ct, None, "", "solid", variants=variants)


@pytest.mark.parametrize(
    ("name", "failures", "said"),
    [
        *((name, 1, "smaller parts") for name in ("Generate", "Preview", "Live")),
        ("Generate", 2, "the CPU was used"),
    ],
)
def test_short_memory_is_got_by_with_and_said(
    host: Any,
    ct: Any,
    panels: Any,
    logic: Any,
    wait_until: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    failures: int,
    said: str,
) -> None:
    import torch

    from TextoMorphLib.models.autoencoder import Autoencoder

    real, left = Autoencoder.decode, [1] * failures

    def short(self: Any, latent: Any) -> Any:
        if left:
            left.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, latent)

    monkeypatch.setattr(Autoencoder, "decode", short)
    wanted = panels["Generate"].parameters
    wanted.ct, wanted.previewTexts = ct, "cystic\nsolid"
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    button, label = {
        "Generate": (panels["Generate"].ui.generateButton, panels["Generate"].ui.statusLabel),
        "Preview": (panels["Preview"].ui.drawButton, panels["Preview"].ui.statusLabel),
        "Live": (panels["Describe"].ui.liveCheckBox, panels["Describe"].ui.liveLabel),
    }[name]
    button.click()
    wait_until(lambda: said in label.text)
    assert host.messages == []


def test_the_histogram_tells_the_lesion_from_what_is_around(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    (result,) = logic.generate(ct, *mask, "hyperattenuating", steps=1)
    panels["Compare"].parameters.result = result
    panels["Compare"].ui.histogramButton.click()
    table = logic.histogram(result).GetNthPlotSeriesNode(0).GetTableNode()
    hu, lesion, around = (slicer.util.arrayFromTableColumn(table, name) for name in ("HU", "Lesion", "Around"))
    assert 90 < lesion.sum() <= 100.001
    assert np.average(hu, weights=lesion) > np.average(hu, weights=around) + 20
    count = slicer.mrmlScene.GetNumberOfNodes()
    logic.discard(result)
    assert slicer.mrmlScene.GetNumberOfNodes() < count - 4
    assert slicer.util.getNodesByClass("vtkMRMLTableNode") == []
    assert host.messages == []


@pytest.mark.parametrize("how", ["Cancel is pressed", "the scene is closed"])
def test_the_histogram_can_be_cancelled(
    host: Any, ct: Any, panels: Any, logic: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    from PySide6 import QtCore
    from scipy import ndimage

    from TextoMorphModule.Actions import background

    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    (panels["Compare"].parameters.result,) = logic.generate(ct, *mask, "cystic", steps=1)
    ui, gate, seen = panels["Compare"].ui, Event(), []
    monkeypatch.setattr(ndimage, "distance_transform_edt", lambda *_, **__: gate.wait(60))

    def end() -> None:
        seen.append((ui.histogramButton.text, ui.discardButton.enabled))
        ui.histogramButton.click() if how == "Cancel is pressed" else slicer.mrmlScene.Clear(0)

    usual = ui.histogramButton.text
    QtCore.QTimer.singleShot(100, end)
    ui.histogramButton.click()
    assert seen == [("Cancel", False)]
    assert (ui.histogramButton.text, ui.histogramButton.enabled) == (usual, how == "Cancel is pressed")
    assert slicer.util.getNodesByClass("vtkMRMLPlotChartNode") == []
    assert host.messages == []
    gate.set()
    background.run(lambda _step: None)  # waits for the counting to end


def test_results_are_accepted_and_discarded_one_after_the_other(
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path
) -> None:
    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    first, second, third = logic.generate(ct, *mask, "cystic", variants=3, steps=1)
    wanted, ui = panels["Compare"].parameters, panels["Compare"].ui
    wanted.ct, wanted.result = ct, second
    ui.acceptButton.click()
    assert wanted.result is third
    assert (ui.acceptButton.text, ui.statusLabel.text) == ("Accept", "1 accepted, 2 not decided on.")
    after = slicer.app.layoutManager().sliceWidget("TextoMorphAfter").sliceLogic().GetSliceCompositeNode()
    assert after.GetForegroundVolumeID() == third.GetID()
    ui.discardButton.click()
    assert wanted.result is first  # the second is decided on
    ui.acceptButton.click()
    assert (wanted.result, ui.acceptButton.text) == (first, "Accepted")  # nothing is left to decide
    ui.acceptButton.click()
    assert (wanted.result, ui.acceptButton.text) == (first, "Accept")
    scene = str(tmp_path / "scene.mrb")
    slicer.mrmlScene.SetURL(scene)
    assert slicer.mrmlScene.WriteToMRB(scene)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.ReadFromMRB(scene)
    assert [logic.isAccepted(node) for node in logic.results()] == [False, True]
    kept = [node.GetNodeReference("TextoMorph.mask") for node in logic.results()]
    assert all(each.GetSegmentation().GetNumberOfSegments() == 1 for each in kept)
    assert host.messages == []
