"""Each panel by clicks: setup with something missing, masks, descriptions, and every bad input in plain words."""

from __future__ import annotations

import re
from threading import Event
from typing import Any

import numpy as np
import pytest
import slicer

from host.editor import paint_ball

LIVER = (70.0, 10.0, 20.0)


FLAT = np.zeros((1, 30, 30), np.int16)


def mask_text(scan: Any) -> str:
    scan.describeMask()
    text: str = scan.ui.statusLabel.text
    return text


def test_setup_says_what_is_missing_and_installs_it_after_asking(host: Any) -> None:
    from PySide6 import QtWidgets

    host.packages.missing = {"nibabel", "rich"}
    widget = host.open("TextoMorph")
    setup = widget.panels[0]
    assert not setup.ui.setupCollapsibleButton.collapsed
    assert "nibabel, rich" in setup.ui.packagesLabel.text
    host.answer = QtWidgets.QMessageBox.StandardButton.Cancel
    setup.ui.installButton.click()
    assert "rich" in host.messages[0]
    assert host.packages.installed == []
    host.answer = QtWidgets.QMessageBox.StandardButton.Ok
    setup.ui.installButton.click()
    assert host.packages.installed == ["nibabel", "rich"]
    assert "All Python packages are installed" in setup.ui.packagesLabel.text
    host.close(widget)


def test_torch_comes_through_the_pytorch_extension(host: Any, panels: Any) -> None:
    host.packages.missing = {"torch"}
    panels["Setup"].showPackages()
    panels["Setup"].ui.installButton.click()
    assert "Extensions Manager" in host.messages[-1]
    assert host.packages.installed == []


def test_the_device_is_named_and_an_absent_one_is_said(host: Any, panels: Any) -> None:
    ui = panels["Setup"].ui
    ui.checkButton.click()
    assert "auto: CPU" in ui.statusLabel.text
    panels["Generate"].ui.deviceComboBox.setCurrentText("mps")
    known = r"mps, \d+\.\d of \d+\.\d GiB of memory free"  # without asking PyTorch
    assert re.fullmatch(known, ui.statusLabel.text)
    ui.checkButton.click()
    assert "device 'mps' is not there" in host.messages[0].lower()
    assert re.fullmatch(known, ui.statusLabel.text)


