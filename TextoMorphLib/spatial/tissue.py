"""What the healthy tissue in and around a mask is like.

The parenchyma's HU is the reference of every contrast in TextoMorph: the renderers, the model's training data and
the measurements all take it from here, so that "-40 HU" means one thing.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SOFT_TISSUE_HU = (-40.0, 260.0)  # excludes fat, lung and bone, keeps enhanced organs
NEIGHBOURHOOD_MM = 6.0
SMOOTHING_MM = 1.5
SPREAD_HU = 8.0  # how far tissue of one kind spreads once it is smoothed
INSIDE_COUNTS = 3.0  # how much more what lies in the mask counts than what lies around it


def lifted(hu: np.ndarray, lowest_hu: float, softly_hu: float) -> np.ndarray:
    """How much HU have to rise for none to stay under a floor; softly, so that what was darker stays so near it."""
    return np.asarray(softly_hu * np.logaddexp(0, (lowest_hu - hu) / softly_hu))


def parenchyma_hu(ct: np.ndarray, depth: np.ndarray) -> float:
    """HU of the healthy parenchyma that a lesion replaces: the commonest soft tissue in the mask and 6 mm around it.

    A median would be drawn towards the fat that lies around a small organ and blurs with it.

    Args:
        ct: Healthy scan, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, positive inside.

    Returns:
        HU. Where the mask holds no soft tissue at all (lung, fat), the commonest of what is there.
    """
    near = depth > -NEIGHBOURHOOD_MM
    smooth = ndimage.gaussian_filter(ct, SMOOTHING_MM)
    low, high = SOFT_TISSUE_HU
    tissue = near & (smooth > low) & (smooth < high)
    tissue = tissue if tissue.any() else near
    values = smooth[tissue]
    bins = np.arange(np.floor(values.min()), np.ceil(values.max()) + 2)
    count, _ = np.histogram(values, bins, weights=np.where(depth[tissue] > 0, INSIDE_COUNTS, 1.0))
    commonest = bins[ndimage.gaussian_filter1d(count, SPREAD_HU, mode="constant").argmax()] + 0.5
    return float(np.median(ct[tissue][np.abs(values - commonest) < 2.5 * SPREAD_HU]))
