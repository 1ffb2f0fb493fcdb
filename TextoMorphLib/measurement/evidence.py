"""How surely a lesion that is in a scan has an attribute.

The number itself, what noise and the border leave in doubt, and what speaks against taking it at its word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import CALCIUM_HU, Attributes, measure
from TextoMorphLib.measurement.edge import border_width, walled_share
from TextoMorphLib.measurement.parts import FAT_HU, GAS_HU
from TextoMorphLib.spatial.geometry import resample
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import BRIGHTEST, SOFT_TISSUE_HU, apart_from_fat, lean, organ_hu, parenchyma_hu

BORDERS_MM = (0.0, -0.7, 0.7)  # how far out or in the lesion's border may have been drawn
SMALL_MM = 8.0  # the voxels of smaller lesions are mixed with their surroundings: too small to say what they hold
TISSUE_MM3 = 120  # of healthy tissue, below which there is nothing to compare with
MIXED_LEVEL_HU = 15.0  # how far an organ's median may be from its own tissue's level
ORGAN_EDGE_MM = 2.0  # what is nearer to the organ's border, or the lesion's, is blurred with what lies there
# Fat and what lies beside an organ only ever darken it: a lesion is hyperattenuating that is brighter than the organ's
# brightest parts, too, and beside more of it than a thin shell.
BRIGHTER_HU, SHELL_MM = 10.0, 5.0
PATCH_MM3 = 250.0  # healthy tissue this large is one sample of it
TISSUE_DOUBT_HU = 3.0
# Standard error of an organ's level where the tissue near is mixed with fat: so far it is off in the 65 of 83 patients
# in which that is not so.
MIXED_DOUBT_HU = 10.0
CONTENT_DOUBT_HU = 6.0  # solid and fluid are a guess from one scan
GRAIN_MM3 = 100.0  # of texture smoothed by 1.3 mm: what is nearer is one sample
LEAST_GRAINS = 6
NOISE_LEFT = 0.3  # share of the fine noise that this smoothing leaves, and what of that is in doubt
# Homogeneous is what looks even though there is noise. Smoothed by this, liver between its vessels varies by 3 to 5 HU
# (standard deviation over 22 mm, scans with a noise of 6 to 21 HU), real pancreatic tumours by 9.
EVEN_MM, EVEN_HU = 2.0, 6.0
EVEN_GRAIN_MM3 = 360.0  # of what is smoothed so: what is nearer is one sample
NECROSIS_HU = (0.0, 45.0)  # what a necrotic core is in any phase,
LEAST_LIVING_HU = 15.0  # and how much brighter what is around it
FLUID_TEXTURE_HU = 12.0  # a simple fluid varies less
# Septa divide fluid: where a lesion's mean is over this, what looks like sheets is streaks of noise, or vessels. The
# height from which they are septa is the vocabulary's.
SEPTATED_MEAN_HU, SEPTA_HU = 50.0, 10.0
SEPTA_DOUBT, SEPTA_NOISE = 4.0, 0.25  # HU, and share of the noise, that sheets of nothing but noise may reach
NEVER_NEGATIVE = ("texture_hu", "margin_mm", "wall_mm", "bright_fraction", "calcium_mm")
WALLED = 0.6  # share of a border that makes a wall


@dataclass(frozen=True)
class Evidence:
    """What is known of a lesion.

    Attributes:
        lesion: Measured with the border as it was drawn,
        variants: and with it drawn farther out and in.
        tissue_mm3: How much healthy tissue there is to compare with.
        tissue_doubt_hu: Standard deviation of its level.
        interior_mm3: Of the lesion without its border.
        uneven_hu: Standard deviation of its inside, border apart, smoothed by 2 mm: texture, gradients, parts, and what
            noise leaves.
        slice_mm: The scan's longest voxel side.
        margin_doubt_mm: Standard error of its border's width.
        core_hu: Level of the lesion's centre.
        brightest_hu: What the brightest fifth of healthy tissue reaches, smoothed by 1.5 mm; NaN if there is none.
        organ_mm: How far the organ near the lesion reaches from its border inwards; infinite if it is not known.
        walled_share: Share of the border under which it is brighter than on both sides.
        calcium_goes_on: Whether most of what is bright enough for calcium goes on outside the lesion.
        fat_goes_on: Likewise, of what is dark enough for fat,
        gas_goes_on: and for gas.
        notes: What is doubtful about all of it.
    """

    lesion: Attributes
    variants: tuple[Attributes, ...]
    tissue_mm3: float
    tissue_doubt_hu: float
    interior_mm3: float
    uneven_hu: float
    slice_mm: float
    margin_doubt_mm: float
    core_hu: float
    brightest_hu: float
    organ_mm: float
    walled_share: float
    calcium_goes_on: bool
    fat_goes_on: bool
    gas_goes_on: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, region: Region, scan: Volume, healthy: np.ndarray | None) -> Evidence:
        """Looks at a lesion.

        Args:
            region: Its neighbourhood, with all lesions marked as unusable.
            scan: The scan it was cut from.
            healthy: Boolean, of the scan's shape: the organ without lesions; None if it is not known.
        """
        ct, depth = region.ct, region.depth
        usable = depth <= 0 if region.usable is None else region.usable & (depth <= 0)
        notes: list[str] = []
        tissue, level, unknown = _tissue(ct, depth, usable), None, float("inf")
        organ_mm = float("inf")
        if healthy is not None:
            organ = usable & (_on(region, scan, healthy) > 0.9) & (depth < -1.5)
            if np.count_nonzero(organ) >= TISSUE_MM3:
                usable, level = organ, organ_hu(ct, organ, np.ones(3))
                unknown = MIXED_DOUBT_HU if apart_from_fat(ct, organ, np.ones(3)) else unknown
            tissue, note = _own_tissue(ct, depth, organ, level)
            notes += [note] if note else []
            organ_mm = float(_inwards(organ).max())
        level = parenchyma_hu(ct, depth, usable) if level is None else level
        smooth = ndimage.gaussian_filter(ct, 1.5)
        shown, smooth = smooth[tissue if tissue.any() else usable], smooth[tissue]
        samples = max(smooth.size / PATCH_MM3, 1)
        doubt = float(np.hypot(TISSUE_DOUBT_HU, smooth.std() / samples**0.5)) if smooth.size else unknown
        variants = []
        for border in BORDERS_MM:
            shifted = depth + border
            if shifted.max() <= 0.5:
                continue
            variants.append(_measured(ct, shifted, level, usable & (shifted <= 0)))
        deepest = float(depth.max())
        return cls(
            lesion=variants[0],
            variants=tuple(variants),
            tissue_mm3=float(np.count_nonzero(tissue)),
            tissue_doubt_hu=doubt,
            interior_mm3=float(np.count_nonzero(depth > min(3.0, 0.3 * deepest))),
            uneven_hu=float(ndimage.gaussian_filter(ct, EVEN_MM)[depth > min(3.0, 0.45 * deepest)].std()),
            slice_mm=float(scan.spacing.max()),
            margin_doubt_mm=float(np.hypot(border_width(ct, depth, usable, level, variants[0].contrast_hu)[1], 0.3)),
            core_hu=float(np.median(ct[depth > 0.65 * deepest])),
            brightest_hu=float(np.percentile(shown, BRIGHTEST)) if shown.size else float("nan"),
            organ_mm=organ_mm,
            walled_share=walled_share(ct, depth),
            calcium_goes_on=_goes_on(ndimage.gaussian_filter(ct, 0.5) > CALCIUM_HU, depth),
            fat_goes_on=_goes_on(ndimage.gaussian_filter(ct, 1.0) < FAT_HU[1], depth),
            gas_goes_on=_goes_on(ndimage.gaussian_filter(ct, 0.6) < GAS_HU, depth),
            notes=tuple(notes),
        )


def chance(evidence: Evidence, attribute: str, low: float, high: float) -> float:
    """How likely it is that an attribute lies in a range, 0 to 1; the mean over borders drawn a little otherwise."""
    spread = DOUBTS.get(attribute, _unit_doubt(attribute))(evidence)
    if attribute in NEVER_NEGATIVE and low <= 0:  # it is not in doubt there
        low = -np.inf
    found = []
    for lesion in evidence.variants:
        value = float(getattr(lesion, attribute))
        inside = ndtr((high - value) / spread) - ndtr((low - value) / spread)
        found.append(0.0 if np.isnan(value) else float(inside))
    return float(np.mean(found))


def _level_doubt(evidence: Evidence) -> float:
    """Of the mean of a lesion's interior: noise of neighbours is alike, so 30 mm3 are one sample."""
    return float(evidence.lesion.noise_inside_hu / max(evidence.interior_mm3 / 30, 1) ** 0.5 + 1)


