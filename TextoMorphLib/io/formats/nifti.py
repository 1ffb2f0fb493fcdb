"""NIfTI files, whose header goes back to disk exactly as it came.

The file is `header, extensions, voxels`: writing what was read in front of the voxels keeps qform, sform,
codes, units, rescale, description and extensions without naming any of them. (nibabel reads the headers; its own
writer sets the rescale anew, and an intercept of -1024 is gone.)
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.orientations import aff2axcodes
from nibabel.spatialimages import HeaderDataError

from TextoMorphLib.errors import InputError, doubt
from TextoMorphLib.io import on_disk
from TextoMorphLib.io.formats import Format
from TextoMorphLib.io.volume import Array, Volume

# Level 1: CT noise does not compress further (2% smaller at level 6, for four times the time).
_GZIP_LEVEL = 1
_WRITTEN_BYTES = 1 << 24  # at a time
_MM = {"meter": 1000.0, "micron": 0.001}
_LEAST_EXTENSION = 8  # bytes: its size and its kind
_COMMENT = 6  # the kind of extension that is plain text
_LONGEST_HEADER = Nifti2Header.sizeof_hdr + 1
_APART = 0.25  # of a voxel, at the corner where two affines of one header differ most: what is no rounding


def read(path: Path) -> Volume:
    """Read a .nii or .nii.gz file.

    Raises:
        InputError: The file is damaged or holds no 3D image.
    """
    with _said(path) as packed:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if packed else raw  # verifies the checksum, too
    return _volume(path, np.frombuffer(raw or b"\0", np.uint8))


def read_mapped(path: Path) -> Volume:
    """Read a .nii or .nii.gz file as `read` does; the voxels stay on disk, in a copy that nobody else can change."""
    with _said(path) as packed, gzip.open(path) if packed else path.open("rb") as file:
        raw = on_disk.copied(file)
    return _volume(path, raw)


def _volume(path: Path, raw: Array) -> Volume:
    """The image in a file's bytes."""
    header = _header(raw[:_LONGEST_HEADER].tobytes())
    try:
        shape, offset = header.get_data_shape(), int(header["vox_offset"])
        dtype = header.get_data_dtype()
        frames = _frames(header)
        slope, intercept = header.get_slope_inter()
        unit = header.get_xyzt_units()[0]
    except (HeaderDataError, KeyError, ValueError, OverflowError) as error:
        raise InputError("its NIfTI header is damaged") from error
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if not (header["pixdim"][1 : 1 + min(3, len(shape))] > 0).all():
        raise InputError("its voxel spacing (pixdim) is zero or negative; repair the header")
    count = math.prod(shape)
    if min(shape, default=0) < 1 or not dtype.itemsize or not header.single_vox_offset <= offset <= len(raw):
        raise InputError("its NIfTI header is damaged")
    if len(raw) < offset + count * dtype.itemsize:
        raise InputError(f"it is cut short: {len(raw)} of {offset + count * dtype.itemsize} bytes are there")
    if len(raw) >= offset + (count + count // shape[-1]) * dtype.itemsize:
        doubt(f"{path.name} holds more voxels than its header tells of ({' x '.join(map(str, shape))}): is it whole?")
    data = raw[offset : offset + count * dtype.itemsize].view(dtype).reshape(shape, order="F")
    for affine in frames.values():
        affine[:3] *= _MM.get(unit, 1.0)
    name, affine = next(iter(frames.items()))
    scale = 1.0 if slope is None else slope, intercept or 0.0
    volume = Volume(data, affine, *scale, header=raw[:offset].tobytes(), frames=frames)
    _tell_doubts(path, name, volume, header["pixdim"][1:4] * _MM.get(unit, 1.0))
    return volume


def tell_doubts(path: Path) -> None:
    """Tells, as `read` does, where a file's header contradicts itself; its voxels are not read.

    Raises:
        InputError: It is no NIfTI file of one 3D image, or cannot be read.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            header = _header(file.read(_LONGEST_HEADER))
        shape, frames, mm = header.get_data_shape()[:3], _frames(header), _MM.get(header.get_xyzt_units()[0], 1.0)
    except (OSError, EOFError, zlib.error, HeaderDataError, KeyError, ValueError) as error:
        raise InputError(f"{path} cannot be read as NIfTI") from error
    for affine in frames.values():
        affine[:3] *= mm
    name, affine = next(iter(frames.items()))
    volume = Volume(np.broadcast_to(np.int16(0), shape), affine, frames=frames)
    _tell_doubts(path, name, volume, header["pixdim"][1:4] * mm)


def _frames(header: Nifti1Header) -> dict[str, Array]:
    """The header's affines by name; the one that counts (as for nibabel, ITK and FSL) first."""
    frames = {}
    if header["sform_code"] > 0:
        frames["sform"] = header.get_sform()
    if header["qform_code"] > 0:
        with suppress(HeaderDataError):  # a quaternion that is no rotation
            frames["qform"] = header.get_qform()
    return frames or {"voxel order": header.get_base_affine()}


def _tell_doubts(path: Path, name: str, volume: Volume, pixdim: Array) -> None:
    """Tells where the header contradicts itself."""
    if name == "voxel order":
        doubt(f"{path.name} does not say where its voxels lie in the patient (no sform, no qform): left may be right")
    qform = volume.frames.get("qform")
    if name == "sform" and qform is not None and np.isfinite(qform).all():
        corners = np.array(list(product(*[(0, size - 1) for size in volume.shape])))
        apart = np.linalg.norm(apply_affine(qform, corners) - apply_affine(volume.affine, corners), axis=1).max()
        if apart > _APART * volume.spacing.min():
            doubt(
                f"{path.name} gives two places: its sform ({described(volume.affine)}) "
                f"and its qform ({described(qform)}), {apart:.1f} mm apart; the sform is used"
            )
            return
    if name == "sform" and not np.allclose(pixdim, volume.spacing, rtol=0.02):
        said, used = (" x ".join(f"{mm:.4g}" for mm in size) for size in (pixdim, volume.spacing))
        doubt(f"{path.name} gives two voxel sizes: {said} mm (pixdim) and {used} mm (sform); the sform is used")


def described(affine: Array) -> str:
    """An affine in words."""
    spacing = " x ".join(f"{mm:.4g}" for mm in np.linalg.norm(affine[:3, :3], axis=0))
    origin = ", ".join(f"{round(mm, 3):.8g}" for mm in affine[:3, 3])
    return f"voxels of {spacing} mm, axes {''.join(map(str, aff2axcodes(affine)))}, origin {origin}"


def write(volume: Volume, path: Path, note: str) -> None:
    """Write a .nii or .nii.gz file; `note` becomes a comment extension of the header."""
    header = volume.header or _bytes_of(_new_header(volume))
    if note:
        header = _with_note(header, note)
    with open(path, "wb") as file:
        if path.suffix == ".gz":  # no name and no time in it: same content, same bytes
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                packed.write(header)
                _write_voxels(volume, packed)
        else:
            file.write(header)
            _write_voxels(volume, file)


def _write_voxels(volume: Volume, file: io.BufferedIOBase) -> None:
    """Writes the voxels, some planes at a time."""
    dtype = volume.data.dtype if volume.header else volume.data.dtype.newbyteorder("<")
    thick = max(1, _WRITTEN_BYTES // volume.data[..., 0].nbytes)
    for start in range(0, volume.shape[2], thick):
        # A stored array has NIfTI's order already; then this is a view.
        planes = np.ascontiguousarray(volume.data[..., start : start + thick].T, dtype)
        file.write(planes.reshape(-1).view(np.uint8).data)
        on_disk.let_go(volume.data)


@contextmanager
def _said(path: Path) -> Iterator[bool]:
    """Says what is wrong with a packed file; whether it is one."""
    try:
        yield path.name.lower().endswith(".gz")
    except gzip.BadGzipFile as error:
        raise InputError("it is damaged or not gzip-compressed") from error
    except EOFError as error:
        raise InputError("it is cut short; copy or download it again") from error
    except zlib.error as error:
        raise InputError("its compressed data are damaged; copy or download it again") from error


def _header(raw: bytes) -> Nifti1Header:
    for kind in (Nifti1Header, Nifti2Header):
        size = kind.sizeof_hdr
        if size in (int.from_bytes(raw[:4], "little"), int.from_bytes(raw[:4], "big")) and len(raw) > size:
            header = kind(raw[:size], check=False)
            if bytes(header["magic"]).startswith(b"n+"):
                return header
    packed = " but packed; name it .nii.gz" if raw.startswith(b"\x1f\x8b") else ""
    raise InputError(f"it is not a NIfTI file{packed}")


def _new_header(volume: Volume) -> Nifti1Header:
    header = Nifti1Header()
    try:
        header.set_data_dtype(volume.data.dtype.newbyteorder("<"))
    except HeaderDataError as error:
        raise InputError(f"NIfTI has no type {volume.data.dtype}; use int16 or float32") from error
    header.set_data_shape(volume.shape)
    header.set_slope_inter(volume.slope, volume.intercept)
    header.set_xyzt_units("mm")
    header.set_qform(volume.affine, code=1)
    header.set_sform(volume.affine, code=1)
    if not np.allclose(header.get_qform(), volume.affine, atol=1e-2):
        header["qform_code"] = 0  # a quaternion cannot hold shear (a tilted gantry): leave it to the sform
    header["vox_offset"] = header.single_vox_offset
    return header


def _with_note(header: bytes, note: str) -> bytes:
    """A header with a comment more; the extensions that it has stay as they are, whatever is in them."""
    parsed = _header(header + b"\0")
    first = end = parsed.single_vox_offset
    if header[first - 4]:  # without this mark, what follows the header is only padding
        while _LEAST_EXTENSION <= (size := _size_at(header, end, parsed.endianness)) <= len(header) - end:
            end += size
    content = note.encode()
    size = -(-(len(content) + _LEAST_EXTENSION) // 16) * 16
    said = np.array([size, _COMMENT], f"{parsed.endianness}i4").tobytes() + content
    parsed["vox_offset"] = end + size
    return parsed.binaryblock + b"\1\0\0\0" + header[first:end] + said.ljust(size, b"\0")


def _size_at(header: bytes, start: int, endianness: str) -> int:
    """What an extension says of its own size; 0 where there is none."""
    return int(np.frombuffer(header[start : start + 4].ljust(4, b"\0"), f"{endianness}i4")[0])


def _bytes_of(header: Nifti1Header) -> bytes:
    file = io.BytesIO()
    header.write_to(file)
    return file.getvalue().ljust(int(header["vox_offset"]), b"\0")


FORMAT = Format(read, write, (".nii", ".nii.gz"), mapped=read_mapped)
