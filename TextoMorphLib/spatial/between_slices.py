"""How alike the noise of neighbouring slices is, where little tissue is even.

Anatomy goes on from slice to slice, and what of it is left in even tissue looks like noise that does. A few hundred
pairs of voxels, which are no independent ones either, know a correlation to 0.1 at best. Both are better in what of
noise is finest: little of anatomy is in it, its voxels are nearly independent, and many more places than those of even
tissue have it. In CT the correlation is the same in all bands, and but for neighbours there is none.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

FINE_VOXELS = 0.7  # sigma within slices: what such a Gaussian takes away is fine
AROUND_VOXELS = 7  # over so much of a slice fine detail is nothing but noise
LOUDEST = 1.25  # where it is at most so much stronger than in even tissue.
USUAL, USUAL_PAIRS = 0.2, 400  # of scans with slices of 2 to 5 mm; counts as much as so many pairs
MOST = 0.5  # of noise that has nothing to do with the next slice but one


def correlation(ct: np.ndarray, known: np.ndarray, tissue: np.ndarray, across: int) -> float:
    """Of the noise of neighbours in neighbouring slices.

    Args:
        ct: HU on a part of the scan's own grid.
        known: Boolean, of the same shape, where noise is the scan's own, neither padded nor cut off.
        tissue: Likewise, not empty: even tissue.
        across: The axis across slices.
    """
    flat = np.array([axis != across for axis in range(3)])
    level = np.float32(ct[tissue].mean())
    filled = np.where(known, ct, level)
    fine = filled - ndimage.gaussian_filter(filled, FINE_VOXELS * flat)
    square = np.square(fine)
    loud = ndimage.uniform_filter(square, np.where(flat, AROUND_VOXELS, 1))
    quiet = np.moveaxis(known & (loud <= LOUDEST**2 * square[tissue].mean()), across, 0)
    fine = np.moveaxis(fine, across, 0)
    both = quiet[1:] & quiet[:-1]
    one, other = fine[1:][both], fine[:-1][both]
    pairs = len(one)
    strength = float(np.sqrt(np.square(one).mean() * np.square(other).mean())) if pairs else 0.0
    alike = float((one * other).mean()) / strength if strength > 0 else 0.0
    return float(np.clip((pairs * alike + USUAL_PAIRS * USUAL) / (pairs + USUAL_PAIRS), 0, MOST))


def set_correlation(covariance: np.ndarray, correlation: float, across: int) -> None:
    """Gives noise a correlation of neighbouring slices, in all its bands; in place.

    Args:
        covariance: HU^2, lag zero in the middle, the next slice at least in it.
        correlation: Of neighbouring slices.
        across: The axis across them.
    """
    planes = np.moveaxis(covariance, across, 0)
    middle = len(planes) // 2
    plane = planes[middle].copy()
    planes[:] = 0
    planes[middle] = plane
    planes[middle - 1] = planes[middle + 1] = correlation * plane


def more_alike(covariance: np.ndarray, more: float, across: int) -> np.ndarray:
    """Noise whose neighbouring slices are more alike, at most as much as `correlation` says of any.

    Args:
        covariance: HU^2, lag zero in the middle.
        more: What is added to the correlation.
        across: The axis across slices.
    """
    planes = np.moveaxis(covariance.copy(), across, 0)
    middle = len(planes) // 2
    if more and len(planes) > 1:
        centre = planes[middle]
        now = float(planes[middle + 1][tuple(size // 2 for size in centre.shape)] / centre.max())
        added = max(0.0, min(more, MOST - now))
        planes[middle - 1] += added * centre
        planes[middle + 1] += added * centre
    return np.moveaxis(planes, 0, across)
