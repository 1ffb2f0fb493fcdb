"""The whole loop in one go, by keys and clicks: a missed lesion into words, look-alikes, another segmenter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import failing_cases
import numpy as np
import pytest
import slicer
from panel_hands import click_row, opened, typed
from scipy import ndimage

import small_trainings
from host import mainpath
from TextoMorphLib.io.volume import Volume

BRIGHTER_HU = 16.0
CONFIG = small_trainings.segmentation(
    "[validation]\npatches = 3\nevery = 20\n",
    synthetic=0.0,
    healthy=0.0,
    steps=60,
    learning_rate="2e-2",
    warmup=5,
    ema=0.8,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A case with a lesion that the shipped segmenter finds and a bright one that it misses; and healthy scans."""
    scan, organ = failing_cases.scan_of(0, (failing_cases.FOUND,))
    hu = scan.data + BRIGHTER_HU * ndimage.gaussian_filter(failing_cases.MISSED.astype(float), 0.6)
    ill = Volume.from_array(np.rint(hu).astype(np.int16), failing_cases.AFFINE)
    tumours = failing_cases.FOUND | failing_cases.MISSED
    scans = {"ill": (ill, tumours)} | {f"well{n}": (failing_cases.scan_of(n)[0], tumours & False) for n in (1, 2)}
    lines = []
    for name, (volume, mask) in scans.items():
        volume.write(tmp_path / f"{name}.nii.gz")
        label = np.where(mask, 2, organ).astype(np.uint8)
        Volume.from_array(label, failing_cases.AFFINE).write(tmp_path / f"{name}_label.nii.gz")
        line = {"id": name, "ct": f"{name}.nii.gz", "organ": "liver", "label": f"{name}_label.nii.gz"}
        line |= {"values": {"organ": [1], "tumour": [2]}, "healthy": not mask.any()}
        lines.append(json.dumps(line) + "\n")
    (tmp_path / "cases.jsonl").write_text(lines[0])
    (tmp_path / "healthy.jsonl").write_text("".join(lines[1:]))
    (tmp_path / "mine.toml").write_text(CONFIG)
    return tmp_path


def test_a_missed_lesion_becomes_words_look_alikes_and_another_segmenter(
    host: Any, panels: Any, data: Path, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    monkeypatch.setenv("TEXTOMORPH_HOME", str(data / "home"))
    pages: list[str] = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: pages.append(url.toLocalFile()))
    wanted = panels["Scan"].parameters
    evaluate, failures = opened(panels["Evaluate"]), opened(panels["Failures"])
    ui = evaluate.ui
    typed(ui.casesLineEdit, str(data / "cases.jsonl"))

    def step(panel: Any, button: Any) -> str:
        mainpath.click(button)
        wait_until(lambda: not panel.running)
        assert host.messages == []
        return str(panel.ui.statusLabel.text)

    def scored(folder: str) -> str:
        typed(ui.predictionsLineEdit, str(data / folder / "predictions"))
        typed(ui.outputLineEdit, str(data / folder))
        assert "1 cases segmented" in step(evaluate, ui.predictButton), ui.logEdit.toPlainText()
        return step(evaluate, ui.evaluateButton)

    assert "lesions found: 1 of 2" in scored("before"), ui.logEdit.toPlainText()
    assert "None yet" in failures.ui.statusLabel.text
    assert step(evaluate, ui.failuresButton).startswith("1 missed")
    assert pages == [str(data / "before/failures.html")]

    table = failures.ui.failuresTable
    click_row(table, 0)
    assert [table.item(0, column).text() for column in range(2)] == ["miss", "ill"]
    assert not failures.ui.pictureLabel.pixmap.isNull()
    mainpath.click(failures.ui.seeButton)
    assert np.array_equal(slicer.util.arrayFromVolume(wanted.ct).transpose(), Volume.read(data / "ill.nii.gz").data)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, wanted.ct).transpose() > 0
    assert np.array_equal(mask, failing_cases.MISSED)
    wanted.text = "cystic"
    mainpath.click(panels["Describe"].ui.wordsButton)
    assert wanted.text.startswith(f"{table.item(0, 3).text()}, ")  # what `failures find` says, and the size
    assert "hyperattenuating" in wanted.text

    assert not ui.targetButton.enabled  # nowhere to put look-alikes yet
    typed(ui.healthyLineEdit, str(data / "healthy.jsonl"))
    typed(ui.countSpinBox.lineEdit(), "4")
    ui.countSpinBox.interpretText()
    step(evaluate, ui.targetButton)
    jobs = [json.loads(line) for line in (data / "before/targets/jobs.jsonl").read_text().splitlines()]
    assert len(jobs) == 4
    assert all((data / "before/targets" / f"000{number}.nii.gz").is_file() for number in (1, 2, 3, 4))

    mainpath.click(ui.trainButton)
    train = opened(panels["Train"])
    host.file = str(data / "mine.toml")
    mainpath.click(train.ui.configButton)
    assert step(train, train.ui.runButton) == "Trained.", train.ui.logEdit.toPlainText()
    mainpath.click(train.ui.useButton)
    assert wanted.segmentModel == "tried"
    assert "of 2" in scored("after")
