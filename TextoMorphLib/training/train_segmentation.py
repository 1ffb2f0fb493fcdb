"""`textomorph train segmentation`: segmenters on real tumours, on synthetic ones, or on both, fold by fold."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file

from TextoMorphLib.cases import Case, read_cases, tumour_classes
from TextoMorphLib.cases.folds import check_patients, parted
from TextoMorphLib.errors import InputError, doubt
from TextoMorphLib.io import outputs
from TextoMorphLib.segmentation import model as segmenter
from TextoMorphLib.sources import from_settings
from TextoMorphLib.sources.bank import BankSettings
from TextoMorphLib.training.checkpoint_choice import (
    BEST,
    FIXED,
    HISTORY,
    INNER,
    LAST,
    SELECT,
    Choice,
    Validation,
    dice_ce,
    fixed_patches,
)
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.loop import LoopConfig, decides, fit
from TextoMorphLib.training.patches import Patches, PatchSettings, Prepared, prepare, shares
from TextoMorphLib.training.same_training import MARKED, check_finished, told_of
from TextoMorphLib.training.segmentation_card import card
from TextoMorphLib.training.segmentation_sources import maker_of, plain_source, resolved, source_of
from TextoMorphLib.training.settings import check_names, table

ALL, NO_FOLD = "all", "whole"
CURVES = "curves.png"
TABLES, PLAIN = ("patches", "network", "mix", "source", "bank", "validation", "training"), ("name", "start")


def main(
    config: Path | Mapping[str, Any],
    cases: Path,
    output: Path,
    fold: str | None = None,
    resume: bool = False,
    shard: tuple[int, int] = (0, 1),
    cache: Path | None = None,
) -> list[Path]:
    """Trains one segmenter a fold.

    Args:
        config: TOML, or its content; `Resources/Training/segmentation-laptop.toml` shows all that it holds.
        cases: cases.jsonl.
        output: Gets a folder a fold (`fold0`), with the finished bundle in `fold0/model`; `whole` without folds.
        fold: A fold's number, "all", or None to train on every case.
        resume: Go on with what an earlier run began, and skip what it finished.
        shard: (I, N): of the folds, only every N-th from the I-th on.
        cache: Where cases on the training's grid are kept, for other trainings, too; beside the folds if None.

    Returns:
        The bundles' folders.

    Raises:
        InputError: What is wrong with configuration or cases.
    """
    settings = _read(config)
    listed = [case for case in read_cases(cases) if case.annotated]
    if not listed:
        raise InputError(f"{cases} has no case that says where its tumours are")
    made = []
    for name in _folds(listed, fold)[shard[0] :: shard[1]]:
        place = output / (NO_FOLD if name is None else f"fold{name}")
        planned = _planned(settings, listed, *((listed, []) if name is None else parted(listed, name)))
        if resume and (place / "model" / "manifest.json").exists():
            check_finished(place / "checkpoint.pt", decides(planned.loop), planned.told())
            made.append(place / "model")
            continue
        made.append(_train(planned, place, cache or output / "cache", resume))
    return made


def make_bank(
    config: Path | Mapping[str, Any],
    cases: Path,
    folder: Path,
    count: int,
    fold: int | None = None,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], Any] | None = None,
    cache: Path | None = None,
) -> None:
    """Makes a bank of patches with synthetic tumours, without a training, and says of what in `bank.json`.

    Args:
        config: TOML as for a training, or its content; [patches] and [source] count.
        cases: cases.jsonl.
        folder: Of the bank.
        count: Patches.
        fold: Cases tested in it are left out.
        workers: Processes.
        seed: Decides the patches.
        progress: Called with (patches there, patches in all); may return False to cancel.
        cache: Where cases on the patches' grid are kept, for other banks, too; in the bank if None.

    Raises:
        InputError: What is wrong with configuration or cases.
    """
    settings = _read(config)
    listed = [case for case in read_cases(cases) if case.annotated]
    listed = listed if fold is None else parted(listed, fold)[0]
    how, classes = _patches(settings), tumour_classes(listed)
    told = resolved(settings, classes, listed)["source"]
    from_settings(told, how.spacing_mm)  # what is wrong with it is said before any scan is read
    cases_there = prepare(listed, classes, how.spacing_mm, cache or folder / "cache")
    maker = maker_of(folder, count, 0.0, seed, cases_there, told, how, workers)
    try:
        maker.start(0, progress)
    finally:
        maker.stop()


def _read(config: Path | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(config, Mapping):
        return config
    settings = read_config(config)
    check_names(settings, TABLES, PLAIN)
    return settings


def _folds(cases: Sequence[Case], fold: str | None) -> list[int | None]:
    check_patients(cases)
    known = sorted({case.fold for case in cases if case.fold is not None})
    if fold is None:
        return [None]
    if fold == ALL:
        if not known:
            raise InputError("the cases have no folds; make them with textomorph cases split")
        return list(known)
    if not fold.isdecimal() or int(fold) not in known:
        raise InputError(f"no fold '{fold}' there; use {', '.join(map(str, known)) or 'textomorph cases split'} or all")
    return [int(fold)]


@dataclass(frozen=True)
class _Planned:
    """A fold's training before any scan is read.

    Attributes:
        settings: The configuration.
        how: How patches are drawn.
        validation: How the checkpoint is chosen.
        loop: How to optimise.
        train: Cases of the training folds.
        tested: Cases of the tested fold.
        kept: Those that are trained on, and
        inner: those that the checkpoint is chosen on.
        config: What the bundle says of the segmenter.
        whole: The settings with what the source takes from the cases.
    """

    settings: Mapping[str, Any]
    how: PatchSettings
    validation: Choice
    loop: LoopConfig
    train: Sequence[Case]
    tested: Sequence[Case]
    kept: list[Case]
    inner: list[Case]
    config: dict[str, Any]
    whole: Mapping[str, Any]

    def told(self, **more: Sequence[str]) -> dict[str, str]:
        """What decides the training, for its checkpoint; `more` is what only shows once scans are read."""
        kept, inner = ([case.id for case in cases] for cases in (self.kept, self.inner))
        named = {**self.whole, "classes": self.config["classes"]}
        return told_of(named, **{"cases": kept, "cases to choose the checkpoint on": inner, **more})


def _planned(
    settings: Mapping[str, Any], every: Sequence[Case], train: Sequence[Case], tested: Sequence[Case]
) -> _Planned:
    """A fold's training, of the cases that there are; classes have the same numbers in every fold."""
    how, validation = _patches(settings), table(Choice, settings, "validation")
    loop, _ = table(LoopConfig, settings, "training"), table(BankSettings, settings, "bank")
    classes = tumour_classes(every)
    kept, inner = _inner(train, validation) if validation.select_on == INNER else (list(train), list(tested))
    if validation.select_on not in SELECT or not (inner or validation.select_on == LAST):
        raise InputError(f"select_on = '{validation.select_on}' is not possible here; use one of {', '.join(SELECT)}")
    inner = [] if validation.select_on == LAST else inner
    told = _config(settings, how, classes, train)
    whole = resolved(settings, classes, kept) if "source" in settings else settings
    return _Planned(settings, how, validation, loop, train, tested, kept, inner, told, whole)


