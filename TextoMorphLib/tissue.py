"""What the healthy tissue in and around a mask is like.

The parenchyma's HU is the reference of every contrast in TextoMorph: the renderers, the model's training data and
the measurements all take it from here, so that "-40 HU" means one thing.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SOFT_TISSUE_HU = (-40.0, 260.0)  # excludes fat, lung and bone, keeps enhanced organs
NEIGHBOURHOOD_MM = 6.0


def soft_tissue(ct: np.ndarray, sigma_mm: float = 1.5) -> np.ndarray:
    """Voxels whose noise-free HU is that of soft tissue.

    Args:
        ct: HU on a 1 mm grid.
        sigma_mm: Gaussian smoothing before the threshold, so that noise does not decide.

    Returns:
        Boolean array of the same shape.
    """
    smooth = ndimage.gaussian_filter(ct, sigma_mm)
    return (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])


def parenchyma_hu(ct: np.ndarray, depth: np.ndarray) -> float:
    """HU of the healthy parenchyma that a lesion replaces: the median of soft tissue in the mask and 6 mm around it.

    Args:
        ct: Healthy scan, HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, positive inside.

    Returns:
        HU. Where the mask holds no soft tissue at all (lung, fat), the median of what is there.
    """
    near = depth > -NEIGHBOURHOOD_MM
    tissue = near & soft_tissue(ct)
    return float(np.median(ct[tissue if tissue.any() else near]))
