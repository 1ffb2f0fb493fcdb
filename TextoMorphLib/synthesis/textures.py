"""Real texture on a lesion that the denoiser has drawn: words set mean and amplitude, the network the pattern.

What varies inside real tumours comes from a network that learned it from patients (`models/texture.py`). Walls, septa,
calcium and what words say of margin, core and fluid stay the denoiser's: there the pattern goes on top, without the
margin that it has of its own. Where nothing of the kind is asked, the lesion takes the margin of real tumours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.texture import SEEN_MM, TextureNetwork
from TextoMorphLib.models.texture_field import CORE_MM, Site, drawn, site, spread_hu
from TextoMorphLib.models.texture_manner import Manner, noise_strength
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.between_slices import more_alike
from TextoMorphLib.spatial.compositing import to_scan
from TextoMorphLib.spatial.region import UNKNOWN_HU, Region
from TextoMorphLib.spatial.texturing import Texture, depth_on_scan, interior_mean, profile
from TextoMorphLib.text.concepts import ATTRIBUTES, share

TEXTURE_SEEDS = 15_485_863  # from a candidate's seed to its texture's
EVEN_HU, UNEVEN_HU, FLUID_SD_HU = 3.5, 19.0, 5.0  # spread besides noise: homogeneous, heterogeneous at least, fluid
DEVIATES = 1.5  # residuals of the regression, at the most, that a lesion of which nothing is said may be off
UNEVEN_DEVIATES = 0.8  # residuals that a heterogeneous lesion is off besides: the mean of a normal's upper half
LEFT_TO_TEXTURE = {  # kinds and values that leave the margin and the inside to the texture
    "content": "solid",
    "margin": "default",
    "wall": "none",
    "septa": "none",
    "calcification": "none",
}
STRUCTURES_HU = (60.0, 120.0)  # above the lesion: from and up to where structures keep their own values
WALL_MM = 4.0  # depth from which a walled lesion has all of its texture
RULED_HU = (25.0, 60.0)  # above or below it: likewise, where a rule draws what no network does
LEAST_TEXTURED_MM = 8.0  # diameter of lesions that have a texture
SURE = 0.5
UNEVEN_FLUID = 2.0  # how much more varies in a real cyst besides its border than in a fluid at rest

Said = Mapping[str, Mapping[str, float]]


def made(
    network: TextureNetwork,
    config: Mapping[str, Any],
    place: Site,
    volume: Volume,
    region: Region,
    filled: np.ndarray,
    delta: np.ndarray,
    covariance: np.ndarray,
    parenchyma_hu: float,
    said: Said,
    seed: int,
    device: torch.device,
) -> Texture:
    """A lesion's texture.

    Args:
        network: Of the model.
        config: The model's `texture`: steps and the regression of the spread.
        place: As `site` sees it.
        volume: The scan.
        region: The lesion's neighbourhood.
        filled: Healthy tissue on the region's grid, HU.
        delta: The lesion minus it, as the denoiser drew it.
        covariance: Of the scan's noise.
        parenchyma_hu: The healthy tissue's HU.
        said: What the text says: kinds, and the probabilities of their values.
        seed: The candidate's.
        device: Where the network is.
    """
    lesion = to_scan(filled + delta, region, volume)
    depth = depth_on_scan(region, volume)
    inner = depth > min(3.0, 0.45 * float(depth.max()))
    by_rule = ruled(said)
    mean = float(np.median(lesion[inner])) if by_rule else interior_mean(lesion, depth)
    contrast = mean - parenchyma_hu
    axes = [axis for axis in range(3) if axis != place.axis]
    sigma = [SEEN_MM / float(volume.spacing[axis]) if axis in axes else 0.0 for axis in range(3)]
    coarse = _noise_under(covariance, sigma, region.mask.shape)
    calm = _calm_hu(said)
    spread = float(np.hypot(coarse, calm)) if calm else _spread(place, config, contrast, mean, coarse, said, seed)
    order = [*axes, place.axis]
    manner = Manner.of(config)
    how = (int(config["steps"]), device, manner)
    field = drawn(network, place, contrast, mean, spread, seed + TEXTURE_SEEDS, *how)
    field = field.transpose(np.argsort(order))
    fluid = share(said, "content", "cystic") >= SURE
    whole = fits(said, {**LEFT_TO_TEXTURE, "content": "cystic"} if fluid else LEFT_TO_TEXTURE) and not by_rule
    within = depth > min(CORE_MM, 0.4 * float(depth.max()))
    # Slices drawn between two of the network's vary less than these: the lesion as a whole gets the spread.
    field = (calm or spread) / max(float(field[within].std()), 0.1) * (field - field[inner].mean()) * (depth > -1)
    if fluid and whole:  # a real cyst's border is as wide as any tumour's; what is in it is calm
        field = _as_cyst(field, depth, _spread(place, config, contrast, mean, coarse, said, seed))
        field = (field - field[inner].mean()) * (depth > -1)
    strength = 1.0 if whole else 1 - _kept(lesion - mean, depth, by_rule, share(said, "wall", "walled") >= SURE)
    grain = 1.0 if _is_even(said) else noise_strength(field.shape, volume.spacing, place.axis, manner, seed)
    if calm:
        return Texture(field, None, whole, grain, strength)
    return Texture(field, (sigma[0], sigma[1], sigma[2]), whole, float(config["noise"]) * grain, strength)


def noise_in(
    config: Mapping[str, Any], place: Site, covariance: np.ndarray, said: Mapping[str, Mapping[str, float]]
) -> np.ndarray:
    """The autocovariance of noise in a lesion; `covariance` is that around it.

    What is called homogeneous has the noise around it, as even; real tumours' is less so.
    """
    return covariance if _is_even(said) else more_alike(covariance, Manner.of(config).between, place.axis)


def _is_even(said: Mapping[str, Mapping[str, float]]) -> bool:
    return share(said, "texture", "homogeneous") >= SURE


def look(volume: Volume, region: Region) -> Site:
    """A lesion's place, as the network is to see it."""
    known = volume.hu((slice(None),) * 3) > UNKNOWN_HU if region.usable is not None else None
    return site(volume, region, known)


