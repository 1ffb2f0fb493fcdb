"""A radiology report's lesions, each with its own words, by rules that can be read.

A sentence belongs to the organ that it names first, else to its heading's ("Liver: ..."), else to that of the sentence
before. A lesion begins where a sentence brings one up ("There is a ...", another size, another segment); what follows
and says more of it ("It is ill-defined.") is its own. History and technique are left out; the impression counts only
where the findings say nothing of an organ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import listed
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.quantities import quantities
from TextoMorphLib.text.report_layout import Sentence, located, side_in
from TextoMorphLib.text.understanding import MARKED, STONE, Understanding, understand

_EACH = re.compile(r"(?:both|all|each)\b", re.IGNORECASE)  # says more of every lesion that was named
_SEVERAL = re.compile(r"(?:they|these|those|the (?:lesions|nodules|masses|cysts|metastases|deposits))\b", re.I)
_ONE_MORE = re.compile(
    r"(?:in (?:the )?[\w /]{1,20}? )?(?:another|an? (?:second|third|further|additional)|one more"
    r"|the (?:other|second|third|(?:left|right|smaller) one))\b",
    re.IGNORECASE,
)
_OTHERSIDE = re.compile(r"\b(?:contralateral|opposite|other) (?:kidney|lobe|side)\b", re.IGNORECASE)
# "... and a 1 cm cyst in segment 7": a lesion of its own in one sentence.
_NEXT = re.compile(
    r"(?:,|;)?\s+(?:and|as well as|plus)\s+(?=(?:an?|another|two|three|four|several|multiple|one)\s)|;\s+"
    r"|,\s+(?=in (?:the )?(?:segment|seg|S\d|right|left)[^,;]{0,12} (?:an?|another|one)\s)",
    re.IGNORECASE,
)
_NEXT_END = re.compile(r"(?:(?:,|;)?\s+(?:and|as well as|plus)|[,;])\s*$", re.IGNORECASE)
_JOINT = re.compile(r",\s+(?:and\s+)?|\s+(?:and|as well as|plus)\s+", re.IGNORECASE)
_JOINT_END = re.compile(r"(?:,\s*(?:and\s*)?|\s+(?:and|as well as|plus)\s*)$", re.IGNORECASE)
_AREAS = {"focus", "foci", "area", "areas", "nodule", "nodules", "deposit", "deposits", "spot"}
_WITHIN = re.compile(r"\b(?:mural|within|inside|internal|extending|abutting|involving)\b", re.IGNORECASE)
_SAME = re.compile(
    r"^(?:the|this|it|its|they|these|there (?:is|are) no|no|without|the largest|largest|also)\b", re.IGNORECASE
)
_ANOTHER = re.compile(r"\b(?:another|additional|second|third|further|separate|other)\b", re.IGNORECASE)


@dataclass
class ReportedLesion:
    """A lesion of a report, or several that it describes together.

    Attributes:
        organ: liver, pancreas or kidney.
        sentences: What the report says of it, word for word.
        hedges: What doubt counts for: see `understanding`.
        side: "left" or "right" of its heading; empty if that says none.
        item: Its first sentence with only its own size and place, where that lists several lesions' ("segments 2 (12
            mm) and 5 (9 mm)"); else empty.
    """

    organ: str
    sentences: list[str] = field(default_factory=list)
    hedges: str = MARKED
    side: str = ""
    item: str = ""

    @property
    def description(self) -> str:
        """Its sentences."""
        return " ".join([self.item or self.sentences[0], *self.sentences[1:]]) if self.sentences else ""

    @property
    def understanding(self) -> Understanding:
        """What is understood of them."""
        return understand(self.description, self.organ, self.hedges)

    @property
    def segments(self) -> tuple[str, ...]:
        """Liver segments in which it is said to be."""
        return quantities(self.description).segments if self.organ == "liver" else ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where in the organ it is said to be, of a kidney first on which side: "left kidney", "upper pole"."""
        places = [place for place in quantities(self.description).places if not place.endswith(" kidney")]
        side = side_in(self.description) or self.side
        if self.organ != "kidney" or not side:
            return tuple(places)
        return (f"{side} kidney", *(place.removeprefix(f"{side} ") for place in places))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: its words, organ, place, size, count, attributes and what of it is not understood."""
        found = self.understanding
        numbers = found.numbers
        return {
            "organ": self.organ,
            "description": self.description,
            "attributes": found.description,
            "sizes_mm": [list(size) for size in numbers.sizes_mm],
            "diameter_mm": numbers.diameter_mm,
            "hu": numbers.hu,
            "segments": list(self.segments),
            "places": list(self.places),
            "count": 1 if self.item else numbers.count or (None if numbers.many else 1),
            "several": not self.item and (numbers.many or (numbers.count or 1) > 1),
            "without_effect": found.as_dict()["without_effect"],
            "not_understood": list(found.unknown_words),
        }


def extract(report: str, organ: str | None = None) -> list[ReportedLesion]:
    """The lesions of a report, in its order.

    Args:
        report: The whole report, or any part.
        organ: Whose lesions; None for all organs'.

    Raises:
        InputError: Unknown organ.
    """
    if organ is not None and organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}': choose {', '.join(ORGANS[:-1])} or {ORGANS[-1]}")
    findings: dict[str, list[ReportedLesion]] = {name: [] for name in ORGANS}
    summary: dict[str, list[ReportedLesion]] = {name: [] for name in ORGANS}
    order: list[str] = []
    for sentence in located(report):
        if sentence.organ not in ORGANS or organ not in (None, sentence.organ):
            continue
        _add((summary if sentence.summary else findings)[sentence.organ], sentence)
        order.append(sentence.organ)
    wanted = dict.fromkeys(order)
    return [lesion for name in wanted for lesion in _described(findings[name] or summary[name])]


def _described(lesions: list[ReportedLesion]) -> list[ReportedLesion]:
    """Lesions without those that a report only announces before it describes them: "There are three lesions."."""
    told = [lesion for lesion in lesions if lesion.understanding.description or _is_somewhere(lesion)]
    return told or lesions


def _is_somewhere(lesion: ReportedLesion) -> bool:
    numbers = lesion.understanding.numbers
    return bool(numbers.sizes_mm or numbers.segments or numbers.places or numbers.hu is not None)


def lesion_description(report: str, organ: str) -> str:
    """The sentences of a report that describe an organ's lesions, as they were written; empty if there are none.

    Raises:
        InputError: Unknown organ.
    """
    return " ".join(lesion.description for lesion in extract(report, organ))


def organ_at(report: str, words: str) -> str:
    """The organ that words of a report are about, "other" for one that is not modelled; empty if that is not clear."""
    places = {each.organ for each in located(report) if words in " ".join(each.text.split())}
    return places.pop() if len(places) == 1 else ""


# --- Which lesion a sentence is about ---


def _add(lesions: list[ReportedLesion], sentence: Sentence) -> None:
    """Adds a sentence to the lesion that it is about, which may be a new one."""
    for text in _parts(sentence.text, sentence.organ):
        if _announces(text):
            continue
        found = understand(text, sentence.organ)
        stones = {(m.start, m.end) for m in found.mentions if m.term.name == STONE}
        names = (bool(set(found.lesions) - stones) or _is_area(found)) and not found.elsewhere
        one_more = bool(_ONE_MORE.match(text) or sentence.item) and bool(found.numbers.sizes_mm) and not stones
        if one_more or (names and (not lesions or sentence.denied or _is_new(lesions, text, sentence))):
            own = listed.items(text) or [""]
            lesions += [ReportedLesion(sentence.organ, [text], side=sentence.side, item=each) for each in own]
        elif _EACH.match(text) and len(lesions) > 1 and _says_more(found) and not found.denies_lesion:
            for lesion in lesions[-2:] if text[:4].lower() == "both" else lesions:
                lesion.sentences.append(text)
        elif names or (lesions and not (sentence.denied or stones or found.denies_lesion) and _says_more(found)):
            for lesion in _about(lesions, text):
                lesion.sentences.append(text)


def _announces(text: str) -> bool:
    """Whether a sentence only says that lesions follow: "Reference lesions:"."""
    return (text.endswith(":") or "protocol" in text.lower()) and len(text.split()) <= 4


def _is_area(found: Understanding) -> bool:
    """Whether something is described that has a size and a segment, though no noun names it a lesion."""
    numbers = found.numbers
    described = any("density" in m.term.kinds and not m.negated for m in found.mentions)
    return described and bool(numbers.sizes_mm and numbers.segments)


def _is_new(lesions: list[ReportedLesion], text: str, sentence: Sentence) -> bool:
    segments = quantities(text).segments if sentence.organ == "liver" else ()
    known = {segment for lesion in lesions for segment in lesion.segments}
    if segments and known:
        return not set(segments) & known
    if _ANOTHER.search(text) or _OTHERSIDE.search(text):
        return True
    sides = {lesion.side for lesion in lesions}
    if sentence.organ == "kidney" and sentence.side and sentence.side not in sides:
        return True
    return not _SAME.match(text)


def _about(lesions: list[ReportedLesion], text: str) -> list[ReportedLesion]:
    """The lesion in the segment that a sentence names; else the last one, or all that were listed with it."""
    segments = set(quantities(text).segments)
    placed = [lesion for lesion in lesions if segments & set(lesion.segments)]
    if placed or not (_SEVERAL.match(text) and lesions[-1].item):
        return placed[:1] or lesions[-1:]
    return [lesion for lesion in lesions if lesion.item and lesion.sentences[0] == lesions[-1].sentences[0]]


def _says_more(found: Understanding) -> bool:
    return any(m.term.about == "lesion" for m in found.mentions) or bool(found.numbers.sizes_mm)


def _parts(text: str, organ: str) -> list[str]:
    """A sentence's parts that each bring up a lesion; the whole if only one does."""
    parts: list[str] = []
    for part in _pieces(text):
        if parts and not _brings_up(part, organ):
            parts[-1] += part  # "head: 2 cm mass; body: atrophic; tail: 1 cm cyst"
        else:
            parts.append(part)
    parts = [_NEXT_END.sub("", part).strip() for part in parts]
    whole = len(parts) == 1 or not _brings_up(parts[0], organ)
    return _placed_parts(text, organ) if whole else [each for part in parts for each in _placed_parts(part, organ)]


