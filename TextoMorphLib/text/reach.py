"""How far a word that denies or doubts reaches: forward through its list, backward to where its clause began."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.moments import MOMENTS

# What a lesion always has: "no calcification and smooth margins" denies calcium only.
_PROPERTIES = {"density", "degree", "margin", "texture"}
_ITEMS = ("margin", "wall", "density", "texture")
STOPS = ("(+)", "++", ".", ";", ":", "!", "?", "(", ")", "|", "\n", "+", "\u2013", "\u2014", "-", "/")


def has_or_shows(word: Word) -> bool:
    return word.has("word", "with") or word.norm.split(" ")[0] in ("contain", "show", "demonstrate")


def _stops(word: Word) -> bool:
    return (
        (word.norm in STOPS and word.norm != "/")
        or word.has("word", "verb")
        or word.has("word", "that")
        or word.has("word", "but")
        or word.has("negation", "before")
        or word.has("past", "now")
        or word.norm in MOMENTS
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


_OPINIONS = ("think", "believe", "feel", "suspect")
_NOWHERE = (
    "in no phase",
    "at no point",
    "in no place",
    "on no slice",
    "in no part",
    "at no time",
    "at no level",
    "in no plane",
)
_NONE_OF = (
    "no place where",
    "no point where",
    "no slice where",
    "hardly a place where",
    "none of",
    "not one of",
    "neither of",
    "no part of",
    "no portion of",
    "no component of",
    "no area of",
)
# Here these words do not end what is denied: "does not have", "nor does it show".
_GO_ON = {
    "do",
    "does",
    "doe",
    "did",
    "it",
    "they",
    "to",
    "has",
    "have",
    "having",
    "show",
    "showing",
    "contain",
    "containing",
    "be",
    "been",
    "appear",
    "seem",
    "look",
    "appearing",
    "present",
    "become",
    "became",
    "developed",
    "develop",
    "undergone",
    "undergo",
    "turned",
    "acquired",
}


_AUXILIARY = ("is", "was", "are", "were", "has", "have", "had", "been")


def forward(sentence: Sequence[Word], at: int, whole: bool = False) -> list[int]:
    """The words after a trigger up to the end of its list ("a, b or c", "a and b").

    Args:
        sentence: The sentence.
        at: The trigger.
        whole: Whether it reaches over what a lesion always has, too: "previously solid and hypervascular".
    """
    start = at + 1
    about = sentence[at].norm == "nothing" and start < len(sentence) and sentence[start].has("word", "prep")
    if sentence[at].norm in _NONE_OF or about:  # "none of the lesions is calcified"
        start = next((i + 1 for i in range(at, len(sentence)) if sentence[i].has("word", "verb")), start)
    if start < len(sentence) and sentence[start].norm == ":":
        start += 1  # "Negative: septa"
    if (
        sentence[at].norm in ("nor", "neither", *_NOWHERE)
        and start < len(sentence)
        and sentence[start].has("word", "verb")
    ):
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
            if not _lists_on(sentence, at, end):
                break  # items, not alternatives
            end += 2
            continue
        if end > start and (_is_new_item(sentence, end) or _is_said_beside(sentence, at, end)):
            break
        end += 1
    last_or = max((i for i in range(start, end) if sentence[i].has("word", "or")), default=start)
    for comma in range(last_or, end):
        again = comma + 1 < end and sentence[comma + 1].norm == sentence[at].norm.split(" ")[-1]
        if again and sentence[comma].norm == ",":
            continue  # "devoid of septa, | of calcification and of a wall"
        if sentence[comma].norm == "," and not (last_or == start and _lists(sentence, at, comma, end)):
            end = comma
            break
    reached = [*range(start, end), *_predicate(sentence, at, end)]
    return reached if whole else _until_property(sentence, reached)


def _lists_on(sentence: Sequence[Word], at: int, slash: int) -> bool:
    """Whether a bare finding follows a slash in a list of what is denied: "No septa | / calc | / solid"."""
    opens = not at or sentence[at - 1].norm in STOPS
    following, after = sentence[slash + 1 : slash + 2], sentence[slash + 2 : slash + 3]
    bare = not after or after[0].norm in STOPS
    return (
        bool(following)
        and opens
        and bare
        and (following[0].noun or bool(following[0].thing) or _is_solid(following[0]))
    )


def _is_solid(word: Word) -> bool:
    return word.term is not None and word.term.kinds.get("content") == "solid"


def _is_new_item(sentence: Sequence[Word], at: int) -> bool:
    """Whether the next item begins without a mark: "no calcification | margins well defined", "| central necrosis"."""
    before, word = sentence[at - 1], sentence[at]
    if before.noun and word.norm in ("just", "only", "merely", "simply"):
        return True  # "no wall | just a cyst"
    if before.noun and word.has("word", "det") and not word.has("word", "pronoun"):
        return True  # "no calcium | some necrosis"
    if before.noun and not word.noun and not word.thing and before.thing not in ("lesion", "partial", "organ"):
        if is_property(word):
            return True
        describes = word.term is not None or word.norm in ("central", "peripheral")
        return describes and at + 1 < len(sentence) and sentence[at + 1].noun
    if before.noun and word.noun and word.term is not None and " " in word.norm:
        return True
    if sentence[at].thing not in _ITEMS or not sentence[at - 1].thing or at + 1 >= len(sentence):
        return False
    after = sentence[at + 1]
    return not after.thing and (after.term is not None or after.has("modifier"))


def _is_said_beside(sentence: Sequence[Word], trigger: int, at: int) -> bool:
    """Whether a second adjective of a noun begins, which "not" does not reach: "not cystic | hypodense nodule"."""
    before, word = sentence[at - 1], sentence[at]
    if sentence[trigger].norm != "not" or before.term is None or word.term is None or before.noun or word.noun:
        return False
    if before.term.kinds.keys() <= {"degree"} or trigger != at - 2:
        return False  # "not very well defined lesion"
    named = any(each.thing == "lesion" for each in sentence[at + 1 : at + 3])
    return named and not before.term.kinds.keys() & word.term.kinds.keys()


def clause(sentence: Sequence[Word], at: int) -> range:
    """The words of a clause that begins after one: "uncertain whether | the lesion has a capsule"."""
    end = at + 1
    while end < len(sentence) and sentence[end].norm not in (*STOPS, ",") and not sentence[end].has("word", "but"):
        end += 1
    return range(at + 1, end)


def _predicate(sentence: Sequence[Word], at: int, end: int) -> range:
    """What is said of a lesion that there is not: "no lesion | shows rim enhancement"."""
    opens = not at or sentence[at - 1].norm in STOPS or sentence[at - 1].has("word", "and")
    if sentence[at].norm != "no" or not opens or end >= len(sentence) - 1:
        return range(0)
    listed = any(word.norm == "," for word in sentence[at:end]) or sentence[end].norm in ("w/", "without")
    if (
        listed
        or sentence[end - 1].thing not in ("lesion", "partial", "margin")
        or not (sentence[end].has("word", "verb") or has_or_shows(sentence[end]))
    ):
        return range(0)
    if sentence[end - 1].thing == "margin" and any(word.thing for word in sentence[at + 1 : end - 1]):
        return range(0)  # "no capsule | margins are ill-defined"
    if sentence[end - 1].thing == "partial" and sentence[end + 1].term is None:
        return range(0)  # "no cystic component is seen in this hypodense tumour"
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
    if following.thing in ("margin", "density", "texture") and following.term is None:
        return False  # "without enhancement, boundary clear"
    return following.noun or bool(following.thing) or names or following.has("word", "or")


def _until_property(sentence: Sequence[Word], reached: list[int]) -> list[int]:
    """Up to an "and" that leads from what a lesion may lack to what it has, or to something with its own article."""
    terms = [i for i in reached if sentence[i].term is not None]
    for before, index in pairwise(terms):
        between = sentence[before + 1 : index]
        joined = any(word.has("word", "and") for word in between)
        article = any(word.norm in ("a", "an", "the") for word in between) and not any(
            word.norm == "of" for word in between
        )
        if joined and (article or (is_property(sentence[index]) and not is_property(sentence[before]))):
            return [i for i in reached if i <= before]
    return reached


def is_property(word: Word) -> bool:
    return word.term is not None and bool(word.term.kinds.keys() & _PROPERTIES)


def backward(sentence: Sequence[Word], at: int) -> list[int]:
    """The words before a trigger that comes last: "a and b are absent"."""
    end = at - 1 if at and sentence[at - 1].norm == "," else at  # "septa, none"
    verb = end
    while verb and (sentence[verb - 1].has("word", "verb") or sentence[verb - 1].norm in _AUXILIARY):
        verb -= 1
    if verb and sentence[verb - 1].has("word", "but"):
        end = verb - 1  # "was suspected but is excluded", "is common in such tumours but absent here"
        said = next((i for i in range(end - 1, 0, -1) if sentence[i].has("word", "verb")), end)
        if not any(word.noun and word.term for word in sentence[said + 1 : end]):
            end = said
        while end and (sentence[end - 1].has("hedge") or sentence[end - 1].norm == ","):
            end -= 1
    together = False
    while end and (_is_aside(sentence[end - 1]) or sentence[end - 1].norm in (*_BEFORE_DENIAL, *_ALL)):
        together = together or sentence[end - 1].norm in _ALL
        end -= 1
    start = end
    while start and not any(each(sentence, start - 1) for each in (_begins_at, _is_other_clause, _is_other_item)):
        start -= 1
    if (head := _before_relative(sentence, start, end)) is not None:
        return head  # "the septa | that were seen in May | have gone"
    last = max((i + 1 for i in range(start, end) if sentence[i].norm == ","), default=start)
    listed = any(word.norm == "/" or word.has("word", "and") or word.has("word", "or") for word in sentence[last:end])
    both = all(word.has("word", "det") or word.has("word", "adverb") for word in sentence[last:end])
    if not listed and not both and not together:  # but "a and b, both absent"
        start = last
    return [i for i in range(start, end) if not _is_in_lesion(sentence, i, start)]


def _before_relative(sentence: Sequence[Word], start: int, end: int) -> list[int] | None:
    """The noun, with its adjectives, whose relative clause stands before a denial; None if there is none."""
    told = any(word.has("word", "verb") or word.has("past", "was") for word in sentence[start:end])
    last = start - 2 - (start > 2 and sentence[start - 2].norm == ",")
    if last < 0 or not told or not sentence[start - 1].has("word", "that") or not sentence[last].thing:
        return None
    first = last
    while first and not (_begins(sentence[first - 1]) or sentence[first - 1].norm == ","):
        first -= 1
    return list(range(first, last + 1))


def _is_in_lesion(sentence: Sequence[Word], at: int, start: int) -> bool:
    """Whether a lesion is only where something is that is denied: "the blood in the | cyst | has been resorbed"."""
    if sentence[at].thing != "lesion" or at <= start:
        return False
    while at > start and not sentence[at - 1].thing and not sentence[at - 1].has("word", "prep"):
        at -= 1
    within = sentence[at - 1].norm in ("in", "within", "inside")
    return within and any(word.noun or word.thing for word in sentence[start : at - 1])


_ALL = ("both", "all", "each")  # "septa, calcification: both absent"


def _is_aside(word: Word) -> bool:
    """Whether a word stands between what is denied and its denial: "is | also | no longer visible"."""
    return (
        word.has("word", "verb")
        or word.norm == "also"
        or (word.roles.keys() == {"word"} and word.has("word", "adverb"))
    )


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


_BEFORE_DENIAL = (
    ":", "=", "-", "?", "(", "has", "have", "had", "was", "were", "can", "could", "definitely", "clearly", "considered",
    "thought", "felt", "deemed", "judged", "regarded", "as", "to be", "very", "rather", "quite", "most",
)  # fmt: skip


def _begins(word: Word) -> bool:
    """Whether a word ends what came before a clause."""
    return (
        word.norm in STOPS
        or word.has("word", "but")
        or word.has("word", "that")
        or word.has("word", "verb")
        or (word.norm in ("with", "show", "showing", "has", "have", "contain", "which", "yes"))
    )
