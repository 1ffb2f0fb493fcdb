"""What is wrong with the cases of a file: every scan and label map is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from TextoMorphLib.cases.case import Case
from TextoMorphLib.errors import Cancelled, InputError, doubts_of_many


def check(
    cases: Sequence[Case], progress: Callable[[int, int], Any] | None = None
) -> Iterator[tuple[Case, list[str], dict[str, int]]]:
    """Reads every case.

    Args:
        cases: Of one file.
        progress: Called with (cases done, cases in all); may return False to cancel.

    Yields:
        The case, what is wrong with it (empty: nothing), and its voxels by class.

    Raises:
        Cancelled: `progress` returned False.
    """
    seen: dict[bytes, Case] = {}
    folds: dict[str, Case] = {}
    with doubts_of_many(len(cases)) as about:
        for number, case in enumerate(cases):
            if progress is not None and progress(number, len(cases)) is False:
                raise Cancelled("cancelled")
            problems: list[str] = []
            first = folds.setdefault(case.patient, case)
            if first.fold != case.fold:
                problems.append(f"patient {case.patient} is in fold {first.fold}, too ({first.id})")
            with about(case.id):
                found, counts, content = _read(case)
            problems += found
            if content:
                twin = seen.setdefault(content, case)
                if twin is not case and (twin.patient != case.patient or twin.fold != case.fold):
                    problems.append(f"its scan is that of {twin.id}, voxel by voxel, which is another patient or fold")
            yield case, problems, counts


def _read(case: Case) -> tuple[list[str], dict[str, int], bytes]:
    """What is wrong with a case's files, voxels by class, and the scan's fingerprint."""
    from TextoMorphLib.io.volume import Volume, check_ct

    missing = [f"{path} does not exist" for path in case.files if not path.exists()]
    if missing:
        return missing, {}, b""
    try:
        volume = Volume.read(case.ct)
    except InputError as error:
        return [str(error)], {}, b""
    problems = []
    content = hashlib.sha256(np.ascontiguousarray(volume.data).data).digest()
    try:
        check_ct(volume)
    except InputError as error:
        problems.append(str(error))
    counts: dict[str, int] = {}
    try:
        targets = case.targets(volume)
        sizes = np.bincount(targets.ravel(), minlength=2 + len(case.classes))
        counts = {name: int(sizes[at]) for at, name in enumerate(("organ", *case.classes), start=1)}
        problems += _empty(case, counts)
    except InputError as error:
        problems.append(str(error))
    return problems, counts, content


def _empty(case: Case, counts: dict[str, int]) -> list[str]:
    problems = []
    if case.label and case.classes and not case.healthy and not sum(counts[name] for name in case.classes):
        problems.append('its label map holds no tumour; mark it "healthy": true if there is none')
    if (case.organ_mask or "organ" in case.values) and not counts["organ"] and not any(counts.values()):
        problems.append(f"its {case.organ} is empty")
    if not case.annotated:
        problems.append('nothing says where its tumours are: give "label" with "values", or "healthy": true')
    return problems
