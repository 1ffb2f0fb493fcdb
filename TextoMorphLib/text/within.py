"""A lesion's parts held against each other, no density of it: "enhances more at the edge than inside"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.reach import STOPS
from TextoMorphLib.text.vocabulary import Term

_EDGE, _MIDDLE = "edge", "middle"
_PARTS = {
    "margin": _EDGE, "wall": _EDGE, "periphery": _EDGE, "centre": _MIDDLE, "interior": _MIDDLE,
    "peripherally": _EDGE, "centrally": _MIDDLE, "internally": _MIDDLE, "inside": _MIDDLE,
}  # fmt: skip
_REACH = 6  # words from what is compared to the part
_HEARD = {"heard": frozenset({"a comparison within the lesion"})}


def held_within(sentence: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with each comparison of two parts as one word: a bright edge is a rim, a dark middle necrosis.

    Args:
        sentence: Its words.
        terms: The terms by name.
    """
    words = list(sentence)
    for at in range(len(words) - 1, 0, -1):
        if at >= len(words) or words[at].norm != "than":
            continue
        end = _part(words, range(at + 1, min(len(words), at + 5)))
        first = _part(words, range(at - 1, max(-1, at - 1 - _REACH), -1))
        if end is None or first is None or _which(words[first]) == _which(words[end]):
            continue
        start = _compared(words, first, at)
        if start is not None:
            words[start : end + 1] = [_told(words[start : end + 1], _which(words[first]), terms)]
    return words


def _which(word: Word) -> str:
    return _PARTS.get(word.thing) or _PARTS.get(word.norm, "")


def _part(words: Sequence[Word], places: range) -> int | None:
    """The first of some words that names a part of a lesion, within its clause."""
    for at in places:
        if _which(words[at]):
            return at
        if words[at].norm in (*STOPS, ",") or words[at].thing in ("organ", "other", "lesion"):
            return None
    return None


def _compared(words: Sequence[Word], part: int, than: int) -> int | None:
    """Where begins what is said more of one part than of the other; None if it is neither density nor enhancement."""
    found = [at for at in range(max(0, part - _REACH), than) if _is_bright(words[at]) or _ways(words[at])]
    found = [at for at in found if not any(word.norm in (*STOPS, ",") for word in words[at:than])]
    if not any(_is_bright(words[at]) for at in found):
        return None
    return min(part, *found) if found[0] > part else found[0]


def _ways(word: Word) -> frozenset[str]:
    return word.roles.get("compare", frozenset()) & {"up", "down"}


def _is_bright(word: Word) -> bool:
    density = word.term is not None and "density" in word.term.kinds
    return density or word.has("dimension", "enhancement") or word.thing in ("enhancement", "density")


def _told(words: Sequence[Word], part: str, terms: Mapping[str, Term]) -> Word:
    dark = any(word.term is not None and word.term.kinds.get("density") == "hypo" for word in words)
    less = dark or any("down" in _ways(word) for word in words)
    name = "necrotic" if dark and part == _MIDDLE else "walled" if (part == _EDGE) != less else ""
    norm = " ".join(word.norm for word in words)
    return Word(norm, words[0].start, words[-1].end, {} if name else _HEARD, term=terms.get(name), predicate=True)
