"""Lesion shapes: ellipsoids with an uneven surface."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from TextoMorphLib.fields import smooth_field


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
        Signed distance to the surface in mm, float32, positive inside; one connected component.
    """
    ratio = np.exp(rng.uniform(-0.25, 0.25, 3))
    axes = diameter_mm / 2 * ratio / np.prod(ratio) ** (1 / 3)
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    turn = Rotation.random(rng=rng).as_matrix()
    away = np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1) - centre.astype(np.float32)
    distance = np.linalg.norm(away @ (turn / axes).astype(np.float32), axis=-1)  # 1 on the ellipsoid
    lobes = smooth_field(shape, max(1.5, 0.22 * diameter_mm), rng)
    bumps = smooth_field(shape, max(1.0, 0.08 * diameter_mm), rng)
    height = 1 - distance + irregularity * (0.16 * lobes + 0.06 * bumps)
    # The surface that encloses the ball's volume, whatever the lobes did.
    count = int(np.clip(np.pi / 6 * diameter_mm**3, 1, height.size // 2))
    level = np.partition(height.ravel(), -count)[-count]
    inside = _largest(height >= level)
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    return (depth - np.sign(depth) * 0.5).astype(np.float32)


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    return mask if count == 1 else labels == np.bincount(labels.ravel())[1:].argmax() + 1
