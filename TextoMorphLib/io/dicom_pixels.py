"""The pixels of DICOM images as HU: plain ones through pydicom, packed ones through GDCM."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from TextoMorphLib.errors import Doubt, InputError, doubt
from TextoMorphLib.io.formats.itk import silent
from TextoMorphLib.io.volume import Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SHARED, OF_FRAMES = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"  # of multi-frame images
_RESCALE = "PixelValueTransformationSequence"
_UNPACK = "unpack the series first, as by gdcmconv --raw"
_OVERLAY = range(0x6000, 0x6100, 2)  # groups of elements
_BRIGHTEST_HU, _PADDING_HU = (
    3071.0,
    -2000.0,
)  # what is padding by its header and brighter than a CT holds; how it is kept


def whole(path: Path) -> Dataset:
    """A DICOM file with its pixels, from a file without the preamble, or without its first group, too."""
    import pydicom

    image = pydicom.dcmread(path, force=True)
    if getattr(image.file_meta, "TransferSyntaxUID", None) is None:
        implicit = image.original_encoding[0]
        image.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        )
    return image


def hu(path: Path) -> Array:
    """HU of a file's frames; axes (frame, row, column).

    Raises:
        InputError: What is wrong with its pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", Doubt)
            image = whole(path)
            scales = _scales(image)
            syntax = image.file_meta.TransferSyntaxUID
            if not syntax.is_compressed and image.BitsAllocated in (8, 16, 32):
                stored = _stored(image)
                if len(stored) != len(scales):
                    raise InputError(f"{path.name} holds {len(stored)} images, and its header tells of {len(scales)}")
                return _without_padding(image, _rescaled(stored, scales), scales)
            if syntax.is_compressed and len(set(scales)) > 1:
                raise InputError(f"the frames of {path.name} have scales of their own, and are packed; {_UNPACK}")
            return _without_padding(image, _unpacked(path, syntax.name if syntax.is_compressed else ""), scales)
    except InputError:
        raise
    except Exception as error:  # pydicom raises whatever a damaged file makes it stumble over
        raise InputError(f"the pixels of {path.name} are damaged, cut short or of an unknown kind") from error


def _stored(image: Dataset) -> Array:
    """The stored values of plain pixels; axes (frame, row, column).

    Of the bits that are there, `BitsStored` up to `HighBit` hold a value; above them may lie an overlay.
    """
    image.pixel_array_options(raw=True, correct_unused_bits=False)
    raw = image.pixel_array.reshape(-1, image.Rows, image.Columns)
    above = image.BitsAllocated - 1 - image.HighBit
    spare = image.BitsAllocated - image.BitsStored
    if not 0 <= above <= spare < image.BitsAllocated:
        raise InputError("its header tells of bits that its pixels do not have; export it again")
    values = (raw << above) >> spare
    if above and above == spare and not any((group, 0x3000) in image or (group, 0x0010) in image for group in _OVERLAY):
        zeros = raw & ((1 << image.BitsStored) - 1)  # of negative values, the bits above are ones or zeros
        if ((raw != values) & (raw != zeros)).any():
            doubt(
                f"the pixels have values that the {image.BitsStored} bits which the header tells of do not hold; those "
                "bits alone are read, and what is brighter comes out wrong if the header is"
            )
    return np.asarray(values)


def _without_padding(image: Dataset, values: Array, scales: list[tuple[float, float]]) -> Array:
    """HU in which what the header calls padding is no metal."""
    told = image.get("PixelPaddingValue")
    if told in (None, ""):
        return values
    ends = [int(told), int(image.get("PixelPaddingRangeLimit") or told)]
    if not image.PixelRepresentation:
        ends = [end % (1 << image.BitsAllocated) for end in ends]  # written as a signed number
    slope, intercept = scales[0]
    low, high = sorted(end * slope + intercept for end in ends)
    if len(set(scales)) > 1 or low <= _BRIGHTEST_HU:
        return values
    padding = (values >= low) & (values <= high)
    if padding.any():
        doubt(f"padding by the headers (PixelPaddingValue {told}) lies at {low:g} HU; it is read as {_PADDING_HU:g}")
        values = np.where(padding, np.asarray(_PADDING_HU).astype(values.dtype), values)
    return values


def _scales(image: Dataset) -> list[tuple[float, float]]:
    """Slope and intercept of each of a file's frames.

    Raises:
        InputError: A slope of 0, with which all would be one value, or one that is no number.
    """
    shared = list(image.get(SHARED) or [])[:1]
    own = list(image.get(OF_FRAMES) or [])
    found = []
    for number in range(int(image.get("NumberOfFrames") or 1)):
        groups = [*own[number : number + 1], *shared]
        told = next((group[_RESCALE].value[0] for group in groups if _RESCALE in group), image)
        slope, intercept = (told.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
        scale = 1.0 if slope in (None, "") else float(slope), float(intercept or 0)
        if scale[0] == 0 or not np.isfinite(scale).all():
            raise InputError("its header rescales by a slope of 0, or by no number; export it again")
        found.append(scale)
    return found


def _rescaled(stored: Array, scales: list[tuple[float, float]]) -> Array:
    planes = []
    for plane, (slope, intercept) in zip(stored, scales, strict=True):
        if slope.is_integer() and intercept.is_integer():
            planes.append(plane.astype(np.int64) * int(slope) + int(intercept))
        else:
            planes.append(plane * slope + intercept)
    return np.stack(planes)


def _unpacked(path: Path, packing: str = "") -> Array:
    """The same of compressed pixels, by GDCM.

    Args:
        path: The file.
        packing: The name of its compression.
    """
    import SimpleITK

    try:
        with silent():
            found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO"))
    except RuntimeError as error:
        packed = f" (packed as {packing}); {_UNPACK}" if packing else ""
        raise InputError(
            f"the pixels of {path.name} are damaged or in a compression that is not read here{packed}"
        ) from error
    return np.asarray(found.reshape(-1, *found.shape[-2:]))
