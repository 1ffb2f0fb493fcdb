"""The words of real lesions: from a case's texts, its report, or its scan, and put into many wordings.

What is not said of a real lesion is not known of it; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.measurement.description import Words
from TextoMorphLib.text.concepts import Description
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.plausibility import OTHER_SIZE
from TextoMorphLib.text.report_files import read_report
from TextoMorphLib.text.reports import ReportedLesion, extract
from TextoMorphLib.text.understanding import check_text, understand
from TextoMorphLib.training.wordings import wordings_of

REFUSE, MEASURE = "refuse", "measure"
SOURCES = ("texts", "report", "measured")


@dataclass(frozen=True)
class TextSettings:
    """How lesions get their words.

    Attributes:
        variants: Wordings of a description besides its own, and at least all others that a case has; 0 trains on
            its own alone.
        original: How often a lesion's own text is taken, not another wording of it.
        silent: "refuse" cases whose text or report says nothing of a lesion's look, or "measure" them.
    """

    variants: int = 20
    original: float = 0.3
    silent: str = REFUSE

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 0 <= self.variants <= 1000 or not 0 <= self.original <= 1:
            raise InputError("[texts] variants must be 0 to 1000 and original 0 to 1")
        if self.silent not in (REFUSE, MEASURE):
            raise InputError(f"[texts] silent must be {REFUSE} or {MEASURE}, not '{self.silent}'")


@dataclass(frozen=True)
class Told:
    """What is said of a lesion.

    Attributes:
        texts: The lesion's own text first, then other wordings.
        source: One of `SOURCES`.
        note: Where words and scan contradict each other; empty if they do not.
    """

    texts: tuple[str, ...]
    source: str
    note: str = ""


def given_texts(
    case: Case, components: Sequence[Sequence[int]], diameters_mm: Sequence[float], settings: TextSettings
) -> list[tuple[tuple[str, ...], str]]:
    """What the case itself says of each of its lesions, before its scan is measured.

    Args:
        case: The case.
        components: Of each lesion, the numbers of its label map's components, the largest first.
        diameters_mm: Of each lesion.
        settings: Whether a text that says nothing is refused.

    Returns:
        Of each lesion its texts and where they are from; no text where the scan is to be measured.

    Raises:
        InputError: A text says nothing of a lesion's look, is not English, or speaks of another organ.
    """
    largest = int(np.argmax(diameters_mm)) if len(diameters_mm) else 0
    found: list[tuple[tuple[str, ...], str]] = [((), "measured")] * len(diameters_mm)
    if case.organ not in ORGANS:
        raise InputError(f"case {case.id} is of the {case.organ}; words are known for {', '.join(ORGANS)}")
    if case.texts and found:
        found[largest] = (case.texts, "texts")
    elif case.report and found:
        found = _of_report(case, diameters_mm)
        if settings.silent == REFUSE and all(source == "measured" for _, source in found):
            raise InputError(
                f"case {case.id}: the report {case.report} describes no lesion of the {case.organ} that could be one "
                'of its label map\'s; mend it, or set [texts] silent = "measure"'
            )
    for lesion, numbers in enumerate(components):
        for number in numbers:
            if case.lesion_texts.get(number):
                found[lesion] = (case.lesion_texts[number], "texts")
                break
    return [_saying(case, texts, source, settings) for texts, source in found]


def told(
    texts: Sequence[str], source: str, organ: str, measured: Words, settings: TextSettings, rng: np.random.Generator
) -> Told:
    """A lesion's texts, or what is measured of it where it has none, with other wordings up to the number asked for.

    Args:
        texts: As `given_texts` returns it.
        source: Likewise.
        organ: Whose lesion it is.
        measured: What `describe` says of it.
        settings: How many wordings.
        rng: Source of randomness.
    """
    note = ""
    text, *more = texts or (measured.text,)
    said = understand(text, organ).description
    if texts:
        other = {kind: (said[kind], one) for kind, one in measured.description.items() if said.get(kind, one) != one}
        if other:
            kind, (claimed, seen) = next(iter(other.items()))
            note = f"the text says {kind} {claimed}, the scan is measured as {seen}"
    more = more if settings.variants else []
    made = _wordings(text, said, organ, max(settings.variants - len(more), 0), rng)
    return Told((text, *more, *made), source, note)


def _wordings(text: str, said: Description, organ: str, count: int, rng: np.random.Generator) -> list[str]:
    return wordings_of(text, organ, count, int(rng.integers(2**31))).texts if count and said else []


def _of_report(case: Case, diameters_mm: Sequence[float]) -> list[tuple[tuple[str, ...], str]]:
    """A report's lesions by size: the one of the nearest diameter; one without a size is the largest.

    What is said of several lesions together holds for all that nothing else is said of.
    """
    assert case.report is not None
    found: list[tuple[tuple[str, ...], str]] = [((), "measured")] * len(diameters_mm)
    reported = extract(read_report(case.report), case.organ)
    order = sorted(range(len(diameters_mm)), key=lambda at: -diameters_mm[at])
    sized = sorted((each for each in reported if _size(each)), key=lambda each: -_size(each))
    for lesion in sized:
        free = [at for at in order if found[at][1] == "measured"]
        near = [at for at in free if 1 / OTHER_SIZE < _size(lesion) / diameters_mm[at] < OTHER_SIZE]
        only = len(reported) == 1 and len(diameters_mm) == 1  # no other could be meant: masks and reports differ
        if near or (only and free):
            best = min(near or free, key=lambda at: abs(np.log(_size(lesion) / diameters_mm[at])))
            found[best] = ((lesion.description,), "report")
    for lesion in (each for each in reported if not _size(each)):
        numbers = lesion.understanding.numbers
        free = [at for at in order if found[at][1] == "measured"]
        for at in free if numbers.many or (numbers.count or 1) > 1 else free[:1]:
            found[at] = ((lesion.description,), "report")
    return found


def _size(lesion: ReportedLesion) -> float:
    return lesion.understanding.numbers.diameter_mm or 0.0


def _saying(case: Case, texts: tuple[str, ...], source: str, settings: TextSettings) -> tuple[tuple[str, ...], str]:
    """The texts, if each says something of the lesion's look."""
    try:
        for text in texts:
            _check(text, case.organ)
    except InputError as error:
        if settings.silent == MEASURE:
            return (), "measured"
        raise InputError(f"case {case.id}: {error}") from None
    return texts, source


def _check(text: str, organ: str) -> None:
    check_text(text, organ)
    found = understand(text, organ)
    if found.elsewhere:
        raise InputError(f"its text speaks of the {found.elsewhere}, not of the {organ}")
    if not found.description:
        said = f"nothing in '{text[:60]}' says what the lesion looks like"
        raise InputError(f"{said}; describe it, or leave it out: then it is measured")
