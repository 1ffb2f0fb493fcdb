"""Every word and phrase that counts, by the roles it can play in a sentence.

The descriptors come from `terms.json`, what reports put around them (denials, hedges, comparisons, other organs) from
`grammar.json`. A phrase is found as its longest wording: "no change" is one phrase, and no denial.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

from TextoMorphLib.paths import resources
from TextoMorphLib.text.moments import MOMENTS
from TextoMorphLib.text.organs import organs
from TextoMorphLib.text.spelling import nearest
from TextoMorphLib.text.tokens import Token, normal, norms_of
from TextoMorphLib.text.vocabulary import PARTS_OF_SPEECH, Term, terms, words

LONGEST_WORDING = 16  # words
# Within a wording these change nothing: "merges | imperceptibly | with the liver".
_PASSED_OVER = frozenset(
    word
    for words in (
        "imperceptibly gradually seamlessly slowly progressively insensibly",
        "adjacent surrounding normal adjoining neighboring healthy remaining uninvolved overlying underlying",
    )
    for word in words.split()
)
_ABOUT = ("centered", "based", "derived", "related", "predominant")  # "duct-centred" is said of a lesion
_DISEASES = ("itis", "opathy")  # what is called so is no lesion: gastritis
Roles = dict[str, frozenset[str]]

# The term that a plain thing of the lesion stands for.
BASE_TERMS = {"wall": "walled", "septum": "septated", "calcification": "calcification"}
_CLASS_OF_KIND = {
    "calcification": "calcification",
    "septa": "septum",
    "wall": "wall",
    "content": "content",
    "texture": "texture",
    "density": "density",
    "margin": "margin",
    "contour": "margin",
    "fat": "content",
    "gas": "content",
    "layering": "content",
}


@dataclass(frozen=True)
class Word:
    """A word or phrase of a sentence.

    Attributes:
        norm: What it is compared by.
        start: Its first character in the text.
        end: One after its last.
        roles: The roles it can play, and with which values: {"negation": {"before"}}.
        term: The descriptor that it is.
        noun: Whether it names a thing ("a thick wall") rather than a quality ("thick-walled").
        joined: A hyphen joins it to the word before.
        predicate: It only follows what it is said of ("darker than the liver").
    """

    norm: str
    start: int
    end: int
    roles: Roles = field(default_factory=dict)
    term: Term | None = None
    noun: bool = False
    joined: bool = False
    predicate: bool = False

    def has(self, role: str, value: str | None = None) -> bool:
        """Whether it can play a role, with this value."""
        return role in self.roles and (value is None or value in self.roles[role])

    @cached_property  # asked for hundreds of times
    def thing(self) -> str:
        """The kind of thing that it names: "wall", "lesion", "organ", "other"; empty for none."""
        for role in ("organ", "other"):
            if role in self.roles:
                return role
        return min(self.roles["thing"], key=_THINGS.index) if "thing" in self.roles else ""

    @property
    def known(self) -> bool:
        """Whether it plays any role."""
        return bool(self.roles) or self.term is not None or not self.norm[:1].isalpha()


@dataclass
class _Entry:
    roles: dict[str, set[str]] = field(default_factory=dict)
    term: Term | None = None
    noun: bool = False
    predicate: bool = False


@lru_cache(maxsize=1)
def grammar() -> dict[str, Any]:
    """The tables of `grammar.json`."""
    data: dict[str, Any] = json.loads((resources() / "Vocabulary" / "grammar.json").read_text(encoding="utf-8"))
    return data


class Meanings(dict[str, frozenset[str]]):
    """What each word that is a wording by itself can be; told apart by which it is, so that guesses can be kept."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__  # type: ignore[assignment]


def _meaning(entry: _Entry) -> frozenset[str]:
    said = {entry.term.name} if entry.term is not None else set()
    roles = ("modifier", "dimension", "compare", "thing", "organ", "other")
    return frozenset(said | {f"{role} {value}" for role in roles for value in entry.roles.get(role, ())})


