"""DICOM series: the headers tell whether their images make one volume."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib.errors import NAMED, InputError, doubt, doubts_of_many
from TextoMorphLib.io import dicom_pixels
from TextoMorphLib.io.dicom_pixels import OF_FRAMES, SHARED
from TextoMorphLib.io.formats import DICOM_SUFFIXES, Format
from TextoMorphLib.io.formats.itk import LPS_TO_RAS, smallest
from TextoMorphLib.io.names import check_path, check_readable
from TextoMorphLib.io.volume import Array, Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TAGS = (
    "SOPClassUID",
    "SeriesInstanceUID",
    "Modality",
    "RescaleType",
    "InstanceNumber",
    "AcquisitionNumber",
    "SliceThickness",
    "FrameOfReferenceUID",
    "PatientPosition",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    SHARED,
    OF_FRAMES,
)
_UNEVEN = 0.1  # of the distance between slices
_GAP = 0.75  # of the distance between slices, how thin they may be; less, and some of the body is in none of them
_SQUARE = 0.02  # how far an orientation's vectors may be from length 1 and right angles
_OFF_LINE_MM = 0.3  # how far a slice may lie beside the line of the others: what rounded positions lose, and no more


@dataclass(frozen=True)
class _Slice:
    path: Path
    frame: int  # in the file; 0 in a file of one image
    series: str
    size: tuple[int, int]
    spacing: tuple[float, ...]  # between rows, between columns, mm
    orientation: tuple[float, ...]  # unit vectors along a row and along a column, LPS
    position: tuple[float, ...]  # of the first voxel, mm, LPS
    kind: str = "CT"  # the modality
    unit: str = "HU"
    number: int | None = None  # in the series
    acquisition: int | None = None
    thick: float | None = None  # mm
    frame_of_reference: str = ""
    lying: str = ""


def read(folder: Path) -> Volume:
    """Read a folder that holds one DICOM series, in files of one image or in a multi-frame file.

    Slices are sorted by position along their normal. A tilted gantry gives a sheared affine.

    Returns:
        The scan in HU (the rescale worked in): int16 where the values allow it.

    Raises:
        InputError: No DICOM images, several series, slices of different size or orientation, a slice missing,
            given twice, beside the others, or damaged.
    """
    lost: list[str] = []
    slices = [image for path in sorted(folder.iterdir()) if path.is_file() for image in _slices(path, lost)]
    if len(slices) < 2:
        found = "a single DICOM slice" if slices else "no DICOM images"
        raise InputError(f"the folder holds {found}; give the folder of one whole CT series")
    _tell(slices)
    if lost:
        more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
        doubt(f"{', '.join(lost[:NAMED])}{more} cannot be read as DICOM and may be a slice: left out")
    _same(slices, "series", lambda image: image.series)
    _same(slices, "orientations (a localizer?)", lambda image: np.round(image.orientation, 4))
    _same(slices, "image sizes", lambda image: image.size)
    _same(slices, "pixel spacings", lambda image: np.round(image.spacing, 4))

    along_row, along_column = np.reshape(slices[0].orientation, (2, 3))
    row_mm, column_mm = slices[0].spacing
    normal = np.cross(along_row, along_column)
    slices.sort(key=lambda image: float(normal @ image.position))
    step = _step(np.array([image.position for image in slices]), normal)
    _tell_of_gaps(slices, abs(float(step @ normal)))

    to_lps = np.eye(4)
    to_lps[:3, :3] = np.column_stack([along_row * column_mm, along_column * row_mm, step])
    to_lps[:3, 3] = slices[0].position
    return Volume(
        _pixels(slices),
        LPS_TO_RAS @ to_lps,
        frame_of_reference=slices[0].frame_of_reference,
        patient_position=slices[0].lying,
    )


def _slices(path: Path, lost: list[str]) -> list[_Slice]:
    """What a file's header says; nothing if it is no image (notes, reports, structure sets, DICOMDIR).

    Args:
        path: The file.
        lost: Gets the name of one that is named as an image and is no DICOM.
    """
    check_path(path)
    if path.stat().st_size:  # an empty file is no image, and no fault of the series
        check_readable(path)
    try:
        header = header_of(path, _TAGS)
        if header is None:
            lost += [path.name] * (path.suffix.lower() in DICOM_SUFFIXES and not path.name.startswith("."))
            return []
        if not is_image(header):
            return []
        frames, colours = (int(header.get(tag) or 1) for tag in ("NumberOfFrames", "SamplesPerPixel"))
        found = [_slice(path, header, groups) for groups in _frames(header, frames)]
    except InputError:
        raise
    except Exception as error:  # pydicom raises whatever a damaged file makes it stumble over
        raise InputError(f"{path.name} is damaged; copy or download it again") from error
    if colours > 1:
        raise InputError(f"{path.name} is a colour image; give the CT series itself")
    for image in found:
        said = {"PixelSpacing": image.spacing, "ImageOrientationPatient": image.orientation}
        said["ImagePositionPatient"] = image.position
        if lacking := [name for (name, told), count in zip(said.items(), (2, 6, 3), strict=True) if len(told) != count]:
            raise InputError(
                f"{path.name} does not say where it lies in the patient ({', '.join(lacking)} left out or incomplete); "
                "take it out of the folder, or export the series again"
            )
        if not np.isfinite([*image.spacing, *image.orientation, *image.position]).all():
            raise InputError(f"{path.name} says of its place what is no number; take it out of the folder")
        axes = np.reshape(image.orientation, (2, 3))
        if np.abs(axes @ axes.T - np.eye(2)).max() > _SQUARE:
            raise InputError(f"{path.name} gives axes that are not of length 1 or not at right angles; export it again")
    return found


def header_of(path: Path, tags: tuple[str, ...]) -> Dataset | None:
    """A DICOM file's header, from a file without the preamble, too; None if the file is no DICOM."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that break the letter of the standard
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(tags))
        except InvalidDicomError:
            pass
        try:  # as older archives wrote them; whatever other file it is, it has no SOP class that is known
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(tags), force=True)
            return header if header.get("SOPClassUID") and "Storage" in header.SOPClassUID.name else None
        except Exception:
            return None


