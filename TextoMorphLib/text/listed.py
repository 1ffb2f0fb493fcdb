"""Lesions whose places and sizes a report lists in one sentence: "in segments 2 (12 mm), 5 (18 mm) and 8 (9 mm)".

Each gets the sentence with its own item in place of the list, so that it is read as any other.
"""

from __future__ import annotations

import re

from TextoMorphLib.text.quantities import NOT_BEFORE, quantities

_NUMBER = r"(?<![\d.,])\d{1,3}(?:\.\d{1,2})?"
_UNIT = r"(?:mm|cm)\b"
_DIAMETERS = rf"{_NUMBER}(?:\s*(?:x|\u00d7|by)\s*{_NUMBER}){{0,2}}"
_SIZE = rf"{_DIAMETERS}\s*-?{_UNIT}"
_AND = r"(?:\s*(?:,|;|/)\s*(?:and\s+|as well as\s+)?|\s+(?:and|&|as well as)\s+)"
_SEGMENT = r"(?:[IVX]{1,4}[ab]?|[1-8][ab]?)\b"
_NAMED = (
    r"(?:(?:pancreatic )?(?:head|neck|body|tail)|uncinate(?: process)?|(?:right |left )?(?:upper|lower|mid)[ -]?pole"
    r"|interpolar(?: region)?|(?:right|left|caudate) lobe|(?:right|left) kidney)"
)
_PLACE = rf"(?:(?:the )?(?:(?:segments?|seg\.?)\s*{_SEGMENT}|S{_SEGMENT}|{_NAMED}))"
_NEXT_PLACE = rf"(?:{_PLACE}|{_SEGMENT})"
_SIZED = rf"\s*(?:\([^()]*?{_SIZE}[^()]*\)|[:,=-]?\s*(?:measuring |measures |of |with |is |at )?{_SIZE})"
_AT = r"\s*(?:\(\s*|,?\s*(?:in|within|at)\s+|\s)"
# A place with its size, or a size with its place.
_PLACE_FIRST = re.compile(rf"{_PLACE}{_SIZED}(?:{_AND}(?:in )?{_NEXT_PLACE}{_SIZED})+", re.IGNORECASE)
_PLACE_ITEM = re.compile(rf"{_NEXT_PLACE}{_SIZED}", re.IGNORECASE)
_SIZE_FIRST = re.compile(rf"{_SIZE}{_AT}{_PLACE}\)?(?:{_AND}{_SIZE}{_AT}{_NEXT_PLACE}\)?)+", re.IGNORECASE)
_SIZE_ITEM = re.compile(rf"{_SIZE}{_AT}{_NEXT_PLACE}\)?", re.IGNORECASE)
# Sizes in one list, places in another: "measuring 12, 18 and 9 mm in segments 2, 5 and 8".
_SIZES = re.compile(rf"{_DIAMETERS}(?:\s*{_UNIT})?(?:{_AND}{_DIAMETERS}(?:\s*{_UNIT})?)*{_AND}{_SIZE}", re.IGNORECASE)
_PLACES = re.compile(
    rf"(?:segments?|segs?\.?)\s*{_SEGMENT}(?:{_AND}(?:segment\s*|S)?{_SEGMENT}(?!\s*[cm]m))+"
    rf"|{_NAMED}(?:{_AND}(?:the )?{_NAMED})+",
    re.IGNORECASE,
)
_BARE = re.compile(rf"^{_SEGMENT}", re.IGNORECASE)
_ORDER = {"first": 0, "former": 0, "second": 1, "third": 2}
_OF_ONE = re.compile(
    r"[,;]\s*the (?P<which>last|latter|first|former|second|third|largest|smallest)(?: one)?"
    r"(?: of (?:these|them|which))?\s+"
    r"(?=with|without|is|being|shows?|showing|contain|having|has|demonstrat|calcified|necrotic|cystic)[^;]*$",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(?:between|from|ranging|range|axial|AP|x|\u00d7|by)\s*$", re.IGNORECASE)


def items(text: str) -> list[str]:
    """A sentence once for each lesion whose size it lists, with only its size and place; empty if it lists none."""
    for whole, item in ((_PLACE_FIRST, _PLACE_ITEM), (_SIZE_FIRST, _SIZE_ITEM)):
        if (found := whole.search(text)) and not NOT_BEFORE.search(text[: found.start()][-40:]):
            each = [match[0] for match in item.finditer(found[0])]
            return _told([_with(text, (found.span(), _named(one))) for one in each])
    return _told(_from_two_lists(text))


def _told(each: list[str]) -> list[str]:
    """The items, each without what is said only of another one: "..., the last with a rim"."""
    tail = _OF_ONE.search(each[0]) if each else None
    if tail is None:
        return each
    sizes = [quantities(item).diameter_mm or 0.0 for item in each]
    which = {"largest": sizes.index(max(sizes)), "smallest": sizes.index(min(sizes)), "last": -1, "latter": -1}
    meant = which.get(tail["which"].lower(), _ORDER.get(tail["which"].lower(), 0))
    of = each[meant] if meant < len(each) else ""
    return [item if item is of else _OF_ONE.sub(".", item) for item in each]


def _from_two_lists(text: str) -> list[str]:
    found = next((match for match in _SIZES.finditer(text) if _is_of_lesions(text, match)), None)
    if found is None:
        return []
    unit = re.findall(_UNIT, found[0], re.IGNORECASE)[-1]
    sizes = [f"{match[0]} {unit}" for match in re.finditer(_DIAMETERS, found[0])]
    places = _PLACES.search(text)
    at = re.findall(rf"{_NAMED}|\b{_SEGMENT}", places[0], re.IGNORECASE) if places else []
    if places and len(at) == len(sizes):
        return [
            _with(text, (found.span(), size), (places.span(), _named(place)))
            for size, place in zip(sizes, at, strict=True)
        ]
    counted = quantities(text).count == len(sizes) or re.search(r"\brespectively\b", text, re.IGNORECASE)
    return [_with(text, (found.span(), size)) for size in sizes] if counted and not places else []


def _is_of_lesions(text: str, sizes: re.Match[str]) -> bool:
    before = text[: sizes.start()][-40:]
    return not (NOT_BEFORE.search(before) or _RANGE.search(before) or re.search(r"seg\w*\.?\s*$", before, re.I))


def _named(item: str) -> str:
    """An item whose segment is named as one: "5 (18 mm)" is "segment 5 (18 mm)"."""
    if _BARE.match(item) and not re.match(_SIZE, item, re.IGNORECASE):
        return f"segment {item}"
    return re.sub(r"\bsegments\b", "segment", item, flags=re.IGNORECASE)


def _with(text: str, *replaced: tuple[tuple[int, int], str]) -> str:
    """The text with parts of it replaced."""
    for (start, end), said in sorted(replaced, reverse=True):
        text = text[:start] + said + text[end:]
    return text
