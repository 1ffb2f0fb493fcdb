"""CT volumes: voxels as they are stored, where they lie in the patient, and how they become HU."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import formats
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.hounsfield import check_ct
from TextoMorphLib.io.names import check_path, check_readable
from TextoMorphLib.io.patient_position import ON_BACK, Up, upward

Array = np.ndarray[Any, np.dtype[Any]]
__all__ = ["Array", "Box", "Volume", "check_ct"]

Box = tuple[slice, slice, slice]


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
        frames: Every affine that the file gives, by name (sform and qform of a NIfTI file); `affine` is the first.
        frame_of_reference: The UID of the space in which a DICOM series lies; empty for other sources.
        patient_position: How the patient lay, as DICOM codes it ("HFS"); empty where it is not known.

    Raises:
        InputError: The image is not 3D, not of plain numbers, or its affine has no volume (zero spacing).
    """

    data: Array
    affine: Array
    slope: float = 1.0
    intercept: float = 0.0
    header: bytes = field(default=b"", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    frames: Mapping[str, Array] = field(default_factory=dict, repr=False)
    frame_of_reference: str = field(default="", repr=False)
    patient_position: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no volume of numbers."""
        if self.data.ndim != 3:
            raise InputError(f"a 3D image is needed, this one is {self.data.ndim}D; give one CT volume")
        if self.data.dtype.kind not in "iuf":
            raise InputError(f"voxels of type {self.data.dtype} are no CT numbers; give one number a voxel")
        axes = self.affine[:3, :3]
        if not np.isfinite(axes).all() or abs(np.linalg.det(axes)) <= 1e-6 * np.prod(self.spacing):
            raise InputError("the voxel spacing is zero or not a number; repair the image's header")
        if not np.isfinite(self.affine).all():
            raise InputError("its header says of its place (the origin) what is no number; repair the header")

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
    def read(cls, path: str | os.PathLike[str], mapped: bool = False) -> Volume:
        """Read a volume.

        Args:
            path: A .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd file, or a folder with one DICOM series. A 4D
                file with a single frame counts as 3D.
            mapped: Keep the voxels of a NIfTI file in a temporary one and read them as they are needed.

        Raises:
            InputError: What is wrong with the file or folder.
        """
        path = Path(path)
        check_path(path)
        if not path.exists():
            raise InputError(f"{path} does not exist; check the name")
        if not (path.is_file() or path.is_dir()):
            raise InputError(f"cannot read {path}: it is no ordinary file (a device, a pipe); save it as one first")
        read = formats.reader(path, mapped)
        check_readable(path)
        try:
            return read(path)
        except InputError as error:
            raise InputError(f"cannot read {path}: {error}") from error
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        except MemoryError as error:
            raise InputError(f"cannot read {path}: it is larger than the memory that is free") from error

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
        write = formats.writer(path)
        with replacing(path) as (beside,):
            write(self, beside, note)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j and k."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing(self) -> Array:
        """Voxel size along i, j and k in mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def up(self) -> Up:
        """Which way is up in the patient; on the back where it is not known."""
        return upward(self.patient_position) or ON_BACK

    @property
    def voxel_mm3(self) -> float:
        """A voxel's volume; less than its edges' product where a tilted gantry shears it."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def fingerprint(self) -> bytes:
        """Of voxels, HU scale and place: an edited scan is another one, whichever object holds it."""
        fortran = self.data.flags.f_contiguous
        voxels = np.ascontiguousarray(self.data.T if fortran else self.data)  # no copy of a Slicer scan
        found = hashlib.sha256(voxels.data)
        found.update(repr((self.data.shape, self.data.dtype.str, fortran, self.slope, self.intercept)).encode())
        found.update(self.affine.tobytes())
        if self.up != ON_BACK:
            found.update(self.patient_position.encode())
        return found.digest()

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
