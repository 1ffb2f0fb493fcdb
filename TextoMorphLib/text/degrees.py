"""How much darker or brighter, where that is no adverb before the density: "not too dark", "darker by a lot"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.vocabulary import Term

_DENIES = ("not", "isn't", "aren't")
_TOO = ("too", "overly", "excessively")
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


def after_density(words: Sequence[Word], at: int) -> bool:
    """Whether a degree says by how much a density differs: "darker than liver by | a lot"."""
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
