"""A radiology report's lesions, each with its own words, by rules that can be read.

A sentence belongs to the organ that it names first, else to its heading's ("Liver: ..."), else to that of the sentence
before. A lesion begins where a sentence brings one up ("There is a ...", another size, another segment); what follows
and says more of it ("It is ill-defined.") is its own. History and technique are left out; the impression counts only
where the findings say nothing of an organ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.organs import ORGANS, organs
from TextoMorphLib.text.quantities import quantities
from TextoMorphLib.text.understanding import MARKED, STONE, Understanding, understand

_OTHER = (
    r"spleen|splenic|lungs?|pulmonary|pleura\w*|gallbladder|adrenals?|aort\w+|bowel|colon\w*|stomach|gastric"
    r"|duoden\w+|bladder|prostat\w+|uter\w+|ovar\w+|bones?|osseous|vertebra\w*|lymph|nodes?|nodal|thyroid|breasts?"
    r"|heart|cardiac|muscles?|peritone\w+|ureters?|thorax|chest|appendix|mesenter\w+|omentum|skeleton|spine"
)
_ORGAN = re.compile(
    "|".join(
        [rf"(?P<{name}>\b(?:{organ.in_reports})\b)" for name, organ in organs.items()]
        + [rf"(?P<other>\b(?:{_OTHER})\b)"]
    ),
    re.IGNORECASE,
)
# What a lesion is near to, or grows into, is not where it is.
_NEAR = re.compile(
    r"\b(?:adjacent to|abut(?:s|ting)|near|next to|close to|contact(?:s|ing)?(?: with)?|encas(?:es|ing)|invad(?:es|ing)"
    r"|involv(?:es|ing)|extend(?:s|ing)? (?:in)?to|displac(?:es|ing)|compress(?:es|ing)|obstruct(?:s|ing)|towards?"
    r"|compared (?:to|with)|relative to|than|metasta(?:sis|ses) (?:from|of)|history of|from)"
    r"\s+(?:the\s+|a\s+|an\s+)?(?:[\w-]+\s*){1,3}",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s*(?:[-*\u2022]|\d+[.)])?\s*([A-Za-z][A-Za-z /,&-]{2,40}):\s*")
_ITEM = re.compile(r"\s*(?:[-*\u2022]|\d+[.)])\s+")
_NOT_FINDINGS = re.compile(
    r"history|indication|technique|comparison|clinical|protocol|exam|procedure|reason|contrast|dose|radiation",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"impression|conclusion|summary|opinion|assessment", re.IGNORECASE)
_FINDINGS = re.compile(r"findings?|report|result|abdomen|ct\b", re.IGNORECASE)
_ABBREVIATED = re.compile(r"\b(?:approx|ca|cf|e\.g|i\.e|vs|Dr|Fig|No|max|min|resp|seg|segm)\.$", re.IGNORECASE)
# "... and a 1 cm cyst in segment 7": a lesion of its own in one sentence.
_NEXT = re.compile(
    r"(?:,|;)?\s+(?:and|as well as|plus)\s+(?=(?:an?|another|two|three|four|several|multiple|one)\s)|;\s+"
)
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
    """

    organ: str
    sentences: list[str] = field(default_factory=list)
    hedges: str = MARKED

    @property
    def description(self) -> str:
        """Its sentences."""
        return " ".join(self.sentences)

    @property
    def understanding(self) -> Understanding:
        """What is understood of them."""
        return understand(self.description, self.organ, self.hedges)

    @property
    def segments(self) -> tuple[str, ...]:
        """Liver segments in which it is said to be."""
        return quantities(self.description).segments if self.organ == "liver" else ()

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
            "places": list(numbers.places),
            "count": numbers.count or (None if numbers.many else 1),
            "several": numbers.many or (numbers.count or 1) > 1,
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
    for sentence in _located(report):
        if sentence.organ not in ORGANS or organ not in (None, sentence.organ):
            continue
        _add((summary if sentence.summary else findings)[sentence.organ], sentence)
        order.append(sentence.organ)
    wanted = dict.fromkeys(order)
    return [lesion for name in wanted for lesion in (findings[name] or summary[name])]


def lesion_description(report: str, organ: str) -> str:
    """The sentences of a report that describe an organ's lesions, as they were written; empty if there are none.

    Raises:
        InputError: Unknown organ.
    """
    return " ".join(lesion.description for lesion in extract(report, organ))


def organ_at(report: str, words: str) -> str:
    """The organ that words of a report are about, "other" for one that is not modelled; empty if that is not clear."""
    places = {each.organ for each in _located(report) if words in " ".join(each.text.split())}
    return places.pop() if len(places) == 1 else ""


