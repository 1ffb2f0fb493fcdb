"""`textomorph benchmark control`: do words do what they say, on a scan that the model was not trained on?

Every question is asked at the same places, sizes and seeds: opposite words must come out in the right order, said in
the vocabulary's terms, in wordings that no training text had, and by negation; amounts must lie in their range; three
attributes asked together must all be there; and seeds must differ while their attributes agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from TextoMorphLib import vocabulary
from TextoMorphLib.analysis.asked import compare
from TextoMorphLib.analysis.attributes import measure
from TextoMorphLib.examples import lesion_mask
from TextoMorphLib.lesions.kinds import Description
from TextoMorphLib.region import Region, regions, resampled
from TextoMorphLib.synthesis import Synthesizer
from TextoMorphLib.training import captions
from TextoMorphLib.volume import Volume

Row = dict[str, Any]
PARTS = ("terms", "paraphrases", "negations", "combined", "diversity")
DIVERSITY_SEEDS = 8


@dataclass(frozen=True)
class Opposites:
    """What the first has more of than the second.

    Attributes:
        attribute: What is measured.
        terms: Two texts in the vocabulary's terms.
        descriptions: The same as the data engine describes them, to write paraphrases of.
        denied: Two texts, of which one denies what the other says; None where denial has no opposite.
    """

    attribute: str
    terms: tuple[str, str]
    descriptions: tuple[Description, Description]
    denied: tuple[str, str] | None = None


PAIRS = (
    Opposites(
        "contrast_hu",
        ("hyperattenuating", "hypoattenuating"),
        ({"density": "hyper"}, {"density": "hypo"}),
        ("a hyperdense nodule", "a nodule, not hyperdense"),
    ),
    Opposites(
        "contrast_hu",
        ("arterial enhancement", "hypodensity"),
        ({"density": "arterial"}, {"density": "hypo"}),
        ("a mass with arterial enhancement", "a mass without arterial enhancement"),
    ),
    Opposites(
        "mean_hu",
        ("solid", "cystic"),
        ({"content": "solid"}, {"content": "cystic"}),
        ("a lesion that is not cystic", "a cystic lesion"),
    ),
    Opposites(
        "texture_hu",
        ("heterogeneous", "homogeneous"),
        ({"texture": "heterogeneous"}, {"texture": "homogeneous"}),
        ("a tumour that is not homogeneous", "a homogeneous tumour"),
    ),
    Opposites(
        "margin_mm",
        ("ill-defined", "well-defined"),
        ({"margin": "ill"}, {"margin": "well"}),
        ("the margins are not well-defined", "the margins are well-defined"),
    ),
    Opposites(
        "bright_fraction",
        ("with calcifications", "without calcifications"),
        ({"calcification": "present"}, {"calcification": "none"}),
        ("a mass with calcification", "there is no calcification in the mass"),
    ),
    Opposites(
        "rim_hu",
        ("walled", "without a wall"),
        ({"wall": "walled"}, {"wall": "none"}),
        ("a mass with a capsule", "the mass does not have a capsule"),
    ),
    Opposites(
        "core_hu",
        ("without necrosis", "necrotic"),
        ({"content": "solid"}, {"content": "necrotic"}),
        ("no central necrosis in this mass", "central necrosis in this mass"),
    ),
    Opposites(
        "contrast_hu",
        ("markedly hyperattenuating", "mildly hyperattenuating"),
        ({"density": "hyper", "degree": "marked"}, {"density": "hyper", "degree": "mild"}),
    ),
    Opposites(
        "contrast_hu",
        ("mildly hypoattenuating", "markedly hypoattenuating"),
        ({"density": "hypo", "degree": "mild"}, {"density": "hypo", "degree": "marked"}),
    ),
)
# Amounts that a term asks for: attribute, from, to.
AMOUNTS = {
    "hypoattenuating": ("contrast_hu", -80.0, -20.0),
    "hyperattenuating": ("contrast_hu", 20.0, 100.0),
    "arterial enhancement": ("contrast_hu", 20.0, 100.0),
    "cystic": ("mean_hu", -5.0, 25.0),
    "with calcifications": ("bright_fraction", 1e-4, 1.0),  # any voxel over 200 HU that stands out
    "well-defined": ("margin_mm", 0.0, 2.5),
    "ill-defined": ("margin_mm", 4.0, 100.0),
}
COMBINED = (
    "hypoattenuating, heterogeneous, ill-defined",
    "hypoattenuating, homogeneous, well-defined",
    "hyperattenuating, well-defined, calcification",
    "cystic, walled, calcification",
    "arterial enhancement, heterogeneous, walled",
    "hypoattenuating, necrotic, walled",
    "homogeneous, hyperattenuating, no calcification",
    "necrotic, calcification, ill-defined",
)


@dataclass(frozen=True)
class Trial:
    """One place, size and seed; what is asked there is generated and measured."""

    model: Synthesizer
    settings: dict[str, Any]
    ct: Volume
    mask: np.ndarray
    region: Region
    size_mm: float
    site: int
    seed: int

    def lesion(self, text: str, seed: int | None = None) -> tuple[dict[str, float], np.ndarray]:
        """A text's attributes and the region with its lesion, HU."""
        made = self.model.synthesize(
            self.ct, self.mask, text, seed=self.seed if seed is None else seed, **self.settings
        )
        hu = resampled(made.volume, self.region)
        return asdict(measure(self.region.ct, hu, self.region.depth)), hu

    def row(self, part: str, name: str, right: bool, **more: Any) -> Row:
        """A result of this trial."""
        where = {"size_mm": self.size_mm, "site": self.site, "seed": self.seed}
        return {"part": part, "name": name, **where, "right": bool(right), **more}


