"""Scoring a study: from the readers' answers and the key to the figures of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study import statistics
from TextoMorphLib.reader_study.answers import Answer, read_answers
from TextoMorphLib.reader_study.published_rates import paper, read_beside
from TextoMorphLib.reader_study.statistics import Interval
from TextoMorphLib.reader_study.study import SIZES, Study, size_class
from TextoMorphLib.reader_study.table import REAL
from TextoMorphLib.text.organs import ORGANS

ALL = "all"
DIFFERENCES = (0.05, 0.1, 0.15, 0.2)  # for which the pairs needed are told


@dataclass(frozen=True)
class Reading:
    """One reader's answer to one case, with what the key says of the case."""

    reader: str
    position: int
    repeat: bool
    case: str
    pair: str
    source: str
    synthetic: bool
    organ: str
    diameter_mm: float
    size: str
    called_synthetic: bool
    confidence: int
    terms: tuple[str, ...]
    fitting: tuple[str, ...]
    seconds: float
    comment: str

    @property
    def wrong(self) -> bool:
        """Whether the call is wrong."""
        return self.called_synthetic != self.synthetic

    @property
    def rating(self) -> int:
        """1 (certainly real) to 10 (certainly synthetic)."""
        return 5 + self.confidence if self.called_synthetic else 6 - self.confidence


def read_readings(study: Study, key: dict[str, Any]) -> list[Reading]:
    """Every answer of every reader, joined with the key."""
    return [
        reading
        for reader in study.readers
        for reading in _of_reader(study, key, reader, read_answers(study, reader).answers)
    ]


def score(folder: Path, key: Path | None = None, beside: Path | None = None) -> dict[str, Any]:
    """Score what has been read so far.

    Args:
        folder: The study's folder.
        key: Its key; beside the folder if None.
        beside: Published error rates for the report to show beside these, as `published_rates.read_beside` takes
            them; the paper's if None.

    Returns:
        Plain data for JSON: rates as fractions with intervals, and the single readings.

    Raises:
        InputError: No study, another key, damaged answers, no answers yet, or statsmodels is missing.
    """
    study = Study.read(folder)
    published = read_beside(beside) if beside else paper()
    truth = study.read_key(key)
    readings = read_readings(study, truth)
    if not readings:
        raise InputError("nobody has read a case yet; nothing to score")
    first = [reading for reading in readings if not reading.repeat]
    methods = sorted({entry["source"] for entry in truth["cases"].values() if entry["synthetic"]})
    organs = [organ for organ in ORGANS if any(case.organ == organ for case in study.cases.values())]
    return {
        "study": {"id": study.id, "title": study.title, "key_sha256": study.key_sha256, "cases": len(study.cases)},
        "readers": {
            name: {"answered": sum(r.reader == name for r in readings), "to_read": len(order)}
            for name, order in study.readers.items()
        },
        "error_rates": [
            {"method": method, "organ": organ, "size": size, **_rate(_about(first, method), organ, size)}
            for method in methods
            for organ in (*organs, ALL)
            for size in (*SIZES, ALL)
        ],
        "beside": published,
        "called_wrongly": [
            {
                "source": source,
                "reader": reader,
                **_rate([r for r in first if r.source == source and reader in (ALL, r.reader)], ALL, ALL),
            }
            for source in (REAL, *methods)
            for reader in (ALL, *study.readers)
        ],
        "auc": [{"method": method, **_auc(_about(first, method))} for method in methods],
        "comparisons": _comparisons(first, methods),
        "agreement": _agreement(readings, list(study.readers)),
        "terms": _terms(first, (REAL, *methods)),
        "seconds": [
            {"reader": name, **_seconds([r for r in first if name in (ALL, r.reader)])}
            for name in (ALL, *study.readers)
        ],
        "readings": [{**asdict(reading), "wrong": reading.wrong, "rating": reading.rating} for reading in readings],
    }


def _of_reader(study: Study, key: dict[str, Any], reader: str, answers: Sequence[Answer]) -> list[Reading]:
    seen: set[str] = set()
    readings = []
    for answer in answers:
        entry = key["cases"][answer.case]
        readings.append(
            Reading(
                reader=reader,
                position=answer.position + 1,
                repeat=answer.case in seen,
                case=answer.case,
                pair=entry["pair"],
                source=entry["source"],
                synthetic=entry["synthetic"],
                organ=entry["organ"],
                diameter_mm=entry["diameter_mm"],
                size=size_class(entry["diameter_mm"]),
                called_synthetic=answer.call == "synthetic",
                confidence=answer.confidence,
                terms=study.cases[answer.case].terms,
                fitting=answer.terms,
                seconds=answer.seconds,
                comment=answer.comment,
            )
        )
        seen.add(answer.case)
    return readings


def _about(readings: Sequence[Reading], method: str) -> list[Reading]:
    """A method's tumours and the real ones that they are twins of; all real ones where it has none."""
    own = [r for r in readings if r.source == method]
    pairs = {r.pair for r in own}
    real = [r for r in readings if r.source == REAL]
    return own + ([r for r in real if r.pair in pairs] or real)


def _rate(readings: Sequence[Reading], organ: str, size: str) -> dict[str, Any]:
    chosen = [r for r in readings if organ in (ALL, r.organ) and size in (ALL, r.size)]
    wrong = sum(r.wrong for r in chosen)
    return {"wrong": wrong, "readings": len(chosen), **_named("rate", statistics.share(wrong, len(chosen)))}


