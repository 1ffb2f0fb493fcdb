"""Where a segmenter's synthetic tumours come from: what the configuration and the cases say, with or without a bank."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import contents
from TextoMorphLib.models import bundle
from TextoMorphLib.sources import TumourSource, from_settings
from TextoMorphLib.sources.bank import Bank, BankSettings, Maker
from TextoMorphLib.sources.words import NONE, REPORTS, VOCABULARY, of_file
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.report_files import read_report
from TextoMorphLib.text.reports import extract
from TextoMorphLib.training.loop import LoopConfig
from TextoMorphLib.training.patches import MARGIN, HealthyPatches, PatchSettings, Prepared, healthy_of
from TextoMorphLib.training.same_training import checkpoint
from TextoMorphLib.training.settings import table

WORDS = "words"
NOTHING = "free of tumours and has an organ mask: there is nothing to put tumours in"
TELL_S = 15.0


@contextlib.contextmanager
def source_of(
    settings: Mapping[str, Any],
    how: PatchSettings,
    cases: Sequence[Prepared],
    place: Path,
    loop: LoopConfig,
) -> Iterator[tuple[TumourSource | None, bool]]:
    """The source that the configuration names; with its bank and the processes that make that, if it wants one."""
    plain, wanted = plain_source(settings, how), table(BankSettings, settings, "bank")
    if plain is None or not settings.get("bank"):
        yield plain, False
        return
    size, refresh = wanted.size, wanted.refresh
    maker = maker_of(place / "bank", size, refresh, loop.seed, cases, settings["source"], how, wanted.workers)
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
    return int(checkpoint(path)["step"]) if path.exists() else 0


def maker_of(
    folder: Path,
    size: int,
    refresh: float,
    seed: int,
    cases: Sequence[Prepared],
    source: Mapping[str, Any],
    how: PatchSettings,
    workers: int,
) -> Maker:
    """What makes a bank of tumours in the healthy ones of some cases; see `Maker`.

    A bank that was begun with other cases, or with another model, version or vocabulary, is not gone on with.

    Raises:
        InputError: No case is healthy.
    """
    healthy = healthy_of(cases)
    if not healthy:
        raise InputError(f"no case to train on is {NOTHING}")
    around = HealthyPatches(tuple(healthy), tuple(side + 2 * MARGIN for side in how.patch))
    facts: dict[str, Any] = {
        "cases": [case.case.id for case in around.cases],
        "organ_voxels": [len(case.organ) for case in around.cases],
        "patch": list(around.patch),
        "program": contents.program(),
    }
    if source.get("kind", WORDS) == WORDS:
        manifest = bundle.find(str(source.get("model", "starter"))) / "manifest.json"
        facts["model"] = hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None
    return Maker(folder, size, refresh, seed, around, source, how.spacing_mm, workers, facts)


def plain_source(settings: Mapping[str, Any], how: PatchSettings) -> TumourSource | None:
    """The source that the configuration names, if its shares want synthetic tumours."""
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
    elif isinstance(source.get("texts"), str) and source["texts"] not in (VOCABULARY, NONE):
        source["texts"] = of_file(source["texts"])  # what it says decides the training, whatever it is called
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
