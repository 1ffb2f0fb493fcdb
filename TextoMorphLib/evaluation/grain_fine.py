"""Noise by what is finest in a scan: so that of the very place of a lesion is known, whatever tissue is there.

Noise differs from place to place within a slice, by a sixth in a liver; the nearest homogeneous tissue is another
place. What a Gaussian of a voxel takes away is noise almost everywhere, under a mask as well, and so the scan before
tells how strong noise is where the lesion lies. Only that band can be compared so.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.evaluation.grain_measures import Grain

FINE_VOXELS = 1.0  # sigma within slices: what such a Gaussian takes away is fine
AROUND_VOXELS = 7  # over so much of a slice it is nothing but noise
LOUDEST = 1.25  # where it is at most so much stronger than it is in the median; edges are
LEAST_PAIRS = 100  # of neighbours


def fine(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> Grain:
    """The finest detail's strength at some voxels, and the correlations of its neighbours along the axes.

    Args:
        ct: HU on a part of the scan's own grid, a few voxels larger than what is looked at.
        where: Boolean, of the same shape, not empty.
        spacing: Voxel size in mm.

    Returns:
        NaN for what too few neighbours are there for. Only to be held against what is measured in the same way: such
        detail is weaker than all of the noise, and its neighbours are less alike.
    """
    flat = np.arange(3) != 2 - int(np.argmax(spacing[::-1]))
    detail = (ct - ndimage.gaussian_filter(ct, FINE_VOXELS * flat)).astype(np.float64)
    loud = ndimage.uniform_filter(np.square(detail), np.where(flat, AROUND_VOXELS, 1))
    quiet = where & (loud <= LOUDEST**2 * np.median(loud[where]))
    return Grain(float(np.sqrt(np.square(detail[quiet]).mean())), *(_alike(detail, quiet, axis) for axis in range(3)))


def _alike(detail: np.ndarray, where: np.ndarray, axis: int) -> float:
    rows, chosen = np.moveaxis(detail, axis, 0), np.moveaxis(where, axis, 0)
    both = chosen[1:] & chosen[:-1]
    if np.count_nonzero(both) < LEAST_PAIRS:
        return float("nan")
    one, other = rows[1:][both], rows[:-1][both]
    strength = float(np.sqrt(np.square(one).mean() * np.square(other).mean()))
    return float((one * other).mean() / strength) if strength > 0 else float("nan")
