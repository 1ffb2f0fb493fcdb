"""DICOM segmentations and structure sets as masks, their segment chosen by number or name."""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from TextoMorphLib.errors import Doubt, InputError, SeveralLabelsError
from TextoMorphLib.io import dicom_export
from TextoMorphLib.io.masks import read_labels, read_mask
from TextoMorphLib.io.volume import Volume

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
REPORT = {
    **{"text": "cyst", "seed": 1, "steps": 2, "guidance": 1.0, "organ": "liver"},
    **{"model": {"name": "tiny", "sha256": "0" * 64}, "versions": {"textomorph": "1"}},
}
AFFINE = np.array([[-0.8, 0, 0, 60], [0, -0.8, 0, 40], [0, 0, 2.5, 100], [0, 0, 0, 1]])
SHAPE = (40, 36, 14)


def ball(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    return radius > np.linalg.norm((np.indices(SHAPE).T - centre) * (0.8, 0.8, 2.5), axis=-1).T


TUMOUR, CYST = ball((14, 16, 6), 7), ball((28, 20, 8), 5)


@pytest.fixture
def ct(tmp_path: Path) -> Volume:
    """A series, and in `seg` our own export's segmentation of the tumour."""
    scan = Volume.from_array(np.random.default_rng(0).integers(-1000, 200, SHAPE).astype(np.int16), AFFINE)
    dicom_export.write(scan, REPORT, tmp_path / "ct", mask=TUMOUR)
    (tmp_path / "seg").mkdir()
    (tmp_path / "ct" / dicom_export.SEGMENTATION).rename(tmp_path / "seg" / "mask.dcm")
    return Volume.read(tmp_path / "ct")


def two_segments(folder: Path, kind: str = "BINARY", cyst: np.ndarray = CYST) -> Path:
    images = [pydicom.dcmread(path) for path in sorted(folder.glob("0*.dcm"))]
    described = [
        highdicom.seg.SegmentDescription(
            number,
            label,
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Neoplasm,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in ((1, "Tumour"), (2, "Cyst"))
    ]
    pixels = np.stack([TUMOUR, cyst], -1).transpose(2, 1, 0, 3)
    made = highdicom.seg.Segmentation(
        images,
        (pixels * 0.8).astype(np.float32) if kind == "FRACTIONAL" else pixels.astype(np.uint8),
        kind,
        described,
        generate_uid(),
        1,
        generate_uid(),
        1,
        *("x", "x", "1", "1"),
    )
    made.save_as(folder.parent / "two.dcm")
    return folder.parent / "two.dcm"


def test_our_own_segmentation_is_a_mask(tmp_path: Path, ct: Volume) -> None:
    for path in (tmp_path / "seg", tmp_path / "seg" / "mask.dcm"):
        np.testing.assert_array_equal(read_mask(path, ct), TUMOUR)


def test_a_segmentation_named_by_its_uid_is_a_mask(tmp_path: Path, ct: Volume) -> None:
    named = (tmp_path / "seg" / "mask.dcm").rename(tmp_path / "1.2.826.0.1")
    np.testing.assert_array_equal(read_mask(named, ct), TUMOUR)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_a_segment_is_chosen_by_number_or_name(tmp_path: Path, ct: Volume, kind: str) -> None:
    path = two_segments(tmp_path / "ct", kind)
    message = r"2 segments: 1 \(Tumour\), 2 \(Cyst\); choose one with --label"
    with pytest.raises(SeveralLabelsError, match=message) as several:
        read_mask(path, ct)
    assert str(several.value) == f"{several.value.held}; {several.value.choose}"  # for options of another name
    for label, expected in ((2, CYST), ("1", TUMOUR), ("cyst", CYST)):
        np.testing.assert_array_equal(read_mask(path, ct, label=label), expected)
    with pytest.raises(InputError, match=r"no one segment Vein; it has 1 \(Tumour\)"):
        read_mask(path, ct, label="Vein")


def test_segments_that_overlap_or_leave_slices_out_are_whole(tmp_path: Path, ct: Volume) -> None:
    apart = ball((18, 16, 6), 8)
    apart[:, :, ::2] = False  # as a segment that is drawn on every second slice
    path = two_segments(tmp_path / "ct", cyst=apart)
    assert (TUMOUR & apart).any()
    np.testing.assert_array_equal(read_mask(path, ct, label="Tumour"), TUMOUR)
    np.testing.assert_array_equal(read_mask(path, ct, label="Cyst"), apart)


def test_a_label_map_holds_no_segment_but_those_that_it_shows(tmp_path: Path, ct: Volume) -> None:
    path = two_segments(tmp_path / "ct", "LABELMAP")
    for label, expected in ((2, CYST), (1, TUMOUR)):
        np.testing.assert_array_equal(read_mask(path, ct, label=label), expected)
    empty = two_segments(tmp_path / "ct", "LABELMAP", np.zeros(SHAPE, bool))
    np.testing.assert_array_equal(read_mask(empty, ct, label=1), TUMOUR)
    assert not read_mask(empty, ct, label=2).any()


def test_a_segmentation_of_another_series_is_refused(tmp_path: Path, ct: Volume) -> None:
    other = Volume.from_array(ct.data, ct.affine @ np.diag([1.1, 1.1, 1, 1]))
    with pytest.raises(InputError, match="another grid"):
        read_mask(tmp_path / "seg", other)
    assert read_mask(tmp_path / "seg", other, resample=True).any()


def test_a_damaged_segmentation_is_refused_in_one_line(tmp_path: Path, ct: Volume) -> None:
    path = tmp_path / "seg" / "mask.dcm"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged or incomplete"):
        read_mask(path, ct)


def structure_set(
    path: Path, contours: dict[str, list[np.ndarray]], kind: str = "CLOSED_PLANAR", frame: str = ""
) -> Path:
    """An RTSTRUCT; contours in LPS mm, each with its points."""
    found = FileDataset(str(path), {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = RTStructureSetStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = generate_uid()
    found.StructureSetROISequence, found.ROIContourSequence = [], []
    for number, (name, planes) in enumerate(contours.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in planes:
            plane = Dataset()
            plane.ContourGeometricType, plane.NumberOfContourPoints = kind, len(points)
            plane.ContourData = [f"{value:.3f}" for value in points.ravel()]
            drawn.ContourSequence.append(plane)
        found.StructureSetROISequence.append(roi)
        found.ROIContourSequence.append(drawn)
    found.save_as(path, enforce_file_format=True)
    return path


def rectangle(k: int, low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """A contour in slice k around the voxels from low to high, in LPS mm."""
    (a, b), (c, d) = low, high
    index = np.array(
        [[a - 0.5, b - 0.5, k, 1], [c + 0.5, b - 0.5, k, 1], [c + 0.5, d + 0.5, k, 1], [a - 0.5, d + 0.5, k, 1]]
    )
    return (index @ AFFINE.T)[:, :3] * (-1, -1, 1)


def test_contours_are_filled_and_one_in_another_is_a_hole(tmp_path: Path, ct: Volume) -> None:
    outer = [rectangle(k, (10, 12), (20, 22)) for k in (4, 5, 6)]
    hole = [rectangle(5, (13, 14), (15, 16))]
    path = structure_set(tmp_path / "rs.dcm", {"GTV": outer + hole, "Liver": [rectangle(5, (2, 2), (30, 30))]})
    expected = np.zeros(SHAPE, bool)
    expected[10:21, 12:23, 4:7] = True
    expected[13:16, 14:17, 5] = False
    with pytest.raises(InputError, match=r"2 regions: 1 \(GTV\), 2 \(Liver\)"):
        read_mask(path, ct)
    np.testing.assert_array_equal(read_mask(path, ct, label="gtv"), expected)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_holes_are_kept_however_the_contours_say_so(tmp_path: Path, ct: Volume, kind: str) -> None:
    nested = [rectangle(5, (10, 10), (22, 22)), rectangle(5, (12, 12), (20, 20)), rectangle(5, (15, 15), (17, 17))]
    expected = np.zeros(SHAPE, bool)
    expected[10:23, 10:23, 5], expected[12:21, 12:21, 5], expected[15:18, 15:18, 5] = True, False, True
    np.testing.assert_array_equal(read_mask(structure_set(tmp_path / "rs.dcm", {"GTV": nested}, kind), ct), expected)


def test_contours_that_stand_twice_or_cross_make_no_holes(tmp_path: Path, ct: Volume) -> None:
    one, other = rectangle(5, (10, 12), (20, 22)), rectangle(5, (16, 14), (26, 24))
    expected = np.zeros(SHAPE, bool)
    expected[10:21, 12:23, 5] = True
    np.testing.assert_array_equal(read_mask(structure_set(tmp_path / "1.dcm", {"GTV": [one, one]}), ct), expected)
    expected[16:27, 14:25, 5] = True
    with pytest.warns(Doubt, match="cross each other in 1 slices"):
        found = read_mask(structure_set(tmp_path / "2.dcm", {"GTV": [one, other]}), ct)
    np.testing.assert_array_equal(found, expected)


def test_another_frame_of_reference_is_told(tmp_path: Path, ct: Volume) -> None:
    contours = {"GTV": [rectangle(5, (10, 12), (20, 22))]}
    path = structure_set(tmp_path / "rs.dcm", contours, frame=ct.frame_of_reference)
    assert read_mask(path, ct).any()
    segmentation = pydicom.dcmread(tmp_path / "seg" / "mask.dcm")
    segmentation.FrameOfReferenceUID = generate_uid()
    segmentation.save_as(tmp_path / "seg.dcm")
    for other in (structure_set(tmp_path / "rs.dcm", contours, frame=generate_uid()), tmp_path / "seg.dcm"):
        with pytest.warns(Doubt, match="another frame of reference"):
            read_mask(other, ct)


def test_what_was_made_from_a_series_lies_in_its_space(tmp_path: Path, ct: Volume) -> None:
    for name, source in (("made", "ct"), ("again", "made")):
        dicom_export.write(ct, REPORT, tmp_path / name, tmp_path / source, TUMOUR)
    scans = [ct, *(Volume.read(tmp_path / name) for name in ("made", "again"))]
    assert len({scan.frame_of_reference for scan in scans}) == 2  # the series' own is not told
    for scan, name in product(scans, ("made", "again")):
        with warnings.catch_warnings():
            warnings.simplefilter("error", Doubt)
            np.testing.assert_array_equal(read_mask(tmp_path / name / dicom_export.SEGMENTATION, scan), TUMOUR)


def _without_preamble(path: Path, first_group: bool) -> None:
    if first_group:
        path.write_bytes(path.read_bytes()[132:])
        return
    found = pydicom.dcmread(path)
    with pydicom.filebase.DicomBytesIO() as file:
        file.is_little_endian, file.is_implicit_VR = True, True
        pydicom.filewriter.write_dataset(file, Dataset(found))
        path.write_bytes(file.getvalue())


@pytest.mark.parametrize("first_group", [True, False])
def test_objects_without_preamble_are_read(tmp_path: Path, ct: Volume, first_group: bool) -> None:
    contours = structure_set(tmp_path / "rs.dcm", {"GTV": [rectangle(5, (10, 12), (20, 22))]})
    expected = read_mask(contours, ct)
    for path, mask in ((contours, expected), (tmp_path / "seg" / "mask.dcm", TUMOUR)):
        _without_preamble(path, first_group)
        np.testing.assert_array_equal(read_mask(path, ct), mask)


def test_contours_that_leave_slices_out_are_told(tmp_path: Path, ct: Volume) -> None:
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [rectangle(k, (10, 12), (20, 22)) for k in (4, 6)]})
    with pytest.warns(Doubt, match="leave out slices"):
        read_mask(path, ct)


def test_contours_beyond_the_scans_edge_are_told(tmp_path: Path, ct: Volume) -> None:
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [rectangle(4, (-5, 12), (4, 22))]})
    with pytest.warns(Doubt, match="reach beyond the scan's edge"):
        assert read_mask(path, ct).sum() == 5 * 11


def test_contours_beside_the_slices_are_refused(tmp_path: Path, ct: Volume) -> None:
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [rectangle(4, (10, 12), (20, 22)) + np.array([0, 0, 1.2])]})
    with pytest.raises(InputError, match="do not lie on the scan's slices"):
        read_mask(path, ct)


def test_segments_and_regions_are_a_label_map_too(tmp_path: Path, ct: Volume) -> None:
    apart = CYST & ~TUMOUR
    expected = TUMOUR + 2 * apart.astype(np.uint8)
    for kind in ("BINARY", "LABELMAP"):
        np.testing.assert_array_equal(read_labels(two_segments(tmp_path / "ct", kind, apart), ct), expected)
    np.testing.assert_array_equal(read_labels(tmp_path / "seg", ct), TUMOUR)
    contours = {"GTV": [rectangle(5, (10, 12), (20, 22))], "Node": [rectangle(5, (24, 24), (30, 30))]}
    labels = read_labels(structure_set(tmp_path / "rs.dcm", contours), ct)
    assert [np.count_nonzero(labels == number) for number in (1, 2)] == [11 * 11, 7 * 7]
    with pytest.raises(InputError, match=r"overlap in \d+ voxels"):
        read_labels(two_segments(tmp_path / "ct", cyst=TUMOUR), ct)
