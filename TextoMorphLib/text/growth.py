"""Whether a lesion grows into what lies around its organ: "invading the chest wall", "grows into the renal vein".

A word of growth, then, after articles and adjectives, a structure that is not the organ's own. What only touches,
surrounds or displaces a structure ("abuts", "encases", "compresses") leaves it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.negation import DENIED, NO_SUCH, OPEN, OTHERS, PAST, POSSIBLE
from TextoMorphLib.text.ownership import Ownership
from TextoMorphLib.text.phrases import LESION
from TextoMorphLib.text.vocabulary import GROWS

_ENTERS = r"(?:invad|infiltrat|penetrat|permeat|perforat|transgress|breach|erod|destroy|violat)(?:e|es|ing|ed|s)?"
_ENTERING = r"(?:invasion|infiltration|penetration|perforation|transgression|erosion|destruction|involvement|ingrowth)"
_MOVES = (
    r"(?:extend|grow|grew|grown|spread|break|broke|burst|push|pass|protrud|project|bulg|extension|growth|ingrowth|"
    r"outgrowth|protrusion|component)(?:e|s|ing|ed)?"
)
_CROSS = ("cross", "travers", "straddl", "transect", "bridg")
_CROSSES = rf"(?:{'|'.join(_CROSS)})(?:es|e|ing|ed)?"
_GROWS = re.compile(
    rf"(?:^| )(?:{_ENTERS}(?: (?:into|through|beyond))?|(?:{_ENTERING}|breach) (?:of|into|through|to)|"
    rf"{_MOVES}(?: \w+ly)? (?:into|through|beyond|outside|across)|involv(?:e|es|ing)|"
    rf"{_CROSSES}(?: (?:into|through|over|beyond))?)(?= |$)"
)
_CROSSED = re.compile(rf"(?:{'|'.join(_CROSS)})(?:ing|ed)$")
_PASSED = re.compile(r"(?:invad|infiltrat|penetrat|perforat|transgress|breach|erod|destroy|involv)(?:e|ed)$")
_PASSING = re.compile(rf"(?:{_ENTERING}|extension|breach|spread)$")
_ALONE = (
    "vascular invasion", "venous invasion", "macrovascular invasion", "tumor thrombus", "tumor in vein",
    "infiltration of the vessel",
)  # fmt: skip
_THROUGH = (
    "through", "beyond", "breach", "penetrat", "perforat", "transgress", "violat", "burst", "broke", "break", *_CROSS,
)  # fmt: skip
_AROUND = frozenset((
    "gallbladder", "vessels", "spleen", "adrenals", "stomach and bowel", "chest", "bones and muscles", "pelvis",
    "urinary tract", "fat around", "peritoneal cavity",
))  # fmt: skip
_BESIDE = (  # words of an organ's neighbourhood that reports use for places in it, too
    "gallbladder fossa", "gallbladder bed", "porta hepatis", "falciform ligament", "peripancreatic", "sinus", "hilum",
    "fascia", "skin", "retrohepatic",
)  # fmt: skip
_OUTER_DUCTS = ("bile", "biliary", "cbd", "common", "chd")
_NEAR = ("adjacent", "surrounding", "neighboring", "nearby", "contiguous", "adjoining")
_AUXILIARIES = 4  # words before a verb: "has not been seen to"
_FARTHEST = 6  # words from a word of growth to the structure
_ENDS = frozenset((",", ".", ";", ":", "(", ")", "\n", "|", "/", "-", "\u2013", "\u2014", "!", "?", "+"))


@dataclass(frozen=True)
class Growth:
    """A word of growth with its structure.

    Attributes:
        at: Which word of the sentence it is.
        structure: Which one the structure is; the same where one word says both.
        marks: What is said of it (`negation`).
        why: Why it has no effect: "denied", "said of the past"; empty if the lesion does grow there.
    """

    at: int
    structure: int
    marks: set[str]
    why: str


def growths(
    words: Sequence[Word], marks: Sequence[set[str]], owners: Ownership, organ: str | None, unsaid: Collection[str]
) -> list[Growth]:
    """What a sentence says of growth into an organ's surroundings.

    Args:
        words: The sentence.
        marks: What is said of each word (`negation.scopes`).
        owners: Whose each is.
        organ: Whose lesion the text is about; None for any.
        unsaid: The marks of doubt with which nothing is said.
    """
    found = []
    for at, structure in (*_entered(words, organ), *_passed(words, organ)):
        subject = owners.subjects[at]
        named = bool(_PASSED.match(words[at].norm)) and structure < at  # the structure is the subject itself
        if not named and subject.kind == "other" and subject.name != "thrombus" and subject.head < min(at, structure):
            continue  # "a gastric mass invades the diaphragm"
        said = marks[at] | marks[structure] | _before(words, at)
        why = "denied" if said & {DENIED, NO_SUCH} else "said of the past" if PAST in said else ""
        why = why or ("said of others" if OTHERS in said else "in doubt" if said & set(unsaid) else "")
        found.append(Growth(at, structure, said, why))
    return found


def _before(words: Sequence[Word], at: int) -> set[str]:
    """What the words right before a verb say of it: "does not invade", "may have infiltrated"."""
    said = {DENIED} if words[at].norm.split(" ")[0] in ("no", "without", "w/o") else set[str]()
    for word in reversed(words[max(0, at - _AUXILIARIES) : at]):
        if word.norm in _ENDS or word.thing or word.has("word", "but"):
            break
        said |= {DENIED} if word.has("negation") else set()
        said |= {PAST} if word.has("past", "before") else set()
        if word.has("hedge"):
            said |= {OPEN} if word.has("hedge", "open_before") else {POSSIBLE}
    return said


def _entered(words: Sequence[Word], organ: str | None) -> Iterator[tuple[int, int]]:
    """Words of growth, each with the structure after it."""
    norms, of = "", list[int]()
    for number, word in enumerate(words):
        of += [number] * (len(word.norm) + 1)
        norms += f"{word.norm} "
    for match in _GROWS.finditer(norms.rstrip()):
        at, end = of[match.start() + match.group().startswith(" ")], of[match.end() - 1]
        if (term := words[at].term) is not None and term.name == GROWS:
            continue
        crossed = _CROSSED.search(match.group())
        if crossed and any(_is_crossing(word) for word in words[end : end + 2]):
            continue  # "crossing vessels", "crossed by a vein"
        through = any(how in match.group() for how in _THROUGH)
        for index in range(end + 1, min(len(words), end + 1 + _FARTHEST)):
            if is_around(words[index], organ, through) or _is_neighbour(words, index):
                yield at, index
                break
            if _ends(words[index]):
                break


def _is_crossing(word: Word) -> bool:
    """Whether a word after "crossing" or "crossed" says that it is something else that crosses."""
    return "by" in word.norm.split(" ") or "vessels" in word.roles.get("other", ())


def _is_neighbour(words: Sequence[Word], at: int) -> bool:
    """Whether something is named by its place alone: "adjacent | structures"."""
    norms = [each for word in words[max(0, at - 1) : at + 1] for each in word.norm.split(" ")]
    return len(norms) > 1 and norms[-1] in ("structure", "organ", "viscera", "viscus") and norms[-2] in _NEAR


def _passed(words: Sequence[Word], organ: str | None) -> Iterator[tuple[int, int]]:
    """Words of growth, each with the structure before it: "the diaphragm is infiltrated", "renal vein invasion"."""
    for at, word in enumerate(words):
        if word.norm in _ALONE:
            yield at, at
        noun = bool(_PASSING.search(word.norm)) and " " not in word.norm
        if not noun and not _PASSED.match(word.norm):
            continue
        index = at - 1
        while index >= 0 and not noun and (words[index].has("word", "verb") or words[index].has("negation")):
            index -= 1
        ends = at + 1 == len(words) or words[at + 1].norm in _ENDS or words[at + 1].norm == "by"
        if index >= 0 and is_around(words[index], organ, False) and (noun or index < at - 1 or ends):
            yield at, index


def is_around(word: Word, organ: str | None, through: bool = False) -> bool:
    """Whether a word names something beside an organ.

    Args:
        word: The word.
        organ: The organ; None for any.
        through: Something grows through it, as through the organ's capsule.
    """
    named = word.roles.get("other", frozenset())
    if named & _AROUND or word.norm in _BESIDE or word.norm.split(" ")[-1] == "fat":
        return True
    if "ducts" in named:
        return any(part in word.norm.split(" ") for part in _OUTER_DUCTS)
    if through and ("capsule of the organ" in named or word.norm == "capsule"):
        return True
    organs = word.roles.get("organ", frozenset()) - {"any"}
    return bool(organs) and organ is not None and organ not in organs


def _ends(word: Word) -> bool:
    """Whether what follows is no longer what something grows into."""
    own = word.has("organ") or word.thing == LESION
    return own or word.norm in _ENDS or word.has("word", "verb") or word.has("word", "with") or word.has("word", "but")
