"""Where in its organ a lesion lies, so that one at another place is another lesion.

"The mass in the tail is solid; the one in the head is cystic": what is drawn is the first that is described, and what
is said of a lesion elsewhere in the organ is not said of it. Two places are different where they are parts of one kind
that cannot both hold: two segments, two parts of a pancreas, two poles, two sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.negation import POSSIBLE
from TextoMorphLib.text.phrases import LESION

Site = frozenset[tuple[str, str]]  # kinds of place, each with which: ("segment", "4")
_NUMBER = r"(?:[1-8](?: [ab])?|(?:iv|v?i{1,3}|v)[ab]?)"
_JOINS = r" (?:/|,|and|-|\u2013|or|to)(?: in)?(?: the)?"
_PART = r"(?:head|neck|body|tail|uncinate(?: process)?)"
_POLE = r"(?:upper|lower|mid|middle|superior|inferior) ?(?:pole|polar)|interpolar"
_ORGAN = r"(?:pancrea\w+|hepatic|liver|renal|kidney) "
_PLACE = re.compile(
    rf"(?<![^ ])(?:(?:segment|seg|segm|s|sg) (?P<segment>{_NUMBER}(?:{_JOINS}(?: segment| s)? {_NUMBER}(?![^ ]))*)"
    rf"|(?:{_ORGAN})?(?P<part>{_PART}(?:{_JOINS} {_PART})*)"
    rf"|(?:(?P<pole_side>left|right) (?:{_ORGAN})?)?(?P<pole>{_POLE})"
    rf"|(?P<lobe>left|right|caudate|quadrate) (?:{_ORGAN})?(?:lobe|hemiliver|liver)"
    rf"|(?P<side>left|right) (?:sided )?(?:kidney|renal|side)"
    r"|(?P<on_side>left|right)(?= (?:[.,;]|is|are|has|have|show|measure|appear) ))(?![^ ])"
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
_LOBES = {"1": "caudate", "2": "left", "3": "left", "4": "left", "5": "right", "6": "right", "7": "right", "8": "right"}
_POLES = {"superior": "upper", "inferior": "lower", "middle": "mid", "interpolar": "mid"}
_STANDING_IN = (  # for a lesion's name
    "one", "ones", "that", "those", "other", "first", "second", "third", "former", "latter", "larger", "smaller",
)  # fmt: skip
_IN = (
    "in", "of", "at", "within", "involving", "occupying", "arising from", "centered in", "located in", "situated in",
    "seen in", "inside", "on",
)  # fmt: skip
_LIES = ("is", "are", "lie", "sit", "seen", "noted", "located", "situated", "found", "arise", "arising", "centered",
    "present", "identified", "visible")  # fmt: skip
_MEASURES = ("of", "measuring", "measure", "mm", "cm", "x", "by", "(", ")", "up", "to", "about", "approximately", ".")
_NEW = ("a", "an", "another", "further", "second", "additional", "also", "separate", "two", "several", "multiple")
_COMPARED = ("than", "to", "like", "unlike", "with", "from", "as", "beside", "near", "and")
_BREAKS = (",", ";", ":", "(", ")", "-", "\u2013", "\u2014", "\n", "|", ".")
_FARTHEST = 12  # words from a lesion to its place


@dataclass(frozen=True)
class Sited:
    """A lesion that is named with its place.

    Attributes:
        start: Where its clause or phrase begins.
        head: Its name.
        site: Where it is.
    """

    start: int
    head: int
    site: Site


class Places:
    """Tells, sentence by sentence, which words are about a lesion at another place than the one that is described."""

    def __init__(self) -> None:
        self.here: Site = frozenset()

    def elsewhere(self, words: Sequence[Word], marks: Sequence[set[str]], described: bool) -> range:
        """The words about a lesion at another place; empty if there is none.

        Args:
            words: A sentence.
            marks: What is said of each word (`negation.scopes`).
            described: Whether something was said of the lesion before.
        """
        if described and (place := _subject(words)) and self.here and are_apart(place, self.here):
            return range(len(words))  # "the tail is atrophic and calcified"
        start = -1
        for lesion in sited(words):
            if marks[lesion.head] - {POSSIBLE}:
                continue  # "apart from a cyst in segment 4", "no lesion in the tail"
            other = bool(self.here) and described and are_apart(lesion.site, self.here)
            if other and start < 0:
                start = lesion.start
            elif not other and start >= 0:
                return range(start, lesion.start)
            if not other:
                self.here = lesion.site if not (self.here and described) else self.here | lesion.site
                described = True
        return range(start, len(words)) if start >= 0 else range(0)

    def has_moved(self, words: Sequence[Word]) -> bool:
        """Whether a sentence is about a lesion at another place."""
        found = sited(words) if self.here else []
        return bool(found) and are_apart(found[0].site, self.here)


def of_other_organ(words: Sequence[Word], organ: str | None) -> bool:
    """Whether a sentence is about another organ and what it holds: "Liver: a cyst", "In the liver, metastases"."""
    opens = ("in", "both", "left", "right")
    at = next((i for i, word in enumerate(words) if not (word.has("word", "det") or word.norm in opens)), 0)
    if words and words[0].norm == "in" and at + 1 < len(words) and words[at].norm == "segment":
        at = next((i for i in range(at, min(at + 6, len(words))) if words[i].thing == "organ"), at)
    if organ is None or at + 2 >= len(words) or words[at].thing != "organ":
        return False
    named = words[at].roles["organ"]
    begins = words[at + 1].norm in (":", ",", "contain", "show", "harbor") or words[at + 1].has("word", "with")
    begins = begins or (words[0].norm == "in" and (words[at + 1].has("word", "det") or words[at + 1].norm == "there"))
    begins = begins or (not words[at + 1].known and words[at + 2].norm == ",")  # "Left renal contusion, ill-defined"
    known = any(words[i].thing == LESION and words[i - 1].norm in ("the", "this") for i in range(at + 1, len(words)))
    return begins and not known and organ not in named and "any" not in named


def goes_on_elsewhere(words: Sequence[Word], organ: str | None) -> int:
    """Where a sentence goes on with what another thing holds, without a verb: "has a mass | and the liver a cyst"."""
    for at in range(2, len(words) - 3):
        joined = words[at].has("word", "and") or words[at].norm == ","
        if not joined or words[at + 1].norm != "the":
            continue
        head = at + 2 + (words[at + 2].norm in ("left", "right"))
        if head + 1 >= len(words) or words[head + 1].norm not in ("a", "an", "two", "three", "several", "multiple"):
            continue
        named = words[head].roles.get("organ", frozenset())
        if words[head].thing == "other" or (named and organ is not None and not named & {organ, "any"}):
            return at
    return len(words)


def at_two_places(words: Sequence[Word]) -> bool:
    """Whether a sentence names lesions at two places."""
    found = sited(words)
    return any(are_apart(found[0].site, lesion.site) for lesion in found[1:])


def are_apart(first: Site, second: Site) -> bool:
    """Whether two places cannot be one."""
    first, second = _with_lobes(first), _with_lobes(second)
    for kind in {kind for kind, _ in first} & {kind for kind, _ in second}:
        if not {which for each, which in first if each == kind} & {which for each, which in second if each == kind}:
            return True
    return False


def _with_lobes(site: Site) -> Site:
    """A site with the lobes of its segments, for "the right lobe" holds segment 6."""
    segments = [which for kind, which in site if kind == "segment"]
    return site | {("lobe", _LOBES[which]) for which in segments} if segments else site


def sited(words: Sequence[Word]) -> list[Sited]:
    """The lesions of a sentence that are named with their places."""
    places = list(_places(words))
    if not places:
        return []
    found = []
    for head in range(len(words)):
        if not (words[head].thing == LESION or words[head].norm in _STANDING_IN):
            continue
        first = _phrase_start(words, head, places)
        site = _before(first, head, places) | _after(words, head, places)
        start = first
        if not site and (fronted := _fronted(words, first, head, places)) is not None:
            start, site = fronted
        if site and not _is_compared(words, start):
            found.append(Sited(start, head, site))
    return found


def _subject(words: Sequence[Word]) -> Site:
    """The part of the organ that a sentence is about, in which it names no lesion: "Body and tail | are atrophic"."""
    for start, end, site in _places(words):
        opens = all(word.has("word", "det") for word in words[:start])
        verb = end + 1 < len(words) and (words[end + 1].norm == ":" or words[end + 1].has("word", "verb"))
        return site if opens and verb else frozenset()
    return frozenset()


def _places(words: Sequence[Word]) -> Iterator[tuple[int, int, Site]]:
    """The first and last word of each place that is named, and which it is."""
    norms, of = "", list[int]()
    for number, word in enumerate(words):
        of += [number] * (len(word.norm) + 1)
        norms += f"{word.norm} "
    for match in _PLACE.finditer(norms):
        yield of[match.start()], of[match.end() - 1], _site(match)


def _site(match: re.Match[str]) -> Site:
    found = set[tuple[str, str]]()
    if numbers := match["segment"]:
        told = [_ROMAN.get(each, each) for each in re.findall(r"\b(\d|[iv]+)[ab]?\b", numbers)]
        if re.fullmatch(r"\S+ (?:-|\u2013|to) \S+", numbers):
            told = [str(each) for each in range(int(told[0]), int(told[1]) + 1)]
        found |= {("segment", each) for each in told}
    for part in re.findall(r"head|neck|body|tail|uncinate", match["part"] or ""):
        found.add(("part", "head" if part == "uncinate" else part))
    if pole := match["pole"]:
        pole = pole.split(" ")[0].removesuffix("pole").removesuffix("polar").strip()
        found.add(("pole", _POLES.get(pole, pole)))
    found |= {("lobe", match["lobe"])} if match["lobe"] else set()
    side = match["side"] or match["pole_side"] or match["on_side"]
    found |= {("side", side)} if side else set()
    return frozenset(found)


def _phrase_start(words: Sequence[Word], head: int, places: Sequence[tuple[int, int, Site]]) -> int:
    """Where the words before a name begin that belong to it: "the | segment 8 | lesion"."""
    inside = {at for first, last, _ in places for at in range(first, last + 1)}
    at = head
    while at:
        word = words[at - 1]
        if word.norm == "," and at > 1 and words[at - 2].term is not None and not words[at - 2].noun:
            at -= 1  # "a solid | , ill-defined mass"
            continue
        if at - 1 not in inside and (
            word.norm in _BREAKS
            or word.thing == LESION
            or any(word.has("word", role) for role in ("and", "but", "prep", "verb", "with", "that"))
            or word.norm in ("in", "of", "at", "there")
        ):
            break
        at -= 1
        if word.has("word", "det") and at not in inside:
            break
    return at


def _before(first: int, head: int, places: Sequence[tuple[int, int, Site]]) -> Site:
    return frozenset().union(*(site for start, end, site in places if first <= start and end < head))


def _after(words: Sequence[Word], head: int, places: Sequence[tuple[int, int, Site]]) -> Site:
    """The places that follow a name: "lesion | in segment 6", "mass, 3 cm, | of the tail"."""
    found: Site = frozenset()
    for start, end, site in places:
        if head < start <= head + _FARTHEST and _leads(words, head, start):
            found |= site
            head = end
    return found


def _leads(words: Sequence[Word], head: int, place: int) -> bool:
    """Whether nothing but measures and a preposition stand between a name and a place."""
    between = words[head + 1 : place]
    said = [word for word in between if not (word.has("word", "det") or word.norm in (*_MEASURES, ",", *_LIES))]
    said = [
        word
        for word in said
        if not (len(word.norm) == 1 or word.norm[:1].isdigit() or word.has("word", "adverb") or word.has("organ"))
    ]
    return any(word.norm in _IN for word in between) and all(word.norm in (*_IN, "and") for word in said)


def _fronted(
    words: Sequence[Word], first: int, head: int, places: Sequence[tuple[int, int, Site]]
) -> tuple[int, Site] | None:
    """The place that a clause begins with, where a lesion is brought up: "In the tail there is a | further one"."""
    new = any(word.norm in _NEW for word in words[first:head])
    new = new or any(word.norm == "there" for word in words[max(0, first - 3) : first])  # "there are cysts"
    for start, end, site in places:
        opens = start
        while opens and (words[opens - 1].has("word", "det") or words[opens - 1].norm in _IN):
            opens -= 1
        begins = opens == 0 or words[opens - 1].norm in _BREAKS or words[opens - 1].has("word", "and")
        between = words[end + 1 : first]
        titled = bool(between) and between[0].norm in (":", "-", "\u2013") and opens == start
        near = end < first and not any(word.thing == LESION for word in between)
        if begins and near and (titled or (new and opens < start and not any(w.norm in (";", ".") for w in between))):
            return opens, site
    return None


def _is_compared(words: Sequence[Word], start: int) -> bool:
    """Whether a lesion is only what another is held against, or lies beside: "unlike | the lesion in segment 2"."""
    before = words[start - 1] if start else None
    return before is not None and (before.has("reference", "than") or before.norm in ("than", "like", "unlike", "as"))
