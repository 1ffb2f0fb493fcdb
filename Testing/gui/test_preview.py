"""The text preview, by clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import slicer

LIVER = (70.0, 10.0, 20.0)


def test_texts_are_drawn_measured_and_saved(
    host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any, tmp_path: Path
) -> None:
    panel = panels["Preview"]
    wanted, ui = panel.parameters, panel.ui
    wait_until(lambda: wanted.ct is ct)
    assert not ui.drawButton.enabled
    ct.GetDisplayNode().SetWindowLevel(250, 60)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    ui.previewTextsEdit.setPlainText("hyperattenuating\n\nhypoattenuating")
    ui.previewWordsCheckBox.click()
    ui.drawButton.click()
    assert "2 texts" in ui.statusLabel.text
    table = ui.attributesTable
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == ["hyperattenuating", "hypoattenuating"]
    assert int(table.item(0, 1).text()) > int(table.item(1, 1).text())
    assert "hyperattenuating" in ui.wordsLabel.text
    assert ui.pictureLabel.pixmap.width() == 440
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [ct]

    host.file = str(tmp_path / "texts.png")
    ui.savePictureButton.click()
    saved = (tmp_path / "texts.png").read_bytes()
    assert saved.startswith(b"\x89PNG")
    assert b"level 60 HU, width 250 HU; synthetic" in saved
    host.file = str(tmp_path / "texts.csv")
    ui.saveTableButton.click()
    assert (tmp_path / "texts.csv").read_text().startswith("text,seed,lesion")
    assert "hyperattenuating" in (tmp_path / "texts-words.csv").read_text()
    host.file = str(tmp_path / "texts.jpg")
    ui.savePictureButton.click()
    assert "must end in .png" in host.messages[0]

    assert "are others now" not in ui.statusLabel.text
    wanted.seed = 1
    assert "2 texts" in ui.statusLabel.text
    assert "seed or model are others now; the pictures are of those chosen before" in ui.statusLabel.text
    wanted.seed = 0
    assert "are others now" not in ui.statusLabel.text


@pytest.mark.parametrize("how", ["by its button", "by the logic", "with the scene"])
def test_drawing_is_cancelled(host: Any, ct: Any, panels: Any, logic: Any, wait_until: Any, how: str) -> None:
    from PySide6 import QtCore

    panel = panels["Preview"]
    wanted, ui = panel.parameters, panel.ui
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    wanted.previewTexts = "\n".join(["cystic"] * 100)

    cancel = {
        "by its button": ui.drawButton.click,
        "by the logic": panel.logic.stop,
        "with the scene": lambda: slicer.mrmlScene.Clear(0),
    }[how]

    def press() -> None:
        if ui.progressBar.value > 0:
            cancel()
            timer.stop()

    timer = QtCore.QTimer()
    timer.timeout.connect(press)
    timer.start(20)
    ui.drawButton.click()
    assert "Nothing was drawn" in ui.statusLabel.text
    assert (ui.drawButton.text, ui.drawButton.enabled) == ("Draw", how != "with the scene")
    assert host.messages == []
