"""Lesion masks: one label of them, on the scan's own grid, or brought onto it."""

from __future__ import annotations

import hashlib
import os
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np

from TextoMorphLib.errors import InputError, SeveralLabelsError, doubt, doubts_kept
from TextoMorphLib.io import dicom_masks, slicer_masks
from TextoMorphLib.io.names import check_path, check_readable
from TextoMorphLib.io.volume import Array, Volume

MOST_OF_SCAN, MOST_IF_REPLACED = 0.5, 0.9
MOST_LABELS = 65_535
_SAME_VOXEL = 0.05  # of a voxel, at the corners: no voxel's centre is nearer to another voxel's for it
_WORTH_TELLING = 0.01  # of a voxel: more than float32 headers lose
_HALF = 0.5
_SOFT = (-0.25, 1.25)  # probabilities, and what interpolation overshoots by
_MOST_LABELS = 300  # more values are an image's
_LISTED = 12
_CUT = 0.01  # the share of a mask outside the scan from which it is told: of a coarse one, the edge's voxels may lie so

Label = int | str | None


def read_mask(
    path: str | os.PathLike[str], ct: Volume, resample: bool = False, label: Label = None, choose: str = ""
) -> Array:
    """Read a mask onto the scan's grid.

    A mask with the scan's voxels in another axis order (as DICOM converters write them), or a segmentation on a part of
    them (as 3D Slicer and DICOM have it), is put in its place, which loses nothing. Probabilities are cut at 0.5, which
    a `Doubt` tells.

    Args:
        path: A mask in any format that `Volume.read` takes; a DICOM segmentation or structure set (the file, or a
            folder with nothing else).
        ct: The scan.
        resample: Take a mask on another grid, by nearest neighbour.
        label: Which value of a mask with several is the lesion, or the name or number of a segment that has one.
        choose: How the user chooses one of several, where that is not the lesion's `--label`.

    Returns:
        Boolean array of the scan's shape.

    Raises:
        InputError: The file cannot be read, holds several labels and none is chosen, lies on another grid, or wholly
            outside the scan.
    """
    path = Path(path)
    check_path(path)
    check_readable(path)
    try:
        return _read(path, ct, resample, label)
    except SeveralLabelsError as several:
        if not choose:
            raise
        raise SeveralLabelsError(several.held, choose) from several


def _read(path: Path, ct: Volume, resample: bool, label: Label) -> Array:
    if segmented := _of_segments(path):
        volume, part = segmented.read(path, ct, label), True
        positive = volume.data > 0
    else:
        volume, part = Volume.read(path), path.name.lower().endswith(slicer_masks.SUFFIX)
        positive = _chosen(path, volume, label)
    own, scans = _frames(path, volume, ct)
    mask, affine = _reordered(positive, own, scans)
    apart = _apart(affine, scans, mask.shape)
    farthest = float(np.abs(apart).max())
    if mask.shape == ct.shape and farthest < _SAME_VOXEL:
        if farthest > _WORTH_TELLING:
            doubt(f"the mask {path.name} lies {farthest:.0%} of a voxel beside the scan; it is taken to lie on it")
        return mask
    if not resample and not (part and _on_part(apart)):
        where = f"{farthest:.3g} voxels apart: " if mask.shape == ct.shape else ""
        raise InputError(
            f"the mask {path} is on another grid ({where}{_grid(positive.shape, own)}) than the scan "
            f"({_grid(ct.shape, scans)}); draw it on this scan, or add --resample-mask"
        )
    if mask.shape == ct.shape and farthest > 1:
        doubt(
            f"the mask {path.name} has the scan's number of voxels and lies up to {farthest:.3g} of them elsewhere; it "
            "is laid where its header says: if it was drawn on a copy of the scan (turned, shifted, or without the "
            "gantry's tilt), its voxels are right and its header is not"
        )
    return _resampled(mask, affine, ct.shape, scans) if mask.any() else np.zeros(ct.shape, bool)


