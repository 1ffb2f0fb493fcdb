"""What Slicer does that its documentation does not tell, met with real keys, clicks and pictures of the screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtTest, QtWidgets

from host import mainpath, pictures

LIVER = (70.0, 10.0, 20.0)
SENTENCE = "cystic, thin wall"


@pytest.fixture
def shown(panels: Any) -> Any:
    """The panels, unfolded, in a window as high as they need."""
    for panel in panels.values():
        for folded in panel.widget.findChildren(QtWidgets.QWidget):
            if folded.metaObject().className() == "ctkCollapsibleButton":
                folded.collapsed = False
    window = panels["Scan"].widget.window()
    window.resize(480, 4000)
    window.show()
    window.activateWindow()
    QtWidgets.QApplication.processEvents()
    return panels


def type_into(widget: Any, words: str) -> None:
    """Clicks into a widget and presses a key for each letter."""
    clicked = widget.viewport() if hasattr(widget, "viewport") else widget
    QtTest.QTest.mouseClick(clicked, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(5, 8))
    QtTest.QTest.keyClicks(widget, words)
    QtWidgets.QApplication.processEvents()


def point_at(place: tuple[float, float, float]) -> None:
    """Holds Shift over a slice view."""
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(place)


def volume_of(mask: tuple[Any, str], ct: Any) -> int:
    return int((slicer.util.arrayFromSegmentBinaryLabelmap(*mask, ct) > 0).sum())


# --- The panel opens ---


def test_the_panel_opens_although_slicer_has_not_imported_its_packaging(host: Any) -> None:
    assert not hasattr(slicer, "packaging")
    host.close(host.open("TextoMorph"))


def test_a_slicer_without_packaging_is_told_which_one_is_needed(host: Any) -> None:
    host.packages.offered = False
    widget = host.open("TextoMorph")
    assert "Slicer 5.12" in widget.panels[0].ui.packagesLabel.text
    assert not widget.panels[0].ui.setupCollapsibleButton.collapsed
    host.close(widget)


# --- Typing ---


@pytest.mark.parametrize(
    ("panel", "name", "parameter"),
    [
        ("Describe", "textEdit", "text"),
        ("Preview", "previewTextsEdit", "previewTexts"),
        ("Batch", "textsEdit", "batchTexts"),
    ],
)
def test_text_is_what_was_typed(host: Any, ct: Any, shown: Any, panel: str, name: str, parameter: str) -> None:
    box, wanted = getattr(shown[panel].ui, name), shown[panel].parameters
    setattr(wanted, parameter, "")
    type_into(box, SENTENCE)
    assert getattr(wanted, parameter) == SENTENCE
    for _letter in "thin wall":
        QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Left)
    QtTest.QTest.keyClicks(box, "very ")
    assert getattr(wanted, parameter) == "cystic, very thin wall"
    QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Z, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert getattr(wanted, parameter) != "cystic, very thin wall"


def test_a_pressed_term_can_be_undone_in_the_text(host: Any, shown: Any) -> None:
    describe = shown["Describe"]
    describe.parameters.text = ""
    type_into(describe.ui.textEdit, "cystic")
    mainpath.click(describe._chips["ill-defined"])
    assert describe.parameters.text == "cystic, ill-defined"
    describe.ui.textEdit.undo()
    assert describe.parameters.text == "cystic"


def test_a_number_is_what_was_typed(host: Any, ct: Any, shown: Any) -> None:
    ui, wanted = shown["Generate"].ui, shown["Generate"].parameters
    wanted.ownSettings = True
    for box, typed, name in ((ui.guidanceSpinBox, "2.75", "guidance"), (ui.seedSpinBox, "4711", "seed")):
        box.selectAll()
        QtTest.QTest.keyClicks(box, typed)
        QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Return)
        assert getattr(wanted, name) == float(typed)


# --- Masks ---


def test_a_placed_lesion_is_not_taken_for_the_organ(host: Any, ct: Any, shown: Any) -> None:
    scan, wanted = shown["Scan"], shown["Scan"].parameters
    wanted.ct = ct
    point_at(LIVER)
    mainpath.click(scan.ui.placeButton)
    first = volume_of((wanted.segmentation, wanted.segmentId), ct)
    assert wanted.organSegmentation is None
    point_at((LIVER[0], LIVER[1], LIVER[2] + 25))
    mainpath.click(scan.ui.placeButton)
    assert volume_of((wanted.segmentation, wanted.segmentId), ct) > 0.8 * first
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1  # the first one was replaced


def test_what_was_painted_on_is_not_replaced(host: Any, ct: Any, shown: Any) -> None:
    from host.editor import paint_ball

    scan, wanted = shown["Scan"], shown["Scan"].parameters
    wanted.ct = ct
    point_at(LIVER)
    mainpath.click(scan.ui.placeButton)
    editor = host.editor.editor
    editor.setSegmentationNode(wanted.segmentation)
    editor.setSourceVolumeNode(ct)
    editor.setCurrentSegmentID(wanted.segmentId)
    paint_ball(editor, (LIVER[0], LIVER[1] + 20, LIVER[2]), 12.0)
    mainpath.click(scan.ui.placeButton)
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 2


def test_an_organ_that_is_loaded_does_not_become_the_mask(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    logic.placeLesion(ct, 60.0, position=LIVER)  # as if it came from a file
    QtWidgets.QApplication.processEvents()
    assert (wanted.segmentation, wanted.organSegmentation) == (None, None)
    assert not panels["Generate"].ui.generateButton.enabled


@pytest.mark.parametrize("name", ["segmentSelector", "organSelector"])
def test_the_only_segment_is_chosen_with_its_segmentation(
    host: Any, ct: Any, panels: Any, logic: Any, name: str
) -> None:
    wanted, selector = panels["Scan"].parameters, getattr(panels["Scan"].ui, name)
    wanted.ct = ct
    alone = logic.placeLesion(ct, 30.0, position=LIVER)
    several = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    for each in ("a", "b"):
        several.GetSegmentation().AddEmptySegment(each, each)
    found = {
        "segmentSelector": lambda: (wanted.segmentation, wanted.segmentId),
        "organSelector": lambda: (wanted.organSegmentation, wanted.organSegmentId),
    }[name]
    selector.setCurrentNode(alone[0])
    assert found() == alone
    assert selector.currentSegmentID() == alone[1]
    selector.setCurrentNode(several)
    assert found() == (several, "")
    selector.setCurrentSegmentID("b")
    assert found() == (several, "b")
    selector.setCurrentNode(None)
    assert found() == (None, "")


def test_a_scene_saved_without_a_mask_comes_back_without_one(
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path
) -> None:
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    logic.placeLesion(ct, 60.0, position=LIVER)
    scene = str(tmp_path / "scene.mrb")
    slicer.mrmlScene.SetURL(scene)
    assert slicer.mrmlScene.WriteToMRB(scene)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.ReadFromMRB(scene)
    QtWidgets.QApplication.processEvents()
    again = panels["Scan"].parameters
    assert again.ct.GetName() == ct.GetName()
    assert (again.segmentation, again.segmentId, again.organSegmentation) == (None, "", None)


def test_a_crosshair_that_was_never_moved_is_said(host: Any, ct: Any, shown: Any) -> None:
    shown["Scan"].parameters.ct = ct
    point_at((0.0, 0.0, 0.0))
    mainpath.click(shown["Scan"].ui.placeButton)
    assert "crosshair has not been moved" in host.messages[0]
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


# --- What is on the screen ---


def pixels(view: str, place: tuple[float, float, float], across: int = 300) -> Any:
    """What a slice view shows around a place, as it is: [y, x, 3]."""
    widget = slicer.app.layoutManager().sliceWidget(view)
    widget.mrmlSliceNode().JumpSliceByCentering(*place)
    image = pictures.slice_view(view, (across, across))
    bits = np.frombuffer(image.constBits(), np.uint8)
    return bits.reshape(across, image.bytesPerLine())[:, : 3 * across].reshape(across, across, 3).astype(int)


def colour(shown: Any) -> Any:
    """How far each pixel is from grey."""
    return shown.max(-1) - shown.min(-1)


def is_outlined(view: str, place: tuple[float, float, float]) -> None:
    """The lesion's middle is grey, as CT is, and there is an outline around it."""
    seen = colour(pixels(view, place))
    assert seen[145:155, 145:155].max() < 12
    assert 60 < (seen > 60).sum() < 4000


