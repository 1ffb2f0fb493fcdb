"""CT noise taken out of a scan as far as its level tells it from structure, and what of it is left.

Band by band, where the scan varies no more than its noise does there, it is smoothed; where it varies more (edges,
structure), it is kept. This is Wiener's filter with local variances, at several scales, for noise that is not white.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.spatial import noise

SIGMAS_MM = (0.7, 1.4, 2.8)  # of the Gaussians between the bands; what is coarser is anatomy
AROUND_MM = (2.0, 2.5, 4.0)  # sigma of the neighbourhood in which each band's variance is looked at


def denoised(
    hu: np.ndarray, covariance: np.ndarray, spacing: np.ndarray, where: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Takes noise of a known autocovariance out of a part of a scan.

    Args:
        hu: HU on a part of the scan's own grid; nothing unknown in it.
        covariance: The noise's, HU^2, as `noise.autocovariance` returns it.
        spacing: Voxel size in mm.
        where: Boolean, of the scan's shape: what matters. Where its finest band, which is nearly all noise, varies less
            than that of the noise, the noise was overestimated, and counts for less.
        seed: Of the noise by which each band's level is told.

    Returns:
        The scan without noise, and a sample of the noise that is still in it; both HU, float32, of the scan's shape.
    """
    fresh = noise.sample_noise(covariance, hu.shape, seed)
    clean, left = np.zeros(hu.shape, np.float32), np.zeros(hu.shape, np.float32)
    rest, rest_noise = np.asarray(hu, np.float32), fresh
    share = None
    for sigma, around in zip(SIGMAS_MM, AROUND_MM, strict=True):
        low, low_noise = (ndimage.gaussian_filter(image, sigma / spacing) for image in (rest, rest_noise))
        band, band_noise = rest - low, rest_noise - low_noise
        level = float(np.square(band_noise).mean())
        varies = ndimage.gaussian_filter(np.square(band), around / spacing)
        if share is None:
            share = min(1.0, float(np.median(varies[where])) / max(level, 1e-6))
        kept = np.clip(1 - share * level / np.maximum(varies, 1e-6), 0, 1)
        clean += kept * band
        left += kept * band_noise
        rest, rest_noise = low, low_noise
    return clean + rest, np.float32(np.sqrt(share or 0.0)) * (left + rest_noise)
