"""What a sentence tells of an earlier time: "necrotic before chemotherapy, now solid", "on the initial CT a cyst".

Each moment (`moments`) or adverb of time reaches over what was so then: one that opens a clause forward, up to where
the sentence comes to the present; one that ends a clause backward, to where the clause began.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from TextoMorphLib.text.concepts import ATTRIBUTES, Description
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.moments import DATE, MOMENTS, NOW, SINCE, THEN
from TextoMorphLib.text.reach import STOPS, backward, clause, forward
from TextoMorphLib.text.vocabulary import Mention, Term, describe

_CLAUSES = ("history of", "h/o", "hx of", "known history of", "status post", "previous history of")
_PAST_VERBS = (
    "was",
    "were",
    "had",
    "showed",
    "looked",
    "appeared",
    "measured",
    "contained",
    "enhanced",
    "demonstrated",
)
_PRESENT = (
    "is",
    "are",
    "has",
    "have",
    "show",
    "contain",
    "remain",
    "appear",
    "measure",
    "enhance",
    "demonstrate",
    "it's",
)
# What was seen then is there still, unless something else is said of it.
_SEEN = ("seen", "noted", "described", "identified", "known", "visualized", "demonstrated", "reported", "documented",
    "shown", "found", "detected", "mentioned", "visible", "present", "diagnosed", "treated")  # fmt: skip
_LIKE = (
    "as",
    "than",
    "from",
    "like",
    "unlike",
    "with",
    "to",
    "to that",
    "that of",
    "against",
    "since",
    "over",
    "versus",
    "vs",
)
_BELIEVED = ("thought", "suspected", "feared", "believed", "assumed", "suggested", "expected", "considered", "called",
    "mistaken", "misread")  # fmt: skip
_TREATED = re.compile(r"(?:emboli|drain|treat|operat|resect|stent|ablat|irradiat)\w*ed$")
_REASONS = ("because", "because of", "due to", "owing to", "for")
_OPERATION = re.compile(
    r"(?:ectomy|resection|ablation|enucleation|excision|whipple|operation|surgery|transplantation)$"
)
_AFTER = (
    "after",
    "post",
    "status",
    "s/p",
    "treated",
    "underwent",
    "undergone",
    "prior",
    "previous",
    "had",
    "following",
)
_INTENDED = ("planned", "scheduled", "candidate", "recommend", "recommended", "considered", "advised", "suitable",
    "amenable", "referred", "before", "prior to", "request", "evaluation", "preoperative", "awaiting")  # fmt: skip
_STILL = ("unchanged", "stable", "still", "same", "unaltered", "persist", "remain", "again", "constant")
_MARKS = (*STOPS, ",")


def past(sentence: Sequence[Word]) -> set[int]:
    """The words that tell of an earlier time than the present."""
    found = set[int]()
    for at, word in enumerate(sentence):
        if word.norm in _REASONS and any(_TREATED.match(before.norm) for before in sentence[max(0, at - 5) : at]):
            found.update(clause(sentence, at))  # "embolised because of | bleeding"
        dated = any(before.norm in MOMENTS for before in sentence[max(0, at - 3) : at])
        then = word.norm == "when" and dated and any(each.norm in _PAST_VERBS for each in sentence[at + 1 : at + 5])
        if then or _was_operated(sentence, at):  # "since 2018, when | it was thin-walled"
            found.update(range(at + 1, _until_now(sentence, at + 1)))
        if word.norm == THEN or (word.norm == DATE and _is_earlier(sentence, at)):
            found.update(_then(sentence, at))
        elif word.has("past") and not word.has("past", "pseudo"):
            found.update(_of_adverb(sentence, at))
    return found


def _was_operated(sentence: Sequence[Word], at: int) -> bool:
    """Whether a word leads to what was taken out or destroyed: "nephrectomy in 2015 | for | a cystic tumour"."""
    if sentence[at].norm not in (*_REASONS, "of"):
        return False
    before = sentence[max(0, at - 5) : at]
    if not any(_OPERATION.search(word.norm.split(" ")[-1]) for word in before):
        return False
    dated = any(word.norm in MOMENTS or word.norm.isdecimal() for word in sentence)
    told = any(word.norm.split(" ")[0] in _AFTER or word.has("past") for word in sentence[:at])
    return (dated or told) and not any(word.norm in _INTENDED for word in sentence)


def may_last(sentence: Sequence[Word], text: str) -> bool:
    """Whether what a sentence tells of an earlier time may be there still: seen, and not said to be over."""
    moments = [text[word.start : word.end].lower() for word in sentence if word.norm == THEN]
    ended = any(moment.startswith(("until", "till", "up to")) for moment in moments)
    believed = any(word.norm.split(" ")[0] in _BELIEVED for word in sentence)
    over = any(word.has("negation") or word.norm in _REASONS for word in sentence)  # "embolised because of bleeding"
    return bool(moments) and not (ended or believed or over)


def tells_all(sentence: Sequence[Word]) -> bool:
    """Whether a sentence is headed by the present, of which it then tells all: "Current CT: calcified mass"."""
    opens = sentence[0].norm == NOW or sentence[0].has("past", "now")
    return len(sentence) > 1 and opens and sentence[1].norm == ":"


def lasting(then: Sequence[Mention], now: Sequence[Mention]) -> list[Mention]:
    """What was so then, and of which nothing else is said now, nor what it hardly goes with."""
    said = describe(mention for mention in now if mention.term.about == "lesion")
    told = said.keys() | {kind for mention in now if mention.negated for kind in mention.term.kinds}
    if said.get("content") in ("necrotic", "cystic"):
        told |= {"density", "degree"}  # what enhanced before, and is dead or fluid now, need not enhance any more
    return [each for each in then if not told & each.term.kinds.keys() and not _is_unlikely(each.term.kinds, said)]


def _is_unlikely(kinds: Description, said: Description) -> bool:
    tables = [ATTRIBUTES[kind].unlikely.get(value, {}) for kind, value in kinds.items() if kind in ATTRIBUTES]
    return any(said.get(name) in values for table in tables for name, values in table.items())


def is_now_solid(before: Sequence[Word], term: Term, denied: bool) -> bool:
    """Whether a lesion is said to be solid now, so that what it had lost before is over: "it is now | solid"."""
    return (
        term.kinds.get("content") == "solid"
        and not denied
        and any(word.has("past", "now") and word.norm != "new" for word in before)
    )


def _of_adverb(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """What an adverb or verb of the past says: "previously | solid", "was | cystic" where it is so no longer."""
    word = sentence[at]
    if word.norm in ("previously", "formerly") and _goes_on(sentence, at):
        return ()  # "a previously simple cyst now has septa" is a cyst still
    if word.has("past", "after") and _ends(sentence, at):
        return backward(sentence, at)
    if word.has("past", "former"):
        return _noun_phrase(sentence, at)
    if word.has("past", "before"):
        if word.norm == "used to":  # "enhance strongly | has turned dark"
            return [i for i in clause(sentence, at) if not any(map(_is_present_verb, sentence[at + 1 : i + 1]))]
        return clause(sentence, at) if word.norm in _CLAUSES else forward(sentence, at, whole=True)
    if word.has("past", "was") and _is_over(sentence, at):
        return forward(sentence, at)
    return ()


def _noun_phrase(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """The nouns that an adjective belongs to: "its former | necrosis | replaced by calcification"."""
    end = at + 1
    while end < len(sentence) and not sentence[end].thing and _says(sentence[end]):
        end += 1
    while end < len(sentence) and sentence[end].thing:
        end += 1
    return range(at + 1, end)


def _then(sentence: Sequence[Word], at: int) -> Sequence[int]:
    """What was so at a moment that is told."""
    start = at
    while start and not _bounds(sentence, start - 1, at):
        start -= 1
    before = sentence[start:at]
    if any(map(_says, before)) or any(word.has("negation") for word in before):
        return () if _only_seen(sentence, start, at) else range(_subject_end(sentence, start, at), at)
    if before and (before[-1].norm in _LIKE or before[-1].has("reference")):
        return ()  # "hypodense, as | on the prior CT"
    return range(at + 1, _until_now(sentence, at + 1))


def _bounds(sentence: Sequence[Word], index: int, at: int) -> bool:
    """Whether a clause begins after a word: a mark, "but", "which", or an "and" before another verb."""
    word = sentence[index]
    if word.norm in _MARKS or word.has("word", "but") or word.has("word", "that"):
        return True
    return word.has("word", "and") and any(map(_is_verb, sentence[index + 1 : at]))


def _only_seen(sentence: Sequence[Word], start: int, at: int) -> bool:
    """Whether what was seen then, or is as it was then, is there still: "calcifications seen | on the prior CT"."""
    before = sentence[start:at]
    after = sentence[at + 1 :]
    if any(word.norm in _STILL for word in after) and not any(map(_says, after)):
        return True  # "a wall | on the MRI of 2019 |, unchanged"
    last = next((word for word in reversed(before) if not word.has("word", "adverb") or word.norm in _SEEN), before[-1])
    if last.norm in _LIKE or last.has("reference") or last.has("compare"):
        return True
    if any(word.has("negation") for word in before):
        return False
    seen = any(word.norm.split(" ")[-1] in _SEEN for word in before)
    return (seen and not any(word.norm in _PAST_VERBS for word in before)) or any(
        word.norm.split(" ")[0] in _STILL for word in before
    )


def _subject_end(sentence: Sequence[Word], start: int, at: int) -> int:
    """Where the predicate begins of a clause about a lesion that is known: "the cyst | had septa before drainage"."""
    verb = next((i for i in range(start, at) if sentence[i].norm in _PAST_VERBS), start)
    subject = sentence[start:verb]
    known = len(subject) > 1 and subject[0].norm in ("the", "this") and subject[-1].thing == "lesion"
    return verb if known else start


def _until_now(sentence: Sequence[Word], start: int) -> int:
    """Where a sentence that began in the past comes to the present."""
    while (start < len(sentence) and sentence[start].norm in (":", ",")) or _shows_then(sentence, start):
        start += 1
    end = start
    while end < len(sentence):
        opens = end > start and (
            sentence[end].norm == "," or sentence[end].has("word", "and") or sentence[end].has("word", "but")
        )
        if sentence[end].norm in STOPS and sentence[end].norm not in ("(", ")", "/", ":"):
            return end
        if (opens or end == start) and _is_present(sentence, end + opens):
            return end
        end += 1
    return end


def _shows_then(sentence: Sequence[Word], at: int) -> bool:
    return at < len(sentence) and sentence[at].norm in ("showed", "revealed", "demonstrated", "described")


def _is_present(sentence: Sequence[Word], at: int) -> bool:
    """Whether the clause there is about the present: it says "now", or its verb does."""
    for word in sentence[at:]:
        if word.norm in _MARKS or word.has("word", "but"):
            return False
        if word.has("past", "now") or word.norm in (NOW, SINCE) or word.norm.split(" ")[0] in _STILL:
            return True
        if word.norm in _PAST_VERBS:
            return False
        if word.norm in _PRESENT:
            return True
    return False


def _is_earlier(sentence: Sequence[Word], at: int) -> bool:
    """Whether a date is of the past: a later one follows, or its clause is in the past tense."""
    if any(word.norm in (DATE, NOW) or word.has("past", "now") for word in sentence[at + 1 :]):
        return True
    start = at
    while start and not _bounds(sentence, start - 1, at):
        start -= 1
    end = at + 1
    while end < len(sentence) and sentence[end].norm not in _MARKS:
        end += 1
    return any(word.has("past", "was") for word in sentence[start:end])


def _says(word: Word) -> bool:
    """Whether a word claims something that may have been so: more than a lesion's name."""
    return (
        (word.term is not None and bool(word.term.kinds))
        or word.has("unexpressed")
        or word.has("modifier")
        or (word.thing not in ("", "lesion", "organ", "other"))
    )


