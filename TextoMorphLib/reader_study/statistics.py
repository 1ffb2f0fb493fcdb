"""The statistics of a reader study: shares with Wilson intervals, ROC areas, and intervals over readers and cases.

Intervals for means over readers follow Obuchowski and Rockette (1995) with Hillis' (2007) degrees of freedom and the
jackknife for the covariance between readers: readers and cases both count as drawn at random. The jackknife leaves
out a whole pair (a real tumour with its twins), as these share a scan. The same estimate on the differences between
two methods compares these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.intervals import LEVEL

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval. NaN where something cannot be said.

    Attributes:
        value: The estimate.
        low: Where the interval begins.
        high: Where it ends.
        p: Tests that the true value is a given one.
        deviation: Of what each pair adds to the estimate (the jackknife's pseudovalues, mean over the readers).
    """

    value: float
    low: float
    high: float
    p: float = math.nan
    deviation: float = math.nan


def statsmodels(module: str) -> Any:
    """A module of statsmodels, which comes with the optional packages for reading.

    Raises:
        InputError: It is not installed; how to get it.
    """
    from importlib import import_module

    try:
        return import_module(f"statsmodels.{module}")
    except ImportError as error:
        raise InputError("scoring needs statsmodels; install it with: pip install statsmodels") from error


def share(count: int, total: int) -> Interval:
    """A proportion with Wilson's interval."""
    if total == 0:
        return Interval(math.nan, math.nan, math.nan)
    low, high = statsmodels("stats.proportion").proportion_confint(count, total, 1 - LEVEL, method="wilson")
    return Interval(count / total, float(low), float(high))


def auc(ratings: Array, synthetic: Array) -> float:
    """The area under the ROC curve: how often a synthetic tumour is rated above a real one (ties count half).

    0.5 means that nobody can tell them apart.
    """
    if synthetic.all() or not synthetic.any():
        return math.nan
    above = np.sign(ratings[synthetic][:, None] - ratings[~synthetic])
    return float((above.mean() + 1) / 2)


def over_readers_and_cases(estimate: Callable[[Array], Array], pairs: int, null: float) -> Interval:
    """The mean over readers with an interval for other readers and other cases.

    Args:
        estimate: Each reader's estimate from the pairs given by a boolean array; (pairs,) -> (readers,).
        pairs: How many pairs there are.
        null: What `p` tests against.

    Returns:
        Mean, interval and p-value. With one reader the interval is for other cases only.
    """
    everything = np.ones(pairs, bool)
    each = estimate(everything)
    value = float(each.mean())
    if pairs < 2 or not np.isfinite(each).all():
        return Interval(value, math.nan, math.nan)
    without = np.array([estimate(everything & (np.arange(pairs) != pair)) for pair in range(pairs)])
    without = without[np.isfinite(without).all(axis=1)]
    if len(without) < 2:
        return Interval(value, math.nan, math.nan)
    spread = without - without.mean(axis=0)
    covariance = (len(without) - 1) / len(without) * spread.T @ spread
    readers = len(each)
    if readers == 1:
        variance, freedom = float(covariance[0, 0]), pairs - 1.0
    else:
        between = float(each.var(ddof=1))
        shared = float(covariance[~np.eye(readers, dtype=bool)].mean())
        variance = (between + max(readers * shared, 0.0)) / readers
        freedom = (readers * variance) ** 2 * (readers - 1) / between**2 if between > 0 else math.inf
    if variance <= 0:
        return Interval(value, math.nan, math.nan)
    error = math.sqrt(variance)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value - null) / error, freedom))
    return Interval(value, value - reach, value + reach, p, math.sqrt(pairs * max(float(covariance.mean()), 0.0)))


def agreement_between(calls: Array) -> float:
    """Fleiss' kappa; `calls` is boolean, (cases, readers)."""
    if calls.shape[0] < 2 or calls.shape[1] < 2:
        return math.nan
    rater = statsmodels("stats.inter_rater")
    counts = np.stack([(~calls).sum(1), calls.sum(1)], axis=1)
    if (counts.sum(0) == 0).any():
        return math.nan  # everybody always said the same: chance alone explains it
    return float(rater.fleiss_kappa(counts))


def agreement_within(first: Array, second: Array) -> Interval:
    """Cohen's kappa between a reader's first and second answers to the same cases (boolean).

    Answers that are all alike, or of one kind in one of the looks, have a standard error of 0: that is no interval.
    """
    if len(first) < 2:
        return Interval(math.nan, math.nan, math.nan)
    table = np.zeros((2, 2))
    np.add.at(table, (first.astype(int), second.astype(int)), 1)
    if (table.sum(0) * table.sum(1)).sum() == table.sum() ** 2:
        return Interval(math.nan, math.nan, math.nan)
    found = statsmodels("stats.inter_rater").cohens_kappa(table)
    if not found.std_kappa > 0:
        return Interval(float(found.kappa), math.nan, math.nan)
    return Interval(float(found.kappa), max(float(found.kappa_low), -1.0), min(float(found.kappa_upp), 1.0))


def cases_needed(difference: float, deviation: float, power: float = 0.8) -> int | None:
    """How many pairs show a difference with these readers, at a level of 5% (paired t-test).

    Args:
        difference: Between two methods, or of a ROC area from 0.5.
        deviation: Of that difference between pairs, mean over the readers: `Interval.deviation`.
        power: The chance that it is shown.
    """
    if not deviation > 0 or difference == 0:
        return None
    solver = statsmodels("stats.power").TTestPower()
    found = np.ravel(solver.solve_power(abs(difference) / deviation, power=power, alpha=1 - LEVEL))[0]
    return max(math.ceil(float(found)), 2) if math.isfinite(float(found)) else None
