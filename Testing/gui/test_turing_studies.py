"""The studies of the Turing test: made from a table, kept apart from the scene and other work, faults said."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import slicer
from reading_desk import layout, leftovers, start
from small_studies import small_study, write_table

from TextoMorphLib.reader_study.answers import read_answers
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study


def test_a_saved_scene_names_neither_study_nor_key(panels: Any, study: Study, tmp_path: Path) -> None:
    ui = panels["Turing"].ui
    ui.keyLineEdit.text = str(tmp_path / "key.json")
    ui.tableLineEdit.text = str(tmp_path / "table.csv")
    ui.outputLineEdit.text = str(tmp_path / "new study")
    start(panels, study.folder)
    slicer.mrmlScene.SetURL(str(tmp_path / "scene.mrml"))
    assert slicer.mrmlScene.Commit()
    saved = (tmp_path / "scene.mrml").read_text(encoding="utf-8")
    assert "TextoMorph" in saved
    told = (str(study.folder), "key.json", "table.csv", "new study", "anna", 'name="Case"', 'name="Outline"')
    assert not [word for word in told if word in saved]


def test_no_tumour_is_made_while_somebody_reads_and_the_other_way_round(
    host: Any, panels: Any, study: Study, ct: Any, tmp_path: Path, wait_until: Callable[..., None], tiny_bundle: Path
) -> None:
    logic, wanted, ui = panels["Turing"].logic, panels["Turing"].parameters, panels["Turing"].ui
    wanted.model, wanted.ct = str(tiny_bundle), ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, diameter=20.0, position=(70.0, 10.0, 20.0))
    mask = (wanted.segmentation, wanted.segmentId)
    start(panels, study.folder)
    with pytest.raises(RuntimeError, match="somebody reads"):
        logic.generate(ct, *mask, "cystic", model=str(tiny_bundle))
    with pytest.raises(RuntimeError, match="Somebody reads"):
        logic.createStudy(tmp_path / "table.csv", tmp_path / "new", ["anna"])
    panels["Case"].ui.endButton.click()

    said: list[str] = []

    def tries(*progress: int) -> bool:
        if not said:
            said.append("")
            start(panels, study.folder)
            said.append(host.messages.pop())
        return True

    logic.generate(ct, *mask, "cystic", model=str(tiny_bundle), progress=tries)
    assert "wait for it or cancel it" in said[1]
    said.clear()
    table = write_table(tmp_path / "more", 1)
    logic.createStudy(table, tmp_path / "new", ["anna"], (), apart=1, progress=tries)
    assert "wait for it or cancel it" in said[1]
    assert logic.reading is None
    assert ui.startButton.enabled


def test_what_is_wrong_is_said_and_nothing_is_lost(
    host: Any, panels: Any, study: Study, press: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = layout()
    ui = panels["Turing"].ui
    ui.studyLineEdit.text = str(study.folder / "cases")
    assert not ui.startButton.enabled
    with Session(study, "anna"):
        start(panels, study.folder)
    assert "another window" in host.messages.pop()
    assert (layout(), leftovers()) == (before, [])

    case = start(panels, study.folder)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", _refuse)
        press("R", "4", "Return")
    assert "make room and answer again" in host.messages.pop()
    assert (case.caseLabel.text, case.realButton.checked) == ("Case 1 of 4", True)
    second = study.folder / "cases" / f"{study.readers['anna'][1]}.nii"
    content = second.read_bytes()
    second.write_bytes(content[:-2] + b"\x00\x05")
    press("Return")
    assert "has changed" in host.messages.pop()
    assert (layout(), leftovers()) == (before, [])
    assert len(read_answers(study, "anna").answers) == 1
    start(panels, study.folder)
    assert "has changed" in host.messages.pop()
    assert (layout(), leftovers()) == (before, [])
    second.write_bytes(content)
    start(panels, study.folder)
    assert case.caseLabel.text == "Case 2 of 4"
    case.endButton.click()

    ui.keyLineEdit.text = str(study.folder / "study.json")
    ui.scoreButton.click()
    assert "not the key of this study" in host.messages.pop()
    assert not ui.exportButton.enabled


def _refuse(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_study_without_terms_and_comment_asks_for_none(panels: Any, tmp_path: Path, press: Any) -> None:
    study = small_study(tmp_path, pairs=2, apart=1, questions=())
    ui = start(panels, study.folder)
    assert ui.questionsWidget.isVisible()
    assert not ui.commentLineEdit.isVisible()
    assert not ui.termsGroupBox.isVisible()
    press("R", "2", "Return")
    assert ui.caseLabel.text == "Case 2 of 4"


def test_a_study_is_made_from_a_table(host: Any, panels: Any, tmp_path: Path, tiny_bundle: Path) -> None:
    turing = panels["Turing"]
    ui = turing.ui
    assert not ui.createButton.enabled
    turing.parameters.model = str(tiny_bundle)
    host.file = str(write_table(tmp_path / "scans", 2, ()))
    ui.tableButton.click()
    host.file = str(tmp_path / "made")
    ui.outputButton.click()
    ui.readersLineEdit.text, ui.apartSpinBox.value = "anna, Anna", 1
    ui.createButton.click()
    assert "wo readers are called 'Anna'" in host.messages.pop()
    ui.readersLineEdit.text, ui.fieldLineEdit.text = "anna, ben,", "80"
    ui.createButton.click()
    assert "give three numbers in mm" in host.messages.pop()
    ui.seedLineEdit.text, ui.fieldLineEdit.text = "seven", "80, 80, 50"
    ui.createButton.click()
    assert "must be a whole number" in host.messages.pop()
    assert not (tmp_path / "made").exists()
    ui.titleLineEdit.text, ui.seedLineEdit.text = "Livers", "7"
    ui.spacingLineEdit.text = "2, 2, 2.5"
    ui.newKeyLineEdit.text = str(tmp_path / "apart.json")
    ui.askTermsCheckBox.click()
    ui.createButton.click()
    assert host.messages == []
    assert "4 cases for anna, ben" in ui.statusLabel.text
    made = Study.read(tmp_path / "made")
    assert (made.title, "terms" in made.questions, "comment" in made.questions) == ("Livers", False, True)
    assert ui.studyLineEdit.text == str(tmp_path / "made")
    assert [ui.readerComboBox.itemText(index) for index in range(ui.readerComboBox.count)] == ["anna", "ben"]
    key = json.loads((tmp_path / "apart.json").read_text())
    assert {case["source"] for case in key["cases"].values()} == {"real", "TextoMorph"}
    assert (key["settings"]["seed"], key["settings"]["frame"]["field_mm"]) == (7, [80, 80, 50])
