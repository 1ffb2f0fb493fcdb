"""The outline that a lesion gets within its mask and a little outside it: lobulated or spiculated, if so called.

The denoiser is shown the changed outline instead of the mask's, and draws into it what it would draw anyway. Spicules
are finer than its latent can hold: they are drawn on what it has drawn, by rule.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from torch import Tensor

from TextoMorphLib.models.structures import SURE
from TextoMorphLib.models.word_shapes import Fields, fine_fields, sigmoid
from TextoMorphLib.spatial.geometry import tight_box

OUTSIDE_MM = 3.0  # how far outside the mask an outline may reach; what is drawn must be gone at 3.9 mm
LOBE, MOST_LOBE_MM = 0.42, 7.0  # how deep clefts between lobes are, in units of the deepest point's depth
CLEFT = 0.1  # of the field: how round a cleft's bottom is
SHRUNK, MOST_SHRUNK_MM = 0.2, 3.0  # how much smaller a spiculated lesion's body is
SPICULE_MM, SPICULE_FIELD_MM = 3.4, 0.4  # length outside the mask; how fine their feet are
SPICULE_LEVEL, SPICULE_EDGE = (0.25, 1.5), 0.2  # of a field of unit variance: what stands, from foot to tip
BODY_MM = 2.0  # depth at which a lesion is of its own HU

Said = Mapping[str, Mapping[str, float]]


def share(said: Said, value: str) -> float:
    """How surely an outline is asked for."""
    found = said.get("contour", {}).get(value, 0.0)
    return found if found >= SURE else 0.0


def changed(said: Said) -> bool:
    """Whether a text asks for an outline that is not the mask's."""
    return bool(share(said, "lobulated") or share(said, "spiculated"))


def outlined(depth: np.ndarray, noise: Tensor, said: Said) -> np.ndarray:
    """The signed depth of the outline that the text asks for.

    Args:
        depth: Signed distance to the mask's border on a 1 mm grid, mm, positive inside.
        noise: [1, C, x, y, z] the seed's latent noise.
        said: Kinds, and the probabilities of their values.

    Returns:
        mm, float32, of depth's shape; positive at most 3 mm outside the mask.
    """
    if not changed(said):
        return depth
    deepest = float(depth.max())
    out = depth
    if lobed := share(said, "lobulated"):
        box = tight_box(depth > -8.0)
        height = fine_fields(noise, deepest, box)["shade"]
        size = min(LOBE * deepest, MOST_LOBE_MM)
        # Lobes swell between the sheets where the field crosses zero, and meet in clefts there.
        swell = size * (np.minimum(np.sqrt(height**2 + CLEFT**2), 1.4) - 0.8)
        near = np.clip(1 - (depth[box] - size) / (2 * size), 0, 1)  # the middle keeps its depth
        out = depth.copy()
        out[box] += np.float32(lobed) * np.minimum(swell, OUTSIDE_MM) * near
        out = _redistanced(out)
    if spiked := share(said, "spiculated"):
        out = out - np.float32(spiked * min(SHRUNK * deepest, MOST_SHRUNK_MM))
    return np.asarray(np.minimum(out, depth + OUTSIDE_MM), np.float32)


def spiculated(delta: np.ndarray, depth: np.ndarray, noise: Tensor, said: Said) -> np.ndarray:
    """A lesion with spicules, where the text asks for them.

    Args:
        delta: Lesion minus healthy tissue, drawn in the outline of `outlined`, HU, without noise.
        depth: Signed distance to the mask's border, mm.
        noise: The seed's.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape; the same array where nothing is asked for.
    """
    spiked = share(said, "spiculated")
    if not spiked:
        return delta
    deepest = float(depth.max())
    box = tight_box(depth > -OUTSIDE_MM - 2)
    at = depth[box]
    spicules = _spicules(fine_fields(noise, deepest, box), at)
    body = at > min(BODY_MM + MOST_SHRUNK_MM, 0.5 * deepest)
    nearest = ndimage.distance_transform_edt(~body, return_distances=False, return_indices=True)
    within = ndimage.gaussian_filter(delta[box], 1.0)[tuple(nearest)]  # what the lesion is under its border
    out = delta.copy()
    out[box] += np.float32(spiked) * spicules * (within - delta[box])
    return out


def _spicules(fields: Fields, depth: np.ndarray) -> np.ndarray:
    """The spicules' share of each voxel: each stands on the border, and narrows outwards."""
    inside = depth > 0
    foot = ndimage.distance_transform_edt(inside, return_distances=False, return_indices=True)
    outer = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    where = [np.where(inside, foot[axis], outer[axis]) for axis in range(3)]
    fine = ndimage.gaussian_filter(fields["fine"], SPICULE_FIELD_MM)
    surface = fine[tuple(where)]
    rim = np.abs(depth) < 1.0
    surface = ndimage.gaussian_filter((surface - surface[rim].mean()) / (surface[rim].std() + 1e-6), 0.5)
    foot_mm = min(SHRUNK * float(depth.max()), MOST_SHRUNK_MM)
    out = (foot_mm - depth) / (foot_mm + SPICULE_MM)
    low, high = SPICULE_LEVEL
    return sigmoid((surface - low - (high - low) * out) / SPICULE_EDGE) * (out < 1.0)


def _redistanced(depth: np.ndarray) -> np.ndarray:
    """A height that crosses zero at an outline, as a distance to it."""
    box = tight_box(depth > -9.0)
    part = depth[box]
    inside = part > 0
    away = np.where(inside, ndimage.distance_transform_edt(inside) - 0.5, 0.5 - ndimage.distance_transform_edt(~inside))
    near = np.clip(np.abs(away) - 1.0, 0, 1)  # next to the outline the height itself is finer than the grid
    out = depth.copy()
    out[box] = near * away + (1 - near) * np.clip(part, -1.5, 1.5)
    return out
