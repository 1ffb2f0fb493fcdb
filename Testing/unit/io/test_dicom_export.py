"""A synthetic scan as a DICOM series: the same HU at the same places, and marked for what it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import dicom_export
from TextoMorphLib.io.volume import Volume

REPORT: dict[str, Any] = {
    "synthetic": True,
    "text": "hypodense, schlecht begrenzt, größer",
    "organ": "liver",
    "seed": 7,
    "steps": 4,
    "guidance": 1.5,
    "model": {"name": "starter", "sha256": "0123456789abcdef" * 4},
    "versions": {"textomorph": "0.1.0"},
}
SINCE_2023 = "(0008,001c)"  # Synthetic Data, which is newer than the validator
OBLIQUE = np.eye(4)  # columns and rows swapped, turned by 0.3 and 0.2 rad
OBLIQUE[:3, :3] = Rotation.from_euler("xz", [0.3, 0.2]).as_matrix() @ np.array([[0, -0.7, 0], [0.8, 0, 0], [0, 0, 2.5]])
TILTED = np.array([[-0.7, 0, 0, 90.0], [0, -0.7, 0.9, 80.0], [0, 0, 2.5, -40.0], [0, 0, 0, 1.0]])
RAS = np.array([[0.8, 0, 0, -12.0], [0, 0.7, 0, 7.0], [0, 0, 2.5, 3.0], [0, 0, 0, 1.0]])


def scan(affine: np.ndarray) -> Volume:
    stored = np.random.default_rng(0).integers(0, 2500, (9, 7, 6)).astype(np.uint16)
    return Volume(stored, affine, 1.0, -1024.0)


def hu_at(volume: Volume, ras: np.ndarray) -> float:
    index = np.rint(np.linalg.inv(volume.affine) @ [*ras, 1]).astype(int)[:3]
    return float(volume.hu()[tuple(index)])


@pytest.mark.parametrize("affine", [RAS, OBLIQUE, TILTED], ids=["RAS", "oblique", "tilted"])
def test_the_same_hu_at_the_same_places(tmp_path: Path, affine: np.ndarray) -> None:
    volume = scan(affine)
    dicom_export.write(volume, REPORT, tmp_path / "série")
    again = Volume.read(tmp_path / "série")
    assert again.data.dtype == np.int16
    assert sorted(again.shape) == sorted(volume.shape)
    for index in np.ndindex(*volume.shape):
        ras = (volume.affine @ [*index, 1])[:3]
        back = np.linalg.inv(again.affine) @ [*ras, 1]
        np.testing.assert_allclose(back, np.rint(back), atol=1e-3)
        assert hu_at(again, ras) == volume.hu()[index]


def test_a_source_that_names_no_study_gives_how_it_was_taken(tmp_path: Path) -> None:
    dicom_export.write(scan(RAS), REPORT, tmp_path / "source")
    for path in (tmp_path / "source").glob("*.dcm"):
        header = pydicom.dcmread(path)
        del header.StudyInstanceUID
        header.KVP = "80"
        header.save_as(path)
    source = Volume.read(tmp_path / "source")
    dicom_export.check_scan(source, tmp_path / "made", tmp_path / "source")
    dicom_export.write(source, REPORT, tmp_path / "made", tmp_path / "source")
    assert pydicom.dcmread(tmp_path / "made" / "0001.dcm").KVP == 80
    with pytest.raises(InputError, match="names no study"):
        dicom_export.check_scan(source, tmp_path / "kept", tmp_path / "source", keep_patient=True)


def test_simpleitk_reads_the_same(tmp_path: Path) -> None:
    dicom_export.write(scan(RAS), REPORT, tmp_path / "series")
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "series")))
    image = reader.Execute()
    assert image.GetSize() == (9, 7, 6)
    np.testing.assert_allclose(image.GetSpacing(), (0.8, 0.7, 2.5))
    for index in ((0, 0, 0), (8, 3, 5), (2, 6, 1)):
        lps = image.TransformIndexToPhysicalPoint(index)
        assert image.GetPixel(index) == hu_at(scan(RAS), np.array(lps) * [-1, -1, 1])


def test_every_slice_says_that_it_is_synthetic(tmp_path: Path) -> None:
    for name in ("one", "two"):
        dicom_export.write(scan(RAS), REPORT, tmp_path / name)
    one, two = (pydicom.dcmread(tmp_path / name / "0003.dcm") for name in ("one", "two"))
    assert one[0x0008, 0x001C].value == "YES"
    assert list(one.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert one.SeriesDescription.startswith("SYNTHETIC: hypodense")
    for part in ("starter", "seed 7", REPORT["text"]):
        assert part in one.DerivationDescription
    (equipment,) = one.ContributingEquipmentSequence
    assert (equipment.Manufacturer, equipment.PurposeOfReferenceCodeSequence[0].CodeValue) == ("TextoMorph", "109102")
    assert one.PatientID == "TEXTOMORPH"
    for uid in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        assert one[uid].value != two[uid].value
    assert (tmp_path / "one" / "report.json").is_file()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A patient's series, which was compressed with loss once."""
    dicom_export.write(scan(RAS), REPORT, tmp_path / "source")
    for path in (tmp_path / "source").glob("*.dcm"):
        header = pydicom.dcmread(path)
        header.PatientName, header.PatientID, header.PatientPosition = "Müller^Änne", "4711-NOBODY", "FFS"
        header.PatientBirthDate, header.AccessionNumber, header.StudyDescription = "19610102", "A77", "Abdomen"
        header.LossyImageCompression, header.LossyImageCompressionRatio = "01", 8
        header.save_as(path)
    return tmp_path / "source"


IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "AccessionNumber",
)


def test_the_patient_is_made_up_unless_asked_for(tmp_path: Path, source: Path) -> None:
    assert dicom_export.write(scan(RAS), REPORT, tmp_path / "made", source) == dicom_export.MADE_UP
    real, made = (pydicom.dcmread(folder / "0001.dcm") for folder in (source, tmp_path / "made"))
    for name in IDENTITY:
        assert made[name].value != real[name].value
    told = b"".join(path.read_bytes() for path in sorted((tmp_path / "made").iterdir()))
    for known in ("Müller", "4711-NOBODY", "A77", "19610102", real.StudyInstanceUID, real.FrameOfReferenceUID):
        assert str(known).encode() not in told
    assert (made.PatientPosition, made.LossyImageCompression, made.LossyImageCompressionRatio) == ("FFS", "01", 8)
    assert dicom_export.MADE_UP in made.ImageComments


def test_the_patient_is_kept_on_request_and_every_image_says_so(tmp_path: Path, source: Path) -> None:
    told = dicom_export.write(scan(RAS), REPORT, tmp_path / "made", source, keep_patient=True)
    assert told == dicom_export.KEPT
    real, made = (pydicom.dcmread(folder / "0001.dcm") for folder in (source, tmp_path / "made"))
    for name in IDENTITY:
        assert made[name].value == real[name].value
    assert made.SeriesInstanceUID != real.SeriesInstanceUID
    assert dicom_export.KEPT in made.ImageComments
    assert json.loads((tmp_path / "made" / "report.json").read_text(encoding="utf-8"))["dicom"] == dicom_export.KEPT
    with pytest.raises(InputError, match="needs a scan that is a DICOM series"):
        dicom_export.write(scan(RAS), REPORT, tmp_path / "other", keep_patient=True)


