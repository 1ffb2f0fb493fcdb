"""A necrotic core that is seen: as dark as dead tissue is in any organ, within living tissue that is not.

In enhanced organs the denoiser hardly darkens the core of a large lesion, and darkens a small one throughout, as if it
were a cyst. Dead tissue takes up no contrast medium; the living takes up some. What is moved lies where the renderer
puts a core, by the seed's own field, as large as the denoiser has drawn it.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from TextoMorphLib.models.structures import LEAST_VOXELS, SURE, Said, enclosing_mm
from TextoMorphLib.models.word_shapes import fine_fields, sigmoid
from TextoMorphLib.spatial.geometry import tight_box

DEAD_HU, DEAD_VARIES = 22.0, 5.0  # at the most, and how much of that the seed decides
LEAST_DEAD_HU = 8.0  # and at the least: what is darker is water
LIVING_ABOVE_HU = 36.0  # how much brighter living tissue is, at least,
LIVING_MM = 3.0  # and how thick, inside
BORDER_MM = 2.0  # of the lesion's border, which is mixed with what lies around
RADII = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)  # of a ball of the core's volume; that of one of the lesion's is 1
EVEN, EVEN_HU = 0.6, 15.0  # how much of what varies in it goes, where it is moved by so much and more
UNEVEN = 0.15  # of the deepest point's depth: how irregular the core's border is
EDGE = (0.06, 0.9)  # how softly it begins: likewise, and mm at the most


def dead(delta: np.ndarray, filled: np.ndarray, depth: np.ndarray, noise: Tensor, said: Said) -> np.ndarray:
    """A lesion whose core is dead, where the text asks for that.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        filled: That healthy tissue, HU.
        depth: Signed distance to the lesion's border, mm, positive inside.
        noise: [1, C, x, y, z] the latent noise that it was drawn from.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape; the same array where nothing had to be moved.
    """
    necrotic = said.get("content", {}).get("necrotic", 0.0)
    if necrotic < SURE:
        return delta
    deepest = float(depth.max())
    wall = enclosing_mm(said, deepest)
    box = tight_box(depth > -1.0)
    fields, inner = fine_fields(noise, deepest, box), depth[box]
    within = inner > max(wall, min(BORDER_MM, 0.2 * deepest))
    inwards = _inwards(delta[box], inner, fields["inner"], within, deepest, wall)
    share = sigmoid(inwards / min(EDGE[0] * deepest, EDGE[1]))
    hu, core = filled[box] + delta[box], within & (share > 0.8)
    living = within & (share < 0.2) & (inwards > -LIVING_MM)
    if min(np.count_nonzero(core), np.count_nonzero(living)) < LEAST_VOXELS:
        return delta
    is_dead, is_living = float(np.median(hu[core])), float(np.median(hu[living]))
    most = DEAD_HU + DEAD_VARIES * float(np.clip(fields["shade"][core].mean(), -1, 1))
    level = float(np.clip(is_dead, LEAST_DEAD_HU, max(min(most, is_living - LIVING_ABOVE_HU), LEAST_DEAD_HU)))
    alive = max(level + LIVING_ABOVE_HU, is_living)
    if level == is_dead and alive == is_living:
        return delta
    # The border is as bright as the organ already.
    below = np.clip((filled[box] - hu) / np.maximum(filled[box] - is_living, 1.0), 0, 1)
    body = sigmoid((inner - wall) / EDGE[1]) * (1 - share) * below
    moved = level - is_dead - EVEN * min(abs(level - is_dead) / EVEN_HU, 1.0) * (hu - is_dead)
    out = delta.copy()
    out[box] += np.float32(necrotic) * ((alive - is_living) * body + moved * share)
    return out


def _inwards(
    delta: np.ndarray, depth: np.ndarray, inner: np.ndarray, within: np.ndarray, deepest: float, wall: float
) -> np.ndarray:
    """How deep in the core each voxel lies, mm: as large a one as parts what was drawn best into dark and bright."""
    height, drawn = depth + UNEVEN * deepest * inner, delta[within]
    largest = max(1 - (max(wall, BORDER_MM) + LIVING_MM) / deepest, RADII[0])
    best, level = -np.inf, np.inf
    for radius in (each for each in RADII if each <= largest):
        tried = float(np.quantile(height[depth > 0], 1 - radius**3))
        core = height[within] > tried
        if core.all() or not core.any():
            continue
        parted = core.mean() * (1 - core.mean()) * float(drawn[~core].mean() - drawn[core].mean())
        if parted > best:
            best, level = parted, tried
    return np.asarray(height - level, np.float32)