@pytest.mark.parametrize("how", ["Cancel is pressed", "the scene is closed", "Slicer is closed"])
def test_the_check_can_be_cancelled(host: Any, panels: Any, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    from PySide6 import QtCore

    from TextoMorphModule.Actions import background

    setup, ui, gate, seen = panels["Setup"], panels["Setup"].ui, Event(), []
    monkeypatch.setattr(background, "importTorch", lambda: gate.wait(60))
    ui.setupCollapsibleButton.collapsed = False
    act = {
        "Cancel is pressed": ui.checkButton.click,
        "the scene is closed": lambda: slicer.mrmlScene.Clear(0),
        "Slicer is closed": setup.cleanup,
    }[how]

    def end() -> None:
        if not ui.progressBar.isHidden():
            timer.stop()
            seen.append((ui.checkButton.text, ui.statusLabel.text))
            act()

    timer = QtCore.QTimer()
    timer.timeout.connect(end)
    timer.start(20)
    ui.checkButton.click()  # comes back although PyTorch is still being imported
    assert seen == [("Cancel", "Looking…")]
    assert (ui.checkButton.text, ui.checkButton.enabled) == ("Check", True)
    assert ui.statusLabel.text.startswith("auto, ")
    assert ui.progressBar.isHidden()
    assert host.messages == []
    gate.set()
    background.run(lambda _step: None)  # waits for the import to end


def test_a_mask_is_painted_in_the_segment_editor(host: Any, ct: Any, panels: Any) -> None:
    scan = panels["Scan"]
    scan.parameters.ct = ct
    scan.ui.paintButton.click()
    assert host.selected == ["SegmentEditor"]
    assert "empty" in mask_text(scan)
    assert panels["Generate"].ui.generateButton.enabled  # the mask can be painted later; an empty one is refused
    paint_ball(host.editor.editor, LIVER, 24.0)
    assert "1 lesion" in mask_text(scan)
    assert "24 mm" in mask_text(scan)


def test_a_lesion_goes_inside_the_chosen_organ(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    organ = logic.placeLesion(ct, 60.0, position=LIVER)
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    panels["Scan"].ui.organSelector.setCurrentNode(organ[0])
    assert wanted.organSegmentId == organ[1]
    panels["Scan"].ui.placeComboBox.currentIndex = 1
    panels["Scan"].ui.placeButton.click()
    inside, lesion = (
        slicer.util.arrayFromSegmentBinaryLabelmap(*each, ct) > 0
        for each in (organ, (wanted.segmentation, wanted.segmentId))
    )
    assert lesion.any()
    assert not (lesion & ~inside).any()


@pytest.mark.parametrize("how", ["Cancel is pressed", "the scene is closed"])
def test_placing_can_be_cancelled(host: Any, ct: Any, panels: Any, logic: Any, how: str) -> None:
    from PySide6 import QtCore

    from TextoMorphModule.Actions import background

    scan, wanted, seen = panels["Scan"], panels["Scan"].parameters, []
    organ = logic.newMask(ct)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.ones(slicer.util.arrayFromVolume(ct).shape, np.uint8), *organ, ct
    )
    wanted.ct, (wanted.organSegmentation, wanted.organSegmentId) = ct, organ
    wanted.lesionPlace = "deep in the organ"

    def end() -> None:
        seen.append((scan.ui.placeButton.text, scan.ui.paintButton.enabled))
        scan.ui.placeButton.click() if how == "Cancel is pressed" else slicer.mrmlScene.Clear(0)

    QtCore.QTimer.singleShot(0, end)
    scan.ui.placeButton.click()
    assert seen == [("Cancel", False)]
    assert scan.ui.placeButton.text == "Place a lesion"
    background.run(lambda _step: None)  # waits for the placing to end
    left = [organ[0]] if how == "Cancel is pressed" else []
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == left
    assert host.messages == []


def test_a_place_outside_the_ct_is_said(host: Any, ct: Any, panels: Any) -> None:
    panels["Scan"].parameters.ct = ct
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(900.0, 0.0, 0.0)
    panels["Scan"].ui.placeButton.click()
    assert "outside the CT" in host.messages[0]
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_an_image_that_is_no_ct_is_warned_of(host: Any, panels: Any) -> None:
    node = slicer.util.addVolumeFromArray(np.random.default_rng(0).integers(0, 255, (20, 30, 30)).astype(np.int16))
    panels["Scan"].parameters.ct = node
    assert "not in HU" in panels["Scan"].ui.ctLabel.text


def test_terms_are_pressed_and_text_is_understood(host: Any, panels: Any) -> None:
    describe = panels["Describe"]
    wanted = describe.parameters
    groups = describe.logic.termGroups("liver")
    others = [*groups["Diagnosis"], *groups["Organ around it"]]
    assert not [term.name for term in others if term.claims]  # what can be drawn stands under its kind
    wanted.text = "hypodense lesion"
    assert describe._chips["hypoattenuating"].checked
    describe._chips["mildly"].click()
    assert wanted.text == "mildly hypodense lesion"
    wanted.text = "mildly hypodense, ill-defined and well-defined"
    assert "contradict" in describe.ui.warningLabel.text
    wanted.text = "mildly hypodense lesion"
    describe._chips["hypoattenuating"].click()
    assert not describe._chips["hypoattenuating"].checked
    wanted.text = "gloomy, no calcification"
    assert "gloomy" in describe.ui.warningLabel.text
    assert not describe._chips["calcification"].checked


def test_recognised_terms_are_coloured_and_other_words_are_said(host: Any, panels: Any) -> None:
    import qt

    describe = panels["Describe"]
    describe.ui.textEdit.setPlainText("Gloomy hypodense lesion, no calcifications, <b>")
    shown = qt.QTextDocument()
    shown.setHtml(describe.ui.understoodLabel.text)
    coloured: dict[str, list[str]] = {}
    for piece in shown.begin().textFormats():
        words = shown.toPlainText()[piece.start : piece.start + piece.length]
        coloured.setdefault(piece.format.foreground().color().name(), []).append(words)
    assert shown.toPlainText() == describe.parameters.text  # markup in the text is shown as it is written
    assert coloured["#2e7d32"] == ["hypodense", "calcifications"]
    assert coloured["#b26a00"] == ["Gloomy", "b"]
    assert "No known term: Gloomy, b." in describe.ui.warningLabel.text
    describe.ui.textEdit.setPlainText("hypodense lesion")
    assert describe.ui.warningLabel.isHidden()


def test_terms_follow_the_organ(host: Any, panels: Any) -> None:
    assert "washout" in panels["Describe"]._chips
    panels["Scan"].ui.organComboBox.setCurrentText("kidney")
    assert "renal stone" in panels["Describe"]._chips
    assert "washout" not in panels["Describe"]._chips


def fill(wanted: Any, value: int) -> None:
    voxels = np.full(slicer.util.arrayFromVolume(wanted.ct).shape, value, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, wanted.segmentation, wanted.segmentId, wanted.ct)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda wanted, other: slicer.util.updateVolumeFromArray(wanted.ct, FLAT), "single slice"),
        (lambda wanted, other: wanted.ct.SetSpacing(60.0, 0.8, 0.8), "spacing"),
        (lambda wanted, other: fill(wanted, 0), "the mask is empty"),
        (lambda wanted, other: fill(wanted, 1), "covers 100% of the scan"),
        (lambda wanted, other: setattr(wanted, "ct", other), "not in HU"),
        (lambda wanted, other: setattr(wanted, "model", "/nowhere"), "unknown model"),
        (lambda wanted, other: setattr(wanted, "device", "mps"), "device 'mps' is not there"),
    ],
)
def test_bad_input_is_said_in_plain_words_and_adds_nothing(
    host: Any, ct: Any, panels: Any, logic: Any, spoil: Any, said: str
) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (30, 30, 30)).astype(np.int16)
    other = slicer.util.addVolumeFromArray(voxels, name="no CT")
    wanted = panels["Generate"].parameters
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    spoil(wanted, other)
    panels["Generate"].onGenerate()
    assert said.lower() in host.messages[0].lower()
    assert "Traceback" not in host.messages[0]
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [ct, other]


