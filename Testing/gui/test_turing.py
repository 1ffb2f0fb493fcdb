"""The Turing-test panel, by clicks and keys: read to the end, stopped and resumed, scored; bad input in plain words."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import slicer

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))

from small_studies import small_study, write_table


@pytest.fixture
def study(tmp_path: Path) -> Any:
    return small_study(tmp_path, pairs=3)


@pytest.fixture
def turing(host: Any, panels: Any) -> Any:
    return panels["Turing"]


def open_study(turing: Any, study: Any) -> None:
    turing.parameters.studyFolder = str(study.folder)
    turing.ui.startButton.click()


def press(turing: Any, *keys: str) -> None:
    """Presses keys in the module's window."""
    from PySide6 import QtTest, QtWidgets
    from PySide6.QtGui import QKeySequence

    window = turing.widget.window()
    window.show()
    window.activateWindow()
    QtTest.QTest.qWaitForWindowActive(window)
    for key in keys:
        QtTest.QTest.keyClick(window, QKeySequence(key)[0].key())
        QtWidgets.QApplication.processEvents()


def answers(study: Any) -> list[dict[str, Any]]:
    lines = (study.folder / "answers" / "anna.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if "call" in entry]


def volumes() -> list[str]:
    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]


def test_a_study_is_read_by_keys_and_scored(turing: Any, study: Any, ct: Any) -> None:
    before = slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()
    ui = turing.ui
    open_study(turing, study)
    assert ui.caseBox.title == "Case 1 of 6"
    assert volumes().count("Case") == 1
    for tag in ("TextoMorphAxial", "TextoMorphCoronal", "TextoMorphSagittal"):
        shown = slicer.app.layoutManager().sliceWidget(tag).sliceLogic().GetBackgroundLayer().GetVolumeNode()
        assert shown.GetName() == "Case"
        assert (shown.GetDisplayNode().GetLevel(), shown.GetDisplayNode().GetWindow()) == (40, 400)
    press(turing, "Return")  # nothing is chosen: nothing happens
    assert ui.caseBox.title == "Case 1 of 6"
    press(turing, "S", "4", "Q", "O")
    outline = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[-1]
    assert not outline.GetDisplayNode().GetVisibility()
    press(turing, "Return")
    assert ui.caseBox.title == "Case 2 of 6"
    press(turing, "R", "2", "Enter", "B")
    assert ui.caseBox.title == "Case 2 of 6"
    assert ui.realButton.checked
    assert ui.confidence2Button.checked
    press(turing, "S", "5", "X", "Return")
    for _case in range(4):
        assert ui.nextButton.enabled is False
        press(turing, "R", "1", "Return")
    assert "Every case is answered" in ui.readLabel.text
    assert not ui.caseBox.visible
    assert volumes() == [ct.GetName()]
    assert slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement() == before
    given = answers(study)
    assert [entry["call"] for entry in given] == ["synthetic", "real", "synthetic", *["real"] * 4]
    assert (given[0]["confidence"], len(given[0]["terms"]), len(given[2]["terms"])) == (4, 1, 3)

    ui.scoreButton.click()
    assert "%" in ui.scoreEdit.toPlainText()


def test_nothing_in_the_scene_tells_real_from_synthetic(turing: Any, study: Any) -> None:
    open_study(turing, study)
    named = [*study.cases, "ours", "real", "pair", str(study.folder.parent)]
    for node in slicer.util.getNodesByClass("vtkMRMLNode"):
        told = f"{node.GetName()} {node.GetDescription()} {node.GetAttributeNames()}"
        assert not [word for word in named if word in told]
        if node.IsA("vtkMRMLStorableNode"):
            assert node.GetStorageNode() is None
    assert not [node for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode") if node.GetSaveWithScene()]
    turing.endReading()


def test_a_reading_goes_on_where_it_was_left(turing: Any, study: Any, ct: Any, logic: Any) -> None:
    mask, _segment = logic.newMask(ct)  # something else that is on the screen
    open_study(turing, study)
    assert not mask.GetDisplayNode().GetVisibility()
    press(turing, "R", "3", "Return", "S", "1", "Return")
    turing.ui.stopButton.click()
    assert "4 cases left" in turing.ui.readLabel.text
    assert mask.GetDisplayNode().GetVisibility()
    assert volumes() == [ct.GetName()]
    turing.ui.startButton.click()
    assert turing.ui.caseBox.title == "Case 3 of 6"
    slicer.mrmlScene.Clear(0)  # the scene is closed in the middle of a reading
    assert turing._room is None
    assert len(answers(study)) == 2


def test_bad_input_in_plain_words(turing: Any, study: Any, host: Any, tmp_path: Path) -> None:
    from TextoMorphLib.reading.session import Session

    ui = turing.ui
    turing.parameters.studyFolder = str(tmp_path / "nothing")
    assert not ui.startButton.enabled
    with Session(study, "anna"):
        open_study(turing, study)
        assert "anna" in host.messages.pop()
    assert not ui.caseBox.visible
    name = study.readers["anna"][1]
    press(turing)
    ui.startButton.click()
    path = study.folder / "cases" / f"{name}.nii"
    path.write_bytes(path.read_bytes() + b"0")
    press(turing, "R", "3", "Return")
    assert "has changed" in host.messages.pop()
    assert volumes() == []
    assert len(answers(study)) == 1
    turing.parameters.studyKey = str(tmp_path / "no-key.json")
    ui.scoreButton.click()
    assert "no-key.json" in host.messages.pop()


def test_a_study_is_made_from_a_table(turing: Any, tmp_path: Path, tiny_bundle: Path) -> None:
    ui, wanted = turing.ui, turing.parameters
    assert not ui.createButton.enabled
    wanted.model = str(tiny_bundle)
    wanted.studyTable, wanted.studyOutput = str(write_table(tmp_path / "scans", 2, ())), str(tmp_path / "made")
    wanted.studyReaders, wanted.studyApart = "anna, ben", 1
    ui.createButton.click()
    assert "4 cases for anna, ben" in ui.statusLabel.text
    assert wanted.studyFolder == str(tmp_path / "made")
    assert [ui.readerComboBox.itemText(index) for index in range(ui.readerComboBox.count)] == ["anna", "ben"]
