"""DICOM series: the scan that GDCM's own reader gives, and a clear refusal of what is no single volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from TextoMorphLib.errors import InputError
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


BAD_SERIES = {
    "several series": (at(2, 3, SeriesInstanceUID=generate_uid()), "mixes 2 series"),
    "a localizer": (at(0, ImageOrientationPatient=[1, 0, 0, 0, 1, 0]), "mixes 2 orientations"),
    "pixel spacings": (at(4, PixelSpacing=[1, 1]), "mixes 2 pixel spacings"),
    "zero spacing": (at(PixelSpacing=[0, 1]), "spacing is zero"),
    "two phases": (at(3, ImagePositionPatient=list(ORIGIN + 2.5 * 2 * NORMAL)), "one position"),
    "uneven": (at(6, ImagePositionPatient=list(ORIGIN + 2.5 * 6.3 * NORMAL)), "slices are missing or uneven"),
    "multi-frame": (at(NumberOfFrames=2), "multi-frame"),
    "no position": (at(1, ImagePositionPatient=None), "where it lies"),
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


def test_other_modalities_count_only_in_hu(tmp_path: Path) -> None:
    mr = Volume.read(series(tmp_path / "mr", at(Modality="MR", RescaleIntercept="0")))
    with pytest.raises(InputError, match="not in HU"):
        check_ct(mr)
