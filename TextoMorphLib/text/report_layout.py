"""The layout of a report: its sentences, each with the organ and side that it is about.

A sentence belongs to the organ that it names first, else to its heading's ("Liver: ...", "Liver - ...", or "Liver" on a
line of its own), else to that of the sentence before. History, technique and comparison are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from TextoMorphLib.text.organs import ORGANS, organs
from TextoMorphLib.text.understanding import understand

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
    r"|infiltrat(?:es|ing)|reach(?:es|ing)|replac(?:es|ing)|communicat(?:es|ing) with|aris(?:es|ing) from the border of"
    r"|compared (?:to|with)|relative to|than|metasta(?:sis|ses) (?:from|of)|history of|from)"
    r"\s+(?:the\s+|a\s+|an\s+)?(?:[\w-]+\s*){1,3}",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s*(?:[-*\u2022]|\d+[.)])?\s*([A-Za-z][A-Za-z /,&-]{2,40}?(?: ?\([^)\n]{1,20}\))?):\s*")
_DASHED = re.compile(r"(\s*[A-Z][A-Za-z /,&]{2,40}?)\s+[-\u2013]\s*(?=[A-Z]|$)")  # "Liver - There is"
_BARE_HEADING = re.compile(r"\s*[A-Z][A-Za-z /,&]{2,40}\s*")  # on a line of its own
_ITEM = re.compile(
    r"\s*(?:[-*\u2022]|\d+[.)]|[a-h][.)]|(?:T|NT|TL|NTL|#)\d{1,2}[:.)]?(?! ?-?(?:weight|hyper|hypo|iso|sig))"
    r"|(?:(?:liver|hepatic|pancrea\w+|kidney|renal|left|right)\s+){0,2}"
    r"(?:lesion|target|observation|obs|nodule|mass|cyst)\s*(?:no\.?\s*)?#?\d{1,2}\s*[:.)-])\s+",
    re.IGNORECASE,
)
_PHASE = re.compile(
    r"arterial|portal|venous|delayed|unenhanced|native|contrast|nephrographic|corticomedullary|excretory|equilibrium",
    re.IGNORECASE,
)
_LESIONS = re.compile(
    r"(?:lesion|mass|nodule|cyst|tumou?r|observation|target|finding|metastasis)\b(?: ?(?:no\.? ?)?#?\w{1,2}$|$)", re.I
)
_OF_LESION = re.compile(  # a heading within an organ's block: what is said there is of its lesions
    rf"{_LESIONS.pattern}|(?:size|densit|attenuat|enhanc|margin|border|wall|sept|calcif|necros|content|texture|contour"
    r"|shape|location|segment|morpholog|(?:upper|lower|mid|inter)\s?-?pol|(?:left|right)(?: (?:upper|lower|mid)|$))",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*(?:page|p\.?)\s*\d+(?:\s*(?:of|/)\s*\d+)?\s*", re.IGNORECASE)
_NOT_FINDINGS = re.compile(
    r"history|indication|technique|comparison|clinical|protocol|exam|procedure|reason|contrast agent|contrast medium"
    r"|^contrast$|dose|radiation",
    re.IGNORECASE,
)
_INLINE_HEADING = re.compile(  # "Indication: jaundice. Findings: ..."
    r"(?<=[.;])[ \t]+(?=(?:findings?|results?|technique|comparison|indication|clinical (?:history|details))\s*:)",
    re.IGNORECASE,
)
_INLINE = re.compile(r"(?:impression|conclusion|summary)\s*:\s*", re.IGNORECASE)
_SUMMARY = re.compile(r"impression|conclusion|summary|opinion|assessment", re.IGNORECASE)
_FINDINGS = re.compile(r"findings?|report|result|abdomen|ct\b", re.IGNORECASE)
_ABBREVIATED = re.compile(r"\b(?:approx|ca|cf|e\.g|i\.e|vs|Dr|Fig|No|max|min|resp|seg|segm)\.$", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """A sentence of findings or impression.

    Attributes:
        text: Its words.
        organ: That it is about; "other" for one that is not modelled.
        summary: It stands in the impression.
        denied: What was said before it of this organ is no lesion.
        side: "left" or "right" of its heading or the sentence before; empty if none is named.
        item: It is the first of a list's item.
    """

    text: str
    organ: str
    summary: bool
    denied: bool
    side: str = ""
    item: bool = False


def located(report: str) -> Iterator[Sentence]:
    """The sentences of findings and impression with their organs."""
    place, summary, skipped, denied, side = "", False, False, False, ""
    for paragraph in _paragraphs(report):
        heading, item = _HEADING.match(paragraph), _ITEM.match(paragraph)
        begins = bool(item)
        if heading and (_PHASE.search(heading[1]) or _OF_LESION.match(heading[1])) and not _skips(heading[1]):
            begins, side = bool(_LESIONS.match(heading[1])), side_in(heading[1]) or side
            paragraph = paragraph[heading.end() :]
        elif heading:
            begins, side = False, side_in(heading[1])
            paragraph = paragraph[heading.end() :]
            named = _place(heading[1])
            place, denied, skipped = named, False, not named and _skips(heading[1])
            if not named and not skipped:
                summary = bool(_SUMMARY.search(heading[1])) or (summary and not _FINDINGS.search(heading[1]))
            if skipped and paragraph.endswith("."):
                skipped, place = False, ""  # the heading's own line
                continue
        elif item:
            place = _place(item[0]) or place
            paragraph, denied = paragraph[item.end() :], False
        if skipped:
            continue
        for number, text in enumerate(_sentences(paragraph)):
            if begun := _INLINE.match(text):
                summary, text = True, text[begun.end() :]
            named = _place(text)
            if named and named != place:
                place, denied, side = named, False, ""
            side = _side_of_organ(text) or side
            if not place:
                continue
            if place in ORGANS:
                denied = understand(text, place).denies_lesion or (denied and not understand(text, place).lesions)
            yield Sentence(text, place, summary, denied, side, item=begins and not number)


def _skips(heading: str) -> bool:
    return bool(_NOT_FINDINGS.search(heading)) and not _place(heading)


def side_in(text: str) -> str:
    """The side that a heading or description of a kidney names: "Left kidney", "Kidney (R)", "RK"."""
    found = re.search(r"\b(?i:(right|left))\b|\(([LR])\)|\b([LR])(?=K\b|\.? kidney)", text)
    first = next((each for each in found.groups() if each), "") if found else ""
    return {"l": "left", "r": "right"}.get(first[:1].lower(), "")


def _side_of_organ(text: str) -> str:
    found = re.search(r"\b(right|left) (?:kidney|renal)\b", text, re.IGNORECASE)
    return found[1].lower() if found else ""


def _place(words: str) -> str:
    """The organ that is named first, "other" for one that is not modelled; empty if none is."""
    found = _ORGAN.search(_NEAR.sub(" ", words)) or None
    return str(found.lastgroup) if found else ""


def _paragraphs(report: str) -> list[str]:
    """Lines that a line break cut are joined again; a blank line, a bullet or a heading starts anew."""
    joined: list[str] = []
    for line in _INLINE_HEADING.sub("\n\n", report).splitlines():
        if _PAGE.fullmatch(line):
            continue
        dashed = _DASHED.match(line)
        if dashed and _is_known(dashed[1]):
            line = f"{dashed[1]}: {line[dashed.end() :]}"
        if _is_bare_heading(line, joined[-1] if joined else ""):
            joined += [f"{line.strip()}:"]
            continue
        before = joined[-1] if joined else ""
        heading = _HEADING.match(before)
        ended = heading is not None and _skips(heading[1]) and before.endswith(".")
        starts = not before or ended or not line.strip() or _HEADING.match(line) or _ITEM.match(line)
        if starts:
            joined.append(line.strip())
        else:
            joined[-1] += " " + line.strip()
    return [paragraph for paragraph in joined if paragraph]


def _is_known(heading: str) -> bool:
    """Whether a few words are a heading of reports."""
    known = (_ORGAN, _SUMMARY, _FINDINGS, _NOT_FINDINGS)
    return len(heading.split()) <= 4 and any(each.search(heading) for each in known)


def _is_bare_heading(line: str, before: str) -> bool:
    """Whether a line is a heading without a colon: "Pancreas"; a sentence may not go on there."""
    return bool(
        _BARE_HEADING.fullmatch(line)
        and _is_known(line)
        and not before.endswith((",", "the", "of", "in", "and"))
        and (not before or before[-1] in ".:;!?")
    )


def _sentences(paragraph: str) -> list[str]:
    """Cut after a full stop that is followed by a gap; not in 2.5 cm, nor after an abbreviation."""
    sentences: list[str] = []
    for piece in re.split(r"(?<=[.!?])\s+", paragraph.strip(" -*\u2022\t")):
        if sentences and _ABBREVIATED.search(sentences[-1]):
            sentences[-1] += " " + piece
        elif piece:
            sentences.append(piece)
    return sentences


def sentences_of(text: str) -> list[str]:
    """All sentences of a text, headings included."""
    return [sentence for paragraph in _paragraphs(text) for sentence in _sentences(paragraph)]
