"""Isoattenuating is as bright as the organ: in much enhanced ones the denoiser draws it 20 to 30 HU darker."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.models.solids import OTHER
from TextoMorphLib.models.structures import EDGE_MM, LEAST_VOXELS, LUMEN_MM, SURE, Said, enclosing_mm
from TextoMorphLib.models.word_shapes import sigmoid
from TextoMorphLib.spatial.geometry import mean_at_depth

ALIKE_HU = 6.0  # what is no farther from its organ is not told from it
FROM_MM = 3.0  # inside the border, where that does not reach


def alike(delta: np.ndarray, depth: np.ndarray, said: Said) -> np.ndarray:
    """A lesion as bright as its organ within its wall, where the text calls it isoattenuating.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        depth: Signed distance to the lesion's border, mm, positive inside.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape; the same array where nothing had to be moved.
    """
    sure, deepest = said.get("density", {}).get("iso", 0.0), float(depth.max())
    fluid = sum(said.get("content", {}).get(value, 0.0) for value in OTHER)
    if sure < SURE or fluid >= SURE:
        return delta
    wall = enclosing_mm(said, deepest)
    inside = depth > max(min(FROM_MM, 0.45 * deepest), wall + LUMEN_MM)
    if np.count_nonzero(inside) < LEAST_VOXELS:
        return delta
    apart = float(np.median(delta[inside]))
    if abs(apart) <= ALIKE_HU:
        return delta
    body = np.clip(mean_at_depth(delta, depth), min(apart, 0.0), max(apart, 0.0))
    if wall:
        body *= sigmoid((depth - wall) / EDGE_MM)
    return np.asarray(delta - np.float32(sure) * body, np.float32)
