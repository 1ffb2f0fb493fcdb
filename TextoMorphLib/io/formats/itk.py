"""NRRD and MetaImage files, through SimpleITK, whose axes point to Left, Posterior, Superior."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.formats import Format
from TextoMorphLib.io.volume import Array, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_OWN_KEYS = ("ITK_", "NRRD_")  # what ITK writes by itself


def read(path: Path) -> Volume:
    """Read a .nrrd, .nhdr, .mha or .mhd file.

    Raises:
        InputError: The file is damaged or holds no 3D image of one number a voxel.
    """
    import SimpleITK

    try:
        with silent():
            image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        if "spacing" in str(error) or "direction" in str(error):
            raise InputError("its voxel spacing is zero or its axes lie in a plane; repair the header") from error
        raise InputError("it is damaged, cut short or of another format than its name says") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"it has {image.GetNumberOfComponentsPerPixel()} numbers a voxel, not one")
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise InputError(f"a 3D image is needed, this one is {image.GetDimension()}D; give one CT volume")
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    to_lps[:3, 3] = image.GetOrigin()
    metadata = _metadata(image)
    return Volume(SimpleITK.GetArrayFromImage(image).T, LPS_TO_RAS @ to_lps, metadata=metadata)


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
