"""A wall as walls are: thicker here and thinner there, and not everywhere as bright; where, the seed decides.

The denoiser, and the rules that make it stand out, draw a wall as even as a shell. Here what they have drawn is
stretched and pressed along the way inwards. What is drawn afterwards has the room that this leaves.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from torch import Tensor

from TextoMorphLib.models.structures import (
    BODY,
    EDGE_MM,
    LEAST_VOXELS,
    LUMEN_MM,
    SURE,
    Said,
    by_thickness,
    divided,
    thickness_mm,
)
from TextoMorphLib.models.word_shapes import Fields, around, fine_fields, sigmoid
from TextoMorphLib.spatial.geometry import tight_box

VARIES = {"thin": 0.18, "plain": 0.28, "thick": 0.28}  # of the thickness, standard deviation around the lesion
BRIGHTER = 0.15  # likewise, of how much the wall is brighter than what it holds
MOST_HU = 60.0  # of what is brighter no more: a rim stands out of its organ all around, and calcium stays as it is
MOST_OF_DEPTH = 0.7  # how much of the way to the deepest point a wall may take up where it is thicker,
MOST_OF_ROOM = 0.25  # and of what is left of that for septa
REACH = 2.2  # what lies deeper than so many thicknesses stays where it is


def uneven(delta: np.ndarray, depth: np.ndarray, noise: Tensor, said: Said) -> tuple[np.ndarray, np.ndarray]:
    """A lesion whose wall varies around it, where the text asks for a wall.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        depth: Signed distance to the lesion's border, mm, positive inside.
        noise: [1, C, x, y, z] the latent noise that it was drawn from.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape, and how deep each voxel would lie if the wall were even, mm; the same arrays
        where no wall is asked for.
    """
    walled, deepest = said.get("wall", {}).get("walled", 0.0), float(depth.max())
    if walled < SURE or np.count_nonzero(depth > thickness_mm(said, deepest) + LUMEN_MM) < LEAST_VOXELS:
        return delta, depth
    box = tight_box(depth > -1.0)
    out, even = delta.copy(), depth.copy()
    fields = fine_fields(noise, deepest, box)
    out[box], even[box] = _varied(delta[box], depth[box], fields, thickness_mm(said, deepest), said)
    return out, even


def _varied(
    delta: np.ndarray, depth: np.ndarray, fields: Fields, mm: float, said: Said
) -> tuple[np.ndarray, np.ndarray]:
    walled, deepest = said["wall"]["walled"], float(depth.max())
    wall = (depth > 0) & (depth < mm)
    thicker = around(fields["shade"] + 0.8 * fields["inner"] + 0.5 * fields["patches"], wall)
    stretch = 1 + walled * by_thickness(VARIES, said) * thicker
    most = MOST_OF_DEPTH * deepest
    if divided(said):
        most = min(most, mm + MOST_OF_ROOM * max(deepest - mm, 0.0))
    stretch = np.minimum(stretch, max(most / mm, 1.0))
    inner = mm * stretch
    reach = np.maximum(min(REACH * mm, deepest), inner + 0.5)
    even = np.where(depth < inner, depth / stretch, mm + (depth - inner) * (reach - mm) / (reach - inner))
    even = np.where((depth > 0) & (depth < reach), even, depth)
    inwards = np.stack(np.gradient(ndimage.gaussian_filter(depth, 1.0)))
    inwards /= np.maximum(np.linalg.norm(inwards, axis=0), 0.5)
    moved = ndimage.map_coordinates(delta, np.indices(depth.shape) + (even - depth) * inwards, order=1, mode="nearest")
    body = float(np.quantile(moved[depth > mm + LUMEN_MM], BODY))
    share = np.clip(depth / EDGE_MM, 0, 1) * sigmoid((inner - depth) / EDGE_MM)
    brighter = walled * BRIGHTER * around(fields["septa"] + 0.6 * fields["patches"], wall)
    return np.asarray(moved + share * brighter * np.clip(moved - body, 0, MOST_HU), np.float32), even
