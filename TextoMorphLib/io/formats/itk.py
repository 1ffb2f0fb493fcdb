"""NRRD and MetaImage files, through SimpleITK, whose axes point to Left, Posterior, Superior."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError, doubt
from TextoMorphLib.io.formats import Format
from TextoMorphLib.io.volume import Array, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LONGEST_HEADER = 1 << 16  # bytes that are looked at
_NRRD = (".nrrd", ".nhdr")
_LAST = ("elementdatafile", "data file", "datafile")  # after these, a header is at its end, or lists files
# Any of these names says how large voxels are, and where they lie.
_NRRD_SIZES, _NRRD_PLACES = ("space directions", "spacings"), ("space",)
_META_SIZES = ("elementspacing", "elementsize")
_META_PLACES = ("transformmatrix", "orientation", "rotation", "offset", "position", "origin")
_OWN_KEYS = ("ITK_", "NRRD_")  # what ITK writes by itself


def read(path: Path) -> Volume:
    """Read a .nrrd, .nhdr, .mha or .mhd file.

    Raises:
        InputError: The file is damaged or holds no 3D image of one number a voxel.
    """
    image = _image(path)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"it has {image.GetNumberOfComponentsPerPixel()} numbers a voxel, not one")
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise InputError(f"a 3D image is needed, this one is {image.GetDimension()}D; give one CT volume")
    _tell_doubts(path)
    import SimpleITK

    values = SimpleITK.GetArrayFromImage(image).T
    if (left := _bytes_of_voxels(path) - values.nbytes) > 0:
        doubt(f"{path.name} holds {left:,} bytes more than its header tells of: is the header that of these voxels?")
    return Volume(values, _affine(image), metadata=_metadata(image))


def components(path: Path) -> int:
    """How many numbers a voxel has; 0 where that cannot be told."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with silent():
            reader.ReadImageInformation()
    except RuntimeError:
        return 0
    return int(reader.GetNumberOfComponents())


def read_layers(path: Path) -> list[Volume]:
    """Read a file with several numbers a voxel: a volume of each.

    Raises:
        InputError: The file is damaged.
    """
    import SimpleITK

    try:
        image = _image(path)
        values, affine, metadata = SimpleITK.GetArrayViewFromImage(image), _affine(image), _metadata(image)
        return [Volume(values[..., layer].T.copy(), affine, metadata=metadata) for layer in range(values.shape[-1])]
    except InputError as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _image(path: Path) -> Any:
    import SimpleITK

    try:
        with silent():
            return SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        if "spacing" in str(error) or "direction" in str(error):
            raise InputError("its voxel spacing is zero or its axes lie in a plane; repair the header") from error
        if lacking := next((name for name in _apart(path) if not (path.parent / name).is_file()), ""):
            raise InputError(f"its voxels lie in {lacking}, which is not there; put it beside the header") from error
        raise InputError("it is damaged, cut short or of another format than its name says") from error


def _header(path: Path) -> tuple[dict[str, str], list[str]]:
    """What stands in a header by its name, in small letters, and the lines after that; both empty if it is damaged."""
    with path.open("rb") as file:
        lines = file.read(_LONGEST_HEADER).decode("latin-1").splitlines()
    of_nrrd = path.name.lower().endswith(_NRRD)
    told: dict[str, str] = {}
    for number, line in enumerate(lines):
        name, _, value = line.partition(":" if of_nrrd else "=")
        if of_nrrd and not line:
            return told, []
        told[name.strip().lower()] = value.strip()
        if name.strip().lower() in _LAST:
            return told, lines[number + 1 :]
    return told, []


def _apart(path: Path) -> list[str]:
    """The files in which the voxels lie, of a header that names such."""
    told, rest = _header(path)
    named = next((told[name] for name in _LAST if name in told), "LOCAL")
    names = rest if named.upper().startswith("LIST") else [named]
    return [name.strip() for name in names if name.strip() and name.upper() != "LOCAL" and "%" not in name]


