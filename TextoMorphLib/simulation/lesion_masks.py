"""Masks in the shape of a lesion, somewhere in an organ or around a point."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.phantom import Mask
from TextoMorphLib.simulation.shapes import lesion_depth

IRREGULARITY = 0.5


def lesion_mask(ct: Volume, organ: Mask, diameter_mm: float, seed: int = 0, irregularity: float = IRREGULARITY) -> Mask:
    """A lesion-shaped mask deep inside an organ.

    Args:
        ct: The scan.
        organ: Boolean mask of the scan's shape.
        diameter_mm: Of the ball with the lesion's volume.
        seed: Decides place and shape.
        irregularity: 0 for a smooth ellipsoid to 1 for a lobulated one.

    Returns:
        Boolean mask of the scan's shape, inside the organ.

    Raises:
        InputError: The organ's mask is empty.
    """
    if not organ.any():
        raise InputError("the organ's mask is empty; paint the organ that the lesion goes in")
    rng = np.random.default_rng(seed)
    tight = ndimage.find_objects(organ.view(np.uint8))[0]
    depth = ndimage.distance_transform_edt(np.pad(organ[tight], 1), sampling=ct.spacing)[1:-1, 1:-1, 1:-1]
    # Room for the whole lesion where the organ has it, else where it is thickest.
    deep = np.argwhere(depth >= min(0.6 * diameter_mm, 0.9 * depth.max()))
    voxel = deep[rng.integers(len(deep))] + [part.start for part in tight]
    centre = ct.affine[:3, :3] @ voxel + ct.affine[:3, 3]
    return np.asarray(lesion_at(ct, centre, diameter_mm, rng, irregularity) & organ)


def lesion_at(
    ct: Volume,
    centre: np.ndarray[Any, Any],
    diameter_mm: float,
    rng: np.random.Generator,
    irregularity: float = IRREGULARITY,
) -> Mask:
    """A lesion-shaped mask around a point of a scan.

    Args:
        ct: The scan.
        centre: RAS, mm.
        diameter_mm: Of the ball with the lesion's volume.
        rng: Decides the shape.
        irregularity: 0 for a smooth ellipsoid to 1 for a lobulated one.

    Returns:
        Boolean mask of the scan's shape.
    """
    side = int(1.7 * diameter_mm) + 8
    depth = lesion_depth((side, side, side), diameter_mm, irregularity, rng)
    to_depth = ct.affine.copy()  # scan index to the index of `depth`, whose axes run along R, A and S
    to_depth[:3, 3] += (side - 1) / 2 - centre
    to_scan = np.linalg.inv(to_depth)
    corners = [to_scan[:3, :3] @ corner + to_scan[:3, 3] for corner in product((0, side - 1), repeat=3)]
    low = np.clip(np.floor(np.min(corners, 0)), 0, ct.shape).astype(int)
    high = np.clip(np.ceil(np.max(corners, 0)) + 1, 0, ct.shape).astype(int)
    box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    mask = np.zeros_like(ct.data, bool)  # in the scan's own order of memory
    offset = to_depth[:3, :3] @ low + to_depth[:3, 3]
    native = ndimage.affine_transform(
        depth, to_depth[:3, :3], offset, output_shape=tuple(high - low), order=1, cval=-1.0
    )
    mask[box] = native > 0
    return mask
