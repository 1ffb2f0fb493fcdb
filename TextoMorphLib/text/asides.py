"""What stands between commas and breaks a clause in two: "the wall, however, is thick"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from TextoMorphLib.text.lexicon import Word, grammar
from TextoMorphLib.text.moments import THEN
from TextoMorphLib.text.tokens import tokens

_LONGEST = 7  # words
_CONCEDES = ("though", "although", "albeit", "if", "while", "but")


def without_asides(sentence: Sequence[Word]) -> list[Word]:
    """The sentence without what is put in between a subject and its verb, or a denial and what it denies."""
    words: list[Word] = []
    at = 0
    while at < len(sentence):
        if conceded := _concession(sentence, at):
            words[-1:] = [*conceded, words[-1]]  # "the rim, though thin," is the thin rim
            at += len(conceded) + 3
            continue
        if _is_gloss(sentence, at):
            words.append(sentence[at + 1])
            at += 3
            continue
        end = _end(sentence, at)
        if end == at:
            words.append(sentence[at])
        at = max(end, at + 1)
    return words


def _is_gloss(sentence: Sequence[Word], at: int) -> bool:
    """Whether a word in brackets is one of a noun's adjectives: "intense | (arterial) | enhancement"."""
    if not at or [word.norm for word in sentence[at : at + 3 : 2]] != ["(", ")"] or at + 3 >= len(sentence):
        return False
    before, said, after = sentence[at - 1], sentence[at + 1], sentence[at + 3]
    adjective = (said.has("modifier") or said.term is not None) and not (said.thing or said.noun)
    goes_on = bool(after.thing) or after.has("dimension")
    opens = before.thing or before.norm in (",", ":") or before.has("word", "verb")
    return goes_on and adjective and not opens


def _concession(sentence: Sequence[Word], at: int) -> Sequence[Word]:
    """The adjectives that are conceded of a noun between commas: "the rim | , though | thin | ,"; empty if none are."""
    named = at > 0 and bool(sentence[at - 1].thing)
    if not named or sentence[at].norm != "," or at + 3 >= len(sentence) or sentence[at + 1].norm not in _CONCEDES:
        return ()
    close = next((i for i in range(at + 3, min(at + 5, len(sentence))) if sentence[i].norm == ","), at)
    said = sentence[at + 2 : close]
    plain = all(not word.thing and (word.term or word.has("modifier") or word.has("word", "adverb")) for word in said)
    return said if plain else ()


def _end(sentence: Sequence[Word], at: int) -> int:
    """The word after an aside that begins at a comma; the comma itself if none does."""
    if sentence[at].norm != "," or not at:
        return at
    for close in range(at + 2, min(at + 2 + _LONGEST, len(sentence) - 1)):
        if sentence[close].norm != ",":
            continue
        said = " ".join(word.norm for word in sentence[at + 1 : close])
        opened = sentence[at - 1].has("negation") or sentence[at - 1].has("word", "with")
        goes_on = sentence[close + 1].has("word", "verb")
        says_nothing = all(map(_says_nothing, sentence[at + 1 : close]))
        then = any(word.norm == THEN for word in sentence[at:close]) and not any(map(_claims, sentence[at:close]))
        says_nothing = says_nothing or then  # "which was not there on the prior CT"
        return close + 1 if (goes_on and says_nothing) or (said in _asides() and (opened or goes_on)) else at
    return at


def _claims(word: Word) -> bool:
    return bool(word.thing) or word.term is not None or word.has("modifier")


def _says_nothing(word: Word) -> bool:
    """Whether a word neither names, describes, denies nor doubts: "which could be seen in 2021"."""
    return (
        word.term is None
        and word.roles.keys() <= {"word", "neutral", "time", "reference"}
        and not word.has("word", "but")
    )


@lru_cache(maxsize=1)
def _asides() -> frozenset[str]:
    return frozenset(" ".join(token.norm for token in tokens(said)) for said in grammar()["asides"])
