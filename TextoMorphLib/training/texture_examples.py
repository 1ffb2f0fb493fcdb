"""Real tumours as a texture network learns them: windows around lesions, turned, stretched and partly hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.models.texture import (
    CLIPPED,
    CONTEXT_HU,
    CONTEXT_MM,
    GROWN_MM,
    LOW_PASS_MM,
    PIXEL_MM,
    scaled_numbers,
)
from TextoMorphLib.spatial.geometry import ball_mm
from TextoMorphLib.spatial.slices import depth_in_plane, low_pass, noise_and_grain
from TextoMorphLib.spatial.tissue import organ_hu

CORE_MM = 1.5  # a lesion's mean and spread are those deeper than this
LEAST_CORE = 40  # voxels
LEAST_MM3 = 300.0
LEAST_SPREAD_HU = 0.1
SCALES = (0.85, 1.18)  # of place,
CONTRASTS = (0.85, 1.15)  # of HU around the lesion's mean,
BRIGHTNESS_HU = 10.0  # of that mean,
JITTER = 0.05  # of the numbers,
MASK_MM = 0.6  # and of the mask's border
SHIFT_MM = 4.0
EDGE_WEIGHT = 0.2  # of the field's outermost voxels, which are much fat, in the loss
HIDDEN, HALF_HIDDEN, BLURRED = 0.2, 0.2, 0.2  # shares of the windows whose surroundings are


@dataclass(frozen=True)
class RealLesion:
    """One patient's tumour, ready to cut windows from.

    Attributes:
        low: [h, w, slices] low pass in the plane, HU.
        known: Boolean: inside the crop.
        depth: In the plane, mm.
        spacing: mm.
        mean_hu: The tumour's, and
        sd_hu: its low pass's spread.
        contrast_hu: Mean minus the healthy organ's, as `organ_hu` measures it; 0 where too little of that is seen.
        noise_hu: As `noise_and_grain` measures it.
        grain_hu: Likewise.
        diameter_mm: Of the ball with the tumour's volume.
    """

    low: np.ndarray
    known: np.ndarray
    depth: np.ndarray
    spacing: np.ndarray
    mean_hu: float
    sd_hu: float
    contrast_hu: float
    noise_hu: float
    grain_hu: float
    diameter_mm: float


def real_lesion(
    hu: np.ndarray, known: np.ndarray, tumour: np.ndarray, organ: np.ndarray, spacing: np.ndarray
) -> RealLesion | None:
    """Prepares a tumour.

    Args:
        hu: [h, w, slices].
        known: Boolean: voxels that have a value.
        tumour: Boolean.
        organ: Boolean: the healthy organ around it.
        spacing: mm.

    Returns:
        None for tumours too small to have a texture, or without any.
    """
    tumour = tumour & known
    if tumour.sum() * np.prod(spacing) < LEAST_MM3:
        return None
    low = low_pass(hu, known, spacing, LOW_PASS_MM)
    depth = depth_in_plane(tumour, spacing)
    core = depth > CORE_MM
    core = core if np.count_nonzero(core) >= LEAST_CORE else tumour
    healthy = organ & known & ~tumour
    mean = float(low[core].mean())
    level = organ_hu(hu, healthy, np.asarray(spacing, float))
    contrast = 0.0 if level is None else mean - level
    noise, grain = noise_and_grain(hu, known, depth, spacing, LOW_PASS_MM)
    diameter = ball_mm(tumour.sum() * np.prod(spacing))
    spread = float(low[core].std())
    if spread < LEAST_SPREAD_HU:  # all of one value: painted, or cut off at a window
        return None
    return RealLesion(low, known, depth, np.asarray(spacing), mean, spread, contrast, noise, grain, diameter)


def window(lesion: RealLesion, rng: np.random.Generator | None, side: int, slices: int) -> dict[str, np.ndarray]:
    """A window around a lesion.

    Args:
        lesion: The tumour.
        rng: Turns, stretches, brightens and hides; None takes the lesion's middle as it is.
        side: Pixels in the plane.
        slices: Number of slices.

    Returns:
        `field`, `weight` [slices, side, side], `place` [4, slices, side, side], `numbers`: what `TextureNetwork` takes.
    """
    matrix, offset, scale, numbers = _geometry(lesion, rng, side, slices)

    def cut(image: np.ndarray, order: int, beyond: float) -> np.ndarray:
        out = np.empty((side, side, slices), np.float32)
        ndimage.affine_transform(
            image, matrix, offset, output_shape=out.shape, output=out, order=order, mode="constant", cval=beyond
        )
        return out.transpose(2, 0, 1)

    low = cut(lesion.low, 1, 0.0)
    known = cut(lesion.known.astype(np.float32), 1, 0.0) > 0.999
    depth = cut(lesion.depth, 1, -99.0) * scale
    stretch, brighter = 1.0, 0.0
    border: np.ndarray | float = 0.0
    if rng is not None:
        stretch, brighter = rng.uniform(*CONTRASTS), rng.uniform(-BRIGHTNESS_HU, BRIGHTNESS_HU)
        border = MASK_MM * _smooth(rng, (side, side), 6.0)
    field = np.clip((low - lesion.mean_hu) / lesion.sd_hu, -CLIPPED, CLIPPED)
    region = (depth > -GROWN_MM) & known
    shown = depth + border
    seen = known & (shown > -CONTEXT_MM) & (shown <= -GROWN_MM)
    context = np.clip(stretch * (low - lesion.mean_hu) / CONTEXT_HU, -3, 3)
    if rng is not None:
        context, seen = _hidden(context, seen, rng)
    place = np.stack([region, context * seen, seen, np.clip(shown / CONTEXT_MM, -1, 2)]).astype(np.float32)
    told = scaled_numbers(
        stretch * lesion.contrast_hu,
        lesion.mean_hu + brighter,
        stretch * lesion.sd_hu,
        stretch * lesion.noise_hu,
        stretch * lesion.grain_hu,
        numbers[0],
        numbers[1],
    )
    described = np.array(told, np.float32)
    if rng is not None:
        described += JITTER * rng.standard_normal(described.shape, np.float32)
    weight = region * np.clip(0.5 + depth / (2 * GROWN_MM), EDGE_WEIGHT, 1)
    return {"field": np.float32(field * region), "weight": np.float32(weight), "place": place, "numbers": described}


def _geometry(
    lesion: RealLesion, rng: np.random.Generator | None, side: int, slices: int
) -> tuple[np.ndarray, np.ndarray, float, tuple[float, float]]:
    """Window index -> voxel index (3x3, offset), how many mm a mm has become; the slices' distance, the diameter."""
    inside = lesion.depth > 0
    areas = inside.sum(axis=(0, 1))
    angle, scale, mirror, flip, shift = 0.0, 1.0, 1.0, 1.0, np.zeros(2)
    middle = int(areas.argmax())
    voxels = np.argwhere(inside[:, :, middle])
    centre = voxels.mean(axis=0)
    if rng is not None:
        middle = int(rng.choice(np.flatnonzero(areas)))
        voxels = np.argwhere(inside[:, :, middle])
        wide = np.ptp(voxels, axis=0) * lesion.spacing[:2] > (side - 6) * PIXEL_MM
        centre = np.where(wide, voxels[rng.integers(len(voxels))], voxels.mean(axis=0))
        angle, scale = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(*np.log(SCALES))))
        mirror, flip = rng.choice([-1.0, 1.0], 2)
        shift = rng.uniform(-SHIFT_MM, SHIFT_MM, 2) / lesion.spacing[:2]
        middle += int(rng.integers(-1, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1.0])
    matrix = np.zeros((3, 3))
    matrix[:2, :2] = np.diag(PIXEL_MM / scale / lesion.spacing[:2]) @ turn
    matrix[2, 2] = flip
    offset = np.array([*(centre + shift), middle]) - matrix @ [(side - 1) / 2, (side - 1) / 2, slices // 2]
    return matrix, offset, scale, (float(lesion.spacing[2]), lesion.diameter_mm * scale)


def _hidden(context: np.ndarray, seen: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The surroundings, hidden, half hidden, blurred or as they are, so that no patient is known by them."""
    kind = rng.random()
    if kind < HIDDEN:
        return context, np.zeros_like(seen)
    if kind < HIDDEN + HALF_HIDDEN:
        rows, columns = np.indices(seen.shape[1:]) - (seen.shape[1] - 1) / 2
        angle = rng.uniform(0, 2 * np.pi)
        side = np.cos(angle) * rows + np.sin(angle) * columns > rng.uniform(-8, 8)
        return context, seen & side
    if kind < HIDDEN + HALF_HIDDEN + BLURRED:
        sigma = (0, *(2 * (rng.uniform(0.7, 2.5),)))
        weight = ndimage.gaussian_filter(seen.astype(np.float32), sigma)
        return ndimage.gaussian_filter(context * seen, sigma) / np.maximum(weight, 1e-3), seen
    return context, seen


def _smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """A smooth random field of a random strength, moved by -0.5 to 0.5."""
    drawn = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma)
    return np.asarray(rng.random() * drawn / (drawn.std() + 1e-6) * 0.5 + rng.uniform(-0.5, 0.5), np.float32)
