"""The Turing test, by clicks and keys: created, read alone on the screen, stopped and resumed, scored."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import qt
import slicer
from PySide6 import QtTest, QtWidgets
from PySide6.QtCore import Qt

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit" / "reader_study"))

from small_studies import FRAME, TEXT, small_study, write_table

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study import pdf
from TextoMorphLib.reader_study.answers import read_answers
from TextoMorphLib.reader_study.session import TERM_KEYS, Session
from TextoMorphLib.reader_study.study import Study

READING = 7402  # the layout


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four cases."""
    return small_study(tmp_path / "é a", pairs=2, readers=("anna", "ben"), apart=1)


@pytest.fixture
def press(panels: Any) -> Callable[..., None]:
    """Presses keys, one after the other, wherever the focus is in the window."""
    window = panels["Case"].widget.window()
    window.show()
    window.activateWindow()
    QtTest.QTest.qWaitForWindowActive(window)

    def keys(*names: str) -> None:
        for name in names:
            QtTest.QTest.keyClick(QtWidgets.QApplication.focusWidget() or window, getattr(Qt.Key, f"Key_{name}"))
            QtWidgets.QApplication.processEvents()

    return keys


def start(panels: Any, folder: Path, reader: str = "anna") -> Any:
    """Opens a study; the widgets of its cases."""
    ui = panels["Turing"].ui
    ui.studyLineEdit.text = str(folder)
    ui.readerComboBox.setCurrentText(reader)
    ui.startButton.click()
    return panels["Case"].ui


def layout() -> int:
    return slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()


def shown(panels: Any) -> list[str]:
    return [name for name, panel in panels.items() if not panel.widget.isHidden()]


def bars() -> list[bool]:
    """Of the main window's toolbars, docks and other parts, which are hidden."""
    window = slicer.util.mainWindow()
    named = [slicer.util.findChild(window, name) for name in ("DataProbeCollapsibleWidget", "LogoLabel")]
    parts = [*window.findChildren("QToolBar"), *window.findChildren("QDockWidget"), *named]
    hidden = [part.isHidden() for part in (*parts, window.menuBar(), window.statusBar())]
    return [*hidden, not slicer.util.findChild(window, "ModulePanel").helpAndAcknowledgmentVisible]


