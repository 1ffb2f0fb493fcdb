"""What tumours are worth to a segmenter: arms that differ in their source of tumours alone, tested on real ones.

Each arm has a bank of patches with tumours, and segmenters trained on it, one a seed. Banks of the same number hold
tumours at the same places, with the same masks and the same random numbers. What an arm predicts for a test scan is
the mean of its segmenters' probabilities. Everything is decided by the configuration; a step that was done is not done
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import ORGAN, TUMOUR, Case, read_cases, write_cases
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.scores import PROBABILITY
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation import predict
from TextoMorphLib.segmentation.model import Segmenter
from TextoMorphLib.sources.bank import Bank
from TextoMorphLib.training import train_segmentation
from TextoMorphLib.training.configuration import read_config

THRESHOLD, TARGETED = "threshold", "targeted"  # the arm without a network, and the one after a round of targeting
SMOOTH_MM, RANGE_HU, EDGE_MM = 1.5, 100.0, 3.0  # of the plain threshold
OVERLAP = 0.5
NEEDED = ("seeds", "false_alarms", "arms", "targeting", "bank", "training", "patches", "mix")
OWN = ("seeds", "false_alarms", "arms", "targeting", "bank")  # tables that are no training's
KNOWN = (*dict.fromkeys((*NEEDED, *OWN, *train_segmentation.TABLES, *train_segmentation.PLAIN)),)
FACTS = "experiment.json"
Say = Callable[[str], Any]


@dataclass(frozen=True)
class Experiment:
    """An experiment, and where it lies.

    Attributes:
        settings: The configuration: `seeds`, `false_alarms`, [arms.NAME], and the tables of a training.
        healthy: cases.jsonl of scans that tumours are put in.
        test: cases.jsonl of scans with real tumours and their organ.
        folder: Gets everything.
    """

    settings: Mapping[str, Any]
    healthy: Path
    test: Path
    folder: Path

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that have a network."""
        return tuple(self.settings["arms"])

    @property
    def development(self) -> Path:
        """The folder of the synthetic cases in which failures are looked for."""
        return self.folder / "development"

    @property
    def cache(self) -> Path:
        """The folder of cases on the patches' grid, which every bank and training needs."""
        return self.folder / "cache"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the trainings of each arm."""
        return tuple(self.settings["seeds"])

    def bank(self, arm: str) -> Path:
        """The folder of an arm's bank."""
        return self.folder / "banks" / arm

    def run(self, arm: str, seed: int) -> Path:
        """The folder of a training."""
        return self.folder / "runs" / f"{arm}-{seed}"

    def model(self, arm: str, seed: int) -> Path:
        """A file of a training's bundle that is there once it is done."""
        return self.run(arm, seed) / train_segmentation.NO_FOLD / "model" / "manifest.json"

    def predictions(self, arm: str, seed: int | None = None) -> Path:
        """The folder of an arm's predictions: of one of its segmenters, or of their mean."""
        return self.folder / "predictions" / (arm if seed is None else f"{arm}-{seed}")


def load(config: Path, healthy: Path, test: Path, folder: Path, shorter: Mapping[str, int] | None = None) -> Experiment:
    """Reads an experiment, and writes down what it is before anything is done.

    Args:
        config: TOML, such as `Resources/Training/downstream.toml`.
        healthy: See `Experiment`.
        test: See `Experiment`.
        folder: See `Experiment`.
        shorter: `steps` and `bank` (patches) in place of the configuration's.

    Raises:
        InputError: Something is missing in the configuration or a case, or the folder holds another experiment.
    """
    settings = dict(read_config(config))
    if lacking := [name for name in NEEDED if not settings.get(name)]:
        raise InputError(f"{config} has no {lacking[0]}; Resources/Training/downstream.toml shows all that it holds")
    if unknown := [name for name in settings if name not in KNOWN]:
        raise InputError(f"{config} holds {unknown[0]}, which no step reads; known are {', '.join(KNOWN)}")
    shorter = shorter or {}
    settings["training"] = {**settings["training"], **({"steps": shorter["steps"]} if "steps" in shorter else {})}
    settings["bank"] = {**settings["bank"], **({"size": shorter["bank"]} if "bank" in shorter else {})}
    told = {
        "settings": settings,
        "cases": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (healthy, test)},
    }
    content = (outputs.to_json(told) + "\n").encode()
    path = folder / FACTS
    if path.is_file() and path.read_bytes() != content:
        raise InputError(f"{folder} holds an experiment with other settings or cases; choose another folder")
    for case in read_cases(test):
        if not case.annotated or _no_organ(case):
            raise InputError(f"case {case.id} of {test} must say where its tumours and its organ are")
    folder.mkdir(parents=True, exist_ok=True)
    outputs.write_bytes(path, content)
    return Experiment(settings, healthy, test, folder)


