"""Lesion shapes: ellipsoids with an uneven surface."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from TextoMorphLib.simulation.anatomy_fields import smooth_field

AXES = 0.28  # the ellipsoid's axes are within a factor exp(0.28) of each other's mean


def lesion_depth(
    shape: tuple[int, ...], diameter_mm: float, irregularity: float, rng: np.random.Generator
) -> np.ndarray:
    """A lesion-shaped mask in the middle of a 1 mm grid, as depth.

    Args:
        shape: Grid.
        diameter_mm: Of the ball with the same volume.
        irregularity: 0 for a smooth ellipsoid to 1 for a lobulated, uneven one.
        rng: Source of randomness.

    Returns:
        Signed distance to the surface in mm, float32, positive inside; one connected component without holes.
    """
    ratio = np.exp(rng.uniform(-AXES, AXES, 3))
    axes = diameter_mm / 2 * ratio / np.cbrt(ratio.prod())
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    turn = Rotation.from_quat(rng.standard_normal(4)).as_matrix()
    away = np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1) - centre.astype(np.float32)
    distance = np.linalg.norm(away @ (turn / axes).astype(np.float32), axis=-1)  # 1 on the ellipsoid
    lobes = smooth_field(shape, max(1.5, 0.22 * diameter_mm), rng)
    bumps = smooth_field(shape, max(1.0, 0.08 * diameter_mm), rng)
    height = 1 - distance + irregularity * (0.16 * lobes + 0.06 * bumps)
    # The surface that encloses the ball's volume, whatever the lobes did.
    count = int(np.clip(round(np.pi / 6 * diameter_mm**3), 1, height.size // 2))
    level = np.partition(height, -count, axis=None)[-count]
    inside = ndimage.binary_fill_holes(_largest(height >= level))
    # The border runs half a voxel from the outermost voxels' centres.
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    return np.asarray(depth - 0.5 * np.sign(depth), np.float32)


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    return mask if count == 1 else np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1)
