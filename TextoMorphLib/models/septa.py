"""One or two septa in the narrow lumen of a small lesion with a wall; where, the seed decides.

Sheets where a field crosses zero, as larger lesions have them, may miss a narrow lumen, or run along its wall. These
cross it, and stand rather than lie: lying in a slice that is thicker than they are, nobody would see them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.models.word_shapes import EDGE_MM, Fields, sigmoid

LITTLE_MM = 10.0  # from the middle to the wall: lumens narrower than this have few septa
SECOND_MM = 6.5  # and narrower than this, one
THICK_MM = 2.2
OFF, BENT = 0.1, 0.22  # in units of that width: how far from the middle they are, and how much they waver
LEAN = 0.15  # how far they lean, as a slope
TURN = (0.9, 1.5)  # radians between the two, at least and at most
BLUR_MM = 0.5  # the scanner's, sigma
MOST = 1.5  # standard deviations that the seed's numbers may be off


def few(fields: Fields, depth: np.ndarray, room_mm: float) -> np.ndarray:
    """The septa's share of each voxel, 0 to 1.

    Args:
        fields: The seed's, on a grid whose axes run to Right, Anterior and Superior.
        depth: Signed distance to the lesion's border, mm, positive inside.
        room_mm: From the middle to the wall.
    """
    deep = np.maximum(depth - (float(depth.max()) - room_mm), 0)
    centre = np.array(ndimage.center_of_mass(deep**2))
    at = np.stack([grid - middle for grid, middle in zip(np.indices(depth.shape), centre, strict=True)], -1)
    middle = tuple(np.rint(centre).astype(int))
    own = {name: float(np.clip(field[middle], -MOST, MOST)) for name, field in fields.items()}
    bent = {name: _waver(fields[name] - fields[name][middle], room_mm) for name in ("septa", "patches")}
    angle = _across(at[deep > 0], own["shade"], own["inner"])
    first = _away(at, angle, own["calcium"]) - OFF * room_mm * own["patches"] + bent["septa"]
    sheets = _sheet(first)
    if room_mm > SECOND_MM:
        turn = np.interp(own["grain"], (-MOST, MOST), TURN)
        second = _away(at, angle + turn, own["fine"]) + bent["patches"]
        side = first if own["waver"] > 0 else -first  # it ends at the first
        sheets = np.maximum(sheets, _sheet(second) * sigmoid(side / (EDGE_MM / 2)))
    return np.asarray(ndimage.gaussian_filter(sheets, BLUR_MM), np.float32)


def _across(at: np.ndarray, one: float, other: float) -> float:
    """The angle of a plane's normal: any in a round lumen, near its length in a long one, which it crosses so."""
    spread, axes = np.linalg.eigh(np.cov(at[:, :2].T))
    freely = float(np.sqrt(spread[0] / spread[1])) ** 2
    return float(np.arctan2(axes[1, 1], axes[0, 1]) + freely * np.arctan(one / (abs(other) + 1e-6)))


def _waver(field: np.ndarray, room_mm: float) -> np.ndarray:
    """How far a sheet is from its plane, mm; little changes from slice to slice."""
    return np.asarray(BENT * room_mm * np.clip(ndimage.gaussian_filter1d(field, 0.5 * room_mm, axis=2), -1, 1))


def _away(at: np.ndarray, angle: float, lean: float) -> np.ndarray:
    """How far each voxel is from a plane through the middle that stands at an angle, mm."""
    normal = np.array([np.cos(angle), np.sin(angle), LEAN * lean])
    return np.asarray(at @ (normal / np.linalg.norm(normal)), np.float32)


def _sheet(away: np.ndarray) -> np.ndarray:
    return sigmoid((THICK_MM / 2 - np.abs(away)) / (EDGE_MM / 2))
