"""How much, where no adverb says it: "not too dark", "darker by a lot", "a wall 1 mm thick"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.vocabulary import Term

_THIN_MM, _THICK_MM = 2.0, 4.0  # a wall of at most so much is thin, of at least so much thick
_DENIES = ("not", "isn't", "aren't")
_TOO = ("too", "overly", "excessively")
_MEASURES = ("(", "thickness", ":", "of", "is", "measure", "measuring", "about", "up to", "<", ">", "less",
    "more", "than", "less than", "more than", "under")  # before a length # fmt: skip
_MEASURED = (")", "thick", "thickness", "in", "wide")  # after it
_MUCH = {
    **dict.fromkeys(("considerable", "considerably", "substantial", "marked", "significant", "increased"), "thick"),
    **dict.fromkeys(("minimal", "slight", "little", "hairline"), "thin"),
}
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
    """The sentence with "thick" as the number beside it has it, by the limits of Bosniak's 2019 classes for walls."""
    read = _with_walls_measured(_thickness_named(words))
    for at in range(2, len(read)):
        size = _size(read, at - 2)
        if read[at].norm.split(" ")[0] != "thick" or size is None:
            continue
        walled = terms[f"{size}-walled" if size else "walled"] if _kinds(read[at]).get("wall_thickness") else None
        roles = read[at].roles if walled else {"modifier": frozenset({size})}
        read[at] = replace(read[at], roles=roles, term=walled or read[at].term)
    return read


def _size(words: Sequence[Word], at: int) -> str | None:
    """What a length makes of a wall: "thin", "thick" or neither; None where no length is."""
    number, unit = words[at].norm.replace(",", "."), words[at + 1].norm if at + 1 < len(words) else ""
    if unit not in ("mm", "cm") or not number.replace(".", "", 1).isdecimal():
        return None
    wide = float(number) * (10 if unit == "cm" else 1)
    below = at > 0 and words[at - 1].norm in ("than", "<", "under", "below")
    return "thin" if wide <= _THIN_MM else "thick" if wide >= _THICK_MM and not below else ""


def _with_walls_measured(words: Sequence[Word]) -> list[Word]:
    """The sentence with a wall's length as an adjective before it: "wall: 6 mm", "a rind 6 mm thick"."""
    read: list[Word] = []
    at = 0
    while at < len(words):
        size = _size(words, at)
        said = len(read) - 1
        while said >= 0 and (read[said].norm in _MEASURES or read[said].has("word", "det")):
            said -= 1
        end = at + 2
        while end < len(words) and words[end].norm in _MEASURED:
            end += 1
        if size and at and _opens_phrase(words[at - 1]) and words[end : end + 1] and words[end].thing == "wall":
            read.append(Word(size, words[at].start, words[end - 1].end, roles={"modifier": frozenset({size})}))
            at = end  # "a 6 mm wall"
            continue
        if size is None or said < 0:
            read.append(words[at])
            at += 1
            continue
        wall = read[said]
        if wall.thing == "wall" and not any(word.thing for word in words[end : end + 1]):
            adjective = Word(size, wall.start, wall.start, roles={"modifier": frozenset({size})})
            if any(not word.has("word", "det") for word in read[:said]):
                read[said:] = [*([adjective] if size else []), wall]
            else:  # of which the sentence goes on: "wall 6 mm, not enhancing"
                read += [replace(adjective, start=words[at].start, end=words[end - 1].end)] if size else words[at:end]
            at = end
        elif wall.has("modifier", "thick") or wall.has("modifier", "thin"):  # "a thick (5 mm) wall"
            bracketed = read[-1].norm == "(" and words[end - 1].norm == ")"
            read[said:] = [wall] if bracketed else [*read[said:], *words[at:end]]
            at = end
        else:
            read.append(words[at])
            at += 1
    return read


def _thickness_named(words: Sequence[Word]) -> list[Word]:
    """The sentence with "a wall of considerable thickness" and "wall of the cyst: thick" as a thick wall."""
    for at in range(len(words) - 3):
        if words[at].thing != "wall" or words[at + 1].norm != "of":
            continue
        much, rest = "", words[at + 4 :]
        if words[at + 3].norm == "thickness":
            much = _MUCH.get(words[at + 2].norm, "")
        elif named := _lesion_named(words, at + 2):
            end = named + 1 + (words[named + 1].norm == ":")
            much = next((size for size in ("thick", "thin") if _is_alone(words, end, size)), "")
            rest = [*words[at + 1 : end], *words[end + 1 :]]
        if much:
            adjective = Word(much, words[at].start, words[at].start, roles={"modifier": frozenset({much})})
            return [*words[:at], adjective, words[at], *rest]
    return list(words)


def _lesion_named(words: Sequence[Word], at: int) -> int:
    """Where a lesion is that a short phrase names, a word behind it: "of the renal | cyst | thin"; 0 if none is."""
    found = next((i for i in range(at, min(at + 4, len(words) - 1)) if words[i].thing == "lesion"), 0)
    return found if not any(word.norm in _ENDS for word in words[at:found]) else 0


def _is_alone(words: Sequence[Word], at: int, size: str) -> bool:
    """Whether an adjective is all that is said there: "wall of the cyst | thin |, no septa"."""
    ends = at + 1 >= len(words) or words[at + 1].norm in _ENDS
    return at < len(words) and ends and words[at].has("modifier", size)


def _opens_phrase(word: Word) -> bool:
    return word.has("word", "det") or word.has("word", "with")


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
