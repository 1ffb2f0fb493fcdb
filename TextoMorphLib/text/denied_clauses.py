"""Denials of a whole clause: "it is not true that it is sharp", "had been thought cystic but is not"."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.reach import STOPS, backward, clause, forward
from TextoMorphLib.text.tokens import normal

_DENIES = ("not", "isn't", "aren't", "wasn't", "weren't", "doesn't", "don't", "didn't", "hasn't", "haven't")

_SO = ("so", "the", "case", "the case", "true", "correct", "confirmed", "been", "be", "verified", "right")

# What was only believed, or said by others.
BELIEVED = frozenset(map(normal, (
    "thought", "believed", "described", "reported", "called", "considered", "suspected", "assumed", "labeled", "termed",
    "interpreted", "read", "deemed", "held", "regarded", "taken", "mistaken", "misread", "misinterpreted", "dictated",
)))  # fmt: skip
_SEEMING = {*BELIEVED, "looked", "seemed", "appeared", "resembled", "mimicked", "simulated"}
_PROVED = ("turned", "proved", "proven", "turn", "prove")
_ORDERS = ("make", "add", "give", "keep", "leave", "put", "draw", "use", "increase", "change", "let", "turn", "set")


def ordered_away(sentence: Sequence[Word], at: int) -> list[int]:
    """What is not to be there any more: "remove | the wall and the septa | and make it darker"."""
    reached = forward(sentence, at, whole=True)
    return [i for i in reached if not any(word.norm in _ORDERS for word in sentence[at + 1 : i + 1])]


def taken_out(sentence: Sequence[Word], at: int) -> list[int]:
    """What stands between an order and its end: "take | the septa | out"; empty if it has none."""
    for index in range(at + 1, min(at + 8, len(sentence))):
        if sentence[index].norm in ("out", "away", "off"):
            return list(range(at + 1, index))
        if sentence[index].norm in (*STOPS, ","):
            break
    return []


def denied_clause(sentence: Sequence[Word], at: int) -> list[int]:
    """What is denied where a clause is: what its verb says, or what it says that there is.

    Args:
        sentence: The sentence.
        at: The words that deny the clause after them: "it is not true that".
    """
    within = clause(sentence, at)
    verb = next((i for i in within if sentence[i].has("word", "verb") or sentence[i].has("word", "with")), None)
    if verb is None:
        return forward(sentence, at)
    said = forward(sentence, verb)
    if any(sentence[i].term is not None or sentence[i].has("modifier") for i in said):
        return said
    return [i for i in range(at + 1, verb) if sentence[i].noun]  # "that necrosis | is present"


def taken_back(sentence: Sequence[Word], at: int) -> list[int] | None:
    """What is said and taken back at once: "had been thought | cystic | but is not"; None if nothing is."""
    end = at + 1
    while end < len(sentence) and sentence[end].norm in _SO:
        end += 1
    denies, *so = sentence[at].norm.split(" ")
    closes = end == len(sentence) or sentence[end].norm in (*STOPS, ",")
    if denies not in _DENIES or not set(so) <= set(_SO) or not closes:
        return None
    index = at - 1
    while index > 0 and (sentence[index].has("word", "verb") or sentence[index].has("word", "pronoun")):
        index -= 1
    believed = [i for i in range(index) if BELIEVED & set(sentence[i].norm.split(" "))]
    if index < 1:
        return None
    if sentence[index].has("word", "but"):
        said = backward(sentence, index)
    elif believed and index < at - 1 and (sentence[index].norm == "," or sentence[index].has("word", "that")):
        said = [
            i for i in range(believed[-1] + 1, index) if sentence[i].norm != ","
        ]  # "described as | a cyst |, which"
    else:
        return None
    return said if any(sentence[i].term is not None for i in said) else None


def proved_wrong(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """What had only looked so: "what had looked like | septa | turned out to be vessels"; empty if nothing had."""
    if sentence[at].norm not in _PROVED:
        return ()
    believed = [i for i in range(at) if _SEEMING & set(sentence[i].norm.split(" ")) or sentence[i].norm in STOPS]
    return range(believed[-1] + 1, at) if believed and sentence[believed[-1]].norm not in STOPS else ()


def said_of_neither(sentence: Sequence[Word], at: int) -> list[int] | None:
    """What is said of neither of two parts, which are there: "neither the wall nor the septa are | calcified"."""
    if sentence[at].norm not in ("neither", "nor") or not any(word.norm == "neither" for word in sentence[: at + 1]):
        return None
    verb = next((i for i in range(at, len(sentence)) if sentence[i].has("word", "verb")), len(sentence))
    first = next(i for i, word in enumerate(sentence) if word.norm == "neither")
    parts = [word for word in sentence[first + 1 : verb] if word.term is not None or word.thing]
    nouns = bool(parts) and all(word.noun or word.thing for word in parts) and bool(sentence[verb - 1].thing)
    if verb + 1 >= len(sentence) or not nouns or any(word.norm == "," for word in sentence[first:verb]):
        return None
    said = forward(sentence, verb)
    return said if any(sentence[i].term is not None and not sentence[i].noun for i in said) else None


def is_only_degree(sentence: Sequence[Word], at: int) -> bool:
    """Whether of a density only the degree is denied: "not | markedly | hypodense" is hypodense."""
    if at + 1 >= len(sentence):
        return False
    degree, density = sentence[at].term, sentence[at + 1].term
    strong = degree is not None and degree.kinds == {"degree": "marked"}
    return strong and density is not None and density.kinds.keys() == {"density"}
