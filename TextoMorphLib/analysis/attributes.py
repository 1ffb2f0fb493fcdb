"""What a lesion is like, measured: contrast, texture, margin, rim, core, calcium, size and noise, in HU and mm.

Everything is taken from the two scans and the mask alone, on a 1 mm grid; `docs/measurements.md` explains each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.tissue import parenchyma_hu

RISE = 2.563  # 10-90% width of a Gaussian-blurred edge in units of its sigma
LEAST_CONTRAST_HU = 10.0  # below this a border has no width that could be measured
WALL_MM = (2.0, 3.0)  # thicknesses that the fit of a wall tries
TEXTURE_MM = 1.3  # smoothing before texture is measured: most of the noise goes, most of the texture stays
CALCIUM_HU = 200.0
CALCIUM_ABOVE_LESION_HU = 100.0
MAD = 1.4826  # standard deviation of a Gaussian from its median absolute deviation


@dataclass(frozen=True)
class Attributes:
    """A lesion's attributes.

    Attributes:
        parenchyma_hu: The healthy tissue it replaces.
        mean_hu: Mean of its interior, without calcium.
        contrast_hu: `mean_hu` minus `parenchyma_hu`.
        texture_hu: Standard deviation of its inner texture at 1 mm and coarser, scan noise removed.
        margin_mm: 10-90% width of the border's rise; NaN where the contrast is under 10 HU.
        rim_hu: How far a wall at the border rises above the core, beyond what the border itself explains.
        core_hu: Centre minus the zone between centre and border.
        bright_fraction: Share of it that is calcium: over 200 HU and 100 HU above its own median.
        diameter_mm: Of the ball with its volume.
        volume_ml: Its volume.
        noise_inside_hu: Standard deviation of the fine noise in the lesion.
        noise_outside_hu: The same in the parenchyma before.
    """

    parenchyma_hu: float
    mean_hu: float
    contrast_hu: float
    texture_hu: float
    margin_mm: float
    rim_hu: float
    core_hu: float
    bright_fraction: float
    diameter_mm: float
    volume_ml: float
    noise_inside_hu: float
    noise_outside_hu: float


def measure(healthy: np.ndarray, synthetic: np.ndarray, depth: np.ndarray) -> Attributes:
    """Measures one lesion.

    Args:
        healthy: The scan before, HU, on a 1 mm grid.
        synthetic: The scan with the lesion, HU, on the same grid.
        depth: Signed distance to the mask's border in mm, positive inside.
    """
    inside = depth > 0
    deepest = float(depth.max())
    parenchyma = parenchyma_hu(healthy, depth)
    tissue = _parenchyma(healthy, depth, parenchyma)

    lightly = ndimage.gaussian_filter(synthetic, 0.5)
    calcium = inside & (
        lightly > max(CALCIUM_HU, float(np.median(lightly[inside])) + CALCIUM_ABOVE_LESION_HU)
    )
    soft = ~ndimage.binary_dilation(calcium, iterations=2) if calcium.any() else np.ones_like(inside)
    interior = _or_all(inside & soft & (depth > min(3.0, 0.45 * deepest)), inside)
    mean = float(synthetic[interior].mean())

    # Inside, what the lesion replaced (vessels, fat) says nothing of it; outside, what was there before does.
    change = synthetic - np.where(inside, np.float32(parenchyma), healthy)
    margin, rim = _border(change, depth, soft & (tissue | inside), deepest)
    volume = float(inside.sum())
    return Attributes(
        parenchyma_hu=parenchyma,
        mean_hu=mean,
        contrast_hu=mean - parenchyma,
        texture_hu=_texture(healthy, synthetic, depth, interior, tissue),
        margin_mm=margin,
        rim_hu=rim,
        core_hu=_core(synthetic, depth, inside & soft, deepest),
        bright_fraction=float(calcium.sum()) / volume,
        diameter_mm=(6 / np.pi * volume) ** (1 / 3),
        volume_ml=volume / 1000,
        noise_inside_hu=_noise(synthetic, interior),
        noise_outside_hu=_noise(healthy, tissue),
    )


def _parenchyma(healthy: np.ndarray, depth: np.ndarray, level: float) -> np.ndarray:
    """Voxels in and around the mask that were plain parenchyma before."""
    smooth = ndimage.gaussian_filter(healthy, 1.5)
    near = depth > -12
    spread = float(np.median(np.abs(smooth[near] - level)))
    return _or_all(near & (np.abs(smooth - level) < np.clip(3 * spread, 8, 30)), near)


def _texture(
    healthy: np.ndarray, synthetic: np.ndarray, depth: np.ndarray, interior: np.ndarray, tissue: np.ndarray
) -> float:
    """SD of the smoothed interior about its mean at each depth, less what scan noise leaves after smoothing."""
    smooth = ndimage.gaussian_filter(synthetic, TEXTURE_MM)
    layer = np.minimum(depth[interior] // 2, 12).astype(int)
    values = smooth[interior]
    count = np.bincount(layer)
    level = np.bincount(layer, values) / np.maximum(count, 1)
    variance = float(np.square(values - level[layer]).sum()) / max(len(values) - np.count_nonzero(count), 1)
    noise = ndimage.gaussian_filter(healthy, TEXTURE_MM) - ndimage.gaussian_filter(healthy, 4.0)
    # Where noise outweighs texture its estimate may exceed the whole; a remainder keeps lesions in order even so.
    return max(variance - _robust_sd(noise[tissue]) ** 2, 0.05 * variance) ** 0.5


def _border(change: np.ndarray, depth: np.ndarray, usable: np.ndarray, deepest: float) -> tuple[float, float]:
    """Fits the change's mean at each depth: a blurred step of the border, and a wall just inside it.

    Returns:
        The step's 10-90% width in mm (NaN without contrast), and the wall's HU above the core.
    """
    end = min(deepest, 8.0)
    near = usable & (depth > -5) & (depth <= end)
    layer = np.floor(depth[near] + 5).astype(int)
    count = np.bincount(layer)
    filled = count > 0
    at = np.bincount(layer, depth[near])[filled] / count[filled]
    profile = np.bincount(layer, change[near])[filled] / count[filled]
    weight = np.sqrt(count[filled])
    best: tuple[float, float, float, float] | None = None
    for sigma in np.geomspace(0.35, 3.6, 22):
        for shift in np.arange(-1.5, 1.6, 0.5):
            step = ndtr((at - shift) / sigma)
            for wall in WALL_MM:
                bump = step - ndtr((at - shift - min(wall, 0.5 * deepest)) / 0.7)
                basis = np.stack([step, bump], 1) * weight[:, None]
                heights = np.linalg.lstsq(basis, profile * weight, rcond=None)[0]
                error = float(np.square(basis @ heights - profile * weight).sum())
                if best is None or error < best[0]:
                    best = (error, float(sigma), float(heights[0]), float(heights[1]))
    assert best is not None
    _, sigma, core, wall_hu = best
    clear = max(abs(core), abs(core + wall_hu)) >= LEAST_CONTRAST_HU
    return (RISE * sigma if clear else float("nan")), wall_hu


def _core(synthetic: np.ndarray, depth: np.ndarray, inside: np.ndarray, deepest: float) -> float:
    """Median of the centre minus median of the zone around it, HU."""
    relative = depth / deepest
    centre = _or_all(inside & (relative > 0.65), inside)
    around = _or_all(inside & (relative > 0.15) & (relative < 0.35), inside)
    return float(np.median(synthetic[centre]) - np.median(synthetic[around]))


def _noise(scan: np.ndarray, where: np.ndarray) -> float:
    return _robust_sd((scan - ndimage.gaussian_filter(scan, 1.5))[where])


def _robust_sd(values: np.ndarray) -> float:
    return float(MAD * np.median(np.abs(values - np.median(values))))


def _or_all(some: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    return some if some.any() else fallback