def is_image(header: Dataset) -> bool:
    """Whether a header is an image's, and not that of notes, a report or contours."""
    kind = header.get("SOPClassUID") or header.file_meta.MediaStorageSOPClassUID
    return "Image Storage" in kind.name


def _frames(header: Dataset, frames: int) -> Iterator[tuple[int, list[Dataset]]]:
    """The number of each frame, and where to look for what is said of it."""
    if frames == 1 and OF_FRAMES not in header:
        yield 0, [header]
        return
    if OF_FRAMES not in header:
        raise InputError("a multi-frame image does not say where its frames lie; convert it to NIfTI (dcm2niix) first")
    shared = list(header.get(SHARED) or [])[:1]
    own = list(header[OF_FRAMES].value)
    if len(own) != frames:
        raise InputError(f"a multi-frame image has {frames} frames and tells of {len(own)}; export it again")
    for number, groups in enumerate(own):
        sequences = [element.value for group in (groups, *shared) for element in group if element.VR == "SQ"]
        yield number, [items[0] for items in sequences if len(items)]


def _slice(path: Path, header: Dataset, frame: tuple[int, list[Dataset]]) -> _Slice:
    number, said = frame

    def numbers(tag: str) -> tuple[float, ...]:
        found = next((group.get(tag) for group in said if group.get(tag)), ())
        return tuple(float(one) for one in (found if isinstance(found, Iterable) else (found,)))

    return _Slice(
        path,
        number,
        str(header.get("SeriesInstanceUID") or ""),
        (header.Rows, header.Columns),
        numbers("PixelSpacing"),
        numbers("ImageOrientationPatient"),
        numbers("ImagePositionPatient"),
        str(header.get("Modality") or "CT"),
        str(header.get("RescaleType") or "HU"),
        None if header.get("InstanceNumber") is None else int(header.InstanceNumber),
        None if header.get("AcquisitionNumber") is None else int(header.AcquisitionNumber),
        next(iter(numbers("SliceThickness")), None),
        str(header.get("FrameOfReferenceUID") or ""),
        str(header.get("PatientPosition") or ""),
    )


