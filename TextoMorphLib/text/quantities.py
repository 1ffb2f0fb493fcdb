"""Numbers of reports: sizes, Hounsfield units, segments, counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = r"(?<![\d.,])\d{1,4}(?:[.,]\d{1,3})?(?!\d)"
_UNIT = r"(?:mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?)"
_SIZE = re.compile(
    rf"(?P<numbers>{_NUMBER}\s*-?(?:{_UNIT})?(?:\s*(?:x|\u00d7|\*|by)\s*{_NUMBER}\s*-?(?:{_UNIT})?){{0,2}})"
    rf"(?<=[\dm])\s*-?\s*(?P<unit>{_UNIT})?(?!\w)",
    re.IGNORECASE,
)
# Lengths of other things than the lesion.
NOT_BEFORE = re.compile(
    r"(?:slices?(?: thickness)?|thickness|collimation|reconstruct\w+|wall|septa\w*|septum|rim|capsule|margin|duct|cbd"
    r"|previously|prior|formerly|was|from|compared (?:to|with)|before|node|vein|artery|aorta|spleen|axis|calculus"
    r"|stone|caliber|calibre)\s*(?:is|are|of|at|to|=|:|measur\w+|about|approximately|up to|dilated to)?\s*[:=]?\s*$",
    re.IGNORECASE,
)
_PRIOR = re.compile(  # "unchanged from 20 and | 12 mm"
    r"\b(?:previously|prior|formerly|was|were|from|before)\s+(?:[\d.]+\s*(?:mm|cm)?\s*(?:,|and|/)\s*)+$", re.IGNORECASE
)
_NOT_AFTER = re.compile(
    r"^\s*(?:-?\s*thick|thickness|slices?|slice|collimation|reformat\w*|from the|from|above|below|proximal|distal|away"
    r"|in thickness|wall|septa|rim|capsule|margin|lymph|node|stone|calcul|calcif|section|interval"
    r"|on the (?:prior|previous)|previously|duct|cbd|stent|drain)",
    re.IGNORECASE,
)
_HU = re.compile(
    r"(?P<first>(?<![\d.,])[-\u2212\u2013]?\d{1,4}(?:[.,]\d{1,3})?)\s*(?:(?:to|-|\u2013|/)\s*(?P<second>[-\u2212]?\d{1,4}(?:[.,]\d{1,3})?))?"
    r"\s*-?(?:HU|H\.?U\.?|Hounsfield(?: units?)?)\b"
    r"|\b(?:HU|Hounsfield(?: units?)?)(?: values?)?\s*(?:of|=|:|is|measur\w+|about|approx\w*\.?|~|\s)\s*"
    r"(?P<after>[-\u2212]?\d{1,4}(?:[.,]\d{1,3})?)",
    re.IGNORECASE,
)
# "liver 110 HU, lesion 45 HU"
_HU_OF_OTHER = re.compile(
    r"\b(?:liver|hepatic|kidney|renal|cortex|pancreas|pancreatic|parenchyma|spleen|aorta|muscle|background|gland|bile|water"
    r"|vein|vessel|organ|fat)\s*(?:parenchyma|cortex)?\s*(?:is|was|has|=|:|of|at|measur\w+|about|approx\w*\.?|~|\(|to)?\s*$",
    re.IGNORECASE,
)
# Numbers of a change: "enhancing by 30 HU".
_HU_BY = re.compile(
    r"\b(?:by|delta|increases?|rise|change|difference|increment|gain|threshold)\s*(?:of|:|=|is|about|approx\w*\.?|only|~)*\s*$",
    re.IGNORECASE,
)
_HU_OF_ORGAN = re.compile(
    r"\b(?:liver|hepatic|kidney|renal|cortex|pancreas|pancreatic|parenchyma|gland|background)\s*(?:parenchyma|cortex)?"
    r"\s*(?:is|was|has|=|:|of|at|measur\w+|about|~|\(|to)?\s*$",
    re.IGNORECASE,
)
_OF_ORGAN_AFTER = re.compile(  # "98 HU | for the adjacent liver"
    r"^[\s)]*(?:of|for|in|at|as in) (?:the )?(?:(?:adjacent|surrounding|normal|healthy|background|neighbou?ring"
    r"|remaining|rest of the|left|right) )*"
    r"(?:liver|hepatic|kidney|renal|cortex|pancreas|pancreatic|parenchyma|gland|background)\b",
    re.IGNORECASE,
)
_NATIVE = (  # what was seen without contrast medium
    r"(?:native|unenhanced|non-?enhanced|(?:non|pre)[- ]?con(?:trast)?|without (?:iv )?contrast|before contrast)"
    r"(?: (?:ct|scan|phase|series|study|images?))?"
)
_NATIVE_BEFORE = re.compile(  # "Pre-contrast | 80 HU"
    rf"\b{_NATIVE}[\s:=,(]*(?:(?:attenuation|density|hu|of|is|at|mean|value|measur\w+|about)[\s:=]+)*$", re.IGNORECASE
)
_NATIVE_AFTER = re.compile(rf"[\s(]*(?:(?:on|at|in) (?:the )?)?{_NATIVE}\b", re.IGNORECASE)  # "75 HU | native"
_SEGMENT = re.compile(
    r"\bseg(?:ment|m|\.)?s?\s*(?P<first>[IVX]+[ab]?|\d[ab]?)"
    r"(?P<more>(?:\s*(?:/|,|and|-|\u2013|&)\s*(?:seg(?:ment)?s?\s*)?"
    r"(?:[IVX]+[ab]?|\d[ab]?(?![.,]?\d)(?!\s*[cm]m))\b"
    r"|/[ab]\b)*)"
    r"|(?<![-\u2013])\bS(?P<short>[1-8][ab]?)\b(?!\s*[-\u2013]\s*S?\d)",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"\b(?:(?:right|left|caudate|quadrate) (?:hepatic |liver )?lobe|lobe of the liver|(?:hepatic|liver) dome"
    r"|(?:(?:right|left) )?(?:upper|lower|mid|inter)\s?-?pol(?:e|ar)(?: region)?|(?:right|left) kidney"
    r"|uncinate(?: process)?"
    r"|pancreatic (?:head|neck|body|tail)|(?:head|neck|body|tail) of (?:the )?pancreas"
    r"|(?:in (?:the )?)(?:head|neck|body|tail)\b)",
    re.IGNORECASE,
)
_COUNTS = {"single": 1, "solitary": 1, "one": 1, "two": 2, "both": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_MANY = re.compile(
    r"\b(?:multiple|several|numerous|innumerable|many|few|some|countless|disseminated|scattered)\b", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\b(?P<count>single|solitary|one|two|three|four|five|six|both|(?<![\d.,x\u00d7-])[2-9](?=\s+[a-z]))(?! (?:cm|mm))"
    r"\s+(?:[\w,-]+\s+){0,5}?"
    r"(?:(?:lesion|nodule|cyst|tumou?r|deposit|met)(?P<plural>s)?|mass(?:es)?|metastas[ei]s|foci|focus|abscess(?:es)?"
    r"|hypodensit(?:y|ies))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quantities:
    """What a text says in numbers.

    Attributes:
        sizes_mm: Each size that is given of the lesion, its diameters in mm.
        hu: Mean of the Hounsfield units that are given of the lesion; None if none are.
        organ_hu: Likewise, of the organ around it.
        native: Whether the lesion's HU are those without contrast medium.
        segments: Liver segments as digits, "7" or "4b".
        places: Places by name: "upper pole", "uncinate process".
        count: How many lesions; None if that is not said.
        many: It speaks of several, without a number.
        spans: Places of all these in the text.
    """

    sizes_mm: tuple[tuple[float, ...], ...] = ()
    hu: float | None = None
    organ_hu: float | None = None
    native: bool = False
    segments: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    count: int | None = None
    many: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def diameter_mm(self) -> float | None:
        """The longest diameter of the first size."""
        return max(self.sizes_mm[0]) if self.sizes_mm else None


def quantities(text: str, apart: Sequence[tuple[int, int]] = ()) -> Quantities:
    """The sizes, HU, segments, places and counts in a text about a lesion.

    Args:
        text: The text.
        apart: Parts (start, end) of it that are about something else: their sizes and HU are not the lesion's.
    """
    spans: list[tuple[int, int]] = []
    sizes = []
    for match in _SIZE.finditer(text):
        size = () if _within(match, apart) else _size(match, text)
        if size:
            sizes.append(size)
            spans.append(match.span())
    all_hu = list(_HU.finditer(text))
    spans += [match.span() for match in all_hu]
    around = [match for match in all_hu if _is_organs(match, text, len(all_hu))]
    own = [match for match in all_hu if match not in around and not _within(match, apart)]
    hu = [match for match in own if not _is_other_hu(text[: match.start()][-40:])]
    places = list(_PLACES.finditer(text))
    segments = [each for match in _SEGMENT.finditer(text) for each in _segments(match)]
    spans += [match.span() for match in (*places, *_SEGMENT.finditer(text))]
    counted = _COUNTED.search(text)
    return Quantities(
        sizes_mm=tuple(sizes),
        hu=_hu(hu[0]) if hu else None,
        organ_hu=_hu(around[0]) if around else None,
        native=bool(hu) and _is_native(hu[0], text),
        segments=tuple(dict.fromkeys(segments)),
        places=tuple(dict.fromkeys(match[0].lower().removeprefix("in ").removeprefix("the ") for match in places)),
        count=_count(counted) if counted else None,
        many=bool(_MANY.search(text)),
        spans=tuple(sorted(spans)),
    )


def _is_organs(match: re.Match[str], text: str, told: int) -> bool:
    """Whether HU are those of the organ around a lesion; "45 HU in the liver" are so only where others are told."""
    after = told > 1 and _OF_ORGAN_AFTER.match(text[match.end() :][:60])
    return bool(after or _HU_OF_ORGAN.search(text[: match.start()][-40:]))


def _is_other_hu(before: str) -> bool:
    return bool(_HU_OF_OTHER.search(before) or _HU_BY.search(before))


def _is_native(match: re.Match[str], text: str) -> bool:
    return bool(_NATIVE_BEFORE.search(text[: match.start()][-60:]) or _NATIVE_AFTER.match(text[match.end() :]))


def _within(match: re.Match[str], parts: Sequence[tuple[int, int]]) -> bool:
    return any(start <= match.start() < end for start, end in parts)


def _size(match: re.Match[str], text: str) -> tuple[float, ...]:
    unit = match["unit"] or next(iter(re.findall(_UNIT, match["numbers"], re.IGNORECASE)), "")
    if not unit:
        return ()
    before = text[max(0, match.start() - 40) : match.start()]
    if NOT_BEFORE.search(before) or _PRIOR.search(before) or _NOT_AFTER.match(text[match.end() :]):
        return ()
    factor = 10.0 if unit.lower().startswith("c") else 1.0
    found = tuple(factor * _value(number) for number in re.findall(_NUMBER, match["numbers"]))
    return found if all(0.5 <= size <= 400 for size in found) else ()


def _value(number: str) -> float:
    return float(re.sub(r"[\u2212\u2013]", "-", number).replace(",", "."))


def _hu(match: re.Match[str]) -> float:
    values = [_value(match[name]) for name in ("first", "second", "after") if match[name]]
    return sum(values) / len(values)


def _count(match: re.Match[str]) -> int | None:
    word = match["count"].lower()
    if word.isdecimal():  # "Bosniak 2 cyst" counts nothing
        return int(word) if match["plural"] else None
    return _COUNTS[word]


_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}


def _segments(match: re.Match[str]) -> list[str]:
    if match["short"]:
        return [match["short"].lower()]
    found: list[str] = []
    for each in [match["first"], *re.findall(r"[IVX]+[ab]?|\d[ab]?|\b[ab]\b", match["more"] or "", re.IGNORECASE)]:
        if each.lower() in ("a", "b"):  # "IVa/b"
            found += [found[-1][:1] + each.lower()] if found else []
            continue
        letters = re.fullmatch(r"([ivx]+|\d)([ab]?)", each.lower())
        number = letters and (_ROMAN.get(letters[1]) or (int(letters[1]) if letters[1].isdecimal() else None))
        if letters and number:
            found.append(f"{number}{letters[2]}")
    return found
