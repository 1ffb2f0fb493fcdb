"""The descriptor terms of radiology reports, and what those that a text uses ask for together.

The terms are data (`Resources/Vocabulary/terms`); a new descriptor is a new entry or file there. Which of them a text
uses, `understanding` finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.paths import listed
from TextoMorphLib.text import entries
from TextoMorphLib.text.concepts import ATTRIBUTES, Description
from TextoMorphLib.text.entries import FLAG, LIST, NUMBER, TABLE, TEXT, TEXTS
from TextoMorphLib.text.organs import ORGANS, organs

PARTS_OF_SPEECH = ("adjectives", "nouns", "heads", "phrases", "adverbs", "also", "named")  # of speech

# Terms of the scan's own vessels: composited, not drawn by the model.
VESSELS_PASS, VESSELS_END = "vessels passing through", "vessels displaced"
GROWS = "invading the surroundings"
INVADES = (GROWS, "exophytic")  # of what lies beside the organ: composited, too


NON_ENHANCING = "non-enhancing"
PARTLY_SOLID = ("necrotic", "haemorrhagic")
_BLED_INTO = {"cystic", "haemorrhagic"}
_AT_ONCE = [_BLED_INTO, *({"solid", other} for other in PARTLY_SOLID)]  # contents of one lesion


# What an entry of a file of terms must have, and may have.
_NEEDED = {"name": TEXT, "held_out": TEXTS, "explanation": TEXT, "organs": TEXTS, "about": TEXT}
_NEEDED |= {"sets": TABLE, "measured": LIST}
_BESIDES = {**dict.fromkeys(PARTS_OF_SPEECH, TEXTS), "weak": FLAG}
_MEASURED = {"attribute": TEXT, "low": NUMBER, "high": NUMBER}


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
        wordings: Its wordings by the part they play in a sentence (`PARTS_OF_SPEECH`).
        held_out: Wordings kept out of the training texts.
        explanation: What it means, for someone who is no radiologist.
        organs: Organs whose reports use it.
        about: "lesion", or "background" for what speaks of the organ around it.
        kinds: What it sets of a lesion's description.
        measured: What must be measured for it to hold.
        weak: What it sets counts only where nothing else sets it: "washout" makes dark what is not called bright.
    """

    name: str
    wordings: dict[str, tuple[str, ...]]
    held_out: frozenset[str]
    explanation: str
    organs: tuple[str, ...]
    about: str
    kinds: Description
    measured: tuple[Check, ...]
    weak: bool = False

    @property
    def claims(self) -> Description:
        """What it sets, of the lesion and of the scan's vessels; terms that set one thing differently contradict."""
        vessels = self.name in (VESSELS_PASS, VESSELS_END)
        return {**self.kinds, "vessels": self.name} if vessels else self.kinds

    @property
    def synonyms(self) -> tuple[str, ...]:
        """Every wording that is recognised as this term."""
        return tuple(wording for part in PARTS_OF_SPEECH for wording in self.wordings[part])


@dataclass(frozen=True)
class Mention:
    """A term found in a text.

    Attributes:
        term: The term.
        negated: Whether it is denied.
        start: Its first character in the text.
        end: One after its last.
        certainty: "stated"; "possible" where the text is in doubt but says it ("probably", "suspected"); "not excluded"
            where it only does not deny it, if that is to count.
    """

    term: Term
    negated: bool
    start: int
    end: int
    certainty: str = "stated"

    @property
    def name(self) -> str:
        """The term's name, after "no" where it is denied."""
        return f"no {self.term.name}" if self.negated else self.term.name


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    """What the files of terms hold together; a file of the user's adds to those that come with TextoMorph."""
    files = [_checked(path) for path in listed("Vocabulary/terms")]
    words = {slot: choices for file in files for slot, choices in file.get("words", {}).items()}
    return {"terms": [term for file in files for term in file["terms"]], "words": words}


def _checked(path: Path) -> dict[str, Any]:
    """What a file of terms holds.

    Raises:
        InputError: What is wrong with it.
    """
    file = entries.read(path)
    entries.check(path, file, {"terms": LIST}, {"words": TABLE, "about": TEXT})
    for number, term in enumerate(file["terms"], start=1):
        entries.check(path, term, _NEEDED, _BESIDES, f"term {number}: ")
        entries.check(path, term["sets"], {}, dict.fromkeys(term["sets"], TEXT), f"sets of term {number}: ")
        for check in term["measured"]:
            entries.check(path, check, _MEASURED, {}, f"measured of term {number}: ")
    return file


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
        wordings={part: tuple(entry.get(part, ())) for part in PARTS_OF_SPEECH},
        held_out=frozenset(entry["held_out"]),
        explanation=entry["explanation"],
        organs=tuple(entry["organs"]),
        about=entry["about"],
        kinds=dict(entry["sets"]),
        measured=tuple(Check(**check) for check in entry["measured"]),
        weak=entry.get("weak", False),
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


