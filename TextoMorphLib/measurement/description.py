"""A lesion that is in a scan, into words: measured against the healthy tissue outside all lesions, one term a kind.

A term is said only where the measurement is surely in its range (`Resources/Vocabulary/terms`), given what noise, the
scan's voxels, the lesion's size and a border drawn otherwise would change (`evidence`, `chances`); what is likely but
not so sure is told apart. What one scan cannot tell (phases, washout, what the lesion is) is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes
from TextoMorphLib.measurement.chances import Rating, chance, rate
from TextoMorphLib.measurement.evidence import Evidence
from TextoMorphLib.spatial.geometry import across_patient, grow, resample, shifted, tight_box
from TextoMorphLib.spatial.region import UNKNOWN_HU, UNUSABLE, Region, cover, lesions, regions
from TextoMorphLib.spatial.scan_edges import going_on
from TextoMorphLib.text.concepts import ATTRIBUTES, LEARNED, QUALIFIES, Description
from TextoMorphLib.text.vocabulary import Check, Term, terms

SURE = 0.8  # how sure a term must be to be said,
LIKELY = 0.6  # and to be told of at all
FAR_MM = 16.0  # around a lesion, where healthy tissue is looked for
PARTS = ("fat", "gas")  # of what rules draw: what no streak of noise, gradient or contour too wide looks like
# Needs phases, cannot be told from clots, or from bubbles.
NEVER = (("density", "arterial"), ("content", "haemorrhagic"), ("gas", "level"))
CUT = "the scan's edge cuts the lesion: its size is what is seen of it, and its border is judged where it is seen"
# What lies between the ranges of a degree's densities parts them.
DEGREES = {"hypo": ("hypo mild", "hypo plain", "hypo marked"), "hyper": ("hyper mild", "hyper plain", "hyper marked")}


@dataclass(frozen=True)
class Said:
    """A term that is said of a lesion.

    Attributes:
        kind: What it speaks of, such as margin.
        value: What it says of that.
        term: Its name in the vocabulary.
        confidence: How surely it holds, 0 to 1.
        attribute: What was measured for it,
        measured: and how much that is (HU, mm or a share).
    """

    kind: str
    value: str
    term: str
    confidence: float
    attribute: str
    measured: float

    def as_json(self) -> dict[str, Any]:
        """It in plain types, numbers rounded."""
        return {**asdict(self), "confidence": round(self.confidence, 3), "measured": round(self.measured, 3)}


@dataclass(frozen=True)
class Words:
    """A lesion in words.

    Attributes:
        text: All that is said, as a phrase that reads back to the same description.
        said: Each term.
        unsure: Terms that are likely, but not sure enough to be said.
        unsaid: Kinds of which nothing is said, and why.
        attributes: The numbers behind them.
        diameters_mm: The longest diameter in a slice and the longest across it, as reports give them.
        centre_mm: RAS.
        notes: What is doubtful about all of it.
        cut: Whether the scan's edge, or what is unknown of the scan, cuts it: it may be larger.
    """

    text: str
    said: tuple[Said, ...]
    unsure: tuple[Said, ...]
    unsaid: dict[str, str]
    attributes: Attributes
    diameters_mm: tuple[float, float]
    centre_mm: tuple[float, float, float]
    notes: tuple[str, ...] = ()
    cut: bool = False

    @property
    def size(self) -> str:
        """Its diameters as reports give them."""
        return size(self.diameters_mm, self.cut)

    @property
    def description(self) -> Description:
        """The terms as kinds and values."""
        return {each.kind: each.value for each in self.said}

    def as_json(self) -> dict[str, Any]:
        """All of it in plain types, numbers rounded."""
        numbers = {name: float(value) for name, value in asdict(self.attributes).items()}
        return {
            "text": self.text,
            "description": self.description,
            "terms": [each.as_json() for each in self.said],
            "unsure": [each.as_json() for each in self.unsure],
            "unsaid": self.unsaid,
            "cut_by_edge": self.cut,
            "diameters_mm": [round(mm, 1) for mm in self.diameters_mm],
            "centre_mm": [round(mm, 1) for mm in self.centre_mm],
            "attributes": {name: round(value, 3) if np.isfinite(value) else None for name, value in numbers.items()},
            "notes": list(self.notes),
        }


def describe(
    volume: Volume,
    mask: np.ndarray,
    organ: str = "liver",
    others: np.ndarray | None = None,
    healthy: np.ndarray | None = None,
    sure: float = SURE,
    as_drawn: bool = False,
) -> list[Words]:
    """Describes each lesion of a mask.

    Args:
        volume: The scan.
        mask: Boolean, of its shape: the lesions.
        organ: Decides which of the vocabulary's terms are used.
        others: Boolean, of its shape: further lesions, which are no healthy tissue.
        healthy: Boolean, of its shape: the organ, which healthy tissue is then taken from. Without it, that is the
            commonest soft tissue around.
        sure: How sure a term must be to be said, 0.6 to 1. `SURE` is for words that the same lesion gets in another
            scan of it, `LIKELY` for all that can be said of this one.
        as_drawn: Whether a lesion is what its contour holds, as when another is to be drawn there, and not what the
            scan shows the border of.

    Returns:
        One description a lesion (components nearer than 10 mm are one), in the order in which the grid meets them.
    """
    excluded = mask if others is None else mask | others
    found = []
    for box, lesion in lesions(mask, volume.spacing):
        own = np.zeros(mask.shape, bool)
        own[box] = lesion
        found.append(_words(volume, own, organ, excluded, healthy, sure, as_drawn))
    return found


def words_to_draw(volume: Volume, mask: np.ndarray, organ: str, others: np.ndarray, healthy: np.ndarray) -> Words:
    """What a lesion is told as where another is to be drawn in its outline: all that is likely of it there.

    Args:
        volume: The scan.
        mask: Boolean, of its shape: one lesion.
        organ: Decides which of the vocabulary's terms are used.
        others: Boolean, of its shape: further lesions.
        healthy: Boolean, of its shape: the organ; empty if it is not known.
    """
    return describe(volume, mask, organ, others, healthy if healthy.any() else None, LIKELY, as_drawn=True)[0]


def _words(
    volume: Volume,
    mask: np.ndarray,
    organ: str,
    excluded: np.ndarray,
    healthy: np.ndarray | None,
    sure: float,
    as_drawn: bool,
) -> Words:
    found_at = regions(volume, mask, context_mm=FAR_MM, exclude=excluded)
    region = _seen_to_the_edge(volume, max(found_at, key=lambda each: each.mask.sum()), excluded)
    millilitres = float(np.count_nonzero(mask)) * volume.voxel_mm3 / 1000
    organ_alone = None if healthy is None else healthy & ~excluded
    evidence = Evidence.of(region, volume, organ_alone, millilitres, as_drawn)
    found, unsaid = _terms(evidence, organ)
    said = [each for each in found if each.confidence >= sure]
    diameters = _diameters(volume, mask)
    centre = volume.affine @ np.array([*ndimage.center_of_mass(mask), 1.0])
    cut = _is_cut(volume, mask)
    notes = [CUT] if cut else []
    return Words(
        phrase(said, size(diameters, cut)),
        tuple(said),
        tuple(each for each in found if each.confidence < sure),
        unsaid,
        evidence.lesion,
        diameters,
        (float(centre[0]), float(centre[1]), float(centre[2])),
        (*notes, *evidence.notes),
        cut,
    )


def _seen_to_the_edge(volume: Volume, region: Region, excluded: np.ndarray) -> Region:
    """A region whose lesion goes on beyond the scan's edge, with what is healthy up to that edge."""
    region = going_on(volume, region)
    if region.unseen is None:
        return region
    box, matrix = cover(volume, region.affine, region.ct.shape)
    inside = grow(box, np.zeros(3), volume.shape)
    bad = (excluded[inside] | (volume.hu(inside) <= UNKNOWN_HU)).astype(np.float32)
    to_inside = np.linalg.inv(shifted(inside)) @ shifted(box) @ matrix
    usable = resample(bad, to_inside, region.ct.shape) < UNUSABLE
    return replace(region, usable=usable & ~region.unseen)


