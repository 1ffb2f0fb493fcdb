"""Fluid that has collected beside the organ, where a text is about a lesion: "a mass, a collection in the lesser sac".

It is a lesion of its own where nothing else is named ("peripancreatic collection with a thick wall").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.neighbours import AWAY, BESIDE
from TextoMorphLib.text.phrases import LESION

_NAMES = ("collection", "seroma", "hematoma", "biloma", "urinoma", "lymphocele", "pseudocyst", "abscess")
_AROUND = re.compile(
    r"\b(?:peri(?!ph)|para(?!pelv)|sub(?:phren|hepat|caps|cutan|diaphr)|retroperit|intraperit|extra|abdominal|pelvic"
    r"|pleural)"
)
_IN = ("in", "at", "along", "within", "into", "between", "under", "over")
_SPACES = ("scar", "incision", "wound", "gutter", "sac", "pouch", "recess", "cavity", "flank", "bed", "groin", "fossa",
    "space", "it", "port")  # fmt: skip
_FARTHEST = 6  # words from its name to its place


def beside(words: Sequence[Word], named: Collection[str]) -> range:
    """The words about fluid beside the organ; empty if there is none, or it is the lesion.

    Args:
        words: A sentence.
        named: What the lesion was called before.
    """
    for at, word in enumerate(words):
        if word.thing != LESION or not _is_collection(word):
            continue
        before = [each for each in words[:at] if each.thing == LESION and not _is_collection(each)]
        if not (before or set(named) - set(_NAMES)):
            return range(0)
        start = at
        while start and not _opens(words[start - 1]):
            start -= 1
        if _AROUND.search(" ".join(each.norm for each in words[start : at + 1])) or _is_placed(words, at):
            end = len(words) if not before else _end(words, at)
            return range(start, end)
    return range(0)


def _is_collection(word: Word) -> bool:
    return word.norm.split(" ")[-1] in _NAMES


def _opens(word: Word) -> bool:
    """Whether what belongs to a noun begins after a word."""
    joins = any(word.has("word", role) for role in ("and", "but", "prep", "verb", "with"))
    return joins or word.norm in (",", ";", ":", "(", ".", "\n") or bool(word.thing and word.thing != "other")


def _is_placed(words: Sequence[Word], at: int) -> bool:
    """Whether it is said to be beside something, or in a place that is not the organ's."""
    for index, word in enumerate(words[at + 1 : at + 1 + _FARTHEST], start=at + 1):
        if word.norm in BESIDE or word.norm in AWAY:
            return True
        if word.norm in _IN:
            place = words[index + 1 : index + 1 + _FARTHEST]
            marks = [i for i, each in enumerate(place) if each.norm in (",", ";", ".") or each.has("word", "with")]
            named = place[: marks[0]] if marks else place
            return any(each.thing == "other" or each.norm.split(" ")[-1] in _SPACES for each in named)
        if word.has("word", "verb") and word.norm not in ("is", "are", "seen", "present", "noted"):
            return False
    return False


def _end(words: Sequence[Word], at: int) -> int:
    """Where the sentence goes on with the lesion: after a mark, or an "and" with another verb."""
    return next((i for i in range(at + 1, len(words)) if words[i].norm in (",", ";", ":")), len(words))