class Lexicon:
    """The words of an organ's reports, or of all.

    Args:
        organ: liver, pancreas or kidney; None for all.
    """

    def __init__(self, organ: str | None) -> None:
        self.terms = {term.name: term for term in terms(organ)}
        self.words: set[str] = set()
        self._tree: dict[str, Any] = {}
        for term in self.terms.values():
            self._add_term(term, organ)
        data = grammar()
        for role in ("things", "modifiers", "compare", "dimension", "reference", "negation", "hedge", "past", "words"):
            for value, wordings in data[role].items():
                self._add_all(wordings, _ROLE.get(role, role), value)
        for role, name in (("organs", "organ"), ("other", "other"), ("unexpressed", "unexpressed")):
            for value, wordings in data[role].items():
                self._add_all(wordings, name, value)
        for value in ("well", "ill", "thin", "thick"):
            self._add_all([_more(word) for word in data["modifiers"][value] if " " not in word], "modifier", value)
        for name, known in organs.items():  # the user's own organs, too
            self._add_all((name, *known.words), "organ", name)
        self._add_all(data["time"], "time", "time")
        for moment in MOMENTS:
            self._entry([moment]).roles["past"] = {moment.removeprefix("@")}
        for role in ("elsewhere", "likewise", "report"):
            self._add_all(data[role], role, role)
        self._add_all(data["neutral"], "neutral", "neutral")
        # Worth guessing where a word is mistyped: what says something, and is long enough to be told apart.
        self.guesses = frozenset(word for word in self.words if len(word) >= 5)
        self.meanings = Meanings(
            {norm: _meaning(below[""]) for norm, below in self._tree.items() if "" in below and norm[:1].isalpha()}
        )

    def nearest(self, word: str) -> str:
        """The word that one is a typing error of; empty if of none."""
        return nearest(word, self.guesses, self.meanings)

    def _add_all(self, wordings: Sequence[str], role: str, value: str) -> None:
        for wording in wordings:
            norms = _norms_of(wording)
            self._entry(norms).roles.setdefault(role, set()).add(value)
            if role == "modifier" and len(norms) == 2:  # "pencil-thin"
                self._entry(["".join(norms)]).roles.setdefault(role, set()).add(value)

    def _add_term(self, term: Term, organ: str | None) -> None:
        nouns = _nouns() | {_norms_of(w)[-1] for part in ("nouns", "heads", "named") for w in term.wordings[part]}
        for part in PARTS_OF_SPEECH:
            for wording in term.wordings[part]:
                for norms in _norms(wording, organ):
                    if term.about == "lesion" and len(norms) > 1 and norms[0] in _others_words(organ):
                        continue  # a "hepatic cyst" is no lesion of the pancreas
                    entry = self._entry(norms)
                    # Where two terms share a wording, the first has it.
                    entry.term = entry.term or term
                    if entry.term is not term:
                        continue
                    entry.predicate = part == "phrases"
                    organ_word = term.about == "background" and norms[-1] in _organ_words()  # "fatty liver"
                    entry.noun = (
                        organ_word or part in ("nouns", "heads", "named") or (part == "also" and norms[-1] in nouns)
                    )
                    if entry.noun and "thing" not in entry.roles:
                        entry.roles["thing"] = {
                            self._thing(term, norms, part == "named" or wording in term.wordings["heads"])
                        }

    def _thing(self, term: Term, norms: Sequence[str], head: bool) -> str:
        if term.about == "background":
            return "background"
        if norms[-1] in _singles("partial") or (norms[0] in _singles("partial") and "density" in term.kinds):
            return "partial"
        if head or not term.kinds or (norms[-1] in _singles("lesion") and "calcification" not in term.kinds):
            return "lesion"
        if "content" in term.kinds and norms[-1] in {normal(wording.split()[-1]) for wording in term.wordings["heads"]}:
            return "lesion"
        for name in ("wall", "centre", "margin", "enhancement", "density", "texture"):
            if norms[-1] in _singles(name):
                return name
        return next((_CLASS_OF_KIND[kind] for kind in term.kinds if kind in _CLASS_OF_KIND), "lesion")

    def _entry(self, norms: Sequence[str]) -> _Entry:
        self.words.update(norms)
        node = self._tree
        for norm in norms:
            below = node.get(norm)
            if below is None:
                below = node[norm] = {}
            node = below
        entry: _Entry | None = node.get("")
        if entry is None:
            entry = node[""] = _Entry()
        return entry

    def read(self, found: Sequence[Token]) -> list[Word]:
        """Tokens as the longest wordings that they make up; what is in none is a word without roles."""
        read: list[Word] = []
        at = 0
        while at < len(found):
            length, entry = self._longest(found, at)
            if not entry.roles and entry.term is None and found[at].norm.endswith(_DISEASES):
                entry = _Entry({"other": {"another disease"}})
            if found[at].norm == "like" and found[at].joined:  # "popcorn-like" is an adjective
                entry = _Entry()
            first, last = found[at], found[at + length - 1]
            read.append(
                Word(
                    norm=" ".join(token.norm for token in found[at : at + length]),
                    start=first.start,
                    end=last.end,
                    roles={role: frozenset(values) for role, values in entry.roles.items()},
                    term=entry.term,
                    noun=entry.noun,
                    joined=first.joined,
                    predicate=entry.predicate,
                )
            )
            at += length
            about = first.joined and read[-1].norm in _ABOUT and len(read) > 1
            if about and read[-2].thing in ("other", "organ"):
                read[-2:] = [_about(read[-2], read[-1])]
        return read

    def _longest(self, found: Sequence[Token], at: int) -> tuple[int, _Entry]:
        return self._down(self._tree, found[at : at + LONGEST_WORDING], 0) or (1, _Entry())

    def _down(self, node: dict[str, Any], found: Sequence[Token], length: int) -> tuple[int, _Entry] | None:
        """The longest wording below a node of the tree."""
        best = (length, node[""]) if "" in node else None
        if length == len(found):
            return best
        norm = found[length].norm
        longer = self._down(node[norm], found, length + 1) if norm in node else None
        if longer is None and length and norm in _PASSED_OVER and any(node.keys() - {""}):
            longer = self._down({word: below for word, below in node.items() if word}, found, length + 1)
        return longer or best


