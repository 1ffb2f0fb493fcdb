"""Lesion masks: on the scan's own grid, or brought onto it."""

from __future__ import annotations

import os
from itertools import product

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Array, Volume

MOST_OF_SCAN = 0.5
MOST_LABELS = 65_535
_SAME_VOXEL = 0.01  # of a voxel: what float32 headers lose, and no more


def read_mask(path: str | os.PathLike[str], ct: Volume, resample: bool = False) -> Array:
    """Read a mask onto the scan's grid; every value above 0 is lesion, whatever its label.

    A mask with the scan's voxels in another axis order (as DICOM converters write them) is reordered, which
    loses nothing.

    Args:
        path: A mask in any format that `Volume.read` takes.
        ct: The scan.
        resample: Take a mask on another grid, by nearest neighbour.

    Returns:
        Boolean array of the scan's shape.

    Raises:
        InputError: The file cannot be read, lies on another grid, or wholly outside the scan.
    """
    volume = Volume.read(path)
    positive = (volume.data if (volume.slope, volume.intercept) == (1, 0) else volume.hu()) > 0
    mask, affine = _reordered(positive, volume.affine, ct.affine)
    if _same_grid(mask.shape, affine, ct):
        return mask
    if not resample:
        raise InputError(
            f"the mask {path} is on another grid ({_grid(volume)}) than the scan ({_grid(ct)}); "
            "draw it on this scan, or add --resample-mask"
        )
    return _resampled(mask, affine, ct) if mask.any() else np.zeros(ct.shape, bool)


def read_labels(path: str | os.PathLike[str], ct: Volume) -> Array:
    """Read a label map onto the scan's grid, its numbers as they are.

    Args:
        path: A label map in any format that `Volume.read` takes, on the scan's voxels (in any axis order).
        ct: The scan.

    Returns:
        Whole numbers of 0 and above, of the scan's shape.

    Raises:
        InputError: The file cannot be read, lies on another grid, or holds other numbers.
    """
    volume = Volume.read(path)
    stored = volume.data if (volume.slope, volume.intercept) == (1, 0) else volume.hu()
    labels, affine = _reordered(stored, volume.affine, ct.affine)
    if not _same_grid(labels.shape, affine, ct):
        raise InputError(f"the labels {path} are on another grid ({_grid(volume)}) than the scan ({_grid(ct)})")
    if labels.dtype.kind == "f":
        whole = np.rint(labels)
        if not (np.isfinite(labels).all() and np.abs(labels - whole).max() < 1e-3):
            raise InputError(f"{path} holds fractions or NaN; labels are whole numbers (0 background, 1, 2, ...)")
        labels = whole
    if labels.min() < 0 or labels.max() > MOST_LABELS:
        raise InputError(f"{path} holds labels from {labels.min():g} to {labels.max():g}; 0 to {MOST_LABELS} are known")
    return labels.astype(np.uint8 if labels.max() < 256 else np.int32)


def check_mask(mask: Array, ct: Volume) -> None:
    """Make sure that a mask can be a lesion in the scan.

    Args:
        mask: Boolean, of the scan's shape.
        ct: The scan.

    Raises:
        InputError: Another shape, nothing in it, or over half of the scan.
    """
    if mask.shape != ct.shape:
        raise InputError(f"the mask has {mask.shape} voxels and the scan {ct.shape}; draw it on this scan")
    share = np.count_nonzero(mask) / mask.size
    if share == 0:
        raise InputError("the mask is empty; paint where the tumour goes")
    if share > MOST_OF_SCAN:
        raise InputError(f"the mask covers {share:.0%} of the scan; paint only where the tumour goes")


def _reordered(mask: Array, affine: Array, like: Array) -> tuple[Array, Array]:
    """The same voxels with axes flipped and swapped to point along those of `like`."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

    turn = ornt_transform(io_orientation(affine), io_orientation(like))
    return apply_orientation(mask, turn), affine @ inv_ornt_aff(turn, mask.shape)


def _same_grid(shape: tuple[int, ...], affine: Array, ct: Volume) -> bool:
    if shape != ct.shape:
        return False
    from nibabel.affines import apply_affine

    corners = list(product(*[(0, size - 1) for size in shape]))
    apart = np.abs(apply_affine(affine, corners) - apply_affine(ct.affine, corners)).max()
    return bool(apart < _SAME_VOXEL * ct.spacing.min())


def _resampled(mask: Array, affine: Array, ct: Volume) -> Array:
    """Nearest neighbour, worked out only around the mask."""
    from nibabel.affines import apply_affine
    from scipy import ndimage

    to_ct = np.linalg.inv(ct.affine) @ affine
    tight = ndimage.find_objects(mask.view(np.uint8))[0]
    corners = apply_affine(to_ct, list(product(*[(part.start - 0.5, part.stop - 0.5) for part in tight])))
    low = np.clip(np.floor(corners.min(0)), 0, ct.shape).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, 0, ct.shape).astype(int)
    if (high <= low).any():
        raise InputError("the mask lies wholly outside the scan; draw it on this scan")
    box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    to_mask = np.linalg.inv(to_ct)
    result = np.zeros(ct.shape, bool)
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


def _grid(volume: Volume) -> str:
    from nibabel.orientations import aff2axcodes

    size, spacing, origin = (
        " x ".join(f"{number:.4g}" for number in numbers)
        for numbers in (volume.shape, volume.spacing, volume.affine[:3, 3])
    )
    axes = "".join(aff2axcodes(volume.affine))
    return f"{size} voxels of {spacing} mm, axes {axes}, origin {origin.replace(' x ', ', ')}"
