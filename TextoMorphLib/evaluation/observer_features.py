"""What a machine observer looks at in a lesion: its texture, features that no model is fitted to, and all there is.

Everything is measured in mm and inside the mask (smoothing never reaches over its border), so that a scan's voxels, a
lesion's contrast and the tissue around it matter only where a feature is named after them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage, stats

from TextoMorphLib.measurement import radiomics
from TextoMorphLib.spatial.geometry import grow, signed_depth, tight_box

UNKNOWN_HU = -1200.0  # what is darker is no tissue, and no air either: padding, or the outside of a crop
AROUND_MM = 8.0
TEXTURE_MM = 1.5  # scales above this are texture, below it there is mostly noise
BANDS_MM = (TEXTURE_MM, 3.0, 6.0)
LEAST_VOXELS = 200
PATTERN_MM = 2.0  # radius of the local binary patterns
LOCAL_MM = 3.0  # how wide local spread and direction are looked at
LAGS_MM = (3.0, 6.0)

Features = dict[str, float]


@dataclass(frozen=True)
class Lesion:
    """A lesion and what is around it.

    Attributes:
        hu: HU, float32.
        mask: Boolean, of the same shape.
        known: Boolean: where there is a value.
        spacing: mm.
    """

    hu: np.ndarray
    mask: np.ndarray
    known: np.ndarray
    spacing: np.ndarray

    @classmethod
    def cut(cls, hu: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> Lesion:
        """A lesion out of its scan. Slices come last: the axis of the longest voxels."""
        box = grow(tight_box(mask), np.ceil(AROUND_MM / spacing), mask.shape)
        last = int(np.argmax(np.round(spacing, 2) + 1e-3 * np.arange(3)))
        order = [axis for axis in range(3) if axis != last] + [last]
        part = np.transpose(hu[box], order).astype(np.float32)
        known = np.isfinite(part) & (part > UNKNOWN_HU)
        return cls(part, np.transpose(mask[box], order) & known, known, np.asarray(spacing)[order])

    @cached_property
    def depth(self) -> np.ndarray:
        """Signed distance to the border in its slice, mm, positive inside: scans may hold a few thick slices alone."""
        depth = np.full(self.mask.shape, -np.inf, np.float32)
        for number in np.flatnonzero(self.mask.any(axis=(0, 1))):
            # A slice of its own, one "mm" thick and far from the others.
            one = np.pad(self.mask[:, :, number : number + 1], ((1, 1), (1, 1), (0, 0)))
            apart = signed_depth(one, np.array([*self.spacing[:2], 1e6]))
            depth[:, :, number] = apart[1:-1, 1:-1, 0]
        return depth

    @cached_property
    def level(self) -> float:
        """Its mean, HU."""
        return float(self.hu[self.mask].mean())

    def smooth(self, sigma_mm: float) -> np.ndarray:
        """Its HU less its mean, smoothed inside the mask alone; 0 outside."""
        return self.smoothed(np.where(self.mask, self.hu - self.level, 0), sigma_mm)

    def smoothed(self, image: np.ndarray, sigma_mm: float) -> np.ndarray:
        """An image's normalised convolution over the mask; 0 outside."""
        sigma = sigma_mm / self.spacing
        weight = ndimage.gaussian_filter(self.mask.astype(np.float32), sigma)
        total = ndimage.gaussian_filter(np.where(self.mask, image, 0).astype(np.float32), sigma)
        return np.where(self.mask, total / np.maximum(weight, 1e-3), 0)

    @cached_property
    def fine(self) -> np.ndarray:
        """Its texture above `TEXTURE_MM`."""
        return self.smooth(TEXTURE_MM)


def texture(lesion: Lesion) -> Features:
    """14 numbers of texture above 1.5 mm: how strong at each scale, how far from Gaussian, how it goes inwards."""
    inside, levels = lesion.mask, [lesion.smooth(sigma) for sigma in BANDS_MM]
    found: Features = {}
    parts = {
        "above_1.5mm": levels[0],
        "1.5_to_3mm": levels[0] - levels[1],
        "3_to_6mm": levels[1] - levels[2],
    }
    for name, part in parts.items():
        values = part[inside]
        found[f"{name}_log_sd"] = float(np.log(values.std() + 0.1))
        found[f"{name}_skew"] = _bounded(stats.skew(values))
        found[f"{name}_kurtosis"] = _bounded(stats.kurtosis(values))
    depth, values = lesion.depth[inside], levels[0][inside]
    deepest = float(depth.max())
    core = values[depth > 0.5 * deepest].mean()
    found["rim_minus_core"] = float(values[depth < min(2.0, 0.35 * deepest)].mean() - core)
    middle = (depth >= min(2.0, 0.35 * deepest)) & (depth <= 0.5 * deepest)
    found["middle_minus_core"] = float(values[middle].mean() - core) if middle.any() else 0.0
    low, median, high = np.percentile(values, (5, 50, 95))
    found["tails"] = float(np.log((high - median + 1) / (median - low + 1)))
    found["slice_to_slice_log_sd"] = float(np.log(_slice_means(levels[0], inside).std() + 0.1))
    found["above_1.5mm_log_slope"] = float(np.log(_slopes(lesion)[_deep(lesion)].mean() + 0.1))
    return found


