"""The noise of a tissue in numbers: its strength, how alike neighbours are, and how sure both are.

A lesion and a piece of tissue are samples. Their standard errors are those of a bootstrap over blocks; how far two
pieces of one tissue are apart tells what it can be a reference for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

TREND_MM = 5.0  # what varies slower is anatomy
TILE_MM = 11.0  # a block
RESAMPLED = 200
CUTS = 16
NAMES = ("sd", "along_i", "along_j", "along_k")


@dataclass(frozen=True)
class Grain:
    """The noise of a tissue: standard deviation in HU, and the correlation of neighbours along i, j and k."""

    sd: float
    along_i: float
    along_j: float
    along_k: float


UNKNOWN = Grain(*[float("nan")] * 4)


def grain(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> Grain:
    """The noise at some voxels, less what varies over `TREND_MM` there."""
    totals = np.stack([values.sum() for values in _products(ct, where, spacing)])
    return Grain(*_numbers(totals[:, None])[:, 0].tolist())


def errors(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """The standard errors of `grain`, as a bootstrap over blocks has them."""
    sums, _ = _by_block(ct, where, spacing)
    count = sums.shape[1]
    picks = np.random.default_rng(0).integers(0, count, (RESAMPLED, count))
    return dict(zip(NAMES, np.nanstd(_numbers(sums[:, picks].sum(axis=2)), axis=1).tolist(), strict=True))


def scatter(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """How far `grain` is apart between two pieces of a tissue, each a half of it that lies together.

    The median over several planes that cut its blocks in two. It has both in it: that halves are small samples, and
    that noise is not the same in two places.
    """
    sums, middles = _by_block(ct, where, spacing)
    ways = np.random.default_rng(0).normal(size=(CUTS, 3))
    along = ways @ (middles - middles.mean(axis=1, keepdims=True))
    weight = sums[1]
    order = along.argsort(axis=1)
    before = np.take_along_axis(np.cumsum(weight[order], axis=1), order.argsort(axis=1), axis=1)
    first = before <= weight.sum() / 2
    one, other = (_numbers(sums @ half.T) for half in (first, ~first))
    apart = np.nan_to_num(np.abs(one - other), nan=np.inf)
    return dict(zip(NAMES, np.median(apart, axis=1).tolist(), strict=True))


def _by_block(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of `_products` over blocks, [8, blocks], and where they are, mm, [3, blocks]."""
    size = np.maximum(np.rint(TILE_MM / spacing), 1).astype(int)
    size[int(np.argmax(spacing))] = 1  # slices have little to do with each other
    counts = [length // part + 1 for length, part in zip(ct.shape, size, strict=True)]
    blocks = np.ravel_multi_index(
        [index // part for index, part in zip(np.indices(ct.shape), size, strict=True)], counts
    )
    chosen, number = np.unique(blocks[where], return_inverse=True)
    sums = np.stack([np.bincount(number, values[where], len(chosen)) for values in _products(ct, where, spacing)])
    return sums, np.array(np.unravel_index(chosen, counts)) * (size * spacing)[:, None]


def _products(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> list[np.ndarray]:
    """Of each voxel its square, whether it counts, and along each axis its product with its neighbour, if any."""
    flat = np.where(spacing > 2 * spacing.min(), 0, 1)
    sigma = flat * TREND_MM / spacing
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma)
    trend = ndimage.gaussian_filter(np.where(where, ct, np.float32(0)), sigma) / np.maximum(weight, 1e-3)
    rest = np.where(where, ct - trend, 0).astype(np.float64)
    found = [np.square(rest), where.astype(np.float64)]
    for axis in range(3):
        both = where & np.roll(where, 1, axis)
        both[tuple(slice(0, 1) if other == axis else slice(None) for other in range(3))] = False
        found += [rest * np.roll(rest, 1, axis) * both, both.astype(np.float64)]
    return found


def _numbers(sums: np.ndarray) -> np.ndarray:
    """Standard deviation and correlations, [4, n], from [8, n] sums of `_products`; NaN where nothing is known."""
    means = sums[0::2] / np.where(sums[1::2] > 0, sums[1::2], np.nan)
    return np.stack([np.sqrt(means[0]), *(means[1:] / means[0])])
