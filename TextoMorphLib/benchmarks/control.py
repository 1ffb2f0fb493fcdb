"""`textomorph benchmark control`: opposite words on the same scan, mask and seed must come out opposite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from TextoMorphLib.analysis.attributes import measure
from TextoMorphLib.examples import lesion_mask
from TextoMorphLib.region import regions, resampled
from TextoMorphLib.synthesis import Synthesizer
from TextoMorphLib.volume import Volume


@dataclass(frozen=True)
class Opposites:
    """Two texts and the attribute that the first should have more of."""

    more: str
    less: str
    attribute: str


PAIRS = (
    Opposites("hyperattenuating", "hypoattenuating", "contrast_hu"),
    Opposites("arterial enhancement", "hypodensity", "contrast_hu"),
    Opposites("solid", "cystic", "mean_hu"),
    Opposites("heterogeneous", "homogeneous", "texture_hu"),
    Opposites("ill-defined", "well-defined", "margin_mm"),
    Opposites("with calcifications", "without calcifications", "bright_fraction"),
    Opposites("walled", "without a wall", "rim_hu"),
    Opposites("no necrosis", "necrotic", "core_hu"),
)


def run(
    model: Synthesizer,
    ct: Volume,
    organ: np.ndarray,
    sizes_mm: list[float],
    sites: int,
    seeds: int,
    steps: int | None,
    guidance: float | None,
    on_trial: Callable[[int, int], object],
) -> list[dict[str, Any]]:
    """Generates every pair at every site, size and seed, and measures both.

    Args:
        model: The model under test.
        ct: A scan that it was not trained on.
        organ: Boolean mask of the organ that lesions go in, of the scan's shape.
        sizes_mm: Diameters.
        sites: Places for each size.
        seeds: Seeds for each place.
        steps: Sampling steps; the model's default if None.
        guidance: Guidance scale; the model's default if None.
        on_trial: Called with (trials done, trials in all).

    Returns:
        One row a trial: the texts, attribute, both measured values, size, site, seed, and whether the order is right.
    """
    trials = list(_trials(ct, organ, sizes_mm, sites, seeds))
    rows: list[dict[str, Any]] = []
    total = len(trials) * len(PAIRS)
    for mask, size, site, seed in trials:
        (place,) = regions(ct, mask)
        for pair in PAIRS:
            values = []
            for text in (pair.more, pair.less):
                made = model.synthesize(ct, mask, text, seed=seed, steps=steps, guidance=guidance)
                found = asdict(measure(place.ct, resampled(made.volume, place), place.depth))
                values.append(float(found[pair.attribute]))
            rows.append(
                {
                    "more": pair.more,
                    "less": pair.less,
                    "attribute": pair.attribute,
                    "values": values,
                    "size_mm": size,
                    "site": site,
                    "seed": seed,
                    # A value that cannot be measured (NaN) counts as wrong.
                    "right": bool(values[0] > values[1]),
                }
            )
            on_trial(len(rows), total)
    return rows


def _trials(
    ct: Volume, organ: np.ndarray, sizes_mm: list[float], sites: int, seeds: int
) -> Iterator[tuple[np.ndarray, float, int, int]]:
    for size in sizes_mm:
        for site in range(sites):
            mask = lesion_mask(ct, organ, size, seed=site)
            for seed in range(seeds):
                yield mask, size, site, seed


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table: right order per pair and size, and the median of both values."""
    sizes = sorted({row["size_mm"] for row in rows})
    head = ["more", "less", "measured by", *(f"{size:g} mm" for size in sizes), "all", "medians"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for pair in PAIRS:
        own = [row for row in rows if row["more"] == pair.more]
        shares = [_share([row for row in own if row["size_mm"] == size]) for size in sizes]
        medians = " / ".join(f"{np.nanmedian([row['values'][i] for row in own]):.3g}" for i in (0, 1))
        lines.append("| " + " | ".join([pair.more, pair.less, pair.attribute, *shares, _share(own), medians]) + " |")
    return "\n".join(lines)


def _share(rows: list[dict[str, Any]]) -> str:
    return f"{np.mean([row['right'] for row in rows]):.0%} of {len(rows)}"
