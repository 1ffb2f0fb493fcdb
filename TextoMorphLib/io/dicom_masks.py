"""Masks that DICOM keeps as objects of their own: segmentations (SEG) and contours (RTSTRUCT)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib.errors import Doubt, InputError, SeveralLabelsError, doubt
from TextoMorphLib.io import frame_of_reference
from TextoMorphLib.io.formats import DICOM_SUFFIXES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from TextoMorphLib.io.volume import Array, Volume

_SEGMENTATION, _LABELS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
_CONTOURS = "1.2.840.10008.5.1.4.1.1.481.3"
_KINDS = (_SEGMENTATION, _LABELS, _CONTOURS)
_BY_PARITY = "CLOSEDPLANAR_XOR"  # written so in the standard; what two of them hold is a hole
Contour = tuple["Array", bool]  # points in voxels, and whether what two such hold is a hole
_OFF_SLICE = 0.3  # of the distance between slices, how far a contour may lie beside one


def is_one(path: Path) -> bool:
    """Whether a file, or the only image or object of a folder, is a segmentation or a structure set."""
    return _file(path) is not None


def read(path: Path, ct: Volume, label: int | str | None) -> Volume:
    """Read one segment, or one region of interest.

    Args:
        path: The file, or the folder that holds nothing else.
        ct: The scan; contours are filled on its grid.
        label: The segment's number or name; may be left out where there is only one.

    Returns:
        0 and 1, on the segmentation's own grid or, of contours, on the scan's.

    Raises:
        InputError: The file is damaged, `label` names none of its segments, or is needed.
    """
    with _opened(path) as found:
        _tell_of_frame(found, ct)
        return _filled(found, ct, label) if found.SOPClassUID == _CONTOURS else _segment(found, label)


def numbers(path: Path) -> list[int]:
    """The segments, or regions of interest, that hold something.

    Raises:
        InputError: The file is damaged.
    """
    with _opened(path) as found:
        if found.SOPClassUID == _CONTOURS:
            return sorted(int(item.ReferencedROINumber) for item in found.ROIContourSequence if _closed([item]))
        shared = found.SharedFunctionalGroupsSequence[0]
        own = {_of_frame(shared, groups) for groups in found.PerFrameFunctionalGroupsSequence} - {None}
        every = {int(item.SegmentNumber) for item in found.SegmentSequence} - {0}
        return sorted(every & own if own else every)


@contextmanager
def _opened(path: Path) -> Iterator[Dataset]:
    """The object; what goes wrong while it is looked at is said of its file."""
    from TextoMorphLib.io.dicom_pixels import whole

    file = _file(path)
    assert file is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", Doubt)
            yield whole(file)
    except SeveralLabelsError as several:
        raise SeveralLabelsError(f"cannot read {path}: {several.held}", several.choose) from several
    except InputError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    except Exception as error:  # pydicom raises whatever a damaged file makes it stumble over
        raise InputError(f"cannot read {path}: it is damaged or incomplete; export it again") from error


def _file(path: Path) -> Path | None:
    if path.is_dir():
        kinds = {file: _kind(file) for file in path.iterdir() if file.is_file()}
        objects = [file for file, kind in kinds.items() if kind in _KINDS]
        return objects[0] if len(objects) == 1 and sum(map(bool, kinds.values())) == 1 else None
    end = path.suffix.lower()  # a file may be named by its UID, whose end is a number
    if not (end in (*DICOM_SUFFIXES, "") or end[1:].isdecimal()) or not path.is_file():
        return None
    return path if _kind(path) in _KINDS else None


def _kind(file: Path) -> str:
    """The SOP class of a DICOM file; empty for other files."""
    from TextoMorphLib.io.formats.dicom import header_of

    try:
        header = header_of(file, ("SOPClassUID",))
        return "" if header is None else str(header.get("SOPClassUID", ""))
    except Exception:  # what it is cannot be told; whoever reads it will say what is wrong
        return ""


def chosen_number(label: int | str, names: dict[int, str]) -> int | None:
    """The number of a label that is given by it or by its name; None if no label, or several, have the name."""
    if isinstance(label, int) or label.strip().removeprefix("-").isdecimal():
        return int(label)
    fitting = [number for number, name in names.items() if name.strip().lower() == label.strip().lower()]
    return fitting[0] if len(fitting) == 1 else None


def one_of(names: dict[int, str], label: int | str | None, what: str, path: str = "it") -> int:
    """The number of the segment that is asked for.

    Args:
        names: Of all that there are, by their numbers.
        label: The number or name that the user gave, if any.
        what: What they are called, in the plural.
        path: The file, where nobody around names it.

    Raises:
        InputError: None of them, or none is named and there are several.
    """
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    if label is None:
        if len(names) != 1:
            held = f"{path} holds {len(names)} {what}: {listed or 'none'}"
            raise SeveralLabelsError(held, "choose one with --label NUMBER or NAME")
        return next(iter(names))
    number = chosen_number(label, names)
    if number not in names:
        raise InputError(f"{path} has no one {what[:-1]} {label}; it has {listed or 'none'}")
    return number


def _segment(found: Dataset, label: int | str | None) -> Volume:
    """A segment on the grid of its frames; slices that have no frame are empty."""
    from TextoMorphLib.io.formats.itk import LPS_TO_RAS
    from TextoMorphLib.io.volume import Volume

    names = {int(item.SegmentNumber): str(item.get("SegmentLabel", "")) for item in found.SegmentSequence}
    names.pop(0, None)  # a label map's background
    number = one_of(names, label, "segments")
    frames = np.asarray(found.pixel_array).reshape(-1, found.Rows, found.Columns)
    if str(found.get("SegmentationType", "BINARY")) == "FRACTIONAL":
        doubt("the segmentation holds fractions; what is half or more is taken for lesion")
        frames = frames >= 0.5 * float(found.get("MaximumFractionalValue", 255))
    elif found.SOPClassUID == _LABELS or frames.max(initial=0) > 1:  # its values are the segments
        frames = frames == number
    shared, own = found.SharedFunctionalGroupsSequence[0], found.PerFrameFunctionalGroupsSequence
    orientation = _group(shared, own[0], "PlaneOrientationSequence").ImageOrientationPatient
    measures = _group(shared, own[0], "PixelMeasuresSequence")
    along_row, along_column = np.reshape(np.array(orientation, float), (2, 3))
    normal = np.cross(along_row, along_column)
    places, planes = [], []
    for frame, groups in zip(frames, own, strict=True):
        if _of_frame(shared, groups) in (number, None):
            position = _group(shared, groups, "PlanePositionSequence").ImagePositionPatient
            places.append(np.array(position, float))
            planes.append(frame)
    if not places:
        raise InputError(f"segment {number} is empty")
    heights = np.array(places) @ normal
    lowest = places[int(heights.argmin())]
    step = _step(np.unique(np.round(heights, 3)), float(measures.get("SpacingBetweenSlices") or 0))
    index = np.rint((heights - heights.min()) / step).astype(int)
    if np.abs(heights - heights.min() - index * step).max() > 0.1 * step:
        raise InputError("its slices are uneven; export it again")
    stack = np.zeros((found.Columns, found.Rows, index.max() + 1), np.uint8)
    for k, plane in zip(index, planes, strict=True):
        stack[:, :, k] |= plane.T.astype(np.uint8)
    row_mm, column_mm = (float(mm) for mm in measures.PixelSpacing)
    highest = places[int(heights.argmax())]
    along = (highest - lowest) / max(int(index.max()), 1) if index.max() else normal * step
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.column_stack([along_row * column_mm, along_column * row_mm, along])
    to_lps[:3, 3] = lowest
    return Volume.from_array(stack, LPS_TO_RAS @ to_lps)


def _of_frame(shared: Dataset, own: Dataset) -> int | None:
    """The segment that a frame is of; None where its values tell."""
    name = "SegmentIdentificationSequence"
    of = own.get(name) or shared.get(name)
    return int(of[0].ReferencedSegmentNumber) if of else None


def _tell_of_frame(found: Dataset, ct: Volume) -> None:
    """A segmentation or structure set that lies in another space than the scan."""
    rois = found.get("StructureSetROISequence") or []
    own = {str(each.get("ReferencedFrameOfReferenceUID", "")) for each in rois} | {
        str(found.get("FrameOfReferenceUID") or "")
    }
    own.discard("")
    if ct.frame_of_reference and own and not any(frame_of_reference.same(ct.frame_of_reference, uid) for uid in own):
        doubt(
            "it was drawn in another frame of reference than the scan's, so another examination or a scan that was "
            "registered: it is laid where its coordinates say; look whether that is right"
        )


def _group(shared: Dataset, own: Dataset, name: str) -> Any:
    return (own.get(name) or shared[name].value)[0]


def _step(heights: Array, told: float) -> float:
    """From slice to slice, mm: segmentations leave empty ones out."""
    between = np.diff(heights)
    if told > 0 and (np.abs(between / told - np.rint(between / told)) < 0.1).all():
        return told
    return float(between.min()) if between.size else max(told, 1.0)


def _filled(found: Dataset, ct: Volume, label: int | str | None) -> Volume:
    """A region of interest, filled on the scan's slices; a contour within another is a hole."""
    from TextoMorphLib.io.formats.itk import LPS_TO_RAS
    from TextoMorphLib.io.volume import Volume

    names = {int(item.ROINumber): str(item.get("ROIName", "")) for item in found.StructureSetROISequence}
    number = one_of(names, label, "regions")
    contours = [item for item in found.ROIContourSequence if int(item.ReferencedROINumber) == number]
    closed = _closed(contours)
    if not closed:
        raise InputError(f"region {number} has no closed contours")
    to_index = np.linalg.inv(ct.affine) @ LPS_TO_RAS
    drawn: dict[int, list[Contour]] = {}
    beyond = False
    for plane in closed:
        lps = np.reshape(np.array(plane.ContourData, float), (-1, 3))
        points = lps @ to_index[:3, :3].T + to_index[:3, 3]
        k = int(np.rint(points[:, 2].mean()))
        if np.abs(points[:, 2] - k).max() > _OFF_SLICE:
            raise InputError("its contours do not lie on the scan's slices; export it for this series")
        if not 0 <= k < ct.shape[2]:
            raise InputError("its contours reach beyond the scan; give the series that it was drawn on")
        beyond |= bool(((points[:, :2] < -1) | (points[:, :2] > ct.shape[:2])).any())
        drawn.setdefault(k, []).append((points[:, :2], str(plane.ContourGeometricType) == _BY_PARITY))
    mask = np.zeros(ct.shape, bool)
    crossing = [k for k, contours in drawn.items() if _laid_together(contours, mask[:, :, k])]
    if beyond:
        doubt("the contours reach beyond the scan's edge; what lies outside is left out")
    if crossing:
        doubt(f"contours cross each other in {len(crossing)} slices; there, all that any of them holds is taken")
    if any(b - a > 1 for a, b in pairwise(sorted(drawn))):
        doubt("the contours leave out slices of the scan between others; those stay without lesion")
    return Volume.from_array(mask, ct.affine)


