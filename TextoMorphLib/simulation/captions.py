"""Texts for lesions whose attributes are known, in many wordings: what the denoiser learns its words from.

A text is put together from wordings of the vocabulary (`Resources/Vocabulary/terms.json`), from a list of
terms to a report's sentences, in any order. It is true to the description: reading it back with
`understanding.find` and `vocabulary.describe` gives the description again. What is at its kind's default is
mostly left out; sizes, places, diagnoses and findings around the lesion may be mentioned and set nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from TextoMorphLib.paths import resources
from TextoMorphLib.text import vocabulary
from TextoMorphLib.text.concepts import ATTRIBUTES, QUALIFIES, Description
from TextoMorphLib.text.organs import ORGANS, organs
from TextoMorphLib.text.vocabulary import Term

TYPING_ERRORS = 0.05  # share of texts with one
OPPOSITE_DENIED = 0.06  # how often "well-defined" becomes "not ill-defined"
SOLID_SAID = 0.08  # how often the default content is named
DIAGNOSIS_SAID = 0.06  # how often a lesion is called a metastasis or a granuloma, which sets nothing
BACKGROUND_SAID = 0.06  # how often cirrhosis and the like are mentioned
# "Not partly calcified" and "no central necrosis" do not deny calcium and necrosis.
QUALIFIED = re.compile(r"part|thick|coarse|punctate|scattered|speck|dotted|cent|core|middle|clear-cut|bright")
ASIDES = (0.45, 0.3, 0.15, 0.1)  # shares of the reports with none, one, two and three of them
ASIDE_FIRST = 0.4  # how often one comes before the lesion
ASIDE_LISTED = 0.15  # how often one is an item of a list
LATER_SAID = 0.25  # how often an attribute gets into a later sentence
UNSAID = ("default", "none", "plain")
ADVERBS_FOR = {"adjectives": "adverbs", "nouns": "adjectives", "heads": "adjectives", "phrases": "phrases"}


@dataclass(frozen=True)
class Style:
    """Ways to put things (`Resources/Vocabulary/sentences.json`), one set for training and one held out.

    Attributes:
        heads: Words for the lesion.
        sentences: Texts around it.
        follow_adjective: Further sentences with adjectives.
        follow_noun: Further sentences with nouns.
        joins: Words between the lesion and its nouns ("with").
        no_noun: Denials of a noun within a sentence or a list.
        no_adjective: Denials of an adjective.
        no_sentence: Denials in a sentence of their own.
        separators: Between the items of a list.
        asides: What reports say besides, and that says nothing of the lesion.
    """

    heads: list[str]
    sentences: list[str]
    follow_adjective: list[str]
    follow_noun: list[str]
    joins: list[str]
    no_noun: list[str]
    no_adjective: list[str]
    no_sentence: list[str]
    separators: list[str]
    asides: list[str]


@lru_cache(maxsize=2)
def style(held_out: bool) -> Style:
    """The sentences of the training texts, or those held out."""
    data = json.loads((resources() / "Vocabulary" / "sentences.json").read_text(encoding="utf-8"))
    return Style(**data["held_out" if held_out else "trained"])


@dataclass
class _Said:
    """The wordings chosen for a text, by the part each plays."""

    adjectives: list[str] = field(default_factory=list)
    nouns: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    head: str | None = None
    denied_adjectives: list[str] = field(default_factory=list)
    denied_nouns: list[str] = field(default_factory=list)


def write(description: Description, rng: np.random.Generator, held_out: bool = False) -> str:
    """A text that is true to a description.

    Args:
        description: Values of kinds; a kind left out is at its default. A degree is said together with its
            density, so it needs a density that is not at its default; likewise what else qualifies another kind.
        rng: Source of randomness; the same state gives the same text.
        held_out: Use wordings and sentences that are never used otherwise, to measure how well a model
            generalises.

    Returns:
        One to a few lines, 5% of them with a typing error.
    """
    text = compose(description, rng, held_out)
    return _mistyped(text, rng) if rng.random() < TYPING_ERRORS else text


def compose(
    description: Description,
    rng: np.random.Generator,
    held_out: bool = False,
    organ: str | None = None,
    only: bool = False,
) -> str:
    """Like `write`, without typing errors.

    Args:
        description: As `write` takes it.
        rng: Likewise.
        held_out: Likewise.
        organ: Whose lesion it is; drawn if None.
        only: Say the description and nothing else: no size, place, diagnosis, finding or denial that is made up.
    """
    writer = _Writer(rng, held_out, organ, only)
    said = writer.choose(description)
    text = writer.as_list(said) if rng.random() < 0.35 else writer.as_report(said)
    return writer.in_some_case(text)


class _Writer:
    """Writes one text: one organ, one split of the wordings."""

    def __init__(self, rng: np.random.Generator, held_out: bool, organ: str | None = None, only: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out
        self.only = only
        self.style = style(held_out)
        self.organ = organ or self.pick(ORGANS)

    def pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, odds: float) -> bool:
        return bool(self.rng.random() < odds)

    def shuffled(self, items: Sequence[str]) -> list[str]:
        return [items[i] for i in self.rng.permutation(len(items))]

    # --- Choosing the words ---

    def choose(self, description: Description) -> _Said:
        said = _Said()
        stated = {kind: value for kind, value in description.items() if value not in UNSAID}
        more = {other: {kind: stated.pop(kind)} for kind, other in QUALIFIES.items() if kind in stated}
        degree = stated.pop("degree", None)
        if stated.get("content") == "solid" and not self.only and not self.chance(SOLID_SAID):
            del stated["content"]
        for kind in self.shuffled(list(stated)):
            sets = {kind: stated[kind], **more.get(kind, {})}
            self.state(said, sets, degree if kind == "density" else None)
        if not self.only:
            self.deny_defaults(said, description)
        return said

    def state(self, said: _Said, sets: Description, degree: str | None) -> None:
        kind, value = next(iter(sets.items()))
        if _has_opposites(kind) and self.chance(OPPOSITE_DENIED):
            self.deny(said, kind, ATTRIBUTES[kind].opposites[value])
            return
        parts = ["adjectives", "adjectives", "nouns", "nouns", "phrases"] + ["heads"] * (said.head is None)
        part, wording = self.wording(sets, parts)
        if degree is not None:
            _, adverb = self.wording({"degree": degree}, [ADVERBS_FOR[part]])
            wording = f"{adverb} {wording}"
        if part == "heads":
            said.head = wording
        else:
            getattr(said, part).append(wording)

    def deny_defaults(self, said: _Said, description: Description) -> None:
        for kind, attribute in ATTRIBUTES.items():
            denied = attribute.denied and description.get(kind, attribute.default) == attribute.default
            if denied and self.chance(attribute.denied_odds):
                self.deny(said, kind, self.pick(attribute.denied))

    def deny(self, said: _Said, kind: str, value: str) -> None:
        parts = ["adjectives"] if _has_opposites(kind) else ["adjectives", "nouns"]
        while True:
            part, wording = self.wording({kind: value}, parts)
            if not QUALIFIED.search(wording):
                break
        (said.denied_adjectives if part == "adjectives" else said.denied_nouns).append(_bare(wording))

    def wording(self, sets: Description, parts: Sequence[str]) -> tuple[str, str]:
        """A wording of this split for what sets all this and no more, with its part of speech."""
        matching = [term for term in vocabulary.terms(self.organ) if term.kinds == sets]
        choices: list[str] = []
        while not choices:
            part = self.pick(parts)
            choices = [w for term in matching for w in self.of_split(term, part)]
        return part, self.filled(self.pick(choices))

    def of_split(self, term: Term, part: str) -> list[str]:
        return [wording for wording in term.wordings[part] if (wording in term.held_out) == self.held_out]

    def filled(self, wording: str) -> str:
        for slot in ("organ", "edge", "centre"):
            if f"{{{slot}}}" in wording:
                wording = wording.replace(f"{{{slot}}}", self.pick(vocabulary.words(slot, self.organ)))
        return wording.replace("-", " ") if self.chance(0.15) else wording

    # --- Styles ---

    def as_list(self, said: _Said) -> str:
        """Items in any order: "hypoattenuating, ill-defined, no calcification"."""
        items = [*said.adjectives, *(_bare(noun) for noun in said.nouns), *said.phrases]
        if said.head is not None or not items or self.chance(0.3):
            items.append(_bare(said.head or self.lesion()))
        if not self.only and self.chance(ASIDE_LISTED):
            items.append(self.aside().rstrip("."))
        # Denials last: in "no septa, calcification" both would be denied.
        return self.pick(self.style.separators).join(self.shuffled(items) + self.shuffled(self.denials(said)))

    def as_report(self, said: _Said) -> str:
        """A sentence or a phrase around the lesion, and perhaps more sentences with the rest."""
        rest = self.sentences(self.style.follow_adjective, self.taken(said.adjectives))
        rest += self.sentences(self.style.follow_noun, self.taken(said.nouns))
        sentence = self.pick([form for form in self.style.sentences if not (self.only and "{place}" in form)])
        phrase = self.noun_phrase(said)
        if self.chance(0.5):
            rest += [self.denial_sentence(noun) for noun in said.denied_nouns]
            rest += self.sentences(self.style.follow_adjective, [f"not {a}" for a in said.denied_adjectives])
        elif denials := self.denials(said):
            last = sentence.endswith(("{np}", "{np}.", "{bare}"))
            phrase += f", {', '.join(denials)}" + ("" if last else ",")
        place = self.pick(organs[self.organ].places)
        sentence = sentence.format(np=phrase, bare=_bare(phrase), organ=self.organ, place=place)
        asides = [self.aside() for _ in range(0 if self.only else self.rng.choice(len(ASIDES), p=ASIDES))]
        first = [aside for aside in asides if self.chance(ASIDE_FIRST)]
        rest += [aside for aside in asides if aside not in first]
        if (first or rest) and sentence[-1] != ".":
            sentence += "."
        if sentence[-1] == ".":
            sentence = sentence[0].upper() + sentence[1:]
        return " ".join([*first, sentence, *self.shuffled(rest)])

    def sentences(self, forms: Sequence[str], items: Sequence[str]) -> list[str]:
        """A sentence that says all items, or none if there are none."""
        return [self.pick(forms).replace("{items}", _joined(items))] if items else []

    def noun_phrase(self, said: _Said) -> str:
        head = said.head or self.lesion()
        size = self.size() if not self.only and self.chance(0.3) else ""
        adjectives = self.shuffled(said.adjectives)
        comma = ", " if self.chance(0.6) else " "
        front = " ".join(part for part in (size, comma.join(adjectives), _bare(head)) if part)
        phrase = f"{_article(front)} {front}"
        if said.nouns:
            phrase += f" {self.pick(self.style.joins)} {_joined(self.shuffled(said.nouns))}"
        if said.phrases:
            phrase += (", " if said.nouns else " that is ") + _joined(self.shuffled(said.phrases))
        return phrase

    def lesion(self) -> str:
        """A word for the lesion, now and then a diagnosis."""
        if self.only or not self.chance(DIAGNOSIS_SAID):
            return self.pick(self.style.heads)
        named = [t for t in vocabulary.terms(self.organ) if t.about == "lesion" and not t.kinds]
        return self.pick([head for term in named for head in self.of_split(term, "heads")])

    def aside(self) -> str:
        """A sentence that says nothing of the lesion."""
        if not self.chance(BACKGROUND_SAID):
            aside = re.sub(r"\{n\}", lambda _: str(self.rng.integers(1, 90)), self.pick(self.style.asides))
            return aside.format(organ=self.organ, place=self.pick(organs[self.organ].places))
        around = [t for t in vocabulary.terms(self.organ) if t.about == "background"]
        return f"Background: {self.pick([n for term in around for n in self.of_split(term, 'nouns')])}."

    def taken(self, items: list[str]) -> list[str]:
        """Items that go into a sentence of their own, removed from `items`."""
        later = [item for item in items if self.chance(LATER_SAID)]
        items[:] = [item for item in items if item not in later]
        return later

    def denials(self, said: _Said) -> list[str]:
        nouns = self.denied(said.denied_nouns, self.style.no_noun)
        return nouns + self.denied(said.denied_adjectives, self.style.no_adjective)

    def denied(self, items: list[str], forms: Sequence[str]) -> list[str]:
        """One denial for all ("no wall or calcification"), or one for each."""
        if len(items) > 1 and self.chance(0.5):
            items = [f"{', '.join(items[:-1])} {'and' if self.chance(0.2) else 'or'} {items[-1]}"]
        return [self.pick(forms).replace("{item}", item) for item in items]

    def denial_sentence(self, item: str) -> str:
        form = self.pick(self.style.no_sentence)
        return form.replace("{item}", item).replace("{Item}", item[0].upper() + item[1:])

    def size(self) -> str:
        millimetres, other = (int(length) for length in self.rng.integers(6, 90, size=2))
        whole = (f"{millimetres} mm", f"{millimetres / 10:.1f} cm", f"{max(1, millimetres // 10)} cm")
        return self.pick((*whole, f"{millimetres} x {other} mm"))

    def in_some_case(self, text: str) -> str:
        draw = self.rng.random()
        if draw < 0.15:
            return text.lower()
        if draw < 0.18:
            return text.upper()
        return text[0].upper() + text[1:] if draw < 0.4 else text


def _has_opposites(kind: str) -> bool:
    """Whether a value of this kind is said by denying its opposite: not ill-defined, but never not solid."""
    attribute = ATTRIBUTES[kind]
    return bool(attribute.opposites) and not attribute.denied


def _bare(wording: str) -> str:
    return re.sub(r"^(an?|the) ", "", wording)


def _article(phrase: str) -> str:
    return "an" if re.match(r"[aeio]|8|1[18] |un(?!i)", phrase, re.IGNORECASE) else "a"


def _joined(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _mistyped(text: str, rng: np.random.Generator) -> str:
    """The text with two letters swapped, one left out or one doubled inside one of its longer words."""
    places = [at for word in re.finditer(r"[A-Za-z]{6,}", text) for at in range(word.start() + 1, word.end() - 1)]
    if not places:
        return text
    at = places[int(rng.integers(len(places)))]
    first, second = text[at], text[at + 1]
    return text[:at] + (second + first, first, first + first + second)[int(rng.integers(3))] + text[at + 2 :]
