"""The descriptor terms of radiology reports: finding them in free text, and what they ask for.

The terms are data (`Resources/Vocabulary/terms`); a new descriptor is a new entry or file there. Negation
follows the idea of NegEx (Chapman et al., 2001): a trigger such as "no" reaches over the terms after it up
to a word or mark that ends its scope. What the terms say is taken as said; the rest of a text is left to the
model's reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.paths import listed
from TextoMorphLib.text.concepts import ATTRIBUTES, Description
from TextoMorphLib.text.organs import ORGANS, organs

PARTS = ("adjectives", "nouns", "heads", "phrases", "adverbs", "also")  # of speech

# Terms of the scan's own vessels: composited, not drawn by the model.
VESSELS_PASS, VESSELS_END = "vessels passing through", "vessels displaced"


@dataclass(frozen=True)
class Check:
    """A range in which a measured attribute must lie for a term to hold (HU, mm or a fraction)."""

    attribute: str
    low: float
    high: float


@dataclass(frozen=True)
class Term:
    """A descriptor.

    Attributes:
        name: The usual word for it.
        wordings: Its wordings by the part they play in a sentence (`PARTS`).
        held_out: Wordings kept out of the training texts.
        explanation: What it means, for someone who is no radiologist.
        organs: Organs whose reports use it.
        about: "lesion", or "background" for what speaks of the organ around it.
        kinds: What it sets of a lesion's description.
        measured: What must be measured for it to hold.
    """

    name: str
    wordings: dict[str, tuple[str, ...]]
    held_out: frozenset[str]
    explanation: str
    organs: tuple[str, ...]
    about: str
    kinds: Description
    measured: tuple[Check, ...]

    @property
    def claims(self) -> Description:
        """What it sets, of the lesion and of the scan's vessels; terms that set one thing differently contradict."""
        vessels = self.name in (VESSELS_PASS, VESSELS_END)
        return {**self.kinds, "vessels": self.name} if vessels else self.kinds

    @property
    def synonyms(self) -> tuple[str, ...]:
        """Every wording that is recognised as this term."""
        return tuple(wording for part in PARTS for wording in self.wordings[part])


