"""How surely a term holds of a lesion, given all that leaves its measurements in doubt.

Nothing here is a limit on one side of which all is well: whatever speaks against a term is a chance that it does, from
how far the number behind it is beyond its edge, and how well that number is known. So a term's confidence tells how
near it was to not being said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from TextoMorphLib.measurement.evidence import Border, Evidence, more, over, under
from TextoMorphLib.text.vocabulary import Check, Term

SMALL_MM, SMALL_DOUBT_MM = 8.0, 0.7  # the voxels of smaller lesions are mixed with their surroundings
# Fat and what lies beside an organ only ever darken it: a lesion is hyperattenuating that is brighter than the organ's
# brightest parts, too, and beside more of it than a thin shell.
BRIGHTER_HU, BRIGHTEST_DOUBT_HU, SHELL_MM, SHELL_DOUBT_MM = 10.0, 2.0, 5.0, 0.5
CONTENT_DOUBT_HU = 6.0  # solid and fluid are a guess from one scan
FLUID_OR_SOLID_HU = 40.0  # between these a dark lesion may be either
GRAIN_MM3, LEAST_GRAINS = 100.0, 6  # of texture smoothed by 1.3 mm: what is nearer is one sample
NOISE_LEFT = 0.3  # share of the fine noise that this smoothing leaves, and what of that is in doubt
EVEN_HU, EVEN_GRAIN_MM3 = 6.0, 360.0  # see `evidence.EVEN_MM`; what is nearer is one sample
NECROSIS_HU = (0.0, 45.0)  # what a necrotic core is in any phase,
LEAST_LIVING_HU, LEAST_CORE_HU = 15.0, 11.0  # and how much brighter what is around it; how far it stands out
FLUID_TEXTURE_HU = 12.0  # a simple fluid varies less,
# and its centre is less far under the rest: of 23 real cysts none over 10, of three necrotic tumours all over 20.
FLUID_CORE_HU = 20.0
# Septa divide fluid: where a lesion's mean is over this, what looks like sheets is streaks of noise, or vessels. The
# height from which they are septa is the vocabulary's.
SEPTATED_MEAN_HU, SEPTA_HU = 50.0, 10.0
SEPTA_DOUBT, SEPTA_NOISE = 4.0, 0.25  # HU, and share of the noise, that sheets of nothing but noise may reach,
SEPTA_REPEAT_HU = 2.0  # and how well their height is known, where they are there
NEVER_NEGATIVE = ("texture_hu", "margin_mm", "wall_mm", "bright_fraction", "calcium_mm")
OUTSIDE, OUTSIDE_DOUBT = 0.5, 0.15  # share of calcium, fat or gas that goes on outside, from which it is none
THICK_SLICES_MM = 4.0
MARGINS = 3  # borders at which a margin is looked for
LEAST_MARGIN_DOUBT_MM = 0.8  # other noise, grids and contours change it by so much


@dataclass(frozen=True)
class Rating:
    """How surely a term holds.

    Attributes:
        confidence: All told, 0 to 1.
        fits: By its number alone.
        reason: What else speaks most against it; empty if nothing does.
    """

    confidence: float
    fits: float
    reason: str


def rate(kind: str, value: str, term: Term, evidence: Evidence) -> Rating:
    """How surely a term holds of a lesion: the mean over where its border may lie.

    Args:
        kind: What the term speaks of, such as margin.
        value: What it says of that.
        term: The term, with the ranges of what is measured.
        evidence: What is known of the lesion.
    """
    confidence, fits, against = 0.0, 0.0, dict[str, float]()
    for border in _looked_at(kind, evidence.borders):
        fit = min(_chance(border, evidence, check) for check in term.measured)
        limits = list(_limits(kind, value, evidence, border))
        fits += border.weight * fit
        confidence += border.weight * min([fit, *(holds for holds, _ in limits)])
        for holds, reason in limits:
            against[reason] = against.get(reason, 0.0) + border.weight * holds
    reason = min(against, key=lambda each: against[each], default="")
    return Rating(confidence, fits, reason if reason and against[reason] < 0.9 else "")


def _looked_at(kind: str, borders: Sequence[Border]) -> Sequence[Border]:
    """Borders to take the mean over: a margin is looked for to both sides of each, so a few of them do."""
    if kind != "margin":
        return borders
    near = sorted(borders, key=lambda each: -each.weight)[:MARGINS]
    return [replace(each, weight=1 / len(near)) for each in near]


def chance(evidence: Evidence, check: Check) -> float:
    """How likely it is that what is measured lies in a range, 0 to 1: the mean over where the border may lie."""
    return sum(border.weight * _chance(border, evidence, check) for border in evidence.borders)


def _chance(border: Border, evidence: Evidence, check: Check) -> float:
    name, low = check.attribute, check.low
    value = float(getattr(border.lesion, name))
    if np.isnan(value):
        return 0.0
    spread = DOUBTS.get(name, _unit_doubt(name))(border, evidence)
    if name in NEVER_NEGATIVE and low <= 0:  # it is not in doubt there
        low = -np.inf
    # What is darker than fluid is fat, and no other content: a guess at what is fluid leaves that end alone.
    lower = _level_doubt(border) if name == "mean_hu" and low < 0 else spread
    return float(ndtr((check.high - value) / spread) - ndtr((low - value) / lower))


def _level_doubt(border: Border) -> float:
    """Of the mean of a lesion's interior: noise of neighbours is alike, so 30 mm3 are one sample."""
    return float(border.lesion.noise_inside_hu / max(border.interior_mm3 / 30, 1) ** 0.5 + 1)


