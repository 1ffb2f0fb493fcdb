"""How much, where no adverb says it: "not too dark", "darker by a lot", "a wall 1 mm thick"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.vocabulary import Term

_THIN_MM, _THICK_MM = 2.0, 4.0  # a wall of at most so much is thin, of at least so much thick
_DENIES = ("not", "isn't", "aren't")
_TOO = ("too", "overly", "excessively")
_MEASURES = (":", "of", "is", "measure", "measuring", "about", "up to")
_ENDS = (",", ";", ".", ":", "\n")


def understated(words: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with "not too" as "mildly" before what is dark, which denies no darkness."""
    read: list[Word] = []
    for at, word in enumerate(words):
        darkness = at + 1 < len(words) and _kinds(words[at + 1]) == {"density": "hypo"}
        if word.norm in _TOO and darkness and read and read[-1].norm in _DENIES:
            read[-1] = Word(f"{read[-1].norm} {word.norm}", read[-1].start, word.end, term=terms["mildly"])
        else:
            read.append(word)
    return read


def measured(words: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with "thick" as the number before it has it, by the limits of Bosniak's 2019 classes for walls."""
    read = list(words)
    for at in range(2, len(read)):
        thick = read[at].norm.split(" ")[0] == "thick"
        end = at if thick else at + _is_walls(read, at)  # one after the unit
        number, unit = read[end - 2].norm.replace(",", "."), read[end - 1].norm
        if not (thick or end > at) or unit not in ("mm", "cm") or not number.replace(".", "", 1).isdecimal():
            continue
        wide = float(number) * (10 if unit == "cm" else 1)
        below = end > 2 and read[end - 3].norm in ("than", "<", "under", "below")
        size = "thin" if wide <= _THIN_MM else "thick" if wide >= _THICK_MM and not below else ""
        walled = terms[f"{size}-walled" if size else "walled"] if _kinds(read[at]).get("wall_thickness") else None
        roles = read[at].roles if walled else {"modifier": frozenset({size})}
        read[at] = replace(read[at], roles=roles, term=walled or read[at].term)
    return read


def _is_walls(words: Sequence[Word], at: int) -> bool:
    """Whether a unit ends what is measured of a wall, without "thick": "wall 6 | mm", "wall: 2 | mm"."""
    named = next((word for word in reversed(words[max(0, at - 4) : at - 1]) if word.norm not in _MEASURES), None)
    thick = any(word.has("modifier", "thick") or word.has("modifier", "thin") for word in words[at + 1 : at + 2])
    return words[at].norm in ("mm", "cm") and named is not None and named.thing == "wall" and not thick


def after_density(words: Sequence[Word], at: int) -> bool:
    """Whether a degree says by how much a density differs: "darker than liver by | a lot", "hypodense, | very much"."""
    first = at - (at > 0 and set(_kinds(words[at - 1])) == {"degree"})  # "very | pronounced"
    behind = first > 1 and words[first - 1].norm == "," and set(_kinds(words[first - 2])) == {"density"}
    if behind and (len(words) <= at + 2 or words[at + 1].norm in _ENDS or words[at + 2].norm in _ENDS):
        return not any(_kinds(word) or word.thing for word in words[at + 1 : at + 2])
    if not (at and (words[at - 1].norm == "by" or words[at].norm.startswith("by "))):
        return False
    for word in reversed(words[: at - 1] if words[at - 1].norm == "by" else words[:at]):
        if set(_kinds(word)) == {"density"}:
            return True
        if word.has("word", "and") or word.has("word", "but") or word.norm in _ENDS:
            return False
    return False


def _kinds(word: Word) -> Mapping[str, str]:
    return word.term.kinds if word.term is not None else {}