def generated(shown: Any, ct: Any) -> Any:
    """Goes the path by clicks up to a result; the parameters."""
    wanted = shown["Scan"].parameters
    wanted.ct, wanted.lesionDiameter = ct, 40.0
    slicer.util.setSliceViewerLayers(background=ct, fit=True)
    point_at(LIVER)
    mainpath.click(shown["Scan"].ui.placeButton)
    is_outlined("Red", LIVER)
    wanted.ownSettings, wanted.steps = True, 1
    mainpath.click(shown["Generate"].ui.generateButton)
    return wanted


def test_the_tumour_is_seen_within_its_outline(host: Any, ct: Any, shown: Any) -> None:
    wanted = generated(shown, ct)
    assert wanted.result is not None
    is_outlined("Red", LIVER)
    mainpath.click(shown["Compare"].ui.showButton)
    for view in ("TextoMorphBefore", "TextoMorphAfter"):
        is_outlined(view, LIVER)
    before = pixels("TextoMorphBefore", LIVER)
    assert np.abs(before - pixels("TextoMorphAfter", LIVER))[145:155, 145:155].mean() > 3


def test_live_is_seen_within_its_outline(host: Any, ct: Any, shown: Any, wait_until: Any) -> None:
    wanted = shown["Scan"].parameters
    wanted.ct, wanted.lesionDiameter = ct, 40.0
    slicer.util.setSliceViewerLayers(background=ct, fit=True)
    point_at(LIVER)
    mainpath.click(shown["Scan"].ui.placeButton)
    shown["Describe"].ui.liveCheckBox.click()
    wait_until(lambda: wanted.result is not None)
    is_outlined("Red", LIVER)
    shown["Describe"].ui.liveCheckBox.click()


