"""From failures to training data that aims at them: look-alikes in healthy scans, and patches without a tumour.

Of each miss and each badly outlined lesion, look-alikes are asked for in healthy organs: the same words, about the
same size, its own shape turned and mirrored. A false alarm asks for two things: for its surroundings as they are, as
a patch without a tumour, and for tumours that look like it elsewhere, so that a segmenter learns what tells the two
apart instead of never calling anything that looks so.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import ORGAN, TUMOUR, Case, read_cases, write_cases
from TextoMorphLib.cases.pairs import JOBS, MASKS
from TextoMorphLib.errors import ALONE, Cancelled, InputError
from TextoMorphLib.evaluation.lesions import LEAST_MM
from TextoMorphLib.failures.record import FALSE_ALARM, Failure
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.sources.in_scans import Room, placed
from TextoMorphLib.spatial.geometry import grow, tight_box

HEALTHY, SHARES, PATCHES = "healthy.jsonl", "shares.json", "patches"
CASES, LABELS = "cases.jsonl", "labels"
SPREAD = 0.2  # of the diameters' logarithm
SHOWN_AROUND_MM = 24.0  # of a false alarm that a patch shows
ANY_LESION = "lesion"  # where nothing could be said of a failure


@dataclass(frozen=True)
class _Organ:
    """A healthy scan and its organ."""

    case: Case
    room: Room


def target(
    failures: Sequence[Failure],
    healthy: Path,
    count: int,
    folder: Path,
    cases: Path | None = None,
    spread: float = SPREAD,
    seed: int = 0,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """Writes a batch's jobs of look-alikes, and patches of false alarms.

    Args:
        failures: What is to be made again.
        healthy: A cases.jsonl with healthy scans, and where their organ is.
        count: How many look-alikes.
        folder: Gets jobs.jsonl (for `textomorph batch`), masks, patches, healthy.jsonl, shares.json, and cases.jsonl
            with labels: the look-alikes as cases to train on, once the batch has been made.
        cases: The cases that the failures are of, to leave tumours out of patches; no patches without.
        spread: Standard deviation of the logarithm of how much larger or smaller look-alikes are.
        seed: Decides everything.
        progress: Called with (jobs done, jobs in all); may return False to stop.

    Returns:
        What was made of what: `jobs` by kind of failure, `patches`, `left_out` with reasons, and `places` by case.

    Raises:
        InputError: No healthy scan of an organ, or the folder holds a batch already.
        Cancelled: `progress` returned False.
    """
    _check(count, folder)
    scans = [case for case in read_cases(healthy) if case.healthy]
    if lacking := sorted({failure.organ for failure in failures} - {case.organ for case in scans}):
        raise InputError(f"{healthy} has no case that is healthy and of the {lacking[0]}; look-alikes need one")
    rng = np.random.default_rng(seed)
    with making(folder / MASKS, folder / LABELS):
        drawn = [failures[n] for n in _evenly(len(failures), count, rng)]
        organs = sorted({each.organ for each in failures})  # a set comes in another order in each process
        turns = {organ: _evenly(_many(scans, organ), count, rng) for organ in organs}
        planned = [
            (number, failure, [case for case in scans if case.organ == failure.organ][turns[failure.organ][number]])
            for number, failure in enumerate(drawn)
        ]
        lines: dict[int, dict[str, Any]] = {}
        known: _Organ | None = None
        for done, (number, failure, case) in enumerate(sorted(planned, key=lambda each: each[2].id)):
            if progress is not None and progress(done, count) is False:
                raise Cancelled("cancelled")
            if known is None or known.case.id != case.id:
                known = _organ(case)
            lines[number] = _job(number, failure, known, folder, spread, seed)
        shares: dict[str, Any] = {"jobs": dict(Counter(failure.kind for failure in drawn))}
        shares["places"] = dict(Counter(case.id for _, _, case in planned))
        shares["patches"], shares["left_out"] = _patches(failures, cases, folder) if cases else (0, [])
        write_cases((_case(lines[number], planned[number][2], folder) for number in sorted(lines)), folder / CASES)
        outputs.write_bytes(folder / SHARES, (outputs.to_json(shares) + "\n").encode())
        _write_jobs([lines[number] for number in sorted(lines)], folder / JOBS)
        return shares


def _check(count: int, folder: Path) -> None:
    if count < 1:
        raise InputError(f"{count} look-alikes cannot be made; ask for 1 or more")
    if (folder / JOBS).exists():
        raise InputError(f"{folder} holds a batch already; resume it, or choose another folder")


def _write_jobs(lines: Sequence[dict[str, Any]], path: Path) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    outputs.write_bytes(path, text.encode())


def _many(scans: Sequence[Case], organ: str) -> int:
    return sum(case.organ == organ for case in scans)


def _evenly(of: int, count: int, rng: np.random.Generator) -> list[int]:
    """`count` numbers below `of`, each equally often but for one, in random order within each round."""
    rounds = [rng.permutation(of) for _ in range(-(-count // of))]
    return [int(number) for number in np.concatenate(rounds)[:count]]


def _organ(case: Case) -> _Organ:
    volume = Volume.read(case.ct)
    mask = case.targets(volume) == 1
    if not mask.any():
        raise InputError(f'case {case.id} does not say where its {case.organ} is; give "organ_mask" or a label map')
    return _Organ(case, Room.of(volume, mask))


def _job(number: int, failure: Failure, organ: _Organ, folder: Path, spread: float, seed: int) -> dict[str, Any]:
    """One look-alike: its mask is written, its line returned."""
    rng = np.random.default_rng([seed, number])
    diameter = max(LEAST_MM, failure.diameter_mm * float(np.exp(spread * rng.standard_normal())))
    mask = placed(Volume.read(failure.mask), failure.diameter_mm, diameter, organ.room, rng)
    name = f"{number + 1:04d}.nii.gz"
    Volume.from_array(mask, organ.room.volume.affine).write(folder / MASKS / name)
    label = np.where(mask, 2, organ.room.mask).astype(np.uint8)
    Volume.from_array(label, organ.room.volume.affine).write(folder / LABELS / name)
    return {
        "ct": Path(os.path.relpath(organ.case.ct.resolve(), folder.resolve())).as_posix(),
        "mask": f"{MASKS}/{name}",
        "text": failure.text if failure.description else ANY_LESION,
        "output": name,
        "organ": failure.organ,
        "seed": seed + number,
    }


def _case(job: dict[str, Any], healthy: Case, folder: Path) -> Case:
    """What a job makes, as a case to train on."""
    name = job["output"].removesuffix(".nii.gz")
    label, values = folder / LABELS / job["output"], {ORGAN: (1,), TUMOUR: (2,)}
    where = {"patient": healthy.patient, "label": label, "values": values}
    return Case(f"look-alike-{name}", folder / job["output"], job["organ"], texts=(job["text"],), **where)


def _patches(failures: Sequence[Failure], cases: Path, folder: Path) -> tuple[int, list[str]]:
    """Cuts the surroundings of false alarms out of their scans, as healthy cases; those near a tumour are left out."""
    by_id = {case.id: case for case in read_cases(cases)}
    made, left_out = [], []
    for failure in failures:
        if failure.kind != FALSE_ALARM:
            continue
        case = by_id.get(failure.case)
        if case is None:
            raise InputError(f"{cases} has no case {failure.case}, which {failure.id} is of")
        volume = Volume.read(case.ct)
        targets = case.targets(volume)
        own = read_mask(failure.mask, volume, resample=True, choose=ALONE)
        box = grow(tight_box(own), np.ceil(SHOWN_AROUND_MM / volume.spacing), volume.shape)
        if (targets[box] > 1).any():
            left_out.append(f"{failure.id}: a tumour is in its surroundings")
            continue
        (folder / PATCHES).mkdir(exist_ok=True)
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.array([part.start for part in box])
        paths = [folder / PATCHES / f"{failure.id}{part}.nii.gz" for part in ("", "-organ")]
        Volume(volume.data[box].copy(), affine, volume.slope, volume.intercept).write(paths[0])
        Volume.from_array(targets[box] == 1, affine).write(paths[1])
        organ = (paths[1],) if (targets[box] == 1).any() else ()
        made.append(Case(failure.id, paths[0], failure.organ, patient=failure.patient, organ_mask=organ, healthy=True))
    if made:
        write_cases(made, folder / HEALTHY)
    return len(made), left_out
