"""CT volumes: voxels as they are stored, where they lie in the patient, and how they become HU."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]
Box = tuple[slice, slice, slice]

_FORMATS = {".nii": "nifti", ".nii.gz": "nifti", ".nrrd": "itk", ".mha": "itk", ".nhdr": "itk", ".mhd": "itk"}
_DETACHED = (".nhdr", ".mhd")  # header and voxels in two files, which cannot be replaced at one stroke

SPACING_MM = (0.1, 20.0)
FAT_AND_AIR_HU = (-1500.0, -30.0)
BRIGHTEST_HU = 35_000.0  # metal on an extended scale
_LEAST_FAT_AND_AIR = 0.001
_LEAST_PLAUSIBLE = 0.95
_PLAUSIBLE_HU = (-1500.0, 4000.0)


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image on its scanner's grid.

    Attributes:
        data: Stored values, axes (i, j, k), in the type they have in the file; integers or floats.
        affine: 4x4, voxel index (i, j, k, 1) to patient position in mm, axes to Right, Anterior, Superior.
        slope: HU = data * slope + intercept.
        intercept: See `slope`.
        header: The NIfTI header and its extensions as read, byte for byte; empty for other sources.
        metadata: Key-value pairs of an NRRD or MetaImage file.

    Raises:
        InputError: The image is not 3D, not of plain numbers, or its affine has no volume (zero spacing).
    """

    data: Array
    affine: Array
    slope: float = 1.0
    intercept: float = 0.0
    header: bytes = field(default=b"", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no volume of numbers."""
        if self.data.ndim != 3:
            raise InputError(f"a 3D image is needed, this one is {self.data.ndim}D; give one CT volume")
        if self.data.dtype.kind not in "iuf":
            raise InputError(f"voxels of type {self.data.dtype} are no CT numbers; give one number a voxel")
        axes = self.affine[:3, :3]
        if not np.isfinite(axes).all() or abs(np.linalg.det(axes)) <= 1e-6 * np.prod(self.spacing):
            raise InputError("the voxel spacing is zero or not a number; repair the image's header")

    @classmethod
    def from_array(cls, data: Array, affine: Array) -> Volume:
        """A volume from HU (or a mask) in memory.

        Args:
            data: Values, axes (i, j, k). Booleans become uint8, half precision becomes float32.
            affine: 4x4, voxel index to RAS mm.
        """
        plain = {np.dtype(bool): np.uint8, np.dtype(np.float16): np.float32}.get(data.dtype, data.dtype)
        return cls(data.astype(plain, copy=False), np.array(affine, dtype=np.float64))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Volume:
        """Read a volume.

        Args:
            path: A .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd file, or a folder with one DICOM series. A 4D
                file with a single frame counts as 3D.

        Raises:
            InputError: What is wrong with the file or folder.
        """
        path = Path(path)
        if not path.exists():
            raise InputError(f"{path} does not exist; check the name")
        name = "dicom" if path.is_dir() else _FORMATS[_suffix(path, tuple(_FORMATS))]
        try:
            volume: Volume = import_module(f"TextoMorphLib.io.formats.{name}").read(path)
        except InputError as error:
            raise InputError(f"cannot read {path}: {error}") from error
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        return volume

    def write(self, path: str | os.PathLike[str], note: str = "") -> None:
        """Write the volume, whole or not at all; the same volume gives the same bytes.

        NIfTI keeps the stored type, rescale and, when read from NIfTI, every byte of the header. NRRD and
        MetaImage know no rescale: values with one are written in HU.

        Args:
            path: A .nii, .nii.gz, .nrrd or .mha file; one that exists is replaced.
            note: Provenance kept with the image: a comment extension in NIfTI, a key-value pair elsewhere.

        Raises:
            InputError: The format cannot hold this volume, or the file cannot be written.
        """
        path = Path(path)
        suffix = _suffix(path, tuple(suffix for suffix in _FORMATS if suffix not in _DETACHED))
        beside = path.with_name(f".{uuid.uuid4().hex}{suffix}")
        try:
            import_module(f"TextoMorphLib.io.formats.{_FORMATS[suffix]}").write(self, beside, note)
            os.replace(beside, path)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j and k."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing(self) -> Array:
        """Voxel size along i, j and k in mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def hu(self, where: Box | None = None) -> Array:
        """HU, float32, of the whole volume or of the box `where`; always a copy."""
        hu = (self.data if where is None else self.data[where]).astype(np.float32)
        if self.slope != 1:
            hu *= np.float32(self.slope)
        if self.intercept != 0:
            hu += np.float32(self.intercept)
        return hu

    def with_hu(self, where: Box, hu: Array, changed: Array) -> Volume:
        """A copy in which some voxels have new HU; all others keep their stored values, bit for bit.

        Args:
            where: The box in which voxels may change.
            hu: New HU, of the box's shape; used only where `changed`.
            changed: Boolean, of the box's shape.

        Returns:
            The new volume. For integer types the stored values are rounded and clipped to the type's range.

        Raises:
            ValueError: New HU are not finite.
        """
        stored = (hu[changed].astype(np.float64) - self.intercept) / self.slope
        if not np.isfinite(stored).all():
            raise ValueError("new HU must be finite")
        if self.data.dtype.kind in "iu":
            limits = np.iinfo(self.data.dtype)
            stored = np.clip(np.rint(stored), limits.min, limits.max)
        data = self.data.copy(order="K")
        data[where][changed] = stored.astype(data.dtype)
        return replace(self, data=data)


def check_ct(volume: Volume) -> None:
    """Make sure that a volume is a CT in HU.

    HU are told from other values by what every body CT holds: fat, lung or air, that is voxels below -30 HU.
    MR, PET, 8-bit images, normalised images and CT stored with an offset of 1024 have none. Padding outside
    the scanner's field of view (-2000, -3024 and the like) is left out of the judgement.

    Raises:
        InputError: A single slice, NaN or infinite voxels, spacing outside 0.1 to 20 mm, or values that
            cannot be HU.
    """
    if min(volume.shape) < 2:
        raise InputError("a 3D scan is needed, this one is a single slice; give the whole CT volume")
    if volume.spacing.min() < SPACING_MM[0] or volume.spacing.max() > SPACING_MM[1]:
        size = " x ".join(f"{mm:.4g}" for mm in volume.spacing)
        raise InputError(f"the scan's spacing of {size} mm is outside 0.1 to 20 mm; check the header's units")
    ends = volume.data.min(), volume.data.max()
    if not np.isfinite(ends).all():
        bad = volume.data.size - np.count_nonzero(np.isfinite(volume.data))
        raise InputError(f"the scan holds {bad} NaN or infinite voxels; replace them, by -1024 outside the body")
    low, high = sorted(float(end) * volume.slope + volume.intercept for end in ends)
    if reason := _not_hu(volume, high):
        raise InputError(
            f"the scan is not in HU: values run from {low:g} to {high:g} and {reason}; "
            "give a CT in Hounsfield units (air -1000, water 0)"
        )


def _not_hu(volume: Volume, high: float) -> str:
    """Why the values cannot be HU; empty if they can."""
    step = max(1, round((volume.data.size / 1e6) ** (1 / 3)))  # a million voxels tell as much as all of them
    every = slice(None, None, step)
    hu = volume.hu((every, every, every))
    if hu.min() <= FAT_AND_AIR_HU[0]:
        hu = hu[hu > hu.min()]  # padding is one constant value
    fat_and_air = np.mean((hu > FAT_AND_AIR_HU[0]) & (hu < FAT_AND_AIR_HU[1])) if hu.size else 0.0
    if fat_and_air < _LEAST_FAT_AND_AIR:
        return "hardly any lie below -30, where fat and air would be"
    plausible = np.mean((hu > _PLAUSIBLE_HU[0]) & (hu < _PLAUSIBLE_HU[1]))
    if plausible < _LEAST_PLAUSIBLE or high > BRIGHTEST_HU:
        return "many lie beyond air and bone"
    return ""


def _suffix(path: Path, known: tuple[str, ...]) -> str:
    for suffix in known:
        if path.name.lower().endswith(suffix):
            return suffix
    hint = (
        "give the folder of the DICOM series" if path.suffix.lower() in (".dcm", ".ima") else f"use {', '.join(known)}"
    )
    raise InputError(f"{path} is in no format known here: {hint}")
