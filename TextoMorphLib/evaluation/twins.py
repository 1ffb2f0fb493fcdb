"""Twins of real tumours: the same scan, place, mask and words, the tumour replaced by a synthetic one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import Case, write_cases
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.evaluation.observer_features import Features, measured
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.io.provenance import provenance
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.description import words_to_draw
from TextoMorphLib.parallel import in_order
from TextoMorphLib.sources import scans
from TextoMorphLib.spatial.region import UNKNOWN_HU, lesions, without_organ
from TextoMorphLib.synthesis import Synthesizer
from TextoMorphLib.text.organs import ORGANS

TWINS, PAIRS = "twins", "pairs"
LISTED = "twins.jsonl"  # the twins as cases, for `patterns`
# A scan whose usual values lie so far apart in the mean was stored in coarser steps; it is cut off where its last value
# is no chance.
USUAL, LEAST_LEVELS, COARSE_STEP_HU, CUT_OFF = (0.1, 0.9), 20, 1.3, 0.002


@dataclass(frozen=True)
class Settings:
    """How twins are made.

    Attributes:
        model: A bundle's name or folder.
        device: auto, cpu, cuda, cuda:N or mps.
        preset: Of the model.
        steps: Sampling steps; the preset's if None.
        guidance: Guidance scale; the preset's if None.
        seed: Of the first case; the next has the next one.
        source: One of `scans.NAMES`: words (the model), or what it is held against.
    """

    model: str = "starter"
    device: str = "auto"
    preset: str = "final"
    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    source: str = "words"


@dataclass(frozen=True)
class Pair:
    """A real tumour and its twin.

    Attributes:
        case: The case's name.
        patient: Whose it is.
        fold: The case's fold; None if it has none.
        text: What the twin was asked to be.
        real: Features of the real tumour, by set,
        twin: and of its twin.
    """

    case: str
    patient: str
    fold: int | None
    text: str
    real: dict[str, Features]
    twin: dict[str, Features]


def pair(case: Case, synthesizer: Synthesizer, settings: Settings, seed: int) -> tuple[Pair, Volume] | None:
    """The case's largest tumour and its twin.

    Words are the case's first text, or else what `describe` says of the real tumour. Healthy tissue is judged outside
    all tumours, and noise in the twin is that of the tissue around: nothing of the real tumour is left but its words.

    Args:
        case: With a tumour.
        synthesizer: Of the settings' source and model.
        settings: How it is made.
        seed: The twin's.

    Returns:
        The pair, and the scan with the twin; None if the tumour is too small to have a texture.
    """
    volume = Volume.read(case.ct)
    targets = case.targets(volume)
    tumours, organ = targets > 1, case.organ if case.organ in ORGANS else "liver"
    mask = largest(tumours, volume.spacing)
    real = measured(volume.hu(), mask, volume.spacing)
    if real is None:
        return None
    healthy = targets == 1
    text = case.texts[0] if case.texts else words_to_draw(volume, mask, organ, tumours, healthy).text
    made = synthesizer.synthesize(
        volume,
        mask,
        text,
        organ,
        seed,
        settings.steps,
        settings.guidance,
        preset=settings.preset,
        replace=True,
        exclude=tumours,
        within=None if without_organ(volume, mask, healthy, tumours) else healthy,
    ).volume
    made = stored_alike(made, volume)
    twin = measured(made.hu(), mask, volume.spacing)
    assert twin is not None  # the mask and what is known are the real one's
    return Pair(case.id, case.patient, case.fold, text, real, twin), made


def stored_alike(made: Volume, scan: Volume) -> Volume:
    """A twin in the steps of its scan's HU, and cut off where that is: neither may tell which of the two is real."""
    everywhere = (slice(None),) * 3
    hu, before = made.hu(everywhere), scan.hu(everywhere)
    levels, counts = np.unique(before[before > UNKNOWN_HU], return_counts=True)
    shares = np.cumsum(counts) / counts.sum()
    usual = levels[(shares > USUAL[0]) & (shares < USUAL[1])]
    if usual.size < LEAST_LEVELS:
        return made
    low, high = (
        end if count > CUT_OFF * counts.sum() else far
        for end, count, far in ((levels[0], counts[0], -np.inf), (levels[-1], counts[-1], np.inf))
    )
    stored = np.clip(hu, low, high)
    if np.diff(usual).mean() > COARSE_STEP_HU:
        above = np.clip(np.searchsorted(levels, stored), 1, len(levels) - 1)
        nearer = np.where(stored - levels[above - 1] < levels[above] - stored, levels[above - 1], levels[above])
        stored = np.where((stored > levels[0]) & (stored < levels[-1]), nearer, stored)
    return made.with_hu(everywhere, stored, (hu != before) & (before > UNKNOWN_HU))