def _contrast_doubt(border: Border, evidence: Evidence) -> float:
    return float(np.hypot(evidence.tissue_hu, _level_doubt(border)))


def _texture_doubt(border: Border, evidence: Evidence) -> float:
    lesion = border.lesion
    sampled = lesion.texture_hu / (2 * max(border.interior_mm3 / GRAIN_MM3, 1)) ** 0.5
    noise = NOISE_LEFT**0.5 * NOISE_LEFT * min(lesion.noise_outside_hu, lesion.noise_inside_hu)
    left = np.hypot(lesion.texture_hu, noise) - lesion.texture_hu
    return float(np.hypot(sampled, left) + 0.5)


def _septa_doubt(border: Border, evidence: Evidence) -> float:
    return float(np.hypot(SEPTA_DOUBT, SEPTA_NOISE * border.lesion.noise_inside_hu))


Doubt = Callable[[Border, Evidence], float]
DOUBTS: dict[str, Doubt] = {
    "contrast_hu": _contrast_doubt,
    "mean_hu": lambda border, _: float(np.hypot(CONTENT_DOUBT_HU, _level_doubt(border))),
    "texture_hu": _texture_doubt,
    "margin_mm": lambda border, _: float(np.hypot(border.edge.width_doubt_mm, LEAST_MARGIN_DOUBT_MM)),
    "septa_hu": _septa_doubt,
    "core_hu": lambda border, _: 2.5 * _level_doubt(border),
    "bright_fraction": lambda *_: 0.0005,
    "fat_fraction": lambda *_: 0.02,
    "gas_fraction": lambda *_: 0.002,
    "calcium_mm": lambda *_: 0.5,
}


def _unit_doubt(attribute: str) -> Doubt:
    """The doubt about an attribute that has none of its own: three times a level's in HU, 0.7 mm, or 5% of a share."""
    if attribute.endswith("_hu"):
        return lambda border, _: 3 * _level_doubt(border)
    return lambda *_: 0.7 if attribute.endswith("_mm") else 0.05


def _limits(kind: str, value: str, evidence: Evidence, border: Border) -> Iterator[tuple[float, str]]:
    """What must hold beside the number itself for a value to be said: how surely it does, and what to say if not."""
    lesion = border.lesion
    if kind in ("content", "texture", "wall", "septa", "fat"):
        size = f"too small ({evidence.lesion.diameter_mm:.0f} mm) to say what it holds"
        yield over(lesion.diameter_mm, SMALL_MM, SMALL_DOUBT_MM), size
    if kind in ("content", "texture", "wall") or value == "hyper":
        yield 1 - evidence.dome, "the scan shows little more of it than its border"
    if kind == "density":
        yield from _density(value, evidence, border)
    elif kind == "content":
        yield from _content(value, evidence, border)
    elif kind == "texture":
        yield more(border.interior_mm3, LEAST_GRAINS * GRAIN_MM3), "too small to judge texture"
        yield from _texture(value, evidence, border)
    elif kind == "margin":
        seen = 0.0 if np.isnan(lesion.margin_mm) else min(border.edge.width_known, evidence.own)
        yield seen, "it differs too little from healthy tissue, or too little of that is around it, to judge its border"
        if value == "ill" and evidence.slice_mm > THICK_SLICES_MM:
            yield 0.0, "the slices are too thick to call a border blurred"
    elif kind == "septa":
        yield _fluid(border, evidence), "it is no fluid that septa could divide"
    elif kind == "wall":
        yield border.walled, "no layer under its border is brighter than on both sides"
    elif kind == "calcification":
        why = "what is bright enough goes on outside: a vessel, bone or a stent"
        yield under(evidence.calcium_outside, OUTSIDE, OUTSIDE_DOUBT), why
    elif kind in ("fat", "gas"):
        outside = evidence.fat_outside if kind == "fat" else evidence.gas_outside
        yield under(outside, OUTSIDE, OUTSIDE_DOUBT), f"what is dark enough for {kind} goes on outside"


