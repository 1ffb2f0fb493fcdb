"""Where what a word asks for lies in a lesion, by the seed's random fields: fat, gas, nodules, scars, locules.

Each is a share of every voxel, 0 to 1, on the lesion's 1 mm grid (axes to Right, Anterior, Superior).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from TextoMorphLib.io.patient_position import Up
from TextoMorphLib.models.seed_fields import FIELD_MM, FIELDS, lesion_fields

EDGE_MM = 0.8  # how softly most of it begins and ends
FAT_SHARE, FAT_EDGE = 0.3, 0.35  # of the volume; of a field of unit variance
GAS_SHARE, AIR_SHARE, GAS_RISE = 0.04, 0.16, 1.3  # bubbles, air above a fluid, and how much bubbles rise, in fields
SEDIMENT_SHARE = 0.38
NODULE = 0.55  # radius, in units of the deepest point's depth
GLOBULE_SHARE, GLOBULE_DEPTH = 0.42, (0.15, 0.52)  # of the border; in units of the deepest point's depth
RING = (0.34, 0.62)  # relative depth of a target's bright ring,
RING_WAVERS, MOST_WAVER = 0.07, 0.16  # how far that is off around the lesion: standard deviation, and at most;
RING_WIDER, RING_BRIGHTER = 0.32, 0.3  # of its width and its brightness, standard deviations likewise
MOST_AROUND = 1.5  # standard deviations of what varies around a lesion, at most
SCAR_REACH, SCAR_MIDDLE = 0.7, 0.2  # of arms, and of what they meet in, in units of the deepest point's depth
CELLS = {  # spacing in units of the deepest point's depth, its bounds, and how thick the walls between are, mm
    "multilocular": (0.95, (11.0, 28.0), 2.0),
    "microcystic": (0.5, (6.0, 10.0), 1.7),
}
LEAST_MM = 1.0  # fat, gas and cells begin this deep

Fields = Mapping[str, np.ndarray]


def fine_fields(noise: Tensor, deepest: float, box: tuple[slice, ...]) -> dict[str, np.ndarray]:
    """The seed's fields on the 1 mm grid, in a box of it."""
    coarse = lesion_fields(noise.cpu(), torch.tensor([deepest]))
    fine = functional.interpolate(coarse, scale_factor=FIELD_MM, mode="trilinear")[0].numpy()
    return {name: field[box] for name, field in zip(FIELDS, fine, strict=True)}


def fat(fields: Fields, depth: np.ndarray) -> np.ndarray:
    """Irregular areas of fat."""
    height = 0.8 * fields["inner"] + 0.5 * fields["patches"]
    return _highest(height, depth, FAT_SHARE, FAT_EDGE)


def gas(fields: Fields, depth: np.ndarray, room: np.ndarray, level: bool, up: Up) -> np.ndarray:
    """Bubbles, most of them where they rise to; or air above a fluid.

    Args:
        fields: The seed's.
        depth: Signed distance to the border, mm.
        room: The share of each voxel that is inside the wall.
        level: Whether it is one body of air with a level.
        up: Which way is up.
    """
    inside = room > 0.5
    height = _height(depth.shape, up)
    if level:
        plane = np.quantile(height[inside], 1 - AIR_SHARE) if inside.any() else np.inf
        return room * sigmoid((height - plane) / (0.6 * EDGE_MM))
    reach = max(float(depth.max()), 1.0)
    middle = float(height[inside].mean()) if inside.any() else 0.0
    likely = fields["calcium"] + 0.5 * fields["fine"] + GAS_RISE * (height - middle) / reach
    return room * _highest(likely, np.where(inside, depth, 0), GAS_SHARE, 0.3)


def sediment(depth: np.ndarray, room: np.ndarray, up: Up) -> np.ndarray:
    """The dependent part of a fluid, up to a level."""
    inside = room > 0.5
    height = _height(depth.shape, up)
    plane = np.quantile(height[inside], SEDIMENT_SHARE) if inside.any() else -np.inf
    return room * sigmoid((plane - height) / (0.6 * EDGE_MM))


def nodule(fields: Fields, depth: np.ndarray, room: np.ndarray) -> np.ndarray:
    """A nodule that rises from the wall into the lumen."""
    deepest = float(depth.max())
    radius = NODULE * deepest
    shell = (room > 0.5) & (depth > 0.15 * deepest) & (depth < max(0.42 * deepest, 2.0))
    if not shell.any():
        return np.zeros_like(depth)
    foot = np.unravel_index(
        int(np.where(shell, fields["shade"] + 0.3 * fields["inner"], -np.inf).argmax()), depth.shape
    )
    away = np.sqrt(sum((_along(depth.shape, axis) - foot[axis]) ** 2 for axis in range(3)))
    uneven = radius * (0.16 * fields["patches"] + 0.08 * fields["grain"])
    return room * sigmoid((radius + np.clip(uneven, -0.35 * radius, 0.35 * radius) - away) / (0.7 * EDGE_MM))


def globules(fields: Fields, depth: np.ndarray) -> np.ndarray:
    """Nodules side by side along the border, with gaps between them."""
    deepest = float(depth.max())
    least, most = GLOBULE_DEPTH
    border = (depth > 0) & (depth < 0.3 * deepest)
    height = fields["inner"] + 0.25 * fields["patches"]
    level = np.quantile(height[border], 1 - GLOBULE_SHARE) if border.any() else np.inf
    above = np.clip((height - level) / 1.2, 0, 1)
    reach = deepest * (least + (most - least) * np.sqrt(above))
    lump = sigmoid((height - level) / 0.12) * sigmoid((reach - depth) / EDGE_MM)
    return lump * sigmoid(depth / EDGE_MM)


