"""DICOM series: the scan that GDCM's own reader gives, and a clear refusal of what is no single volume."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, HTJ2KLossless, RLELossless, generate_uid

from TextoMorphLib.errors import Doubt, InputError
from TextoMorphLib.io.volume import Volume, check_ct

SLICES, ROWS, COLUMNS = 7, 12, 10
COSINE, SINE = np.cos(0.3), np.sin(0.3)
ORIENTATION = [COSINE, SINE, 0.0, 0.0, 0.0, -1.0]  # oblique, coronal
NORMAL = np.cross(ORIENTATION[:3], ORIENTATION[3:])
ORIGIN = np.array([-50.0, 30.0, 700.0])
STORED = np.random.default_rng(0).integers(0, 1500, (SLICES, ROWS, COLUMNS)).astype(np.uint16)
SERIES = generate_uid()

Change = Callable[[int, Dataset], None]


def series(folder: Path, change: Change = lambda index, header: None) -> Path:
    """Write a series; file names run against the slices' order."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(SLICES):
        header = Dataset()
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = generate_uid()
        header.SeriesInstanceUID = SERIES
        header.Modality = "CT"
        header.Rows, header.Columns = ROWS, COLUMNS
        header.PixelSpacing = [0.8, 0.7]
        header.ImageOrientationPatient = [round(float(number), 8) for number in ORIENTATION]
        header.ImagePositionPatient = [round(float(number), 6) for number in ORIGIN + 2.5 * index * NORMAL]
        header.SamplesPerPixel = 1
        header.PhotometricInterpretation = "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
        header.RescaleSlope, header.RescaleIntercept = "1", "-1024"
        header.PixelData = STORED[index].tobytes()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        change(index, header)
        header.save_as(folder / f"{SLICES - index:03d}", enforce_file_format=True)
    return folder


