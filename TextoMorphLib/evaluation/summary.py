"""All cases together: sensitivity by size, patients, DSC and NSD, FROC, classes, groups; and two methods compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from TextoMorphLib.evaluation import intervals
from TextoMorphLib.evaluation.lesions import RULES
from TextoMorphLib.evaluation.scores import THRESHOLDS, CaseScore

SIZES_MM = (20.0, 50.0)
FROC_AT = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false positives a scan, LUNA16's
AGES = (40, 50, 60, 70, 80)
ALL, EVERY_CLASS = "all", "every class"
PATIENT_RULES = (
    "A patient is called positive if any tumour is predicted in any of the patient's scans; sensitivity is of patients "
    "with a tumour in the reference, specificity of those without, PPV of those called positive.",
    "A patient's class is that of the largest lesion; a component's class is that of most of its voxels.",
    "Intervals are 95%: Wilson's for counts, bootstrap over patients (2,000 samples) for means.",
)
Scores = Sequence[CaseScore]


def evaluation(scores: Scores, sizes: Sequence[float] = SIZES_MM, by: Sequence[str] = ()) -> dict[str, Any]:
    """What evaluation.json says.

    Args:
        scores: Of all cases.
        sizes: Borders between the classes of size, mm.
        by: Of age, sex, organ: what groups are formed by.
    """
    made: dict[str, Any] = summary(scores, sizes)
    made["rules"] = [*RULES, *PATIENT_RULES]
    if len(folds := sorted({score.fold for score in scores if score.fold is not None})) > 1:
        made["folds"] = {str(fold): summary([s for s in scores if s.fold == fold], sizes) for fold in folds}
    if by:
        made["groups"] = {name: groups(scores, name, sizes) for name in by}
    made["cases"] = [score.plain() for score in scores]
    return made


def summary(scores: Scores, sizes: Sequence[float] = SIZES_MM) -> dict[str, Any]:
    """The figures of a set of cases."""
    lesions = [lesion for score in scores for lesion in score.counted]
    components = [component for score in scores for component in score.components]
    true = sum(not component["false"] for component in components)
    ppv = intervals.share(true, len(components))
    healthy = [score for score in scores if score.healthy]
    small = [lesion for score in scores for lesion in score.lesions if lesion["small"]]
    made = {
        "scans": len(scores),
        "healthy_scans": len(healthy),
        "lesions": {
            name: _sensitivity([lesion for lesion in lesions if inside(lesion["diameter_mm"])])
            for name, inside in size_classes(sizes)
        },
        "small_lesions_apart": _sensitivity(small),
        "components": {"true": true, "of": len(components), "ppv": ppv["value"], "interval": ppv["interval"]},
        "patients": _patients(scores),
        "dsc": _means(scores, "dsc"),
        "nsd": _means(scores, "nsd"),
        "false_positives_per_scan": _per_scan(scores),
        "false_positives_per_healthy_scan": _per_scan(healthy),
    }
    classes = list(dict.fromkeys(name for score in scores for name in score.by_class))
    if classes:
        made["classes"] = {name: _class(scores, name) for name in classes}
        made["confusion"] = confusion(scores, classes)
    if scores and all(score.froc for score in scores):
        made["froc"] = froc(scores)
    return made


def size_classes(sizes: Sequence[float]) -> list[tuple[str, Callable[[float], bool]]]:
    """Names of the classes of size with who belongs there: "<20", "20-50", ">=50" and "all"."""
    ends = [0.0, *sizes, np.inf]

    def between(low: float, high: float) -> Callable[[float], bool]:
        return lambda mm: low <= mm < high

    names = [f"<{sizes[0]:g}", *(f"{a:g}-{b:g}" for a, b in itertools.pairwise(sizes)), f">={sizes[-1]:g}"]
    made = [(name, between(*pair)) for name, pair in zip(names, itertools.pairwise(ends), strict=True)]
    return [*made, (ALL, between(0.0, np.inf))]


def groups(scores: Scores, by: str, sizes: Sequence[float] = SIZES_MM) -> dict[str, Any]:
    """The figures of each group: by "age" (decades), "sex" or "organ"; who has no entry is in "unknown"."""
    members: dict[str, list[CaseScore]] = {}
    for score in scores:
        members.setdefault(age_group(score.age) if by == "age" else str(getattr(score, by) or "unknown"), []).append(
            score
        )
    order = [age_group(age) for age in (0, *AGES)] if by == "age" else []
    names = sorted(members, key=lambda name: (order.index(name) if name in order else len(order), name))
    return {name: summary(members[name], sizes) for name in names}


def age_group(age: float | None) -> str:
    """Decades: "<40", "40-50", ..., ">=80"."""
    if age is None:
        return "unknown"
    return next(name for name, inside in size_classes(AGES) if inside(age))


def froc(scores: Scores) -> dict[str, Any]:
    """Free-response ROC: the rules at each threshold of the probability."""
    lesions = sum(len(score.counted) for score in scores)
    totals = [
        (sum(lesion["found"] for score in scores for lesion in score.at(at).counted), _false_at(scores, at))
        for at in range(len(THRESHOLDS))
    ]
    points: list[dict[str, Any]] = [
        {
            "threshold": threshold,
            "false_positives_per_scan": false / len(scores),
            "sensitivity": found / lesions if lesions else None,
        }
        for threshold, (found, false) in zip(THRESHOLDS, totals, strict=True)
    ]
    at: dict[str, float | None] = {}
    for allowed in FROC_AT:
        lowest = _threshold_for(scores, allowed)
        reached = [] if lowest is None else [found for found, _ in totals[lowest:]]
        at[f"{allowed:g}"] = max(reached, default=0) / lesions if lesions else None
    return {"points": points, "sensitivity_at": at}


def _false_at(scores: Scores, threshold: int) -> int:
    return sum(score.froc[threshold]["false"] for score in scores)


def at_false_alarms(scores: Scores, allowed: float, sizes: Sequence[float] = SIZES_MM) -> dict[str, Any]:
    """Sensitivity where a method has only so many false positives: what makes methods comparable.

    Args:
        scores: Of all cases, with their probabilities.
        allowed: False positives a scan. The threshold is the lowest at which, and above which everywhere, there are
            no more: as it falls, components melt into each other, and a lower one could have fewer again.
        sizes: Borders between the classes of size, mm.

    Returns:
        `threshold` (None where even the highest has more), its `false_positives_per_scan`, and `lesions` by size.
    """
    at = _threshold_for(scores, allowed)
    found = _at(scores, at)
    lesions = [lesion for score in found for lesion in score.counted]
    return {
        "allowed": allowed,
        "threshold": None if at is None else THRESHOLDS[at],
        "false_positives_per_scan": 0.0 if at is None else _false_at(scores, at) / len(scores),
        "lesions": {
            name: _sensitivity([lesion for lesion in lesions if inside(lesion["diameter_mm"])])
            for name, inside in size_classes(sizes)
        },
    }


def compare_at_false_alarms(
    first: Scores, second: Scores, allowed: float, sizes: Sequence[float] = SIZES_MM
) -> dict[str, Any]:
    """Two methods, each at its own threshold of `at_false_alarms`, lesion by lesion: exact McNemar by rule and size."""
    one, other = (_at(scores, _threshold_for(scores, allowed)) for scores in (first, second))
    return {rule: _mcnemar_by_size(one, other, rule, sizes) for rule in ("found", "found_iou")}


def _threshold_for(scores: Scores, allowed: float) -> int | None:
    best = None
    for at in reversed(range(len(THRESHOLDS))):
        if _false_at(scores, at) > allowed * len(scores):
            break
        best = at
    return best


def _at(scores: Scores, threshold: int | None) -> list[CaseScore]:
    if threshold is not None:
        return [score.at(threshold) for score in scores]
    none = {"found": False, "found_iou": False}
    return [replace(score, lesions=[{**lesion, **none} for lesion in score.lesions]) for score in scores]


def _mcnemar_by_size(first: Scores, second: Scores, rule: str, sizes: Sequence[float]) -> dict[str, Any]:
    pairs = [
        (one, other)
        for a, b in zip(first, second, strict=True)
        for one, other in zip(a.counted, b.counted, strict=True)
    ]
    return {
        name: intervals.mcnemar(
            *([pair[at][rule] for pair in pairs if inside(pair[0]["diameter_mm"])] for at in (0, 1))
        )
        for name, inside in size_classes(sizes)
    }


def _mcnemar_of_classes(first: Scores, second: Scores, names: Collection[str]) -> dict[str, Any]:
    """The lesions of some classes: which of two methods finds them and calls them what they are."""
    called = [
        [
            each["predicted_class"] == each["class"]
            for score in scores
            for each in score.counted
            if each["class"] in names
        ]
        for scores in (first, second)
    ]
    return intervals.mcnemar(*called)


def confusion(scores: Scores, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Reference's classes against predicted ones; "missed" and, for false positives, the row "none"."""
    table = {row: dict.fromkeys((*classes, "missed"), 0) for row in (*classes, "none")}
    for score in scores:
        for lesion in score.counted:
            table[lesion["class"]][lesion["predicted_class"] or "missed"] += 1
        for component in score.components:
            if component["false"]:
                table["none"][component["class"]] += 1
    return table


