"""Folds: the scans of a patient stay together, healthy and other patients are spread evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from TextoMorphLib.cases.case import Case
from TextoMorphLib.errors import InputError


def split(cases: Sequence[Case], folds: int = 5, seed: int = 0) -> list[Case]:
    """The cases with a fold each.

    Args:
        cases: In the order in which they come back.
        folds: How many.
        seed: Decides who goes where.

    Raises:
        InputError: Fewer patients than folds, or there are folds already.
    """
    if any(case.fold is not None for case in cases):
        raise InputError("the cases have folds already; folds are written once, so that nothing tested is trained on")
    patients: dict[tuple[str, str], bool] = {}
    for case in cases:
        key = (case.organ, case.patient)
        patients[key] = patients.get(key, True) and case.healthy
    people = sorted({patient for _, patient in patients})
    if not 2 <= folds <= len(people):
        raise InputError(f"{len(people)} patients cannot be parted into {folds} folds; use 2 to {len(people)}")
    rng = np.random.default_rng(seed)
    strata: dict[tuple[str, bool], list[str]] = {}
    placed: set[str] = set()
    for (organ, patient), healthy in sorted(patients.items()):
        if patient not in placed:  # one who is there with two organs is placed by the first
            placed.add(patient)
            strata.setdefault((organ, healthy), []).append(patient)
    fold_of: dict[str, int] = {}
    for _, members in sorted(strata.items()):
        for patient in rng.permutation(np.array(members, dtype=object)):
            fold_of[str(patient)] = len(fold_of) % folds  # goes on where the last stratum ended: folds differ by one
    return [case.with_fold(fold_of[case.patient]) for case in cases]


def parted(cases: Sequence[Case], fold: int) -> tuple[list[Case], list[Case]]:
    """The cases to train on in a fold, and those to test.

    Cases without a fold are trained on in every fold.

    Raises:
        InputError: No such fold, or a patient is in two folds.
    """
    check_patients(cases)
    tested = [case for case in cases if case.fold == fold]
    if not tested:
        known = sorted({case.fold for case in cases if case.fold is not None})
        raise InputError(
            f"no case is in fold {fold}; folds there: {', '.join(map(str, known)) or 'none, see cases split'}"
        )
    return [case for case in cases if case.fold != fold], tested


def check_patients(cases: Sequence[Case]) -> None:
    """Makes sure that no patient is in two folds.

    Raises:
        InputError: One is.
    """
    folds: dict[str, int | None] = {}
    for case in cases:
        if folds.setdefault(case.patient, case.fold) != case.fold:
            raise InputError(f"patient {case.patient} is in folds {folds[case.patient]} and {case.fold}; keep one")