def _terms(evidence: Evidence, organ: str) -> tuple[list[Said], dict[str, str]]:
    """The likeliest term of each kind, and why nothing is said of the kinds of which none is likely."""
    found: dict[str, Said] = {}
    unsaid: dict[str, str] = {}
    for kind in (*LEARNED, *PARTS):
        of = "density" if kind == "degree" else QUALIFIES.get(kind, "")
        qualified = found.get(of)
        if of and qualified is None:
            continue
        term = _degree(evidence, qualified, organ) if kind == "degree" else _surest(kind, evidence, qualified, organ)
        if isinstance(term, Said):
            found[kind] = term
        elif term:
            unsaid[kind] = term
    return list(found.values()), unsaid


def _surest(kind: str, evidence: Evidence, qualified: Said | None, organ: str) -> Said | str:
    """The likeliest of a kind's terms, or why none is."""
    options: dict[str, Term] = {}
    for term in terms(organ):
        value = term.kinds.get(kind)
        proper = term.about == "lesion" and term.measured and set(term.kinds) <= {kind, QUALIFIES.get(kind, kind)}
        if value and proper and (kind, value) not in NEVER:
            options.setdefault(value, term)
    if not options:
        return ""
    rated = {value: rate(kind, value, term, evidence) for value, term in options.items()}
    value = max(rated, key=lambda each: rated[each].confidence)
    attribute = options[value].measured[-1].attribute
    measured = float(getattr(evidence.lesion, attribute))
    # Surer than what it says more of it cannot be.
    confidence = min(rated[value].confidence, qualified.confidence if qualified else 1.0)
    if confidence >= LIKELY:
        return Said(kind, value, options[value].name, confidence, attribute, measured)
    return _why_not(list(rated.values()), attribute, measured)


