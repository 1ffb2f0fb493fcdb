"""Whether a thing can be seen, as one word: "not clearly identified", "cannot be separated from", "hard to define".

Reports say so in hundreds of ways that are all built alike: a denial or a difficulty, what qualifies it, and a word of
seeing, delimiting or assessing. What is not seen is denied, what cannot be delimited is ill-defined, a wall that is
hard to see is none, and of what cannot be assessed nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from TextoMorphLib.paths import resources
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.tokens import normal
from TextoMorphLib.text.vocabulary import Term

_WITH_DIFFICULTY = ("with difficulty", "only with difficulty", "with some difficulty", "with great difficulty")
_GROW = ("developed", "formed")
_LINKS = 5  # words between the denial and the word of seeing
_TERMS = {"delimited": "ill-defined", "easy": "well-defined", "same": "isoattenuating"}
_ROLES = {
    "unseen": {"negation": frozenset({"after"})},
    "assessed": {"hedge": frozenset({"open_after"})},
    "hard": {"modifier": frozenset({"ill", "invisible"})},
    "clear": {"modifier": frozenset({"well"}), "word": frozenset({"adverb"})},
}


def sights(sentence: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with each denied or doubted sight as one word.

    Args:
        sentence: Its words.
        terms: The terms by name.
    """
    words: list[Word] = []
    at = 0
    while at < len(sentence):
        last, what = _sight(sentence, at)
        margin = last + 1 < len(sentence) and sentence[last + 1].thing == "margin"
        if what == "delimited" and _of_part(sentence, at):
            what = "unseen"  # "its wall can no longer be distinguished"
        if what == "unseen" and (margin or _of_margin(sentence, at)):
            what = "delimited"  # "not well recognizable margins"
        words.append(_word(sentence[at : last + 1], what, terms) if what else sentence[at])
        at = last + 1
    return words


def of_sight() -> frozenset[str]:
    """The words of seeing, delimiting and assessing, which are no typing errors."""
    return frozenset().union(*_data().values())


def _sight(words: Sequence[Word], at: int) -> tuple[int, str]:
    """The last word of a sight that begins here, and what it says; nothing if none does."""
    data = _data()
    if at + 1 < len(words) and words[at].norm in data["delimited"] and words[at + 1].norm in _WITH_DIFFICULTY:
        return at + 1, "delimited"  # "can be defined only with difficulty"
    how = next((how for how in ("unseen", "hard", "easy") if words[at].norm in data[how]), "")
    for index in range(at + 1, min(at + 2 + _LINKS, len(words)) if how else 0):
        norm = words[index].norm
        does = at > 0 and words[at - 1].norm in ("do", "does", "doe", "did") and norm == "present"
        active = (
            norm in _GROW and index + 1 < len(words) and (words[index + 1].thing or words[index + 1].has("word", "det"))
        )
        if (norm in data["verbs"] or does or active) and how == "unseen":
            break  # "has not developed septa"
        own = norm in ("defined", "circumscribed") and words[at].norm not in ("easily", "readily")  # wordings of terms
        if norm in data["delimited"] and how == "easy" and not own:
            return index, "easy"
        if norm in data["seen"] and how == "easy" and index == at + 1:
            return index, "clear"
        if norm in data["seen"] and how != "easy":
            return (index + 1, how) if _is_out(words, index) else (index, how)
        if norm in data["assessed"] and how != "easy":
            return index, "assessed"
        apart = how == "hard" or index > at + 1 or norm.endswith("able")
        if norm in data["delimited"] and apart and not _from_other(words, index):
            return index, "same" if _in_density(words, index) else "delimited"
        if norm not in data["links"] and not (words[index].has("word", "adverb") and words[index].term is None):
            break
    return at, ""


def _of_part(words: Sequence[Word], at: int) -> bool:
    """Whether it is a part of a lesion that cannot be told: a wall, which then is none."""
    before = [word for word in words[max(0, at - 3) : at] if not (word.has("word", "verb") or word.has("word", "det"))]
    last = before[-1] if before and before[-1].norm not in ("can", "could") else (before[-2] if before[1:] else None)
    return last is not None and last.thing in ("wall", "septum", "nodule") and words[at].norm != "hard"


def _of_margin(words: Sequence[Word], at: int) -> bool:
    """Whether it is the border with the organ that is not seen: "the margin with the liver | cannot be made out"."""
    index = at - 1
    while (
        index > 0
        and not words[index].thing
        and (words[index].has("word", "verb") or words[index].has("word", "adverb"))
    ):
        index -= 1
    if index < 2 or words[index].thing != "organ":
        return False
    while index > 0 and (
        words[index].thing == "organ" or words[index].has("word", "det") or words[index].has("modifier")
    ):
        index -= 1
    return (
        words[index].norm in ("with", "to", "from", "of", "towards", "against") and words[index - 1].thing == "margin"
    )


def _is_out(words: Sequence[Word], at: int) -> bool:
    return words[at].norm in ("made", "make") and at + 1 < len(words) and words[at + 1].norm == "out"


def _in_density(words: Sequence[Word], at: int) -> bool:
    """Whether it is by their density that two things cannot be told apart."""
    pairs = zip(words[at + 1 : at + 8], words[at + 2 : at + 9], strict=False)
    return any(first.norm in ("in", "by") and second.thing == "density" for first, second in pairs)


def _from_other(words: Sequence[Word], at: int) -> bool:
    """Whether something else follows that it cannot be told from: "cannot be separated from the duodenum"."""
    following = [word for word in words[at + 1 : at + 5] if not word.has("word", "det") and word.norm != "from"]
    return bool(following) and following[0].thing == "other"


def _word(words: Sequence[Word], what: str, terms: Mapping[str, Term]) -> Word:
    norm = " ".join(word.norm for word in words)
    if what in _TERMS:
        term = terms.get(_TERMS[what])
        return Word(norm, words[0].start, words[-1].end, term=term, predicate=True)
    return Word(norm, words[0].start, words[-1].end, _ROLES[what], predicate=what == "hard")


@lru_cache(maxsize=1)
def _data() -> dict[str, frozenset[str]]:
    data = json.loads((resources() / "Vocabulary" / "sight.json").read_text(encoding="utf-8"))
    return {
        name: frozenset(" ".join(normal(word) for word in words.split()) for words in listed)
        for name, listed in data.items()
        if name != "about"
    }
