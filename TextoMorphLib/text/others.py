"""Sentences about another lesion than the one that a text describes.

A report goes on to a second lesion by saying that there is one: "There is also a cyst in segment 2", "Left kidney: two
cysts". What is said of it must not be drawn into the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.neighbours import BESIDE
from TextoMorphLib.text.phrases import LESION

_SIDES = ("right", "left")
_ITEMS = ("s", "segment", "seg", "lesion", "observation", "obs", "nodule", "mass", "cyst", "finding", "target")
_CONTRARY = ("contralateral", "opposite", "other", "native")
_INDEFINITE = ("a", "an", "two", "three", "four", "five", "several", "multiple", "many", "numerous", "few", "some")
_FURTHER = ("also", "additionally", "another", "second", "further", "separate", "additional", "besides", "incidental")
# What is within a lesion is a part of it, and what is said of lesions in general is said of the one that is meant.
_WITHIN = ("within", "inside", "internal", "mural", "central", "it", "which", "whose")


_FLUID = ("abscess", "pseudocyst", "collection", "ipmn", "cystadenoma", "hydatid", "biloma", "lesion")


class Others:
    """Tells, sentence by sentence, whether it is about another lesion."""

    def __init__(self) -> None:
        self.side = self.item = ""
        self.aside = self.diagnosis = False
        self.names: dict[bool, set[str]] = {True: set(), False: set()}  # of other lesions, and of this one

    def name(self, lesion: Word, other: bool) -> None:
        """Takes down what a lesion is called: after "a mass" and "also a cyst", "the cyst" is the other one."""
        self.names[other].add(lesion.norm.split(" ")[-1])

    def begin_with(self, words: Sequence[Word]) -> None:
        """Start again with a sentence: what was told before is another lesion."""
        self.side = self.item = ""
        self.names = {True: set(), False: set()}
        self.about_other(words, False)

    def about_other(self, words: Sequence[Word], described: bool, text: str = "", seen: bool = False) -> bool:
        """Whether a sentence is about another lesion.

        Args:
            words: The sentence.
            described: Whether something was said of a lesion before.
            text: Of which they are words.
            seen: Whether a lesion was named before.
        """
        if _is_general(words, text):
            return True
        described = described and not self.diagnosis
        self.diagnosis = not described and _is_diagnosis(words)
        side, item = _heading_side(words), _item(words) or _number(words) or _one_of_two(words)
        if item:
            listed = (
                bool(self.item)
                or _is_new_segment(item, text[: words[0].start])
                or (item.isdecimal() and int(item) > 1)
                or item in _LATER
            )
            other = self.aside and self._is_called(_is_definite(words))  # "the largest cyst" of the others
            self.aside = other or (described and listed and item != self.item)
            self.item = (self.item if described else "") or item
            return self.aside
        other_side = side and self.side and side != self.side
        contrary = seen and side in _CONTRARY and not any(word.thing == LESION for word in words[:4])
        if (
            contrary
            or self._is_plain_cyst(words, bool(other_side) and seen, described)
            or (described and (other_side or _is_rest(words) or (seen and _is_at_place(words)) or _is_of_rest(words)))
        ):
            self.aside = True
        elif (side and side == self.side) or (known := _is_definite(words)):
            self.aside = bool(not side and described and self._is_called(known))
        elif (described and _brings_up(words)) or (seen and (_are_several_cysts(words) or _opens_elsewhere(words))):
            self.aside = True
        self.side = self.side or side or next((word.norm for word in words if word.norm in _SIDES), "")
        return self.aside

    def _is_plain_cyst(self, words: Sequence[Word], opposite: bool, described: bool) -> bool:
        """Whether a sentence brings up a cyst beside a mass: at the other side, or "left renal cyst of 2 cm"."""
        at = next((i for i, word in enumerate(words[:6]) if word.thing == LESION), None)
        if at is None or not _is_cyst(words[at]) or any(word.norm in ("the", "this") for word in words[:at]):
            return False
        masses = self.names[False] and not any("cyst" in name or name in _FLUID for name in self.names[False])
        sized = [word.norm for word in words[at + 1 : at + 4]]
        own = described and sized[:1] in (["of"], [","], ["measuring"]) and sized[2:] in (["mm"], ["cm"])
        return bool(masses) and (opposite or own)

    def clauses_of_others(self, words: Sequence[Word]) -> list[int]:
        """The clauses about a lesion of which only others are called so: "the mass is dark, | the cyst has septa"."""
        found, other = list[int](), False
        for at, word in enumerate(words):
            named = at + 1 < len(words) and word.norm == "the" and words[at + 1].thing == LESION
            if named and (at == 0 or _joined_by(words, at - 1)):
                other = at > 0 and self._is_called(words[at + 1].norm.split(" ")[-1])
            found += [at] if other else []
        return found

    def _is_called(self, known: str) -> bool:
        """Whether only other lesions were called so."""
        return known in self.names[True] - self.names[False]


def _is_diagnosis(words: Sequence[Word]) -> bool:
    """Whether a sentence only says what the lesion may be: "A cystic tumour is the favoured diagnosis"."""
    return any(word.norm == "diagnosis" or word.norm in ("suspected", "favored") for word in words[-4:])


_GENERALLY = ("may", "often", "usually", "can", "typically", "frequently", "commonly", "tend", "generally", "sometimes")


def _is_general(words: Sequence[Word], text: str) -> bool:
    """Whether a sentence is about lesions of a kind in general: "Haemangiomas may calcify", "Such lesions are"."""
    such = next((i for i, word in enumerate(words[:4]) if word.norm == "such"), len(words))
    if such + 1 < len(words) and words[such + 1].thing == LESION:
        return True
    if len(words) < 3 or words[0].thing != LESION or text[words[0].start : words[0].end][-1:].lower() != "s":
        return False
    return words[1].norm in _GENERALLY or (words[1].norm == "are" and words[2].norm in _GENERALLY)


def _heading_side(words: Sequence[Word]) -> str:
    """The side of a heading or subject that opens a sentence: "Left kidney: two cysts"."""
    if len(words) > 1 and words[0].norm in _SIDES and words[1].norm in (":", ","):
        return words[0].norm  # "Left: 3 cm"
    for index, word in enumerate(words[:4]):
        if word.norm in (*_SIDES, *_CONTRARY) and index + 1 < len(words) and words[index + 1].thing == "organ":
            return word.norm
    return ""


def _item(words: Sequence[Word]) -> str:
    """What a line about one of several lesions begins with: "Segment 6:", "Lesion 2:"."""
    for index, word in enumerate(words[:8]):
        opens = index == 0 or words[index - 1].norm in (":", "-", ")", ".")
        number = index + 1 + (index + 1 < len(words) and words[index + 1].norm == "#")  # "Lesion #1:"
        if index == 0 and _is_numbered(words, number):
            return f"{word.norm} {words[number].norm}"
        if opens and word.norm in _ITEMS and number + 1 < len(words) and words[number + 1].norm == ":":
            return f"{word.norm} {words[number].norm}"
    return ""


def _is_numbered(words: Sequence[Word], number: int) -> bool:
    """Whether a sentence begins with the number or letter of a lesion: "Lesion B, head", "Segment 8 cyst"."""
    if number + 1 >= len(words) or words[0].norm not in _ITEMS:
        return False
    after = words[number + 1]
    lettered = len(words[number].norm) == 1 and words[0].norm not in ("s", "seg")
    place = words[0].norm in ("s", "segment", "seg")
    return lettered and (after.thing == LESION if place else after.norm in (",", "(", "-", "is", "\u2013"))


def _is_new_segment(item: str, before: str) -> bool:
    """Whether other segments were told of before: "A lesion in segment 6. Segment 8 cyst"."""
    told = {number.lower() for number in re.findall(r"\bsegment (\w+)", before, re.IGNORECASE)}
    return item.startswith("segment ") and bool(told) and item.removeprefix("segment ") not in told


def _number(words: Sequence[Word]) -> str:
    """The number of a lesion in a list of several: "2. Calcified granuloma", but not "(2) no calcification"."""
    if len(words) < 3 or not words[0].norm.isdecimal() or words[1].norm not in (".", ")"):
        return ""
    return words[0].norm if any(word.thing == LESION for word in words[2:8]) else ""


_LATER = ("smaller", "smallest", "second", "latter", "third", "lesser", "other")
_RANKS = ("larger", "smaller", "largest", "smallest", "bigger", "first", "second", "former", "latter", "third",
    "lesser", "other")  # fmt: skip


def _one_of_two(words: Sequence[Word]) -> str:
    """Which of several lesions a sentence is about: "The smaller is a cyst", but "Smaller than before"."""
    start = 1 if words and words[0].norm == "the" else 0
    if len(words) < start + 3 or words[start].norm not in _RANKS:
        return ""
    after = words[start + 1]
    named = after.thing == LESION or after.norm in ("one", ":")
    return words[start].norm if named or after.norm in ("is", "in", "measure", "show", "has", "lie", "(") else ""


def the_rest(words: Sequence[Word]) -> range:
    """What a sentence goes on to say of the other lesions: "the biggest is blurred, | the rest are calcified"."""
    for at, word in enumerate(words[1:-1], start=1):
        if word.norm not in ("rest", "other", "remainder", "remaining"):
            continue
        verb = words[at + 1 + (words[at + 1].norm == "one")].norm if at + 2 < len(words) else ""
        if verb in ("are", "were", "have") and (words[at - 1].has("word", "det") or words[at - 1].norm in (",", "and")):
            return range(at, len(words))
    return range(0)


def _joined_by(words: Sequence[Word], at: int) -> bool:
    return words[at].norm == "," or words[at].has("word", "and") or words[at].has("word", "but")


def _is_definite(words: Sequence[Word]) -> str:
    """What a lesion is called that a sentence speaks of as one that is known: "The mass", "This lesion"."""
    for index, word in enumerate(words[:6]):
        if word.thing == LESION:
            known = any(before.norm in ("the", "this", "index", "largest", "dominant") for before in words[:index])
            return word.norm.split(" ")[-1] if known else ""
    return ""


def _is_rest(words: Sequence[Word]) -> bool:
    """Whether a sentence is about the other lesions: "the others are cysts"."""
    norms = [word.norm for word in words[:4] if not word.has("word", "det") and word.norm not in (*_COUNTS, "one")]
    return (
        len(norms) > 1 and norms[0] in ("other", "rest", "remaining", "remainder") and norms[1] in ("is", "are", "were")
    )


def _is_of_rest(words: Sequence[Word]) -> bool:
    """Whether a sentence is about lesions beside the one: "No lesion elsewhere is calcified", "Satellites are dark"."""
    norms = [word.norm for word in words[:4]]
    elsewhere = norms[:1] == ["no"] and norms[2:3] == ["elsewhere"] and words[1].thing == LESION
    satellites = "satellite" in norms[:2] and not any(word.thing == LESION for word in words[:4])
    return elsewhere or satellites


_PARTS = ("segment", "lobe", "pole", "head", "neck", "body", "tail", "uncinate process", "dome")
_COUNTS = ("two", "three", "four", "few", "several", "some")


def _is_cyst(word: Word) -> bool:
    return word.term is not None and word.term.kinds.get("content") == "cystic"


_EVERYWHERE = ("bilateral", "bilaterally")  # "cortical cysts bilaterally"


def _are_several_cysts(words: Sequence[Word]) -> bool:
    """Whether a sentence begins with cysts of which there are several: "Several simple cysts in the left lobe"."""
    at = next((i for i, word in enumerate(words) if word.thing == LESION), None)
    return at is not None and words[0].norm in _COUNTS and _is_cyst(words[at])


def _is_at_place(words: Sequence[Word]) -> bool:
    """Whether a sentence is about a lesion at another place: "In the tail a nodule"."""
    at = next((i for i, word in enumerate(words) if word.thing == LESION), 0)
    if not at or words[0].norm not in ("in", "at"):
        return False
    place = any(word.thing == "organ" or word.norm in _PARTS for word in words[1:at])
    return place and any(word.norm in ("a", "an", "another") for word in words[2:at])


def _opens_beside(words: Sequence[Word]) -> bool:
    """Whether a sentence begins with what lies beside the lesion: "Next to it"."""
    return len(words) > 2 and words[0].norm in BESIDE and words[1].norm in ("it", "this", "them")


_ELSEWHERE = ("elsewhere", "incidentally", "separately", "additionally", "coincidentally")
_NEIGHBORING = (
    "adjacent",
    "neighboring",
    "nearby",
    "coexisting",
    "concomitant",
    "coincidental",
    "incidental",
    "separate",
)


def _opens_elsewhere(words: Sequence[Word]) -> bool:
    """Whether a sentence begins with lesions at other places: "Elsewhere two cysts", "Adjacent pseudocyst, 5 cm"."""
    first = next((i for i, word in enumerate(words) if word.thing == LESION), None)
    if first is None or any(word.norm in ("the", "this") for word in words[:first]):
        return False
    return words[0].norm in _ELSEWHERE or (words[0].norm in _NEIGHBORING and first < _NEAR)


_NEAR = 4  # words from an adjective to its noun


def _brings_up(words: Sequence[Word]) -> bool:
    """Whether a sentence says that there is a lesion that was not spoken of before."""
    if any(word.norm in _WITHIN for word in words[2 if _opens_beside(words) else 0 :]):
        return False
    if any(word.norm in _EVERYWHERE for word in words):
        return any(word.thing == LESION for word in words)
    if words[-1].norm == "elsewhere" or (len(words) > 1 and words[-2].norm == "elsewhere"):
        return any(word.thing == LESION for word in words)
    at = next((i for i, word in enumerate(words) if word.thing == LESION), None)
    if at is None or (at + 1 < len(words) and words[at + 1].norm == "of"):
        return False
    before = [word.norm for word in words[:at]]
    if (_opens_beside(words) or before[:1] == ["nearby"]) and any(norm in _INDEFINITE for norm in before):
        return True  # "Next to it a calcified granuloma"
    if before[:1] and before[0] in _COUNTS and _is_cyst(words[at]):
        return True  # "a solid mass; two small cysts upstream"
    if words[at].norm.split(" ")[-1] in ("focus", "spot") and not any(norm in _FURTHER for norm in before):
        return False  # of calcium, of blood: in the lesion
    existential = (before[:1] == ["there"] and "remain" not in before) or any(norm in _FURTHER for norm in before)
    indefinite = any(norm in _INDEFINITE for norm in before)
    return existential and indefinite and not any(word.has("negation") for word in words[:at])