def ring(fields: Fields, depth: np.ndarray) -> np.ndarray:
    """The bright ring of a target, between a dark halo and a dark centre.

    Returns:
        Its share of each voxel, over 1 where it is brighter than in the mean: it is wider here, narrower there, off the
        middle, and not everywhere as bright.
    """
    deepest = float(depth.max())
    middle, half = (RING[0] + RING[1]) / 2 * deepest, (RING[1] - RING[0]) / 2 * deepest
    near = np.abs(depth - middle) < max(half, 1.0)
    if not near.any():
        return np.zeros_like(depth)
    off = RING_WAVERS * around(fields["shade"] + 0.6 * fields["inner"], near)
    wider = 1 + RING_WIDER * around(fields["patches"] + 0.6 * fields["septa"], near)
    brighter = 1 + RING_BRIGHTER * around(fields["inner"] - 0.8 * fields["septa"] + 0.4 * fields["grain"], near)
    away = np.abs(depth - middle - deepest * np.clip(off, -MOST_WAVER, MOST_WAVER))
    edge = max(0.05 * deepest, 0.5)
    return np.asarray(brighter * sigmoid((half * wider - away) / edge), np.float32)


def scar(fields: Fields, depth: np.ndarray) -> np.ndarray:
    """A star in the middle: three wavering sheets that cross at the deepest point."""
    deepest = float(depth.max())
    centre = np.unravel_index(int(ndimage.gaussian_filter(depth, 2.0).argmax()), depth.shape)
    warp = (fields["shade"], fields["inner"], fields["patches"])
    at = np.stack([_along(depth.shape, axis) - centre[axis] + 0.09 * deepest * warp[axis] for axis in range(3)], -1)
    seeds = np.array([[fields[name][centre] for name in names] for names in _TURNS])
    normals, _ = np.linalg.qr(seeds + 1e-3 * np.eye(3))
    away = np.sqrt((at**2).sum(-1))
    left = np.clip(1 - away / (SCAR_REACH * deepest), 0, 1)
    half = np.clip(0.16 * deepest, 1.0, 3.2) * (0.35 + 0.65 * left)
    arms = np.max([sigmoid((half - np.abs(at @ normal)) / (0.6 * EDGE_MM)) for normal in normals.T], 0)
    arms = arms * sigmoid((SCAR_REACH * deepest - away) / EDGE_MM)
    middle = sigmoid((max(SCAR_MIDDLE * deepest, 1.2) - away) / EDGE_MM)
    return np.maximum(arms, middle)


def locules(fields: Fields, depth: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Cells that fill a lesion.

    Returns:
        The walls' share of each voxel, and what is each cell's own: a number of about unit variance, 0 in the mean.
    """
    share, bounds, thick = CELLS[kind]
    spacing = float(np.clip(share * float(depth.max()), *bounds))
    warp = [0.15 * spacing * fields[name] for name in ("shade", "inner", "septa")]
    at = np.stack([_along(depth.shape, axis) + warp[axis] for axis in range(3)], -1)[depth > -EDGE_MM]
    axes = [np.arange(-spacing, size + 2 * spacing, spacing) for size in depth.shape]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    nodes[1::2, :, :, 1] += spacing / 2  # no rows of cells
    nodes[:, 1::2, :, 2] += spacing / 2
    nodes = nodes.reshape(-1, 3)
    where = tuple(np.clip(np.rint(nodes[:, axis]), 0, depth.shape[axis] - 1).astype(int) for axis in range(3))
    shift = np.stack([fields[name][where] for name in ("calcium", "patches", "grain")], -1)
    nodes += spacing * np.clip(0.26 * shift, -0.45, 0.45)
    from scipy.spatial import cKDTree  # which few words need

    near, which = cKDTree(nodes).query(at, k=2)
    walls, own = np.zeros_like(depth), np.zeros_like(depth)
    walls[depth > -EDGE_MM] = sigmoid((thick / 2 - (near[:, 1] - near[:, 0]) / 2) / (0.4 * EDGE_MM))
    own[depth > -EDGE_MM] = fields["fine"][where][which[:, 0]]
    return walls * sigmoid((depth - LEAST_MM) / EDGE_MM), own


def around(field: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What varies around a lesion by 1 and is 0 in the mean of a layer of it."""
    own = field[where]
    return np.clip((field - own.mean()) / max(float(own.std()), 0.3), -MOST_AROUND, MOST_AROUND)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """From 0 to 1, half-way at 0."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


_TURNS = (("grain", "fine", "patches"), ("waver", "shade", "inner"), ("calcium", "septa", "grain"))


def _along(shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Each voxel's index along an axis."""
    one = [1, 1, 1]
    one[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis], dtype=np.float32).reshape(one), shape)


def _height(shape: tuple[int, ...], up: Up) -> np.ndarray:
    """How high each voxel lies in the patient as it was scanned."""
    axis, way = up
    return np.float32(way) * _along(shape, axis)


def _highest(height: np.ndarray, depth: np.ndarray, share: float, edge: float) -> np.ndarray:
    """Where a field is highest, so that it is a share of the lesion's volume."""
    room = depth > LEAST_MM
    if not room.any():
        return np.zeros_like(depth)
    level = np.quantile(height[room], 1 - min(share * np.count_nonzero(depth > 0) / np.count_nonzero(room), 0.6))
    return sigmoid((height - level) / (edge / 2)) * sigmoid((depth - LEAST_MM) / (EDGE_MM / 2))