def _texture_doubt(evidence: Evidence) -> float:
    texture = evidence.lesion.texture_hu
    sampled = texture / (2 * max(evidence.interior_mm3 / GRAIN_MM3, 1)) ** 0.5
    left = (NOISE_LEFT * evidence.lesion.noise_outside_hu) ** 2 * NOISE_LEFT / max(texture, 1)
    return float(np.hypot(sampled, left) + 0.5)


def _uneven_at_most(evidence: Evidence) -> float:
    """How much the inside may vary, HU: what was measured and its standard error."""
    return evidence.uneven_hu * (1 + 1 / (2 * max(evidence.interior_mm3 / EVEN_GRAIN_MM3, 1)) ** 0.5)


def _unit_doubt(attribute: str) -> Callable[[Evidence], float]:
    """The doubt about an attribute that has none of its own: three times a level's in HU, 0.7 mm, or 5% of a share."""
    if attribute.endswith("_hu"):
        return lambda evidence: 3 * _level_doubt(evidence)
    return lambda evidence: 0.7 if attribute.endswith("_mm") else 0.05


DOUBTS: dict[str, Callable[[Evidence], float]] = {
    "contrast_hu": lambda evidence: float(np.hypot(evidence.tissue_doubt_hu, _level_doubt(evidence))),
    "mean_hu": lambda evidence: float(np.hypot(CONTENT_DOUBT_HU, _level_doubt(evidence))),
    "texture_hu": _texture_doubt,
    "margin_mm": lambda evidence: evidence.margin_doubt_mm,
    "septa_hu": lambda evidence: float(np.hypot(SEPTA_DOUBT, SEPTA_NOISE * evidence.lesion.noise_inside_hu)),
    "core_hu": lambda evidence: 2.5 * _level_doubt(evidence),
    "bright_fraction": lambda evidence: 0.0005,
    "fat_fraction": lambda evidence: 0.02,
    "gas_fraction": lambda evidence: 0.002,
    "calcium_mm": lambda evidence: 0.5,
}


