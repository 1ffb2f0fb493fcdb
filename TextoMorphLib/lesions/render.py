"""Draws a lesion, without scan noise: border, body, texture, core, wall, calcium, and the scanner's blur.

From outside in: parenchyma, perhaps a wall, the body with its texture, perhaps a core. All random fields come from
the given noise alone, so that two lesions with one attribute changed differ in it alone, and so that a diffusion
model which starts from that very noise can learn what it becomes.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import erf

from TextoMorphLib.fields import field_from_noise
from TextoMorphLib.lesions.kinds import Lesion

REACH_MM = (2.5, 4.0)  # outside the mask: where what is drawn begins to fade, and where it is gone
BLUR_MM = 0.6  # sigma of the scanner's
RISE = 2.563  # 10-90% width of a Gaussian-blurred edge, in units of its sigma
UNEVEN = 0.2  # how far a border wavers, relative to its width: infiltration is blur and unevenness
INNER_EDGE_MM = 1.4  # width of the wall's inner edge
CORE_EDGE_MM = 2.5
CLOT_LEVEL, CLOT_EDGE = 0.1, 0.7  # of a field of unit variance: above it lies clot
SEPTUM_MM = 2.0
HETEROGENEOUS_HU = (8.0, 18.0)  # texture from and up to which patches take over from grain
LIVELY_HU = 5.0  # texture from which enhancement varies over the lesion, too
ENHANCEMENT_VARIES = 0.1  # of the density
FLOOR_HU = (-10.0, 5.0)  # absolute HU that no tissue goes under, and how softly

# Numbers of the random fields.
GRAIN, FINE_GRAIN, PATCHES, SHADE, WAVER, FINGERS, CORE, CALCIUM = range(8)
THICKNESS, ENHANCEMENT, ROUGHNESS, CLOTS, SEPTA = range(8, 13)


def render(depth: np.ndarray, lesion: Lesion, parenchyma_hu: float, noise: np.ndarray) -> np.ndarray:
    """A lesion minus the smooth background it lies in.

    Args:
        depth: Signed distance to the mask's border in mm on a 1 mm grid, positive inside (somewhere); its sizes
            are multiples of 4.
        lesion: Its attributes.
        parenchyma_hu: HU of the background; calcium is drawn up to its own HU whatever is around it.
        noise: [C, X/4, Y/4, Z/4] standard normal, what the random fields are made of.

    Returns:
        HU, float32, of depth's shape; zero from 4 mm outside the mask on.
    """
    kept, gone = REACH_MM
    box = ndimage.find_objects((depth > -gone - 1).astype(np.int8))[0]
    drawn = np.zeros(depth.shape, np.float32)
    drawn[box] = _Drawing(depth[box].astype(np.float32), box, lesion, parenchyma_hu, noise).delta()
    fade = np.clip((depth + gone) / (gone - kept), 0, 1)
    return np.asarray(drawn * fade * fade * (3 - 2 * fade), np.float32)


class _Drawing:
    """A lesion being drawn: what the layers share."""

    def __init__(
        self, depth: np.ndarray, box: tuple[slice, ...], lesion: Lesion, parenchyma_hu: float, noise: np.ndarray
    ) -> None:
        self.depth, self.box, self.noise = depth, box, noise
        self.lesion, self.parenchyma = lesion, parenchyma_hu
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
        if lesion.clots_hu:
            clots = _step(self.field(CLOTS, max(2.0, 0.25 * self.deepest)) - CLOT_LEVEL, CLOT_EDGE)
            hu += (lesion.clots_hu - 0.6 * (hu - lesion.density_hu)) * clots
        if lesion.septa_hu:
            hu += (lesion.septa_hu - (hu - lesion.density_hu)) * self.septa()
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
        texture = 0.8 * self.field(GRAIN, sigma) + 0.4 * self.field(FINE_GRAIN, max(0.5 * sigma, 1.0))
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

    def septa(self) -> np.ndarray:
        """The septa's share of each voxel: thin sheets, where a random field crosses zero."""
        height = self.field(SEPTA, max(2.5, 0.3 * self.deepest))
        slope = np.sqrt(sum(np.square(np.gradient(height, axis=axis)) for axis in range(3)))
        away = np.abs(height) / np.maximum(slope, 0.25 * slope.mean())
        return _step(SEPTUM_MM / 2 - away, 0.9)

    def calcium(self) -> np.ndarray:
        """Calcium's share of each voxel: irregular grains where a random field is highest, some of them in clusters."""
        radius = self.lesion.calcification_mm / 2
        roughness = self.field(ROUGHNESS, 1.0)
        shallowest = min(radius + 0.5, 0.5 * self.deepest)
        odds = self.field(CALCIUM, 2.5) + 0.7 * self.field(PATCHES, 6.0)
        odds[self.depth < shallowest] = -np.inf
        axes = np.ogrid[tuple(slice(n) for n in odds.shape)]
        share = np.zeros(odds.shape, np.float32)
        for _ in range(self.lesion.calcifications):
            centre = np.unravel_index(int(odds.argmax()), odds.shape)
            if not np.isfinite(odds[centre]):
                break
            away = np.sqrt(sum(np.square(axis - c) for axis, c in zip(axes, centre, strict=True))).astype(np.float32)
            own = radius * (1 + 0.15 * float(np.clip(roughness[centre], -1, 1)))
            share = np.maximum(share, _step(own + 0.3 * radius * roughness - away, 0.8))
            odds[away < 3 * radius] = -np.inf
        return share

    def field(self, number: int, sigma_mm: float) -> np.ndarray:
        """A smooth random field of unit variance."""
        return field_from_noise(self.noise, number, sigma_mm)[self.box]


def _step(height: np.ndarray, width_mm: float) -> np.ndarray:
    """0 outside, 1 inside, rising from 10 to 90% over `width_mm`."""
    return np.asarray(0.5 * (1 + erf(height * np.float32(RISE / np.sqrt(2) / width_mm))))
