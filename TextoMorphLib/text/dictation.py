"""What speech recognition makes of a dictated text: spoken punctuation, words in two pieces, words misheard."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from TextoMorphLib.paths import resources
from TextoMorphLib.text.tokens import Token, tokens

_SHORTEST = 8  # letters of a word that is put together from two
_LONGEST = 3  # words that are misheard together
# Where "period" is a time and no mark: "a period", "period of three months".
_BEFORE_TIME = ("a", "the", "this", "that", "same", "over", "time", "up", "each", "of", "in", "observation", "short")
_COMPARATIVES = ("more", "less", "rather", "worse", "better", "other")
Guess = Callable[[str], str]


@dataclass(frozen=True)
class _Heard:
    marks: dict[str, str]
    marks_at_ends: dict[str, str]
    misheard: dict[tuple[str, ...], tuple[str, ...]]
    beginnings: frozenset[str]


def dictated(found: Sequence[Token], text: str, words: Collection[str], guess: Guess) -> list[Token]:
    """Tokens as they were dictated.

    Args:
        found: Tokens.
        text: Their text.
        words: The vocabulary's words.
        guess: The word of the vocabulary that one is a typing error of; empty if of none.
    """
    read: list[Token] = []
    at = 0
    while at < len(found):
        said, length = _said(found, at, text, words, guess)
        read += said
        at += length
    return read


def _said(found: Sequence[Token], at: int, text: str, words: Collection[str], guess: Guess) -> tuple[list[Token], int]:
    """What was said at a token, and how many tokens that takes up."""
    data, token = _data(), found[at]
    if not token.is_word:
        return [token], 1
    for length in range(min(_LONGEST, len(found) - at), 0, -1):
        norms = tuple(each.norm for each in found[at : at + length])
        whole = replace(token, end=found[at + length - 1].end)
        if (mark := data.marks.get(" ".join(norms))) is not None:
            return [replace(whole, norm=mark)] if mark else [], length
        if norms in data.misheard and not (at and found[at - 1].norm == "to"):
            return [replace(whole, norm=norm, corrected=True) for norm in data.misheard[norms]], length
    if token.norm in data.marks_at_ends and _is_mark(found, at):
        return [replace(token, norm=data.marks_at_ends[token.norm])], 1
    if token.norm == "then" and any(_compares(each, words) for each in found[max(0, at - 3) : at]):
        return [replace(token, norm="than")], 1
    if at + 1 < len(found) and (norm := _put_together(token, found[at + 1], text, words, guess)):
        return [replace(token, norm=norm, end=found[at + 1].end, corrected=True)], 2
    return [token], 1


def _is_mark(found: Sequence[Token], at: int) -> bool:
    before = found[at - 1].norm if at else ""
    following = found[at + 1].norm if at + 1 < len(found) else "\n"
    if found[at].norm != "period":
        return following == "\n" and bool(before)
    return bool(before) and before not in _BEFORE_TIME and following not in ("of", "for", "between", "and", ",", ".")


def _compares(token: Token, words: Collection[str]) -> bool:
    return token.norm in _COMPARATIVES or (token.norm.endswith("er") and token.norm in words)


def _put_together(first: Token, second: Token, text: str, words: Collection[str], guess: Guess) -> str:
    """The word that two pieces are: "circum scribed"; empty if they are none."""
    begins = text[first.start : first.end].lower()  # as it is written: "hetero" is a short form, too
    whole = begins + second.norm
    if not second.is_word or second.start != first.end + 1 or len(whole) < _SHORTEST:
        return ""
    known = begins in _data().beginnings
    if whole in words:
        return whole if known or first.norm not in words or second.norm not in words else ""
    return guess(whole) if known and second.norm not in words else ""


@lru_cache(maxsize=1)
def _data() -> _Heard:
    table = json.loads((resources() / "Vocabulary" / "dictation.json").read_text(encoding="utf-8"))
    return _Heard(
        marks={" ".join(_norms(said)): mark for said, mark in table["marks"].items()},
        marks_at_ends=table["marks_at_ends"],
        misheard={_norms(wrong): _norms(right) for wrong, right in table["misheard"].items()},
        beginnings=frozenset(table["beginnings"]),
    )


def _norms(said: str) -> tuple[str, ...]:
    return tuple(token.norm for token in tokens(said))
