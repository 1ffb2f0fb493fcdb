"""The schema of a lesion's attributes: what a text can say of each of them (`Resources/Vocabulary/attributes.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from TextoMorphLib.paths import resources

Description = dict[str, str]  # attribute ("kind") -> value; one that is left out has its default


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name: Its name, the "kind" of a description.
        group: Where its terms stand in the panel.
        help: What it is, in a line.
        values: The first is its default: what a text that does not speak of it means.
        odds: How often training texts and rendered lesions take each value.
        opposites: What a denied value becomes, where that is not the default.
        denied_odds: How often training texts say the default by what it is not,
        denied: and the values that are denied then.
        qualifies: The attribute that it says more of, and without which it means nothing.
        rendered: The ranges of the numbers that values stand for in a rendered lesion, by what they are: hu (against
            the healthy tissue), mm, or share (of the volume).
        learned: Whether classifier and denoiser learn it from the start; if not, the library draws it by rule on what
            a model has drawn, and a denoiser may be told of it later (`models/word_layers.py`).
        implies: What each value is drawn with where nothing is said of that,
        replaces: and whatever is said of it.
        together: What means each value where it is said together: a cyst that is called dense is one of dense fluid.
        overrules: What hardly goes with each value, and counts for nothing beside it: fluid is as dense as fluid is.
        unlikely: What hardly goes with each value, and is drawn all the same.
    """

    name: str
    group: str
    help: str
    values: tuple[str, ...]
    odds: tuple[float, ...]
    opposites: Mapping[str, str]
    denied_odds: float
    denied: tuple[str, ...]
    qualifies: str | None
    rendered: Mapping[str, Mapping[str, tuple[float, float]]]
    learned: bool = True
    implies: Mapping[str, Description] = field(default_factory=dict)
    replaces: Mapping[str, Description] = field(default_factory=dict)
    together: Mapping[str, Description] = field(default_factory=dict)
    overrules: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    unlikely: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @property
    def default(self) -> str:
        """What a text that does not speak of it means."""
        return self.values[0]

    def denied_value(self, value: str) -> str:
        """What is meant by a text that denies a value."""
        return self.opposites.get(value, self.default)


def _attribute(name: str, entry: Mapping[str, Any]) -> Attribute:
    denied = entry.get("denied", {"odds": 0.0, "values": ()})
    rendered = {
        what: {value: tuple(ends) for value, ends in ranges.items()}
        for what, ranges in entry.get("rendered", {}).items()
    }
    return Attribute(
        name=name,
        group=entry["group"],
        help=entry["help"],
        values=tuple(entry["values"]),
        odds=tuple(entry["values"].values()),
        opposites=entry.get("opposites", {}),
        denied_odds=denied["odds"],
        denied=tuple(denied["values"]),
        qualifies=entry.get("qualifies"),
        rendered=rendered,
        learned=entry.get("drawn") != "after",
        implies=entry.get("implies", {}),
        replaces=entry.get("replaces", {}),
        together=entry.get("together", {}),
        overrules=entry.get("overrules", {}),
        unlikely=entry.get("unlikely", {}),
    )


def _read() -> dict[str, Attribute]:
    table = json.loads((resources() / "Vocabulary" / "attributes.json").read_text(encoding="utf-8"))
    return {name: _attribute(name, entry) for name, entry in table["attributes"].items()}


ATTRIBUTES = _read()
KINDS = {name: attribute.values for name, attribute in ATTRIBUTES.items()}
LEARNED = {name: attribute.values for name, attribute in ATTRIBUTES.items() if attribute.learned}
QUALIFIES = {name: attribute.qualifies for name, attribute in ATTRIBUTES.items() if attribute.qualifies}


def sharpness(said: Mapping[str, Mapping[str, float]]) -> float:
    """How surely a lesion's border is sharp: it is called so, or nothing is said of it and it is a cyst's or a wall's.

    Args:
        said: Kinds, and the probabilities of their values.

    Returns:
        0 to 1.
    """
    return share(said, "margin", "well") + share(said, "margin", "default") * max(
        share(said, "content", "cystic"), share(said, "wall", "walled")
    )


def as_drawn(description: Description) -> Description:
    """What a model is told of a description: a fluid level is drawn in a fluid, whether or not the text says so."""
    told = dict(description)
    for kind, attribute in ATTRIBUTES.items():
        for value, parts in attribute.together.items():
            if parts.items() <= description.items():
                told.setdefault(kind, value)
    known = {kind: value for kind, value in told.items() if kind in ATTRIBUTES}  # a user's term may set others
    for kind, value in known.items():
        for other, implied in ATTRIBUTES[kind].implies.get(value, {}).items():
            told.setdefault(other, implied)
    for kind, value in known.items():
        told.update(ATTRIBUTES[kind].replaces.get(value, {}))
        for other, values in ATTRIBUTES[kind].overrules.get(value, {}).items():
            if told.get(other) in values:
                told[other] = ATTRIBUTES[other].default
    return told


def evenness(said: Mapping[str, Mapping[str, float]]) -> float:
    """How surely nothing varies inside a lesion: it is called homogeneous, and has nothing in it.

    Args:
        said: Kinds, and the probabilities of their values.

    Returns:
        0 to 1.
    """
    empty = share(said, "septa", "none") * share(said, "calcification", "none")
    whole = share(said, "content", "solid") + share(said, "content", "cystic")
    return share(said, "texture", "homogeneous") * empty * whole


def share(said: Mapping[str, Mapping[str, float]], kind: str, value: str) -> float:
    """How likely a kind has a value; 0 for kinds of which nothing is known."""
    return said.get(kind, {}).get(value, 0.0)
