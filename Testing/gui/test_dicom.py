"""Export of a result as DICOM, by clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import slicer
from PySide6 import QtWidgets

LIVER = (70.0, 10.0, 20.0)


def test_a_result_becomes_a_dicom_series_with_its_mask(
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("highdicom")
    wanted, ui = panels["Compare"].parameters, panels["Compare"].ui
    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    (wanted.result,) = logic.generate(ct, *mask, "cystic", steps=1)
    host.file = str(tmp_path)
    ui.dicomButton.click()
    (folder,) = tmp_path.iterdir()
    assert folder.name == "Synthetic cystic seed 0 DICOM"
    assert (folder / "mask-seg.dcm").is_file()

    from TextoMorphLib.io.volume import Volume

    shown = slicer.util.arrayFromVolume(wanted.result)
    assert np.array_equal(np.sort(Volume.read(folder).data, None), np.sort(shown, None))

    ui.dicomButton.click()  # the folder is there now
    assert "name a new folder" in host.messages[0]

    # A CT from Slicer's DICOM database lends its patient when that is asked for; no highdicom wanted, no mask written.
    class Database:
        def fileForInstance(self, uid: str) -> str:
            assert uid == "1.2.3"
            return str(folder / "0001.dcm")

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    ct.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    host.packages.missing, host.answer = {"highdicom"}, QtWidgets.QMessageBox.StandardButton.Cancel
    host.file = str(tmp_path / "second")
    Path(host.file).mkdir()
    ui.dicomButton.click()
    (again,) = Path(host.file).iterdir()
    assert not (again / "mask-seg.dcm").exists()
    assert "Keep the real patient's instead?" in host.messages[-1]
    host.file, host.answer = str(tmp_path / "third"), QtWidgets.QMessageBox.StandardButton.Yes
    Path(host.file).mkdir()
    ui.dicomButton.click()
    (kept,) = Path(host.file).iterdir()
    first, second, third = (pydicom.dcmread(each / "0001.dcm").StudyInstanceUID for each in (folder, again, kept))
    assert first == third != second
