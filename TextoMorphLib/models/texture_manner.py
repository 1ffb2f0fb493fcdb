"""What a texture network's samples lack of real tumours, put back: how uneven they are, and how much they differ.

A small network's samples are too Gaussian and too much alike: real tumours have heavier tails, detail that is strong
here and weak there, and no two have the same share of it. How much is missing was measured on the training's patients;
how much of it a lesion gets, its seed decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

from TextoMorphLib.models.texture import PIXEL_MM

SLOW_MM, SLOW_SLICES = 5.0, 0.7  # what is coarser than the first, in the plane, is slow; so many slices share it
DETAIL_MM, PATCH_MM = 2.4, 3.0  # what is finer than the first is detail; it is stronger in patches of the second
PATCHES_MM, PATCHES_SLICES = 6.0, 0.7  # patches in which all is stronger or weaker
FINE_MM, MIDDLE_MM = 1.6, 3.0  # bands whose strength differs between lesions are finer than these
ACROSS_MM, ACROSS_SLICES = 2.5, 0.8  # what is coarser than the first, neighbouring slices share
MOST_DEVIATES, LEAST_SD = 2.0, 1e-3
RANGE = (-6.0, 8.0)  # standard deviations that stretched tails stay in
MANNER_SEEDS, GRAIN_SEEDS = 11, 13
GRAIN_MM, GRAIN_SLICES = 3.0, 0.5  # patches, in the plane and across slices, in which noise is stronger or weaker
BESIDE_MM = 4.0  # as far outside lies what a border may go on from
BORDER_MM = (1.5, 4.0)  # depth up to which all is border, and from which nothing is
WITHIN = 8.0  # standard deviations that what is no border may be off besides
OVER = 1.0  # standard deviations that a border may be over its bounds, at the most


@dataclass(frozen=True)
class Manner:
    """How a sample is changed; the default leaves it as it was drawn.

    Attributes:
        liveliness: Spread, in a lesion, of the logarithm of the detail's strength.
        slow: Share by which what is slow is made stronger.
        patchy: Spread, in a lesion, of the logarithm of the strength of all of it.
        across: Share of what is coarse that neighbouring slices have in common besides what was drawn so.
        bands: Spread, between lesions, of the logarithm of the strength of the two finer bands.
        tails: Exponent of the sinh-arcsinh transform (Jones and Pewsey, 2009): under 1, tails are heavier;
        tails_spread: of its logarithm, between lesions.
        skew: Its shift: over 0, the bright tail is the longer one;
        skew_spread: between lesions.
        border: Standard deviations that a border may be off where nothing beside it is; 0 for no bounds.
        grain: Spread, in a lesion, of the logarithm of the strength of the scan's noise;
        grain_spread: of its own logarithm, between lesions.
        between: How much more alike the noise of neighbouring slices is than around the lesion.
    """

    liveliness: float = 0.0
    slow: float = 0.0
    patchy: float = 0.0
    across: float = 0.0
    bands: float = 0.0
    tails: float = 1.0
    tails_spread: float = 0.0
    skew: float = 0.0
    skew_spread: float = 0.0
    border: float = 0.0
    grain: float = 0.0
    grain_spread: float = 0.0
    between: float = 0.0

    @classmethod
    def of(cls, config: Mapping[str, float]) -> Manner:
        """Out of a bundle's `texture`; what it does not say is not done."""
        return cls(**{each.name: float(config[each.name]) for each in fields(cls) if each.name in config})


AS_DRAWN = Manner()


def changed(made: np.ndarray, field: np.ndarray, core: np.ndarray, manner: Manner, seed: int) -> np.ndarray:
    """A sample with what it lacks.

    Args:
        made: [slices, h, w] at `PIXEL_MM`.
        field: Boolean, of the same shape: where it is one.
        core: Boolean: where its mean and spread are taken.
        manner: What is done.
        seed: Decides how much of it this lesion gets, and where.

    Returns:
        Of the same shape; 0 outside the field.
    """
    rng = np.random.Generator(np.random.PCG64([seed, MANNER_SEEDS]))
    one, other, stretch, lean = np.clip(rng.standard_normal(4), -MOST_DEVIATES, MOST_DEVIATES)
    made = made + manner.slow * smooth(made, field, SLOW_MM, SLOW_SLICES)
    if manner.bands:
        coarse, coarser = smooth(made, field, FINE_MM), smooth(made, field, MIDDLE_MM)
        middle, fine = np.exp(manner.bands * one), np.exp(manner.bands * other)
        made = coarser + middle * (coarse - coarser) + fine * (made - coarse)
    if manner.across:
        own, shared = smooth(made, field, ACROSS_MM), smooth(made, field, ACROSS_MM, ACROSS_SLICES)
        made = made + manner.across * (own[core].std() / max(float(shared[core].std()), LEAST_SD) * shared - own)
    if manner.patchy:
        made = made * np.exp(manner.patchy * _patches(made.shape, _sigma(PATCHES_MM, PATCHES_SLICES), rng))
    if manner.liveliness:
        patches = _patches(made.shape, _sigma(PATCH_MM, 0.5), np.random.Generator(np.random.PCG64(seed)))
        coarse = smooth(made, field, DETAIL_MM)
        made = coarse + np.exp(manner.liveliness * patches) * (made - coarse)
    tails, skew = manner.tails * np.exp(manner.tails_spread * stretch), manner.skew + manner.skew_spread * lean
    if tails != 1 or skew:
        scaled = (made - made[core].mean()) / max(float(made[core].std()), LEAST_SD)
        made = np.clip(np.sinh((np.arcsinh(scaled) + skew) / tails), *RANGE)
    return np.asarray(made * field, np.float32)


