"""What a lesion is like, measured: contrast, texture, margin, rim, core, calcium, size and noise, in HU and mm.

Everything is taken from the two scans and the mask alone, on a 1 mm grid; `docs/measurements.md` explains each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.measurement.outline import outline
from TextoMorphLib.measurement.parts import GAS_HU, LEAST_VOXELS, parts
from TextoMorphLib.measurement.septa import septa_hu
from TextoMorphLib.measurement.surroundings import LIGHTLY, TEXTURE_MM, Surroundings, noise_hu, or_all
from TextoMorphLib.spatial.geometry import ball_mm, grow, tight_box
from TextoMorphLib.spatial.own_range import Range
from TextoMorphLib.spatial.tissue import parenchyma_hu

RISE = 2.563  # 10-90% width of a Gaussian-blurred edge in units of its sigma
LEAST_CONTRAST_HU = 10.0  # below this a border has no width that could be measured
TRIED_WALLS_MM = (2.0, 3.0, 5.5)  # thicknesses that the fit of a wall tries
LEAST_WALL_HU = 14.0  # from which it is one,
THICK_WALL_MM = 4.0  # from which it is no part of the interior,
MOST_WALL_MM = 8.0  # and how thick it may be
WALL_EDGE_MM = 0.8  # sigma of a wall's inner edge
UNEVEN_WALL = 1.4  # how much thicker than it is in all a wall may be somewhere
SEAM_MM = 1.5  # inside the mask, how far what was there before may reach
WALL_DOUBT = 1.5  # what speaks against a wall: its height times this adds to the residuals
REACH = 6  # voxels, beyond which smoothing does not see
SHALLOW_MM = 7.0  # deepest point of lesions that have few layers
CALCIUM_HU = 200.0
CALCIUM_ABOVE_LESION_HU, CALCIUM_ABOVE_ORGAN_HU = 100.0, 80.0
CUT_HU = 20.0  # how near to where a scan was cut off calcium's least may be, to be told still: what is cut is blurred
LEAST_SHARE = 0.3  # of a lesion that has to be left where calcium is kept away from
MOST_KEPT = 0.1  # the share of a voxel that may be the scan's own where a lesion is looked at


@dataclass(frozen=True)
class Attributes:
    """A lesion's attributes.

    Attributes:
        parenchyma_hu: The healthy tissue it replaces.
        mean_hu: Mean of its interior, without calcium, gas and wall.
        contrast_hu: `mean_hu` minus `parenchyma_hu`.
        texture_hu: Standard deviation of its inner texture at 1 mm and coarser, scan noise removed; NaN, as `core_hu`
            and `living_hu`, where hardly any of it is not its border.
        margin_mm: 10-90% width of the border's rise; NaN where the contrast is under 10 HU.
        rim_hu: How far a wall at the border rises above the core, beyond what the border itself explains.
        rim_seen_hu: By how much the brightest layer of the outermost millimetres stands out of the lesion's body and of
            the healthy tissue around by more than the noise (its standard deviation at 1 mm); negative where a rim is
            not to be seen.
        wall_mm: From the border to where that wall has fallen half-way to what is inside it; NaN without a wall.
        septa_hu: How far septa stand out of its body; NaN where it is too small for any.
        core_hu: Centre minus the zone between centre and border.
        living_hu: That zone minus the parenchyma: of a lesion with a dead core, its living tissue.
        bright_fraction: Share of it that is calcium: over 200 HU and 100 HU above its own median; NaN where none is
            seen and the scan was cut off below that.
        calcium_mm: Diameter of the ball with the volume of the largest grain of calcium; NaN without.
        diameter_mm: Of the ball with its volume.
        volume_ml: Its volume.
        noise_inside_hu: Standard deviation of the fine noise in the lesion.
        noise_outside_hu: The same in the parenchyma before.
        fat_fraction: See `parts.Parts`, as for all that follow up to `fluid_hu`.
        lobulation_mm: See `outline.Outline`, as for `spiculation_mm`.
    """

    parenchyma_hu: float
    mean_hu: float
    contrast_hu: float
    texture_hu: float
    margin_mm: float
    rim_hu: float
    rim_seen_hu: float
    wall_mm: float
    septa_hu: float
    core_hu: float
    bright_fraction: float
    calcium_mm: float
    diameter_mm: float
    volume_ml: float
    noise_inside_hu: float
    noise_outside_hu: float
    living_hu: float = float("nan")
    fat_fraction: float = float("nan")
    gas_fraction: float = float("nan")
    level_hu: float = float("nan")
    nodule_hu: float = float("nan")
    globules_hu: float = float("nan")
    target_hu: float = float("nan")
    scar_hu: float = float("nan")
    fluid_hu: float = float("nan")
    lobulation_mm: float = float("nan")
    spiculation_mm: float = float("nan")


def measure(
    healthy: np.ndarray,
    synthetic: np.ndarray,
    depth: np.ndarray,
    usable: np.ndarray | None = None,
    kept: np.ndarray | None = None,
) -> Attributes:
    """Measures one lesion.

    Args:
        healthy: The scan before, HU, on a 1 mm grid.
        synthetic: The scan with the lesion, likewise.
        depth: Signed distance to the mask's border in mm, positive inside.
        usable: Boolean, of the same shape: where the scan before may be healthy; None for everywhere.
        kept: What in the mask stayed the scan's own (its shares, 0 to 1), and is not looked at.
    """
    return measure_in(Surroundings(healthy, depth, usable, parenchyma_hu(healthy, depth, usable)), synthetic, kept)


def measure_in(
    around: Surroundings, synthetic: np.ndarray, kept: np.ndarray | None = None, walls: bool = True
) -> Attributes:
    """Measures one lesion as `measure` does, of several that are drawn at one place.

    Args:
        around: What it is measured against.
        synthetic: The scan with the lesion, HU, on a 1 mm grid.
        kept: What in the mask stayed the scan's own (its shares, 0 to 1), and is not looked at.
        walls: Whether what is brighter under the border may be a wall, and no part of the interior then.
    """
    healthy, depth, parenchyma = around.healthy, around.depth, around.parenchyma_hu
    whole_mask = depth > 0
    drawn = np.ones_like(whole_mask) if kept is None else kept < MOST_KEPT
    if around.unseen is not None:
        whole_mask, drawn = whole_mask & ~around.unseen, drawn & ~around.unseen
    inside = or_all(whole_mask & drawn, whole_mask)
    deepest = float(depth.max())
    calcium, gas, least_hu = _calcium_and_gas(synthetic, inside, around.brightest_hu)
    soft = _away(calcium | gas, inside)
    whole = inside & soft
    within = or_all(whole & (depth > min(3.0, 0.3 * deepest)), whole)
    # Inside, what was there before has gone (vessels, fat), but for what reaches into the mask's first millimetre.
    seam = min(SEAM_MM, 0.5 * deepest)
    change = synthetic - parenchyma - np.clip(1 - depth / seam, 0, 1) * (healthy - np.float32(parenchyma))
    seen = soft & drawn if around.usable is None else soft & drawn & (around.usable | whole_mask)
    edge = seen & (around.tissue | (depth > seam))
    margin, rim = _border(change, depth, or_all(edge & around.in_plane, edge), deepest)
    shown = or_all(whole & around.in_plane, whole)
    wall = _wall(change, depth, shown) if walls and rim >= LEAST_WALL_HU else float("nan")
    thick = wall + WALL_EDGE_MM if wall > THICK_WALL_MM else 0.0
    inner = or_all(whole & (depth > min(3.0, 0.45 * deepest)), whole)
    interior = or_all(inner & (depth > thick), inner)
    centre, zone = _centre_and_zone(synthetic, depth, whole, deepest)
    mean, volume = float(synthetic[interior].mean()), float(whole_mask.sum())
    stands_out = _brightest_layer(synthetic, depth, shown, deepest) - max(mean, parenchyma)
    # An uneven wall is no texture; what lives around a dead core is.
    textured = _beyond_wall(whole, depth, wall, within) if stands_out > 0 else within
    found = Attributes(
        parenchyma_hu=parenchyma,
        mean_hu=mean,
        contrast_hu=mean - parenchyma,
        texture_hu=_texture(synthetic, depth, textured, around.noise_left_hu),
        margin_mm=margin,
        rim_hu=rim,
        rim_seen_hu=stands_out - around.noise_hu,
        wall_mm=wall,
        septa_hu=septa_hu(synthetic, _deep(whole, depth, wall), around.noise_sheets_hu),
        core_hu=centre - zone,
        living_hu=zone - parenchyma,
        bright_fraction=float(calcium.sum()) / volume,
        calcium_mm=_largest(calcium),
        diameter_mm=ball_mm(volume),
        volume_ml=volume / 1000,
        noise_inside_hu=_noise_inside(synthetic, interior),
        noise_outside_hu=around.noise_hu,
        **vars(parts(synthetic, inside, _away(calcium, inside), depth, thick, around.up)),
        **vars(outline(change, depth, edge)),
    )
    return _as_far_as_known(found, int(np.count_nonzero(within)), least_hu, around.limits)


def _as_far_as_known(found: Attributes, interior: int, calcium_hu: float, limits: Range) -> Attributes:
    """A lesion without what cannot be measured: of an inside of a few voxels, or beyond where a scan was cut off."""
    unknown = ["core_hu", "living_hu"] if interior < LEAST_VOXELS else []
    if not found.bright_fraction and calcium_hu > limits[1] - CUT_HU:
        unknown += ["bright_fraction", "calcium_mm"]
    if limits[0] > GAS_HU:
        unknown += ["gas_fraction"]
    return replace(found, **dict.fromkeys(unknown, float("nan")))


def calcium_from_hu(lesion_hu: float, brightest_hu: float) -> float:
    """The HU from which on a voxel is calcium: no rim or rest of an organ that is as bright as a kidney.

    Args:
        lesion_hu: The lesion's median.
        brightest_hu: Of the organ around it, `Surroundings.brightest_hu`.
    """
    return max(CALCIUM_HU, lesion_hu + CALCIUM_ABOVE_LESION_HU, brightest_hu + CALCIUM_ABOVE_ORGAN_HU)


def _calcium_and_gas(hu: np.ndarray, inside: np.ndarray, brightest_hu: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Where in a lesion either is, and the HU from which on it is calcium."""
    lightly = ndimage.gaussian_filter(hu, LIGHTLY)
    least = calcium_from_hu(float(np.median(lightly[inside])), brightest_hu)
    return inside & (lightly > least), inside & (lightly < GAS_HU), least