def test_the_mask_can_be_filled_and_hidden(host: Any, ct: Any, shown: Any) -> None:
    wanted = generated(shown, ct)
    wanted.maskDisplay = "filled"
    assert colour(pixels("Red", LIVER))[145:155, 145:155].min() > 12
    wanted.maskDisplay = "hidden"
    assert colour(pixels("Red", LIVER)).max() < 12
    wanted.maskDisplay = "outline"
    is_outlined("Red", LIVER)


def test_each_result_has_its_own_outline(host: Any, ct: Any, shown: Any) -> None:
    wanted = generated(shown, ct)
    other = (LIVER[0] - 60, LIVER[1], LIVER[2])
    first = wanted.result
    point_at(other)
    mainpath.click(shown["Scan"].ui.placeButton)
    is_outlined("Red", other)  # the new mask, although no tumour is in it yet
    mainpath.click(shown["Generate"].ui.generateButton)
    is_outlined("Red", other)
    wanted.result = first
    is_outlined("Red", LIVER)
    assert colour(pixels("Red", other))[130:170, 130:170].max() < 12


def test_the_former_views_come_back_after_comparing(host: Any, ct: Any, shown: Any) -> None:
    layout = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    wanted = generated(shown, ct)
    compare = shown["Compare"]
    assert not compare.ui.backButton.enabled
    for _again in range(2):
        mainpath.click(compare.ui.showButton)
    mainpath.click(compare.ui.backButton)
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert red.GetBackgroundVolumeID() == wanted.result.GetID()
    assert not compare.ui.backButton.enabled


# --- Words ---


