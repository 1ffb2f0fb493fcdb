"""`textomorph benchmark control`: do words do what they say, on a scan that the model was not trained on?

Every question is asked at the same places, sizes and seeds: opposite words must come out in the right order, said in
the vocabulary's terms, in wordings that no training text had, and by negation; amounts must lie in their range; three
attributes asked together must all be there; and seeds must differ while their attributes agree.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations, repeat
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from TextoMorphLib.errors import DiskError, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.description import describe
from TextoMorphLib.parallel import end_with_parent
from TextoMorphLib.simulation import captions
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.spatial.region import regions, resampled
from TextoMorphLib.synthesis import Synthesis, Synthesizer
from TextoMorphLib.text import vocabulary
from TextoMorphLib.text.concepts import LEARNED
from TextoMorphLib.text.understanding import find

Row = dict[str, Any]
DIVERSITY_SEEDS = 8


@dataclass(frozen=True)
class Opposites:
    """What the first has more of than the second.

    Attributes:
        attribute: What is measured.
        terms: Two texts in the vocabulary's terms.
        denied: Two texts, of which one denies what the other says; None where denial has no opposite.
    """

    attribute: str
    terms: tuple[str, str]
    denied: tuple[str, str] | None = None

    @property
    def learned(self) -> bool:
        """Whether the networks learn what it asks, and so the classifier knows it."""
        return all(vocabulary.describe(find(text)).keys() <= LEARNED.keys() for text in self.terms)


PAIRS = (
    Opposites(
        "contrast_hu",
        ("hyperattenuating", "hypoattenuating"),
        ("a hyperdense nodule", "a nodule, not hyperdense"),
    ),
    Opposites(
        "contrast_hu",
        ("arterial enhancement", "hypodensity"),
        ("a mass with arterial enhancement", "a mass without arterial enhancement"),
    ),
    Opposites("mean_hu", ("solid", "cystic"), ("a lesion that is not cystic", "a cystic lesion")),
    Opposites(
        "texture_hu",
        ("heterogeneous", "homogeneous"),
        ("a tumour that is not homogeneous", "a homogeneous tumour"),
    ),
    Opposites(
        "margin_mm",
        ("ill-defined", "well-defined"),
        ("the margins are not well-defined", "the margins are well-defined"),
    ),
    Opposites(
        "bright_fraction",
        ("with calcifications", "without calcifications"),
        ("a mass with calcification", "there is no calcification in the mass"),
    ),
    Opposites("rim_hu", ("walled", "without a wall"), ("a mass with a capsule", "the mass does not have a capsule")),
    Opposites(
        "core_hu",
        ("without necrosis", "necrotic"),
        ("no central necrosis in this mass", "central necrosis in this mass"),
    ),
    Opposites("wall_mm", ("thick-walled", "thin-walled")),
    Opposites("calcium_mm", ("coarse calcification", "punctate calcification")),
    Opposites("contrast_hu", ("markedly hyperattenuating", "mildly hyperattenuating")),
    Opposites("contrast_hu", ("mildly hypoattenuating", "markedly hypoattenuating")),
    # What rules have a hand in: said in the vocabulary's terms and denied, never left to the classifier.
    Opposites("fat_fraction", ("fat-containing", "hypoattenuating"), ("a mass with fat", "a mass without fat")),
    Opposites("gas_fraction", ("gas bubbles, cystic", "cystic"), ("a cyst with gas", "a cyst, no gas")),
    Opposites(
        "level_hu",
        ("fluid-fluid level, cystic", "cystic"),
        ("a cyst with a fluid-fluid level", "a cyst without a fluid-fluid level"),
    ),
    Opposites(
        "nodule_hu",
        ("mural nodule, cystic", "cystic"),
        ("a cyst with a mural nodule", "a cyst without a mural nodule"),
    ),
    Opposites(
        "septa_hu", ("multilocular, cystic", "cystic"), ("a multilocular cyst", "a cyst that is not multilocular")
    ),
    Opposites("septa_hu", ("microcystic", "cystic")),
    Opposites(
        "globules_hu",
        ("peripheral nodular enhancement", "hypoattenuating"),
        ("a lesion with peripheral nodular enhancement", "a lesion without peripheral nodular enhancement"),
    ),
    Opposites(
        "target_hu",
        ("target appearance", "hypoattenuating"),
        ("a lesion with a target appearance", "a lesion without a target appearance"),
    ),
    Opposites(
        "scar_hu",
        ("arterial enhancement, no central scar", "arterial enhancement, central scar"),
        ("a bright mass without a central scar", "a bright mass with a central scar"),
    ),
    Opposites(
        "lobulation_mm",
        ("lobulated, hypoattenuating", "hypoattenuating, well-defined"),
        ("a lobulated hypodense mass", "a hypodense mass that is not lobulated"),
    ),
    Opposites("spiculation_mm", ("spiculated, hypoattenuating", "hypoattenuating, well-defined")),
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
# Texts whose lesions are described again.
DESCRIBED = (
    "hypoattenuating",
    "hyperattenuating",
    "isoattenuating",
    "heterogeneous, hypoattenuating",
    "homogeneous, hypoattenuating",
    "cystic",
    "necrotic",
    "walled",
    "well-defined, hypoattenuating",
    "ill-defined, hypoattenuating",
    "calcification",
    "fat-containing",
    "gas bubbles",
)


@dataclass(frozen=True)
class Trial:
    """One place, size and seed; what is asked there is generated and measured."""

    model: Synthesizer
    settings: dict[str, Any]
    ct: Volume
    mask: np.ndarray
    size_mm: float
    site: int
    seed: int

    def made(self, text: str, seed: int | None = None, terms: bool = True) -> Synthesis:
        """The lesion of a text, read with the vocabulary's help or by the classifier alone."""
        return self.model.synthesize(
            self.ct, self.mask, text, seed=self.seed if seed is None else seed, terms=terms, **self.settings
        )

    def tried(self, text: str, seed: int | None = None, terms: bool = True) -> Synthesis | InputError:
        """As `made`, or why it is refused: one text's refusal is a result, and ends nothing."""
        try:
            return self.made(text, seed, terms)
        except DiskError:
            raise
        except InputError as error:
            return error

    def row(self, part: str, name: str, right: bool, refused: InputError | None = None, **more: Any) -> Row:
        """A result of this trial; what is refused is not right."""
        where = {"size_mm": self.size_mm, "site": self.site, "seed": self.seed}
        row = {"part": part, "name": name, **where, "right": bool(right) and refused is None, **more}
        return row if refused is None else {**row, "refused": str(refused)}


