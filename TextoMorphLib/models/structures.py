"""Rims and septa that must be seen, and fluid that must be dark: moved after decoding to where they stand out.

The denoiser draws a rim against the body of its lesion. In an enhanced organ that is no brighter than the organ around
it, and then the eye sees a smaller lesion without a rim. What is moved lies where `spatial_priors` shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from TextoMorphLib.models import septa
from TextoMorphLib.models.seed_fields import FIELD_MM, FIELDS, away_mm, lesion_fields, wall_mm
from TextoMorphLib.models.spatial_priors import PriorNumbers
from TextoMorphLib.models.word_shapes import fine_fields, sigmoid
from TextoMorphLib.spatial.geometry import tight_box

WALL_MM = {"thin": 1.8, "plain": 3.3, "thick": 6.0}
RIM_HU, RIM_BLURRED = 34.0, 0.12  # above the brighter of organ and body; of what the body is darker
FLUID_HU, LOWER_HU = 20.0, 9.0  # at the most; how much lower what is above that is put, for its mean is above it
FAR_HU = 25.0  # above that: then its septa are drawn anew, too
NARROW_FLUID_HU = 2.0  # likewise, in a narrow lumen, which what is around it brightens
SEPTUM_HU, SEPTUM_SHARE = 52.0, 0.5  # above what it divides, at least; of what the organ is above it
FEW_SEPTA = (88.0, 0.6)  # likewise, of thin ones in a narrow lumen, which partial volume dims
EDGE_MM = 0.7  # how softly either begins and ends
SEPTUM_MM = (1.6, 3.0)  # as thick as a fifth of the deepest point's depth, within this
DIVIDED_WALL, LEAST_DIVIDED_WALL_MM = 0.4, 4.2  # of the deepest point's depth: a wall around septa is no thicker
LUMEN_MM = 1.0  # inside the wall
CALCIUM_ABOVE_HU, CALCIUM_EDGE_HU = 70.0, 12.0  # of the organ: what stays in a lumen that is emptied
DARKEST = 0.15  # quantile of what is in a narrow lumen that is its fluid
BODY = 0.35  # quantile of what is inside the wall: septa are not it
BLURRED_MM = 2.0  # as far from a wall its blur reaches
UNEVEN_HU, MOST_LIVELIER = 16.0, 2.0  # spread of a heterogeneous inside, at least; by how much it is made stronger
LEAST_VOXELS = 30
SURE = 0.05  # shares below this are nothing

Said = Mapping[str, Mapping[str, float]]


def shown(delta: np.ndarray, filled: np.ndarray, depth: np.ndarray, noise: Tensor, said: Said) -> np.ndarray:
    """A lesion whose rim and septa stand out, and whose fluid is fluid, where the text asks for them.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        filled: That healthy tissue, HU.
        depth: Signed distance to the mask's border, mm, positive inside.
        noise: [1, C, x, y, z] the latent noise that it was drawn from.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape; the same array where nothing had to be raised.
    """
    walled, septated = said.get("wall", {}).get("walled", 0.0), said.get("septa", {}).get("septated", 0.0)
    fluid = said.get("content", {}).get("cystic", 0.0)
    if max(walled, septated, fluid) < SURE:
        return delta
    deepest = float(depth.max())
    thickness = enclosing_mm(said, deepest)
    lumen = depth > thickness + LUMEN_MM
    if np.count_nonzero(lumen) < LEAST_VOXELS:
        return delta
    narrow = min(walled, septated) >= SURE and deepest - thickness < septa.LITTLE_MM
    body = float(np.quantile(delta[lumen], BODY))
    excess = body + float(np.median(filled[lumen])) - FLUID_HU
    high = fluid >= SURE and excess > 0  # in much enhanced organs the denoiser does not come down as far
    if narrow or (high and walled >= SURE and (septated < SURE or excess > FAR_HU)):
        delta = _emptied(delta, filled, sigmoid((depth - thickness) / EDGE_MM), lumen, said)
        body = float(np.quantile(delta[lumen], BODY))
    elif high:
        lower, inside = fluid * (excess + LOWER_HU), sigmoid((depth - thickness - EDGE_MM) / EDGE_MM)
        delta = np.asarray(delta - np.float32(lower) * inside, np.float32)
        body -= lower
    if septated >= SURE:
        least, of_organ = FEW_SEPTA if narrow else (SEPTUM_HU, SEPTUM_SHARE)
        rise = max(least, -of_organ * body)  # what takes up contrast does so as its organ does
        sheets = _few(noise, depth, deepest - thickness) if narrow else _septa(noise, deepest, lumen)
        share = sheets * sigmoid((depth - thickness) / EDGE_MM)
        delta = _raised(delta, share, lumen & (share > 0.7), body + rise, septated)
    if walled >= SURE:
        wall = sigmoid(depth / EDGE_MM) * sigmoid((thickness - depth) / EDGE_MM)
        dimmed = RIM_BLURRED * -body * min(1.0, WALL_MM["thin"] / thickness)  # a thin one, by the dark within
        target = max(body, dimmed) + RIM_HU
        delta = _raised(delta, wall, wall > 0.8 * wall.max(), target, walled)
        if fluid < SURE and said.get("texture", {}).get("heterogeneous", 0.0) >= SURE:
            delta = _livelier(delta, depth - thickness, lumen)
    return delta


def _livelier(delta: np.ndarray, within: np.ndarray, lumen: np.ndarray) -> np.ndarray:
    """A lesion whose inside varies as is asked for: beside a wall the denoiser draws less. `within`: mm from it."""
    core = within > BLURRED_MM  # what the wall does not reach
    core = core if np.count_nonzero(core) >= LEAST_VOXELS else lumen
    mean, spread = float(delta[core].mean()), float(delta[core].std())
    more = min(UNEVEN_HU / max(spread, 1e-3), MOST_LIVELIER) - 1
    inside = sigmoid((within - BLURRED_MM) / EDGE_MM)
    return delta if more <= 0 else np.asarray(delta + np.float32(more) * inside * (delta - mean), np.float32)


def thickness_mm(said: Said, deepest: float) -> float:
    """Of the wall, weighted by what is said of it; less where it would leave septa no room."""
    usual = wall_mm(by_thickness(WALL_MM, said), deepest)
    return min(usual, _most_mm(deepest)) if divided(said) else usual


def enclosing_mm(said: Said, deepest: float) -> float:
    """How thick the wall is that is asked for; 0 if none is."""
    return thickness_mm(said, deepest) if said.get("wall", {}).get("walled", 0.0) >= SURE else 0.0


def divided(said: Said) -> bool:
    """Whether septa are asked for."""
    return said.get("septa", {}).get("septated", 0.0) >= SURE


def _most_mm(deepest: float) -> float:
    return max(DIVIDED_WALL * deepest, LEAST_DIVIDED_WALL_MM)


def room(numbers: PriorNumbers, said: Said, deepest: float) -> PriorNumbers:
    """What a denoiser's hints are drawn by: walls no thicker than `thickness_mm` says.

    Args:
        numbers: The bundle's.
        said: Kinds, and the probabilities of their values.
        deepest: The mask's deepest point, mm.
    """
    if not divided(said):
        return numbers
    return dataclasses.replace(
        numbers, wall_mm={value: min(mm, _most_mm(deepest)) for value, mm in numbers.wall_mm.items()}
    )


def by_thickness(numbers: Mapping[str, float], said: Said) -> float:
    """A number that goes by how thick a wall is called, weighted by what is said of it."""
    told = said.get("wall_thickness", {"plain": 1.0})
    return sum(numbers[value] * share for value, share in told.items()) / max(sum(told.values()), 1e-6)


def _emptied(delta: np.ndarray, filled: np.ndarray, inside: np.ndarray, lumen: np.ndarray, said: Said) -> np.ndarray:
    """A lesion with nothing in its wall but what its darkest part is.

    The denoiser's septa are as wide as its latent's voxels: in a narrow lumen they run together. So does its wall in
    much enhanced organs, where it leaves a small cyst no fluid.
    """
    fluid, hu = said.get("content", {}).get("cystic", 0.0), filled + delta
    level = float(np.quantile(hu[lumen], DARKEST))
    level -= fluid * max(level - NARROW_FLUID_HU, 0.0)
    calcium = np.float32(said.get("calcification", {}).get("present", 0.0))
    kept = calcium * sigmoid((hu - float(np.median(filled[lumen])) - CALCIUM_ABOVE_HU) / CALCIUM_EDGE_HU)
    return np.asarray(delta + inside * (1 - kept) * (level - hu), np.float32)


def _few(noise: Tensor, depth: np.ndarray, room_mm: float) -> np.ndarray:
    """The share of each voxel that septa have where there is room for one or two."""
    box = tight_box(depth > -1.0)
    share = np.zeros(depth.shape, np.float32)
    share[box] = septa.few(fine_fields(noise, float(depth.max()), box), depth[box], room_mm)
    return share


def _septa(noise: Tensor, deepest: float, lumen: np.ndarray) -> np.ndarray:
    """The septa's share of each voxel: thin sheets where their field crosses zero, or its middle in the lumen."""
    fields = lesion_fields(noise.cpu(), torch.tensor([deepest]))[:, [FIELDS.index("septa")]]
    height = functional.interpolate(fields, scale_factor=FIELD_MM, mode="trilinear")[0]
    inside = height[0].numpy()[lumen]
    if min((inside > 0).mean(), (inside < 0).mean()) < 0.1:  # no sheet of the field runs through here
        height = height - float(np.median(inside))
    half = float(np.clip(0.2 * deepest, *SEPTUM_MM)) / 2
    return sigmoid((half - away_mm(height, 1.0)[0].numpy()) / (EDGE_MM / 2))


def _raised(delta: np.ndarray, share: np.ndarray, where: np.ndarray, target: float, sure: float) -> np.ndarray:
    """Raises a structure, where it lies, by what its mean lacks of a target."""
    lacking = (target - float(delta[where].mean())) / float(share[where].mean()) if where.any() else 0.0
    return delta if lacking <= 0 else np.asarray(delta + np.float32(sure * lacking) * share, np.float32)
