"""Wordings of a case's descriptions: what training reads as `texts`, many to a lesion (section 3.1 of the paper).

They come from the composer of training texts, and from a chat endpoint before it where one is given; each is checked
(`text.variants`). Of a file of cases it is noted case by case what was found, so that a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import contents
from TextoMorphLib.simulation import captions
from TextoMorphLib.text import encoders, reports
from TextoMorphLib.text import variants as checks
from TextoMorphLib.text.chat import Chat, ChatError
from TextoMorphLib.text.report_files import read_report
from TextoMorphLib.text.understanding import understand

Failed = Callable[[str], None]


@dataclass
class Reworded:
    """What became of a file of cases.

    Attributes:
        cases: The cases with their texts.
        kept: How many wordings there are, the given ones not counted.
        tried: How many were tried.
        dropped: How many fell to which check.
        silent: Descriptions that say nothing, so that there is nothing to put in other words.
        known: Cases that an earlier run had done.
    """

    cases: list[Case] = field(default_factory=list)
    kept: int = 0
    tried: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    known: int = 0


def wordings_of(
    text: str, organ: str, count: int, seed: int, endpoint: Chat | None = None, failed: Failed | None = None
) -> checks.Variants:
    """Other wordings of a description.

    Args:
        text: The description.
        organ: liver, pancreas or kidney.
        count: How many at most.
        seed: Decides which the composer writes.
        endpoint: Asked first, where one is given; the composer writes what is missing.
        failed: Told why the endpoint fails, the composer then writes all; None: the failure is raised.

    Raises:
        InputError: The text says nothing of a lesion's look.
        ChatError: The endpoint fails.
    """
    description = understand(text, organ).description
    if not description:
        raise InputError("nothing in the text says what the lesion looks like: there is nothing to put in other words")
    rng = np.random.default_rng(seed)
    composed = (captions.compose(description, rng, organ=organ, only=True) for _ in iter(int, 1))
    asked = _asked(endpoint, text, count, failed) if endpoint is not None else iter(())
    encoder = encoders.load("minilm")
    return checks.checked(text, organ, chain(asked, composed), count, lambda texts: encoder.encode(texts).pooled)


def _asked(endpoint: Chat, text: str, count: int, failed: Failed | None) -> Iterator[str]:
    try:
        yield from checks.from_chat(endpoint, text, count)
    except ChatError as error:
        if failed is None:
            raise
        failed(str(error))


def reword(
    cases: Sequence[Case],
    notes: Path,
    count: int,
    seed: int,
    endpoint: Chat | None = None,
    failed: Failed | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Reworded:
    """Gives each case many wordings of its description, after the one that it has.

    Args:
        cases: Cases with `texts`, `lesion_texts` or a `report`, of which the largest lesion of the organ is taken;
            others stay as they are.
        notes: A file in which it is noted what was found, for a run that goes on; the caller takes it away.
        count: Wordings of a description.
        seed: Decides which the composer writes.
        endpoint: See `wordings_of`.
        failed: See `wordings_of`.
        progress: Called with (cases done, cases in all).

    Raises:
        InputError: A report that cannot be read.
        ChatError: The endpoint fails.
    """
    known = _noted(notes)
    found = Reworded()
    for number, case in enumerate(cases, start=1):
        sources = _sources(case)
        key = _key(case, sources, count, seed, endpoint)
        if key in known:
            found.known += 1
        else:
            known[key] = _found(case, sources, count, seed, endpoint, failed)
            _note(notes, key, known[key])
        _take(found, case, known[key])
        if progress is not None:
            progress(number, len(cases))
    return found


def _sources(case: Case) -> dict[str, str]:
    """The descriptions of a case: under "" its own, under a number that of a component."""
    found = {str(number): texts[0] for number, texts in case.lesion_texts.items() if texts}
    if case.texts:
        return {"": case.texts[0], **found}
    if case.report is None or found:
        return found
    lesions = reports.extract(read_report(case.report), case.organ)
    if not lesions:
        return {}
    return {"": max(lesions, key=lambda lesion: lesion.understanding.numbers.diameter_mm or 0.0).description}


def _found(
    case: Case, sources: Mapping[str, str], count: int, seed: int, endpoint: Chat | None, failed: Failed | None
) -> dict[str, Any]:
    texts: dict[str, list[str]] = {}
    dropped: Counter[str] = Counter()
    tried = silent = 0
    for slot, text in sources.items():
        if not understand(text, case.organ).description:
            silent += 1
            texts[slot] = [text]
            continue
        made = wordings_of(text, case.organ, count, seed, endpoint, failed)
        texts[slot] = [text, *(" ".join(wording.split()) for wording in made.texts)]
        dropped += made.dropped
        tried += made.tried
    return {"texts": texts, "dropped": dict(dropped), "tried": tried, "silent": silent}


def _with(own: Sequence[str], made: Sequence[str]) -> tuple[str, ...]:
    """A case's own texts, the first of which was put into other words, and these."""
    return tuple(dict.fromkeys((*own, *made)))


def _take(found: Reworded, case: Case, made: Mapping[str, Any]) -> None:
    texts: dict[str, list[str]] = made["texts"]
    had = case.lesion_texts
    numbered = {int(slot): _with(had.get(int(slot), ()), each) for slot, each in texts.items() if slot}
    own = _with(case.texts, texts[""]) if "" in texts else case.texts
    found.cases.append(replace(case, texts=own, lesion_texts={**case.lesion_texts, **numbered}))
    found.kept += sum(len(each) - 1 for each in texts.values())
    found.tried += made["tried"]
    found.dropped += Counter(made["dropped"])
    found.silent += made["silent"]


# --- Going on ---


def _key(case: Case, sources: Mapping[str, str], count: int, seed: int, endpoint: Chat | None) -> str:
    whom = endpoint and [endpoint.url, endpoint.model]
    asked = [contents.program(), case.id, case.organ, sources, count, seed, whom]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _noted(notes: Path) -> dict[str, Any]:
    """What an earlier run noted; a line that a crash cut short is left out."""
    found = {}
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else ():
        try:
            note = json.loads(line)
            found[note["key"]] = note["made"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _note(notes: Path, key: str, made: Mapping[str, Any]) -> None:
    try:
        notes.touch(mode=0o600)  # reports' words
        with notes.open("a", encoding="utf-8") as file:
            file.write("\n" * _is_cut(notes) + json.dumps({"key": key, "made": made}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise InputError(f"cannot write {notes}: {error.strerror or error}") from error


def _is_cut(notes: Path) -> bool:
    content = notes.read_bytes()[-1:]
    return bool(content) and content != b"\n"
