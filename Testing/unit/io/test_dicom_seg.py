"""A segmentation of a DICOM series as DICOM: every voxel where the series has it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import dicom_export, dicom_seg
from TextoMorphLib.io.volume import Volume

REPORT = {
    "text": "cyst",
    "organ": "liver",
    "seed": 0,
    "steps": 1,
    "guidance": 1.0,
    "model": {"name": "tried", "sha256": "0" * 64},
    "versions": {"textomorph": "0"},
    "version": "0",
    "values": {"organ": [1], "pdac": [2], "cyst": [3]},
}


def test_labels_come_back_where_they_were(tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    affine = np.diag([0.8, 0.8, 2.5, 1.0])
    affine[:3, 3] = [-20, 15, 100]
    hu = np.random.default_rng(0).integers(-100, 200, (12, 10, 6)).astype(np.int16)
    dicom_export.write(Volume.from_array(hu, affine), REPORT, tmp_path / "series")
    ct = Volume.read(tmp_path / "series")
    labels = np.zeros(ct.shape, np.uint8)
    labels[2:9, 1:8, 1:5] = 1
    labels[3:5, 2:4, 2] = 3  # no label 2 anywhere
    dicom_seg.write(labels, REPORT, tmp_path / "seg.dcm", tmp_path / "series")
    made = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert [made.get_segment_description(n).segment_label for n in made.segment_numbers] == ["organ", "cyst"]
    volume = made.get_volume(combine_segments=True, relabel=True)
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ct.affine
    for voxel in ((2, 1, 1), (8, 7, 4), (3, 2, 2), (4, 3, 2), (1, 1, 1), (11, 9, 5)):
        place = np.linalg.inv(volume.affine) @ to_lps @ [*voxel, 1]
        at = tuple(int(n) for n in np.rint(place[:3]))
        inside = all(0 <= n < size for n, size in zip(at, volume.spatial_shape, strict=True))
        assert (int(volume.array[at]) if inside else 0) == {0: 0, 1: 1, 3: 2}[int(labels[voxel])], voxel
    with pytest.raises(InputError, match="nothing was found"):
        dicom_seg.write(labels * 0, REPORT, tmp_path / "none.dcm", tmp_path / "series")
    assert not (tmp_path / "none.dcm").exists()


def test_a_birth_date_that_is_none_stays_out(tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    hu = np.random.default_rng(0).integers(-100, 200, (8, 8, 4)).astype(np.int16)
    dicom_export.write(Volume.from_array(hu, np.diag([1.0, 1.0, 2.0, 1.0])), REPORT, tmp_path / "series")
    for path in (tmp_path / "series").glob("*.dcm"):
        image = pydicom.dcmread(path)
        image.PatientID = "17"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.PatientBirthDate = "00000000"
        image.save_as(path)
    dicom_seg.write(np.ones(hu.shape, np.uint8), REPORT, tmp_path / "seg.dcm", tmp_path / "series")
    made = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert (made.PatientID, str(made.PatientBirthDate or "")) == ("17", "")