def _kept(apart: np.ndarray, depth: np.ndarray, by_rule: bool, walled: bool) -> np.ndarray:
    """0 to 1: where structures stay as they are; `apart` is the lesion minus its mean, HU."""
    low, high = RULED_HU if by_rule else STRUCTURES_HU
    keep = np.clip(((np.abs(apart) if by_rule else apart) - low) / (high - low), 0, 1)
    if walled:  # a patch of the border's own would leave it a wall on one side alone
        keep = np.maximum(keep, 1 - np.clip(depth / WALL_MM, 0, 1))
    return np.asarray(keep, np.float32)


def _as_cyst(field: np.ndarray, depth: np.ndarray, spread: float) -> np.ndarray:
    """A fluid's field, HU, whose border has the spread of a solid tumour's."""
    border, uneven = profile(field, depth), UNEVEN_FLUID * np.clip(depth / CORE_MM, 0, 1)
    return np.asarray(spread / FLUID_SD_HU * border + uneven * (field - border))


def _calm_hu(said: Said) -> float | None:
    """The spread of a lesion in which there is little to see besides the scan's noise; None for other lesions."""
    if share(said, "content", "cystic") >= SURE:
        return FLUID_SD_HU
    return EVEN_HU if share(said, "texture", "homogeneous") >= SURE else None


def _spread(
    place: Site, config: Mapping[str, Any], contrast: float, mean: float, coarse: float, said: Said, seed: int
) -> float:
    """The field's standard deviation, HU: that of real tumours, or what the words say; never under the scan's noise."""
    deviate = np.random.Generator(np.random.PCG64(seed)).standard_normal()
    uneven = share(said, "texture", "heterogeneous") >= SURE
    off = float(np.clip(deviate, -DEVIATES, DEVIATES)) + (UNEVEN_DEVIATES if uneven else 0.0)
    real = spread_hu(place, contrast, mean, config["spread"], off)
    return max(real, float(np.hypot(coarse, UNEVEN_HU if uneven else EVEN_HU)))


def _noise_under(covariance: np.ndarray, sigma: list[float], shape: tuple[int, ...]) -> float:
    """Standard deviation of the scan's noise under the field's low pass."""
    return float(ndimage.gaussian_filter(noise.sample_noise(covariance, shape, 0), sigma).std())


def ruled(said: Said) -> bool:
    """Whether something is asked for that is drawn by rule."""
    after = {kind: attribute.default for kind, attribute in ATTRIBUTES.items() if not attribute.learned}
    return any(kind in said and default not in said[kind] for kind, default in after.items())


def fits(said: Said, kinds: Mapping[str, str]) -> bool:
    """Whether each of some kinds surely has its value, as far as anything is known of it."""
    return all(share(said, kind, value) >= SURE for kind, value in kinds.items() if kind in said)
