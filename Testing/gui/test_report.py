"""The Report panel, by keys and clicks: from a pasted or opened report to a lesion that can be generated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slicer
from panel_hands import click_row, opened, typed, unfold
from PySide6 import QtCore, QtTest, QtWidgets
from report_kinds import SENTENCES, as_pdf, as_structured

from chat_server import Server, said
from host import mainpath, problems

LESION = {"lesions": [{"organ": "liver", "spans": ["3 cm hypodense lesion in segment 6.", "No calcification."]}]}
REPORT = """Patient name: Jane Doe. MRN 4711234.
FINDINGS:
Liver: There is a 3.2 x 2.8 cm hypoattenuating, ill-defined mass in segment VI. No calcification.
Spleen: Normal.
Kidneys: Simple cyst at the upper pole of the left kidney, 12 mm, well-defined, lustrous."""


@pytest.fixture
def report(panels: Any) -> Any:
    """The panel, unfolded."""
    return opened(panels["Report"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """An endpoint on this computer, and no answer kept from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Server()
    made.script = lambda body, number: said(LESION)
    yield made
    made.http.shutdown()
    made.http.server_close()


def paste(panel: Any, words: str) -> None:
    """Ctrl+A, Ctrl+V in the box."""
    QtWidgets.QApplication.clipboard().setText(words)
    box = panel.ui.reportEdit
    QtTest.QTest.mouseClick(box.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(5, 8))
    for key in (QtCore.Qt.Key.Key_A, QtCore.Qt.Key.Key_V):
        QtTest.QTest.keyClick(box, key, QtCore.Qt.KeyboardModifier.ControlModifier)


def cells(table: Any, row: int) -> list[str]:
    return [table.item(row, column).text() for column in range(table.columnCount)]


def test_a_pasted_report_is_a_list_of_lesions_one_of_which_is_taken(
    host: Any, ct: Any, panels: Any, report: Any
) -> None:
    ui, wanted = report.ui, report.parameters
    wanted.ct, wanted.text = ct, "solid"
    paste(report, REPORT)
    mainpath.click(ui.findButton)
    assert host.messages == []
    assert ui.statusLabel.text == "2 lesions. Press one to take it."
    liver, kidney = (cells(ui.lesionTable, row) for row in range(2))
    assert (liver[0], liver[2], liver[3]) == ("liver", "32 x 28 mm", "segment 6")
    assert (kidney[0], kidney[2]) == ("kidney", "12 mm")
    assert wanted.text == "solid"  # nothing is taken by itself

    click_row(ui.lesionTable, 1)
    assert (wanted.organ, wanted.lesionDiameter) == ("kidney", 12.0)
    assert wanted.text.startswith("Simple cyst")
    assert panels["Describe"].ui.textEdit.toPlainText() == wanted.text
    assert "upper pole" in panels["Scan"].ui.hintLabel.text
    assert not panels["Scan"].ui.hintLabel.isHidden()
    assert "Not understood: lustrous" in ui.takenLabel.text
    click_row(ui.lesionTable, 0)
    assert (wanted.organ, wanted.lesionDiameter) == ("liver", 32.0)
    assert "segment 6" in panels["Scan"].ui.hintLabel.text

    unfold(ui.leftCollapsibleButton)
    assert "Spleen: Normal." in ui.leftEdit.toPlainText()
    assert "hypoattenuating" not in ui.leftEdit.toPlainText()

    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS((70.0, 10.0, 20.0))
    mainpath.click(panels["Scan"].ui.placeButton)
    assert panels["Scan"].ui.hintLabel.isHidden()
    paste(report, "other")
    assert ui.lesionTable.isHidden()  # it was of another report
    assert "Doe" not in str(slicer.mrmlScene)
    for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
        assert not any("Doe" in node.GetParameter(name) for name in node.GetParameterNames())


def test_paste_report_beside_the_text_finds_the_lesion_too(host: Any, panels: Any) -> None:
    describe = opened(panels["Describe"])
    if describe.ui.describeCollapsibleButton.collapsed:
        unfold(describe.ui.describeCollapsibleButton)
    describe.parameters.organ = "kidney"
    QtWidgets.QApplication.clipboard().setText("Liver: Hypodense lesion. No calcification.\nSpleen: homogeneous.")
    mainpath.click(describe.ui.reportButton)
    assert (describe.parameters.organ, describe.parameters.text) == ("liver", "Hypodense lesion. No calcification.")
    assert not panels["Report"].ui.reportCollapsibleButton.collapsed
    QtWidgets.QApplication.clipboard().setText("No focal hepatic lesion.")
    mainpath.click(describe.ui.reportButton)
    assert "No lesion of the liver" in panels["Report"].ui.statusLabel.text
    assert describe.parameters.text == "Hypodense lesion. No calcification."
    QtWidgets.QApplication.clipboard().setText("")
    mainpath.click(describe.ui.reportButton)
    assert "There is no report" in host.messages[0]


@pytest.mark.parametrize("kind", ["text", "pdf", "structured"])
def test_a_report_is_opened_from_a_file(host: Any, report: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(SENTENCES))
    host.file = str(
        {"text": path, "pdf": as_pdf(tmp_path / "a.pdf"), "structured": as_structured(tmp_path / "a.dcm")}[kind]
    )
    mainpath.click(report.ui.openButton)
    assert host.messages == []
    first = cells(report.ui.lesionTable, 0)
    assert (first[0], first[2], first[3]) == ("liver", "23 x 18 mm", "segment 7")
    host.file = str(tmp_path / "missing.txt")
    mainpath.click(report.ui.openButton)
    assert "Cannot read" in host.messages[0]


