"""What `describe` says of real tumours: how often each term, and whether small changes of the scan change the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.twins import largest
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.description import LIKELY, SURE, Words, describe
from TextoMorphLib.spatial.grids import sampled_hu, sampled_labels
from TextoMorphLib.spatial.region import UNKNOWN_HU, known_around
from TextoMorphLib.text.concepts import ATTRIBUTES
from TextoMorphLib.text.organs import ORGANS

NOISE_HU, NOISE_VOXELS = 6.0, 0.6  # standard deviation of what is added, and the sigma of its grain
GRID_MM, CONTOUR_MM = 1.0, 1.0
CONFIDENCES = (LIKELY, 0.7, SURE, 0.9, 0.95, 1.0)  # between which it is counted what becomes of words
Terms = dict[str, tuple[str, float]]  # kind to value and confidence
Seen = tuple[Volume, np.ndarray]  # a scan, and its targets: 1 organ, 2 and above tumours


def of_cases(
    cases: Sequence[Case], changed: bool, progress: Callable[[int, int], Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Describes each case's largest tumour.

    Args:
        cases: With tumours in label maps.
        changed: Whether it is also described after each of `CHANGES`.
        progress: Called with (cases done, cases in all).

    Yields:
        `case`, `text`, `said` (kind to value), `unsure` (likewise), `unsaid` (kind to reason), `terms` (kind to value
        and confidence, of both), and by change what the `terms` are then.

    Raises:
        InputError: No case has a tumour, or one cannot be read.
    """
    ill = [case for case in cases if case.label and case.classes and not case.healthy]
    if not ill:
        raise InputError("no case has a tumour in a label map")
    for number, case in enumerate(ill):
        volume = Volume.read(case.ct)
        targets = case.targets(volume)
        words = _words(case, volume, targets)
        row = {
            "case": case.id,
            "text": words.text,
            "said": words.description,
            "unsure": {each.kind: each.value for each in words.unsure},
            "unsaid": words.unsaid,
            "terms": _rated(words),
        }
        if changed:
            rng = np.random.default_rng(number)
            made = ((name, change(volume, targets, rng)) for name, change in CHANGES.items())
            row["changes"] = {name: _rated(_words(case, *seen)) for name, seen in made}
        yield row
        if progress is not None:
            progress(number + 1, len(ill))


def _words(case: Case, volume: Volume, targets: np.ndarray) -> Words:
    tumours, healthy = targets > 1, targets == 1
    organ = case.organ if case.organ in ORGANS else "liver"
    mask = largest(tumours, volume.spacing)
    (words, *_) = describe(volume, mask, organ, others=tumours, healthy=healthy if healthy.any() else None)
    return words


def _rated(words: Words) -> Terms:
    return {each.kind: (each.value, round(each.confidence, 3)) for each in (*words.said, *words.unsure)}


def _noisier(volume: Volume, targets: np.ndarray, rng: np.random.Generator) -> Seen:
    grain = ndimage.gaussian_filter(rng.standard_normal(volume.shape), NOISE_VOXELS)
    hu = volume.hu()
    more = np.where(hu > UNKNOWN_HU, hu + NOISE_HU * grain / grain.std(), hu)
    return Volume.from_array(more.astype(np.float32), volume.affine), targets


def _resampled(volume: Volume, targets: np.ndarray, rng: np.random.Generator) -> Seen:
    """As programs do it: the scan's axes and extent, linear. What is unknown stays so and blurs into nothing."""
    per = GRID_MM / volume.spacing
    shape = tuple(np.maximum(np.rint(np.array(volume.shape) / per), 1).astype(int).tolist())
    to_scan = np.diag([*per, 1.0])
    to_scan[:3, 3] = (per - 1) / 2  # voxels' outer faces, not their centres, stay where they are
    affine = volume.affine @ to_scan
    hu = volume.hu()
    unknown = hu <= UNKNOWN_HU
    finer = sampled_hu(Volume.from_array(known_around(hu, volume.spacing), volume.affine), affine, shape)
    finer[sampled_labels(unknown.astype(np.uint8), volume.affine, affine, shape) > 0] = 2 * UNKNOWN_HU
    return Volume.from_array(finer, affine), sampled_labels(targets, volume.affine, affine, shape)


def _wider(volume: Volume, targets: np.ndarray, rng: np.random.Generator) -> Seen:
    near = ndimage.distance_transform_edt(targets < 2, sampling=volume.spacing) <= CONTOUR_MM
    return volume, np.where(near & (volume.hu() > UNKNOWN_HU), 2, targets)


