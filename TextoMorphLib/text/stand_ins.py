"""Words that stand for a part that was named before: "instead of a thin wall there is a thick | one"."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word

_PARTS = ("wall", "septum", "calcification", "margin", "nodule", "scar")


def with_names(sentence: Sequence[Word]) -> list[Word]:
    """The sentence with "one" after an adjective as the part that it stands for."""
    words: list[Word] = []
    for word in sentence:
        adjective = bool(words) and not words[-1].thing and (words[-1].term is not None or words[-1].has("modifier"))
        part = None
        if adjective and word.norm in ("one", "ones"):
            part = next((before for before in reversed(words) if before.thing in _PARTS), None)
        words.append(_named(part, word) if part is not None else word)
    return words


def _named(part: Word, word: Word) -> Word:
    """The part's plain name in place of a word, without what was said of it before."""
    return Word(part.thing, word.start, word.end, {"thing": frozenset({part.thing})}, noun=True)