def _away(foreign: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Voxels that calcium and gas do not reach: 3 mm from them where the lesion has enough of these, else nearer.

    All voxels where nothing else is in the lesion: what is darkened in a lung is as thin as gas throughout.
    """
    if foreign.any():
        for voxels in (3, 2, 1):
            away = ~ndimage.binary_dilation(foreign, iterations=voxels)
            if np.count_nonzero(inside & away) >= LEAST_SHARE * np.count_nonzero(inside):
                return away
    return ~foreign if (inside & ~foreign).any() else np.ones_like(foreign)


def _beyond_wall(whole: np.ndarray, depth: np.ndarray, wall_mm: float, within: np.ndarray) -> np.ndarray:
    """The part of a lesion that a wall does not reach where it is thickest; `within` where there is none."""
    if not wall_mm > 0:
        return within
    return or_all(whole & (depth > min(UNEVEN_WALL * wall_mm + WALL_EDGE_MM, 0.75 * float(depth.max()))), within)


def _texture(synthetic: np.ndarray, depth: np.ndarray, interior: np.ndarray, noise_hu: float) -> float:
    """SD of the smoothed interior about its mean at each depth, less what scan noise leaves after smoothing.

    NaN of an interior of a few voxels.
    """
    if np.count_nonzero(interior) < LEAST_VOXELS:
        return float("nan")
    box = grow(tight_box(interior), np.full(3, REACH), depth.shape)
    smooth, within = ndimage.gaussian_filter(synthetic[box], TEXTURE_MM), interior[box]
    layer = np.minimum(depth[interior] // (1 if depth.max() < SHALLOW_MM else 2), 12).astype(int)
    values = smooth[within]
    count = np.bincount(layer)
    level = np.bincount(layer, values) / np.maximum(count, 1)
    variance = float(np.square(values - level[layer]).sum()) / max(len(values) - np.count_nonzero(count), 1)
    # Where noise outweighs texture its estimate may exceed the whole; a remainder keeps lesions in order even so.
    return max(variance - noise_hu**2, 0.05 * variance) ** 0.5


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
    target = np.append(profile * weight, 0)
    # A border wider than the lesion, or one far from the mask's, would be taken for a lesion of another height.
    sigmas = np.geomspace(0.5, np.clip(0.9 * deepest, 2.0, 3.6), 20)
    tried = np.meshgrid(sigmas, np.arange(-1.2, 1.3, 0.4), np.minimum(TRIED_WALLS_MM, 0.5 * deepest))
    sigma, shift, wall = (values.reshape(-1, 1) for values in tried)
    step = ndtr((at - shift) / sigma)
    bump = step - ndtr((at - shift - wall) / WALL_EDGE_MM)
    basis = np.stack([step, bump], axis=-1) * weight[:, None]
    basis = np.concatenate([basis, np.broadcast_to([0, WALL_DOUBT], (len(basis), 1, 2))], axis=1)
    turned = basis.swapaxes(1, 2)
    heights = np.linalg.solve(turned @ basis, turned @ target[:, None])
    best = int(np.square(basis @ heights - target[:, None]).sum(axis=(1, 2)).argmin())
    core, rim = heights[best, :, 0]
    clear = max(abs(core), abs(core + rim)) >= LEAST_CONTRAST_HU
    return (RISE * float(sigma[best, 0]) if clear else float("nan")), float(rim)


def _deep(inside: np.ndarray, depth: np.ndarray, wall_mm: float) -> np.ndarray:
    """Where septa would be told from the border and a wall."""
    thickness = wall_mm if np.isfinite(wall_mm) else 0.0
    return inside & (depth > max(3.0, 0.25 * float(depth.max()), thickness + 1.5))


def _brightest_layer(synthetic: np.ndarray, depth: np.ndarray, inside: np.ndarray, deepest: float) -> float:
    """The highest mean of a millimetre's depth, HU, where a rim would be."""
    near = inside & (depth < min(MOST_WALL_MM, 0.6 * deepest))
    if not near.any():
        return float(synthetic[inside].mean())
    layer = np.floor(depth[near]).astype(int)
    count = np.bincount(layer)
    filled = count > 0
    return float((np.bincount(layer, synthetic[near])[filled] / count[filled]).max())


def _wall(change: np.ndarray, depth: np.ndarray, inside: np.ndarray) -> float:
    """From the border to where the change's mean at each depth has fallen half-way from its peak, mm."""
    layer = np.floor(depth[inside]).astype(int)
    count = np.bincount(layer)
    filled = np.flatnonzero(count)
    at, profile = filled + 0.5, np.bincount(layer, change[inside])[filled] / count[filled]
    peak = int(profile[at < MOST_WALL_MM].argmax())
    after = profile[peak : peak + int(MOST_WALL_MM) + 2]
    half = (after[0] + after.min()) / 2
    below = int(np.argmax(after <= half))
    if not below:
        return float("nan")
    share = (after[below - 1] - half) / (after[below - 1] - after[below])
    return float(at[peak + below - 1] + share)


def _largest(calcium: np.ndarray) -> float:
    """Diameter of the ball with the volume of the largest connected part, mm; NaN if there is none."""
    grains, count = ndimage.label(calcium)
    return ball_mm(np.bincount(grains.ravel())[1:].max()) if count else float("nan")


def _centre_and_zone(
    synthetic: np.ndarray, depth: np.ndarray, inside: np.ndarray, deepest: float
) -> tuple[float, float]:
    """Medians of the centre and of the zone around it, HU."""
    # What is next to the border is blurred with the parenchyma, or is a wall.
    start = max(0.15 * deepest, min(3.0, 0.3 * deepest))
    centre = or_all(inside & (depth > 0.65 * deepest), inside)
    around = or_all(inside & (depth > start) & (depth < start + 0.2 * deepest), inside)
    return float(np.median(synthetic[centre])), float(np.median(synthetic[around]))


def _noise_inside(synthetic: np.ndarray, interior: np.ndarray) -> float:
    box = grow(tight_box(interior), np.full(3, REACH), interior.shape)
    return noise_hu(synthetic[box], interior[box])
