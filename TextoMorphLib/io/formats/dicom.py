"""DICOM series: pydicom reads the headers, which tell whether they make one volume; GDCM reads the pixels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK
from pydicom.errors import InvalidDicomError

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.formats.itk import LPS_TO_RAS, smallest
from TextoMorphLib.io.volume import Array, Volume

_TAGS = (
    "SOPClassUID",
    "SeriesInstanceUID",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
)
_UNEVEN = 0.1  # of the distance between slices


@dataclass(frozen=True)
class _Slice:
    path: Path
    series: str
    size: tuple[int, int]
    spacing: tuple[float, ...]  # between rows, between columns, mm
    orientation: tuple[float, ...]  # unit vectors along a row and along a column, LPS
    position: tuple[float, ...]  # of the first voxel, mm, LPS


def read(folder: Path) -> Volume:
    """Read a folder that holds one DICOM series.

    Slices are sorted by position along their normal. A tilted gantry gives a sheared affine.

    Returns:
        The scan in HU (the rescale worked in): int16 where the values allow it.

    Raises:
        InputError: No DICOM images, several series, slices of different size or orientation, a slice missing,
            given twice, or damaged.
    """
    slices = [image for path in sorted(folder.iterdir()) if path.is_file() and (image := _slice(path))]
    if len(slices) < 2:
        found = "a single DICOM slice" if slices else "no DICOM images"
        raise InputError(f"the folder holds {found}; give the folder of one whole CT series")
    _same(slices, "series", lambda image: image.series)
    _same(slices, "orientations (a localizer?)", lambda image: np.round(image.orientation, 4))
    _same(slices, "image sizes", lambda image: image.size)
    _same(slices, "pixel spacings", lambda image: np.round(image.spacing, 4))

    along_row, along_column = np.reshape(slices[0].orientation, (2, 3))
    row_mm, column_mm = slices[0].spacing
    normal = np.cross(along_row, along_column)
    slices.sort(key=lambda image: float(normal @ image.position))
    step = _step(np.array([image.position for image in slices]), normal)

    to_lps = np.eye(4)
    to_lps[:3, :3] = np.column_stack([along_row * column_mm, along_column * row_mm, step])
    to_lps[:3, 3] = slices[0].position
    return Volume(_pixels([image.path for image in slices]), LPS_TO_RAS @ to_lps)


def _slice(path: Path) -> _Slice | None:
    """What a file's header says; None if it is no image (notes, reports, structure sets, DICOMDIR)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about values that break the letter of the standard
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
            kind = header.get("SOPClassUID") or header.file_meta.MediaStorageSOPClassUID
            if "Image Storage" not in kind.name:
                return None
            image = _Slice(
                path,
                str(header.SeriesInstanceUID),
                (header.Rows, header.Columns),
                _numbers(header.get("PixelSpacing")),
                _numbers(header.get("ImageOrientationPatient")),
                _numbers(header.get("ImagePositionPatient")),
            )
            frames, colours = (int(header.get(tag) or 1) for tag in ("NumberOfFrames", "SamplesPerPixel"))
    except InvalidDicomError:
        return None
    except Exception as error:  # pydicom raises whatever a damaged file makes it stumble over
        raise InputError(f"{path.name} is damaged; copy or download it again") from error
    if frames > 1 or colours > 1:
        raise InputError(f"{path.name} is a multi-frame or colour image; convert it to NIfTI (dcm2niix) first")
    if (len(image.spacing), len(image.orientation), len(image.position)) != (2, 6, 3):
        raise InputError(f"{path.name} does not say where it lies in the patient; take it out of the folder")
    return image


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in values or ())


def _same(slices: list[_Slice], what: str, value: Callable[[_Slice], Any]) -> None:
    values = {tuple(value(image)) for image in slices}
    if len(values) > 1:
        raise InputError(f"the folder mixes {len(values)} {what}; keep one series in it")


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
    line = positions[0] + np.arange(len(positions))[:, None] * step
    if np.abs(positions - line).max() > max(1.0, usual):
        raise InputError("the slices are shifted against each other; keep one series in the folder")
    return np.asarray(step)


def _pixels(paths: list[Path]) -> Array:
    """HU, axes (i, j, k); each slice is rescaled by its own header."""
    slices = []
    for path in paths:
        try:
            image = SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
        except RuntimeError as error:
            raise InputError(f"the pixels of {path.name} are damaged or in an unknown compression") from error
        slices.append(SimpleITK.GetArrayFromImage(image)[0])
    stack = np.stack(slices).T
    return smallest(stack) if stack.dtype.kind in "iu" else stack.astype(np.float32)
