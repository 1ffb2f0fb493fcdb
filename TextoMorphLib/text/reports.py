"""The lesion's description out of a whole radiology report, by rules that can be read."""

from __future__ import annotations

import re

from TextoMorphLib.text import understanding, vocabulary
from TextoMorphLib.text.organs import organs

_ORGANS = {
    **{organ.name: organ.in_reports for organ in organs.values()},
    "other": (
        r"spleen|splenic|lungs?|pulmonary|pleura\w*|gallbladder|adrenals?|aort\w+|bowel|colon\w*|stomach|gastric"
        r"|duoden\w+|bladder|prostat\w+|uter\w+|ovar\w+|bones?|osseous|vertebra\w*|lymph|nodes?|nodal|thyroid|breasts?"
        r"|heart|cardiac|muscles?|peritone\w+|ureters?|thorax|chest"
    ),
}
_ORGAN = re.compile("|".join(rf"(?P<{name}>\b(?:{words})\b)" for name, words in _ORGANS.items()), re.IGNORECASE)
_LESION = re.compile(
    r"\b(?:lesions?|mass(?:es)?(?! effect)|tumou?rs?|nodules?|neoplasms?|cysts?|metasta\w+|abscess(?:es)?|stones?"
    r"|calcul(?:us|i)|\w{3,}omas?|HCC|FNH|PDAC|RCC|IPMN)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s*(?:[-*\u2022]|\d+[.)])?\s*([A-Za-z][A-Za-z /,&-]{2,40}):\s*")
_NOT_FINDINGS = re.compile(r"history|indication|technique|comparison|clinical|protocol|exam|procedure", re.IGNORECASE)
_SUMMARY = re.compile(r"impression|conclusion|summary|opinion|assessment", re.IGNORECASE)
_ABBREVIATED = re.compile(r"\b(?:approx|ca|cf|e\.g|i\.e|vs|Dr|Fig|No|max|min|resp)\.$", re.IGNORECASE)


def lesion_description(report: str, organ: str) -> str:
    """The sentences of a report that describe a lesion of an organ.

    A sentence belongs to the organ that it names first, else to its heading's ("Liver: ..."), else to that of the
    sentence before. Of an organ's sentences those are taken that name a lesion and do not deny it, and those after
    them that say more of it in the vocabulary's terms ("No calcification."). History and technique are left out; the
    impression is used only where the findings say nothing.

    Args:
        report: The whole report, or any part.
        organ: liver, pancreas or kidney.

    Returns:
        The sentences as they were written, in order; empty if there is none.

    Raises:
        InputError: Unknown organ.
    """
    vocabulary.terms(organ)  # refuses an unknown one
    findings: list[str] = []
    summary: list[str] = []
    place, section, described = "", findings, False
    for paragraph in _paragraphs(report):
        heading = _HEADING.match(paragraph)
        if heading:
            paragraph = paragraph[heading.end() :]
            if _NOT_FINDINGS.search(heading[1]):
                place, section, described = "", [], False  # what is put there is forgotten
            elif named := _place(heading[1]):
                place, described = named, False
            else:
                place, described = "", False
                section = summary if _SUMMARY.search(heading[1]) else findings
        for sentence in _sentences(paragraph):
            named = _place(sentence)
            if named and named != place:
                place, described = named, False
            if place != organ:
                continue
            lesions = [found.start() for found in _LESION.finditer(sentence)]
            if lesions:
                described = not all(understanding.is_denied(sentence, start) for start in lesions)
            if described and (lesions or _says_more(sentence, organ)):
                section.append(sentence)
    return " ".join(findings or summary)


def _place(words: str) -> str:
    """The organ that is named first, "other" for one that is not modelled; empty if none is."""
    found = _ORGAN.search(words)
    return str(found.lastgroup) if found else ""


def _says_more(sentence: str, organ: str) -> bool:
    return any(mention.term.about == "lesion" for mention in understanding.find(sentence, organ))


def _paragraphs(report: str) -> list[str]:
    """Lines that a line break cut are joined again; a blank line, a bullet or a heading starts anew."""
    joined: list[str] = []
    for line in report.splitlines():
        starts = (
            not joined or not joined[-1] or not line.strip() or _HEADING.match(line) or re.match(r"\s*[-*\u2022]", line)
        )
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