def compare(first: Scores, second: Scores, sizes: Sequence[float] = SIZES_MM) -> dict[str, Any]:
    """A second method against a first one, on the same cases, lesion by lesion and scan by scan."""
    patients = [score.patient for score in first]
    by_patient = [_by_patient(scores) for scores in (first, second)]
    healthy = [name for name, (ill, _) in by_patient[0].items() if not ill]
    classes = list(dict.fromkeys(name for score in first for name in score.by_class))
    named = {name: [name] for name in classes} | ({EVERY_CLASS: classes} if classes else {})
    return {
        "lesions": _mcnemar_by_size(first, second, "found", sizes),
        "lesions_iou": _mcnemar_by_size(first, second, "found_iou", sizes),
        **(
            {"classes": {name: _mcnemar_of_classes(first, second, of) for name, of in named.items()}} if classes else {}
        ),
        "specificity": intervals.mcnemar(*([not every[name][1] for name in healthy] for every in by_patient)),
        **{
            name: intervals.difference(
                [getattr(score, name) for score in first], [getattr(score, name) for score in second], patients
            )
            for name in ("dsc", "nsd", "false_positives")
        },
    }


def _sensitivity(lesions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found, found_iou = (sum(lesion[rule] for lesion in lesions) for rule in ("found", "found_iou"))
    any_overlap, iou = intervals.share(found, len(lesions)), intervals.share(found_iou, len(lesions))
    return {
        "found": found,
        "of": len(lesions),
        "sensitivity": any_overlap["value"],
        "interval": any_overlap["interval"],
        "found_iou": found_iou,
        "sensitivity_iou": iou["value"],
        "interval_iou": iou["interval"],
    }


def _by_patient(scores: Scores) -> dict[str, tuple[bool, bool]]:
    """Of each patient: whether there is a tumour, and whether any is predicted."""
    found: dict[str, tuple[bool, bool]] = {}
    for score in scores:
        ill, called = found.get(score.patient, (False, False))
        found[score.patient] = (ill or not score.healthy, called or score.called)
    return found


def _rates(people: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """Sensitivity, specificity and PPV of (is so, is called so)."""
    counts = {
        "sensitivity": (sum(ill and called for ill, called in people), sum(ill for ill, _ in people)),
        "specificity": (sum(not ill and not called for ill, called in people), sum(not ill for ill, _ in people)),
        "ppv": (sum(ill and called for ill, called in people), sum(called for _, called in people)),
    }
    shares = {name: intervals.share(*count) for name, count in counts.items()}
    return {
        **{name: share["value"] for name, share in shares.items()},
        "intervals": {name: share["interval"] for name, share in shares.items()},
        "counts": {name: list(count) for name, count in counts.items()},
    }


def _patients(scores: Scores) -> dict[str, Any]:
    return _rates(list(_by_patient(scores).values()))


def _means(scores: Scores, name: str) -> dict[str, Any]:
    def over(chosen: Scores) -> dict[str, Any]:
        return intervals.mean([getattr(score, name) for score in chosen], [score.patient for score in chosen])

    return {**over(scores), "with_tumour": over([score for score in scores if not score.healthy])}


def _per_scan(scores: Scores) -> float | None:
    return sum(score.false_positives for score in scores) / len(scores) if scores else None


def _class(scores: Scores, name: str) -> dict[str, Any]:
    """A class's figures: tumours found and called so, patients called so, and how well its voxels agree."""
    own = [lesion for score in scores for lesion in score.counted if lesion["class"] == name]
    right = sum(lesion["predicted_class"] == name for lesion in own)
    called = [c for score in scores for c in score.components if c["class"] == name]
    true = sum(_is_of(score, component, name) for score in scores for component in score.components)
    sensitivity, ppv = intervals.share(right, len(own)), intervals.share(true, len(called))
    there = [score for score in scores if any(lesion["class"] == name for lesion in score.lesions)]
    patients = [score.patient for score in there]
    classes = _patient_classes(scores)
    return {
        "lesions": {
            "found": right,
            "of": len(own),
            "sensitivity": sensitivity["value"],
            "interval": sensitivity["interval"],
            "true": true,
            "predicted": len(called),
            "ppv": ppv["value"],
            "ppv_interval": ppv["interval"],
        },
        "patients": _rates([(told == name, called_as == name) for told, called_as in classes.values()]),
        **{
            metric: intervals.mean([score.by_class[name][metric] for score in there], patients)
            for metric in ("dsc", "nsd")
        },
    }


def _is_of(score: CaseScore, component: dict[str, Any], name: str) -> bool:
    """Whether a component called so touches a lesion that is so."""
    return component["class"] == name and any(
        lesion["class"] == name for lesion in score.lesions if lesion["number"] in component["lesions"]
    )


def _patient_classes(scores: Scores) -> dict[str, tuple[str | None, str | None]]:
    """Each patient's class by the reference and by the prediction: that of the largest lesion."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for patient in dict.fromkeys(score.patient for score in scores):
        own = [score for score in scores if score.patient == patient]

        def largest(rows: list[dict[str, Any]]) -> str | None:
            return max(rows, key=lambda row: row["diameter_mm"])["class"] if rows else None

        found[patient] = (
            largest([lesion for score in own for lesion in score.lesions]),
            largest([component for score in own for component in score.components]),
        )
    return found