def unseen(lesion: Lesion) -> Features:
    """23 numbers that nothing here is fitted to: patterns, local spread, pieces, slopes, direction, repetition."""
    inside, fine = _deep(lesion), lesion.fine
    found = {f"pattern_{number}": share for number, share in enumerate(_patterns(lesion))}
    local = lesion.smoothed(np.square(fine - lesion.smoothed(fine, LOCAL_MM)), LOCAL_MM)
    spread = np.sqrt(np.maximum(local[lesion.mask], 0))
    found["local_sd_variation"] = float(spread.std() / (spread.mean() + 0.1))
    found["local_sd_skew"] = _bounded(stats.skew(spread))
    for name, above in (("bright", True), ("dark", False)):
        limit = np.percentile(fine[lesion.mask], 75 if above else 25)
        pieces, count = ndimage.label(lesion.mask & ((fine > limit) if above else (fine < limit)))
        sizes = np.bincount(pieces.ravel())[1:]
        found[f"{name}_pieces_log_per_ml"] = float(np.log((count + 0.5) / _volume_ml(lesion)))
        found[f"{name}_largest_share"] = float(sizes.max() / sizes.sum()) if count else 1.0
    slopes = _slopes(lesion)[inside]
    found["slope_skew"], found["slope_kurtosis"] = _bounded(stats.skew(slopes)), _bounded(stats.kurtosis(slopes))
    found["coherence"] = _coherence(lesion)
    for axis, lag in ((axis, lag) for axis in (0, 1) for lag in LAGS_MM):
        found[f"repeats_{'xy'[axis]}_{lag:g}mm"] = _repeats(fine, lesion.mask, axis, lag / lesion.spacing[axis])
    found["repeats_next_slice"] = _repeats(fine, lesion.mask, 2, 1)
    return found


def noise_and_border(lesion: Lesion) -> Features:
    """What is finer than texture, and the border: whether noise and seam give a lesion away."""
    inside, grain = lesion.mask, np.where(lesion.mask, lesion.hu - lesion.level - lesion.fine, 0)
    outside = lesion.known & (lesion.depth < -2.0) & (np.abs(lesion.hu - lesion.level) < 60)
    sd = float(grain[inside].std())
    found = {"noise_log_sd": float(np.log(sd + 0.1)), "noise_kurtosis": _bounded(stats.kurtosis(grain[inside]))}
    found |= _patches_of_noise(lesion, grain)
    rough = _neighbour_sd(lesion.hu, inside)
    found["noise_against_outside"] = float(np.log((rough + 0.1) / (_neighbour_sd(lesion.hu, outside) + 0.1)))
    for axis in range(3):
        found[f"noise_repeats_{'xyz'[axis]}"] = _repeats(grain, inside, axis, 1)
    slope = np.hypot(*(np.gradient(lesion.hu, mm, axis=axis) for axis, mm in enumerate(lesion.spacing[:2])))
    for low, high in ((-4.0, -2.0), (-2.0, -0.7), (-0.7, 0.7), (0.7, 2.0)):
        ring = lesion.known & (lesion.depth > low) & (lesion.depth <= high)
        at = f"{low:g}_to_{high:g}mm"
        found[f"border_{at}_hu"] = float(lesion.hu[ring].mean() - lesion.level) if ring.any() else float("nan")
        found[f"border_{at}_log_slope"] = float(np.log(slope[ring].mean() + 0.1)) if ring.any() else float("nan")
        found[f"border_{at}_log_sd"] = float(np.log(lesion.hu[ring].std() + 0.1)) if ring.any() else float("nan")
    return found


def _patches_of_noise(lesion: Lesion, grain: np.ndarray) -> Features:
    """How much less and more noise there is in patches of `LOCAL_MM` than in most: a flat disc, or pepper."""
    sigma = [LOCAL_MM / mm for mm in lesion.spacing[:2]] + [0.0]
    weight = np.maximum(ndimage.gaussian_filter(lesion.mask.astype(np.float32), sigma), 1e-3)
    energy = ndimage.gaussian_filter(np.square(grain, dtype=np.float32), sigma) / weight
    least, middle, most = np.log(np.sqrt(np.percentile(energy[_deep(lesion)], (2, 50, 98))) + 0.1)
    return {"noise_least_patch": float(least - middle), "noise_most_patch": float(most - middle)}


def everything(lesion: Lesion) -> Features:
    """All of it, and the 93 radiomics features."""
    found = radiomics.features(lesion.hu, lesion.mask, lesion.spacing)
    return {**texture(lesion), **unseen(lesion), **noise_and_border(lesion), **found}


