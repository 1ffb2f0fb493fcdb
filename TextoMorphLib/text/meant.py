"""Which of several lesions a text means, where it says so: "Only lesion B is of interest", "A need not be drawn".

A text that tells of several lesions may say of which it is: what it says of those at other places, of other letters,
ranks or sizes is then told of others. Where nothing is said, the first that is described is meant (`others`), but the
largest, where a text comes to it last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from TextoMorphLib.text.quantities import quantities
from TextoMorphLib.text.strangers import names_lesion

NOT_MEANT = "said of another lesion than the one that the text says is meant"
_NEXT = r"(?:,| and)(?: and)? the (?:one in|other|smaller|larger|biggest|largest|second|third)\b"  # begins a clause
_CLAUSE = re.compile(rf"(?:[^.;\n]|\.(?=\d))+?(?:[.;\n](?!\d)[.;\n]*|(?={_NEXT})|$)")
_DRAWN = r"(?:drawn|represented|described|modell?ed|simulated|rendered|generated|synthesi[sz]ed|shown)"
_MEANT = re.compile(
    rf"\b(?:of interest|(?:question|request)(?: here| today)? (?:concerns?|is|relates to|regards)|under discussion"
    rf"|the (?:target|subject)(?: here| today)? is|(?:is|are) (?:the|our) (?:target|subject)|to be {_DRAWN}"
    rf"|(?:main|principal|key|dominant|leading|relevant) finding"
    rf"|(?:reason|indication) for (?:this|the|today's) (?:ct|scan|study|exam\w*|referral|request|visit)"
    rf"|for which the patient (?:was|is|has been) (?:referred|sent|seen)"
    rf"|index lesion is|is the index lesion|(?:we|I) (?:ask|mean)|ask(?:ed|ing)? about|only the [\w -]{{1,30}} matters"
    rf"|(?:is|are) (?:what is |the one )?meant|describe|(?:draw|represent|model)(?: only)? the)\b",
    re.IGNORECASE,
)
_NOT = re.compile(
    rf"\b(?:(?:need|should|must) not be {_DRAWN}|(?:may|can|should) be (?:ignored|disregarded|neglected)"
    rf"|not (?:to be {_DRAWN}|(?:our|the) (?:subject|target|lesion|question)|of interest|meant)|of no interest"
    rf"|(?:ignore|disregard|do not draw|don't draw) (?:the|lesion))\b",
    re.IGNORECASE,
)
_INCIDENTAL = re.compile(
    r"\b(?:is|are) (?:an? |all |both |purely |only )?incidental"
    r"(?: (?:finding|[\w-]+ ?[\w-]* ?(?:ipmn|cyst|nodule|lesion|adenoma|h(?:a)?emangioma)))?s?\W*$",
    re.IGNORECASE,
)
_LARGEST = re.compile(
    r"^\W*(?:\w+: )?(?:and )?(?:the )?(?:largest|biggest|dominant|most prominent)"
    r"(?: (?:lesion|one|mass|nodule|tumou?r|is|in)\b|,)",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"\b(?:[Ll]esion|[Nn]odule|[Mm]ass|[Cc]yst|[Tt]umou?r|[Oo]bservation)\s+#?([A-H1-9])\b(?![.,]?\d| ?[cm]m)"
)
_BARE_LETTER = re.compile(r"(?<![\w-])([A-H])(?= (?:need not|(?:may|can|should) be|is (?:of|the|not))\b)")
_RANK = re.compile(
    r"\b(?:(?P<next>second(?:[ -](?:larg|bigg|small)est)?)|(?P<large>larg(?:er|est)|bigg(?:er|est))"
    r"|(?P<small>small(?:er|est))|(?P<first>first)|(?P<third>third)|(?P<active>active)|(?P<old>old|inactive))\b(?!-)",
    re.IGNORECASE,
)
_SIDE = re.compile(  # but "the left portal vein" is no side of a lesion
    r"\b(left|right)\b(?! (?:\w+ )?(?:veins?|arter\w+|ducts?|branch\w*|adrenal|flexure|lungs?|pleura\w*))",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?<!vertebral )(?<!foreign )(?<!femoral )\b(?:head|neck|body|tail|uncinate)\b(?! of report| and neck)"
)
_POLE = re.compile(r"(upper|lower|mid|inter)")
_ORDER = re.compile(r"\b(?:(?P<first>the former)|the latter|this (?:one|lesion|nodule|mass|cyst))\b", re.IGNORECASE)
_NEW = re.compile(r"\b(?:an?|two|three|several|another|one)\b", re.IGNORECASE)


@dataclass
class _Told:
    """A part of a text and what its lesion is known by: kinds of marks, each with those that were named."""

    start: int
    end: int
    by: dict[str, set[str]] = field(default_factory=dict)

    def is_apart(self, other: _Told, kinds: tuple[str, ...] = ()) -> bool:
        """Whether two parts cannot be about one lesion."""
        both = self.by.keys() & other.by.keys()
        return any(not self.by[kind] & other.by[kind] for kind in both if not kinds or kind in kinds)


def of_others(text: str) -> list[tuple[int, int]]:
    """The parts (start, end) of a text about other lesions than the one that it says is meant; empty if it says none.

    Args:
        text: The text.
    """
    said = [_told(text, *match.span()) for match in _CLAUSE.finditer(text)]
    parts, found = list[_Told](), list[tuple[int, int]]()
    meant: _Told | None = None
    for each in said:
        clause = text[each.start : each.end]
        beside = parts and _INCIDENTAL.search(clause)
        if _NOT.search(clause) or beside:
            found.append((each.start, each.end))
            shared = {"letter"} if beside else {*each.by}
            found += [
                (part.start, part.end)
                for part in parts
                if shared & each.by.keys() & part.by.keys() and not part.is_apart(each)
            ]
        elif (_MEANT.search(clause) or (_LARGEST.search(clause) and parts)) and (known := _known(each, parts, clause)):
            meant = known
        elif parts and parts[-1].by and not _begins(parts[-1], each, clause):
            parts[-1] = _joined(parts[-1], each)
        else:
            parts.append(each)
    if meant is not None:
        found += [(part.start, part.end) for part in parts if part.is_apart(meant)]
    return sorted(set(found))


def _known(each: _Told, parts: Sequence[_Told], clause: str) -> _Told | None:
    """What the lesion is known by that a clause says is meant; None if by nothing."""
    order = _ORDER.search(clause)
    if order is None or not parts or each.by.keys() - {"rank"}:
        return each if each.by else None
    return parts[-2] if order["first"] and len(parts) > 1 else parts[-1]


def _begins(before: _Told, each: _Told, clause: str) -> bool:
    """Whether a clause begins to tell of another lesion than the part before it, or something stands between."""
    if before.end != each.start or before.is_apart(each, ("letter", "segment", "part", "pole", "side", "rank")):
        return True
    named = names_lesion(clause) or "cyst" in clause.lower()
    return before.is_apart(each, ("size",)) and bool(_NEW.search(clause)) and named


def _joined(first: _Told, second: _Told) -> _Told:
    by = {kind: first.by.get(kind, set()) or second.by.get(kind, set()) for kind in first.by.keys() | second.by.keys()}
    return _Told(first.start, second.end, by)


def _told(text: str, start: int, end: int) -> _Told:
    clause = text[start:end]
    numbers = quantities(clause)
    places = [place.lower() for place in numbers.places]
    ranks = {match.lastgroup or "" for match in _RANK.finditer(clause)}
    by = {
        "letter": set(_LETTER.findall(clause)) | set(_BARE_LETTER.findall(clause)),
        "rank": ranks if len(ranks) == 1 else set(),
        "size": {f"{max(size):.0f}" for size in numbers.sizes_mm[:1]},
        "segment": {segment[:1] for segment in numbers.segments},
        "part": set(_PART.findall(clause.lower())),
        "pole": {part for place in places if "pol" in place for part in _POLE.findall(place)},
        "side": {side.lower() for side in _SIDE.findall(clause)},
    }
    return _Told(start, end, {kind: which for kind, which in by.items() if which})
