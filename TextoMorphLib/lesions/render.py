"""Draws a lesion, without scan noise: border, body, texture, core, wall, calcium, and the scanner's blur."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.special import erf

from TextoMorphLib.fields import smooth_field
from TextoMorphLib.lesions.kinds import Lesion

REACH_MM = (2.5, 4.0)  # outside the mask: where what is drawn begins to fade, and where it is gone
SYSTEM_BLUR_MM = 0.6
RISE = 2.563  # 10-90% width of a Gaussian-blurred edge in units of its sigma


def render(depth: np.ndarray, lesion: Lesion, parenchyma_hu: float, seed: int) -> np.ndarray:
    """A lesion minus the smooth background it lies in.

    Args:
        depth: Signed distance to the mask's border in mm on a 1 mm grid, positive inside.
        lesion: Its attributes.
        parenchyma_hu: HU of the background; calcium is drawn up to its own HU whatever is around it.
        seed: Of the random fields, which depend on it and the grid alone: two lesions differ in their attributes only.

    Returns:
        HU, float32, of depth's shape; zero from 4 mm outside the mask on.
    """

    def field(number: int, sigma_mm: float) -> np.ndarray:
        return _field(depth.shape, round(sigma_mm, 3), seed, number)

    deepest = float(depth.max())
    # Borders waver; blurred ones more, as infiltration does.
    waver = 0.25 + 0.12 * lesion.margin_mm
    border = depth + min(waver, 0.25 * deepest) * field(0, 2.5)
    body = _step(border, lesion.margin_mm)

    grain = 0.75 * field(1, lesion.grain_mm) + 0.5 * field(2, 0.5 * lesion.grain_mm)
    patches = np.tanh(1.5 * field(3, 1.4 * lesion.grain_mm))
    strength = np.clip((lesion.texture_hu - 8) / 10, 0, 1)
    mixed = (1 - 0.6 * strength) * grain + 0.6 * strength * patches
    inside = depth > 0
    mixed = (mixed - mixed[inside].mean()) / (mixed[inside].std() + 1e-6)
    hu = lesion.density_hu + lesion.texture_hu * mixed

    if lesion.core_hu:
        core = depth - deepest * (1 - lesion.core_fraction) + 0.12 * deepest * field(4, max(2.0, 0.2 * deepest))
        hu = hu + (lesion.core_hu - 0.6 * lesion.texture_hu * mixed) * _step(core, 2.5)
    if lesion.rim_hu:
        thickness = min(lesion.rim_mm, 0.5 * deepest) * (1 + 0.25 * field(5, 4.0))
        wall = _step(border, 1.2) * (1 - _step(border - thickness, 1.2))
        hu = hu + lesion.rim_hu * (1 + 0.2 * field(6, 5.0)) * wall
        body = np.maximum(body, wall)
    delta = body * hu
    if lesion.calcifications:
        calcium = _calcium(depth, lesion, field(7, 1.2), np.random.default_rng([seed, 8]))
        delta = delta + calcium * (lesion.calcification_hu - parenchyma_hu - delta)
    delta = ndimage.gaussian_filter(delta, SYSTEM_BLUR_MM)
    kept, gone = REACH_MM
    fade = np.clip((depth + gone) / (gone - kept), 0, 1)
    return (delta * fade * fade * (3 - 2 * fade)).astype(np.float32)


@lru_cache(maxsize=16)
def _field(shape: tuple[int, ...], sigma_mm: float, seed: int, number: int) -> np.ndarray:
    """One of a lesion's random fields; kept, since pairs of lesions are rendered from the same."""
    return smooth_field(shape, sigma_mm, np.random.default_rng([seed, number]))


def _step(height: np.ndarray, width_mm: float) -> np.ndarray:
    """0 outside, 1 inside, rising from 10 to 90% over `width_mm`."""
    return 0.5 * (1 + erf(height * (RISE / np.sqrt(2) / max(width_mm, 0.3))))


def _calcium(depth: np.ndarray, lesion: Lesion, roughness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Irregular grains of calcium in the lesion, as a fraction of each voxel."""
    radius = lesion.calcification_mm / 2
    room = np.argwhere(depth > min(radius, 0.5 * float(depth.max())))
    grid = np.indices(depth.shape, dtype=np.float32)
    nearest = np.full(depth.shape, np.inf, np.float32)
    for centre in room[rng.integers(len(room), size=lesion.calcifications)]:
        axes = rng.uniform(0.75, 1.3, 3)
        own = radius * rng.uniform(0.8, 1.1)
        away = np.sqrt(sum(((grid[i] - centre[i]) / axes[i]) ** 2 for i in range(3)))
        nearest = np.minimum(nearest, away - own)
    return _step(-nearest + 0.35 * radius * roughness, 0.8)