def leftovers() -> list[str]:
    """Nodes that a reading has brought into the scene."""
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLVolumeDisplayNode")
    every = [node for kind in kinds for node in slicer.util.getNodesByClass(kind)]
    return [node.GetName() for node in (*every, *slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode"))]


def test_a_study_is_read_by_keys_and_clicks_and_scored(
    host: Any, panels: Any, study: Study, press: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ui = start(panels, study.folder)
    assert host.messages == []
    assert ui.caseLabel.text == "Case 1 of 4"
    assert TEXT in ui.textLabel.text
    assert ui.callGroupBox.title == study.questions["call"]
    assert [button.text[0] for button in panels["Case"]._termButtons.values()] == list(TERM_KEYS[:3])
    press("Return")
    assert "First say R" in ui.messageLabel.text
    press("S", "R", "4", "A", "Return")
    assert ui.caseLabel.text == "Case 2 of 4"
    assert not ui.realButton.checked

    ui.syntheticButton.click()
    ui.confidence2Button.click()
    ui.allButton.click()
    press("C")
    QtTest.QTest.keyClicks(QtWidgets.QApplication.focusWidget(), "rim Z3")  # letters here are no answers
    press("Return")
    assert (ui.caseLabel.text, ui.commentLineEdit.focus) == ("Case 2 of 4", False)
    assert (ui.syntheticButton.checked, ui.confidence2Button.checked) == (True, True)
    press("Return")

    press("B")
    assert (ui.caseLabel.text, ui.commentLineEdit.text, ui.syntheticButton.checked) == ("Case 2 of 4", "rim Z3", True)
    assert not ui.backButton.enabled
    press("5", "Return", "R", "1", "Enter")
    assert ui.caseLabel.text == "Case 4 of 4"
    press("S", "3", "Enter")
    assert "All cases are read" in ui.messageLabel.text
    assert not ui.questionsWidget.isVisible()
    press("B")  # the last answer can still be changed
    assert (ui.caseLabel.text, ui.syntheticButton.checked) == ("Case 4 of 4", True)
    press("R", "Enter")
    ui.endButton.click()
    assert "Every case is answered" in panels["Turing"].ui.readLabel.text

    answers = read_answers(study, "anna").answers
    assert [(answer.call, answer.confidence) for answer in answers] == [
        *(("real", 4), ("synthetic", 5)),
        *(("real", 1), ("real", 3)),
    ]
    terms = [study.cases[answer.case].terms for answer in answers]
    assert (answers[0].terms, answers[1].terms, answers[2].terms) == (terms[0][:1], terms[1], ())
    assert (answers[1].comment, answers[1].revised, answers[3].revised) == ("rim Z3", True, True)
    assert all(answer.seconds > 0 for answer in answers)

    monkeypatch.setattr(pdf, "browser", lambda: sys.executable)  # no real one starts here
    ui = panels["Turing"].ui
    assert not ui.exportButton.enabled
    ui.scoreButton.click()
    assert "real called synthetic" in ui.scoreEdit.toPlainText()
    host.file = str(tmp_path / "results")
    ui.exportButton.click()
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"report.html", "readings.csv", "scores.json"}
    assert "no PDF" in slicer.util.mainWindow().statusBar().currentMessage()
    assert host.messages == []


def test_nothing_else_is_on_the_screen_and_all_comes_back(panels: Any, study: Study, press: Any, ct: Any) -> None:
    everything = [name for name in panels if name != "Case"]
    mask, _segment = panels["Scan"].logic.placeLesion(ct, diameter=20.0, position=(70.0, 10.0, 20.0))
    mouse = slicer.app.applicationLogic().GetInteractionNode()
    slicer.util.mainWindow().findChildren("QToolBar")[1].visible = False  # as the user likes it
    slicer.util.setErrorLogVisible(True)
    before = layout(), bars(), mouse.GetCurrentInteractionMode(), shown(panels)
    assert before[1:] == ([False, True, True, *[False] * 6], mouse.ViewTransform, everything)

    def alone() -> None:
        assert (layout(), bars(), shown(panels)) == (READING, [True] * 9, ["Case"])
        assert slicer.app.layoutManager().sliceWidget("TextoMorphAxial").sliceController().isHidden()
        assert mouse.GetCurrentInteractionMode() == mouse.AdjustWindowLevel

    def back() -> None:
        assert (layout(), bars(), mouse.GetCurrentInteractionMode(), shown(panels)) == before
        assert "Case" not in leftovers()

    ui = start(panels, study.folder)
    alone()
    assert not mask.GetDisplayNode().GetVisibility(), "it could cover the case"
    press("R", "5", "Return", "S", "5")
    ui.endButton.click()
    back()
    assert mask.GetDisplayNode().GetVisibility()
    assert "3 cases left" in panels["Turing"].ui.readLabel.text

    start(panels, study.folder)
    alone()
    assert ui.caseLabel.text == "Case 2 of 4"
    assert not ui.syntheticButton.checked, "what was not saved is asked again"
    press("R", "5", "Return")
    slicer.mrmlScene.Clear(0)
    mouse = slicer.app.applicationLogic().GetInteractionNode()
    back()
    assert leftovers() == []


def test_slicer_closed_while_somebody_reads_has_its_toolbars_the_next_time(
    host: Any, panels: Any, study: Study
) -> None:
    window, before = slicer.util.mainWindow(), bars()
    start(panels, study.folder)
    assert window.close()
    assert (bars(), leftovers()) == (before, [])
    slicer.util.setToolbarsVisible(False)
    window.restoreState(qt.QSettings().value("MainWindow/windowState"))  # the next start
    assert bars() == before


def test_leaving_the_module_ends_the_reading(host: Any, panels: Any, study: Study) -> None:
    start(panels, study.folder)
    host.leave()
    assert (layout() == READING, leftovers(), "Case" in shown(panels)) == (False, [], False)
    Session(study, "anna").close()  # free again
    host.opened.enter()
    assert "Turing" in shown(panels)


def test_pause_scrolling_outline_and_window(panels: Any, study: Study, press: Any) -> None:
    ui = start(panels, study.folder)
    view = slicer.app.layoutManager().sliceWidget("TextoMorphAxial").sliceLogic()
    case, outline = slicer.util.getNode("Case"), slicer.util.getNode("Outline")
    display = case.GetDisplayNode()
    assert (display.GetLevel(), display.GetWindow()) == (40, 400)
    assert slicer.util.arrayFromVolume(case).shape == FRAME.shape[::-1]
    display.SetWindowLevel(100, 0)
    press("O")
    assert not outline.GetDisplayNode().GetVisibility()
    offset = view.GetSliceOffset()
    press("Up", "PageDown")
    assert view.GetSliceOffset() == pytest.approx(offset - 4 * 2.5)
    press("0")
    assert view.GetSliceOffset() == pytest.approx(offset)
    assert display.GetWindow() == 400

    press("S", "2", "Z")
    session = panels["Case"].logic.reading.session
    spent = session._spent
    assert spent > 0
    assert view.GetSliceCompositeNode().GetBackgroundVolumeID() is None
    assert not ui.questionsWidget.isVisible()
    press("Return", "R", "Up")
    assert (read_answers(study, "anna").answers, session._spent) == ((), spent)
    ui.pauseButton.click()
    assert view.GetSliceCompositeNode().GetBackgroundVolumeID() == case.GetID()
    assert ui.syntheticButton.checked, "what was chosen stays"
    press("Return")
    assert ui.caseLabel.text == "Case 2 of 4"
    assert not outline.GetDisplayNode().GetVisibility(), "stays as the reader had it"
    assert not [each for each in QtWidgets.QApplication.topLevelWidgets() if each.className() == "QPushButton"]


def test_loading_is_not_reading(panels: Any, study: Study, press: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read, clocks = Volume.read, []

    def slowly(path: Path) -> Volume:
        clocks.append(panels["Case"].logic.reading.session._shown)
        return read(path)

    monkeypatch.setattr(Volume, "read", slowly)
    start(panels, study.folder)
    press("R", "5", "Return")
    assert (len(clocks) > 1, set(clocks)) == (True, {None})
    assert panels["Case"].logic.reading.session._shown is not None


def test_nothing_in_the_scene_tells_real_from_synthetic(panels: Any, study: Study, press: Any) -> None:
    key = study.read_key()
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    start(panels, study.folder)
    for case in study.readers["anna"]:
        nodes = [slicer.mrmlScene.GetNthNode(index) for index in range(slicer.mrmlScene.GetNumberOfNodes())]
        told = "\n".join(f"{node.GetName()} {node.GetDescription()} {node.GetAttributeNames()}" for node in nodes)
        hidden = ("real", "ours", study.id, str(study.folder), study.folder.parent.name, *study.cases)
        assert not [word for word in hidden if word.lower() in told.lower().replace("realtime", "")]
        own = [node for node in nodes if node.GetName() in ("Case", "Outline")]
        assert [(node.GetHideFromEditors(), node.GetSaveWithScene()) for node in own] == [(1, 0), (1, 0)]
        volume = own[0]
        seen[key["cases"][case]["synthetic"]].add(
            f"{[node.GetID() for node in own]} {volume.GetSpacing()} {volume.GetOrigin()} "
            f"{slicer.util.arrayFromVolume(volume).dtype} {volume.GetStorageNode()} {len(nodes)}"
        )
        press("R", "3", "Return")
    assert seen[True] == seen[False]
    assert len(seen[True]) == 1
    assert panels["Scan"].parameters.ct is None, "a case is nobody's CT"


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


def test_nothing_of_a_case_is_cut_off_in_a_narrow_panel(host: Any, panels: Any, tmp_path: Path) -> None:
    from PySide6 import QtWidgets

    window = panels["Scan"].widget.window()
    window.resize(460, 780)
    window.show()
    start(panels, small_study(tmp_path / "study", pairs=2, readers=("anna", "ben"), apart=1).folder)
    for _ in range(5):
        QtWidgets.QApplication.processEvents()
    area = window.findChild(QtWidgets.QScrollArea, "panelsArea")
    assert panels["Case"].widget.isVisible()
    assert panels["Case"].widget.width <= area.viewport().width
    panels["Case"].onEnd()
    for name, panel in panels.items():
        assert panel.widget.width <= area.viewport().width or not panel.widget.isVisible() or panel.pinned, name