def test_the_mask_becomes_a_segmentation(tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    volume = scan(OBLIQUE)
    mask = np.zeros(volume.shape, bool)
    mask[2:5, 3:6, 1:4] = True
    dicom_export.write(volume, REPORT, tmp_path / "series", mask=mask)
    assert len(list((tmp_path / "series").glob("*.dcm"))) == 1 + 6
    seg = highdicom.seg.segread(tmp_path / "series" / dicom_export.SEGMENTATION)
    assert seg.SyntheticData == "YES"
    found = seg.get_volume(combine_segments=True)
    again = Volume.from_array(np.asarray(found.array), np.diag([-1.0, -1, 1, 1]) @ found.affine)
    inside = np.argwhere(again.data)
    assert len(inside) == mask.sum()
    for index in inside:
        back = np.linalg.inv(volume.affine) @ again.affine @ [*index, 1]
        assert mask[tuple(np.rint(back[:3]).astype(int))]
    assert Volume.read(tmp_path / "series").shape  # the segmentation beside it does not disturb


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not there: apt install dicom3tools")
def test_a_validator_finds_nothing_wrong(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    mask = np.ones((9, 7, 6), bool)
    for number, affine in enumerate((RAS, OBLIQUE)):
        dicom_export.write(scan(affine), REPORT, tmp_path / str(number), mask=mask)
    for file in sorted(tmp_path.rglob("*.dcm")):
        told = subprocess.run(["dciodvfy", "-new", str(file)], capture_output=True, text=True).stderr
        errors = [line for line in told.splitlines() if line.startswith("Error") and SINCE_2023 not in line]
        assert errors == [], file
    for folder in tmp_path.iterdir():  # that all say the same of patient, study and series
        told = subprocess.run(["dcentvfy", *map(str, sorted(folder.glob("*.dcm")))], capture_output=True, text=True)
        assert told.stderr == ""


def test_bad_requests_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    skewed = RAS.copy()
    skewed[0, 1] = 0.3
    bright = Volume.from_array(np.full((3, 3, 3), 1e6), RAS)
    attempts = [
        (scan(RAS), tmp_path / "full", None, "not empty"),
        (scan(RAS), tmp_path / "nowhere" / "series", None, "does not exist"),
        (scan(skewed), tmp_path / "new", None, "right angles"),
        (bright, tmp_path / "new", None, "-32768 to 32767"),
        (scan(RAS), tmp_path / "new", tmp_path / "full", "no DICOM"),
    ]
    for volume, folder, source, reason in attempts:
        with pytest.raises(InputError, match=reason):
            dicom_export.write(volume, REPORT, folder, source)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "notes.txt"]


def test_generate_exports_beside_its_output(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(phantom_ct), "--mask", str(phantom_mask), "--text", "cyst", "--model", str(tiny_bundle)]
    command += ["--output", str(tmp_path / "new.nii.gz"), "--dicom", str(tmp_path / "dicom"), "--device", "cpu"]
    assert main(command) == 0
    told = capfd.readouterr().out
    assert f"wrote {tmp_path / 'dicom'}" in told
    assert "DICOM: patient and study are made up" in told
    nifti, dicom = Volume.read(tmp_path / "new.nii.gz"), Volume.read(tmp_path / "dicom")
    np.testing.assert_array_equal(np.sort(nifti.hu(), axis=None), np.sort(dicom.hu(), axis=None))
    assert main([*command, "--overwrite"]) == 2
    assert "not empty" in capfd.readouterr().err


def test_what_dicom_cannot_hold_is_said_before_anything_is_written(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ct, mask = Volume.read(phantom_ct), Volume.read(phantom_mask)
    skewed = ct.affine.copy()
    skewed[0, 1] = 0.2
    metal = ct.data.astype(np.float32)
    metal[0, 0, 0] = 33_000
    scans = {"skewed": Volume.from_array(ct.data, skewed), "metal": Volume.from_array(metal, ct.affine)}
    for name, volume in scans.items():
        volume.write(tmp_path / f"{name}.nii")
        Volume.from_array(mask.data, volume.affine).write(tmp_path / f"{name}-mask.nii")
    before = sorted(tmp_path.iterdir())
    rest = ["--text", "cyst", "--model", str(tiny_bundle), "--output", str(tmp_path / "new.nii"), "--device", "cpu"]
    wrong = (
        ("skewed", [], "right angles"),
        ("metal", [], "-32768"),
        ("metal", ["--keep-patient"], "is a DICOM series"),
    )
    for name, more, message in wrong:
        given = [str(tmp_path / f"{name}.nii"), "--mask", str(tmp_path / f"{name}-mask.nii"), *rest, *more]
        assert main(["generate", *given, "--dicom", str(tmp_path / "dicom")]) == 2
        assert message in capfd.readouterr().err
        assert sorted(tmp_path.iterdir()) == before
    assert main(["generate", str(phantom_ct), "--mask", str(phantom_mask), *rest, "--keep-patient"]) == 2
    assert "--keep-patient goes with --dicom" in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_the_standard_does_not_know_are_left_out(tmp_path: Path, source: Path) -> None:
    """With the segmentation, too, whose library refuses them."""
    for path in source.glob("*.dcm"):
        header = pydicom.dcmread(path)
        header.PatientBirthDate, header.StudyTime = "00000000", "noon"
        header.save_as(path)
    mask = np.zeros(scan(RAS).shape, bool)
    mask[2:4, 2:4, 2:4] = True
    dicom_export.write(scan(RAS), REPORT, tmp_path / "made", source, mask, keep_patient=True)
    made = pydicom.dcmread(tmp_path / "made" / "0001.dcm")
    assert (made.PatientID, made.PatientBirthDate) == ("4711-NOBODY", "")
    assert made.StudyTime != "noon"


def test_one_lossy_slice_makes_the_series_lossy(tmp_path: Path, source: Path) -> None:
    for path in sorted(source.glob("*.dcm"))[:-1]:
        header = pydicom.dcmread(path)
        del header.LossyImageCompression
        header.save_as(path)
    dicom_export.write(scan(RAS), REPORT, tmp_path / "made", source)
    assert pydicom.dcmread(tmp_path / "made" / "0001.dcm").LossyImageCompression == "01"
