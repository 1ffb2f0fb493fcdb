"""The Evaluate panel, by keys and clicks: from a segmenter's failures to one that was trained on tumours like them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import failing_cases
import pytest
import slicer
from panel_hands import opened, typed
from PySide6 import QtWidgets

import small_trainings
from host import mainpath

VALIDATION = "[validation]\npatches = 3\nevery = 10\n"
CONFIG = small_trainings.segmentation(VALIDATION, synthetic=0.0, healthy=0.0, steps=20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Cases of which one lesion is missed, one found, and one seen in vain; and healthy ones."""
    return failing_cases.write(tmp_path)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is opened in the browser."""
    import qt

    found: list[str] = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: found.append(url.toLocalFile()))
    return found


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
    assert [(row["case"], row["found"]) for row in _cells(_shown_table())] == [("a", "no"), ("a", "yes")]
    mainpath.click(ui.figuresButton)
    assert _cells(_shown_table())[0]["metric"].startswith("sensitivity")
    typed(ui.predictionsLineEdit, str(data / "others"))
    assert ui.statusLabel.text == ""  # what was said is not of these


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


def test_from_failures_to_a_segmenter_that_was_trained_on_tumours_like_them(
    host: Any,
    panels: Any,
    evaluate: Any,
    data: Path,
    pages: list[str],
    wait_until: Any,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEXTOMORPH_HOME", str(data / "home"))
    ui, wanted, output = evaluate.ui, evaluate.parameters, data / "out"
    wanted.model = str(tiny_bundle)
    wanted.evaluateCases, wanted.evaluatePredictions = str(data / "cases.jsonl"), str(data / "predictions")
    wanted.evaluateOutput = str(output)

    mainpath.click(ui.failuresButton)
    wait_until(lambda: not evaluate.running)
    assert ui.statusLabel.text == "1 missed, 1 false alarms, 1 outlined worst"
    assert pages == [str(output / "failures.html")]
    assert not ui.targetButton.enabled  # nowhere to put them yet
    typed(ui.healthyLineEdit, str(data / "healthy.jsonl"))
    ui.countSpinBox.selectAll()
    typed(ui.countSpinBox.lineEdit(), "4")
    QtWidgets.QApplication.focusWidget()
    ui.countSpinBox.interpretText()
    mainpath.click(ui.targetButton)
    wait_until(lambda: not evaluate.running)
    assert sorted(path.name for path in (output / "targets").glob("0*.nii.gz")) == [
        f"000{number}.nii.gz" for number in range(1, 5)
    ], ui.logEdit.toPlainText()

    mainpath.click(ui.trainButton)
    train = opened(panels["Train"])
    (data / "tried.toml").write_text(CONFIG)
    host.file = str(data / "tried.toml")
    mainpath.click(train.ui.configButton)
    assert wanted.trainCases == str(output / "targets" / "cases.jsonl")
    mainpath.click(train.ui.runButton)
    wait_until(lambda: not train.running)
    assert train.ui.statusLabel.text == "Trained.", train.ui.logEdit.toPlainText()
    assert "validation_dsc" in train._process.values
    mainpath.click(train.ui.useButton)
    assert wanted.segmentModel == "tried"

    wanted.evaluatePredictions = str(data / "again")
    mainpath.click(ui.predictButton)
    wait_until(lambda: not evaluate.running)
    assert "2 cases segmented" in ui.statusLabel.text, ui.logEdit.toPlainText()
    assert sorted(path.name for path in (data / "again").glob("*.nii.gz")) == ["a.nii.gz", "b.nii.gz"]
    mainpath.click(ui.evaluateButton)
    wait_until(lambda: not evaluate.running)
    assert "of 2" in ui.statusLabel.text
    assert host.messages == []