# --- What a text asks for ---


def describe(mentions: Iterable[Mention]) -> Description:
    """What the mentions ask of the lesion; kinds of which nothing is said are left out.

    A later mention wins. A denied value gives way to its opposite or its kind's default, unless another value
    of that kind was asked for before ("hyperattenuating, not hypoattenuating"). Solid tissue is part of necrotic and
    bleeding lesions, and contradicts neither; a cyst with blood in it is one of dense fluid.
    """
    mentions = list(mentions)
    description: Description = {}
    contents = {each.term.kinds.get("content") for each in mentions if not (each.negated or each.term.weak)}
    for mention in mentions:
        sets = mention.term.kinds
        if mention.term.weak or (sets.get("content") == "solid" and description.get("content") in PARTLY_SOLID):
            continue
        before = {kind: description[kind] for kind in sets if kind in description}
        if not mention.negated:
            description.update(sets)
        elif before in ({}, sets):  # "a wall, but no thick wall" leaves the wall
            description.update({k: ATTRIBUTES[k].denied_value(v) for k, v in sets.items() if k in ATTRIBUTES})
    if contents - {None} == _BLED_INTO:
        description |= {"content": "cystic", "fluid": "dense"}
    for mention in mentions:
        if mention.term.weak and not mention.negated:
            if mention.term.name == NON_ENHANCING and description.get("content") == "cystic":
                continue  # no fluid takes up contrast
            for kind, value in mention.term.kinds.items():
                description.setdefault(kind, value)
    return description


def vessels_pass(mentions: Iterable[Mention]) -> bool:
    """Whether the scan's own vessels go on through the lesion; the last mention of them counts."""
    said = [
        mention.negated != (mention.term.name == VESSELS_PASS)
        for mention in mentions
        if mention.term.name in (VESSELS_PASS, VESSELS_END)
    ]
    return said[-1] if said else False


def invades(mentions: Iterable[Mention]) -> bool:
    """Whether the lesion grows beyond its organ; of each term the last mention counts."""
    said = {mention.term.name: not mention.negated for mention in mentions if mention.term.name in INVADES}
    return any(said.values())


def no_fluid(mentions: Iterable[Mention]) -> bool:
    """Whether a text says that the lesion is solid, or no cyst, and does not leave that open; the last of it counts."""
    said = [
        mention.negated != (mention.term.kinds["content"] == "solid")
        for mention in mentions
        if mention.term.kinds.get("content") in ("solid", "cystic")
    ]
    return said[-1] if said else False


def contradictions(mentions: Sequence[Mention]) -> list[tuple[Mention, Mention]]:
    """Pairs of mentions that cannot both hold: two values of a kind, or one both asserted and denied.

    Of what is said several times the last counts.
    """
    last = sorted({mention.name: mention for mention in mentions}.values(), key=lambda mention: mention.start)
    pairs = [(a, b) for index, a in enumerate(last) for b in last[index + 1 :]]
    return [(a, b) for a, b in pairs if _clash(a, b)]


def gives_way(mentions: Sequence[Mention]) -> dict[str, str]:
    """What is said and does not count, by name, each with the name of what counts in its place.

    Of a contradiction that is most often what was said first; beside fluid, an "isoattenuating" or a "hypervascular".
    """
    said, found = describe(mentions), dict[str, str]()
    for a, b in contradictions(mentions):
        lost, kept = (b, a) if _holds(a, said) and not _holds(b, said) else (a, b)
        found[lost.name] = kept.name
    asserted = [mention for mention in mentions if not mention.negated and _holds(mention, said)]
    for one in asserted if said.get("fluid") != "dense" else ():
        for kind, value in one.term.kinds.items():
            table = ATTRIBUTES[kind].overrules.get(value, {}) if kind in ATTRIBUTES else {}
            for other in asserted:
                if any(other.term.kinds.get(name) in values for name, values in table.items()):
                    found[other.name] = one.name
    return found


def _holds(mention: Mention, said: Description) -> bool:
    """Whether a description is as a mention has it."""
    return (mention.term.kinds.items() <= said.items()) != mention.negated


def _clash(a: Mention, b: Mention) -> bool:
    first, second = a.term.claims, b.term.claims
    shared = first.keys() & second.keys()
    if a.negated == b.negated:
        differ = [{first[kind], second[kind]} for kind in shared if first[kind] != second[kind]]
        return not a.negated and any(pair not in _AT_ONCE for pair in differ)
    denied, asserted = (first, second) if a.negated else (second, first)
    return bool(shared) and denied.items() <= asserted.items()  # a wall that is not thick is no contradiction