def _named(name: str, interval: Interval, p: bool = False) -> dict[str, float]:
    found = {name: interval.value, "low": interval.low, "high": interval.high}
    return {**found, "p": interval.p} if p else found


def _auc(readings: Sequence[Reading]) -> dict[str, Any]:
    each = {name: _of(readings, name) for name in dict.fromkeys(r.reader for r in readings)}
    able = {name: own for name, own in each.items() if {r.synthetic for r in own} == {True, False}}
    if not able:
        unknown = Interval(math.nan, math.nan, math.nan)
        return {**_named("auc", unknown, p=True), "readers": {}, "pairs_needed": _pairs_needed(math.nan, unknown)}
    pairs = _pairs(readings)
    arrays = [
        (
            np.array([pairs[r.pair] for r in own]),
            np.array([r.rating for r in own]),
            np.array([r.synthetic for r in own]),
        )
        for own in able.values()
    ]

    def areas(kept: np.ndarray) -> np.ndarray:
        return np.array([statistics.auc(rating[kept[at]], synthetic[kept[at]]) for at, rating, synthetic in arrays])

    interval = statistics.over_readers_and_cases(areas, len(pairs), null=0.5)
    single = areas(np.ones(len(pairs), bool))
    bounded = Interval(interval.value, max(interval.low, 0.0), min(interval.high, 1.0), interval.p)
    return {
        **_named("auc", bounded, p=True),
        "readers": dict(zip(able, single.tolist(), strict=True)),
        "pairs_needed": _pairs_needed(interval.value - 0.5, interval),
    }


def _pairs_needed(seen: float, interval: Interval) -> dict[str, int | None]:
    """For the difference seen in this study, and for given ones."""
    wanted = {"observed": seen, **{f"{difference:g}": difference for difference in DIFFERENCES}}
    return {name: statistics.cases_needed(difference, interval.deviation) for name, difference in wanted.items()}


def _of(readings: Sequence[Reading], reader: str) -> list[Reading]:
    return [r for r in readings if r.reader == reader]


def _pairs(readings: Sequence[Reading]) -> dict[str, int]:
    return {pair: number for number, pair in enumerate(dict.fromkeys(r.pair for r in readings))}


def _comparisons(readings: Sequence[Reading], methods: Sequence[str]) -> list[dict[str, Any]]:
    """How often two methods' tumours are taken for real, on the same pairs by the same readers."""
    found = []
    for place, one in enumerate(methods):
        for other in methods[place + 1 :]:
            wrong = {(r.source, r.reader, r.pair): float(r.wrong) for r in readings if r.source in (one, other)}
            both = [key[1:] for key in wrong if key[0] == one and (other, *key[1:]) in wrong]
            readers = list(dict.fromkeys(reader for reader, _ in both))
            pairs = [p for p in dict.fromkeys(p for _, p in both) if all((r, p) in both for r in readers)]
            if len(pairs) < 2:
                continue
            differences = np.array([[wrong[one, r, p] - wrong[other, r, p] for p in pairs] for r in readers])

            def means(kept: np.ndarray, differences: np.ndarray = differences) -> np.ndarray:
                return np.asarray(differences[:, kept].mean(axis=1))

            interval = statistics.over_readers_and_cases(means, len(pairs), null=0.0)
            found.append(
                {
                    "method": one,
                    "other": other,
                    "pairs": len(pairs),
                    **_named("difference", interval, p=True),
                    "pairs_needed": _pairs_needed(interval.value, interval),
                }
            )
    return found


def _agreement(readings: Sequence[Reading], readers: Sequence[str]) -> dict[str, Any]:
    calls = {(r.reader, r.case): r.called_synthetic for r in readings if not r.repeat}
    active = [name for name in readers if any(reader == name for reader, _ in calls)]
    cases = [c for c in dict.fromkeys(case for _, case in calls) if all((name, c) in calls for name in active)]
    table = np.array([[calls[name, case] for name in active] for case in cases], bool).reshape(len(cases), len(active))
    within = []
    for name in active:
        again = {r.case: r.called_synthetic for r in readings if r.repeat and r.reader == name}
        first, second = np.array([calls[name, case] for case in again], bool), np.array(list(again.values()), bool)
        within.append(
            {"reader": name, "cases": len(again), **_named("kappa", statistics.agreement_within(first, second))}
        )
    return {"between": {"kappa": statistics.agreement_between(table), "cases": len(cases)}, "within": within}


def _terms(readings: Sequence[Reading], sources: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for term in dict.fromkeys(term for r in readings for term in r.terms):
        for source in sources:
            asked = [r for r in readings if r.source == source and term in r.terms]
            fits = sum(term in r.fitting for r in asked)
            rows.append(
                {
                    "term": term,
                    "source": source,
                    "fits": fits,
                    "readings": len(asked),
                    **_named("rate", statistics.share(fits, len(asked))),
                }
            )
    return rows


def _seconds(readings: Sequence[Reading]) -> dict[str, Any]:
    times = [r.seconds for r in readings]
    if not times:
        return {"median": math.nan, "low": math.nan, "high": math.nan}
    low, median, high = np.percentile(times, [25, 50, 75]).tolist()
    return {"median": median, "low": low, "high": high}