@dataclass(frozen=True)
class Mention:
    """A term found in a text, at characters `start` to `end`."""

    term: Term
    negated: bool
    start: int
    end: int

    @property
    def name(self) -> str:
        """The term's name, after "no" where it is denied."""
        return f"no {self.term.name}" if self.negated else self.term.name


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    """What the files of terms hold together; a file of the user's adds to those that come with TextoMorph."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in listed("Vocabulary/terms")]
    words = {slot: choices for file in files for slot, choices in file.get("words", {}).items()}
    return {"terms": [term for file in files for term in file["terms"]], "words": words}


@lru_cache(maxsize=8)
def terms(organ: str | None = None) -> tuple[Term, ...]:
    """The terms of an organ, or of all.

    Raises:
        InputError: Unknown organ.
    """
    if organ is not None and organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}': choose {', '.join(ORGANS[:-1])} or {ORGANS[-1]}")
    named = organ and organs[organ].terms_of
    return tuple(_term(entry) for entry in _data()["terms"] if named is None or named in entry["organs"])


def _term(entry: dict[str, Any]) -> Term:
    return Term(
        name=entry["name"],
        wordings={part: tuple(entry.get(part, ())) for part in PARTS},
        held_out=frozenset(entry["held_out"]),
        explanation=entry["explanation"],
        organs=tuple(entry["organs"]),
        about=entry["about"],
        kinds=dict(entry["sets"]),
        measured=tuple(Check(**check) for check in entry["measured"]),
    )


def groups(organ: str | None = None) -> dict[str, list[Term]]:
    """The terms of an organ, or of all, by the group in which a panel shows them."""
    found: dict[str, list[Term]] = {attribute.group: [] for attribute in ATTRIBUTES.values()}
    for term in terms(organ):
        if term.about == "background":
            group = "Organ around it"
        elif not term.claims:
            group = "Diagnosis"
        else:
            first = next(iter(term.claims))
            group = ATTRIBUTES[first].group if first in ATTRIBUTES else first.capitalize()
        found.setdefault(group, []).append(term)
    return found


def words(slot: str, organ: str | None = None) -> tuple[str, ...]:
    """The words that may stand for a slot of a wording, such as `{edge}` in "fuzzy {edge}"."""
    choices = _data()["words"][slot]
    if slot != "organ":
        return tuple(choices)
    own = [organs[name].words for name in ([organ] if organ else ORGANS)]
    return tuple(word for group in [*own, choices] for word in group)


# --- Finding terms ---


def find(text: str, organ: str | None = None) -> list[Mention]:
    """The terms in a text, in their order, each asserted or negated.

    Case, hyphens, plurals and line breaks do not matter; of wordings that overlap the first, longest counts.

    Args:
        text: Free text: a list of terms or a report's sentences.
        organ: Find only the terms of this organ.

    Raises:
        InputError: Unknown organ.
    """
    expression, owners = _matcher(organ)
    # Every alternative is a group of its own, so the last group that took part tells whose wording it was.
    found = [
        Mention(owners[(match.lastindex or 0) - 2], bool(match[1]), match.start(), match.end())
        for match in expression.finditer(text)
    ]
    denied = {m.start for start, end in _negated_scopes(text) for m in _denied(found, start, end, text)}
    mentions = [replace(m, negated=m.negated or m.start in denied) for m in found]
    return [m for m, following in zip_longest(mentions, mentions[1:]) if _stands(m, following, text)]


def is_denied(text: str, start: int) -> bool:
    """Whether what is said at a character of the text is denied there: "mass" in "no focal mass"."""
    return any(low <= start < high for low, high in _negated_scopes(text))


def _stands(mention: Mention, following: Mention | None, text: str) -> bool:
    """A degree ("mildly") counts only right before the density that it qualifies."""
    if "degree" not in mention.term.kinds:
        return True
    if following is None or "density" not in following.term.kinds:
        return False
    return not text[mention.end : following.start].strip(" \t\n-")


@lru_cache(maxsize=8)
def _matcher(organ: str | None) -> tuple[re.Pattern[str], tuple[Term, ...]]:
    pairs = [(wording, term) for term in terms(organ) for wording in term.synonyms]
    pairs.sort(key=lambda pair: -len(pair[0]))
    groups = "|".join(f"({_pattern(wording)})" for wording, _ in pairs)
    expression = re.compile(rf"(?<!\w)({_PREFIX.pattern})??(?:{groups})(?!\w)", re.IGNORECASE)
    return expression, tuple(term for _, term in pairs)


def _pattern(wording: str) -> str:
    """A regular expression for a wording: loose gaps, any number (singular, plural), no leading article."""
    pattern = re.escape(re.sub(r"^(an?|the) ", "", wording))
    for slot in _data()["words"]:
        choices = "|".join(re.escape(word) + "?" * word.endswith("s") for word in words(slot))
        pattern = pattern.replace(re.escape(f"{{{slot}}}"), f"(?:{choices})")
    pattern = pattern.replace(r"\ ", " ").replace(r"\-", r"[\s-]*").replace(" ", r"[\s-]+")
    return pattern + r"(?:e?s)?"


# --- Negation ---

_PREFIX = re.compile(r"non[\s-]?", re.IGNORECASE)

# Longer ones first: they take the place of the shorter ones that they hold.
_NO_NEGATION = r"not only|not just|no doubt|without doubt|no change|cannot exclude|(?:not|cannot) be excluded"
_SEEN = r"(?:seen|present|visible|identified|evident|detected|demonstrated|appreciated|found|noted|a feature)"
_NOT = r"(?:(?:is|are|was|were|has|have|can|could|does|do)\s*)?(?:not|n['\u2019]t)\s+(?:be\s+|been\s+)?(?:clearly\s+)?"
_AFTERWARDS = rf"{_NOT}{_SEEN}|(?:is|are|was|were|been)\s+(?:absent|lacking|missing|excluded)|absent(?!\s+\w)|ruled out"
_BEFOREHAND = (
    r"(?:no|not|without|w/o|neither|nor|absence of|absent|free of|free from|lack of|lacks|lacking|devoid of"
    r"|negative for|rather than|instead of|never|\w+n['\u2019]t|cannot|fail(?:s|ed|ing)? to)"
    # "Does not have", "nor does it show": here these words do not end what is denied.
    r"(?:\s+(?:do|does|did|it|they|to))*(?:\s+(?:have|having|shows?|showing|contains?|containing)(?!\w))?"
)
_TRIGGER = re.compile(
    rf"(?:(?<!\w)(?:(?P<no_negation>{_NO_NEGATION})|(?P<afterwards>{_AFTERWARDS})|(?P<beforehand>{_BEFOREHAND}))"
    rf"|(?P<none>[:=]\s*(?:none|no|absent|negative|not {_SEEN})))(?!\w)",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"\.(?!\d)|[;:!?()|]|(?<! of| or|nor|and| no|not|out)\n|(?<!and)/(?!or)|\s[-\u2013+]\s|"
    r"\b(?:but|however|although|though|except|yet|while|whereas|which|that|with|showing|shows?|is|are|has|have|contains?|there)\b",
    re.IGNORECASE,
)
_PROPERTIES = {"density", "degree", "margin", "texture"}
_LIST_END = re.compile(r"\b(?:or|nor|and)\b", re.IGNORECASE)
_LIST_OR = re.compile(r"\b(?:or|nor)\b", re.IGNORECASE)


def _negated_scopes(text: str) -> list[tuple[int, int]]:
    """The stretches of a text in which terms are denied."""
    triggers = list(_TRIGGER.finditer(text))
    scopes = []
    for index, trigger in enumerate(triggers):
        before = triggers[index - 1].end() if index else 0
        after = triggers[index + 1].start() if index + 1 < len(triggers) else len(text)
        if trigger["beforehand"]:
            scopes.append((trigger.end(), trigger.end() + _reach(text[trigger.end() : after])))
        elif trigger["afterwards"] or trigger["none"]:
            scopes.append((trigger.start() - _reach_back(text[before : trigger.start()]), trigger.start()))
    return scopes


def _denied(found: Sequence[Mention], start: int, end: int, text: str) -> Iterator[Mention]:
    """The mentions in a negated scope, up to an "and" that leads from what a lesion may lack to what it has.

    "No calcification and smooth margins" denies calcium only: a lesion always has margins.
    """
    inside = [m for m in found if start <= m.start < end]
    yield from inside[:1]
    for before, mention in pairwise(inside):
        joined = "and" in text[before.end : mention.start].split()
        if joined and _is_property(mention) and not _is_property(before):
            return
        yield mention


def _is_property(mention: Mention) -> bool:
    return bool(mention.term.kinds.keys() & _PROPERTIES)


def _reach(rest: str) -> int:
    """How far a negation reaches into what follows: to the end of its list ("a, b or c", "a and b")."""
    stop = _STOP.search(rest)
    clause = rest[: stop.start()] if stop else rest
    last = max((match.end() for match in _LIST_OR.finditer(clause)), default=0)
    comma = clause.find(",", last)
    return comma if comma >= 0 else len(clause)


def _reach_back(before: str) -> int:
    """How far a negation that comes last ("a and b are absent") reaches back."""
    clause = before[max((match.end() for match in _STOP.finditer(before)), default=0) :]
    ends = [match.start() for match in _LIST_END.finditer(clause)]
    return len(clause) if ends else len(clause) - clause.rfind(",") - 1


# --- What a text asks for ---


def describe(mentions: Iterable[Mention]) -> Description:
    """What the mentions ask of the lesion; kinds of which nothing is said are left out.

    A later mention wins. A denied value gives way to its opposite or its kind's default, unless another value
    of that kind was asked for before ("hyperattenuating, not hypoattenuating").
    """
    description: Description = {}
    for mention in mentions:
        sets = mention.term.kinds
        before = {kind: description[kind] for kind in sets if kind in description}
        if not mention.negated:
            description.update(sets)
        elif before in ({}, sets):  # "a wall, but no thick wall" leaves the wall
            description.update({kind: ATTRIBUTES[kind].denied_value(value) for kind, value in sets.items()})
    return description


def agreed(mentions: Sequence[Mention]) -> Description:
    """What the mentions ask of the lesion, as `describe` has it, without kinds of which they say different things.

    "Hypodense in the venous and hyperdense in the arterial phase" holds two densities: here a grammar would be needed.
    """
    doubtful = {kind for a, b in contradictions(mentions) for kind in a.term.kinds.keys() & b.term.kinds.keys()}
    return {kind: value for kind, value in describe(mentions).items() if kind not in doubtful}


def vessels_pass(mentions: Iterable[Mention]) -> bool:
    """Whether the scan's own vessels go on through the lesion; the last mention of them counts."""
    said = [
        mention.negated != (mention.term.name == VESSELS_PASS)
        for mention in mentions
        if mention.term.name in (VESSELS_PASS, VESSELS_END)
    ]
    return said[-1] if said else False


