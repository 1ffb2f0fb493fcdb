"""Typing errors and words cut short, where only one word of the vocabulary can have been meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from TextoMorphLib.text.tokens import Token, goes_on

Meanings = Mapping[str, frozenset[str]]  # of each word of the vocabulary that is a wording by itself: what it can be
_SHORTEST = 4  # letters of a word that is cut short
_VOWELS = str.maketrans("", "", "aeiouy")


def corrected(
    found: Sequence[Token], text: str, words: frozenset[str], known: Collection[str], means: Meanings
) -> list[Token]:
    """Tokens with typing errors mended and short forms written out ("heterogen.", "mrgns").

    Args:
        found: Tokens.
        text: Their text.
        words: The vocabulary's words, which are worth guessing.
        known: Other words that are right as they are.
        means: What words mean, to tell whether two that are equally near say the same.
    """
    mended: list[Token] = []
    for at, token in enumerate(found):
        if token.norm == "." and mended and mended[-1].cut and goes_on(text, token.end):
            continue
        doubtful = token.is_word and len(token.norm) > 2
        doubtful = doubtful and not any(token.norm in each for each in (known, words, means))
        typed = text[token.start : token.end].lower()
        dotted = at + 1 < len(found) and found[at + 1].norm == "."
        guess = _meant(typed, token.norm, words, means, dotted) if doubtful else ""
        cut = bool(guess) and _is_cut(typed, guess)
        mended.append(replace(token, norm=guess, corrected=True, cut=cut) if guess else token)
    return mended


def _meant(typed: str, norm: str, words: frozenset[str], means: Meanings, dotted: bool) -> str:
    """What was meant by a word that is not known; with a full stop behind it rather one cut short than a mistake."""
    short = ""
    if len(norm) >= _SHORTEST:
        short = _written_out(typed, means) or _written_out(norm, means)
    if short and dotted:
        return short
    return (
        _short(norm) or _prefixed(typed, words) or nearest(typed, words, means) or nearest(norm, words, means) or short
    )


def _is_cut(typed: str, meant: str) -> bool:
    return len(meant) > len(typed) + 1 or meant.startswith(typed)


# Short words that reports mistype, and what is spelt like them but is another word.
_SHORT_WORDS = ("thin", "thick", "wall", "well", "sharp", "cyst", "clear", "rims", "poorly", "smooth")
_REAL_WORDS = frozenset(
    word
    for words in (
        "thing think then than this thins they shin chin walk wail wale wells welt went will wills weal cost cast",
        "clean share shark shard harp clears cleat trick thickly poor poorer",
    )
    for word in words.split()
)


def _prefixed(typed: str, words: frozenset[str]) -> str:
    """The word whose first letters were swapped: "hyopdense"."""
    for prefix in ("hypo", "hyper", "hetero", "homo"):
        whole = prefix + typed[len(prefix) :]
        if typed[:1] == prefix[0] and sorted(typed[: len(prefix)]) == sorted(prefix) and whole in words:
            return whole
    return ""


@lru_cache(maxsize=1024)
def _short(word: str) -> str:
    """The short word that was mistyped by one letter: "thik wall", "wel defined"."""
    if word in _REAL_WORDS or not 3 <= len(word) <= 6:
        return ""
    near = [each for each in _SHORT_WORDS if each[0] == word[0] and distance(word, each, 1) == 1]
    longer = [each for each in near if len(each) != len(word)]  # a letter too many or too few, rather than another
    found = longer or near
    return found[0] if len(found) == 1 else ""


@lru_cache(maxsize=4096)
def nearest(word: str, words: frozenset[str], means: Meanings) -> str:
    """The word nearest to a mistyped one; empty if there is none, or two of equal distance that differ in meaning."""
    if len(word) < 5:
        return ""
    most = 1 if len(word) < 9 else 2
    ranked: dict[int, set[str]] = {}
    for other in _by_prefix(words).get(_prefix(word), ()):
        if len(other) >= 5 and abs(len(other) - len(word)) <= most:
            far = distance(word, other, most)
            if far <= most:
                ranked.setdefault(far, set()).add(other)
    return _one(ranked[min(ranked)], means) if ranked else ""


def _one(words: Collection[str], means: Meanings) -> str:
    """The shortest of words that are one, or can all mean the same; empty if they cannot."""
    same = frozenset.intersection(*(means.get(word, frozenset()) for word in words))
    return min(words, key=lambda word: (len(word), word)) if same or len(words) == 1 else ""


@lru_cache(maxsize=4096)
def _written_out(word: str, means: Meanings) -> str:
    """The word that a short form stands for: its beginning ("heterogen"), or its consonants ("crcmscrbd")."""
    if longer := [other for other in means if other.startswith(word) and len(other) > len(word)]:
        roots = [each for each in longer if not any(each != other and each.startswith(other) for other in longer)]
        return _one(roots, means) if len(word) > _SHORTEST else ""
    bare = _single(word[1:].translate(_VOWELS))
    fuller = [other for other in _by_consonants(means).get(word[0] + bare, ()) if len(other) > len(word)]
    return _one(fuller, means) if len(bare) > 2 and fuller else ""


def _single(letters: str) -> str:
    return "".join(letter for at, letter in enumerate(letters) if letter != letters[at - 1 : at])


@lru_cache(maxsize=8)
def _by_consonants(means: Meanings) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in means:
        if len(word) > _SHORTEST:
            found.setdefault(word[0] + _single(word[1:].translate(_VOWELS)), []).append(word)
    return found


@lru_cache(maxsize=8)
def _by_prefix(words: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        found.setdefault(_prefix(word), []).append(word)
    return found


_PREFIXES = ("hypo", "hyper", "iso", "non", "un", "in", "hetero", "homo", "micro", "macro")


def _prefix(word: str) -> str:
    """What turns a word's meaning round and so is never a typing error; its first letter where there is none."""
    return next((prefix for prefix in _PREFIXES if word.startswith(prefix)), word[:1])


def distance(first: str, second: str, most: int = 2) -> int:
    """How many letters were left out, added, exchanged or swapped between two words; `most` + 1 if more than `most`.

    The restricted Damerau-Levenshtein distance.
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(second, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
