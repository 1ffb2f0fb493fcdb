"""What a sentence denies, doubts or tells of the past: the scopes of its triggers.

After the idea of NegEx (Chapman et al., 2001) and ConText (Harkema et al., 2009): a trigger such as "no" reaches over
what follows it, or such as "is absent" over what comes before, up to a word or mark that ends its scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from TextoMorphLib.text.denied_clauses import (
    denied_clause,
    is_only_degree,
    ordered_away,
    proved_wrong,
    said_of_neither,
    taken_back,
    taken_out,
)
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.reach import STOPS, backward, clause, forward, has_or_shows, is_property
from TextoMorphLib.text.suppositions import SPECKS, beside, lists_diagnoses, of_a_kind, supposed
from TextoMorphLib.text.surroundings import manner
from TextoMorphLib.text.times import past
from TextoMorphLib.text.vocabulary import NON_ENHANCING

DENIED, POSSIBLE, OPEN, PAST = "denied", "possible", "open", "past"
OTHERS = "of others"  # "unlike a cyst", "the rim that one would expect in an abscess"
NO_SUCH = "no such"  # denied by a word that says that there is none: "no cystic lesion", but "not a cystic lesion"
_PARTLY = tuple(
    f"not {how}" for how in ("entirely", "completely", "purely", "wholly", "totally", "fully", "exclusively")
)
_LACKS = ("lack", "lacked", "lacking", "lack of", "lack any", "devoid of", "void of", "free of", "free from",
    "absence of", "deprived of", "bereft of", "non")  # fmt: skip
_BETWEEN = ("it", "they", "any", "have", "does", "doe", "do", "did", "there")
_PLAIN = ("not", "no", "nor", "never", "neither", "isn't", "aren't", "doesn't", "don't", "didn't", "cannot", "can't")
_BEFORE_ORDERS = (":", "please", "kindly", "-", ",", ";", "and", "then", "but", "also", "just", "you")
_PREFIXES = ("non", "un")
_NO_MORE = ("no new", "no other", "no further", "no additional")
_TO_BE_SEEN = ("considered", "excluded", "suspected", "sought", "ruled out", "appear", "develop")
_LOSSES = {"loss", "dissolution", "effacement", "obliteration", "resolution", "disappearance"}
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


def scopes(sentence: Sequence[Word]) -> list[set[str]]:
    """For each word of a sentence, what is said of it: any of the constants above; open is "cannot be excluded".

    A denied word may be negated twice, by a prefix within a denial ("not non-calcified"): then it is not denied.
    """
    then = past(sentence)
    marks: list[set[str]] = [{PAST} if at in then else set() for at in range(len(sentence))]
    for at, word in enumerate(sentence):
        for mark, reached in _reached(sentence, at, word):
            for index in reached:
                if at not in then or index in then:  # what was denied then is not denied now
                    marks[index].add(mark)
                if mark == DENIED and at not in then:
                    marks[index].discard(PAST)  # "the earlier sharp border | is lost"
    _prefixes(sentence, marks)
    return marks


def _reached(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]]:
    """What a trigger says of which words."""
    if word.norm in _NO_MORE:
        return [(NO_SUCH, forward(sentence, at))]  # "no new calcification": of old ones nothing is said
    if word.has("negation", "pseudo") or word.has("past", "pseudo"):
        return []
    if word.norm in ("free", "less") and word.joined and at:  # calcium-free
        return [(DENIED, [at - 1])]
    if word.norm in _PREFIXES or _is_taken_back(sentence, at):
        return []
    if word.has("likewise"):
        denied = any(before.has("negation") for before in sentence[:at])  # "absent, as are septa"
        return [(DENIED, forward(sentence, at))] if denied else []
    if seemed := proved_wrong(sentence, at):
        return [(PAST, seemed)]
    if other := _not_of_it(sentence, at, word):
        return [(OTHERS, other)]
    if word.norm == "for" and any(before.norm == "too" for before in sentence[max(0, at - 4) : at]):
        return [(DENIED, forward(sentence, at))]  # "too dense for a cyst"
    if word.norm in _PARTLY:  # "not entirely cystic" is cystic
        return [(DENIED, [i for i in forward(sentence, at) if is_property(sentence[i])])]
    if word.norm == "than" and (beyond := _beyond_than(sentence, at)):
        return [(DENIED, beyond)]
    if (whole := _whole(sentence, at, word)) is not None:
        return whole
    if word.has("negation"):
        order = word.has("hedge", "open_before") and _is_order(sentence, at)  # "Request: exclude recurrence"
        return [(OPEN, forward(sentence, at))] if order else _denied(sentence, at, word)
    if word.term is not None and word.term.name == NON_ENHANCING and (how := manner(sentence, at)):
        return [(DENIED, how)]
    if word.term is not None and word.norm.split(" ")[0] in _NONE and not word.has("negation"):
        reached = forward(sentence, at)  # "without enhancement, wall or septa"
        if any(sentence[i].has("word", "or") for i in reached):
            return [(DENIED, reached), (NO_SUCH, reached)]
    found: list[tuple[str, Sequence[int]]] = []
    if word.norm in ("hardly", "barely", "scarcely") and _at_all(sentence[at:]):
        found.append((DENIED, forward(sentence, at)))  # "hardly calcified at all"
    if word.norm in ("hardly", "barely", "scarcely") and at + 1 < len(sentence) and _is_look(sentence[at + 1]):
        found.append((DENIED, [at + 1]))  # "hardly homogeneous"
    if word.has("hedge"):
        found += _doubted(sentence, at, word)
    if word.norm == "?":
        found.append((POSSIBLE, forward(sentence, at) if _opens(sentence, at) else backward(sentence, at)))
    return found


def _doubted(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]]:
    """What a word of doubt says of which words."""
    after = _ends_there(sentence, at)
    if word.has("hedge", "open_after") and not at and len(sentence) > 1 and _leads(sentence[1]):
        return [(OPEN, forward(sentence, 1))]  # "Not excluded: calcification"
    if word.has("hedge", "open_after") and (after or not word.has("hedge", "open_before")):
        return [(OPEN, supposed(sentence, at))]
    if word.norm == "should" and at and not any(each.norm in _TO_BE_SEEN for each in sentence[at + 1 : at + 4]):
        return []  # "it should have thin septa"
    if word.norm in ("differential", "ddx", "dd") and [each.norm for each in sentence[at + 1 : at + 2]] == [":"]:
        return [(OPEN, range(at + 1, len(sentence)))]  # "Differential: abscess, necrotic metastasis"
    if word.norm.split(" ")[-1] in ("if", "whether") or lists_diagnoses(sentence, at):
        return [(OPEN, clause(sentence, at))]
    if word.has("hedge", "open_before"):
        return [(OPEN, backward(sentence, at) if after else forward(sentence, at))]  # "capsule r/o"
    if word.has("hedge", "after") and (after or not word.has("hedge", "before")):
        return [(POSSIBLE, backward(sentence, at))]
    return [(POSSIBLE, forward(sentence, at))] if word.has("hedge", "before") else []


def _not_of_it(sentence: Sequence[Word], at: int, word: Word) -> Sequence[int]:
    """What is said of other lesions, or of none: "apart from | a cyst", "a cyst would be darker", "unlike | a cyst"."""
    if at == 0 and word.norm in _EXCEPTIONS and (apart := beside(sentence)):
        return apart
    if word.norm in ("would", "should") and (general := of_a_kind(sentence, at)):
        return general
    return _of_others(sentence, at) if word.has("elsewhere") else ()


def _whole(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]] | None:
    """What is denied by a clause ("not true that"), an order ("remove") or only of its own noun; None if not so."""
    if word.has("negation", "clause"):
        return [(DENIED, denied_clause(sentence, at))]
    around = word.has("negation", "order around")
    if around or word.has("negation", "order"):
        away = taken_out(sentence, at) if around else ordered_away(sentence, at)
        return [(DENIED, away)] if away and _is_order(sentence, at) else []  # "take the septa out"
    attribute = word.has("negation", "after") and word.has("modifier") and _is_attribute(sentence, at)
    return [] if attribute else None  # "simple cyst, | imperceptible wall"


def _is_order(sentence: Sequence[Word], at: int) -> bool:
    """Whether a verb has no subject: somebody is asked to do it."""
    return at == 0 or sentence[at - 1].norm in _BEFORE_ORDERS


def _is_attribute(sentence: Sequence[Word], at: int) -> bool:
    """Whether an adjective stands right before its noun, and so denies nothing before it."""
    return at + 1 < len(sentence) and bool(sentence[at + 1].thing)


def _denied(sentence: Sequence[Word], at: int, word: Word) -> list[tuple[str, Sequence[int]]]:
    """What a word of denial says of which words."""
    if (told := taken_back(sentence, at) or said_of_neither(sentence, at)) is not None:
        return [(DENIED, told)]
    if word.norm in ("not", "isn't", "aren't") and is_only_degree(sentence, at + 1):
        return [(DENIED, [at + 1])]
    ends = _ends_there(sentence, at)
    following = sentence[at + 1] if at + 1 < len(sentence) else None
    opens = not at or sentence[at - 1].norm in STOPS
    adjective = following is not None and following.term is not None and not following.noun and opens
    if word.norm == "none" and at and sentence[at - 1].norm == "but" and following is not None and _leads(following):
        return [(DENIED, [i for i in range(at) if sentence[i].noun])]  # "a rim would help, but none is seen"
    if word.norm == "none" and following is not None and (has_or_shows(following) or _leads(following) or adjective):
        reached = forward(sentence, at if following.term is not None else at + 1)
        return [(DENIED, reached), (NO_SUCH, reached)]  # "None contains fat."
    if word.norm == "none" and _describes(sentence, at + 1):
        return [(DENIED, forward(sentence, at + 2))]  # "none that are calcified"
    if word.norm == "none of" and any(each.norm == "following" for each in sentence[at + 1 : at + 3]):
        colon = next((i for i in range(at, len(sentence)) if sentence[i].norm == ":"), len(sentence))
        return [(DENIED, range(colon + 1, len(sentence))), (NO_SUCH, range(colon + 1, len(sentence)))]
    if word.norm.endswith("n't") and ends and sentence[at - 1].has("word", "pronoun"):
        return [(DENIED, backward(sentence, at - 1))]  # "hyperdense it isn't"
    if word.norm in ("not", "no") and _ends_in_having(sentence, at):
        return [(DENIED, [i for i in range(at) if sentence[i].noun])]  # "a capsule it does not have"
    both = word.has("negation", "before") and word.has("negation", "after")
    if both and at and sentence[at - 1].noun and following is not None and following.has("word", "prep"):
        return [(DENIED, backward(sentence, at))]  # "calcification absent in the lesion"
    if word.has("negation", "after") and not at and len(sentence) > 1 and _leads(sentence[1]):
        return [(DENIED, forward(sentence, 1))]  # "No longer seen are septa"
    quality = following is not None and (following.term is not None or following.has("modifier"))
    names = following is not None and (quality or bool(following.thing))
    answers = at > 0 and sentence[at - 1].norm in (":", "=")
    quality = quality and following is not None and not following.noun  # "the borders are nowhere defined"
    copula = _follows_copula(sentence, at) and not (names and (answers or quality))
    after = ends or not word.has("negation", "before") or copula
    asked = at > 0 and sentence[at - 1].norm == "?"  # "Homogeneous? Not in the least."
    if (after and word.has("negation", "after")) or (ends and (asked or word.has("negation", "denial_end"))):
        reached = backward(sentence, at)
        if word.norm == "not":  # "is new; the indistinct margins are not"
            reached = [i for i in reached if not is_property(sentence[i])]
        partly = bool(reached) and any(_is_some(sentence, i) for i in (reached[0], reached[0] - 1))
        return [] if partly else [(DENIED, reached)]
    if not word.has("negation", "before"):
        return []
    reached = forward(sentence, at)
    beyond = sentence[reached[-1] + 1 : reached[-1] + 3] if reached else ()
    if len(beyond) == 2 and _excepts(sentence, reached[-1] + 1):
        return []  # "no calcification except in the wall", "other than a tiny focus"
    said = set(word.norm.split())
    if said & _LOSSES:  # "loss of the fat plane and low density"
        first = next((i for i in reached if sentence[i].has("word", "and")), len(sentence))
        reached = [i for i in reached if i < first]
    return [(DENIED, reached), *([(NO_SUCH, reached)] if said & _NONE else [])]


def _beyond_than(sentence: Sequence[Word], at: int) -> list[int]:
    """What is denied behind "than": "less than | sharp", "more solid than | cystic"."""
    following = sentence[at + 1 : at + 2]
    if at and sentence[at - 1].norm == "less" and (_is_look(*following) or any(map(_is_clear, following))):
        return [at + 1]
    rather = any(before.norm == "rather" for before in sentence[max(0, at - 6) : at])
    return forward(sentence, at) if rather or _prefers(sentence, at) else []


def _is_some(sentence: Sequence[Word], at: int) -> bool:
    """Whether only some of several are spoken of: "some of the calcifications have resolved"."""
    some = at >= 0 and sentence[at].norm in ("some", "part", "most", "many", "half", "several", "one")
    return some and at + 1 < len(sentence) and sentence[at + 1].norm == "of"


def _is_taken_back(sentence: Sequence[Word], at: int) -> bool:
    """Whether a lack is denied, and so is none: "does not lack a wall", "lacks neither wall nor septa"."""
    norm = sentence[at].norm
    if norm == "not" and at and sentence[at - 1].norm == "but":  # "lacks calcification but not a capsule"
        named = sentence[at + 1 : at + 4]
        before = [word for word in sentence[:at] if word.has("negation") or word.has("word", "verb")]
        noun = any(word.noun for word in named) and not any(word.has("negation") for word in named)
        return bool(before) and before[-1].norm in _LACKS and noun
    if norm in ("neither", "nor"):
        first = next((i for i in range(at, -1, -1) if sentence[i].norm == "neither"), at)
        return bool(first) and sentence[first - 1].norm in _LACKS
    index = at - 1
    while index >= 0 and (sentence[index].has("word", "verb") or sentence[index].norm in _BETWEEN):
        index -= 1
    denies = index >= 0 and (sentence[index].norm.split(" ")[-1] in _PLAIN or sentence[index].norm.startswith("fail"))
    return norm in _LACKS and denies


def _prefers(sentence: Sequence[Word], at: int) -> bool:
    """Whether of two values of one attribute the first is said to be more so: "more blurred than sharp"."""
    before = sentence[at - 1] if at else None
    following = next((word for word in sentence[at + 1 : at + 3] if not word.has("word", "adverb")), None)
    if before is None or before.term is None or following is None or following.term is None or following.noun:
        return False
    more = before.has("compared") or any(word.norm == "more" for word in sentence[max(0, at - 3) : at])
    both = before.term.kinds.keys() & following.term.kinds.keys()
    return more and any(before.term.kinds[kind] != following.term.kinds[kind] for kind in both)


_EXCEPTIONS = ("other than", "apart from", "aside from", "save for", "with the exception of", "beyond", "besides",
    "except for", "in addition to")  # fmt: skip


def _excepts(sentence: Sequence[Word], at: int) -> bool:
    """Whether an exception follows that is of the kind that is denied: a place, or a small one."""
    if not (sentence[at].norm.startswith("except") or sentence[at].norm in _EXCEPTIONS):
        return False
    following = [word for word in sentence[at + 1 : at + 6] if not word.has("word", "det")]
    named = next((word for word in following if word.thing or word.norm in SPECKS), None)
    small = named is not None and named.norm.split(" ")[-1] in SPECKS and named.term is None
    return bool(following) and (following[0].has("word", "prep") or small)


def _describes(sentence: Sequence[Word], at: int) -> bool:
    """Whether a relative clause begins that says what something is: "that are calcified", but "that I can see"."""
    return at + 1 < len(sentence) and sentence[at].has("word", "that") and sentence[at + 1].has("word", "verb")


def _is_look(word: Word | None = None) -> bool:
    """Whether a quality either is there or is not, as a density is not: "barely hypodense" is hypodense."""
    return (
        word is not None
        and word.term is not None
        and bool(word.term.kinds)
        and word.term.kinds.keys() <= {"margin", "texture"}
    )


def _is_clear(word: Word) -> bool:
    return word.has("modifier", "well") or word.has("modifier", "even")


_HAVING = ("have", "has", "show", "contain", "exhibit", "possess", "trace", "sign", "hint", "evidence", "sign of it")


def _ends_in_having(sentence: Sequence[Word], at: int) -> bool:
    """Whether a denial ends a sentence whose object came first: "of a capsule there is | no trace"."""
    following = [word.norm for word in sentence[at + 1 :] if word.norm not in ("any", ".", "!")]
    return len(following) == 1 and following[0] in _HAVING and not sentence[at].has("likewise")


def _at_all(words: Sequence[Word]) -> bool:
    return any(first.norm == "at" and second.norm == "all" for first, second in pairwise(words))


def _leads(word: Word) -> bool:
    return word.norm in (":", "is", "are", "was", "were")


def _of_others(sentence: Sequence[Word], at: int) -> list[int]:
    """What is said of other lesions, up to where this one is spoken of: "unlike the others | this one is"."""
    reached = clause(sentence, at)
    if [word.norm for word in sentence[reached.stop : reached.stop + 2]] == [",", "which"]:
        reached = range(at + 1, clause(sentence, reached.stop).stop)  # "unlike the other, which is calcified"
    return [i for i in reached if not any(word.norm in ("this", "it") for word in sentence[at + 1 : i + 1])]


def _prefixes(sentence: Sequence[Word], marks: list[set[str]]) -> None:
    """The prefix "non-" denies one word, and takes a denial back that reaches it."""
    for at, word in enumerate(sentence[:-1]):
        if word.norm in _PREFIXES and not _is_taken_back(sentence, at):
            marks[at + 1] ^= {DENIED}


def _opens(sentence: Sequence[Word], at: int) -> bool:
    """Whether a question mark comes before what it doubts ("? met") rather than after ("septa?")."""
    return at + 1 < len(sentence) and (at == 0 or sentence[at - 1].end < sentence[at].start)


def _ends_there(sentence: Sequence[Word], at: int) -> bool:
    following = sentence[at + 1] if at + 1 < len(sentence) else None
    before = sentence[at - 1].norm if at else ""
    ends = following is None or following.norm in (*STOPS, ",") or following.has("word", "but")
    ends = ends or (following is not None and (following.norm == "here" or following.has("past")))
    ends = ends or (following is not None and following.norm in ("since", "because", "because of", "given"))
    over = before in ("has", "have") and sentence[at].has("negation", "after")  # "gas | has disappeared | and"
    ends = ends or (over and following is not None and following.has("word", "and"))
    ends = ends or (before in (":", "=") and following is not None and following.has("word", "and"))
    headed = at + 2 < len(sentence) and sentence[at + 2].norm == ":"  # "Calcification: no | Cyst: yes"
    ends = ends or (before == ":" and headed) or (sentence[at].norm == "0" and sentence[at + 1].norm == "%")
    return ends and at > 0


def _follows_copula(sentence: Sequence[Word], at: int) -> bool:
    """Whether "absent" and the like are said of what came before: "calcification is absent in this cyst"."""
    return at > 0 and sentence[at - 1].norm in ("is", "are", "was", "were", "been", ":", "=")