def doubtful(kind: str, value: str, evidence: Evidence, described: Mapping[str, str]) -> str:
    """Why a value must not be said, whatever its number; empty if it may."""
    lesion, reason = evidence.lesion, ""
    small = lesion.diameter_mm < SMALL_MM
    if kind == "density" and evidence.tissue_mm3 < TISSUE_MM3 and np.isinf(evidence.tissue_doubt_hu):
        reason = "there is too little healthy tissue around to compare with"
    elif (kind, value) == ("density", "hyper") and evidence.tissue_mm3 < TISSUE_MM3:
        reason = "the organ near is mixed with fat, which darkens it"
    elif (kind, value) == ("density", "hyper") and evidence.organ_mm < SHELL_MM:
        reason = "what is left of the organ is a shell, darkened by what lies around it"
    elif (kind, value) == ("density", "hyper") and lesion.mean_hu < evidence.brightest_hu + BRIGHTER_HU:
        reason = "parts of the tissue around are as bright"
    elif kind in ("content", "texture", "wall", "septa", "fat") and small:
        reason = f"too small ({lesion.diameter_mm:.0f} mm) to say what it holds"
    elif kind == "texture" and evidence.interior_mm3 < LEAST_GRAINS * GRAIN_MM3:
        reason = "too small to judge texture"
    elif kind == "margin" and (np.isnan(lesion.margin_mm) or evidence.tissue_mm3 < TISSUE_MM3):
        reason = "it differs too little from healthy tissue, or too little of that is around it, to judge its border"
    elif kind == "margin" and value == "ill" and evidence.slice_mm > 4:
        reason = "the slices are too thick to call a border blurred"
    elif (kind, value) == ("texture", "homogeneous") and described.get("content") == "necrotic":
        reason = "it has a core"
    elif (kind, value) == ("texture", "homogeneous") and _uneven_at_most(evidence) > EVEN_HU:
        reason = "it varies too much to be called homogeneous, or noise hides whether it does"
    elif kind == "septa" and not _holds_fluid(evidence):
        reason = "it is no fluid that septa could divide"
    elif (kind, value) == ("texture", "heterogeneous") and _divided(evidence):
        reason = "septa make it uneven"
    elif (kind, value) == ("content", "cystic") and lesion.texture_hu > FLUID_TEXTURE_HU and not _divided(evidence):
        reason = "too uneven for a simple fluid"
    elif (kind, value) == ("content", "necrotic"):
        living = evidence.core_hu - lesion.core_hu
        if not NECROSIS_HU[0] <= evidence.core_hu <= NECROSIS_HU[1] or living < evidence.core_hu + LEAST_LIVING_HU:
            reason = "its centre is not as dark as necrosis"
    elif kind == "content" and value in ("solid", "necrotic") and _divided(evidence):
        reason = "septa divide it"
    elif (kind, value) == ("content", "solid") and described.get("density") == "hypo" and lesion.mean_hu < 40:
        reason = "between fluid and solid tissue"
    elif kind == "wall" and evidence.walled_share < WALLED:
        reason = "no layer under its border is brighter than on both sides"
    elif kind == "calcification" and evidence.calcium_goes_on:
        reason = "what is bright enough goes on outside: a vessel, bone or a stent"
    elif kind in ("fat", "gas") and (evidence.fat_goes_on if kind == "fat" else evidence.gas_goes_on):
        reason = f"what is dark enough for {kind} goes on outside"
    return reason