def in_terms(text: str, mentions: Sequence[Mention]) -> str:
    """A text with each term by its usual name, and without what it says of the scan's vessels.

    For a reader of lesions, which knows names better than wordings: "non-homogeneous, with clumps of calcium" becomes
    "non-homogeneous, with coarse calcification".
    """
    for mention in reversed(mentions):
        said = text[mention.start : mention.end]
        name = "" if mention.term.name in (VESSELS_PASS, VESSELS_END) else mention.term.name
        prefix = _PREFIX.match(said) if mention.negated and name else None
        text = text[: mention.start] + (prefix[0] if prefix else "") + name + text[mention.end :]
    return text if re.search(r"\w", text) else "lesion"


def contradictions(mentions: Sequence[Mention]) -> list[tuple[Mention, Mention]]:
    """Pairs of mentions that cannot both hold: two values of a kind, or one both asserted and denied."""
    pairs = [(a, b) for index, a in enumerate(mentions) for b in mentions[index + 1 :]]
    return [(a, b) for a, b in pairs if _clash(a, b)]


def _clash(a: Mention, b: Mention) -> bool:
    first, second = a.term.claims, b.term.claims
    shared = first.keys() & second.keys()
    if a.negated == b.negated:
        return not a.negated and any(first[kind] != second[kind] for kind in shared)
    denied, asserted = (first, second) if a.negated else (second, first)
    return bool(shared) and denied.items() <= asserted.items()  # a wall that is not thick is no contradiction