def run(
    model: Synthesizer,
    ct: Volume,
    organ: np.ndarray,
    sizes_mm: list[float],
    sites: int,
    seeds: int,
    settings: dict[str, Any],
    on_trial: Callable[[int, int], object],
    parts: tuple[str, ...] = PARTS,
) -> list[Row]:
    """Asks everything at every site, size and seed.

    Args:
        model: The model under test.
        ct: A scan that it was not trained on.
        organ: Boolean mask of the organ that lesions go in, of the scan's shape.
        sizes_mm: Diameters.
        sites: Places for each size.
        seeds: Seeds for each place.
        settings: For `Synthesizer.synthesize`: steps, guidance, preset.
        on_trial: Called with (trials done, trials in all).
        parts: Which of `PARTS` to measure.

    Returns:
        One row a result: part, name, size, site, seed, the measured values, and whether it is right.
    """
    trials = list(_trials(model, ct, organ, sizes_mm, sites, seeds, settings))
    rows: list[Row] = []
    for done, trial in enumerate(trials, start=1):
        for part in ("terms", "paraphrases", "negations"):
            if part in parts:
                rows += _opposites(trial, part)
        if "combined" in parts:
            rows += _combined(trial)
        if "diversity" in parts and trial.seed == 0:
            rows.append(_diversity(trial))
        on_trial(done, len(trials))
    return rows


def _trials(
    model: Synthesizer,
    ct: Volume,
    organ: np.ndarray,
    sizes_mm: list[float],
    sites: int,
    seeds: int,
    settings: dict[str, Any],
) -> Iterator[Trial]:
    for size in sizes_mm:
        for site in range(sites):
            mask = lesion_mask(ct, organ, size, seed=site)
            (region,) = regions(ct, mask)
            for seed in range(seeds):
                yield Trial(model, settings, ct, mask, region, size, site, seed)


def _opposites(trial: Trial, part: str) -> Iterator[Row]:
    """Each pair in one way of saying it; in terms, the amounts too."""
    for number, pair in enumerate(PAIRS):
        texts = pair.terms
        if part == "paraphrases":
            rng = np.random.default_rng([trial.site, trial.seed, int(trial.size_mm), number])
            one, other = (captions.compose(d, rng, held_out=True) for d in pair.descriptions)
            texts = (one, other)
        elif part == "negations":
            if pair.denied is None:
                continue
            texts = pair.denied
        found = [trial.lesion(text)[0] for text in texts]
        values = [attributes[pair.attribute] for attributes in found]
        name = " / ".join(pair.terms)
        # A value that cannot be measured (NaN) counts as wrong.
        yield trial.row(part, name, values[0] > values[1], attribute=pair.attribute, values=values, texts=texts)
        if part == "terms":
            for term, attributes in zip(texts, found, strict=True):
                if term in AMOUNTS:
                    attribute, low, high = AMOUNTS[term]
                    value = attributes[attribute]
                    yield trial.row("amounts", term, low <= value <= high, attribute=attribute, values=[value])


def _combined(trial: Trial) -> Iterator[Row]:
    for text in COMBINED:
        outcome = compare(vocabulary.find(text), trial.lesion(text)[0])
        failed = [row["asked"] for row in outcome if not row["ok"]]
        yield trial.row("combined", text, not failed, failed=failed)


def _diversity(trial: Trial) -> Row:
    """The mean correlation of the lesions of eight seeds; below 0.6 they differ."""
    inside = trial.region.depth > 0
    lesions = [trial.lesion("hypoattenuating, heterogeneous", seed)[1][inside] for seed in range(DIVERSITY_SEEDS)]
    pairs = [float(np.corrcoef(one, other)[0, 1]) for one, other in combinations(lesions, 2)]
    return trial.row(
        "diversity", "eight seeds, correlation", bool(np.mean(pairs) < 0.6), values=[float(np.mean(pairs))]
    )


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table: the share that is right for each question and size, and medians."""
    sizes = sorted({row["size_mm"] for row in rows})
    head = ["asked", "measured by", *(f"{size:g} mm" for size in sizes), "all", "medians"]
    lines = []
    for part in dict.fromkeys(row["part"] for row in rows):
        own = [row for row in rows if row["part"] == part]
        lines += ["", f"**{part}**: {_share(own)}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for name in dict.fromkeys(row["name"] for row in own):
            group = [row for row in own if row["name"] == name]
            shares = [_share([row for row in group if row["size_mm"] == size]) for size in sizes]
            values = [row["values"] for row in group if "values" in row]
            medians = " / ".join(f"{median:.3g}" for median in np.nanmedian(values, axis=0)) if values else ""
            cells = [name, group[0].get("attribute", ""), *shares, _share(group), medians]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines[1:])


def _share(rows: list[Row]) -> str:
    return f"{np.mean([row['right'] for row in rows]):.0%} of {len(rows)}" if rows else ""