def _is_present_verb(word: Word) -> bool:
    return word.norm in _PRESENT and word.norm != "enhance"


def _is_verb(word: Word) -> bool:
    return word.has("word", "verb") or word.norm in (*_PAST_VERBS, *_PRESENT)


def _ends(sentence: Sequence[Word], at: int) -> bool:
    following = sentence[at + 1] if at + 1 < len(sentence) else None
    return at > 0 and (following is None or following.norm in _MARKS or following.has("word", "but"))


def _goes_on(sentence: Sequence[Word], at: int) -> bool:
    """Whether what was there before is still, and has only got something more."""
    for index, word in enumerate(sentence[at + 1 : at + 4], start=at + 1):
        if word.noun and word.term is not None:
            later = [other for other in sentence[index + 1 :] if other.term is None or other.term.kinds]
            now = any(other.has("past", "now") for other in later)
            return now and not any(other.term.kinds.keys() & word.term.kinds.keys() for other in later if other.term)
    return False


def _is_over(sentence: Sequence[Word], at: int) -> bool:
    """Whether what was so is so no longer."""
    return any(later.has("past", "now") for later in sentence[at:]) or _was_other(sentence, at)


def _was_other(sentence: Sequence[Word], at: int) -> bool:
    """Whether something else is said of the present before: "hypodense now, was hyperdense"."""
    if not at or (sentence[at - 1].norm not in (",", "(", "-", ";", "it") and not sentence[at - 1].has("word", "but")):
        return False
    then = next((word.term.kinds for word in sentence[at:] if word.term is not None and word.term.kinds), {})
    return any(
        word.term.kinds.get(kind, value) != value
        for word in sentence[:at]
        if word.term is not None
        for kind, value in then.items()
    )