def run(
    load: Callable[[], list[Trial]],
    parts: Collection[str],
    on_trial: Callable[[int, int], object],
    workers: int = 1,
) -> list[Row]:
    """Asks everything at every site, size and seed.

    Args:
        load: Makes the trials, as `places` does; with several workers, in each of them.
        parts: Some of terms, paraphrases, negations, combined and diversity.
        on_trial: Called with (trials done, trials in all).
        workers: Processes that share the trials.

    Returns:
        One row a result: part, name, size, site, seed, the measured values, whether it is right, and why its text was
        refused, if it was, which is not right, either.
    """
    rows: list[Row] = []
    if workers == 1:
        trials = load()
        for done, trial in enumerate(trials, start=1):
            rows += _rows(trial, parts)
            on_trial(done, len(trials))
        return rows
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (load, workers)) as pool:
        count = pool.submit(_count).result()
        for done, found in enumerate(pool.map(_numbered, range(count), repeat(parts)), start=1):
            rows += found
            on_trial(done, count)
    return rows


_trials: list[Trial]  # a worker's


def _start_worker(load: Callable[[], list[Trial]], workers: int) -> None:
    global _trials
    end_with_parent()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    _trials = load()


def _count() -> int:
    return len(_trials)


def _numbered(number: int, parts: Collection[str]) -> list[Row]:
    return _rows(_trials[number], parts)


def _rows(trial: Trial, parts: Collection[str]) -> list[Row]:
    rows: list[Row] = []
    for part in ("terms", "paraphrases", "negations"):
        if part in parts:
            rows += _opposites(trial, part)
    if "combined" in parts:
        rows += _combined(trial)
    if "described" in parts:
        rows += _described(trial)
    if "diversity" in parts and trial.seed == 0:
        rows.append(_diversity(trial))
    return rows


def places(
    model: Synthesizer,
    ct: Volume,
    organ: np.ndarray,
    sizes_mm: list[float],
    sites: range,
    seeds: int,
    settings: dict[str, Any],
) -> list[Trial]:
    """Every place, size and seed; a place's seeds share its mask.

    Args:
        model: The model under test.
        ct: A scan that it was not trained on.
        organ: Boolean mask of the organ that lesions go in, of the scan's shape.
        sizes_mm: Diameters.
        sites: Numbers of the places for each size; a number decides where in the organ it is, and the mask's shape.
        seeds: Seeds for each place.
        settings: For `Synthesizer.synthesize`: steps, guidance, preset, organ.
    """
    return [
        Trial(model, settings, ct, mask, size, site, seed)
        for size in sizes_mm
        for site in sites
        for mask in (lesion_mask(ct, organ, size, seed=site),)
        for seed in range(seeds)
    ]


