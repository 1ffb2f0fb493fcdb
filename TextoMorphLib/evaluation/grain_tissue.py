"""The nearest homogeneous tissue of a lesion, which its noise is held against.

How homogeneous tissue is, is told by the scan without its noise: by how much that varies, against where it varies
least. How loud the noise is has no say in it, else the quiet places would be taken and the reference be too weak; where
it is much louder or much weaker than in most of what was found, what is seen is not the same thing. And where the
evenest of a scan is not even, there is none. The rule and its figures were chosen by how well they recover noise that
is known (`known_noise`), not by what lesions are like.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial.tissue import UNKNOWN_HU

SMOOTHING_MM = 2.0  # sigma within slices: what is left of the scan is anatomy, and a little of its noise
PATCH_MM = 8.0  # over such squares that is homogeneous
EVENEST, UNEVEN = 0.1, 1.5  # which varies at most so much more than in this share of the soft tissue
MOST = 0.7  # relative to the noise that smoothing takes away; of grainy noise 0.4 is left
UNUSUAL = 1.3  # times as loud as the median, or as weak
MOST_CUT = 0.02  # share of a square at the scan's largest value, where noise may be cut off
SOFT_HU = (0.0, 230.0)
WANTED = 4000  # the nearest voxels


def even(ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray, border_mm: float) -> np.ndarray:
    """Finds it.

    Args:
        ct: HU on a part of the scan's own grid.
        mask: Boolean, of the same shape: what it is to be near to, and no part of.
        spacing: Voxel size in mm.
        border_mm: How far from the mask it begins.

    Returns:
        Boolean, of the scan's shape; empty where there is no soft tissue.
    """
    flat = np.arange(3) != 2 - int(np.argmax(spacing[::-1]))
    size = np.where(flat, np.maximum(np.rint(PATCH_MM / spacing), 3), 1).astype(int)
    known = ct > UNKNOWN_HU
    weight = ndimage.gaussian_filter(known.astype(np.float32), flat * SMOOTHING_MM / spacing)
    filled = np.where(known, ct, np.float32(0))
    smooth = ndimage.gaussian_filter(filled, flat * SMOOTHING_MM / spacing) / np.maximum(weight, 1e-3)
    level, loud, cut, seen = (
        ndimage.uniform_filter(values.astype(np.float32), size)
        for values in (smooth, np.square(filled - smooth), ct == ct.max(), known)
    )
    away = ndimage.distance_transform_edt(~mask, sampling=spacing)
    found = (away > border_mm) & (level > SOFT_HU[0]) & (level < SOFT_HU[1]) & (cut < MOST_CUT) & (seen > 0.99)
    if not found.any():
        return found
    middle = np.float32(sum(SOFT_HU) / 2)  # or squares of large numbers are subtracted
    varies = ndimage.uniform_filter(np.square(smooth - middle), size) - np.square(level - middle)
    found &= varies <= UNEVEN**2 * max(float(np.quantile(varies[found], EVENEST)), 0.0)
    found &= varies <= MOST**2 * loud
    found = _nearest(found, away, round(1.25 * WANTED))
    usual = np.median(loud[found]) if found.any() else 0.0
    return _nearest(found & (loud <= UNUSUAL**2 * usual) & (loud >= usual / UNUSUAL**2), away, WANTED)


def _nearest(found: np.ndarray, away: np.ndarray, wanted: int) -> np.ndarray:
    total = np.count_nonzero(found)
    return np.asarray(found & (away <= np.partition(away[found], wanted)[wanted])) if total > wanted else found
