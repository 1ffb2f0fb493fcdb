"""Whole scans, or boxes of them, on an isotropic RAS grid, and back."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import Box, grow, shifted


def isotropic_grid(volume: Volume, box: Box, spacing_mm: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The grid with axes along R, A and S that covers a box of a scan.

    Returns:
        4x4 grid index -> RAS mm, and the grid's shape.
    """
    corners = np.array(list(product(*[(part.start, part.stop - 1) for part in box])), float)
    ras = corners @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    low, high = ras.min(0), ras.max(0)
    shape = np.maximum(np.ceil((high - low) / spacing_mm).astype(int) + 1, 1)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low
    return affine, (int(shape[0]), int(shape[1]), int(shape[2]))


def sampled_hu(volume: Volume, affine: np.ndarray, shape: tuple[int, ...], outside_hu: float = -1024.0) -> np.ndarray:
    """HU of a scan on another grid, float32: linear, after a Gaussian where that grid is coarser.

    Reads only what of the scan the grid covers.
    """
    to_scan = np.linalg.inv(volume.affine) @ affine
    coarser = np.maximum(np.linalg.norm(affine[:3, :3], axis=0).min() / volume.spacing, 1)
    around = _cover(to_scan, shape, volume.shape, np.ceil(2 * coarser) + 1)
    if around is None:
        return np.full(shape, outside_hu, np.float32)
    hu = volume.hu(around)
    if (coarser > 1.01).any():
        hu = ndimage.gaussian_filter(hu, 0.5 * np.sqrt(coarser**2 - 1), truncate=3)
    return _sampled(hu, np.linalg.inv(shifted(around)) @ to_scan, shape, 1, outside_hu)


def sampled_labels(labels: np.ndarray, scan: np.ndarray, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A label map of a scan (whose affine is `scan`) on another grid: the nearest voxel's, 0 outside."""
    return _sampled(labels, np.linalg.inv(scan) @ affine, shape, 0, 0)


def sampled_back(image: np.ndarray, affine: np.ndarray, volume: Volume, box: Box) -> np.ndarray:
    """An image on an isotropic grid, on a box of the scan's own grid: linear, 0 outside."""
    to_image = np.linalg.inv(affine) @ volume.affine @ shifted(box)
    shape = tuple(part.stop - part.start for part in box)
    around = _cover(to_image, shape, image.shape, np.full(3, 2.0))
    if around is None:
        return np.zeros(shape, np.float32)
    part = np.asarray(image[around], np.float32)
    return _sampled(part, np.linalg.inv(shifted(around)) @ to_image, shape, 1, 0.0)


def _cover(matrix: np.ndarray, shape: tuple[int, ...], limits: tuple[int, ...], margin: np.ndarray) -> Box | None:
    """The box of an array that a grid covers through `matrix`, with a margin; None if it lies outside."""
    corners = np.array(list(product(*[(0, size - 1) for size in shape])), float)
    ends = corners @ matrix[:3, :3].T + matrix[:3, 3]
    i, j, k = (slice(int(np.floor(a)), int(np.ceil(b)) + 1) for a, b in zip(ends.min(0), ends.max(0), strict=True))
    box = grow((i, j, k), margin, limits)
    return None if any(part.stop <= part.start for part in box) else box


def _sampled(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...], order: int, outside: float) -> np.ndarray:
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    if np.allclose(linear, np.diag(np.diag(linear)), atol=1e-9):
        linear = np.diag(linear)  # a faster way for scans along the patient's axes
    # Half a voxel beyond the outermost centres still is the image.
    near = np.pad(image, 1, mode="edge")
    return np.asarray(
        ndimage.affine_transform(
            near, linear, offset + 1, output_shape=shape, order=order, mode="constant", cval=outside
        )
    )