def _tell(slices: list[_Slice]) -> None:
    """What the headers say that makes a scan doubtful: no CT, no HU, images left out."""
    for kind in sorted({image.kind for image in slices} - {"CT"}):
        doubt(f"the series is {kind} by its headers, and no CT; only a CT's values are HU")
    for unit in sorted({image.unit for image in slices} - {"HU", "US"}):  # US: unspecified
        doubt(f"the series' values are {unit} by its headers, and not HU")
    numbers = {image.number for image in slices if image.number is not None}
    if len(numbers) == len(slices) and (gaps := max(numbers) - min(numbers) + 1 - len(numbers)):
        first = next(number for number in range(min(numbers), max(numbers)) if number not in numbers)
        doubt(
            f"the images are numbered {min(numbers)} to {max(numbers)} and {gaps} of these are not there (the first is "
            f"{first}): slices may be missing, though those that are there lie evenly"
        )


def _tell_of_gaps(slices: list[_Slice], step: float) -> None:
    """What makes doubtful whether slices in their order are all of one scan.

    Args:
        slices: In the order of their places.
        step: From one to the next, mm.
    """
    thick = [image.thick for image in slices if image.thick]
    if thick and max(thick) < _GAP * step:
        doubt(
            f"the slices are {max(thick):g} mm thick and {step:.3g} mm apart: either what lies between them was not "
            "scanned, or slices are missing"
        )
    numbers = [image.number for image in slices if image.number is not None]
    back = [after < before for before, after in pairwise(numbers)]
    turns = sum(a != b for a, b in pairwise(back))
    runs = [image.acquisition for image in slices]
    changes = sum(a != b for a, b in pairwise(runs))
    if len(set(numbers)) == len(slices) and turns > len(slices) / 2:
        doubt(
            "along the patient the images' numbers go to and fro: these may be two series or phases whose slices lie "
            "between one another; keep one of them if they are"
        )
    elif changes >= len(set(runs)):
        doubt(
            f"slices of {len(set(runs))} acquisitions lie between one another: these may be two phases of one patient; "
            "keep one of them if they are"
        )


def _same(slices: list[_Slice], what: str, value: Callable[[_Slice], Any]) -> None:
    values = [tuple(value(image)) for image in slices]
    if len(kinds := set(values)) > 1:
        rarest = min(kinds, key=values.count)
        odd = slices[values.index(rarest)].path.name
        raise InputError(f"the folder mixes {len(kinds)} {what}; keep one series in it ({odd} is one of the rarest)")


def _step(positions: Array, normal: Array) -> Array:
    """From one slice to the next, in mm, LPS."""
    between = np.diff(positions @ normal)
    usual = float(np.median(between))
    if between.min() < 1e-3:
        raise InputError("the folder holds several slices at one position (phases or copies); keep one of each")
    odd = int(np.argmax(np.abs(between - usual)))
    if abs(between[odd] - usual) > _UNEVEN * usual:
        raise InputError(
            f"slices are missing or uneven: {between[odd]:.2f} mm between slices {odd + 1} and {odd + 2}, "
            f"{usual:.2f} mm elsewhere; give the whole series"
        )
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    off = positions - (positions[0] + np.arange(len(positions))[:, None] * step)
    along = np.abs(off @ normal).max()
    beside = np.linalg.norm(off - (off @ normal)[:, None] * normal, axis=1).max()
    if beside > _OFF_LINE_MM or along > max(_OFF_LINE_MM, _UNEVEN * usual):
        raise InputError(
            f"the slices do not lie on one line: they are shifted against each other by up to "
            f"{max(beside, along):.1f} mm; give one series as the scanner wrote it"
        )
    return np.asarray(step)


def _pixels(slices: list[_Slice]) -> Array:
    """HU, axes (i, j, k); each slice is rescaled by its own header."""
    planes: list[Array] = []
    known: tuple[Path, Array] | None = None
    with doubts_of_many(len({image.path for image in slices})) as about:
        for image in slices:
            if known is None or known[0] != image.path:
                with about(image.path.name):
                    known = image.path, dicom_pixels.hu(image.path)
            planes.append(known[1][image.frame])
    stack = np.stack(planes).T
    return smallest(stack) if stack.dtype.kind in "iu" else stack.astype(np.float32)


FORMAT = Format(read, folders=True)
