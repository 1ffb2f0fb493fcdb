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
    host: Any, ct: Any, panels: Any, logic: Any, tmp_path: Path
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
    slicer.dicomDatabase._files["1.2.3"] = folder / "0001.dcm"
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


@pytest.mark.parametrize(("position", "way"), [("HFS", 1), ("FFP", -1)])
def test_what_is_heavy_sinks_as_the_patient_lay(
    host: Any, ct: Any, logic: Any, tmp_path: Path, position: str, way: int
) -> None:
    header = pydicom.Dataset()
    header.SOPClassUID, header.SOPInstanceUID = pydicom.uid.CTImageStorage, f"1.2.826.0.1.{way + 2}"
    header.PatientPosition = position
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "slice.dcm", header, enforce_file_format=True)
    slicer.dicomDatabase._files[header.SOPInstanceUID] = tmp_path / "slice.dcm"
    ct.SetAttribute("DICOM.instanceUIDs", f"{header.SOPInstanceUID} 1.2.826.0.2")
    mask = logic.placeLesion(ct, 30.0, irregularity=0.0, position=LIVER)
    (result,) = logic.generate(ct, *mask, "cystic, fluid-fluid level", steps=1)
    assert not [each for each in logic.report(result)["warnings"] if "lay" in each]

    from TextoMorphModule.Actions import nodes

    where = np.argwhere(nodes.maskOf(*mask, ct))
    forward = way * (nodes.affineOf(ct)[1, :3] @ (where - where.mean(0)).T)
    hu = nodes.volumeOf(result).hu()[tuple(where.T)]
    assert hu[forward < -5].mean() > hu[forward > 5].mean() + 15