def _density(value: str, evidence: Evidence, border: Border) -> Iterator[tuple[float, str]]:
    yield evidence.known, "there is too little healthy tissue around to compare with"
    if value != "hyper":
        return
    doubt = float(np.hypot(_level_doubt(border), BRIGHTEST_DOUBT_HU))
    yield evidence.own, "the organ near is mixed with fat, which darkens it"
    shell = "what is left of the organ is a shell, darkened by what lies around it"
    yield over(evidence.organ_mm, SHELL_MM, SHELL_DOUBT_MM), shell
    bright = over(border.lesion.mean_hu, evidence.brightest_hu + BRIGHTER_HU, doubt)
    yield bright, "parts of the tissue around are as bright"


def _content(value: str, evidence: Evidence, border: Border) -> Iterator[tuple[float, str]]:
    lesion, level = border.lesion, _level_doubt(border)
    if value == "cystic":
        even = under(lesion.texture_hu, FLUID_TEXTURE_HU, _texture_doubt(border, evidence))
        yield max(even, _divided(border, evidence)), "too uneven for a simple fluid"
        yield under(-lesion.core_hu, FLUID_CORE_HU, 2.5 * level), "it has a core"
    if value == "necrotic":
        yield _dead_core(border), "its centre is not as dark as necrosis"
    if value in ("solid", "necrotic"):
        yield 1 - _divided(border, evidence), "septa divide it"
    if value == "solid":
        bright = max(
            over(lesion.contrast_hu, -10.0, _contrast_doubt(border, evidence)),
            over(lesion.mean_hu, FLUID_OR_SOLID_HU, level),
        )
        yield bright, "between fluid and solid tissue"


def _texture(value: str, evidence: Evidence, border: Border) -> Iterator[tuple[float, str]]:
    if value == "heterogeneous":
        yield 1 - _divided(border, evidence), "septa make it uneven"
        yield 1 - border.filled, "its wall makes it uneven"
    if value == "homogeneous":
        core = under(border.lesion.core_hu, -LEAST_CORE_HU, 2.5 * _level_doubt(border))
        yield 1 - min(core, _dead_core(border)), "it has a core"
        sampled = border.uneven_hu / (2 * max(border.interior_mm3 / EVEN_GRAIN_MM3, 1)) ** 0.5
        even = under(border.uneven_hu, EVEN_HU, float(np.hypot(sampled, 0.3)))
        yield even, "it varies too much to be called homogeneous, or noise hides whether it does"


def _dead_core(border: Border) -> float:
    """How surely a lesion's centre is as dark as necrosis, and that much darker than living tissue around it."""
    doubt, low, high = 2.5 * _level_doubt(border), *NECROSIS_HU
    centre = min(over(border.centre_hu, low, doubt), under(border.centre_hu, high, doubt))
    return min(centre, over(-border.lesion.core_hu, LEAST_LIVING_HU, doubt), 1 - border.filled)


def _fluid(border: Border, evidence: Evidence) -> float:
    level, dark = border.lesion.mean_hu, border.lesion.contrast_hu
    return min(
        under(level, SEPTATED_MEAN_HU, _level_doubt(border)), under(dark, 0.0, _contrast_doubt(border, evidence))
    )


def _divided(border: Border, evidence: Evidence) -> float:
    """How surely septa are there; a dead core's border is none."""
    septa = min(_fluid(border, evidence), over(border.lesion.septa_hu, SEPTA_HU, SEPTA_REPEAT_HU))
    return min(septa, 1 - _dead_core(border))
