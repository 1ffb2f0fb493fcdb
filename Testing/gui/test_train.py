"""The Train panel, by keys and clicks: a real training as a process, cancelled, resumed, its losses, its model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
import slicer
from panel_hands import choose, opened, typed, unfold
from PySide6 import QtWidgets

import small_trainings
from host import mainpath

STEPS = 400
CONFIG = small_trainings.texts(steps=STEPS)


@pytest.fixture
def train(panels: Any) -> Any:
    """The panel, unfolded."""
    return opened(panels["Train"])


def test_everything_that_can_be_trained_is_offered_with_its_configurations(host: Any, train: Any) -> None:
    ui, wanted = train.ui, train.parameters
    kinds = [ui.kindComboBox.itemText(at) for at in range(ui.kindComboBox.count)]
    assert {"autoencoder", "texts", "diffusion", "segmentation", "texture"} <= set(kinds)
    choose(ui.kindComboBox, "texts")
    assert (wanted.trainKind, wanted.trainConfiguration) == ("texts", "starter-texts")
    assert ui.dataLineEdit.isHidden()
    choose(ui.kindComboBox, "segmentation")
    assert ui.dataLineEdit.isHidden()
    assert not ui.casesLineEdit.isHidden()
    choose(ui.configComboBox, "segmentation-paper")
    assert wanted.trainConfiguration == "segmentation-paper"
    assert not ui.runButton.enabled
    typed(ui.casesLineEdit, "/data/cases.jsonl")
    typed(ui.outputLineEdit, "/data/run")
    assert ui.runButton.enabled


def test_a_training_is_followed_cancelled_and_resumed(host: Any, train: Any, tmp_path: Path, wait_until: Any) -> None:
    ui, output = train.ui, tmp_path / "é run"
    config = tmp_path / "texts.toml"
    config.write_text(CONFIG)
    choose(ui.kindComboBox, "texts")
    host.file = str(config)
    mainpath.click(ui.configButton)
    assert ui.configComboBox.currentText == str(config)
    output.mkdir()
    host.file = str(output)
    mainpath.click(ui.outputButton)
    mainpath.click(ui.runButton)
    run = train._process
    assert run.running
    assert ui.runButton.text == "Cancel"
    assert psutil.Process(run.console._process.pid).environ()["TEXTOMORPH_PARENT"] == str(os.getpid())

    wait_until(lambda: run.step >= 40)
    process = psutil.Process(run.console._process.pid)
    process.suspend()  # else it may end before what follows is done
    mainpath.click(ui.curveButton)
    slicer.mrmlScene.Clear(0)  # a training is none of the scene's business
    train.parameters.trainKind, train.parameters.trainConfiguration = "texts", str(config)
    train.parameters.trainOutput = str(output)
    mainpath.click(ui.curveButton)
    (chart,) = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLPlotViewNode")
    assert view.GetPlotChartNodeID() == chart.GetID()
    mainpath.click(ui.runButton)
    assert ui.statusLabel.text == "Stopping…"
    process.resume()
    wait_until(lambda: not run.running)
    assert "Resume goes on" in ui.statusLabel.text
    assert (output / "checkpoint.pt").exists()
    stopped_at = run.step
    assert stopped_at < STEPS

    assert ui.runButton.text == "Resume"
    mainpath.click(ui.runButton)
    again = train._process
    assert again.values["loss"][0][0] == 20  # the curve's first part is there, too
    wait_until(lambda: not again.running)
    assert (
        ui.statusLabel.text
        == f"Trained: {output / 'attribute_classifier.safetensors'}; name it in the settings of what builds on it."
    )
    steps = [step for step, _ in again.values["loss"]]
    assert steps == list(range(20, STEPS + 1, 20))
    table = slicer.mrmlScene.GetNodeByID(chart.GetNthPlotSeriesNode(0).GetTableNodeID())
    wait_until(lambda: slicer.util.arrayFromTableColumn(table, "step")[-1] == STEPS)
    assert chart.GetNthPlotSeriesNode(1).GetYColumnName() == "smoothed"

    unfold(ui.logCollapsibleButton)
    mainpath.click(ui.copyLogButton)
    copied = QtWidgets.QApplication.clipboard().text()
    assert f'"step": {STEPS}' in copied
    assert "attribute_classifier.safetensors" in copied
    assert "--resume" in (output / "training.log").read_text(encoding="utf-8")
    assert host.messages == []


def test_what_is_wrong_is_said_where_one_looks(host: Any, train: Any, tmp_path: Path, wait_until: Any) -> None:
    ui = train.ui
    (tmp_path / "bad.toml").write_text("[network")
    train.parameters.trainKind, train.parameters.trainConfiguration = "texts", str(tmp_path / "bad.toml")
    train.parameters.trainOutput = str(tmp_path / "run")
    mainpath.click(ui.runButton)
    wait_until(lambda: not train.running)
    assert "is no valid TOML" in ui.statusLabel.text
    assert ui.runButton.text == "Train"
    assert not ui.logCollapsibleButton.collapsed
    train.parameters.trainOutput = str(tmp_path / "bad.toml" / "run")
    mainpath.click(ui.runButton)
    assert "Cannot write to" in host.messages[0]


def test_a_copy_of_a_configuration_is_made_and_chosen(
    host: Any, train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    opened: list[Any] = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", opened.append)
    choose(train.ui.kindComboBox, "texts")
    host.file = str(tmp_path / "mine")
    mainpath.click(train.ui.copyButton)
    assert train.parameters.trainConfiguration == str(tmp_path / "mine.toml")
    assert "steps" in (tmp_path / "mine.toml").read_text()
    assert opened[0].toLocalFile() == str(tmp_path / "mine.toml")
    assert train.ui.configComboBox.currentText == str(tmp_path / "mine.toml")


def test_a_trained_model_is_used(
    host: Any, panels: Any, train: Any, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from TextoMorphLib import paths

    monkeypatch.setenv("TEXTOMORPH_HOME", str(tmp_path / "home"))
    wanted, ui = train.parameters, train.ui
    assert not ui.useButton.enabled
    shutil.copytree(tiny_bundle, tmp_path / "run" / "model")
    wanted.trainOutput = str(tmp_path / "run")
    mainpath.click(ui.useButton)
    name = wanted.model
    assert (tmp_path / "home" / "Models" / name / "denoiser.safetensors").exists()
    assert panels["Setup"].ui.modelComboBox.currentText == name
    mainpath.click(ui.useButton)  # it is there already
    assert [path.name for path in (tmp_path / "home" / "Models").iterdir()] == [name]

    for fold in ("fold0", "fold1"):
        shutil.copytree(paths.resources() / "Models" / "liver-small", tmp_path / "folds" / fold / "model")
    wanted.trainOutput = str(tmp_path / "folds")
    choose(ui.modelComboBox, "fold1")
    mainpath.click(ui.useButton)
    assert wanted.segmentModel == "liver-small-2"  # the one that comes with TextoMorph keeps its name
    assert "chosen under Segment" in ui.statusLabel.text

    (tmp_path / "folds" / "fold0" / "model" / "network.safetensors").write_bytes(b"")
    choose(ui.modelComboBox, "fold0")
    mainpath.click(ui.useButton)
    assert "is damaged" in host.messages[0]


def test_what_a_training_needs_is_installed_after_asking(host: Any, train: Any, tmp_path: Path) -> None:
    host.packages.missing = {"accelerate"}
    host.answer = QtWidgets.QMessageBox.StandardButton.Cancel
    choose(train.ui.kindComboBox, "texts")
    typed(train.ui.outputLineEdit, str(tmp_path / "run"))
    mainpath.click(train.ui.runButton)
    assert "accelerate" in host.messages[0]
    assert not train.running
    assert not (tmp_path / "run").exists()
