"""CT noise like that around a lesion: estimated and drawn on the scan's own grid.

An autoencoder smooths noise away, and a lesion without it is seen at once. Noise is described by its
autocovariance at short lags: it holds the strength, the grain and the direction (the power spectrum is its
Fourier transform), and can be estimated on whatever shape the homogeneous tissue has.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import fft, ndimage

from TextoMorphLib.spatial.geometry import tight_box
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU, UNKNOWN_HU

NEAR_MM = 10.0  # how far around the mask noise is looked at; where too little tissue is even there,
FAR_MM = 50.0  # so far in the same slices
SLICES_MM = 10.0  # and in those so far above and below
SMOOTHING_MM = 2.0  # edges and vessels are told from noise in the scan smoothed by this
PATCH_MM = 12.0  # over which even tissue hardly varies then, relative to the noise that smoothing takes away;
NOISIEST = 1.25  # relative to the quietest third of it
UNEVEN = (0.35, 0.5, 0.7, np.inf)  # up to the first limit at which there are
FEW_VOXELS = 500  # so many
TREND_MM = 10.0  # what varies slower than this is anatomy
TISSUES_HU = (SOFT_TISSUE_HU, (-200.0, 400.0), (UNKNOWN_HU, np.inf))  # the next where there is too little
LAG_MM = 8.0  # noise farther apart than this is unrelated
ENOUGH_VOXELS, WANTED_VOXELS = 1500, 4000  # of even tissue nearby, and as many as are taken from farther away
LEAST_VOXELS = 300  # of any, below which only the strength of the noise is estimated


def autocovariance(
    ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray, usable: np.ndarray | None = None
) -> np.ndarray:
    """Estimate the noise of a healthy scan in and around a mask.

    With r the scan minus its trend and m the indicator of even tissue (no edges, vessels or outliers),
    the autocovariance is IFFT|FFT(r m)|^2 / IFFT|FFT(m)|^2. The tissue is the nearest: where an organ is small or
    has a structure of its own, as a kidney has, that of other organs in the same slices.

    Args:
        ct: HU on a part of the scan's own grid that reaches `reach_mm` around the mask, where the scan does.
        mask: Boolean, of the same shape, not empty: where noise is wanted.
        spacing: Voxel size in mm.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere.

    Returns:
        HU^2 at short lags, float32, odd sides, lag zero (the variance) in the middle. White noise of a robust
        strength where there is hardly any tissue at all; zero for a scan without noise.
    """
    tissue, residual = even(ct, mask, spacing, usable)
    count = np.count_nonzero(tissue)
    if count < LEAST_VOXELS:
        axis = int(np.argmax(ct.shape))
        return np.full((1, 1, 1), _robust_sd(np.diff(ct, axis=axis)) ** 2 / 2, np.float32)
    box = tight_box(tissue)
    tissue, residual = tissue[box], np.where(tissue, residual, np.float32(0))[box]
    # Ten voxels a lag at least, or chance correlations make up the spectrum.
    lag_mm = min(LAG_MM, float(np.cbrt(count * np.prod(spacing) / 10 * 3 / (4 * np.pi))))
    lag_mms = np.maximum(lag_mm, 2 * spacing)  # the next slice counts in full, however thick slices are
    reach = (lag_mms / spacing).astype(int)
    shape = [fft.next_fast_len(int(size + lag), real=True) for size, lag in zip(tissue.shape, reach, strict=True)]
    lags = np.ix_(*(np.arange(-lag, lag + 1) for lag in reach))
    products, pairs = _correlate(residual, shape)[lags], _correlate(tissue.astype(np.float32), shape)[lags]
    distance = np.sqrt(sum((lag * mm / most) ** 2 for lag, mm, most in zip(lags, spacing, lag_mms, strict=True)))
    window = np.cos(np.pi * np.clip(distance - 0.5, 0, 0.5)) ** 2
    known = np.where(pairs > LEAST_VOXELS / 4, products / np.maximum(pairs, 1) * window, 0)
    return np.asarray(known, np.float32)


def reach_mm(spacing: np.ndarray) -> np.ndarray:
    """How far around a mask the scan is looked at along each axis: farther within slices than across them."""
    reach = np.full(3, FAR_MM)
    reach[_across(spacing)] = SLICES_MM
    return reach


def even(
    ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray, usable: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest tissue in which all there is to see is noise; arguments as for `autocovariance`.

    Returns:
        Where it is, and the scan minus its trend there, HU; both of the scan's shape.
    """
    flat = np.ones(3)
    if spacing.max() > 2 * spacing.min():
        flat[_across(spacing)] = 0  # thick slices are not mixed
    known = ct > UNKNOWN_HU if usable is None else (ct > UNKNOWN_HU) & usable
    ct = np.where(ct > UNKNOWN_HU, ct, np.float32(0))
    smooth = ndimage.gaussian_filter(ct, flat * SMOOTHING_MM / spacing)
    size = np.maximum(np.rint(flat * PATCH_MM / spacing), 1).astype(int)
    varies = ndimage.uniform_filter(np.square(smooth), size) - np.square(ndimage.uniform_filter(smooth, size))
    detail = ndimage.uniform_filter(np.square(ct - smooth), size)
    uneven = np.sqrt(np.maximum(varies, 0) / np.maximum(detail, 1e-3))
    if not known.all():
        known &= ndimage.uniform_filter(known.astype(np.float32), size) > 0.9
    for (low, high), limit in product(TISSUES_HU, UNEVEN):
        soft = known & (smooth > low) & (smooth < high)
        chosen = soft & (uneven <= limit)
        if chosen.any():  # what is much noisier than most has a texture of its own
            chosen &= detail <= NOISIEST**2 * np.quantile(detail[chosen], 0.3)
        chosen = soft & ndimage.maximum_filter(chosen, np.maximum(size // 3, 1))  # the middle of an even patch
        if np.count_nonzero(chosen) >= FEW_VOXELS:
            break
    chosen = _nearest(chosen, mask, spacing)
    sigma = flat * TREND_MM / spacing
    weight = ndimage.gaussian_filter(chosen.astype(np.float32), sigma, truncate=3)
    trend = ndimage.gaussian_filter(np.where(chosen, ct, np.float32(0)), sigma, truncate=3) / np.maximum(weight, 1e-3)
    residual = ct - trend
    return chosen & _usual(residual, chosen, 4), residual


def _nearest(tissue: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What of a tissue is near a mask, or nearest to it."""
    away = ndimage.distance_transform_edt(~mask, sampling=spacing)
    near = tissue & (away < NEAR_MM)
    if np.count_nonzero(near) >= ENOUGH_VOXELS or np.count_nonzero(tissue) <= WANTED_VOXELS:
        return near if np.count_nonzero(near) >= ENOUGH_VOXELS else tissue
    return np.asarray(tissue & (away <= np.partition(away[tissue], WANTED_VOXELS)[WANTED_VOXELS]))


def _across(spacing: np.ndarray) -> int:
    """The axis across slices: the one with the largest steps, the last of several."""
    return 2 - int(np.argmax(spacing[::-1]))


def sample_noise(covariance: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
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


def _usual(values: np.ndarray, tissue: np.ndarray, spread: float) -> np.ndarray:
    """Where values lie within so many standard deviations of the tissue's median."""
    usual = values[tissue]
    if not usual.size:
        return tissue
    return np.asarray(np.abs(values - np.median(usual)) <= spread * _robust_sd(usual) + 0.5)


def _correlate(image: np.ndarray, shape: list[int]) -> np.ndarray:
    """The autocorrelation of an image at all lags; index = lag."""
    return np.asarray(fft.irfftn(np.square(np.abs(fft.rfftn(image, shape))), shape))


def _robust_sd(values: np.ndarray) -> float:
    """The standard deviation that a Gaussian with the same median absolute deviation has; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0