def _train(of: _Planned, place: Path, cache: Path, resume: bool) -> Path:
    """One fold, from its cases to its bundle."""
    torch.manual_seed(of.loop.seed)
    network = _network(of.config, of.settings.get("start"))
    if not torch.cuda.is_available():  # on a processor, gradients of 3D convolutions take a third of the time so
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # its stubs lack it
    _check_network(network, of.how)
    plain = plain_source(of.whole, of.how)
    prepared = _prepared(of, cache, plain is not None)
    own, aside = ([prepared[case.id] for case in cases] for cases in (of.kept, of.inner))
    place.mkdir(parents=True, exist_ok=True)
    resume = resume and (place / "checkpoint.pt").exists()
    if not resume and not (place / "checkpoint.pt").exists():
        for name in (FIXED, HISTORY, BEST):  # of a run that ended before its first checkpoint
            (place / name).unlink(missing_ok=True)
    with source_of(of.whole, of.how, own, place, of.loop) as (source, bank):
        draw = Patches(own, of.how, source, bank)
        checked = None
        if aside:
            fixed = fixed_patches(aside, of.how, plain, of.validation, place)
            checked = Validation(fixed, place, len(of.config["classes"]))
        told = of.told(
            **{MARKED: [f"{each.case.id}: {len(each.organ)}, {len(each.tumour)}" for each in (*own, *aside)]}
        )
        every = of.validation.every
        average = fit(network, draw, dice_ce(), of.loop, place, resume, check=checked, check_every=every, told=told)
    if PartialState().is_main_process:
        best = checked.best() if checked else None
        if checked and best:
            if not best["validation_dsc"]:
                doubt(f"{place}: no look has found any of the tumours that it looked for; the last weights are kept")
            average.load_state_dict(load_file(place / BEST))
            outputs.write_bytes(place / CURVES, checked.picture())
        text = card(of.config, of.settings, of.train, of.inner, of.tested, of.validation, best, draw)
        segmenter.save(place / "model", of.config, average, text)
    return place / "model"