def read_labels(path: str | os.PathLike[str], ct: Volume) -> Array:
    """Read a label map onto the scan's grid, its numbers as they are.

    Args:
        path: A label map in any format that `Volume.read` takes, on the scan's voxels (in any axis order); or a DICOM
            segmentation or structure set, whose segments' numbers they are.
        ct: The scan.

    Returns:
        Whole numbers of 0 and above, of the scan's shape.

    Raises:
        InputError: The file cannot be read, lies on another grid, or holds other numbers.
    """
    path = Path(path)
    if segmented := _of_segments(path):
        return _segments(path, ct, segmented)
    volume = Volume.read(path)
    stored = volume.data if (volume.slope, volume.intercept) == (1, 0) else volume.hu()
    own, scans = _frames(path, volume, ct)
    labels, affine = _reordered(stored, own, scans)
    if labels.shape != ct.shape or np.abs(_apart(affine, scans, labels.shape)).max() > _SAME_VOXEL:
        grids = f"({_grid(volume.shape, own)}) than the scan ({_grid(ct.shape, scans)})"
        raise InputError(f"the labels {path} are on another grid {grids}")
    if labels.dtype.kind == "f":
        whole = np.rint(labels)
        if not (np.isfinite(labels).all() and np.abs(labels - whole).max() < 1e-3):
            raise InputError(f"{path} holds fractions or NaN; labels are whole numbers (0 background, 1, 2, ...)")
        labels = whole
    if labels.min() < 0 or labels.max() > MOST_LABELS:
        raise InputError(f"{path} holds labels from {labels.min():g} to {labels.max():g}; 0 to {MOST_LABELS} are known")
    return labels.astype(np.uint8 if labels.max() < 256 else np.int32)


def _of_segments(path: Path) -> ModuleType | None:
    """What reads a file whose segments may overlap, one by one; None for a label map."""
    return next((each for each in (dicom_masks, slicer_masks) if each.is_one(path)), None)


def _segments(path: Path, ct: Volume, segmented: ModuleType) -> Array:
    """A segmentation or structure set as a label map."""
    check_readable(path)
    labels = np.zeros(ct.shape, np.int32)
    with doubts_kept() as found:
        for number in segmented.numbers(path):
            mask = _read(path, ct, resample=False, label=number)
            if shared := np.count_nonzero(labels[mask]):
                raise InputError(
                    f"segments of {path} overlap in {shared} voxels, and a label map has one number for each; "
                    "export those that are meant alone"
                )
            labels[mask] = number
    for each in dict.fromkeys(found):
        doubt(each)
    return labels.astype(np.uint8) if labels.max() < 256 else labels


def digest(mask: Array | None) -> bytes:
    """SHA-256 of a boolean mask: whether it is another one; empty for none."""
    return b"" if mask is None else hashlib.sha256(np.packbits(mask).data).digest()


def check_mask(mask: Array, ct: Volume, replace: bool = False) -> None:
    """Make sure that a mask can be a lesion in the scan.

    Args:
        mask: Boolean, of the scan's shape.
        ct: The scan.
        replace: The mask holds a tumour that is replaced: a crop of it may hold little else.

    Raises:
        InputError: Another shape, nothing in it, or over half of the scan (0.9 of it for a tumour that is replaced).
    """
    if mask.shape != ct.shape:
        raise InputError(f"the mask has {mask.shape} voxels and the scan {ct.shape}; draw it on this scan")
    check_count(int(np.count_nonzero(mask)), ct, replace)