def bounded(made: np.ndarray, depth: np.ndarray, beside: np.ndarray, seen: np.ndarray, most: float) -> np.ndarray:
    """A field whose border is no brighter and no darker than what it goes on from.

    Real tumours have bright and dark patches at their borders where a vessel or fat lies beside them. A sample has them
    elsewhere, too, where they look like a piece of a wall.

    Args:
        made: [slices, h, w] at `PIXEL_MM`, standard deviations.
        depth: In the plane, mm, positive inside.
        beside: The scan around the lesion, in the field's units.
        seen: Boolean: where that is known.
        most: Standard deviations that a border may be off where nothing beside it is.
    """
    reach = BESIDE_MM / PIXEL_MM
    side = np.arange(-int(reach), int(reach) + 1)
    ball = (np.hypot(*np.meshgrid(side, side)) <= reach)[None]
    free = WITHIN * np.clip((depth - BORDER_MM[0]) / (BORDER_MM[1] - BORDER_MM[0]), 0, 1)
    highest = ndimage.maximum_filter(np.where(seen, beside, -np.inf), footprint=ball, mode="nearest")
    lowest = ndimage.minimum_filter(np.where(seen, beside, np.inf), footprint=ball, mode="nearest")
    over = np.maximum(made - np.maximum(highest, most) - free, 0)
    under = np.maximum(np.minimum(lowest, -most) - free - made, 0)
    return np.asarray(made - (over - _soft(over)) + (under - _soft(under)), np.float32)


def _soft(over: np.ndarray) -> np.ndarray:
    return over / (1 + over / OVER)


def noise_strength(shape: tuple[int, ...], spacing: np.ndarray, axis: int, manner: Manner, seed: int) -> np.ndarray:
    """What noise is multiplied by, on a scan's grid, of mean square 1: stronger here, weaker there, as in real tumours.

    Args:
        shape: The grid's.
        spacing: Its voxels, mm.
        axis: Across slices.
        manner: How uneven it is.
        seed: Decides where, and how far this lesion is off that.
    """
    sigma = GRAIN_MM / np.asarray(spacing, float)
    sigma[axis] = GRAIN_SLICES
    rng = np.random.Generator(np.random.PCG64([seed, GRAIN_SEEDS]))
    patches = _patches(shape, sigma, rng)
    own = np.clip(rng.standard_normal(), -MOST_DEVIATES, MOST_DEVIATES)
    strength = np.exp(manner.grain * np.exp(manner.grain_spread * own) * patches)
    return np.asarray(strength / np.sqrt(np.square(strength).mean()), np.float32)


def smooth(made: np.ndarray, field: np.ndarray, sigma_mm: float, slices: float = 0.0) -> np.ndarray:
    """What of a field is coarser than a Gaussian in the plane; what lies outside is not of it."""
    sigma = _sigma(sigma_mm, slices)
    share = ndimage.gaussian_filter(field.astype(np.float32), sigma)
    return np.asarray(ndimage.gaussian_filter(made * field, sigma) / np.maximum(share, 1e-3))


def _sigma(sigma_mm: float, slices: float) -> tuple[float, float, float]:
    """Of a Gaussian on [slices, h, w], voxels."""
    return slices, sigma_mm / PIXEL_MM, sigma_mm / PIXEL_MM


def _patches(shape: tuple[int, ...], sigma: Sequence[float] | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field of spread 1."""
    drawn = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), sigma, mode="wrap")
    return np.asarray(drawn / max(float(drawn.std()), 1e-6))
