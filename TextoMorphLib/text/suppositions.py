"""Clauses that do not tell what the lesion is: what is supposed, what it may be or was, what is beside it."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.reach import STOPS, backward, clause

SPECKS = ("focus", "one", "spot", "fleck", "speck", "deposit", "area", "dot", "rim", "patch")


def beside(sentence: Sequence[Word]) -> Sequence[int]:
    """The other lesion that a sentence begins with: "apart from | a cyst |, the liver holds a bright nodule"."""
    end = next((i for i in range(1, len(sentence)) if sentence[i].norm == ","), 0)
    lesion = next((word for word in sentence[1:end] if word.thing == "lesion"), None)
    return range(1, end) if lesion is not None and lesion.norm.split(" ")[-1] not in SPECKS else ()


_HELD = ("considered", "thought", "felt", "deemed", "regarded", "seen", "judged", "as", "held")


def lists_diagnoses(sentence: Sequence[Word], at: int) -> bool:
    """Whether a clause says what a lesion may be: "differential | includes an abscess with a thick wall"."""
    named = sentence[at].norm in ("differential", "ddx", "dd")
    return named and any(word.norm in ("include", "including", "is", "comprise") for word in sentence[at + 1 : at + 4])


def of_a_kind(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """What is only supposed: "a | cyst | would be | darker", "should | a nodule appear"; empty if nothing is."""
    if at == 0:
        return clause(sentence, at) if len(sentence) > 1 and sentence[1].has("word", "det") else ()
    start = at
    while start and sentence[start - 1].norm not in (*STOPS, ",") and not sentence[start - 1].has("word", "but"):
        start -= 1
    kind = sentence[start].norm in ("a", "an") and bool(sentence[at - 1].thing)
    general = sentence[at].norm == "would" and kind
    return [*range(start, at), *clause(sentence, at)] if general else ()


def supposed(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """What is in doubt by a word that comes last, with its relative clause: "a recurrence | , which was dark, | is"."""
    end = at
    while end and (sentence[end - 1].has("word", "verb") or sentence[end - 1].norm in _HELD):
        end -= 1
    that = next((i for i in range(end - 1, 0, -1) if sentence[i].has("word", "that")), 0)
    aside = end > 1 and sentence[end - 1].norm == "," and sentence[that - 1].norm == "," and that > 1
    if not (aside and sentence[that - 2].thing == "lesion"):
        return backward(sentence, at)
    start = that
    while start and sentence[start - 1].norm not in STOPS:
        start -= 1
    return range(start, end)