def check_count(voxels: int, ct: Volume, replace: bool = False) -> None:
    """As `check_mask`, of a mask on the scan's grid of which the number of voxels is known.

    Raises:
        InputError: Nothing in it, or over half of the scan.
    """
    share = voxels / ct.data.size
    if share == 0:
        raise InputError("the mask is empty; paint where the tumour goes")
    if share > (MOST_IF_REPLACED if replace else MOST_OF_SCAN):
        raise InputError(
            f"the mask covers {share:.0%} of the scan; paint only where the tumour goes, or give more of the scan: "
            "what is healthy is told from around the mask"
            + ("" if replace else " (a tumour that is there and is to be replaced, --replace, may cover 90%)")
        )


def _chosen(path: Path, volume: Volume, label: Label) -> Array:
    """Where the one label is, or the chosen one."""
    values = volume.data if (volume.slope, volume.intercept) == (1, 0) else volume.hu()
    drawn = values != 0  # few voxels, NaN among them: the rest need not be sorted
    found = np.unique(values.T[drawn.T] if values.flags.f_contiguous else values[drawn])  # as they lie in memory
    if not np.isfinite(found).all():
        raise InputError(f"the mask {path} holds NaN or infinite voxels; write 0 outside the lesion and 1 in it")
    whole = np.rint(found.astype(np.float64))
    if (np.abs(found - whole) > 1e-3).any():
        return _thresholded(path, values, label)
    labels = sorted({int(value) for value in whole} - {0})
    names = _segment_names(volume)
    if label is None:
        if len(labels) > 1:
            raise _several(path, labels, names)
        return drawn if values.dtype.kind in "iu" else np.rint(values) != 0
    number = dicom_masks.chosen_number(label, names)
    if number not in labels:
        raise InputError(f"the mask {path} has no label {label}; it has {_listed(labels, names) or 'none'}")
    return (values if values.dtype.kind in "iu" else np.rint(values)) == number


def _thresholded(path: Path, values: Array, label: Label) -> Array:
    low, high = float(values.min()), float(values.max())
    if low < _SOFT[0] or high > _SOFT[1]:
        raise InputError(
            f"the mask {path} holds values from {low:g} to {high:g} that are neither labels nor probabilities; "
            "write 0 outside the lesion and 1 in it"
        )
    if label not in (None, 1, "1"):
        raise InputError(f"the mask {path} holds probabilities, no labels; leave --label out")
    if high < _HALF:
        raise InputError(
            f"the mask {path} holds values from {low:.2g} to {high:.2g}, none of {_HALF:g} or more, from where on "
            "probabilities are taken for lesion; write 0 outside the lesion and 1 in it"
        )
    doubt(f"the mask {path} holds probabilities from {low:.2g} to {high:.2g}; what is 0.5 or more is taken for lesion")
    return values >= _HALF


def _several(path: Path, labels: list[int], names: dict[int, str]) -> InputError:
    if len(labels) > _MOST_LABELS or (len(labels) > _LISTED and labels[0] < 0):
        return InputError(
            f"the mask {path} holds {len(labels)} values from {labels[0]} to {labels[-1]}, as an image does; "
            "give a mask that is 1 in the lesion"
        )
    grey = " (grey levels of a probability map? cut them at half of their range first)" if len(labels) > 20 else ""
    held = f"the mask {path} holds {len(labels)} labels: {_listed(labels, names)}{grey}"
    return SeveralLabelsError(held, 'choose the lesion\'s with --label N (in a line of a file: "label": N)')


def _listed(labels: list[int], names: dict[int, str]) -> str:
    told = [f"{number} ({names[number]})" if number in names else str(number) for number in labels[:_LISTED]]
    return ", ".join(told) + (", ..." if len(labels) > _LISTED else "")


def _segment_names(volume: Volume) -> dict[int, str]:
    """The labels' names in a segmentation that 3D Slicer wrote (.seg.nrrd)."""
    told = volume.metadata
    names = {}
    for key, name in told.items():
        if key.startswith("Segment") and key.endswith("_Name"):
            value = told.get(key.replace("_Name", "_LabelValue"), "")
            if value.isdecimal():
                names[int(value)] = name
    return names