def _pieces(text: str) -> list[str]:
    """A sentence cut where another lesion may be brought up; together they are the sentence."""
    cuts = [0, *(match.end() for match in _NEXT.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts) if end > start]


def _brings_up(text: str, organ: str) -> bool:
    return bool(understand(text, organ).lesions) or _is_one_more(text)


def _is_one_more(text: str) -> bool:
    """Whether a lesion is brought up without a noun: "another, of 8 mm, in S2"."""
    return bool(_ONE_MORE.match(text)) and bool(quantities(text).sizes_mm)


def _placed_parts(text: str, organ: str) -> list[str]:
    """Parts without an article: "2 cm cyst in segment 4 and 3 cm hypodense mass in segment 7"."""
    cuts = [0, *(match.end() for match in _JOINT.finditer(text)), len(text)]
    parts: list[str] = []
    for start, end in pairwise(cuts):
        piece = text[start:end]
        if parts and _is_placed(piece, organ) and _is_placed(parts[-1], organ):
            parts[-1] = _JOINT_END.sub("", parts[-1])
            parts.append(piece)
        elif parts:
            parts[-1] += piece
        else:
            parts.append(piece)
    return [part.strip() for part in parts]


def _is_placed(text: str, organ: str) -> bool:
    """Whether a part of a sentence names a lesion with a size or place of its own, and not an area of another."""
    found = understand(text, organ)
    numbers = found.numbers
    nouns = [text[start:end].lower().split()[-1] for start, end in found.lesions]
    own = bool(numbers.segments or numbers.places or re.search(r"\b[RL]K\b", text)) or (
        bool(numbers.sizes_mm) and not set(nouns) & _AREAS
    )
    return bool(nouns) and own and not _WITHIN.search(text)