def _no_organ(case: Case) -> bool:
    return not (case.organ_mask or "organ" in case.values)


def make_banks(experiment: Experiment, say: Say) -> None:
    """Makes each arm's bank."""
    for arm in experiment.arms:
        folder = experiment.bank(arm)
        size = int(experiment.settings["bank"]["size"])
        settings = {**experiment.settings, "source": experiment.settings["arms"][arm]}
        train_segmentation.make_bank(settings, experiment.healthy, folder, size, cache=experiment.cache)
        say(f"bank of {arm}: {size} patches")


def train(experiment: Experiment, say: Say) -> None:
    """Trains each arm's segmenters: every arm with the first seed, then every arm with the second, and so on."""
    for seed in experiment.seeds:
        for arm in experiment.arms:
            _train(experiment, arm, experiment.bank(arm), seed, experiment.healthy, {})
            say(f"trained {arm}, seed {seed}")


def _train(
    experiment: Experiment, arm: str, bank: Path, seed: int, cases: Path, changed: Mapping[str, Mapping[str, Any]]
) -> None:
    settings = {
        **{name: table for name, table in experiment.settings.items() if name not in OWN},
        "name": f"{arm}-{seed}",
        "source": {"kind": "bank", "folder": str(bank), "size": int(experiment.settings["bank"]["size"])},
        "training": {**experiment.settings["training"], "seed": seed},
        **changed,
    }
    train_segmentation.main(settings, cases, experiment.run(arm, seed), resume=True, cache=experiment.cache)


def develop(experiment: Experiment, say: Say) -> None:
    """Makes synthetic cases of other patches, and segments them by the arm that is going to be targeted."""
    how, folder = experiment.settings["targeting"], experiment.development
    settings = {**experiment.settings, "source": experiment.settings["arms"][how["lesions"]]}
    bank, count = folder / "bank", int(how["patches"])
    train_segmentation.make_bank(
        settings, experiment.healthy, bank, count, seed=int(how["seed"]), cache=experiment.cache
    )
    spacing_mm = float(experiment.settings["patches"]["spacing_mm"])
    affine = np.diag([*[spacing_mm] * 3, 1.0])
    organ, cases = read_cases(experiment.healthy)[0].organ, []
    for number in range(count):
        made, name = Bank(spacing_mm, bank).entry(number), f"patch{number:03d}"
        ct, label = folder / f"{name}_ct.nii.gz", folder / f"{name}_label.nii.gz"
        Volume.from_array(np.rint(made.ct).astype(np.int16), affine).write(ct)
        Volume.from_array(made.label, affine).write(label)
        values = {ORGAN: (1,), TUMOUR: (2,)}
        cases.append(Case(name, ct, organ, name, label=label, values=values, texts=(made.text,)))
    write_cases(cases, folder / "cases.jsonl")
    for case in cases:
        _predict_patch(experiment, case)
    say(f"{count} patches are made and segmented in {folder}: go on with failures find, failures target, batch")


def _predict_patch(experiment: Experiment, case: Case) -> None:
    ct = Volume.read(case.ct)
    organ = case.targets(ct) > 0
    arm, folder = str(experiment.settings["targeting"]["of"]), experiment.development
    found = [_one(experiment, arm, seed, case, ct, organ, folder) for seed in experiment.seeds]
    _write(folder / "predictions", case, ct, organ, _mean(found))