def _frames(path: Path, volume: Volume, ct: Volume) -> tuple[Array, Array]:
    """The mask's and the scan's affine by one rule: where one of two files has no sform, the qform of both."""
    if not (volume.frames and ct.frames):
        return volume.affine, ct.affine
    rule, scans = next(iter(volume.frames)), next(iter(ct.frames))
    if rule == scans:
        return volume.affine, ct.affine
    common = [name for name in ("sform", "qform") if name in volume.frames and name in ct.frames]
    if not common:
        return volume.affine, ct.affine
    own, other = volume.frames[common[0]], ct.frames[common[0]]
    if not np.allclose(other, ct.affine, atol=1e-2):
        doubt(f"the mask {path.name} has no {scans}: it is laid on the scan by the {common[0]} of both")
    return own, other


def _reordered(mask: Array, affine: Array, like: Array) -> tuple[Array, Array]:
    """The same voxels with axes flipped and swapped to point along those of `like`."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

    turn = ornt_transform(io_orientation(affine), io_orientation(like))
    return apply_orientation(mask, turn), affine @ inv_ornt_aff(turn, mask.shape)


def _apart(affine: Array, scans: Array, shape: tuple[int, ...]) -> Array:
    """How far the mask's corners lie from where the scan has the voxels of the same index, in the scan's voxels."""
    from nibabel.affines import apply_affine

    corners = np.array(list(product(*[(0, size - 1) for size in shape])))
    return np.asarray(apply_affine(np.linalg.inv(scans) @ affine, corners) - corners)


def _on_part(apart: Array) -> bool:
    """Whether the mask's voxels are some of the scan's."""
    return bool(np.abs(apart - np.rint(apart[0])).max() < _SAME_VOXEL)


def _resampled(mask: Array, affine: Array, shape: tuple[int, int, int], scans: Array) -> Array:
    """Nearest neighbour, worked out only around the mask."""
    from nibabel.affines import apply_affine
    from scipy import ndimage

    to_ct = np.linalg.inv(scans) @ affine
    tight = ndimage.find_objects(mask.view(np.uint8))[0]
    corners = apply_affine(to_ct, list(product(*[(part.start - 0.5, part.stop - 0.5) for part in tight])))
    low = np.clip(np.floor(corners.min(0)), 0, shape).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, 0, shape).astype(int)
    if (high <= low).any():
        raise InputError("the mask lies wholly outside the scan; draw it on this scan")
    _tell_of_what_is_outside(mask, corners, to_ct, shape)
    box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    to_mask = np.linalg.inv(to_ct)
    result = np.zeros(shape, bool)
    result[box] = ndimage.affine_transform(
        mask.view(np.uint8),
        to_mask[:3, :3],
        apply_affine(to_mask, low),
        output_shape=tuple(high - low),
        order=0,
        mode="grid-constant",
    )
    if not result.any():
        raise InputError("the mask holds no voxel of the scan: it lies outside it or is thinner than its voxels")
    return result


def _tell_of_what_is_outside(mask: Array, corners: Array, to_ct: Array, shape: tuple[int, int, int]) -> None:
    """A mask that the scan's edge cuts; its `corners` are in the scan's voxels."""
    from nibabel.affines import apply_affine

    most = np.array(shape) - 0.5
    if (corners.min(0) >= -0.5 - _SAME_VOXEL).all() and (corners.max(0) <= most + _SAME_VOXEL).all():
        return
    centres = apply_affine(to_ct, np.argwhere(mask))
    share = float(np.mean(((centres < -0.5) | (centres > most)).any(axis=1)))
    if share >= _CUT:
        doubt(f"{share:.0%} of the mask lies outside the scan and is left out; give the whole scan if it was cut")


def _grid(shape: tuple[int, ...], affine: Array) -> str:
    from TextoMorphLib.io.formats.nifti import described  # Slicer checks a mask before nibabel is installed

    return f"{' x '.join(map(str, shape))} {described(affine)}"
