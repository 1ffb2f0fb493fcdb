"""The Turing test, by clicks and keys: read alone on the screen, stopped and resumed, scored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import qt
import slicer
from PySide6 import QtTest, QtWidgets
from reading_desk import bars, layout, leftovers, shown, start
from small_studies import FRAME, TEXT, small_study

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study import pdf
from TextoMorphLib.reader_study.answers import read_answers
from TextoMorphLib.reader_study.session import TERM_KEYS, Session
from TextoMorphLib.reader_study.study import Study

READING = 7403  # the layout


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