def _about(place: Word, word: Word) -> Word:
    """Where something lies, as an adjective: "duct-centred"."""
    return Word(f"{place.norm} {word.norm}", place.start, word.end, {"neutral": frozenset({"neutral"})})


# What a word is that may name several things: the first of these.
_THINGS = (
    "wall", "septum", "calcification", "margin", "centre", "enhancement", "density", "texture", "scar", "nodule",
    "periphery", "interior", "stone", "lesion", "partial", "content", "size", "background",
)  # fmt: skip
_SLOTS = re.compile(r"\{(\w+)\}")
_SLOT = "q"  # around a slot's name, which then is a word that no text has
_ROLE = {"things": "thing", "modifiers": "modifier", "words": "word"}


@lru_cache(maxsize=8)
def lexicon(organ: str | None) -> Lexicon:
    """The lexicon of an organ, made once."""
    return Lexicon(organ)


def _more(adjective: str) -> str:
    """Its comparative: "sharper", "hazier", "finer"."""
    stem = adjective[:-1] + "i" if adjective.endswith("y") else adjective.removesuffix("e")
    return f"{stem}{stem[-1] if stem in ('thin', 'dim') else ''}er"


@lru_cache(maxsize=8)
def _others_words(organ: str | None) -> frozenset[str]:
    """Words that name another organ than one; none if it is not known which."""
    named = {name: words for name, words in grammar()["organs"].items() if name not in (organ, "any")}
    own = frozenset(normal(word) for word in grammar()["organs"].get(organ or "", ()))
    others = (word for words in named.values() if organ for word in words if not word.startswith("peri"))
    return frozenset(map(normal, others)) - own


@lru_cache(maxsize=1)
def _organ_words() -> frozenset[str]:
    return frozenset(normal(word) for words in grammar()["organs"].values() for word in words if " " not in word)


@lru_cache(maxsize=1)
def _nouns() -> frozenset[str]:
    return frozenset().union(*(_singles(thing) for thing in grammar()["things"]))


@lru_cache(maxsize=16)
def _singles(thing: str) -> frozenset[str]:
    return frozenset(normal(word) for word in grammar()["things"][thing] if " " not in word)


def _choices(slot: str, organ: str | None) -> tuple[str, ...]:
    """What may stand for a slot: for the organ also what texts are never written with ("the gland")."""
    if slot != "organ":
        return words(slot, organ)
    known = grammar()["organs"]
    return tuple(dict.fromkeys((*words(slot, organ), *known.get(organ or "", ()), *known["any"])))


def _norms(wording: str, organ: str | None) -> Iterator[Sequence[str]]:
    """A wording's norms with every word that may stand for its slots, hyphens also as nothing."""
    wording = re.sub(r"^(an?|the) ", "", wording)
    slots = list(dict.fromkeys(_SLOTS.findall(wording)))
    articles = ("", " the ") if "the {organ}" in wording else ("",)
    if not slots:
        yield from _spelt((wording,), slots)
        return
    for choice in product(*(_choices(slot, organ) for slot in slots)):
        for article in articles:
            yield from _spelt((_without(wording, article), *(_without(word, article) for word in choice)), slots)


def _spelt(parts: Sequence[str], slots: Sequence[str]) -> Iterator[Sequence[str]]:
    """Norms of a wording and of the words in its slots, as they are and without hyphens."""
    yield _filled(parts, slots)
    if any("-" in part for part in parts):
        yield _filled([part.replace("-", "") for part in parts], slots)


def _without(text: str, word: str) -> str:
    return text.replace(word, " ") if word else text


def _filled(parts: Sequence[str], slots: Sequence[str]) -> tuple[str, ...]:
    """Norms of a wording with words in its slots; what stands around them is read once for all words."""
    if not slots:
        return _norms_of(parts[0])
    words = {_SLOT + slot + _SLOT: word for slot, word in zip(slots, parts[1:], strict=True)}
    found: list[str] = []
    for norm in _around(parts[0]):
        if norm in words:
            found += _norms_of(words[norm])
        else:
            found.append(norm)
    return tuple(found)


@lru_cache(maxsize=20_000)
def _around(wording: str) -> tuple[str, ...]:
    """Norms of a wording with its slots' names."""
    return _norms_of(_SLOTS.sub(rf"{_SLOT}\1{_SLOT}", wording))


@lru_cache(maxsize=20_000)
def _norms_of(wording: str) -> tuple[str, ...]:
    """Of a wording whose slots are filled; an organ's lexicon shares most of them with that of all organs."""
    return norms_of(wording)
