"""Draws a lesion, without scan noise: border, body, texture, core, wall, calcium, and the scanner's blur.

From outside in: parenchyma, perhaps a wall, the body with its texture, perhaps a core. All random fields
depend on the seed and the mask alone, so that two lesions with one attribute changed differ in it alone.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import erf

from TextoMorphLib.fields import smooth_field
from TextoMorphLib.lesions.kinds import Lesion

REACH_MM = (2.5, 4.0)  # outside the mask: where what is drawn begins to fade, and where it is gone
BLUR_MM = 0.6  # sigma of the scanner's
RISE = 2.563  # 10-90% width of a Gaussian-blurred edge, in units of its sigma
UNEVEN = 0.2  # how far a border wavers, relative to its width: infiltration is blur and unevenness
INNER_EDGE_MM = 1.4  # width of the wall's inner edge
CORE_EDGE_MM = 2.5
HETEROGENEOUS_HU = (8.0, 18.0)  # texture from and up to which patches take over from grain
LIVELY_HU = 5.0  # texture from which enhancement varies over the lesion, too
ENHANCEMENT_VARIES = 0.1  # of the density
FLOOR_HU = (-10.0, 5.0)  # absolute HU that no tissue goes under, and how softly

# Numbers of the random fields.
WAVER, FINGERS, GRAIN, FINE_GRAIN, PATCHES, SHADE = range(6)
CORE, THICKNESS, ENHANCEMENT, ROUGHNESS, CALCIUM = range(6, 11)


def render(depth: np.ndarray, lesion: Lesion, parenchyma_hu: float, seed: int) -> np.ndarray:
    """A lesion minus the smooth background it lies in.

    Args:
        depth: Signed distance to the mask's border in mm on a 1 mm grid, positive inside (somewhere).
        lesion: Its attributes.
        parenchyma_hu: HU of the background; calcium is drawn up to its own HU whatever is around it.
        seed: Of the random fields.

    Returns:
        HU, float32, of depth's shape; zero from 4 mm outside the mask on.
    """
    kept, gone = REACH_MM
    box = ndimage.find_objects((depth > -gone - 1).astype(np.int8))[0]
    drawn = np.zeros(depth.shape, np.float32)
    drawn[box] = _Drawing(depth[box].astype(np.float32), lesion, parenchyma_hu, seed).delta()
    fade = np.clip((depth + gone) / (gone - kept), 0, 1)
    return np.asarray(drawn * fade * fade * (3 - 2 * fade), np.float32)


class _Drawing:
    """A lesion being drawn: what the layers share."""

    def __init__(self, depth: np.ndarray, lesion: Lesion, parenchyma_hu: float, seed: int) -> None:
        self.depth, self.lesion, self.parenchyma, self.seed = depth, lesion, parenchyma_hu, seed
        self.deepest = float(depth.max())
        self.inside = depth > min(1.0, 0.3 * self.deepest)

    def delta(self) -> np.ndarray:
        """Lesion minus background, HU."""
        lesion = self.lesion
        margin = min(lesion.margin_mm, 1.5 * self.deepest)
        unevenness = 0.8 * self.field(WAVER, 2.4) + 0.6 * self.field(FINGERS, 1.3)
        # Wide borders reach farther inwards: outside, there is room for 4 mm only.
        border = self.depth + UNEVEN * margin * unevenness - 0.2 * max(margin - 3, 0)

        hu = self.body()
        if lesion.core_hu:
            core = self.core()
            hu += (lesion.core_hu - 0.6 * (hu - lesion.density_hu)) * core
        if lesion.rim_hu:
            thickness = min(lesion.rim_mm, 0.5 * self.deepest) * np.exp(0.2 * self.field(THICKNESS, 4.0))
            wall = 1 - _step(border - thickness, INNER_EDGE_MM)
            hu += lesion.rim_hu * (1 + 0.15 * self.field(ENHANCEMENT, 5.0)) * wall
        lowest, softness = FLOOR_HU
        over = (hu + self.parenchyma - lowest) / softness
        hu += softness * np.logaddexp(0, -over)

        blurs = np.hypot(UNEVEN * margin, BLUR_MM) * RISE
        delta = _step(border, np.sqrt(max(margin**2 - blurs**2, 0.4**2))) * hu
        if lesion.calcifications:
            calcium = self.calcium()
            delta += calcium * (lesion.calcification_hu - self.parenchyma - delta)
        return np.asarray(ndimage.gaussian_filter(delta, BLUR_MM))

    def body(self) -> np.ndarray:
        """The body: its density, texture, and enhancement that varies and is less in the middle."""
        lesion, sigma = self.lesion, self.lesion.grain_mm / 2
        patchy = float(np.clip((lesion.texture_hu - HETEROGENEOUS_HU[0]) / np.ptp(HETEROGENEOUS_HU), 0, 1))
        texture = 0.8 * self.field(GRAIN, sigma) + 0.4 * self.field(FINE_GRAIN, 0.5 * sigma)
        # Living tissue with darker areas that have borders, as in a tumour that outgrows its supply.
        areas = np.tanh(2 * self.field(PATCHES, max(1.3 * sigma, 0.15 * self.deepest)) + 0.6)
        texture = (1 - 0.6 * patchy) * texture + 0.9 * patchy * areas
        # The given strength is that after the scanner's blur.
        within = ndimage.gaussian_filter(texture, BLUR_MM)[self.inside]
        texture = (texture - within.mean()) / (within.std() + 1e-6)

        lively = float(np.clip((lesion.texture_hu - 1) / LIVELY_HU, 0, 1))
        shade = self.field(SHADE, max(3.0, 0.35 * self.deepest)) - 1.5 * (self.depth / self.deepest - 0.4)
        varied = lively * (2 + ENHANCEMENT_VARIES * abs(lesion.density_hu)) * np.clip(shade, -2, 2)
        return np.asarray(lesion.density_hu + lesion.texture_hu * texture + varied)

    def core(self) -> np.ndarray:
        """The core's share of each voxel; its border is irregular."""
        height = self.depth + 0.15 * self.deepest * self.field(CORE, max(1.5, 0.2 * self.deepest))
        level = np.quantile(height[self.depth > 0], 1 - self.lesion.core_fraction**3)
        return _step(height - level, min(CORE_EDGE_MM, 0.5 * self.deepest))

    def calcium(self) -> np.ndarray:
        """Calcium's share of each voxel: irregular grains, strewn, in a cluster, or along the border."""
        rng = np.random.default_rng([self.seed, CALCIUM])
        radius = self.lesion.calcification_mm / 2
        roughness = 0.3 * radius * self.field(ROUGHNESS, 0.9)
        shallowest = min(radius + 0.5, 0.5 * self.deepest)
        arrangement = rng.choice(["strewn", "cluster", "border"])
        deepest = shallowest + 2 if arrangement == "border" else np.inf
        room = np.argwhere((self.depth >= shallowest) & (self.depth <= deepest))
        apart = np.square(room - room[rng.integers(len(room))]).sum(axis=1)
        spread = np.inf if arrangement == "strewn" else 3 * radius
        odds = np.exp(-0.5 * apart / spread**2)
        chosen = rng.choice(len(room), self.lesion.calcifications, p=odds / odds.sum())

        share = np.zeros(self.depth.shape, np.float32)
        for centre in room[chosen]:
            axes = np.exp(rng.uniform(-0.3, 0.3, 3))
            own = radius * rng.uniform(0.85, 1.15)
            reach = int(2 * own) + 2
            low = np.maximum(centre - reach, 0)
            high = np.minimum(centre + reach + 1, share.shape)
            near = tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
            away = [(axis - c) / a for axis, c, a in zip(np.ogrid[near], centre, axes, strict=True)]
            grain = _step(own + roughness[near] - np.sqrt(sum(np.square(a) for a in away)), 0.8)
            share[near] = np.maximum(share[near], grain)
        return share

    def field(self, number: int, sigma_mm: float) -> np.ndarray:
        """A smooth random field of unit variance."""
        return smooth_field(self.depth.shape, sigma_mm, np.random.default_rng([self.seed, number]))


def _step(height: np.ndarray, width_mm: float) -> np.ndarray:
    """0 outside, 1 inside, rising from 10 to 90% over `width_mm`."""
    return np.asarray(0.5 * (1 + erf(height * np.float32(RISE / np.sqrt(2) / width_mm))))
