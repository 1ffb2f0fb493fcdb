"""Where a lesion ends, as a clause says it: "it is hard to say where it ends", "one cannot tell it from the liver"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.reach import STOPS
from TextoMorphLib.text.vocabulary import Term

_ENDS = ("end", "ends", "begin", "begins", "start", "starts", "stop", "stops", "finish", "finishes", "leave off")
_TELLS = ("tell", "separate", "distinguish", "differentiate", "delineate", "delimit", "demarcate", "discern", "told")
_DOUBTS = (
    "hard", "difficult", "impossible", "hardly", "barely", "scarcely", "cannot", "can't", "couldn't", "unclear",
    "uncertain", "not", "never", "poorly", "no", "difficulty", "tough", "tricky", "guess", "nobody", "without",
)  # fmt: skip
_SURE = ("clear", "clearly", "easy", "easily", "exactly", "precisely", "see", "seen", "sharply", "obvious", "obviously",
    "well", "readily")  # fmt: skip
_ROUND = ("all round", "all around", "all the way", "throughout", "everywhere", "completely", "entirely",
    "on all sides", "on every side", "in full")  # fmt: skip
_FOLLOWED = ("traced", "followed", "drawn", "tracked", "outlined")
_TOLD_APART = ("separat", "distinguish", "differentiat", "discriminat", "told apart")
_MARKS = (*STOPS, ",")
_REACH = 6  # words from "where" to its verb, from "tell" to its "from"


def limits(sentence: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with what it says of a lesion's end as one word.

    Args:
        sentence: Its words.
        terms: The terms by name.
    """
    span = _where_it_ends(sentence) or _from_organ(sentence) or _followed(sentence)
    if span is None:
        return list(sentence)
    start, end = span
    opens = next((i + 1 for i in range(start - 1, -1, -1) if sentence[i].norm in _MARKS), 0)
    closes = next((i for i in range(end, len(sentence)) if sentence[i].norm in _MARKS), len(sentence))
    around = [*sentence[opens:start], *sentence[end:closes]]
    norms = {part for word in around for part in (word.norm, *word.norm.split(" "))}
    doubted = bool(norms & set(_DOUBTS)) or any(word.has("modifier", "ill") for word in around)
    partly = _is_followed(sentence, start, end) and bool(norms & {"only", "partly", "partially"})
    sure = bool(norms & set(_SURE)) or _is_followed(sentence, start, end)
    if not (doubted or partly or sure):
        return list(sentence)
    term = terms.get("ill-defined" if doubted or partly else "well-defined")
    if doubted or partly:
        start = next((i for i in range(opens, start) if _is_doubt(sentence[i])), start)
    told = sentence[start:end]
    word = Word(" ".join(each.norm for each in told), told[0].start, told[-1].end, term=term, predicate=True)
    rest = [each for each in sentence[end:closes] if not (doubted and _is_doubt(each))]
    return [*sentence[:start], word, *rest, *sentence[closes:]]


def told_apart(sentence: Sequence[Word]) -> list[Word]:
    """The sentence with what says only that diagnoses are alike: "oncocytoma and RCC | cannot be separated"."""
    words = list(sentence)
    for at in range(3, len(words)):
        joined = words[at - 2].has("word", "and") or words[at - 2].has("word", "or")
        named = words[at - 1].thing == words[at - 3].thing == "lesion"
        if named and joined and any(part in words[at].norm for part in _TOLD_APART):
            words[at] = replace(words[at], term=None, roles={"heard": frozenset({"of diagnoses, not of a border"})})
    return words


def _is_doubt(word: Word) -> bool:
    return bool({word.norm, *word.norm.split(" ")} & set(_DOUBTS))


def _where_it_ends(sentence: Sequence[Word]) -> tuple[int, int] | None:
    """The place of "where the lesion ends"."""
    for at, word in enumerate(sentence):
        if word.norm not in ("where", "precisely where", "exactly where"):
            continue
        for end in range(at + 2, min(at + 1 + _REACH, len(sentence))):
            subject = sentence[at + 1 : end]
            named = any(each.thing in ("lesion", "organ", "margin") or each.norm == "it" for each in subject)
            if sentence[end].norm in _ENDS and named:
                return at, end + 1
    return None


def _from_organ(sentence: Sequence[Word]) -> tuple[int, int] | None:
    """The place of "tell the lesion from the liver"."""
    for at, word in enumerate(sentence):
        if word.norm not in _TELLS or not sentence[at + 1 : at + 2]:
            continue
        for index in range(at + 1, min(at + 1 + _REACH, len(sentence))):
            between = sentence[at + 1 : index]
            lesion = any(each.thing == "lesion" or each.norm in ("it", "the two") for each in between)
            following = sentence[index + 1 : index + 4]
            if sentence[index].norm == "from" and lesion and any(each.thing == "organ" for each in following):
                end = next(i for i in range(index, len(sentence)) if sentence[i].thing == "organ")
                return at, end + 1
    return None


def _followed(sentence: Sequence[Word]) -> tuple[int, int] | None:
    """The place of "traced all the way round", or of "followed only on one side", where a border is spoken of."""
    for at, word in enumerate(sentence):
        if word.norm in _FOLLOWED and any(each.thing == "margin" for each in sentence[:at]):
            after = " ".join(each.norm for each in sentence[at + 1 :])
            if any(how in after for how in (*_ROUND, "only", "partly", "partially")):
                return at, at + 1
    return None


def _is_followed(sentence: Sequence[Word], start: int, end: int) -> bool:
    return end == start + 1 and sentence[start].norm in _FOLLOWED