def _patches(settings: Mapping[str, Any]) -> PatchSettings:
    """How patches are drawn, shares and all."""
    given = settings.get("patches", {})
    if "mix" in settings and isinstance(given, Mapping):
        given = {**given, "mix": settings["mix"]}
    return table(PatchSettings, {"patches": given}, "patches")


def _network(told: dict[str, Any], start: str | None) -> torch.nn.Module:
    """The network of a configuration: untrained, or with the weights of a bundle to start from."""
    network = segmenter.from_config(told)
    if start is not None:
        weights = segmenter.Segmenter.load(start, "cpu").network.state_dict()
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                f"model '{start}' has another network or other classes than the configuration; start without it"
            ) from error
    return network


def _check_network(network: torch.nn.Module, how: PatchSettings) -> None:
    """Makes sure that a network takes the patches, and gives back what is as large."""
    side = " x ".join(map(str, how.patch))
    try:
        with torch.inference_mode():
            made = network.eval()(torch.zeros(1, 1, *how.patch))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"the network cannot take patches of {side}: {str(error).splitlines()[0]}") from error
    if made.shape[2:] != how.patch:
        raise InputError(f"the network cannot take patches of {side}; try multiples of 16 or 32")
    network.train()


def _prepared(of: _Planned, cache: Path, source: bool) -> dict[str, Prepared]:
    """The cases by their ids; a first run that finds something wrong with them leaves nothing behind."""
    first, how = not cache.exists(), of.how
    try:
        whole = bool(how.mix.get("anywhere"))
        both = prepare([*of.kept, *of.inner], of.config["classes"], how.spacing_mm, cache, whole=whole)
        made = {case.case.id: case for case in both}
        shares(how.mix, [made[case.id] for case in of.kept], source)
    except InputError:
        if first:
            shutil.rmtree(cache, ignore_errors=True)
            with contextlib.suppress(OSError):
                cache.parent.rmdir()
        raise
    return made


def _config(
    settings: Mapping[str, Any], how: PatchSettings, classes: Sequence[str], cases: Sequence[Case]
) -> dict[str, Any]:
    organs = sorted({case.organ for case in cases})
    if len(organs) > 1:
        raise InputError(f"the cases are of several organs ({', '.join(organs)}); train one segmenter for each")
    return {
        "name": str(settings.get("name", "segmenter")),
        "organ": organs[0],
        "classes": list(classes),
        "network": dict(settings.get("network", {"name": "unet"})),
        "patch": list(how.patch),
        "spacing_mm": how.spacing_mm,
        "window_hu": list(how.window_hu),
    }


def _inner(cases: Sequence[Case], validation: Choice) -> tuple[list[Case], list[Case]]:
    """Cases to train on, and cases of other patients to choose the checkpoint on: an even share of ill and healthy."""
    held: set[str] = set()
    for healthy in (False, True):
        people = sorted({case.patient for case in cases if case.healthy == healthy})
        order = np.random.default_rng(0).permutation(len(people))
        count = min(max(1, round(validation.share * len(people))), len(people) - 1) if people else 0
        held |= {people[int(at)] for at in order[:count]}
    if not held:
        raise InputError("too few patients to keep some for choosing the checkpoint; add cases")
    return [c for c in cases if c.patient not in held], [c for c in cases if c.patient in held]