def _bytes_of_voxels(path: Path) -> int:
    """How many bytes of voxels there are, not compressed, in one file; 0 where that cannot be told."""
    told, rest = _header(path)
    raw = told.get("encoding", "raw").lower() == "raw" and told.get("compresseddata", "false").lower() != "true"
    skipped = any(
        told.get(name, "0") != "0" for name in ("byte skip", "byteskip", "line skip", "lineskip", "headersize")
    )
    if not told or not raw or skipped:
        return 0
    if apart := _apart(path):
        return (path.parent / apart[0]).stat().st_size if len(apart) == 1 and not rest else 0
    with path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    if path.name.lower().endswith(_NRRD):
        end = min((at + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if (at := start.find(mark)) >= 0), default=0)
    else:
        end = start.find(b"\n", max(start.lower().find(b"elementdatafile"), 0)) + 1
    return path.stat().st_size - end if end else 0


def _tell_doubts(path: Path) -> None:
    """Tells what the header leaves out, in the stead of which something is taken for granted."""
    told, _ = _header(path)
    of_nrrd = path.name.lower().endswith(_NRRD)
    sizes, places = (_NRRD_SIZES, _NRRD_PLACES) if of_nrrd else (_META_SIZES, _META_PLACES)
    if told and not any(name in told for name in sizes):
        doubt(f"{path.name} does not say how large its voxels are: they are taken for 1 x 1 x 1 mm")
    if told and not any(name in told for name in places):
        doubt(f"{path.name} does not say where its voxels lie in the patient: left may be right")


def _affine(image: Any) -> Array:
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    to_lps[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ to_lps


def _metadata(image: Any) -> dict[str, str]:
    """What the file says besides; without what is no Unicode, which could not be written again."""
    found = {}
    for key in image.GetMetaDataKeys():
        with suppress(TypeError, UnicodeError):
            value = image.GetMetaData(key)
            (key + value).encode()
            if not key.startswith(_OWN_KEYS):
                found[key] = value
    return found


@contextmanager
def silent() -> Iterator[None]:
    """ITK's libraries write to the process's standard error; what matters of it is told as an error."""
    import SimpleITK

    SimpleITK.ProcessObject.GlobalWarningDisplayOff()
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # no standard error at all
        yield
        return
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def write(volume: Volume, path: Path, note: str) -> None:
    """Write a .nrrd or .mha file; `note` becomes the key-value pair `TextoMorph`.

    Raises:
        InputError: The axes are not at right angles, which these formats' readers do not expect.
    """
    import SimpleITK

    to_lps = LPS_TO_RAS @ volume.affine
    direction = to_lps[:3, :3] / volume.spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise InputError(f"{path.suffix} cannot hold sheared axes (a tilted gantry); write .nii.gz instead")
    values = _in_hu(volume)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T, values.dtype.newbyteorder("=")))
    image.SetDirection(direction.ravel().tolist())
    image.SetSpacing(volume.spacing.tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    for key, value in volume.metadata.items():
        image.SetMetaData(key, value)
    if note:
        image.SetMetaData("TextoMorph", note)
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
    except RuntimeError as error:
        raise OSError("the disk is full, or the folder is missing or read-only") from error


def _in_hu(volume: Volume) -> Array:
    """The values with the rescale worked in, as integers where that loses nothing."""
    slope, intercept = volume.slope, volume.intercept
    if (slope, intercept) == (1, 0):
        return volume.data
    if volume.data.dtype.kind == "f" or not (float(slope).is_integer() and float(intercept).is_integer()):
        return volume.hu()
    wide = np.int64 if volume.data.dtype.itemsize > 2 else np.int32
    return smallest(volume.data.astype(wide) * int(slope) + int(intercept))


def smallest(values: Array) -> Array:
    """Whole HU as int16 where they fit, else as int32, or as int64."""
    low, high = values.min(), values.max()
    kinds = (np.int16, np.int32)
    return values.astype(
        next((kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max), np.int64), copy=False
    )


FORMAT = Format(read, write, (".nrrd", ".mha", ".nhdr", ".mhd"), unwritten=(".nhdr", ".mhd"))