def _narrower(volume: Volume, targets: np.ndarray, rng: np.random.Generator) -> Seen:
    deep = ndimage.distance_transform_edt(targets > 1, sampling=volume.spacing) > CONTOUR_MM
    return volume, np.where(deep | (targets < 2), targets, 1) if deep.any() else targets


CHANGES: dict[str, Callable[[Volume, np.ndarray, np.random.Generator], Seen]] = {
    f"{NOISE_HU:g} HU of noise added": _noisier,
    f"resampled to {GRID_MM:g} mm": _resampled,
    f"contour {CONTOUR_MM:g} mm farther out": _wider,
    f"contour {CONTOUR_MM:g} mm farther in": _narrower,
}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All tables, as Markdown: how often each term, what of it stays, and how that depends on its confidence."""
    lines = ["| kind | said | unsure | not said |", "|---|---|---|---|"]
    for kind in ATTRIBUTES:
        said, unsure = (Counter(row[name][kind] for row in rows if kind in row[name]) for name in ("said", "unsure"))
        if said or unsure or any(kind in row["unsaid"] for row in rows):
            left = len(rows) - sum(said.values()) - sum(unsure.values())
            lines.append(f"| {kind} | {_counts(said)} | {_counts(unsure)} | {left} |")
    if rows and "changes" in rows[0]:
        lines += ["", "| change | same words | same lesions | said again, sure or not | contrary | words |"]
        lines.append("|---|---|---|---|---|---|")
        for name in CHANGES:
            found = _agreement(rows, name)
            lines.append(f"| {name} | {' | '.join(found.shares())} | {found.contrary} | {found.either} |")
        lines += ["", "| confidence | words, all changes | told of again | said again |", "|---|---|---|---|"]
        for low, high in pairwise(CONFIDENCES):
            before, again, anew = _kept(rows, low, high)
            shares = f"{again / before:.0%} | {anew / before:.0%}" if before else "- | -"
            lines.append(f"| {low:g} to {high:g} | {before} | {shares} |")
    return "\n".join(lines)


def _counts(values: Counter[str]) -> str:
    return ", ".join(f"{value} {count}" for value, count in values.most_common()) or "none"


@dataclass(frozen=True)
class _Agreement:
    """What becomes of words.

    Attributes:
        same: Words that are said before and after,
        either: before or after,
        before: and before.
        again: Of these, how many are told of after, sure or not.
        contrary: How many are another then.
        lesions: How many lesions have the same words, all of them,
        of: and how many there are.
    """

    same: int
    either: int
    before: int
    again: int
    contrary: int
    lesions: int
    of: int

    def shares(self) -> tuple[str, str, str]:
        pairs = ((self.same, self.either), (self.lesions, self.of), (self.again, self.before))
        same, lesions, again = (f"{part / max(whole, 1):.0%}" for part, whole in pairs)
        return same, lesions, again


def _said(terms: Terms) -> dict[str, str]:
    return {kind: value for kind, (value, confidence) in terms.items() if confidence >= SURE}


def _agreement(rows: Sequence[dict[str, Any]], change: str) -> _Agreement:
    pairs = [(row["terms"], row["changes"][change]) for row in rows]
    said = [(_said(before), _said(after)) for before, after in pairs]
    kinds = [(one.get(kind), other.get(kind)) for one, other in said for kind in {*one, *other}]
    told = [
        (value, after.get(kind, ("",))[0])
        for (_, after), (before, _) in zip(pairs, said, strict=True)
        for kind, value in before.items()
    ]
    return _Agreement(
        same=sum(a == b for a, b in kinds),
        either=len(kinds),
        before=len(told),
        again=sum(a == b for a, b in told),
        contrary=sum(bool(b) and a != b for a, b in told),
        lesions=sum(a == b for a, b in said),
        of=len(said),
    )


def _kept(rows: Sequence[dict[str, Any]], low: float, high: float) -> tuple[int, int, int]:
    """Of words between two confidences, once for each change: how many there are, are told of again, and said again."""
    found = [
        (value, after.get(kind, ("", 0.0)))
        for row in rows
        for after in row["changes"].values()
        for kind, (value, confidence) in row["terms"].items()
        if low <= confidence < high or confidence == high == 1
    ]
    again = [confidence for value, (other, confidence) in found if value == other]
    return len(found), len(again), sum(confidence >= SURE for confidence in again)