def largest(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The largest lesion of a mask (boolean), alone."""
    box, lesion = max(lesions(mask, spacing), key=lambda each: np.count_nonzero(each[1]))
    alone = np.zeros(mask.shape, bool)
    alone[box] = lesion
    return alone


def pairs(
    cases: Sequence[Case],
    settings: Settings,
    folder: Path,
    workers: int = 1,
    progress: Callable[[int, int], Any] | None = None,
) -> list[Pair]:
    """Pairs of all cases with a tumour; those that were made before, the same way, are read again.

    Args:
        cases: Real tumours.
        settings: How twins are made.
        folder: Keeps twins (images, listed in twins.jsonl) and pairs (their features).
        workers: Processes that share the work, each with its own model.
        progress: Called with (cases done, cases in all); may return False to stop, which loses nothing.

    Raises:
        InputError: No case has a tumour, or one cannot be read.
        Cancelled: `progress` returned False.
    """
    name = scans.named(settings.source, settings.model)
    with_tumour = [case for case in cases if case.label and case.classes and not case.healthy]
    if not with_tumour:
        raise InputError("no case has a tumour in a label map")
    with making(folder / TWINS, folder / PAIRS):
        how = {**asdict(settings), "sha256": scans.fingerprint(name), "program": contents.program()}
        jobs = [
            (case, settings, folder, {**how, "seed": settings.seed + number, "of": _told(case)})
            for number, case in enumerate(with_tumour)
        ]
        todo = [job for job in jobs if _known(folder, job[0], job[-1]) is None]
        done = len(jobs) - len(todo)
        for _ in in_order(_make, todo, partial(_synthesizer, settings), workers):
            done += 1
            if progress is not None and progress(done, len(jobs)) is False:
                raise Cancelled("cancelled")
        found = [(case, _known(folder, case, key)) for case, _, _, key in jobs]
        made = [
            (case, replace(Pair(**each["pair"]), patient=case.patient, fold=case.fold))
            for case, each in found
            if each and each["pair"]
        ]
        write_cases((_listed(case, pair, folder) for case, pair in made), folder / LISTED)
        return [pair for _, pair in made]


def _listed(case: Case, pair: Pair, folder: Path) -> Case:
    return replace(case, ct=folder / TWINS / f"{case.id}.nii.gz", texts=(pair.text,))


def _told(case: Case) -> list[Any]:
    """What a twin is made from: the case's files as they look now, and what is told of them."""
    told = case.line(Path())
    return [*case.looks(), *(told.get(name) for name in ("organ", "values", "texts"))]


_Job = tuple[Case, Settings, Path, dict[str, Any]]


def _make(synthesizer: Synthesizer, job: _Job) -> None:
    case, settings, folder, key = job
    seed = key["seed"]
    found = pair(case, synthesizer, settings, seed)
    if found is not None:
        path = folder / TWINS / f"{case.id}.nii.gz"
        note = {"synthetic": True, "case": case.id, "text": found[0].text, "seed": seed, "model": key["sha256"]}
        outputs.write_image(found[1], note, path, note=provenance(seed))
    kept = {"key": key, "pair": asdict(found[0]) if found else None}
    outputs.write_bytes(folder / PAIRS / f"{case.id}.json", outputs.to_json(kept).encode())


def _synthesizer(settings: Settings) -> Synthesizer:
    return scans.load(scans.named(settings.source, settings.model), settings.device)


def _known(folder: Path, case: Case, key: dict[str, Any]) -> dict[str, Any] | None:
    """What was kept of a case, if it was made the same way."""
    path = folder / PAIRS / f"{case.id}.json"
    if not path.is_file():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if kept["key"] != key:
        return None
    for side in ("real", "twin") if kept["pair"] else ():
        for features in kept["pair"][side].values():
            features.update({name: float("nan") for name, value in features.items() if value is None})
    return kept