def test_contradictions_do_not_both_stay_pressed(host: Any, shown: Any) -> None:
    describe = shown["Describe"]
    describe.parameters.text = ""
    for term in ("hypoattenuating", "ill-defined", "hyperattenuating", "well-defined"):
        mainpath.click(describe._chips[term])
    pressed = {name for name, chip in describe._chips.items() if chip.checked}
    assert pressed == {"hyperattenuating", "well-defined"}
    assert describe.ui.warningLabel.isHidden()


# --- Files ---


def test_a_ct_that_is_loaded_while_the_module_is_open_is_chosen(
    host: Any, panels: Any, phantom_ct: Path, wait_until: Any
) -> None:
    wanted = panels["Scan"].parameters
    slicer.util.addVolumeFromArray(np.full((20, 20, 20), 7, np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    QtWidgets.QApplication.processEvents()
    assert wanted.ct is None
    node = slicer.util.loadVolume(phantom_ct, {"name": "CT"})
    wait_until(lambda: wanted.ct is node)
    assert (node.GetDisplayNode().GetWindow(), node.GetDisplayNode().GetLevel()) == (400.0, 40.0)
    slicer.util.loadVolume(phantom_ct, {"name": "another"})
    QtWidgets.QApplication.processEvents()
    assert wanted.ct is node


def test_the_sample_says_all_that_sample_data_needs(host: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from TextoMorphLib.simulation import example_ct

    (sample,) = host.samples
    assert sample.checksums == [f"SHA256:{example_ct.CT_SHA256}"]
    assert sample.loadFiles == [True]

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("there is no network")

    monkeypatch.setattr(example_ct, "example_ct", fail)
    sample.click()
    assert "there is no network" in host.messages[0]


def test_a_failed_installation_says_what_pip_said_and_asks_once(host: Any) -> None:
    host.packages.missing = {"nibabel", "rich"}
    host.packages.log = "Collecting rich\nERROR: No space left on device\n\n[notice] A new release of pip is available"
    widget = host.open("TextoMorph")
    setup = widget.panels[0]
    setup.ui.installButton.click()
    assert len(host.messages) == 2  # the question, and what went wrong
    assert "No space left on device" in host.messages[1]
    assert setup.ui.installButton.enabled
    host.packages.log = ""
    setup.ui.installButton.click()
    assert len(host.messages) == 3
    assert host.packages.installed == ["nibabel", "rich"]
    host.close(widget)


def test_a_model_put_into_the_users_folder_is_seen_when_the_module_is_opened_again(
    host: Any, panels: Any, logic: Any, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shutil

    monkeypatch.setenv("TEXTOMORPH_HOME", str(tmp_path))
    folder, models = logic.modelsFolder(), panels["Setup"].ui.modelComboBox
    names = [models.itemText(index) for index in range(models.count)]
    assert names == ["starter"]
    shutil.copytree(tiny_bundle, folder / "tiny")
    slicer.modules.TextoMorphWidget.exit()
    slicer.modules.TextoMorphWidget.enter()
    assert [models.itemText(index) for index in range(models.count)] == ["starter", "tiny"]
    models.setCurrentText("tiny")
    assert panels["Setup"].parameters.model == "tiny"
    assert logic.preset("tiny")["steps"] == 2
    assert logic._synthesizer("tiny", "cpu").model.config["name"] == "tiny"


# --- For developers ---


def test_reload_reads_the_whole_module_anew(host: Any, ct: Any) -> None:
    widget = host.open("TextoMorph")
    parts = {name: part for name, part in sys.modules.items() if name.split(".")[0] in ("TextoMorphModule",)}
    before = {type(panel) for panel in widget.panels}
    parent = widget.parent
    widget.onReload()
    again = slicer.modules.TextoMorphWidget
    assert again is not widget
    assert again.parent is parent
    assert not before & {type(panel) for panel in again.panels}
    assert parts
    assert all(sys.modules[name] is not part for name, part in parts.items() if name in sys.modules)
    parent._entered = True
    again.enter()
    host.close(again)
