"""What a sentence denies, doubts or tells of the past: the scopes of its triggers.

After the idea of NegEx (Chapman et al., 2001) and ConText (Harkema et al., 2009): a trigger such as "no" reaches over
what follows it, or such as "is absent" over what comes before, up to a word or mark that ends its scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from TextoMorphLib.text.lexicon import Word

DENIED, POSSIBLE, OPEN, PAST = "denied", "possible", "open", "past"
NO_SUCH = "no such"  # denied by a word that says that there is none: "no cystic lesion", but "not a cystic lesion"
# What a lesion always has: "no calcification and smooth margins" denies calcium only.
_PROPERTIES = {"density", "degree", "margin", "texture"}
_ITEMS = ("margin", "wall", "density", "texture")
_PREFIXES = ("non", "un")
_NO_MORE = ("no new", "no other", "no further", "no additional")
_LOSSES = {"loss", "resolution", "disappearance"}
_NONE = {
    "no",
    "without",
    "w/o",
    "negative",
    "free",
    "absence",
    "absent",
    "nil",
    "devoid",
    "nor",
    "neither",
    "0",
    "zero",
}
_STOPS = ("(+)", "++", ".", ";", ":", "!", "?", "(", ")", "|", "\n", "+", "\u2013", "\u2014", "-", "/")


def scopes(sentence: Sequence[Word]) -> list[set[str]]:
    """For each word of a sentence, what is said of it: any of the constants above; open is "cannot be excluded".

    A denied word may be negated twice, by a prefix within a denial ("not non-calcified"): then it is not denied.
    """
    marks: list[set[str]] = [set() for _ in sentence]
    for at, word in enumerate(sentence):
        for mark, reached in _reached(sentence, at, word):
            for index in reached:
                marks[index].add(mark)
    _prefixes(sentence, marks)
    return marks


def _reached(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]]:
    """What a trigger says of which words."""
    if word.norm in _NO_MORE:
        return [(NO_SUCH, _forward(sentence, at))]  # "no new calcification": of old ones nothing is said
    if word.has("negation", "pseudo") or word.has("past", "pseudo"):
        return []
    if word.norm in ("free", "less") and word.joined and at:  # calcium-free
        return [(DENIED, [at - 1])]
    if word.norm in _PREFIXES:
        return []
    if word.norm in _PARTLY:  # "not entirely cystic" is cystic
        return [(DENIED, [i for i in _forward(sentence, at) if _is_property(sentence[i])])]
    if word.norm == "than" and any(before.norm == "rather" for before in sentence[max(0, at - 6) : at]):
        return [(DENIED, _forward(sentence, at))]  # "rather solid than cystic"
    if word.has("negation"):
        return _denied(sentence, at, word)
    if word.term is not None and word.norm.split(" ")[0] in _NONE and not word.has("negation"):
        reached = _forward(sentence, at)  # "without enhancement, wall or septa"
        if any(sentence[i].has("word", "or") for i in reached):
            return [(DENIED, reached), (NO_SUCH, reached)]
    found: list[tuple[str, Sequence[int]]] = []
    if word.norm in ("hardly", "barely", "scarcely") and _at_all(sentence[at:]):
        found.append((DENIED, _forward(sentence, at)))  # "hardly calcified at all"
    if word.has("hedge"):
        after = _ends_there(sentence, at)
        if word.has("hedge", "open_after") and not at and len(sentence) > 1 and _leads(sentence[1]):
            found.append((OPEN, _forward(sentence, 1)))  # "Not excluded: calcification"
        elif word.has("hedge", "open_after") and (after or not word.has("hedge", "open_before")):
            found.append((OPEN, _backward(sentence, at)))
        elif word.norm.split(" ")[-1] in ("if", "whether"):
            found.append((OPEN, _clause(sentence, at)))
        elif word.has("hedge", "open_before"):
            found.append((OPEN, _backward(sentence, at) if after else _forward(sentence, at)))  # "capsule r/o"
        elif word.has("hedge", "after") and (after or not word.has("hedge", "before")):
            found.append((POSSIBLE, _backward(sentence, at)))
        elif word.has("hedge", "before"):
            found.append((POSSIBLE, _forward(sentence, at)))
    if word.norm == "?":
        found.append((POSSIBLE, _forward(sentence, at) if _opens(sentence, at) else _backward(sentence, at)))
    if word.norm in ("previously", "formerly") and _goes_on(sentence, at):
        return found  # "a previously simple cyst now has septa" is a cyst still
    if word.has("past", "after") and _ends_there(sentence, at):
        found.append((PAST, _backward(sentence, at)))
    elif word.has("past", "before"):
        found.append((PAST, _forward(sentence, at, whole=True)))
    if word.has("past", "was") and (
        any(later.has("past", "now") for later in sentence[at:]) or _was_other(sentence, at)
    ):
        found.append((PAST, _forward(sentence, at)))
    return found


def _denied(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]]:
    """What a word of denial says of which words."""
    ends = _ends_there(sentence, at)
    following = sentence[at + 1] if at + 1 < len(sentence) else None
    opens = not at or sentence[at - 1].norm in _STOPS
    adjective = following is not None and following.term is not None and not following.noun and opens
    if word.norm == "none" and following is not None and (_has(following) or _leads(following) or adjective):
        reached = _forward(sentence, at if following.term is not None else at + 1)
        return [(DENIED, reached), (NO_SUCH, reached)]  # "None contains fat."
    both = word.has("negation", "before") and word.has("negation", "after")
    if both and at and sentence[at - 1].noun and following is not None and following.has("word", "prep"):
        return [(DENIED, _backward(sentence, at))]  # "calcification absent in the lesion"
    if word.has("negation", "after") and not at and len(sentence) > 1 and _leads(sentence[1]):
        return [(DENIED, _forward(sentence, 1))]  # "No longer seen are septa"
    names = following is not None and (following.term is not None or bool(following.thing))
    copula = _follows_copula(sentence, at) and not (names and sentence[at - 1].norm in (":", "="))
    after = ends or not word.has("negation", "before") or copula
    if (after and word.has("negation", "after")) or (ends and word.has("negation", "denial_end")):
        return [(DENIED, _backward(sentence, at))]
    if not word.has("negation", "before"):
        return []
    reached = _forward(sentence, at)
    said = set(word.norm.split())
    if said & _LOSSES:  # "loss of the fat plane and low density"
        first = next((i for i in reached if sentence[i].has("word", "and")), len(sentence))
        reached = [i for i in reached if i < first]
    return [(DENIED, reached), *([(NO_SUCH, reached)] if said & _NONE else [])]


def _at_all(words: Sequence[Word]) -> bool:
    return any(first.norm == "at" and second.norm == "all" for first, second in pairwise(words))


def _has(word: Word) -> bool:
    return word.has("word", "with") or word.norm.split(" ")[0] in ("contain", "show", "demonstrate")


def _leads(word: Word) -> bool:
    return word.norm in (":", "is", "are", "was", "were")


def _goes_on(sentence: Sequence[Word], at: int) -> bool:
    """Whether what was there before is still, and has only got something more."""
    for index, word in enumerate(sentence[at + 1 : at + 4], start=at + 1):
        if word.noun and word.term is not None:
            later = [other for other in sentence[index + 1 :] if other.term is None or other.term.kinds]
            now = any(other.has("past", "now") for other in later)
            return now and not any(other.term.kinds.keys() & word.term.kinds.keys() for other in later if other.term)
    return False


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


def _prefixes(sentence: Sequence[Word], marks: list[set[str]]) -> None:
    """The prefix "non-" denies one word, and takes a denial back that reaches it."""
    for at, word in enumerate(sentence[:-1]):
        if word.norm in _PREFIXES:
            marks[at + 1] ^= {DENIED}


def _opens(sentence: Sequence[Word], at: int) -> bool:
    """Whether a question mark comes before what it doubts ("? met") rather than after ("septa?")."""
    return at + 1 < len(sentence) and (at == 0 or sentence[at - 1].end < sentence[at].start)


def _ends_there(sentence: Sequence[Word], at: int) -> bool:
    following = sentence[at + 1] if at + 1 < len(sentence) else None
    before = sentence[at - 1].norm if at else ""
    ends = following is None or following.norm in (*_STOPS, ",") or following.has("word", "but")
    ends = ends or (before in (":", "=") and following is not None and following.has("word", "and"))
    return ends and at > 0


def _follows_copula(sentence: Sequence[Word], at: int) -> bool:
    """Whether "absent" and the like are said of what came before: "calcification is absent in this cyst"."""
    return at > 0 and sentence[at - 1].norm in ("is", "are", "was", "were", "been", ":", "=")


def _stops(word: Word) -> bool:
    return (
        (word.norm in _STOPS and word.norm != "/")
        or word.has("word", "verb")
        or word.has("word", "that")
        or word.has("word", "but")
        or word.has("negation", "before")
        or word.has("past", "now")
        or word.norm
        in ("because", "because of", "due to", "owing to", "with", "show", "showing", "has", "have", "contain", "there")
        or (word.has("negation", "after") and not word.has("negation", "before") and not word.has("modifier"))
    )


def _names_place(sentence: Sequence[Word], at: int) -> bool:
    """Whether a lesion or organ follows in which something is denied: "no calcium in this heterogeneous mass"."""
    if not sentence[at].has("word", "prep") or sentence[at].norm == "of":
        return False
    for index, word in enumerate(sentence[at + 1 : at + 9], start=at + 1):
        if (
            (word.norm == "," and not sentence[index - 1].term)
            or word.has("word", "or")
            or _stops(word)
            or (word.has("word", "prep") and word.norm != "of")
        ):
            return False
        if word.thing in ("lesion", "organ", "other"):
            return True
    return False


_PARTLY = tuple(
    f"not {how}" for how in ("entirely", "completely", "purely", "wholly", "totally", "fully", "exclusively")
)
_OPINIONS = ("think", "believe", "feel", "suspect")
# Here these words do not end what is denied: "does not have", "nor does it show".
_GO_ON = {
    "do",
    "does",
    "doe",
    "did",
    "it",
    "they",
    "to",
    "have",
    "having",
    "show",
    "showing",
    "contain",
    "containing",
    "be",
    "appear",
    "seem",
    "look",
    "appearing",
    "present",
}


def _forward(sentence: Sequence[Word], at: int, whole: bool = False) -> list[int]:
    """The words after a trigger up to the end of its list ("a, b or c", "a and b").

    Args:
        sentence: The sentence.
        at: The trigger.
        whole: Whether it reaches over what a lesion always has, too: "previously solid and hypervascular".
    """
    start = at + 1
    if sentence[at].norm in ("none of", "neither of"):  # "none of the lesions is calcified"
        start = next((i + 1 for i in range(at, len(sentence)) if sentence[i].has("word", "verb")), start)
    if start < len(sentence) and sentence[start].norm == ":":
        start += 1  # "Negative: septa"
    if sentence[at].norm == "nor" and start < len(sentence) and sentence[start].has("word", "verb"):
        start += 1  # "nor is it calcified"
        start += start < len(sentence) and sentence[start].norm == "there"
    if sentence[at].norm.split(" ")[-1] in _OPINIONS:  # "I don't think that it is cystic"
        start = next(
            (i + 1 for i in range(start, min(start + 4, len(sentence))) if sentence[i].has("word", "verb")), start
        )
    while start < len(sentence) and sentence[start].norm in _GO_ON:
        start += 1
    end = start
    while end < len(sentence) and not _stops(sentence[end]) and not _names_place(sentence, end):
        if sentence[end].norm == "/" and sentence[end].start > sentence[end - 1].end:
            break  # items, not alternatives
        if end > start and _is_new_item(sentence, end):
            break
        end += 1
    last_or = max((i for i in range(start, end) if sentence[i].has("word", "or")), default=start)
    for comma in range(last_or, end):
        if sentence[comma].norm == "," and not (last_or == start and _lists(sentence, at, comma, end)):
            end = comma
            break
    reached = [*range(start, end), *_predicate(sentence, at, end)]
    return reached if whole else _until_property(sentence, reached)


def _is_new_item(sentence: Sequence[Word], at: int) -> bool:
    """Whether the next item begins without a mark: "no calcification | margins well defined", "| central necrosis"."""
    before, word = sentence[at - 1], sentence[at]
    if before.noun and word.has("word", "det") and not word.has("word", "pronoun"):
        return True  # "no calcium | some necrosis"
    if before.noun and not word.noun and not word.thing and before.thing not in ("lesion", "partial", "organ"):
        if _is_property(word):
            return True
        describes = word.term is not None or word.norm in ("central", "peripheral")
        return describes and at + 1 < len(sentence) and sentence[at + 1].noun
    if before.noun and word.noun and word.term is not None and " " in word.norm:
        return True
    if sentence[at].thing not in _ITEMS or not sentence[at - 1].thing or at + 1 >= len(sentence):
        return False
    after = sentence[at + 1]
    return not after.thing and (after.term is not None or after.has("modifier"))


def _clause(sentence: Sequence[Word], at: int) -> range:
    """The words of a clause that begins after one: "uncertain whether | the lesion has a capsule"."""
    end = at + 1
    while end < len(sentence) and sentence[end].norm not in (*_STOPS, ",") and not sentence[end].has("word", "but"):
        end += 1
    return range(at + 1, end)


def _predicate(sentence: Sequence[Word], at: int, end: int) -> range:
    """What is said of a lesion that there is not: "no lesion | shows rim enhancement"."""
    if sentence[at].norm != "no" or (at and sentence[at - 1].norm not in _STOPS) or end >= len(sentence) - 1:
        return range(0)
    listed = any(word.norm == "," for word in sentence[at:end]) or sentence[end].norm in ("with", "w/", "without")
    if listed or sentence[end - 1].thing != "lesion" or not (sentence[end].has("word", "verb") or _has(sentence[end])):
        return range(0)
    last = end + 1
    while last < len(sentence) and not _stops(sentence[last]) and sentence[last].norm not in (",", "/"):
        last += 1
    return range(end + 1, last)


def _lists(sentence: Sequence[Word], at: int, comma: int, end: int) -> bool:
    """Whether a list of denied things goes on after a comma: "No septa, calcification." but "no septa, thick wall"."""
    begins = at == 0 or sentence[at - 1].norm not in (",", "and")
    following = sentence[comma + 1] if comma + 1 < end else None
    if not begins or following is None or sentence[at].norm in ("not", "rather than", "instead of", "never"):
        return False
    said = sentence[comma - 1].term
    same = said.kinds.keys() & following.term.kinds.keys() if said and following.term else set()
    if same - {"content"}:
        return False  # "no wall thickening, thin wall"
    names = following.has("unexpressed") and following.term is None
    return following.noun or bool(following.thing) or names or following.has("word", "or")


def _until_property(sentence: Sequence[Word], reached: list[int]) -> list[int]:
    """Up to an "and" that leads from what a lesion may lack to what it has, or to something with its own article."""
    terms = [i for i in reached if sentence[i].term is not None]
    for before, index in pairwise(terms):
        between = sentence[before + 1 : index]
        joined = any(word.has("word", "and") for word in between)
        article = any(word.norm in ("a", "an", "the") for word in between)
        if joined and (article or (_is_property(sentence[index]) and not _is_property(sentence[before]))):
            return [i for i in reached if i <= before]
    return reached


def _is_property(word: Word) -> bool:
    return word.term is not None and bool(word.term.kinds.keys() & _PROPERTIES)


def _backward(sentence: Sequence[Word], at: int) -> list[int]:
    """The words before a trigger that comes last: "a and b are absent"."""
    end = at - 1 if at and sentence[at - 1].norm == "," else at  # "septa, none"
    if end and sentence[end - 1].has("word", "but"):
        end -= 1  # "was suspected but not confirmed"
        while end and (sentence[end - 1].has("hedge") or sentence[end - 1].norm == ","):
            end -= 1
    while end and (sentence[end - 1].has("word", "verb") or sentence[end - 1].norm in _BEFORE_DENIAL):
        end -= 1
    start = end
    while start and not any(each(sentence, start - 1) for each in (_begins_at, _is_other_clause, _is_other_item)):
        start -= 1
    last = max((i + 1 for i in range(start, end) if sentence[i].norm == ","), default=start)
    listed = any(word.norm == "/" or word.has("word", "and") or word.has("word", "or") for word in sentence[last:end])
    both = all(word.has("word", "det") or word.has("word", "adverb") for word in sentence[last:end])
    if not listed and not both:  # but "a and b, both absent"
        start = last
    return list(range(start, end))


def _begins_at(sentence: Sequence[Word], at: int) -> bool:
    """Whether an earlier clause or item ends; "septa/nodules" are one."""
    within = sentence[at].norm == "/" and at > 0 and sentence[at].start == sentence[at - 1].end
    return _begins(sentence[at]) and not within


def _is_other_item(sentence: Sequence[Word], at: int) -> bool:
    """Whether a comma ends what is no part of a list of things: "ill-defined, | fat and calcium are absent"."""
    before = sentence[at - 1] if at else None
    if sentence[at].norm != "," or before is None or before.has("unexpressed"):
        return False
    return before.thing == "lesion" or (before.term is not None and not before.noun)


def _is_other_clause(sentence: Sequence[Word], at: int) -> bool:
    """Whether an "and" joins clauses rather than nouns: "the wall has thickened, and gas has disappeared"."""
    if not (sentence[at].has("word", "and") and at > 1 and sentence[at - 1].norm == ","):
        return False
    before = sentence[at - 2]
    return not (before.noun or before.thing)


_BEFORE_DENIAL = (":", "=", "-", "?", "(", "has", "have", "had", "was", "were", "can", "could", "definitely", "clearly")


def _begins(word: Word) -> bool:
    """Whether a word ends what came before a clause."""
    return (
        word.norm in _STOPS
        or word.has("word", "but")
        or word.has("word", "that")
        or word.has("word", "verb")
        or (word.norm in ("with", "show", "showing", "has", "have", "contain", "which"))
    )