def test_variants_have_their_own_seeds_and_a_mask_of_their_own(host: Any, ct: Any, logic: Any) -> None:
    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    results = logic.generate(ct, *mask, "cystic", seed=5, variants=2, steps=1)
    assert [logic.report(node)["seed"] for node in results] == [5, 6]
    slicer.mrmlScene.RemoveNode(mask[0])
    kept = results[0].GetNodeReference("TextoMorph.mask")
    assert "1 lesion" in logic.describeMask(kept, kept.GetSegmentation().GetNthSegmentID(0), ct)
    assert np.any(slicer.util.arrayFromVolume(results[0]) != slicer.util.arrayFromVolume(results[1]))


def test_all_that_is_needed_is_in_sight_at_once(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    """What Slicer leaves of a screen of 1920 x 1080 for a module's panel: about 460 x 780 pixels."""
    from PySide6 import QtCore, QtWidgets

    wanted = panels["Scan"].parameters
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    window = panels["Scan"].widget.window()
    window.resize(460, 780)
    window.show()
    for _ in range(5):
        QtWidgets.QApplication.processEvents()
    panels["Scan"].describeMask()
    QtWidgets.QApplication.processEvents()
    assert (window.width, window.height) == (460, 780)  # it can be as small
    scan, describe, generate = (panels[name].ui for name in ("Scan", "Describe", "Generate"))
    chip = panels["Describe"]._chips["hypoattenuating"]
    for control in (
        scan.ctSelector,
        scan.placeButton,
        scan.paintButton,
        describe.textEdit,
        chip,
        generate.generateButton,
    ):
        seen = control.visibleRegion().boundingRect()
        assert seen == QtCore.QRect(QtCore.QPoint(0, 0), control.size), control.objectName
    for organ in ("liver", "pancreas", "kidney"):  # no term is cut off at the side
        wanted.organ = organ
        terms = panels["Describe"].ui.termsWidget
        assert terms.minimumSizeHint().width() <= terms.parentWidget().width, organ


def test_a_folded_section_says_in_a_line_what_it_holds(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    scan, describe = panels["Scan"], panels["Describe"]
    scan.parameters.ct = ct
    scan.parameters.segmentation, scan.parameters.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    scan.describeMask()
    scan.ui.scanCollapsibleButton.collapsed = describe.ui.describeCollapsibleButton.collapsed = True
    assert scan.ui.scanCollapsibleButton.text.startswith("Scan and mask: Phantom CT, liver, 1 lesion")
    describe.parameters.text = "cystic"
    assert describe.ui.describeCollapsibleButton.text == "Describe: cystic"
    describe.ui.describeCollapsibleButton.collapsed = False
    assert describe.ui.describeCollapsibleButton.text == "Describe"


def test_terms_are_found_by_their_letters(host: Any, panels: Any) -> None:
    from PySide6 import QtTest

    describe = panels["Describe"]
    QtTest.QTest.keyClicks(describe.ui.searchLineEdit, "hypodense")
    shown = [name for name, chip in describe._chips.items() if not chip.isHidden()]
    assert "hypoattenuating" in shown
    assert "well-defined" not in shown
    describe.ui.searchLineEdit.text = ""
    assert not any(chip.isHidden() for chip in describe._chips.values())


@pytest.mark.parametrize(
    ("where", "said"), [((70.0, 400.0, 20.0), ""), ((150.0, 120.0, 20.0), "outside the body"), (LIVER, "")]
)
def test_where_a_mask_lies_is_said_before_generate(
    host: Any, ct: Any, panels: Any, logic: Any, where: Any, said: str
) -> None:
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    try:
        wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=where)
    except ValueError:
        return  # outside the CT
    panels["Scan"].describeMask()
    label = panels["Generate"].ui.doubtLabel
    assert said in label.text
    assert label.isHidden() == (not said)
    assert said in panels["Scan"].ui.statusLabel.text


def test_a_mask_outside_its_organ_is_said(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    wanted.organSegmentation, wanted.organSegmentId = logic.placeLesion(ct, 40.0, position=LIVER)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=(LIVER[0], LIVER[1], LIVER[2] + 30))
    panels["Scan"].describeMask()
    assert "outside the organ" in panels["Generate"].ui.doubtLabel.text


def test_doubts_about_the_ct_are_said_before_and_after_generate(
    host: Any, panels: Any, logic: Any, tmp_path: Any
) -> None:
    """A file that gives two voxel sizes, of an organ cut out so closely that its HU cannot be told."""
    import nibabel as nib

    from TextoMorphLib.simulation.phantom import phantom

    volume, organs = phantom()
    where = np.argwhere(organs["liver"])
    part = tuple(slice(a + 8, b - 8) for a, b in zip(where.min(0), where.max(0), strict=True))
    image = nib.Nifti1Image(volume.hu()[part].astype(np.int16), volume.affine)
    image.header["pixdim"][1:4] *= 2
    image.header["qform_code"] = 0
    image.to_filename(tmp_path / "liver.nii")
    node = slicer.util.loadVolume(tmp_path / "liver.nii")
    wanted = panels["Generate"].parameters
    wanted.ct = node
    bounds = np.zeros(6)
    node.GetRASBounds(bounds)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(node, 12.0, position=tuple(bounds.reshape(3, 2).mean(1)))
    for label in (panels["Scan"].ui.ctLabel, panels["Generate"].ui.doubtLabel):
        assert "two voxel sizes" in label.text
        assert not label.isHidden()
    wanted.ownSettings, wanted.steps = True, 1
    panels["Generate"].ui.generateButton.click()
    assert wanted.result is not None
    assert "two voxel sizes" in panels["Generate"].ui.doubtLabel.text
    assert any("two voxel sizes" in each for each in logic.report(wanted.result)["warnings"])
