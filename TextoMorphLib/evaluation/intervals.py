"""Intervals of counts and of means, and tests of one method against another on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLED = 2000  # bootstrap samples


def share(found: int, of: int) -> dict[str, Any]:
    """A proportion with Wilson's interval; None where there is nothing to count."""
    if not of:
        return {"value": None, "interval": [None, None]}
    interval = stats.binomtest(found, of).proportion_ci(LEVEL, method="wilson")
    return {"value": found / of, "interval": [float(interval.low), float(interval.high)]}


def mean(values: Sequence[float], patients: Sequence[str]) -> dict[str, Any]:
    """A mean over scans with a bootstrap interval over patients, who bring all of their scans; none of one patient."""
    if not len(values):
        return {"mean": None, "interval": [None, None], "of": 0}
    sums, counts = _by_patient(values, patients)
    if len(sums) < 2:  # always the same is drawn, which shows nothing of others
        return {"mean": float(np.mean(values)), "interval": [None, None], "of": len(values)}
    chosen = np.random.default_rng(0).integers(0, len(sums), (RESAMPLED, len(sums)))
    means = sums[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"mean": float(np.mean(values)), "interval": [float(low), float(high)], "of": len(values)}


def difference(first: Sequence[float], second: Sequence[float], patients: Sequence[str]) -> dict[str, Any]:
    """Mean of second minus first over the same scans, with a bootstrap interval over patients."""
    found = mean([b - a for a, b in zip(first, second, strict=True)], patients)
    return {"difference": found["mean"], "interval": found["interval"], "of": found["of"]}


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict[str, Any]:
    """Exact McNemar test of two methods on the same lesions or patients."""
    pairs = list(zip(first, second, strict=True))
    only_first, only_second = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    unequal = only_first + only_second
    p = float(stats.binomtest(only_first, unequal, 0.5).pvalue) if unequal else 1.0
    both = sum(a and b for a, b in pairs)
    return {"both": both, "only_first": only_first, "only_second": only_second, "of": len(pairs), "p": p}


def _by_patient(values: Sequence[float], patients: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    places = {patient: at for at, patient in enumerate(dict.fromkeys(patients))}
    sums, counts = np.zeros(len(places)), np.zeros(len(places))
    for value, patient in zip(values, patients, strict=True):
        sums[places[patient]] += value
        counts[places[patient]] += 1
    return sums, counts