def test_a_pdf_asks_for_what_reads_it(host: Any, report: Any, tmp_path: Path, monkeypatch: Any) -> None:
    host.packages.missing = {"pypdf"}
    host.answer = QtWidgets.QMessageBox.StandardButton.Cancel
    host.file = str(as_pdf(tmp_path / "a.pdf"))
    mainpath.click(report.ui.openButton)
    assert "pypdf" in host.messages[0]
    assert report.ui.reportEdit.toPlainText() == ""


def answered(how: Callable[[Any], None]) -> list[str]:
    """Does something in the next message box; what it said."""
    words: list[str] = []

    def act() -> None:
        box = QtWidgets.QApplication.activeModalWidget()
        if box is None:
            QtCore.QTimer.singleShot(50, act)
            return
        words.extend((box.text, box.informativeText, box.detailedText))
        how(box)

    QtCore.QTimer.singleShot(50, act)
    return words


def press(key: Any) -> Callable[[Any], None]:
    return lambda box: QtTest.QTest.keyClick(box, key)


def click_yes(box: Any) -> None:
    button = box.button(QtWidgets.QMessageBox.StandardButton.Yes)
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def test_nothing_leaves_this_computer_without_consent_to_that_host(
    host: Any, report: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from TextoMorphLib.text import chat

    monkeypatch.setattr(chat, "_LOCAL", ())  # this computer stands for another one
    ui = report.ui
    paste(report, REPORT)
    unfold(ui.endpointCollapsibleButton)
    typed(ui.addressLineEdit, server.url)
    for key in (QtCore.Qt.Key.Key_Return, QtCore.Qt.Key.Key_Escape):  # both mean no
        words = answered(press(key))
        mainpath.click(ui.findButton)
        assert ui.statusLabel.text == "Nothing was sent."
        assert server.asked == []
        assert ui.lesionTable.isHidden()
    assert "127.0.0.1" in words[0]
    assert "no guarantee" in words[1]
    assert "[removed]" in words[2]
    assert "Doe" not in words[2]
    assert "4711234" not in words[2]

    server.script = lambda body, number: said(
        {"lesions": [{"organ": "liver", "spans": ["hypoattenuating, ill-defined mass in segment VI", "cystic"]}]}
    )
    words = answered(click_yes)
    mainpath.click(ui.findButton)
    assert words
    assert len(server.asked) == 1
    sent = str(server.asked[0])
    assert "Doe" not in sent
    assert "4711234" not in sent
    assert cells(ui.lesionTable, 0)[1] == "hypoattenuating, ill-defined mass in segment VI"
    assert "1 of the endpoint's spans dropped: not in the report word for word." in ui.statusLabel.text

    paste(report, REPORT.replace("3.2", "4.2"))
    mainpath.click(ui.findButton)  # agreed to before, of this host
    assert len(server.asked) == 2
    assert host.messages == []
    typed(ui.addressLineEdit, "https://elsewhere.invalid/v1")
    answered(press(QtCore.Qt.Key.Key_Return))
    mainpath.click(ui.findButton)  # another host is another question
    assert ui.statusLabel.text == "Nothing was sent."


def test_an_endpoint_on_this_computer_is_free_and_its_failures_are_said(
    host: Any, report: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from TextoMorphLib.text import chat

    ui = report.ui
    paste(report, "Liver: 3 cm hypodense lesion in segment 6. No calcification.")
    unfold(ui.endpointCollapsibleButton)
    typed(ui.addressLineEdit, server.url)
    typed(ui.endpointModelLineEdit, "tiny")
    mainpath.click(ui.findButton)
    assert server.asked[0]["model"] == "tiny"
    assert cells(ui.lesionTable, 0)[1] == " ".join(LESION["lesions"][0]["spans"])
    server.script = lambda body, number: (403, {}, b"go away")
    paste(report, "Liver: 4 cm cyst.")
    mainpath.click(ui.findButton)
    assert "answers 403" in host.messages[0]
    typed(ui.addressLineEdit, "nonsense")
    mainpath.click(ui.findButton)
    assert "no address of an endpoint" in host.messages[1]
    assert chat.host_of("http://[::1]:80/v1") == ("::1", True)


def test_a_slow_endpoint_does_not_hold_slicer_up(host: Any, report: Any, server: Server) -> None:
    import threading

    go = threading.Event()
    server.script = lambda body, number: (go.wait(20), said(LESION))[1]
    ui = report.ui
    paste(report, "Liver: 3 cm hypodense lesion in segment 6.")
    unfold(ui.endpointCollapsibleButton)
    typed(ui.addressLineEdit, server.url)
    beats: list[bool] = []
    heart = QtCore.QTimer()
    heart.timeout.connect(lambda: beats.append(True))
    heart.start(20)
    QtCore.QTimer.singleShot(400, lambda: mainpath.click(ui.findButton))  # it is Cancel by then
    mainpath.click(ui.findButton)
    assert not go.is_set()
    assert len(beats) > 5  # windows were drawn and keys heard meanwhile
    assert ui.lesionTable.isHidden()
    assert report.parameters.text != "3 cm hypodense lesion in segment 6."
    go.set()
    assert "requests" in sys.modules
    assert not problems.taken()