def _why_not(rated: Sequence[Rating], attribute: str, measured: float) -> str:
    """Why none of a kind's terms is said."""
    if np.isnan(measured):
        return "could not be measured"
    likeliest = max(rated, key=lambda each: each.fits)
    if likeliest.reason and likeliest.fits >= LIKELY:
        return likeliest.reason
    if attribute.endswith("_fraction") and not measured:
        return "none is seen"
    return f"{attribute} of {measured:.3g} fits no term clearly"


def _degree(evidence: Evidence, density: Said | None, organ: str) -> Said | str:
    """Mild or marked, where the density is said."""
    if density is None or density.value not in DEGREES:
        return ""
    hu = ATTRIBUTES["density"].rendered["hu"]
    mild, plain, marked = (sorted(abs(end) for end in hu[name]) for name in DEGREES[density.value])
    sign = -1 if density.value == "hypo" else 1
    ends = {"mild": (0.0, (mild[1] + plain[0]) / 2), "marked": ((plain[1] + marked[0]) / 2, 400.0)}
    for value, (low, high) in ends.items():
        near, far = sorted((sign * low, sign * high))
        sure = min(chance(evidence, Check("contrast_hu", near, far)), density.confidence)
        named = [term for term in terms(organ) if term.kinds == {"degree": value}]
        if sure >= LIKELY and named:
            return Said("degree", value, named[0].name, sure, "contrast_hu", evidence.lesion.contrast_hu)
    return ""


def size(diameters_mm: Sequence[float], cut: bool) -> str:
    """Two diameters as reports give them: "24 x 18 mm", and "at least" so much of what goes on unseen."""
    return "at least " * cut + " x ".join(f"{max(mm, 1):.0f}" for mm in diameters_mm) + " mm"


def phrase(said: Iterable[Said], size: str = "") -> str:
    """The terms as a phrase: "mildly hypoattenuating, ill-defined solid lesion with calcification, 24 x 18 mm"."""
    by_kind = {each.kind: each for each in said}
    qualified = {QUALIFIES[kind] for kind in by_kind if kind in QUALIFIES}
    front: list[str] = []
    nouns: list[str] = []
    for kind, each in by_kind.items():
        if kind in qualified or kind == "degree":
            continue
        name = each.term
        if kind == "density" and "degree" in by_kind:
            name = f"{by_kind['degree'].term} {name}"
        (nouns if "calcif" in name else front).append(name)
    last = f" {front.pop()}" if front else ""
    text = ", ".join(front) + ("," if front else "") + last + " lesion"
    text += f" with {' and '.join(nouns)}" if nouns else ""
    return f"{text}, {size}".strip() if size else text.strip()


def _diameters(volume: Volume, mask: np.ndarray) -> tuple[float, float]:
    """The longest diameter in a slice, voxels' edges included, and the longest across it in that slice, mm."""
    across = across_patient(volume.affine)
    plane = np.delete(volume.spacing, across)
    best = (0.0, 0.0)
    for slice_ in np.moveaxis(mask, across, 0):
        voxels = np.argwhere(slice_ & ~ndimage.binary_erosion(slice_)) * plane
        if len(voxels) < 2:
            continue
        try:
            hull = voxels[ConvexHull(voxels).vertices]
        except QhullError:  # all on a line
            hull = voxels
        apart = cdist(hull, hull)
        if apart.max() + plane.mean() <= best[0]:
            continue
        a, b = np.unravel_index(apart.argmax(), apart.shape)
        along = (hull[b] - hull[a]) / apart.max()
        width = np.ptp(voxels @ np.array([-along[1], along[0]]))
        best = (float(apart.max() + plane.mean()), float(width + plane.mean()))
    return best if best[0] else (float(plane.mean()), float(plane.mean()))


def _is_cut(volume: Volume, mask: np.ndarray) -> bool:
    """Whether a lesion reaches the scan's edge, or what is unknown of the scan."""
    box = grow(tight_box(mask), np.ones(3), mask.shape)
    known_around = ndimage.binary_erosion(volume.hu(box) > UNKNOWN_HU)  # beyond the scan's edge nothing is known
    return bool((mask[box] & ~known_around).any())