def test_same_scan_as_gdcm_reads(tmp_path: Path) -> None:
    folder = series(tmp_path / "série 1")
    (folder / "notes.txt").write_text("not an image")
    volume = Volume.read(folder)

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert volume.data.dtype == np.int16
    assert volume.shape == image.GetSize()
    for index in ((0, 0, 0), (9, 3, 6), (2, 11, 1)):
        assert volume.hu()[index] == image.GetPixel(index)
        assert volume.hu()[index] == STORED[index[::-1]] - 1024.0
        lps = image.TransformIndexToPhysicalPoint(index)
        ras = (volume.affine @ [*index, 1])[:3]
        np.testing.assert_allclose(ras, lps * np.array([-1, -1, 1]), atol=1e-3)
    check_ct(volume)

    volume.write(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(Volume.read(tmp_path / "out.nii.gz").data, volume.data)


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    def change(index: int, header: Dataset) -> None:
        header.RescaleSlope = str(1 + index / 4)

    expected = STORED * (1 + np.arange(SLICES) / 4)[:, None, None] - 1024
    volume = Volume.read(series(tmp_path / "in", change))
    np.testing.assert_allclose(volume.hu(), expected.T)
    assert volume.data.dtype == np.float32


def test_values_in_the_upper_bits_are_shifted_down(tmp_path: Path) -> None:
    def change(index: int, header: Dataset) -> None:
        header.HighBit, header.PixelData = 15, (STORED[index] << 4).tobytes()

    np.testing.assert_array_equal(Volume.read(series(tmp_path / "in", change)).hu(), STORED.T - 1024.0)


@pytest.mark.filterwarnings("error")
def test_an_overlay_above_the_values_is_no_part_of_them(tmp_path: Path) -> None:
    def change(index: int, header: Dataset) -> None:
        header.PixelData = (STORED[index] | 0x8000).tobytes()
        header.add_new(0x60000010, "US", ROWS)

    np.testing.assert_array_equal(Volume.read(series(tmp_path / "in", change)).hu(), STORED.T - 1024.0)


def test_a_series_whose_uid_was_taken_away_is_one(tmp_path: Path) -> None:
    expected = Volume.read(series(tmp_path / "whole"))
    bare = Volume.read(series(tmp_path / "bare", lambda index, header: delattr(header, "SeriesInstanceUID")))
    np.testing.assert_array_equal(bare.data, expected.data)


def test_a_file_that_is_no_slice_any_more_is_told(tmp_path: Path) -> None:
    """The last one, which no gap gives away; what a Mac leaves beside files is none."""
    folder = series(tmp_path / "in")
    (folder / "001").unlink()
    (folder / "001.dcm").write_text("<html>404")
    (folder / "._002.dcm").write_bytes(bytes(200))
    with pytest.warns(Doubt, match="^001.dcm cannot be read as DICOM and may be a slice") as told:
        Volume.read(folder)
    assert len(told) == 1


def test_one_image_without_a_suffix_is_named_as_dicom(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the folder of the DICOM series"):
        Volume.read(series(tmp_path / "in") / "001")


def test_files_without_the_preamble_are_read(tmp_path: Path) -> None:
    """As older archives wrote them: neither preamble nor file meta information."""
    folder = series(tmp_path / "in")
    expected = Volume.read(folder)
    for path in folder.iterdir():
        bare = Dataset(dcmread(path))
        dcmwrite(path, bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert not path.read_bytes().startswith(bytes(128))
    (folder / "notes.txt").write_text("not an image")
    volume = Volume.read(folder)
    np.testing.assert_array_equal(volume.data, expected.data)
    np.testing.assert_array_equal(volume.affine, expected.affine)


@pytest.mark.filterwarnings("ignore")
def test_a_multi_frame_file_is_the_same_scan(tmp_path: Path) -> None:
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    expected = Volume.read(series(tmp_path / "in", legacy))
    files = [dcmread(path) for path in sorted((tmp_path / "in").iterdir())]
    whole = LegacyConvertedEnhancedCTImage(files, generate_uid(), 1, generate_uid(), 1)
    (tmp_path / "multi").mkdir()
    whole.save_as(tmp_path / "multi" / "one.dcm")
    volume = Volume.read(tmp_path / "multi")
    np.testing.assert_array_equal(volume.data, expected.data)
    np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_frames_in_any_order_have_places_and_scales_of_their_own(tmp_path: Path) -> None:
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    expected = Volume.read(series(tmp_path / "in", legacy))
    files = [dcmread(path) for path in sorted((tmp_path / "in").iterdir())]
    whole = LegacyConvertedEnhancedCTImage(files, generate_uid(), 1, generate_uid(), 1)
    order = [3, 0, 6, 1, 5, 2, 4]
    whole.PixelData = np.frombuffer(whole.PixelData, np.uint16).reshape(SLICES, ROWS, COLUMNS)[order].tobytes()
    groups = [whole.PerFrameFunctionalGroupsSequence[number] for number in order]
    heights = [float(NORMAL @ group.PlanePositionSequence[0].ImagePositionPatient) for group in groups]
    for number, group in enumerate(groups):
        scale = Dataset()
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = "1", str(100 * number - 1024), "HU"
        group.PixelValueTransformationSequence = [scale]
    whole.PerFrameFunctionalGroupsSequence = groups
    del whole.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    (tmp_path / "multi").mkdir()
    whole.save_as(tmp_path / "multi" / "one.dcm")
    volume = Volume.read(tmp_path / "multi")
    np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-6)
    np.testing.assert_array_equal(volume.hu() - expected.hu(), np.broadcast_to(100 * np.argsort(heights), volume.shape))

    whole.compress(RLELossless, generate_instance_uid=False)  # whose reader knows one scale
    whole.save_as(tmp_path / "multi" / "one.dcm")
    with pytest.raises(InputError, match=r"scales of their own, and are packed.*gdcmconv"):
        Volume.read(tmp_path / "multi")


def legacy(index: int, header: Dataset) -> None:
    """What a converter to multi-frame wants to find."""
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime"):
        setattr(header, name, "")
    for name in ("AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"):
        setattr(header, name, "")
    header.StudyInstanceUID, header.FrameOfReferenceUID = SERIES, SERIES
    header.InstanceNumber, header.ImageType, header.Manufacturer = index + 1, ["ORIGINAL", "PRIMARY", "AXIAL"], "x"


def test_a_name_that_is_not_utf8_is_refused_in_words(tmp_path: Path) -> None:
    folder = series(tmp_path / "in")
    (folder / "001").rename(folder / os.fsdecode(b"\xe4.dcm"))
    with pytest.raises(InputError, match=r"\\xe4\.dcm is not UTF-8"):
        Volume.read(folder)


def test_tilted_gantry_gives_sheared_axes(tmp_path: Path) -> None:
    tilt = np.array(ORIENTATION[3:]) * 0.6

    def change(index: int, header: Dataset) -> None:
        header.ImagePositionPatient = list(np.round(ORIGIN + index * (2.5 * NORMAL + tilt), 6))

    volume = Volume.read(series(tmp_path / "in", change))
    last = (volume.affine @ [0, 0, SLICES - 1, 1])[:3] * [-1, -1, 1]
    np.testing.assert_allclose(last, ORIGIN + (SLICES - 1) * (2.5 * NORMAL + tilt), atol=1e-4)


def at(*indices: int, **values: object) -> Change:
    """Other header values in some slices; all where none is named."""

    def change(index: int, header: Dataset) -> None:
        if not indices or index in indices:
            for name, value in values.items():
                setattr(header, name, value)

    return change


def moved(along: Callable[[int], float], beside: Callable[[int], float]) -> Change:
    """Slices at other places: so many mm along their normal and along their columns."""

    def change(index: int, header: Dataset) -> None:
        place = ORIGIN + along(index) * NORMAL + beside(index) * np.array(ORIENTATION[3:])
        header.ImagePositionPatient = [round(float(each), 6) for each in place]

    return change


BAD_SERIES = {
    "several series": (at(2, 3, SeriesInstanceUID=generate_uid()), "mixes 2 series"),
    "a localizer": (at(0, ImageOrientationPatient=[1, 0, 0, 0, 1, 0]), "mixes 2 orientations"),
    "pixel spacings": (at(4, PixelSpacing=[1, 1]), "mixes 2 pixel spacings"),
    "zero spacing": (at(PixelSpacing=[0, 1]), "spacing is zero"),
    "two phases": (at(3, ImagePositionPatient=list(ORIGIN + 2.5 * 2 * NORMAL)), "one position"),
    "a jump across the slices": (moved(lambda i: 2.5 * i, lambda i: 4.0 * (i > 3)), "do not lie on one line"),
    "one slice beside the others": (moved(lambda i: 2.5 * i, lambda i: 0.8 * (i == 3)), "do not lie on one line"),
    "a growing distance": (moved(lambda i: 2.5 * (i + 0.015 * i**2), lambda i: 0.0), "uneven|one line"),
    "a place that is no number": (at(2, ImagePositionPatient=["nan", "0", "0"]), "no number|damaged"),
    "uneven": (at(6, ImagePositionPatient=list(ORIGIN + 2.5 * 6.3 * NORMAL)), "slices are missing or uneven"),
    "multi-frame": (at(NumberOfFrames=2), "multi-frame"),
    "axes of another length": (at(ImageOrientationPatient=[2, 0, 0, 0, 2, 0]), "not of length 1"),
    "axes not at right angles": (at(ImageOrientationPatient=[1, 0, 0, 0.5, 0.87, 0]), "not at right angles"),
    "a slope of 0": (at(3, RescaleSlope="0"), "slope of 0"),
    "two images in a file of one": (at(2, PixelData=STORED[:2].tobytes()), "holds 2 images|damaged"),
    "no position": (at(1, ImagePositionPatient=None), "where it lies in the patient .ImagePositionPatient left out"),
    "more bits than pixels have": (at(HighBit=19), "bits that its pixels do not have"),
}


@pytest.mark.parametrize("name", BAD_SERIES)
def test_what_is_no_single_volume_is_refused(tmp_path: Path, name: str) -> None:
    change, reason = BAD_SERIES[name]
    with pytest.raises(InputError, match=reason) as refused:
        Volume.read(series(tmp_path / "in", change))
    assert "\n" not in str(refused.value)


def test_missing_slice_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "in")
    (folder / "004").unlink()
    with pytest.raises(InputError, match=r"5\.00 mm between slices 3 and 4, 2\.50 mm elsewhere"):
        Volume.read(folder)


@pytest.mark.parametrize("left", [0.3, 0.6, 0.68, 0.8, 0.99])
def test_damaged_slice_is_refused(tmp_path: Path, left: float) -> None:
    """Even the last one, which no gap gives away."""
    folder = series(tmp_path / "in")
    content = (folder / "001").read_bytes()
    (folder / "001").write_bytes(content[: int(left * len(content))])
    with pytest.raises(InputError, match="001"):
        Volume.read(folder)


def test_folders_without_a_series(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no DICOM images"):
        Volume.read(tmp_path)
    folder = series(tmp_path / "in")
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    with pytest.raises(InputError, match="single DICOM slice"):
        Volume.read(folder)


TOLD = {
    "slices thinner than their distance": (at(SliceThickness="1.25"), "1.25 mm thick and 2.5 mm apart"),
    "two phases, slice by slice": (
        lambda index, header: setattr(header, "AcquisitionNumber", 1 + index % 2),
        "slices of 2 acquisitions lie between one another",
    ),
    "another modality": (at(Modality="PT"), "is PT by its headers"),
    "another unit": (at(RescaleType="MGML"), "are MGML by its headers"),
    "two phases, one shifted by half a slice": (
        lambda index, header: setattr(header, "InstanceNumber", 1 + index // 2 + SLICES * (index % 2)),
        "numbers go to and fro",
    ),
    "a value too large for its bits": (
        at(1, 2, PixelData=(STORED[1] | 0x1000).tobytes()),
        r"006, 005 .2 of 7.: the pixels have values that the 12 bits",
    ),
    "padding brighter than metal": (
        at(BitsStored=16, HighBit=15, PixelPaddingValue=63536, PixelData=(STORED[0] * 0 + 63536).tobytes()),
        r"PixelPaddingValue 63536. lies at 62512 HU; it is read as -2000",
    ),
    "every second image left out": (
        lambda index, header: setattr(header, "InstanceNumber", 2 * index + 1),
        "numbered 1 to 13 and 6 of these are not there .the first is 2",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_headers_make_doubtful_is_told(tmp_path: Path, name: str) -> None:
    change, words = TOLD[name]
    with pytest.warns(Doubt, match=words):
        Volume.read(series(tmp_path / "in", change))


def test_a_compression_that_is_not_read_is_named_with_a_way_round(tmp_path: Path) -> None:
    folder = series(tmp_path / "in")
    for path in folder.iterdir():
        header = dcmread(path)
        header.compress(RLELossless, generate_instance_uid=False)
        header.file_meta.TransferSyntaxUID = HTJ2KLossless
        header.save_as(path)
    with pytest.raises(InputError, match=r"High-Throughput JPEG 2000.*gdcmconv"):
        Volume.read(folder)


def test_other_modalities_count_only_in_hu(tmp_path: Path) -> None:
    mr = Volume.read(series(tmp_path / "mr", at(Modality="MR", RescaleIntercept="0")))
    with pytest.raises(InputError, match="not in HU"):
        check_ct(mr)


def test_how_the_patient_lay_is_read(tmp_path: Path) -> None:
    def change(index: int, header: Dataset) -> None:
        header.PatientPosition = "FFP"

    assert Volume.read(series(tmp_path / "prone", change)).up == (1, -1)
    assert Volume.read(series(tmp_path / "not told")).up == (1, 1)
