"""Noise and fine detail that go on from a scan's own across a lesion's border.

In a scan what is fine is alike from voxel to voxel, across a border as anywhere: it has one noise and one sharpness.
What is drawn without a look at what lies beside it ends there: neighbours on the two sides have nothing to do with each
other, and every such lesion has a seam. So what is drawn is conditioned on what is seen beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, ndimage

from TextoMorphLib.spatial.geometry import grow, tight_box

RING_MM = 2.0  # so far beside a lesion, in the plane, the scan is looked at
REACH_MM = 8.0  # farther than this nothing goes on
LEVEL_MM = 3.0  # above and below a lesion, what is coarser is the other tissue's own
LEAST_KNOWN = 0.2  # share of a neighbourhood, for its level
MOST_SD = 8.0  # standard deviations of the noise; what is farther off counts as so far
TRUST = 0.05  # share of the noise's variance that is left unexplained
STEPS = 10  # of the conjugate gradients


def continued(
    drawn: np.ndarray,
    covariance: np.ndarray,
    ct: np.ndarray,
    lesion: np.ndarray,
    mask: np.ndarray,
    known: np.ndarray,
    spacing: np.ndarray,
    axis: int,
) -> np.ndarray:
    """Noise as it is where a scan goes on in a known way (Hoffman and Ribak, 1991).

    Within the slices what goes on is what sets the scan beside the lesion off from the lesion itself, drawn so far out:
    noise, and where both do not quite meet, that. From the slices above and below it is their noise alone.

    Args:
        drawn: HU; noise.
        covariance: Its autocovariance, HU^2, as `noise.autocovariance` returns it.
        ct: The scan, HU, of the shape of `drawn`, as all that follows.
        lesion: The lesion without noise, HU, known to `RING_MM` outside.
        mask: Boolean, not empty: where it is.
        known: Boolean: where the scan's values mean something.
        spacing: mm.
        axis: Across slices.

    Returns:
        HU, float32. `REACH_MM` from the mask's border it is `drawn`.
    """
    sd = float(np.sqrt(covariance[tuple(size // 2 for size in covariance.shape)]))
    if sd <= 0:
        return drawn
    box = grow(tight_box(mask), np.ceil(RING_MM / spacing) + 1, mask.shape)
    rest, ring = _beside(ct[box], lesion[box], mask[box], known[box], spacing, axis)
    rest = np.where(ring, np.clip(rest, -MOST_SD * sd, MOST_SD * sd) - drawn[box], np.float32(0))
    size, power = _power(covariance, rest.shape, spacing)
    part = tuple(slice(0, length) for length in rest.shape)

    def spread(weights: np.ndarray) -> np.ndarray:
        return np.asarray(fft.irfftn(fft.rfftn(weights, size) * power, size)[part])

    made = drawn.copy()
    made[box] += spread(_weights(spread, rest, ring, np.float32(TRUST * sd * sd)))
    return made


def _beside(
    ct: np.ndarray, lesion: np.ndarray, mask: np.ndarray, known: np.ndarray, spacing: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """What goes on from beside a mask, HU, and where that is known."""
    flat = np.arange(3) != axis
    cross = ndimage.generate_binary_structure(3, 1)
    in_plane, along = cross.copy(), cross.copy()
    in_plane[tuple(slice(None) if each else [0, 2] for each in flat)] = False
    along[...] = False
    along[tuple(1 if each else slice(None) for each in flat)] = True
    steps = max(1, int(RING_MM / spacing[flat].min()))
    free = known & ~mask
    beside = free & ndimage.binary_dilation(mask, in_plane, iterations=steps)
    above = free & ~beside & ndimage.binary_dilation(mask, along)
    sigma = flat * LEVEL_MM / spacing
    weight = ndimage.gaussian_filter(free.astype(np.float32), sigma)
    level = ndimage.gaussian_filter(np.where(free, ct, np.float32(0)), sigma) / np.maximum(weight, LEAST_KNOWN)
    above &= weight > LEAST_KNOWN
    return ct - np.where(beside, lesion, level), beside | above


def _power(covariance: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray) -> tuple[list[int], np.ndarray]:
    """The spectrum of noise of a covariance up to `REACH_MM`, and the sides of the grid that it is of."""
    middle = [length // 2 for length in covariance.shape]
    lags = np.ix_(*(np.arange(-half, half + 1) * mm for half, mm in zip(middle, spacing, strict=True)))
    reach = np.maximum(REACH_MM, 2 * spacing)
    far = np.sqrt(sum((np.square(lag / most) for lag, most in zip(lags, reach, strict=True)), np.zeros(())))
    near = covariance * np.cos(np.pi / 2 * np.clip(far, 0, 1)) ** 2
    size = [fft.next_fast_len(a + b, real=True) for a, b in zip(shape, covariance.shape, strict=True)]
    padded = np.zeros(size, np.float32)
    padded[tuple(slice(0, length) for length in covariance.shape)] = near
    padded = np.roll(padded, [-half for half in middle], (0, 1, 2))
    return size, np.maximum(fft.rfftn(padded).real, 0).astype(np.float32)


def _weights(
    spread: Callable[[np.ndarray], np.ndarray], rest: np.ndarray, ring: np.ndarray, unexplained: np.float32
) -> np.ndarray:
    """What is to be spread, of the ring alone, so that the ring has the rest; by conjugate gradients."""
    found, way = np.zeros_like(rest), rest
    now = float(np.vdot(rest, rest))
    for _ in range(STEPS):
        if now <= 0:
            break
        there = np.where(ring, spread(way) + unexplained * way, np.float32(0))
        step = np.float32(now / float(np.vdot(way, there)))
        found, rest = found + step * way, rest - step * there
        before, now = now, float(np.vdot(rest, rest))
        way = rest + np.float32(now / before) * way
    return found
