"""`textomorph train segmentation`: segmenters on real tumours, on synthetic ones, or on both, fold by fold."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file

from TextoMorphLib.cases import Case, read_cases, tumour_classes
from TextoMorphLib.cases.folds import check_patients, parted
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.segmentation import model as segmenter
from TextoMorphLib.sources import TumourSource, from_settings
from TextoMorphLib.sources.bank import Bank, BankSettings, Maker
from TextoMorphLib.sources.words import REPORTS
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.report_files import read_report
from TextoMorphLib.text.reports import extract
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
from TextoMorphLib.training.loop import LoopConfig, fit
from TextoMorphLib.training.patches import (
    MARGIN,
    HealthyPatches,
    Patches,
    PatchSettings,
    Prepared,
    healthy_of,
    prepare,
    shares,
)
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.segmentation_card import card
from TextoMorphLib.training.settings import check_names, table

ALL, NO_FOLD = "all", "whole"
WORDS = "words"
CURVES = "curves.png"
NOTHING = "free of tumours and has an organ mask: there is nothing to put tumours in"
TELL_S = 15.0
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
        if resume and (place / "model" / "manifest.json").exists():
            made.append(place / "model")
            continue
        train, tested = (listed, []) if name is None else parted(listed, name)
        made.append(_train(settings, train, tested, place, cache or output / "cache", resume))
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
    healthy = healthy_of(prepare(listed, classes, how.spacing_mm, cache or folder / "cache"))
    if not healthy:
        raise InputError(f"no case is {NOTHING}")
    around = HealthyPatches(tuple(healthy), tuple(side + 2 * MARGIN for side in how.patch))
    facts = {"cases": [case.case.id for case in healthy], "patch": list(around.patch)}
    maker = Maker(folder, count, 0.0, seed, around, told, how.spacing_mm, workers, facts)
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


def _train(
    settings: Mapping[str, Any], train: Sequence[Case], tested: Sequence[Case], place: Path, cache: Path, resume: bool
) -> Path:
    """One fold, from its cases to its bundle."""
    how, validation = _patches(settings), table(Choice, settings, "validation")
    loop, _ = table(LoopConfig, settings, "training"), table(BankSettings, settings, "bank")
    classes = tumour_classes([*train, *tested])
    kept, inner = _inner(train, validation) if validation.select_on == INNER else (list(train), list(tested))
    if validation.select_on not in SELECT or not (inner or validation.select_on == LAST):
        raise InputError(f"select_on = '{validation.select_on}' is not possible here; use one of {', '.join(SELECT)}")
    inner = [] if validation.select_on == LAST else inner
    told = _config(settings, how, classes, train)
    torch.manual_seed(loop.seed)
    network = _network(told, settings.get("start"))
    if not torch.cuda.is_available():  # on a processor, gradients of 3D convolutions take a third of the time so
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # its stubs lack it
    _check_network(network, how)
    whole = resolved(settings, classes, kept) if "source" in settings else settings
    plain = _plain_source(whole, how)
    prepared = _prepared(kept, inner, classes, how, cache, plain is not None)
    own = [prepared[case.id] for case in kept]
    place.mkdir(parents=True, exist_ok=True)
    resume = resume and (place / "checkpoint.pt").exists()
    if not resume and not (place / "checkpoint.pt").exists():
        for name in (FIXED, HISTORY, BEST):  # of a run that ended before its first checkpoint
            (place / name).unlink(missing_ok=True)
    with _source(whole, how, own, place, loop) as (source, bank):
        draw = Patches(own, how, source, bank)
        checked = None
        if inner:
            fixed = fixed_patches([prepared[case.id] for case in inner], how, plain, validation, place)
            checked = Validation(fixed, place, len(classes))
        of, every = told_of(settings, cases=list(prepared)), validation.every
        average = fit(network, draw, dice_ce(), loop, place, resume, check=checked, check_every=every, told=of)
    if PartialState().is_main_process:
        if checked:
            average.load_state_dict(load_file(place / BEST))
            outputs.write_bytes(place / CURVES, checked.picture())
        text = card(told, settings, train, inner, tested, validation, checked.best() if checked else None, draw)
        segmenter.save(place / "model", told, average, text)
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


def _prepared(
    kept: list[Case], inner: list[Case], classes: Sequence[str], how: PatchSettings, cache: Path, source: bool
) -> dict[str, Prepared]:
    """The cases by their ids; a first run that finds something wrong with them leaves nothing behind."""
    first = not cache.exists()
    try:
        whole = bool(how.mix.get("anywhere"))
        both = prepare([*kept, *inner], classes, how.spacing_mm, cache, whole=whole)
        made = {case.case.id: case for case in both}
        shares(how.mix, [made[case.id] for case in kept], source)
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


@contextlib.contextmanager
def _source(
    settings: Mapping[str, Any],
    how: PatchSettings,
    cases: Sequence[Any],
    place: Path,
    loop: LoopConfig,
) -> Iterator[tuple[TumourSource | None, bool]]:
    """The source that the configuration names; with its bank and the processes that make that, if it wants one."""
    plain, wanted = _plain_source(settings, how), table(BankSettings, settings, "bank")
    if plain is None or not settings.get("bank"):
        yield plain, False
        return
    if not healthy_of(cases):
        raise InputError(f"no case to train on is {NOTHING}")
    around = HealthyPatches(tuple(healthy_of(cases)), tuple(side + 2 * MARGIN for side in how.patch))
    told = settings["source"]
    facts = {"cases": [case.case.id for case in around.cases], "patch": list(around.patch)}
    size, refresh = wanted.size, wanted.refresh
    maker = Maker(place / "bank", size, refresh, loop.seed, around, told, how.spacing_mm, wanted.workers, facts)
    try:
        maker.start(_step(place), _telling(place / "bank"))
        bank = _MovingBank(how.spacing_mm, place / "bank", size, refresh)
        bank.made_up_to = maker.first
        yield bank, True
    finally:
        maker.stop()


class _MovingBank(Bank):
    """A bank whose processes go on as the training does."""

    made_up_to: Any = None  # shared with them

    def at(self, step: int) -> None:
        super().at(step)
        self.made_up_to.value = max(self.made_up_to.value, self.first)


def _telling(folder: Path) -> Callable[[int, int], None]:
    """Says now and then how far a bank is: nothing is trained until it is full."""
    said = time.monotonic()

    def tell(there: int, wanted: int) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_S and PartialState().is_main_process:
            said = time.monotonic()
            print(f"{there} of {wanted} tumours are in {folder}; then the training begins", flush=True)

    return tell


def _step(place: Path) -> int:
    path = place / "checkpoint.pt"
    return int(torch.load(path, map_location="cpu", weights_only=True)["step"]) if path.exists() else 0


def _plain_source(settings: Mapping[str, Any], how: PatchSettings) -> TumourSource | None:
    if not settings.get("mix", {"synthetic": 1.0}).get("synthetic") or "source" not in settings:
        return None
    return from_settings(settings["source"], how.spacing_mm)


def resolved(settings: Mapping[str, Any], classes: Sequence[str], cases: Sequence[Case]) -> dict[str, Any]:
    """The settings with what a source takes from the cases: organ, classes' names, and the texts of their reports.

    For the source alone: what is written down of a training (its card) keeps the configuration's own words.
    """
    source = dict(settings.get("source", {"kind": WORDS}))
    if source.get("kind", WORDS) == WORDS and "organ" not in source:
        source["organ"] = _known_organ(cases)
    if isinstance(source.get("texts"), Mapping):
        source["classes"] = list(classes)
    if source.get("texts") == REPORTS:
        source["texts"] = reported(cases)
    return {**settings, "source": source}


def _known_organ(cases: Sequence[Case]) -> str:
    """The organ of the cases, whose terms a source of words is to use."""
    organ = cases[0].organ
    if organ not in ORGANS:
        known = ", ".join(ORGANS)
        raise InputError(f"no terms are known for the {organ}: say in [source] whose to use, organ = one of {known}")
    return organ


def reported(cases: Sequence[Case]) -> list[str]:
    """What the cases' own texts and reports say of lesions, each once.

    Raises:
        InputError: Nothing.
    """
    found: dict[str, None] = {}
    for case in cases:
        found |= dict.fromkeys([*case.texts, *(text for each in case.lesion_texts.values() for text in each)])
        if case.report:
            lesions = extract(read_report(case.report), case.organ if case.organ in ORGANS else None)
            found |= dict.fromkeys(lesion.description for lesion in lesions if lesion.description)
    if not found:
        raise InputError(f"texts = '{REPORTS}': no case to train on has texts, or a report that describes a lesion")
    return list(found)
