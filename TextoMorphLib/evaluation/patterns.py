"""Radiomics pattern analysis: how varied the lesions of a set are, and how near one set is to another.

The variety follows Table 3 of Li et al. (IEEE TMI 2026), which reports a "mean variance" of pairwise cosine
similarities, 0.89 to 1.14. The variance of a cosine cannot exceed 1, and that of cosines of z-scored features is far
smaller: the published figure must be another, and no code was published. `patterns_report.DEFINITIONS` says what is
computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.lesion_sets import Row

RESAMPLES = 1000
NEIGHBOURS = 5
LEAST_LESIONS = 10
KEPT_VARIANCE = 0.95


def analyse(rows: Sequence[Row], reference: str, seed: int = 0) -> dict[str, Any]:
    """Variety of each set, and distance of each from the reference, for each organ.

    Args:
        rows: Lesions of all sets.
        reference: The set that the others are held against: real lesions, if there are any.
        seed: Of the bootstrap.

    Returns:
        By organ: `features` (how many were used), `sets`: by set `lesions`, `variance`, `variance_sd`,
        `variance_interval`, `cosine`, `cosine_sd`, `cosine_interval`, `points` (on the two first principal components)
        and, but for the reference, `energy`, `energy_chance`, `precision`, `recall`; and `explained`, the share of the
        variance on these components.

    Raises:
        InputError: A set has too few lesions of an organ.
    """
    return {
        organ: _organ([row for row in rows if row.organ == organ], reference, seed)
        for organ in dict.fromkeys(row.organ for row in rows)
    }


def _organ(rows: Sequence[Row], reference: str, seed: int) -> dict[str, Any]:
    values, used = scaled(rows)
    which = np.array([row.set for row in rows])
    sets = {name: values[which == name] for name in dict.fromkeys(which.tolist())}
    for name, own in sets.items():
        if len(own) < LEAST_LESIONS:
            raise InputError(f"set {name} has {len(own)} lesions of {rows[0].organ}; {LEAST_LESIONS} are needed")
    centre = values.mean(axis=0)
    axes, weights = _principal(values - centre)
    kept = int(np.searchsorted(np.cumsum(weights), KEPT_VARIANCE)) + 1
    found: dict[str, Any] = {"features": used, "explained": [float(share) for share in weights[:2]], "sets": {}}
    for name, own in sets.items():
        part = {"lesions": len(own), **variety(own, seed), "points": ((own - centre) @ axes[:, :2]).round(3).tolist()}
        if len(sets) == 1:  # z-scored by itself, its variance is 1 whatever it holds
            part["variance"] = part["variance_sd"] = part["variance_interval"] = None
        if reference in sets and name != reference:
            real = sets[reference]
            part["energy"] = energy_distance(real, own)
            part["energy_chance"] = _chance(real, own, seed)
            components = [(side - centre) @ axes[:, :kept] for side in (real, own)]
            part["precision"], part["recall"] = precision_recall(*components)
        found["sets"][name] = part
    return found


def scaled(rows: Sequence[Row]) -> tuple[np.ndarray, int]:
    """[lesions, features]: z-scored over all of them; features that are the same in all, or unknown in some, left out.

    Returns:
        The features, and how many are left.
    """
    names = list(rows[0].features)
    values = np.array([[row.features[name] for name in names] for row in rows], float)
    values = values[:, np.isfinite(values).all(axis=0)]
    spread = values.std(axis=0)
    values = values[:, spread > 1e-9 * (np.abs(values).max(axis=0) + 1e-9)]
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return values, values.shape[1]


def variety(values: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Variance and cosine distance within a set of z-scored lesions [lesions, features]; see `patterns_report`."""
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    apart = 1 - unit @ unit.T
    pairs = apart[np.triu_indices(len(values), 1)]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(values), size=len(values))
        count = np.bincount(rows, minlength=len(values)).astype(float)
        weight = np.multiply.outer(count, count)
        np.fill_diagonal(weight, 0)  # a lesion drawn twice is no pair
        mean = count @ values / len(values)
        variance = count @ np.square(values) / len(values) - mean**2
        apart_mean = (weight * apart).sum() / weight.sum() if weight.any() else np.nan  # one lesion, drawn every time
        drawn.append((variance.mean() * len(values) / (len(values) - 1), apart_mean))
    low, high = np.nanpercentile(drawn, (2.5, 97.5), axis=0)
    variance = values.var(axis=0, ddof=1)
    return {
        "variance": float(variance.mean()),
        "variance_sd": float(variance.std()),
        "variance_interval": [float(low[0]), float(high[0])],
        "cosine": float(pairs.mean()),
        "cosine_sd": float(pairs.std()),
        "cosine_interval": [float(low[1]), float(high[1])],
    }


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Energy distance of two sets [lesions, features], divided by the root of the number of features; see there."""
    scale = a.shape[1] ** 0.5
    square = 2 * cdist(a, b).mean() - _within(a) - _within(b)
    return float(np.sqrt(max(square, 0) / scale))


def _within(values: np.ndarray) -> float:
    """Mean distance of two different lesions of a set."""
    return float(cdist(values, values).sum() / (len(values) * (len(values) - 1)))


def _chance(a: np.ndarray, b: np.ndarray, seed: int) -> list[float]:
    """The 95% range of the energy distance of random sets of these sizes from all lesions together."""
    both = np.concatenate([a, b])
    apart = cdist(both, both) / both.shape[1] ** 0.5
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES // 4):
        order = rng.permutation(len(both))
        first, second = order[: len(a)], order[len(a) :]
        inner = [apart[np.ix_(part, part)].sum() / (len(part) * (len(part) - 1)) for part in (first, second)]
        drawn.append(np.sqrt(max(2 * apart[np.ix_(first, second)].mean() - sum(inner), 0)))
    return [float(end) for end in np.percentile(drawn, (2.5, 97.5))]


def precision_recall(real: np.ndarray, made: np.ndarray, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """The share of `made` within the k-th neighbour's distance of some real lesion, and the reverse.

    Args:
        real: [lesions, features].
        made: [lesions, features].
        neighbours: k.
    """

    def covered(points: np.ndarray, by: np.ndarray) -> float:
        reach = np.sort(cdist(by, by), axis=1)[:, min(neighbours, len(by) - 1)]
        return float((cdist(points, by) <= reach).any(axis=1).mean())

    return covered(made, real), covered(real, made)


def _principal(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[features, components] and each component's share of the variance."""
    _, singular, turned = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary: its largest weight is positive.
    signs = np.sign(turned[np.arange(len(turned)), np.abs(turned).argmax(axis=1)])
    return (turned * signs[:, None]).T, singular**2 / np.square(singular).sum()