# A set of features is an entry here.
SETS: dict[str, Callable[[Lesion], Features]] = {"texture": texture, "unseen": unseen, "all": everything}


def measured(hu: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> dict[str, Features] | None:
    """Every set of features of one lesion.

    Args:
        hu: Its scan, HU; below -1200 nothing is known.
        mask: Boolean, of the same shape.
        spacing: mm along its axes.

    Returns:
        By the set's name; None for a lesion with too few known voxels to have a texture.
    """
    if not mask.any():
        return None
    lesion = Lesion.cut(hu, mask, np.asarray(spacing, float))
    if np.count_nonzero(lesion.mask) < LEAST_VOXELS:
        return None
    return {name: features(lesion) for name, features in SETS.items()}


def _deep(lesion: Lesion) -> np.ndarray:
    """Where neighbours in the plane are inside, too."""
    deep = lesion.mask & (lesion.depth > float(lesion.spacing[:2].max()))
    return deep if np.count_nonzero(deep) > LEAST_VOXELS / 4 else lesion.mask


def _slopes(lesion: Lesion) -> np.ndarray:
    """Gradient of the texture in the plane, HU a mm."""
    return np.hypot(*(np.gradient(lesion.fine, mm, axis=axis) for axis, mm in enumerate(lesion.spacing[:2])))


def _coherence(lesion: Lesion) -> float:
    """How much slopes in a neighbourhood share a direction, 0 to 1 (structure tensor in the plane)."""
    x, y = (np.gradient(lesion.fine, mm, axis=axis) for axis, mm in enumerate(lesion.spacing[:2]))
    xx, yy, xy = (lesion.smoothed(product, LOCAL_MM)[_deep(lesion)] for product in (x * x, y * y, x * y))
    return float(np.mean(np.hypot(xx - yy, 2 * xy) / (xx + yy + 0.1)))


def _patterns(lesion: Lesion) -> np.ndarray:
    """Shares of nine of the ten rotation-invariant uniform local binary patterns (Ojala et al., 2002) in the plane."""
    fine, inside = lesion.fine, lesion.mask
    brighter, usable = [], inside.copy()
    for angle in np.arange(8) * np.pi / 4:
        step = np.rint(PATTERN_MM * np.array([np.cos(angle), np.sin(angle)]) / lesion.spacing[:2]).astype(int)
        brighter.append(_shifted(fine, step) > fine)
        usable &= _shifted(inside, step)
    bits = np.array(brighter)[:, usable]
    if not bits.size:
        return np.zeros(9)
    turns = np.count_nonzero(bits != np.roll(bits, 1, axis=0), axis=0)
    pattern = np.where(turns <= 2, bits.sum(axis=0), 9)
    return np.bincount(pattern, minlength=10)[:9] / pattern.size


def _shifted(image: np.ndarray, step: np.ndarray) -> np.ndarray:
    """What lies `step` voxels farther in the plane; 0 beyond the edge."""
    out = np.zeros_like(image)
    ends = []
    for by, size in zip(step, image.shape, strict=False):
        ends.append((slice(max(-by, 0), size - max(by, 0)), slice(max(by, 0), size - max(-by, 0))))
    out[ends[0][0], ends[1][0]] = image[ends[0][1], ends[1][1]]
    return out


def _repeats(image: np.ndarray, where: np.ndarray, axis: int, voxels: float) -> float:
    """Correlation of voxels with those so far along an axis; 0 where there are too few."""
    by = max(round(float(voxels)), 1)
    near, far = ([slice(None)] * 3 for _ in range(2))
    near[axis], far[axis] = slice(None, -by), slice(by, None)
    both = where[tuple(near)] & where[tuple(far)]
    if np.count_nonzero(both) < LEAST_VOXELS / 4:
        return 0.0
    a, b = image[tuple(near)][both], image[tuple(far)][both]
    spread = float(a.std() * b.std())
    return float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 1e-6 else 0.0


def _neighbour_sd(image: np.ndarray, where: np.ndarray) -> float:
    """Spread of the steps between neighbours in the plane: noise, whatever the tissue does."""
    steps = [np.diff(image, axis=axis)[where.take(range(1, where.shape[axis]), axis)] for axis in (0, 1)]
    every = np.concatenate(steps)
    return float(1.4826 * np.median(np.abs(every))) if every.size else 0.0


def _slice_means(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    count = inside.sum(axis=(0, 1))
    full = count > 0.3 * count.max()
    return np.where(inside, image, 0).sum(axis=(0, 1))[full] / count[full]


def _volume_ml(lesion: Lesion) -> float:
    return float(np.count_nonzero(lesion.mask) * np.prod(lesion.spacing)) / 1000


def _bounded(value: float) -> float:
    """A moment that one odd voxel cannot drive out of all bounds."""
    return float(np.clip(np.nan_to_num(value), -20, 20))
