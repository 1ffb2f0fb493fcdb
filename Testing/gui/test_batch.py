"""The batch panel, by clicks: planned, run as a process, cancelled, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
import slicer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A phantom CT and its liver."""
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.phantom import phantom

    ct, organs = phantom()
    for name in ("cts", "organs"):
        (tmp_path / name).mkdir()
    ct.write(tmp_path / "cts" / "p é.nii.gz")
    Volume.from_array(organs["liver"], ct.affine).write(tmp_path / "organs" / "p é_liver.nii.gz")
    return tmp_path


def test_a_batch_is_planned_cancelled_and_resumed(
    host: Any, panels: Any, data: Path, tiny_bundle: Path, wait_until: Any
) -> None:
    ui, wanted = panels["Batch"].ui, panels["Batch"].parameters
    wanted.model = str(tiny_bundle)
    assert not ui.runButton.enabled
    for button, folder in ((ui.ctsButton, "cts"), (ui.masksButton, "organs"), (ui.outputButton, "out")):
        host.file = str(data / folder)
        button.click()
    assert wanted.batchOutput == str(data / "out")
    ui.kindComboBox.setCurrentText("organs")
    ui.countSpinBox.value = 8
    ui.runButton.click()
    run = panels["Batch"]._run
    assert run.running
    assert ui.runButton.text == "Cancel"

    wait_until(lambda: run.done >= 1, 600)
    slicer.mrmlScene.Clear(0)  # a batch is none of the scene's business
    ui.runButton.click()
    wait_until(lambda: not run.running)
    left = sorted(path.name for path in (data / "out").glob("0*.nii.gz"))
    assert 1 <= len(left) < 8

    wanted = panels["Batch"].parameters
    wanted.batchOutput, wanted.model = str(data / "out"), str(tiny_bundle)
    assert ui.runButton.text == "Resume"
    first = (data / "out" / left[0]).stat().st_mtime_ns
    ui.runButton.click()
    again = panels["Batch"]._run
    wait_until(lambda: not again.running, 600)
    assert "8 of 8 finished" in ui.statusLabel.text
    assert len(list((data / "out").glob("0*.nii.gz"))) == 8
    assert (data / "out" / left[0]).stat().st_mtime_ns == first
    assert host.messages == []


def test_a_batch_takes_dicom_series(host: Any, panels: Any, data: Path, tiny_bundle: Path, wait_until: Any) -> None:
    from TextoMorphLib.io import dicom_export
    from TextoMorphLib.io.volume import Volume

    known = {"seed": 0, "text": "", "organ": "liver", "steps": 1, "guidance": 1.0, "versions": {"textomorph": "0"}}
    (file,) = (data / "cts").iterdir()
    ct = Volume.read(file)
    dicom_export.write(ct, {**known, "model": {"name": "", "sha256": "0" * 64}}, data / "cts" / "p é")
    file.unlink()
    ui, wanted = panels["Batch"].ui, panels["Batch"].parameters
    wanted.batchCts, wanted.batchMasks, wanted.batchOutput = (str(data / name) for name in ("cts", "organs", "out"))
    wanted.batchMasksAre, wanted.batchCount, wanted.model = "organs", 1, str(tiny_bundle)
    ui.runButton.click()
    assert host.messages == []
    run = panels["Batch"]._run
    wait_until(lambda: not run.running, 600)
    assert "1 of 1 finished" in ui.statusLabel.text
    made = Volume.read(data / "out" / "0001.nii.gz")
    assert sorted(made.shape) == sorted(ct.shape)


STUBBORN = """
import subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code])
done = '{"event": "done", "line": 1, "output": "a/1.nii.gz", "warnings": ["odd"], "notes": ["The memory was short."]}'
print(done, flush=True)
print('{"event": "failed", "line": 2, "error": "bad"}', flush=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_cancel_ends_all_that_a_batch_has_started(
    host: Any, logic: Any, tmp_path: Path, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer's Python is a launcher: the work is done by its child."""
    from TextoMorphModule.Actions import processes

    monkeypatch.setattr(processes, "COMMAND", STUBBORN)
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text("{}\n{}\n{}\n")
    run = logic.runBatch(jobs)
    wait_until(lambda: run.said.isdigit())
    assert (run.done, run.failed, run.total, run.running) == (1, ["bad"], 3, True)
    assert run.notes == ["The memory was short."]
    assert run.warnings == ["1.nii.gz: odd"]
    child = int(run.said)
    run.stop()
    wait_until(lambda: not run.running)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_bad_folders_are_said_and_a_failed_start_too(host: Any, panels: Any, data: Path, wait_until: Any) -> None:
    ui, wanted = panels["Batch"].ui, panels["Batch"].parameters
    wanted.batchCts, wanted.batchMasks, wanted.batchOutput = str(data / "cts"), str(data), str(data / "out")
    ui.runButton.click()
    assert "holds no images" in host.messages[0]
    assert ui.statusLabel.text == "Nothing was made."
    assert not (data / "out").exists()

    wanted.batchMasks, wanted.batchMasksAre, wanted.device = str(data / "organs"), "organs", "mps"
    ui.runButton.click()
    run = panels["Batch"]._run
    wait_until(lambda: not run.running, 600)
    assert "device 'mps' is not there" in ui.statusLabel.text
    assert (ui.runButton.text, ui.runButton.enabled) == ("Resume", True)
