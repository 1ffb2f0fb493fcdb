"""Evaluate and Failures, by keys and clicks; the whole loop that they are for is in `test_loop.py`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import failing_cases
import pytest
import slicer
from panel_hands import click_row, opened, typed

from host import mainpath


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Cases of which one lesion is missed, one found, and one seen in vain; and healthy ones."""
    return failing_cases.write(tmp_path)


@pytest.fixture
def evaluate(panels: Any) -> Any:
    """The panel, unfolded."""
    return opened(panels["Evaluate"])


def _shown_table() -> Any:
    view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLTableViewNode")
    return view.GetTableNode()


def _cells(table: Any) -> list[dict[str, str]]:
    names = [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]
    rows = range(table.GetNumberOfRows())
    return [{name: table.GetCellText(row, at) for at, name in enumerate(names)} for row in rows]


def test_predictions_are_scored_and_shown_in_slicers_table(
    host: Any, evaluate: Any, data: Path, wait_until: Any
) -> None:
    ui = evaluate.ui
    assert not any(button.enabled for button in evaluate._steps)
    typed(ui.casesLineEdit, str(data / "cases.jsonl"))
    typed(ui.predictionsLineEdit, str(data / "predictions"))
    typed(ui.outputLineEdit, str(data / "out"))
    mainpath.click(ui.evaluateButton)
    assert ui.evaluateButton.text == "Cancel"
    assert not ui.failuresButton.enabled
    wait_until(lambda: not evaluate.running)
    assert "lesions found: 1 of 2" in ui.statusLabel.text, ui.logEdit.toPlainText()
    figures = {row["metric"]: row for row in _cells(_shown_table())}
    assert (figures["sensitivity all"]["count"], figures["sensitivity all"]["of"]) == ("1", "2")
    assert figures["false_positives_per_scan"]["value"] == "0.5"
    mainpath.click(ui.lesionsButton)
    told = [(row["case"], row["found"], row["predicted_class"]) for row in _cells(_shown_table())]
    assert told == [("a", "no", ""), ("a", "yes", "tumour")]
    mainpath.click(ui.figuresButton)
    assert _cells(_shown_table())[0]["metric"].startswith("sensitivity")
    typed(ui.predictionsLineEdit, str(data / "others"))
    assert ui.statusLabel.text == ""  # what was said is not of these


def test_two_methods_are_scored_side_by_side(host: Any, evaluate: Any, data: Path, wait_until: Any) -> None:
    shutil.copytree(data / "predictions", data / "others")
    (data / "others" / "a.nii.gz").write_bytes((data / "predictions" / "b.nii.gz").read_bytes())  # finds neither lesion
    ui, wanted = evaluate.ui, evaluate.parameters
    wanted.evaluateCases, wanted.evaluatePredictions = str(data / "cases.jsonl"), str(data / "predictions")
    wanted.evaluateOutput = str(data / "out")
    typed(ui.compareLineEdit, str(data / "others"))
    mainpath.click(ui.evaluateButton)
    wait_until(lambda: not evaluate.running)
    found = {
        row["group"]: (row["count"], row["of"]) for row in _cells(_shown_table()) if row["metric"] == "sensitivity all"
    }
    assert found == {"all": ("1", "2"), "compared": ("0", "2")}, ui.logEdit.toPlainText()
    assert "McNemar" in ui.logEdit.toPlainText()


def test_what_is_wrong_is_said_and_a_step_is_cancelled(
    host: Any, evaluate: Any, data: Path, wait_until: Any, tiny_bundle: Path
) -> None:
    ui, wanted = evaluate.ui, evaluate.parameters
    wanted.evaluateCases, wanted.evaluatePredictions = str(data / "cases.jsonl"), str(data / "nothing")
    wanted.evaluateOutput = str(data / "out")
    mainpath.click(ui.evaluateButton)
    wait_until(lambda: not evaluate.running)
    assert "nothing" in ui.statusLabel.text
    assert not ui.logCollapsibleButton.collapsed
    assert not ui.figuresButton.enabled
    mainpath.click(ui.predictButton)
    mainpath.click(ui.predictButton)
    wait_until(lambda: not evaluate.running)
    assert ui.statusLabel.text.startswith("Cancelled")
    assert ui.predictButton.text == "1. Segment the cases"


def test_failures_are_listed_seen_in_their_scan_and_struck_out(
    host: Any, panels: Any, evaluate: Any, data: Path
) -> None:
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.failures import read_failures
    from TextoMorphLib.failures.find import find

    wanted, output = evaluate.parameters, data / "out"
    output.mkdir()
    find(read_cases(data / "cases.jsonl"), data / "predictions", output / "failures.jsonl", worst=1.0)
    failures = opened(panels["Failures"])
    ui, table = failures.ui, failures.ui.failuresTable
    wanted.evaluateCases, wanted.evaluatePredictions = str(data / "cases.jsonl"), str(data / "predictions")
    wanted.evaluateOutput = str(output)
    kinds = [table.item(row, 0).text() for row in range(table.rowCount)]
    assert [kind.split(",")[0] for kind in kinds] == ["miss", "worst", "false alarm"]

    click_row(table, 2)
    mainpath.click(ui.seeButton)
    alarm, first = wanted.segmentation, wanted.ct
    assert (first.GetName(), alarm.GetSegmentation().GetSegment(wanted.segmentId).GetName()) == ("b", "false alarm")
    click_row(table, 0)
    mainpath.click(ui.seeButton)
    assert wanted.ct.GetName() == "a"
    assert not alarm.GetDisplayNode().GetVisibility()  # it would lie over another scan
    click_row(table, 2)
    mainpath.click(ui.seeButton)
    assert (wanted.ct, wanted.segmentation) == (first, alarm)  # nothing is loaded twice

    targets = output / "targets"
    targets.mkdir()
    for name in ("cases.jsonl", "jobs.jsonl"):
        (targets / name).write_text("{}\n")
    wanted.Modified()
    assert evaluate.ui.trainButton.enabled
    mainpath.click(ui.strikeButton)
    assert "2 of 3 are kept" in ui.statusLabel.text
    assert [each.kind for each in read_failures(output / "failures.jsonl")] == ["miss", "worst"]
    assert not evaluate.ui.trainButton.enabled  # what was planned is of other failures
    mainpath.click(ui.strikeButton)
    assert len(read_failures(output / "failures.jsonl")) == 3
    (output / "failures.jsonl").write_text("{}\n")
    wanted.Modified()
    assert "no failure as failures find writes it" in host.messages[0]
    assert table.rowCount == 0
