"""Lesions that a segmenter missed, saw where there are none, or outlined worst: with place, size, words and picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import Case, tumour_classes
from TextoMorphLib.errors import Cancelled, InputError, doubt, one_of_many
from TextoMorphLib.evaluation.lesions import LEAST_MM, Matching, match
from TextoMorphLib.evaluation.scores import meaning, prediction_of, read_both, told_of_swapped, usual_values
from TextoMorphLib.failures.page import picture
from TextoMorphLib.failures.record import FALSE_ALARM, MISS, WORST, Failure, write_failures
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.description import phrase, words_to_draw
from TextoMorphLib.spatial.geometry import Box, tight_box
from TextoMorphLib.text.organs import ORGANS

NAMES = {MISS: "miss", FALSE_ALARM: "alarm", WORST: "worst"}


@dataclass(frozen=True)
class _Found:
    """A failure before it is looked at: where it is in its case's matching."""

    kind: str
    number: int
    dice: float | None


def find(
    cases: Sequence[Case],
    predictions: Path,
    output: Path,
    worst: float = 0.1,
    values: Mapping[str, tuple[int, ...]] | None = None,
    progress: Callable[[int, int], Any] | None = None,
    failed: Callable[[str], Any] | None = None,
) -> list[Failure]:
    """Finds, describes and draws the failures.

    Lesions match by the rules of `evaluate`. What was described before, of the same files, is read again.

    Args:
        cases: As `scores.to_score` returns them.
        predictions: Folder of predictions.
        output: The failures.jsonl to write; pictures and masks go into the folder of its name beside it.
        worst: Share of the lesions that were found, those with the lowest Dice, that count as failures, too.
        values: What the predictions' numbers mean, if not what the cases' do.
        progress: Called with (cases done, cases in all), twice over the cases; may return False to stop.
        failed: Called with what is wrong with a case, which is then left out; without it, that is an error.

    Raises:
        InputError: A file cannot be read or written, or no case is left.
        Cancelled: `progress` returned False.
    """
    classes, usual = tumour_classes(cases), usual_values(cases)
    seen: dict[str, list[_Found]] = {}
    swapped: list[str] = []
    for number, case in enumerate(cases):
        _tell(progress, number, 2 * len(cases))
        with one_of_many(f"case {case.id}", failed):
            ct, reference, predicted, (_, odd) = read_both(case, predictions, classes, values, usual)
            swapped += [case.id] * odd
            seen[case.id] = _of_case(match(reference, predicted, ct.spacing))
    if not seen:
        raise InputError("no case could be looked at")
    if swapped:
        doubt(told_of_swapped(swapped, len(cases), predictions))
    dices = sorted(
        each.dice for found in seen.values() for each in found if each.kind == WORST and each.dice is not None
    )
    limit = dices[max(round(worst * len(dices)) - 1, 0)] if dices and worst > 0 else -1.0
    files = output.with_name(output.stem)
    with making(files):
        failures: list[Failure] = []
        for number, case in enumerate(cases, start=len(cases)):
            _tell(progress, number, 2 * len(cases))
            kept = [each for each in seen.get(case.id, ()) if each.kind != WORST or (each.dice or 0) <= limit]
            with one_of_many(f"case {case.id}", failed):
                failures += _looked_at(case, kept, predictions, classes, values, usual, files)
        write_failures(failures, output)
        return failures


def _tell(progress: Callable[[int, int], Any] | None, done: int, of: int) -> None:
    if progress is not None and progress(done, of) is False:
        raise Cancelled("cancelled")


def _of_case(found: Matching) -> list[_Found]:
    failures = [_Found(MISS, lesion.number, 0.0) for lesion in found.missed]
    failures += [
        _Found(FALSE_ALARM, component.number, None)
        for component in found.false_positives
        if component.diameter_mm >= LEAST_MM  # smaller ones are specks: counted, not described
    ]
    sizes = {component.number: component.voxels for component in found.components}
    for lesion in found.counted:
        if lesion.found:
            touching = sum(sizes[number] for number in lesion.components)
            failures.append(_Found(WORST, lesion.number, 2 * lesion.overlap / (lesion.voxels + touching)))
    return failures


def _looked_at(
    case: Case,
    found: Sequence[_Found],
    predictions: Path,
    classes: tuple[str, ...],
    values: Mapping[str, tuple[int, ...]] | None,
    usual: Mapping[str, tuple[int, ...]],
    files: Path,
) -> list[Failure]:
    """The failures of a case, described; from an earlier run with the same files, meaning and vocabulary."""
    prediction = prediction_of(case, predictions)
    if not found or prediction is None:
        return []
    names = [f"{case.id}-{NAMES[each.kind]}-{each.number}" for each in found]
    means = {name: list(numbers) for name, numbers in meaning(case, prediction, values, usual).items()}
    stamps = [contents.program(), case.line(files), means, *case.looks(), *contents.looks([prediction])]
    known = [_known(files / f"{name}.json", stamps) for name in names]
    if all(known):
        return [failure for failure in known if failure]
    ct, reference, predicted, _ = read_both(case, predictions, classes, values, usual)
    matching = match(reference, predicted, ct.spacing)
    organ = case.targets(ct, classes) == 1
    failures = []
    for name, each, before in zip(names, found, known, strict=True):
        failure = before or _described(case, name, each, ct, organ, matching, files)
        kept = {"files": stamps, "failure": failure.line(files)}
        outputs.write_bytes(files / f"{name}.json", json.dumps(kept, ensure_ascii=False).encode())
        failures.append(failure)
    return failures


def _known(path: Path, stamps: list[Any]) -> Failure | None:
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["files"] != stamps:
        return None
    given = kept["failure"]
    for name in ("ct", "mask", "picture"):
        given[name] = path.parent / given[name]
    for name in ("centre_mm", "diameters_mm"):
        given[name] = tuple(given[name])
    return Failure(**given)


def _described(
    case: Case, name: str, found: _Found, ct: Volume, healthy: np.ndarray, matching: Matching, files: Path
) -> Failure:
    alarm = found.kind == FALSE_ALARM
    own = (matching.predicted if alarm else matching.reference) == found.number
    others = matching.reference > 0
    organ = case.organ if case.organ in ORGANS else "liver"
    # Look-alikes are made of this one scan's lesion: all that is likely of it counts.
    words = words_to_draw(ct, own, organ, others, healthy)
    box = tight_box(own)
    mask = files / f"{name}-mask.nii.gz"
    Volume.from_array(own[box], _cut(ct.affine, box)).write(mask)
    text = phrase(words.said)
    title = f"{found.kind}: {text}, {words.size}"
    drawn = files / f"{name}.png"
    outputs.write_bytes(drawn, picture(ct, own, others, matching.predicted > 0, title, f"case {case.id}"))
    return Failure(
        id=name,
        kind=found.kind,
        case=case.id,
        patient=case.patient,
        organ=case.organ,
        ct=case.ct,
        mask=mask,
        picture=drawn,
        centre_mm=(round(words.centre_mm[0], 1), round(words.centre_mm[1], 1), round(words.centre_mm[2], 1)),
        diameter_mm=round(float(words.attributes.diameter_mm), 2),
        diameters_mm=(round(words.diameters_mm[0], 1), round(words.diameters_mm[1], 1)),
        dice=None if found.dice is None else round(found.dice, 4),
        text=text,
        description=words.description,
        unsaid=words.unsaid,
    )


def _cut(affine: np.ndarray, box: Box) -> np.ndarray:
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ np.array([part.start for part in box])
    return moved