def sentences_of(text: str) -> list[str]:
    """All sentences of a text, headings included."""
    return [sentence for paragraph in _paragraphs(text) for sentence in _sentences(paragraph)]


# --- Which lesion a sentence is about ---


def _add(lesions: list[ReportedLesion], sentence: _Sentence) -> None:
    """Adds a sentence to the lesion that it is about, which may be a new one."""
    for text in _parts(sentence.text, sentence.organ):
        found = understand(text, sentence.organ)
        stones = {(m.start, m.end) for m in found.mentions if m.term.name == STONE}
        names = bool(set(found.lesions) - stones) and not found.elsewhere
        if names and (not lesions or sentence.denied or _is_new(lesions, text, sentence)):
            lesions.append(ReportedLesion(sentence.organ, [text]))
        elif names or (lesions and not (sentence.denied or stones or found.denies_lesion) and _says_more(found)):
            _about(lesions, text).sentences.append(text)


def _is_new(lesions: list[ReportedLesion], text: str, sentence: _Sentence) -> bool:
    segments = quantities(text).segments if sentence.organ == "liver" else ()
    known = {segment for lesion in lesions for segment in lesion.segments}
    if segments and known:
        return not set(segments) & known
    if _ANOTHER.search(text):
        return True
    return not _SAME.match(text)


def _about(lesions: list[ReportedLesion], text: str) -> ReportedLesion:
    """The lesion in the segment that a sentence names; the last one if it names none."""
    segments = set(quantities(text).segments)
    return next((lesion for lesion in lesions if segments & set(lesion.segments)), lesions[-1])


def _says_more(found: Understanding) -> bool:
    return any(m.term.about == "lesion" for m in found.mentions) or bool(found.numbers.sizes_mm)


def _parts(text: str, organ: str) -> list[str]:
    """A sentence's parts that each bring up a lesion; the whole if only one does."""
    parts = [part.strip() for part in _NEXT.split(text) if part.strip()]
    named = [bool(understand(part, organ).lesions) for part in parts]
    if len(parts) > 1 and all(named):
        return [each for part in parts for each in _placed_parts(part, organ)]
    return _placed_parts(text, organ)


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
    own = bool(numbers.segments or numbers.places) or (bool(numbers.sizes_mm) and not set(nouns) & _AREAS)
    return bool(nouns) and own and not _WITHIN.search(text)


# --- Which organ a sentence is about ---


@dataclass(frozen=True)
class _Sentence:
    text: str
    organ: str
    summary: bool
    denied: bool  # what was said before it of this organ is no lesion


def _located(report: str) -> Iterator[_Sentence]:
    """The sentences of findings and impression with their organs."""
    place, summary, skipped, denied = "", False, False, False
    for paragraph in _paragraphs(report):
        heading = _HEADING.match(paragraph)
        item = _ITEM.match(paragraph)
        if heading:
            paragraph = paragraph[heading.end() :]
            named = _place(heading[1])
            if _NOT_FINDINGS.search(heading[1]) and not named:
                place, skipped, denied = "", True, False
            elif named:
                place, skipped, denied = named, False, False
            else:
                place, denied = "", False
                skipped = False
                summary = bool(_SUMMARY.search(heading[1])) or (summary and not _FINDINGS.search(heading[1]))
        elif item:
            paragraph, denied = paragraph[item.end() :], False
        if skipped:
            continue
        for text in _sentences(paragraph):
            named = _place(text)
            if named and named != place:
                place, denied = named, False
            if not place:
                continue
            if place in ORGANS:
                denied = understand(text, place).denies_lesion or (denied and not understand(text, place).lesions)
            yield _Sentence(text, place, summary, denied)


def _place(words: str) -> str:
    """The organ that is named first, "other" for one that is not modelled; empty if none is."""
    found = _ORGAN.search(_NEAR.sub(" ", words)) or None
    return str(found.lastgroup) if found else ""


def _paragraphs(report: str) -> list[str]:
    """Lines that a line break cut are joined again; a blank line, a bullet or a heading starts anew."""
    joined: list[str] = []
    for line in report.splitlines():
        starts = not joined or not joined[-1] or not line.strip() or _HEADING.match(line) or _ITEM.match(line)
        if starts:
            joined.append(line.strip())
        else:
            joined[-1] += " " + line.strip()
    return [paragraph for paragraph in joined if paragraph]


def _sentences(paragraph: str) -> list[str]:
    """Cut after a full stop that is followed by a gap; not in 2.5 cm, nor after an abbreviation."""
    sentences: list[str] = []
    for piece in re.split(r"(?<=[.!?])\s+", paragraph.strip(" -*\u2022\t")):
        if sentences and _ABBREVIATED.search(sentences[-1]):
            sentences[-1] += " " + piece
        elif piece:
            sentences.append(piece)
    return sentences
