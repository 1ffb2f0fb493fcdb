"""What is read in, removed or painted elsewhere while the module is open: the panels tell what is there now."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import slicer
from PySide6 import QtCore

from host.editor import SegmentEditorWidget, paint_ball
from TextoMorphLib.errors import Cancelled

LIVER = (70.0, 10.0, 20.0)


@pytest.fixture
def masked(host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any) -> Any:
    """The panels with a CT, and a mask that was looked at."""
    wanted = panels["Scan"].parameters
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    wait_until(lambda: "ball 20 mm" in panels["Scan"].ui.statusLabel.text)
    return panels


@pytest.mark.parametrize("clear", [True, False])
def test_a_scene_that_is_read_in_is_looked_at_when_it_is_whole(
    masked: Any, tmp_path: Path, wait_until: Any, clear: bool
) -> None:
    scene = str(tmp_path / "scene.mrb")
    slicer.mrmlScene.SetURL(scene)
    assert slicer.mrmlScene.WriteToMRB(scene)
    slicer.mrmlScene.ReadFromMRB(scene, clear)
    ui, wanted = masked["Scan"].ui, masked["Scan"].parameters
    wait_until(lambda: not ui.ctLabel.text and "ball 20 mm" in ui.statusLabel.text)
    brush = SegmentEditorWidget()
    brush.setSegmentationNode(wanted.segmentation)
    brush.setSourceVolumeNode(wanted.ct)
    brush.setCurrentSegmentID(wanted.segmentId)
    paint_ball(brush, (60.0, 10.0, 20.0), 30.0)
    wait_until(lambda: "lesion" in ui.statusLabel.text and "ball 20 mm" not in ui.statusLabel.text)


def test_a_scan_that_is_filled_or_changed_in_its_place_is_looked_at_anew(masked: Any, ct: Any, wait_until: Any) -> None:
    ui = masked["Scan"].ui
    slicer.util.arrayFromVolume(ct)[:] += 1000
    slicer.util.arrayFromVolumeModified(ct)
    wait_until(lambda: "not in HU" in ui.ctLabel.text)
    slicer.util.arrayFromVolume(ct)[:] -= 1000
    slicer.util.arrayFromVolumeModified(ct)
    wait_until(lambda: not ui.ctLabel.text)


def test_a_mask_that_is_removed_is_no_mask(masked: Any, wait_until: Any) -> None:
    wanted, generate = masked["Scan"].parameters, masked["Generate"].ui
    wanted.segmentation.GetSegmentation().RemoveSegment(wanted.segmentId)
    wait_until(lambda: "No mask yet" in masked["Scan"].ui.statusLabel.text)
    assert not generate.generateButton.enabled
    assert "Paint a mask or place a lesion first" in generate.statusLabel.text


def test_an_organ_that_is_removed_is_named(host: Any, ct: Any, masked: Any, logic: Any) -> None:
    wanted = masked["Scan"].parameters
    wanted.organSegmentation, wanted.organSegmentId = logic.placeLesion(ct, 60.0, position=LIVER)
    wanted.organSegmentation.GetSegmentation().RemoveSegment(wanted.organSegmentId)
    masked["Generate"].ui.generateButton.click()
    assert "The organ under Inside is gone" in host.messages[0]


@pytest.mark.parametrize(("name", "button"), [("Generate", "generateButton"), ("Preview", "drawButton")])
def test_slicer_that_is_closed_does_not_wait_for_a_run(
    masked: Any, logic: Any, monkeypatch: pytest.MonkeyPatch, wait_until: Any, name: str, button: str
) -> None:
    began, ended = Event(), Event()

    def slow(*given: Any, progress: Any, **named: Any) -> Any:
        began.set()
        for _look in range(1000):
            if not progress(1, 1000):
                ended.set()
                break
            time.sleep(0.01)
        raise Cancelled("cancelled")

    for work in ("several.synthesize", "previews.preview"):
        monkeypatch.setattr(f"TextoMorphLib.synthesis.{work}", slow)
    QtCore.QTimer.singleShot(0, lambda: close_when(began))
    getattr(masked[name].ui, button).click()
    wait_until(ended.is_set, 10)
    assert logic.results() == []


def close_when(began: Any) -> None:
    """Closes Slicer's window once a run goes on."""
    if began.is_set():
        slicer.util.mainWindow().close()
    else:
        QtCore.QTimer.singleShot(20, lambda: close_when(began))


def test_points_that_are_dragged_or_clicked_are_not_saved(host: Any, ct: Any, masked: Any, tmp_path: Path) -> None:
    masked["Lesions"].ui.takeButton.click()
    masked["Scan"].logic.pickPoint()
    assert slicer.mrmlScene.Commit(str(tmp_path / "scene.mrml"))
    assert "<Markups" not in (tmp_path / "scene.mrml").read_text(encoding="utf-8")


def test_a_renamed_result_is_written_where_it_was_asked_for(host: Any, ct: Any, masked: Any, tmp_path: Path) -> None:
    wanted = masked["Compare"].parameters
    (wanted.result,) = masked["Scan"].logic.generate(ct, wanted.segmentation, wanted.segmentId, "cystic", steps=1)
    wanted.result.SetName("../a: before/after?")
    host.file = str(tmp_path)
    masked["Compare"].ui.dicomButton.click()
    assert [each.name for each in tmp_path.iterdir()] == ["a  before after DICOM"]
