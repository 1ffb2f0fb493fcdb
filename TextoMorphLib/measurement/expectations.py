"""What a text asked for, held against what was measured of the lesion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from TextoMorphLib.text.concepts import as_drawn
from TextoMorphLib.text.vocabulary import Check, Mention, describe, gives_way, terms

Row = dict[str, Any]
_DENIED = (False, None, True)  # which row of several tells most of a denial: the last of these
# Where a text asks for one of these, a cyst's mean is not its fluid's.
BESIDE_FLUID = {"gas", "layering", "nodule", "locules", "septa", "fat"}
THICK = ("wall_thickness", "thick")  # nor is it then: the wall blurs into what it encloses,
WALLED = ("wall", "walled")  # as any wall does that leaves little room: it only ever brightens the mean
BRIGHT = {("density", "hyper"), ("density", "arterial")}  # is living tissue, whatever lies dead within it
OF_DENSE_FLUID = {("density", "hyper"), ("content", "cystic"), ("content", "haemorrhagic")}  # one thing, in such a cyst


def compare(mentions: Iterable[Mention], attributes: Mapping[str, float]) -> list[Row]:
    """One row for each thing that was asked and can be measured.

    A negated term is checked the other way round: "no calcification" holds when the bright fraction is out of
    calcification's range; one of several checks that is out of its range is enough, and is the row.

    Args:
        mentions: What `understanding.find` found in the text.
        attributes: A lesion's measured attributes by name; HU, mm, ml or fractions.

    Returns:
        Rows with `asked` (words), `attribute` and `measured` (None where nothing can be measured), `unit`,
        `ok` (True, False, or None where that cannot be said) and `note` (why it cannot be said, or empty); where
        something was measured, the `range` it should be in, or not in where it was `denied`.
    """
    mentions = list(mentions)
    said = [each.term.kinds for each in mentions if not each.negated]
    necrotic = any(kinds.get("content") == "necrotic" for kinds in said)
    beside_fluid = any(kinds.keys() & BESIDE_FLUID or THICK in kinds.items() for kinds in said)
    walled = any(WALLED in kinds.items() for kinds in said)
    dense = as_drawn(describe(mentions)).get("fluid") == "dense"
    lost = gives_way(mentions)
    rows: list[Row] = []
    degree = ""
    for mention in mentions:
        if "degree" in mention.term.kinds:  # said of the density that follows
            degree = f"{mention.term.name} "
            continue
        denial = "not " if mention.term.name in mention.term.wordings["adjectives"] else "no "
        asked = denial * mention.negated + degree + mention.term.name
        degree = ""
        if mention.name in lost:
            rows.append(_unmeasured(asked, f"gives way to {lost[mention.name]}"))
        elif all(row["asked"] != asked for row in rows):
            beside = beside_fluid or (walled and _is_bright(mention, attributes))
            checks = _checks(mention, beside, dense, necrotic)
            rows += _rows(asked, mention, attributes, checks)
    return rows


def lines(rows: Iterable[Row]) -> list[str]:
    """The rows as short lines: "asked: hypoattenuating; measured: -48 HU, yes"."""
    return [f"asked: {row['asked']}; {_outcome(row)}" for row in rows]


def measured(row: Row) -> str:
    """A row's measurement in words, "-48 HU", "3.1 mm" or "12.3%"; why there is none where there is none."""
    value, unit = row["measured"], row["unit"]
    if value is None:
        return str(row["note"])
    return f"{value:.{0 if unit == 'HU' else 1}f} {unit}" if unit else f"{100 * value:.1f}%"


def beside(row: Row) -> float:
    """How far a row's measurement is from what was asked; 0 where it holds or nothing could be measured."""
    if row["ok"] is not False:
        return 0.0
    value, (low, high) = row["measured"], row["range"]
    if row["denied"]:
        return float(min(value - low, high - value))
    return float(max(low - value, value - high))


def _checks(mention: Mention, beside_fluid: bool, dense: bool, necrotic: bool) -> Sequence[Check]:
    """What is measured for a term, as what else is said has it."""
    checks, kinds = mention.term.measured, mention.term.kinds
    if dense and not mention.negated and kinds.items() & OF_DENSE_FLUID:
        return next(term.measured for term in terms() if term.kinds.get("fluid") == "dense")
    if not dense and beside_fluid and kinds.get("content") == "cystic":
        return [_of("fluid_hu", each) if each.attribute == "mean_hu" else each for each in checks]
    if necrotic and not mention.negated and kinds.items() & BRIGHT:
        return [_of("living_hu", each) if each.attribute == "contrast_hu" else each for each in checks]
    return checks


def _is_bright(mention: Mention, attributes: Mapping[str, float]) -> bool:
    """Whether a lesion's mean is above what a term asks of it."""
    means = [each for each in mention.term.measured if each.attribute == "mean_hu"]
    return any(attributes.get("mean_hu", 0.0) > each.high for each in means)


def _of(attribute: str, check: Check) -> Check:
    return Check(attribute, check.low, check.high)


def _rows(asked: str, mention: Mention, attributes: Mapping[str, float], checks: Sequence[Check]) -> list[Row]:
    if mention.term.about == "background":
        return [_unmeasured(asked, "speaks of the background")]
    if not checks:
        return [_unmeasured(asked, "has no measure of its own")]
    rows = [_checked(asked, mention.negated, check, attributes) for check in checks]
    # What is denied of several things at once (a thick wall: a wall, and thick) is out where one of them is.
    return [max(rows, key=lambda row: _DENIED.index(row["ok"]))] if mention.negated else rows


def _unmeasured(asked: str, note: str) -> Row:
    return {"asked": asked, "attribute": None, "measured": None, "unit": "", "ok": None, "note": note}


def _checked(asked: str, negated: bool, check: Check, attributes: Mapping[str, float]) -> Row:
    value = float(attributes.get(check.attribute, math.nan))
    if math.isnan(value):
        return {**_unmeasured(asked, "could not be measured"), "attribute": check.attribute}
    holds = check.low <= value <= check.high
    unit = {"hu": "HU", "mm": "mm", "ml": "ml"}.get(check.attribute.rsplit("_", 1)[-1], "")
    return {
        "asked": asked,
        "attribute": check.attribute,
        "measured": value,
        "unit": unit,
        "range": [check.low, check.high],
        "denied": negated,
        "ok": holds != negated,
        "note": "",
    }


def _outcome(row: Row) -> str:
    return f"measured: {measured(row)}, {'yes' if row['ok'] else 'no'}" if row["ok"] is not None else measured(row)