def _holds_fluid(evidence: Evidence) -> bool:
    return evidence.lesion.mean_hu <= SEPTATED_MEAN_HU and evidence.lesion.contrast_hu < 0


def _divided(evidence: Evidence) -> bool:
    """Whether septa are there."""
    return _holds_fluid(evidence) and evidence.lesion.septa_hu >= SEPTA_HU


def _measured(ct: np.ndarray, depth: np.ndarray, level: float, usable: np.ndarray) -> Attributes:
    """The attributes of a lesion of which no scan from before is known: healthy tissue was of one level."""
    found = measure(np.where(depth > 0, np.float32(level), ct), ct, depth, usable, organ_hu=level)
    return replace(found, margin_mm=border_width(ct, depth, usable, level, found.contrast_hu)[0])


def _tissue(ct: np.ndarray, depth: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The commonest soft tissue from 1.5 mm outside the border on."""
    smooth = ndimage.gaussian_filter(ct, 1.5)
    soft = usable & (depth < -1.5) & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    if not soft.any():
        return soft
    return np.asarray(soft & (np.abs(smooth - parenchyma_hu(ct, depth, usable)) < 25))


def _inwards(organ: np.ndarray) -> np.ndarray:
    """How far each voxel of an organ lies from its border, mm; the region's edge is none."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(organ, 1, mode="edge"))[1:-1, 1:-1, 1:-1])


def _own_tissue(ct: np.ndarray, depth: np.ndarray, organ: np.ndarray, level: float | None) -> tuple[np.ndarray, str]:
    """Where an organ near a lesion shows its own tissue, and what is doubtful about it."""
    deep = organ & (_inwards(organ) > ORGAN_EDGE_MM)
    own = lean(ct, deep)
    if np.count_nonzero(deep) < TISSUE_MM3:
        return own, "too little of the organ is near to compare with"
    agrees = own.any() and (level is None or abs(parenchyma_hu(ct, depth, own) - level) <= MIXED_LEVEL_HU)
    if np.count_nonzero(own) < TISSUE_MM3 or not agrees:
        return np.zeros_like(own), "the organ near is mixed with fat: its level is in doubt"
    return own, ""


def _on(region: Region, scan: Volume, mask: np.ndarray) -> np.ndarray:
    """A mask of the scan's on a region's grid, 0 to 1."""
    return resample(mask.astype(np.float32), np.linalg.inv(scan.affine) @ region.affine, region.ct.shape)


def _goes_on(marked: np.ndarray, depth: np.ndarray) -> bool:
    """Whether most marked voxels of a lesion hang together with such voxels outside it."""
    pieces, count = ndimage.label(marked & (depth > -3))
    if not count:
        return False
    inside, outside = marked & (depth > 0), marked & (depth <= -0.5)
    going_on = np.unique(pieces[outside])
    joined = np.count_nonzero(np.isin(pieces[inside], going_on[going_on > 0]))
    return bool(joined > 0.5 * max(int(np.count_nonzero(inside)), 1))
