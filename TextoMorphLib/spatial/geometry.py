"""Boxes of a grid, distances to a mask's border, and sampling an image through an affine."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
from scipy import ndimage

Box = tuple[slice, slice, slice]
FEW_POINTS = 500

TOUCHING = np.ones((3, 3, 3), bool)  # 26-connected

SMALL_MM = (8.0, 16.0)  # diameters up to and from which a CT's voxels blur what is in a lesion a lot, and little


def signed_depth(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance from voxel centres to the border of a mask (3D, not empty) in mm: positive inside, float32.

    The border runs along voxel faces, and along the array's own faces where the mask reaches them: a lesion
    that the scan's edge cuts is, to the models, a whole one that ends there.
    """
    tight = tight_box(mask)
    depth = -distances(~mask, spacing)[1]
    depth[tight] += distances(np.pad(mask[tight], 1), spacing)[1][1:-1, 1:-1, 1:-1]
    return depth


def distances(away: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the voxels of `away` are from those that are not: to the centre and to the face of the nearest.

    Returns:
        Two float32 arrays in mm, 0 where `away` is False.
    """
    nearest = ndimage.distance_transform_edt(away, sampling=spacing, return_distances=False, return_indices=True)
    squares = np.zeros(away.shape, np.float32)
    steps = np.ones(away.shape, np.float32)  # the longest axis of the way there, in voxels
    for axis, (size, mm) in enumerate(zip(away.shape, spacing, strict=True)):
        here = np.arange(size, dtype=np.int32).reshape([-1 if other == axis else 1 for other in range(3)])
        way = np.abs(nearest[axis] - here).astype(np.float32)
        np.maximum(steps, way, out=steps)
        way *= np.float32(mm)
        squares += np.square(way, out=way)
    centre = np.sqrt(squares, out=squares)
    # The way enters the nearest voxel through the face across its longest axis, half a voxel from the centre.
    return centre, centre * (1 - np.float32(0.5) / steps)


def resample(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sample an image linearly where `matrix` (4x4, output index -> image index) points.

    Beyond its edges the image goes on as it is there.
    """
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    if np.array_equal(linear, np.diag(np.diag(linear))):
        linear = np.diag(linear)  # a faster way for scans along the patient's axes
    out = np.empty(shape, np.float32)
    ndimage.affine_transform(image, linear, offset, output_shape=shape, output=out, order=1, mode="nearest")
    return out


def mean_at_depth(values: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """What values are in the mean at each voxel's depth, by layers of 1 mm; float32."""
    at = depth - depth.min()
    layer = np.rint(at).astype(int).ravel()
    means = np.bincount(layer, values.ravel()) / np.maximum(np.bincount(layer), 1)
    return np.interp(at, np.arange(len(means)), means).astype(np.float32)


def tight_box(mask: np.ndarray) -> Box:
    """The smallest box that holds a mask (3D, not empty)."""
    across = np.asarray(mask.any(axis=0))  # the one look at all of it
    j, k = _ends(across, 1), _ends(across, 0)
    return _ends(mask[:, j, k], (1, 2)), j, k


def _ends(mask: np.ndarray, axes: int | tuple[int, int]) -> slice:
    """From the first to the last plane that holds something, along the axis that is not among `axes`."""
    found = np.flatnonzero(np.any(mask, axis=axes))
    return slice(int(found[0]), int(found[-1]) + 1)


def grow(box: Box, margin: np.ndarray, shape: tuple[int, ...]) -> Box:
    """A box with `margin` voxels more on each side of each axis, where the array has them."""
    i, j, k = (
        slice(max(part.start - int(more), 0), min(part.stop + int(more), size))
        for part, more, size in zip(box, margin, shape, strict=True)
    )
    return i, j, k


def shifted(box: Box) -> np.ndarray:
    """4x4 that takes an index inside a box to the index in the whole array."""
    matrix = np.eye(4)
    matrix[:3, 3] = [part.start for part in box]
    return matrix


def placed(lesion: np.ndarray, tight: Box, box: Box) -> np.ndarray:
    """The lesion on a larger box of the scan's grid."""
    mask = np.zeros([part.stop - part.start for part in box], bool)
    mask[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(tight, box, strict=True))] = lesion
    return mask


def along_patient(affine: np.ndarray) -> np.ndarray:
    """Size of a scan's voxels along R, A and S in mm; of oblique ones a mean."""
    axes = affine[:3, :3]
    return np.asarray((axes**2 / np.linalg.norm(axes, axis=0)).sum(1))


def across_patient(affine: np.ndarray) -> int:
    """The axis of a scan's grid that runs most along the patient: across axial slices, however long its voxels are."""
    return int(np.argmax(np.abs(affine[2, :3]) / np.linalg.norm(affine[:3, :3], axis=0)))


def ball_mm(volume_mm3: SupportsFloat) -> float:
    """Diameter of the ball with a volume, mm."""
    return float((6 / np.pi * float(volume_mm3)) ** (1 / 3))


def smallness(diameter_mm: float) -> float:
    """How much a CT's voxels blur what is in a lesion of this diameter, 0 (little) to 1."""
    least, most = SMALL_MM
    return float(np.clip((most - diameter_mm) / (most - least), 0, 1))


def longest_mm(mask: np.ndarray, spacing: np.ndarray) -> float:
    """The longest diameter of a mask: between the centres of its two voxels that lie farthest apart, mm.

    What is called Feret diameter, as Slicer's Segment Statistics and ITK give it.
    """
    from scipy.spatial import ConvexHull  # which not every command has to load
    from scipy.spatial.distance import pdist

    columns = mask.any(axis=2)
    first, last = mask.argmax(axis=2)[columns], mask.shape[2] - 1 - mask[:, :, ::-1].argmax(axis=2)[columns]
    ij = np.argwhere(columns)
    points = np.unique(np.vstack([np.column_stack([ij, first]), np.column_stack([ij, last])]), axis=0) * spacing
    if len(points) > FEW_POINTS:  # of many, only corners of the hull can be farthest; flat masks have none exactly
        points = points[ConvexHull(points, qhull_options="QJ").vertices]
    return float(pdist(points).max(initial=0.0))