def _closed(contours: list[Dataset]) -> list[Dataset]:
    planes = [plane for item in contours for plane in item.get("ContourSequence", [])]
    return [plane for plane in planes if str(plane.get("ContourGeometricType", "")) in ("CLOSED_PLANAR", _BY_PARITY)]


def _inside(points: Array, shape: tuple[int, ...]) -> Array:
    """The voxels of a slice that a contour holds; `points` in voxels."""
    from matplotlib.path import Path as Polygon

    inside = np.zeros(shape, bool)
    low = np.clip(np.floor(points.min(0)), 0, shape).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 1, 0, shape).astype(int)
    i, j = np.meshgrid(*map(np.arange, low, high), indexing="ij")
    if i.size:
        found = Polygon(points).contains_points(np.column_stack([i.ravel(), j.ravel()]))
        inside[low[0] : high[0], low[1] : high[1]] = found.reshape(i.shape)
    return inside


def _laid_together(contours: list[Contour], into: Array) -> bool:
    """Fills a slice with what its contours hold: one within another is a hole, one within that an island, and so on.

    Returns:
        Whether some cross each other, which no hole does; all that they hold is filled then.
    """
    areas = [(_inside(points, into.shape), by_parity) for points, by_parity in contours]
    once = {inside.tobytes(): inside for inside, by_parity in areas if not by_parity}  # a copy is no hole
    crossing = False
    for inside in sorted(once.values(), key=np.count_nonzero, reverse=True):
        shared = int(np.count_nonzero(inside & into))
        if shared == np.count_nonzero(inside):
            into &= ~inside
        else:
            into |= inside
            crossing |= shared > 0
    for inside, by_parity in areas:
        if by_parity:
            into ^= inside
    return crossing
