"""CT noise like that around a lesion: estimated and drawn on the scan's own grid.

An autoencoder smooths noise away, and a lesion without it is seen at once. Noise is described by its
autocovariance at short lags: it holds the strength, the grain and the direction (the power spectrum is its
Fourier transform), and can be estimated on whatever shape the homogeneous tissue has.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU

NEAR_MM = 10.0  # how far around the mask noise is looked at
DETAIL_MM = 1.5  # vessels and edges are sought in the scan smoothed by this
TREND_MM = 6.0  # what varies slower than this is anatomy
MOST_CONTRAST_HU = 40.0  # homogeneous tissue, smoothed, is within this of its median
MOST_DETAIL_HU = 20.0  # and within this of its trend
LAG_MM = 8.0  # noise farther apart than this is unrelated
LEAST_VOXELS = 300  # of homogeneous tissue, below which only the strength of the noise is estimated
MOST_VOXELS = 64  # a side: enough to estimate from, however large the lesion


def autocovariance(
    ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray, usable: np.ndarray | None = None
) -> np.ndarray:
    """Estimate the noise of a healthy scan in and around a mask.

    With r the scan minus its trend and m the indicator of homogeneous tissue (no edges, vessels or outliers),
    the autocovariance is IFFT|FFT(r m)|^2 / IFFT|FFT(m)|^2.

    Args:
        ct: HU on a part of the scan's own grid that reaches `NEAR_MM` around the mask.
        mask: Boolean, of the same shape, not empty: where noise is wanted.
        spacing: Voxel size in mm.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere.

    Returns:
        HU^2 at short lags, float32, odd sides, lag zero (the variance) in the middle. White noise of a robust
        strength where there is too little homogeneous tissue; zero for a scan without noise.
    """
    part = _middle(mask)
    ct, mask = ct[part], mask[part]
    near = ndimage.distance_transform_edt(~mask, sampling=spacing) < NEAR_MM
    if usable is not None and (near & usable[part]).any():
        near &= usable[part]
    tissue, residual = homogeneous(ct, near, spacing)
    count = np.count_nonzero(tissue)
    if count < LEAST_VOXELS:
        axis = int(np.argmax(ct.shape))
        steps = np.diff(ct, axis=axis)[near.take(range(1, ct.shape[axis]), axis=axis)]
        return np.full((1, 1, 1), _robust_sd(steps) ** 2 / 2, np.float32)
    # Ten voxels a lag at least, or chance correlations make up the spectrum.
    lag_mm = min(LAG_MM, float(np.cbrt(count * np.prod(spacing) / 10 * 3 / (4 * np.pi))))
    reach = (lag_mm / spacing).astype(int)
    shape = [fft.next_fast_len(int(size + lag), real=True) for size, lag in zip(ct.shape, reach, strict=True)]
    lags = np.ix_(*(np.arange(-lag, lag + 1) for lag in reach))
    products = _correlate(np.where(tissue, residual - residual[tissue].mean(), np.float32(0)), shape)[lags]
    pairs = _correlate(tissue.astype(np.float32), shape)[lags]
    distance = np.sqrt(sum((lag * mm / lag_mm) ** 2 for lag, mm in zip(lags, spacing, strict=True)))
    window = np.cos(np.pi * np.clip(distance - 0.5, 0, 0.5)) ** 2
    known = np.where(pairs > LEAST_VOXELS / 4, products / np.maximum(pairs, 1) * window, 0)
    return np.asarray(known, np.float32)


def homogeneous(ct: np.ndarray, near: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where all there is to see is noise: tissue without edges, vessels and outliers.

    Args:
        ct: HU.
        near: Boolean, of the same shape: where it is looked for.
        spacing: Voxel size in mm.

    Returns:
        Where tissue is homogeneous, and the scan minus its trend, HU.
    """
    smooth = ndimage.gaussian_filter(ct, DETAIL_MM / spacing)
    soft = near & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    tissue = soft if soft.any() else near.copy()
    tissue &= _usual(smooth, tissue, 3, MOST_CONTRAST_HU)
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), TREND_MM / spacing, truncate=3)
    trend = ndimage.gaussian_filter(np.where(tissue, ct, np.float32(0)), TREND_MM / spacing, truncate=3)
    trend /= np.maximum(weight, 1e-3)
    detail, residual = smooth - trend, ct - trend
    # Twice, since what is dropped first can hide what is left.
    for _ in range(2):
        tissue &= _usual(detail, tissue, 3, MOST_DETAIL_HU)
    return tissue & _usual(residual, tissue, 4, np.inf), residual


def draw(covariance: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Gaussian noise with a given autocovariance.

    Args:
        covariance: HU^2, as `autocovariance` returns it.
        shape: Of the noise.
        seed: Same seed, same noise.

    Returns:
        HU, float32, zero mean.
    """
    variance = float(covariance[tuple(size // 2 for size in covariance.shape)])
    spectrum = np.maximum(fft.rfftn(fft.ifftshift(covariance)).real, 0)
    kernel = fft.fftshift(fft.irfftn(np.sqrt(spectrum), covariance.shape))
    strength = float(np.sqrt(np.square(kernel).sum()))
    kernel *= np.float32(np.sqrt(variance) / strength if strength > 0 else 0)
    padded = [size + reach - 1 for size, reach in zip(shape, kernel.shape, strict=True)]
    white = np.random.Generator(np.random.PCG64(seed)).standard_normal(padded, dtype=np.float32)
    # By hand: importing scipy.signal for its convolution takes longer than loading the model.
    size = [fft.next_fast_len(length, real=True) for length in padded]
    filtered = fft.irfftn(fft.rfftn(white, size) * fft.rfftn(kernel, size), size)
    return np.asarray(filtered[tuple(slice(reach - 1, end) for reach, end in zip(kernel.shape, padded, strict=True))])


def _usual(values: np.ndarray, tissue: np.ndarray, spread: float, most: float) -> np.ndarray:
    """Where values lie within so many standard deviations, and so many HU, of the tissue's median."""
    usual = values[tissue]
    if not usual.size:
        return tissue
    return np.asarray(np.abs(values - np.median(usual)) <= min(spread * _robust_sd(usual) + 0.5, most))


def _middle(mask: np.ndarray) -> tuple[slice, ...]:
    """A box of at most `MOST_VOXELS` a side around a voxel of the mask, in its middle if it is compact."""
    voxels = np.flatnonzero(mask)
    middle = np.array(np.unravel_index(voxels[voxels.size // 2], mask.shape))
    starts = np.clip(middle - MOST_VOXELS // 2, 0, np.maximum(np.array(mask.shape) - MOST_VOXELS, 0))
    return tuple(slice(start, start + MOST_VOXELS) for start in starts)


def _correlate(image: np.ndarray, shape: list[int]) -> np.ndarray:
    """The autocorrelation of an image at all lags; index = lag."""
    return np.asarray(fft.irfftn(np.square(np.abs(fft.rfftn(image, shape))), shape))


def _robust_sd(values: np.ndarray) -> float:
    """The standard deviation that a Gaussian with the same median absolute deviation has; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0
