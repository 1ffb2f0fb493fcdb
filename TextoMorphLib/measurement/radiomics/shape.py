"""Features of a lesion's shape, from its mask alone: a marching-cubes surface, axes and diameters."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

CORNERS = np.array(list(product((0, 1), repeat=3)))  # of a cube; corner k is bit k of a case


def features(mask: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """The 14 shape features.

    Args:
        mask: Boolean, 3D, not empty.
        spacing: Voxel size along its axes, mm.
    """
    where = np.argwhere(mask) * spacing
    area, volume = _surface(mask, spacing)
    axes = np.linalg.eigvalsh(np.cov(where.T, bias=True)).clip(min=0) if len(where) > 1 else np.zeros(3)
    least, minor, major = 4 * np.sqrt(axes)
    whole, across = _diameters(mask, spacing)
    found = {
        "Elongation": minor / major if major else float("nan"),
        "Flatness": least / major if major else float("nan"),
        "LeastAxisLength": least,
        "MajorAxisLength": major,
        # Planes across the third, second and first axis: a slice, a column and a row of the scan.
        "Maximum2DDiameterColumn": across[1],
        "Maximum2DDiameterRow": across[0],
        "Maximum2DDiameterSlice": across[2],
        "Maximum3DDiameter": whole,
        "MeshVolume": volume,
        "MinorAxisLength": minor,
        "Sphericity": (36 * np.pi * volume**2) ** (1 / 3) / area,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "VoxelVolume": len(where) * float(np.prod(spacing)),
    }
    return {f"shape_{name}": float(value) for name, value in found.items()}


def _surface(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, float]:
    """Area (mm2) of the surface half-way between inside and outside, and the volume (mm3) it encloses."""
    solid = np.pad(mask, 1).astype(np.int64)
    ends = (slice(None, -1), slice(1, None))
    case = np.zeros(np.array(solid.shape) - 1, np.int64)
    for number, (x, y, z) in enumerate(CORNERS):
        case |= solid[ends[x], ends[y], ends[z]] << number
    at = np.argwhere((case > 0) & (case < 255))
    case = case[tuple(at.T)]
    area = volume = 0.0
    for number, count in zip(*np.unique(case, return_counts=True), strict=True):
        triangles = _triangles(int(number)) * spacing
        a, b, c = triangles.swapaxes(0, 1)
        facing = np.cross(b - a, c - a)
        area += count * float(np.linalg.norm(facing, axis=1).sum()) / 2
        # The cubes' own places enter linearly: det(a + p, b + p, c + p) = det(a, b, c) + p . (b - a) x (c - a).
        origin = (at[case == number] * spacing).sum(axis=0)
        volume += (count * float(np.linalg.det(triangles).sum()) + float(origin @ facing.sum(axis=0))) / 6
    return area, volume


@lru_cache(maxsize=256)
def _triangles(case: int) -> np.ndarray:
    """[triangles, 3, 3]: the surface in a unit cube whose corners are inside where their bit of `case` is set.

    On each face, lines between the middles of its cut edges keep the inside on one side; they join to loops, and each
    loop is cut into triangles. On a face with two opposite corners inside, these are kept apart.
    """
    inside = [bool(case >> n & 1) for n in range(8)]
    follows: dict[tuple[float, ...], tuple[float, ...]] = {}
    for axis, side in product(range(3), (0, 1)):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        square = [(0, 0), (1, 0), (1, 1), (0, 1)]
        if not side:
            square.reverse()  # counted so that it turns left seen from outside the cube
        corners = []
        for first, second in square:
            corner = [0, 0, 0]
            corner[axis], corner[u], corner[v] = side, first, second
            corners.append(tuple(corner))
        bits = [inside[c[0] * 4 + c[1] * 2 + c[2]] for c in corners]
        for k in range(4):
            # The line that leaves over the edge into corner k ends on the next edge that goes out again.
            if bits[k] and not bits[k - 1]:
                last = next(n for n in range(k, k + 4) if not bits[(n + 1) % 4])
                start = _middle(corners[k - 1], corners[k])
                follows[start] = _middle(corners[last % 4], corners[(last + 1) % 4])
    triangles = []
    while follows:
        start = next(iter(follows))
        loop = [start]
        while (point := follows.pop(loop[-1])) != start:
            loop.append(point)
        triangles.append(_fan(np.array(loop)))
    return np.concatenate(triangles) if triangles else np.empty((0, 3, 3))


def _fan(loop: np.ndarray) -> np.ndarray:
    """[triangles, 3, 3]: a loop cut from the one of its points that gives the largest area, as the usual tables do."""
    fans = []
    for start in range(len(loop)):
        points = np.roll(loop, -start, axis=0)
        first = np.broadcast_to(points[0], points[2:].shape)
        fans.append(np.stack([first, points[1:-1], points[2:]], axis=1))
    return max(fans, key=_area)


def _area(triangles: np.ndarray) -> float:
    a, b, c = triangles.swapaxes(0, 1)
    return round(float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2, 9)


def _middle(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[float, ...]:
    return tuple((x + y) / 2 for x, y in zip(a, b, strict=True))


def _diameters(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, list[float]]:
    """The largest distance of two points of the surface, mm: anywhere, and in a plane across each axis."""
    solid = np.pad(mask, 1)
    points = []
    for axis in range(3):
        cut = np.argwhere(np.diff(solid.astype(np.int8), axis=axis)).astype(float)
        cut[:, axis] += 0.5
        points.append(cut)
    every = np.concatenate(points)
    across = []
    for axis in range(3):
        order = every[np.argsort(every[:, axis])]
        planes = np.split(order, np.flatnonzero(np.diff(order[:, axis])) + 1)
        across.append(max(_widest(np.delete(plane, axis, 1) * np.delete(spacing, axis)) for plane in planes))
    return _widest(every * spacing), across


def _widest(points: np.ndarray) -> float:
    if len(points) < 2:
        return 0.0
    with suppress(QhullError, ValueError):  # too few points, or all on a line or plane: they are few
        points = points[ConvexHull(points).vertices]
    return float(pdist(points).max())
