"""Where in a whole scan a lesion of a given shape goes: in the room that an organ leaves it, on the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import resample, tight_box

LEAST_INSIDE = 0.6  # share of a lesion that must lie in the room
TRIES = 30


@dataclass(frozen=True)
class Room:
    """A scan and where in it a lesion may lie.

    Attributes:
        volume: The scan.
        mask: Boolean, of the scan's shape, not empty.
        depth: Distance to the room's border in mm, 0 outside it.
    """

    volume: Volume
    mask: np.ndarray
    depth: np.ndarray

    @classmethod
    def of(cls, volume: Volume, mask: np.ndarray) -> Room:
        """From a mask, which is not empty."""
        box = tight_box(mask)
        depth = np.zeros(mask.shape, np.float32)
        depth[box] = ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=volume.spacing)[1:-1, 1:-1, 1:-1]
        return cls(volume, mask, depth)


def placed(shape: Volume, of_mm: float, diameter_mm: float, room: Room, rng: np.random.Generator) -> np.ndarray:
    """A lesion's own shape, mirrored, turned and scaled, where most of it lies in the room.

    Where the room is too thin for it, it is what of it lies inside.

    Args:
        shape: The lesion's mask.
        of_mm: Its diameter.
        diameter_mm: The diameter that it is to have.
        room: Where it may lie.
        rng: Decides place and turn.

    Returns:
        Boolean, of the scan's shape, never empty.
    """
    mirrored = np.diag(rng.choice([-1.0, 1.0], 3))
    quarter = np.linalg.matrix_power(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), int(rng.integers(4)))
    turn = diameter_mm / max(of_mm, 1e-3) * (mirrored @ quarter)
    wanted = min(0.5 * diameter_mm, 0.9 * float(room.depth.max()))
    deep = np.argwhere(room.depth >= wanted)
    best, share = None, -1.0
    for _ in range(TRIES):
        voxel = deep[rng.integers(len(deep))]
        made = _at(shape, turn, room.volume, voxel)
        inside = made & room.mask
        own = int(np.count_nonzero(inside)) / max(int(np.count_nonzero(made)), 1)
        if inside.any() and own > share:
            best, share = inside, own
        if share >= LEAST_INSIDE:
            break
    if best is None:  # smaller than a voxel
        best = np.zeros(room.mask.shape, bool)
        best[tuple(deep[rng.integers(len(deep))])] = True
    return best


def _at(shape: Volume, turn: np.ndarray, volume: Volume, voxel: np.ndarray) -> np.ndarray:
    """A shape around a voxel of a scan, turned in RAS."""
    middle = shape.affine @ np.array([*(np.array(shape.shape) - 1) / 2, 1.0])
    place = volume.affine @ np.array([*voxel, 1.0])
    moved = np.eye(4)
    moved[:3, :3] = turn
    moved[:3, 3] = place[:3] - turn @ middle[:3]
    to_scan = np.linalg.inv(volume.affine) @ moved @ shape.affine  # the shape's index to the scan's
    ends = np.array(np.meshgrid(*[(-0.5, size - 0.5) for size in shape.shape])).reshape(3, -1)
    reached = to_scan[:3, :3] @ ends + to_scan[:3, 3:]
    low = np.clip(np.floor(reached.min(axis=1)), 0, volume.shape).astype(int)
    high = np.clip(np.ceil(reached.max(axis=1)) + 1, 0, volume.shape).astype(int)
    made = np.zeros(volume.shape, bool)
    if (high <= low).any():
        return made
    back = np.linalg.inv(to_scan)
    back[:3, 3] += back[:3, :3] @ low
    padded = np.pad(shape.data.astype(np.float32), 1)
    back[:3, 3] += 1
    box = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
    made[box] = resample(padded, back, tuple(int(size) for size in high - low)) > 0.5
    return made