def train_targeted(experiment: Experiment, say: Say) -> None:
    """Trains the arm that sees look-alikes of the failures, which `failures target` and `batch` have made."""
    how, targets = experiment.settings["targeting"], experiment.development / "targets"
    lists = [experiment.healthy, targets / "cases.jsonl", targets / "healthy.jsonl"]
    if not lists[1].is_file():
        raise InputError(f"{lists[1]} is not there yet; first failures find, failures target, and batch")
    cases = experiment.development / "targeted.jsonl"
    write_cases((case for path in lists if path.is_file() for case in read_cases(path)), cases)
    mix = dict(experiment.settings["mix"])
    share, whole = float(how["share"]), float(mix["synthetic"])
    # Look-alikes come with labels: they are drawn as real tumours are, beside these if there are any.
    mix = {**mix, "real": float(mix.get("real", 0)) + share * whole, "synthetic": (1 - share) * whole}
    for seed in experiment.seeds:
        _train(experiment, TARGETED, experiment.bank(str(how["of"])), seed, cases, {"mix": mix})
        say(f"trained {TARGETED}, seed {seed}")


def segment(experiment: Experiment, say: Say) -> None:
    """Segments the test scans by each segmenter, by each arm's mean, and by the plain threshold."""
    for case in read_cases(experiment.test):
        ct = Volume.read(case.ct)
        organ = case.targets(ct) > 0
        for arm in (*experiment.arms, TARGETED):
            if not all(experiment.model(arm, seed).exists() for seed in experiment.seeds):
                say(f"{arm} is left out: not all of its segmenters are trained")
                continue
            found = [_one(experiment, arm, seed, case, ct, organ) for seed in experiment.seeds]
            _write(experiment.predictions(arm), case, ct, organ, _mean(found))
            say(f"segmented {case.id} by {arm}")
        _write(experiment.predictions(THRESHOLD), case, ct, organ, darkness(ct, organ))


def darkness(ct: Volume, organ: np.ndarray) -> np.ndarray:
    """The plain threshold as a map: how much darker than its organ smoothed tissue is, 255 being 100 HU and more.

    Args:
        ct: HU.
        organ: Boolean, of its shape, tumours included.

    Returns:
        uint8, 0 within 3 mm of the organ's border, where neighbours are mixed in.
    """
    hu = ct.hu()
    smooth = ndimage.gaussian_filter(hu, SMOOTH_MM / ct.spacing)
    inside = ndimage.distance_transform_edt(np.pad(organ, 1), sampling=ct.spacing)[1:-1, 1:-1, 1:-1] > EDGE_MM
    share = np.clip((float(np.median(hu[organ])) - smooth) / RANGE_HU, 0, 1)
    return np.where(inside, np.rint(255 * share), 0).astype(np.uint8)


def _one(
    experiment: Experiment,
    arm: str,
    seed: int,
    case: Case,
    ct: Volume,
    organ: np.ndarray,
    folder: Path | None = None,
) -> np.ndarray:
    """The tumour's probability by one segmenter, uint8; kept in a folder, its own for test scans."""
    folder = experiment.predictions(arm, seed) if folder is None else folder / f"{arm}-{seed}"
    path = folder / f"{case.id}{PROBABILITY}.nii.gz"
    if path.exists():
        return np.rint(255 * Volume.read(path).hu()).astype(np.uint8)
    segmenter = Segmenter.load(str(experiment.model(arm, seed).parent))
    found = predict.segment(segmenter, ct, organ, OVERLAP, probability=True).probability
    assert found is not None
    _write(folder, case, ct, organ, found)
    return found


def _mean(found: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.rint(np.mean(found, axis=0)), np.uint8)


def _write(folder: Path, case: Case, ct: Volume, organ: np.ndarray, probability: np.ndarray) -> None:
    """Labels (tumour from a half on) and probability, as `segment` writes them; the latter last: it says "done"."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.where(probability >= 128, 2, organ).astype(np.uint8)
    Volume.from_array(labels, ct.affine).write(folder / f"{case.id}.nii.gz")
    meaning = {"values": {"organ": [1], "tumour": [2]}}
    outputs.write_bytes(folder / f"{case.id}.json", json.dumps(meaning).encode())
    scaled = replace(Volume.from_array(probability, ct.affine), slope=1 / 255)
    scaled.write(folder / f"{case.id}{PROBABILITY}.nii.gz")


STEPS: dict[str, Callable[[Experiment, Say], None]] = {
    "banks": make_banks,
    "train": train,
    "develop": develop,
    "targeted": train_targeted,
    "segment": segment,
}
