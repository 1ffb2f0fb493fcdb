"""Draws a lesion, without scan noise: border, body, texture, core, wall, calcium, and the scanner's blur.

From outside in: parenchyma, perhaps a wall, the body with its texture, perhaps a core. All random fields come from
the given noise alone, so that two lesions with one attribute changed differ in it alone, and so that a diffusion
model which starts from that very noise can learn what it becomes.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from scipy.special import erf
from torch.nn import functional

from TextoMorphLib.io.patient_position import ON_BACK, Up
from TextoMorphLib.measurement.attributes import RISE
from TextoMorphLib.models import contours, word_structures
from TextoMorphLib.models.seed_fields import (
    FIELD_MM,
    FIELDS,
    USUAL_WALL_MM,
    away_mm,
    calcium_height,
    lesion_fields,
    wall_mm,
)
from TextoMorphLib.simulation.lesion_parameters import Lesion
from TextoMorphLib.spatial.geometry import mean_at_depth
from TextoMorphLib.spatial.tissue import lifted

FADE_MM = (2.5, 4.0)  # outside the mask: where what is drawn begins to fade, and where it is gone
SCANNER_BLUR_MM = 0.45  # sigma of the scanner's
WAVER = 0.2  # how far a border wavers, relative to its width: infiltration is blur and unevenness
INNER_EDGE_MM = 1.4  # width of the wall's inner edge
PLAIN_WALL_MM = 2.0  # walls of this thickness and more are seen as strong as they are,
STRONGEST_WALL = 1.55  # and thinner ones are drawn up to this much stronger,
WEAKEST_WALL = 0.85  # thick ones not much weaker
CORE_EDGE_MM = 2.5
CLOT_LEVEL, CLOT_EDGE = -0.1, 0.7  # of a field of unit variance: above it lies clot
SEPTUM_MM = (1.6, 3.0)  # as thick as a fifth of the deepest point's depth, within this
HETEROGENEOUS_HU = (8.0, 18.0)  # texture from and up to which patches take over from grain
LIVELY_HU = 5.0  # texture from which enhancement varies over the lesion, too
ENHANCEMENT_VARIES = 0.1  # of the density
FLOOR_HU = (-10.0, 5.0)  # absolute HU that no tissue goes under, and how softly
CALCIUM_EDGE = {"punctate": 0.6, "plain": 0.6, "coarse": 0.35}  # of a field: from a grain's rim to its full HU


def render(
    depth: np.ndarray, lesion: Lesion, parenchyma_hu: float, noise: torch.Tensor, up: Up = ON_BACK
) -> np.ndarray:
    """A lesion minus the smooth background it lies in.

    Args:
        depth: Signed distance to the mask's border in mm on a 1 mm grid, positive inside (somewhere); its sizes
            are multiples of 4.
        lesion: Its attributes.
        parenchyma_hu: HU of the background; calcium is drawn up to its own HU whatever is around it.
        noise: [1, C, X/4, Y/4, Z/4] standard normal, what the random fields are made of.
        up: Which way is up in the patient: gas rises, and sediment sinks.

    Returns:
        HU, float32, of depth's shape; zero from 4 mm outside the mask on.
    """
    kept, gone = FADE_MM
    mask_depth, depth = depth, contours.outlined(depth, noise, lesion.after)
    box = ndimage.find_objects((depth > -gone - 1).astype(np.int8))[0]
    drawn = np.zeros(depth.shape, np.float32)
    coarse = lesion_fields(noise, torch.tensor([float(depth.max())]))
    fine = functional.interpolate(coarse, scale_factor=FIELD_MM, mode="trilinear")[0].numpy()
    fields = {name: field[box] for name, field in zip(FIELDS, fine, strict=True)}
    drawn[box] = _Drawing(depth[box].astype(np.float32), fields, lesion, parenchyma_hu).delta()
    drawn = contours.spiculated(drawn, mask_depth, noise, lesion.after)
    drawn = word_structures.drawn(drawn, np.full_like(drawn, parenchyma_hu), depth, noise, lesion.after, up=up)
    fade = np.clip((mask_depth + gone) / (gone - kept), 0, 1)
    return np.asarray(drawn * fade * fade * (3 - 2 * fade), np.float32)


class _Drawing:
    """A lesion being drawn: what the layers share."""

    def __init__(self, depth: np.ndarray, fields: dict[str, np.ndarray], lesion: Lesion, parenchyma_hu: float) -> None:
        self.depth, self.fields = depth, fields
        self.lesion, self.parenchyma = lesion, parenchyma_hu
        self.deepest = float(depth.max())
        self.inside = depth > min(1.0, 0.3 * self.deepest)

    def delta(self) -> np.ndarray:
        """Lesion minus background, HU."""
        lesion = self.lesion
        margin = min(lesion.margin_mm, 2.5 * self.deepest)
        unevenness = 0.8 * self.fields["waver"] + 0.6 * self.fields["fine"]
        # Wide borders reach farther inwards: outside, there is room for 4 mm only.
        border = self.depth + WAVER * margin * unevenness - 0.2 * max(margin - 3, 0)

        hu = self.body()
        if lesion.core_hu:
            core = self.core()
            hu += (lesion.core_hu - 0.6 * (hu - lesion.density_hu)) * core
        if lesion.clots_hu:
            clots = _step(self.fields["inner"] - CLOT_LEVEL, CLOT_EDGE)
            hu += (lesion.clots_hu - 0.6 * (hu - lesion.density_hu)) * clots
        if lesion.septa_hu:
            hu += (lesion.septa_hu - (hu - lesion.density_hu)) * self.septa()
        if lesion.rim_hu:
            thickness = wall_mm(lesion.rim_mm, self.deepest)
            # What a wall lacks in thickness it has in strength, or nobody would see it.
            weakest = WEAKEST_WALL if lesion.rim_mm > USUAL_WALL_MM else 0.0
            strength = lesion.rim_hu * float(np.clip(PLAIN_WALL_MM / thickness, weakest, STRONGEST_WALL))
            wall = 1 - _step(border - thickness * np.exp(0.2 * self.fields["waver"]), min(INNER_EDGE_MM, thickness))
            # It is of one tissue, whatever the body's texture.
            hu += (strength * (1 + 0.15 * self.fields["shade"]) - (hu - lesion.density_hu)) * wall
        hu += lifted(hu + self.parenchyma, *FLOOR_HU)

        blurs = np.hypot(WAVER * margin, SCANNER_BLUR_MM) * RISE
        delta = _step(border, np.sqrt(max(margin**2 - blurs**2, 0.4**2))) * hu
        if lesion.calcium_fraction:
            calcium = self.calcium()
            delta += calcium * (lesion.calcium_hu - self.parenchyma - delta)
        return np.asarray(ndimage.gaussian_filter(delta, SCANNER_BLUR_MM))

    def body(self) -> np.ndarray:
        """The body: its density, texture, and enhancement that varies and is less in the middle."""
        lesion, fields = self.lesion, self.fields
        patchy = float(np.clip((lesion.texture_hu - HETEROGENEOUS_HU[0]) / np.ptp(HETEROGENEOUS_HU), 0, 1))
        texture = 0.8 * fields["grain"] + 0.4 * fields["fine"]
        # Living tissue with darker areas that have borders, as in a tumour that outgrows its supply.
        areas = np.tanh(2 * fields["patches"] + 0.6)
        texture = (1 - 0.6 * patchy) * texture + 0.9 * patchy * areas
        # A few patches in a small lesion must not move its border, or make it a ring.
        texture = texture - mean_at_depth(texture, self.depth)
        # The given strength is that after the scanner's blur.
        texture = texture / (ndimage.gaussian_filter(texture, SCANNER_BLUR_MM)[self.inside].std() + 1e-6)

        lively = float(np.clip((lesion.texture_hu - 1) / LIVELY_HU, 0, 1))
        shade = fields["shade"] - 1.5 * (self.depth / self.deepest - 0.4)
        varied = lively * (2 + ENHANCEMENT_VARIES * abs(lesion.density_hu)) * np.clip(shade, -2, 2)
        return np.asarray(lesion.density_hu + lesion.texture_hu * texture + varied)

    def core(self) -> np.ndarray:
        """The core's share of each voxel; its border is irregular."""
        height = self.depth + 0.15 * self.deepest * self.fields["inner"]
        level = np.quantile(height[self.depth > 0], 1 - self.lesion.core_fraction**3)
        return _step(height - level, min(CORE_EDGE_MM, 0.5 * self.deepest))

    def septa(self) -> np.ndarray:
        """The septa's share of each voxel: thin sheets, where a random field crosses zero."""
        away = away_mm(torch.from_numpy(self.fields["septa"])[None], voxel_mm=1.0)[0].numpy()
        return _step(np.clip(0.2 * self.deepest, *SEPTUM_MM) / 2 - away, 0.9)

    def calcium(self) -> np.ndarray:
        """Calcium's share of each voxel: irregular grains where a random field is highest."""
        grain = self.lesion.calcium_grain
        height = calcium_height(self.fields, grain)
        room = self.depth > min(1.5, 0.5 * self.deepest)
        share = min(self.lesion.calcium_fraction * (self.depth > 0).sum() / room.sum(), 0.5)
        level = np.quantile(height[room], 1 - share)
        return _step(height - level, CALCIUM_EDGE[grain]) * _step(self.depth - 0.5, 1.0)


def _step(height: np.ndarray, width_mm: float) -> np.ndarray:
    """0 outside, 1 inside, rising from 10 to 90% over `width_mm`."""
    return np.asarray(0.5 * (1 + erf(height * np.float32(RISE / np.sqrt(2) / width_mm))))
