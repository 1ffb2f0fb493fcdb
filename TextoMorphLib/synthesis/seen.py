"""In which slice of a lesion what was asked shows: gas, calcium and nodules need not lie in its middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from TextoMorphLib.measurement.attributes import calcium_from_hu
from TextoMorphLib.measurement.parts import GAS_HU

NODULE_VOXELS = 2.0  # sigma at which a nodule is looked for
LEAST_AREA = 0.4  # of the largest slice: what is cut near its end shows nothing of a lesion
ENOUGH = 0.7  # of what shows in the best slice: as long as the middle has so much, it is taken

Said = Mapping[str, Mapping[str, float]]


def slice_with(hu: np.ndarray, mask: np.ndarray, middle: int, said: Said) -> int:
    """The slice in which most of what was asked shows; the middle where nothing is asked that lies in a place.

    Args:
        hu: The scan with the lesion, around it; slices along the last axis.
        mask: Boolean, of its shape, not empty: the lesion.
        middle: The slice that cuts most of it.
        said: What was drawn: kinds, and the probabilities of their values.
    """
    asked = [
        score for (kind, values), score in _SHOWS.items() if any(said.get(kind, {}).get(v, 0) > 0.5 for v in values)
    ]
    if not asked:
        return middle
    area = mask.sum((0, 1))
    seen = np.ones(len(area))
    for score in asked:
        amount = score(hu, mask)
        seen *= np.maximum(amount, 0) / max(float(amount.max()), 1e-6)
    seen = np.where(area >= LEAST_AREA * area.max(), seen, 0)
    best = int(seen.argmax())
    return middle if seen[middle] >= ENOUGH * seen[best] else best


def _gas(hu: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray((mask & (hu < GAS_HU)).sum((0, 1)), float)


def _calcium(hu: np.ndarray, mask: np.ndarray) -> np.ndarray:
    above = hu - calcium_from_hu(float(np.median(hu[mask])), -np.inf)
    return np.asarray(np.where(mask, np.maximum(above, 0), 0).sum((0, 1)), float)  # a rim is bright, calcium brighter


def _nodule(hu: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How far the brightest compact part of each slice is above the lesion, away from its border."""
    level = float(np.median(hu[mask]))
    inner = ndimage.binary_erosion(mask, np.ones((3, 3, 1)), iterations=2)
    smooth = ndimage.gaussian_filter(np.where(mask, hu - level, 0), (NODULE_VOXELS, NODULE_VOXELS, 0))
    return np.asarray(np.where(inner, smooth, 0).max((0, 1)), float)


_SHOWS: dict[tuple[str, tuple[str, ...]], Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    ("gas", ("bubbles", "level")): _gas,
    ("calcification", ("present",)): _calcium,
    ("nodule", ("mural",)): _nodule,
}
