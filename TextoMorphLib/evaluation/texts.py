"""How well descriptions are understood: held against what each means, attribute by attribute.

A file of texts is JSON: `defaults` (each attribute that it speaks of, with its default), `descriptions` (`organ`,
`text`, `means`: the attributes that are not at their default; of a list any value is right) and `probes` (`text`,
`kind`, `accepted`: one attribute). Attributes that a file does not speak of are not counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.text.concepts import KINDS, Description
from TextoMorphLib.text.understanding import understand

HALVES = ("all", "seen", "kept")
Read = Callable[[str, str], Description]

# What says the contrary of each other; taking one for the other is worse than missing it.
_OPPOSITE = [
    {"hypo", "hyper"},
    {"hypo", "arterial"},
    {"well", "ill"},
    {"homogeneous", "heterogeneous"},
    {"thin", "thick"},
    {"mild", "marked"},
    {"punctate", "coarse"},
]


@dataclass
class Counts:
    """Of one attribute: how often it was rightly said, missed, taken for another value, invented, or turned round."""

    right: int = 0
    missed: int = 0
    other: int = 0
    invented: int = 0
    opposite: int = 0

    @property
    def precision(self) -> float:
        """Share of what was understood that is meant; NaN if nothing was."""
        return _share(self.right, self.right + self.other + self.invented)

    @property
    def recall(self) -> float:
        """Share of what is meant that was understood; NaN if nothing is."""
        return _share(self.right, self.right + self.other + self.missed)


@dataclass
class Found:
    """What came out.

    Attributes:
        descriptions: How many were read.
        whole: How many of them were right in every attribute.
        inventing: How many of them had something put in that they do not say.
        probes: How many were read.
        probes_right: How many of them were right.
        attributes: Counts over the descriptions, and opposites over the probes, too.
        wrong: Each text that is not right, with what was meant and understood.
    """

    descriptions: int = 0
    whole: int = 0
    inventing: int = 0
    probes: int = 0
    probes_right: int = 0
    attributes: dict[str, Counts] = field(default_factory=dict)
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def opposites(self) -> int:
        """Values taken for their contrary, in descriptions and probes."""
        return sum(counts.opposite for counts in self.attributes.values())

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        attributes = {
            kind: {**vars(counts), "precision": counts.precision, "recall": counts.recall}
            for kind, counts in self.attributes.items()
        }
        return {**vars(self), "attributes": attributes, "opposites": self.opposites}


def load(path: Path, half: str = "all") -> dict[str, Any]:
    """A file of texts.

    Args:
        path: The file.
        half: Of its texts those with an odd SHA-256 and not marked `seen` ("kept"), the others ("seen"), or all.

    Raises:
        InputError: No such file, or not of this format.
    """
    try:
        data = json.loads(read_text(path))
        for each in data["descriptions"]:
            if not {"organ", "text", "means"} <= each.keys() or not each["means"].keys() <= KINDS.keys():
                raise KeyError(str(each)[:60])
        kinds = {kind for kind in KINDS if kind in (data.get("defaults") or KINDS)}
        for each in data["probes"]:
            if not {"text", "kind", "accepted"} <= each.keys() or each["kind"] not in kinds:
                raise KeyError(str(each)[:60])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no file of texts: it needs descriptions and probes ({error})") from error
    chosen = {name: [each for each in data[name] if _in_half(each, half)] for name in ("descriptions", "probes")}
    return {"defaults": data.get("defaults", {}), **chosen}


def run(data: Mapping[str, Any], read: Read | None = None) -> Found:
    """Reads every text and counts.

    Args:
        data: What `load` gave.
        read: From a text and an organ to a description; the rules if None.
    """
    read = read or (lambda text, organ: understand(text, organ).description)
    kinds = [kind for kind in KINDS if kind in (data.get("defaults") or KINDS)]
    found = Found(attributes={kind: Counts() for kind in kinds})
    for each in data["descriptions"]:
        got = _full(read(each["text"], each["organ"]))
        wrong = {}
        invented = False
        for kind in kinds:
            value = got[kind]
            accepted = _listed(each["means"].get(kind, KINDS[kind][0]))
            if value not in accepted:
                wrong[kind] = {"understood": value, "meant": accepted}
            invented |= _count(found.attributes[kind], kind, value, accepted)
        found.descriptions += 1
        found.whole += not wrong
        found.inventing += invented
        if wrong:
            found.wrong.append({"text": each["text"], "organ": each["organ"], "wrong": wrong})
    for each in data["probes"]:
        kind, accepted = each["kind"], list(each["accepted"])
        value = _full(read(each["text"], each.get("organ", "liver")))[kind]
        found.probes += 1
        found.probes_right += value in accepted
        if value not in accepted:
            found.attributes[kind].opposite += _is_opposite(value, accepted)
            found.wrong.append({"text": each["text"], "wrong": {kind: {"understood": value, "meant": accepted}}})
    return found


def table(found: Found) -> str:
    """The counts as Markdown."""
    lines = [
        f"{found.whole} of {found.descriptions} descriptions right in every attribute; "
        f"{found.inventing} with something invented.",
        f"{found.probes_right} of {found.probes} probes right. {found.opposites} values taken for their contrary.",
        "",
        "| attribute | right | missed | another value | invented | contrary | precision | recall |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, c in found.attributes.items():
        rates = " | ".join("-" if rate != rate else f"{rate:.2f}" for rate in (c.precision, c.recall))
        lines.append(f"| {kind} | {c.right} | {c.missed} | {c.other} | {c.invented} | {c.opposite} | {rates} |")
    return "\n".join(lines)


def _count(counts: Counts, kind: str, value: str, accepted: list[str]) -> bool:
    """Counts one attribute of one description; whether it was invented."""
    default = KINDS[kind][0]
    if value in accepted:
        counts.right += value != default
        return False
    counts.opposite += _is_opposite(value, accepted)
    if value == default:
        counts.missed += 1
    elif accepted == [default]:
        counts.invented += 1
        return True
    else:
        counts.other += 1
    return False


def _is_opposite(value: str, accepted: Iterable[str]) -> bool:
    return any({value, other} in _OPPOSITE for other in accepted)


def _full(description: Description) -> Description:
    return {kind: description.get(kind, values[0]) for kind, values in KINDS.items()}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _in_half(entry: Mapping[str, Any], half: str) -> bool:
    odd = int(hashlib.sha256(entry["text"].encode()).hexdigest(), 16) % 2 == 1
    kept = odd and not entry.get("seen")
    return half == "all" or kept == (half == "kept")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
