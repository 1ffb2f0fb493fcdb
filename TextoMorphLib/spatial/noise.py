"""CT noise like that around a lesion: estimated and drawn on the scan's own grid.

An autoencoder smooths noise away, and a lesion without it is seen at once. Noise is described by its
autocovariance at short lags: it holds the strength, the grain and the direction (the power spectrum is its
Fourier transform), and can be estimated on whatever shape the homogeneous tissue has.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from TextoMorphLib.spatial import between_slices
from TextoMorphLib.spatial.even_tissue import SCARCE_VOXELS, across, even, robust_sd, thick
from TextoMorphLib.spatial.geometry import tight_box

FAR_MM = 50.0  # how far around the mask even tissue is looked for in the same slices,
SLICES_MM = 10.0  # and in those so far above and below
LAG_MM = 8.0  # noise farther apart than this is unrelated
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
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere. Where that has hardly
            any even tissue, as in a small crop that a tumour fills, all of the scan is looked at.

    Returns:
        HU^2 at short lags, float32, odd sides, lag zero (the variance) in the middle. White noise of a robust
        strength where there is hardly any tissue at all; zero for a scan without noise.
    """
    tissue, residual, whole = even(ct, mask, spacing, usable)
    count = np.count_nonzero(tissue)
    if count < LEAST_VOXELS:
        axis = int(np.argmax(ct.shape))
        return np.full((1, 1, 1), robust_sd(np.diff(ct, axis=axis)) ** 2 / 2, np.float32)
    alike = None
    if count < SCARCE_VOXELS and thick(spacing):
        alike = between_slices.correlation(ct, whole, tissue, across(spacing))
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
    if alike is not None:
        between_slices.set_correlation(known, alike, across(spacing))
    return np.asarray(known, np.float32)


def reach_mm(spacing: np.ndarray) -> np.ndarray:
    """How far around a mask the scan is looked at along each axis: farther within slices than across them."""
    reach = np.full(3, FAR_MM)
    reach[across(spacing)] = SLICES_MM
    return reach


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


def _correlate(image: np.ndarray, shape: list[int]) -> np.ndarray:
    """The autocorrelation of an image at all lags; index = lag."""
    return np.asarray(fft.irfftn(np.square(np.abs(fft.rfftn(image, shape))), shape))