def _opposites(trial: Trial, part: str) -> Iterator[Row]:
    """Each pair in one way of saying it; in terms, the amounts too.

    Paraphrases are wordings that the classifier was never trained on. The vocabulary has them, so it has to stay out.
    """
    for number, pair in enumerate(PAIRS):
        texts = pair.terms
        if part == "paraphrases":
            if not pair.learned:
                continue
            rng = np.random.default_rng([trial.site, trial.seed, int(trial.size_mm), number])
            said = (vocabulary.describe(find(term)) for term in pair.terms)
            one, other = (captions.compose(description, rng, held_out=True) for description in said)
            texts = (one, other)
        elif part == "negations":
            if pair.denied is None:
                continue
            texts = pair.denied
        found = [trial.tried(text, terms=part != "paraphrases") for text in texts]
        values = [_value(each, pair.attribute) for each in found]
        name, refused = " / ".join(pair.terms), next((each for each in found if isinstance(each, InputError)), None)
        # A value that cannot be measured (NaN) counts as wrong.
        right = values[0] > values[1]
        yield trial.row(part, name, right, refused, attribute=pair.attribute, values=values, texts=texts)
        if part == "terms":
            for term, each in zip(texts, found, strict=True):
                if term in AMOUNTS:
                    attribute, low, high = AMOUNTS[term]
                    value, refused = _value(each, attribute), each if isinstance(each, InputError) else None
                    yield trial.row("amounts", term, low <= value <= high, refused, attribute=attribute, values=[value])


def _value(made: Synthesis | InputError, attribute: str) -> float:
    return float("nan") if isinstance(made, InputError) else float(getattr(made.lesions[0], attribute))


def _combined(trial: Trial) -> Iterator[Row]:
    for text in COMBINED:
        made = trial.tried(text)
        if isinstance(made, InputError):
            yield trial.row("combined", text, False, made)
            continue
        failed = [row["asked"] for row in made.report["asked"][0] if not row["ok"]]
        yield trial.row("combined", text, not failed, failed=failed)


def _described(trial: Trial) -> Iterator[Row]:
    """Whether a lesion's description, measured as a real one's is, says what it was made from, or the contrary."""
    for text in DESCRIBED:
        made, asked = trial.tried(text), vocabulary.describe(find(text))
        kind, value = next(iter(asked.items()))  # the first is asked of; the second makes it visible
        if isinstance(made, InputError):
            yield trial.row("described", text, False, made, attribute=kind)
            continue
        (words, *_) = describe(made.volume, trial.mask)
        said = words.description
        yield trial.row("described", text, said.get(kind) == value, attribute=kind)
        wrong = {each for each in asked if each in said and said[each] != asked[each]}
        yield trial.row("nothing contrary said", text, not wrong, attribute=kind)


def _diversity(trial: Trial) -> Row:
    """The mean correlation of the lesions of eight seeds; below 0.6 they differ."""
    (region,) = regions(trial.ct, trial.mask)
    inside = region.depth > 0
    text = "hypoattenuating, heterogeneous"
    name = "eight seeds, correlation"
    made = [trial.tried(text, seed=seed) for seed in range(DIVERSITY_SEEDS)]
    refused = next((each for each in made if isinstance(each, InputError)), None)
    if refused is not None:
        return trial.row("diversity", name, False, refused, values=[float("nan")])
    lesions = [resampled(each.volume, region)[inside] for each in made if isinstance(each, Synthesis)]
    mean = float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in combinations(lesions, 2)]))
    return trial.row("diversity", name, mean < 0.6, values=[mean])


def table(rows: list[Row]) -> str:
    """The rows as Markdown tables: what share is right for each question and size, medians, what was refused."""
    sizes = sorted({row["size_mm"] for row in rows})
    head = ["asked", "measured by", *(f"{size:g} mm" for size in sizes), "all", "medians"]
    lines = []
    for part in dict.fromkeys(row["part"] for row in rows):
        own = [row for row in rows if row["part"] == part]
        lines += ["", f"**{part}**: {_share(own)}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for name in dict.fromkeys(row["name"] for row in own):
            group = [row for row in own if row["name"] == name]
            shares = [_share([row for row in group if row["size_mm"] == size]) for size in sizes]
            values = [row["values"] for row in group if "values" in row and "refused" not in row]
            medians = " / ".join(f"{median:.3g}" for median in np.nanmedian(values, axis=0)) if values else ""
            cells = [name, group[0].get("attribute", ""), *shares, _share(group), medians]
            lines.append("| " + " | ".join(cells) + " |")
    refused = Counter(f"{row['part']}, {row['name']}: {row['refused']}" for row in rows if "refused" in row)
    if refused:
        lines += ["", f"**refused**, counted as wrong: {refused.total()} of {len(rows)}", ""]
        lines += [f"- {count} of {what}" for what, count in refused.items()]
    return "\n".join(lines[1:])


def _share(rows: list[Row]) -> str:
    return f"{np.mean([row['right'] for row in rows]):.0%} of {len(rows)}" if rows else ""
