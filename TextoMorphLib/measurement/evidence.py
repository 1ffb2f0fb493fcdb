"""What a scan tells of a lesion that is in it: its attributes, and what leaves them in doubt.

Where a lesion's border runs is known to a millimetre or so, whoever draws it. So all that is looked at within it is
looked at with several borders, and what is made of that (`chances`) is a mean over them. The scan itself often shows
where the border lies (`edge`): they lie around that place. So it changes little where another reader, or another grid,
moves the contour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, calcium_from_hu, measure_in
from TextoMorphLib.measurement.edge import Edge, border_edge, walled_share
from TextoMorphLib.measurement.parts import FAT_HU, GAS_HU
from TextoMorphLib.measurement.surroundings import LIGHTLY, Surroundings, noise_hu
from TextoMorphLib.spatial.geometry import resample
from TextoMorphLib.spatial.own_range import own_range
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import (
    BRIGHTEST,
    MOST_SPREAD_HU,
    SOFT_TISSUE_HU,
    apart_from_fat,
    lean,
    organ_hu,
    parenchyma_hu,
    smoothed,
    spread_hu,
)

BORDERS_MM = (0.0, -0.7, 0.7, -1.4, 1.4)  # how far out or in of where it is likeliest the lesion's border may lie
BORDER_MM = 1.0  # the standard deviation of that, and of where readers draw it
LEAST_LIKELY = 0.03  # next to the likeliest place, below which none is looked at
EDGE_DOUBT_MM = 0.4  # how well a border's place is known that is seen all around
TISSUE_MM3 = 120.0  # of healthy tissue, below which there is nothing to compare with
MIXED_LEVEL_HU = 15.0  # how far an organ's median may be from its own tissue's level
ORGAN_EDGE_MM = 2.0  # what is nearer to the organ's border, or the lesion's, is blurred with what lies there
PATCH_MM3 = 250.0  # healthy tissue this large is one sample of it
TISSUE_DOUBT_HU = 3.0
# Standard error of an organ's level where the tissue near is mixed with fat: so far it is off in the 65 of 83 patients
# in which that is not so.
MIXED_DOUBT_HU = 10.0
# Homogeneous is what looks even though there is noise. Smoothed by this, liver between its vessels varies by 3 to 5 HU
# (standard deviation over 22 mm, scans with a noise of 6 to 21 HU), real pancreatic tumours by 9.
EVEN_MM, LEAKING_MM = 2.0, 1.5  # from what is nearer to the border, what lies outside leaks in
# What is seen no deeper of a lesion that is as much deeper beyond the scan's edge may be its wall.
DOME_MM, DOME_DOUBT_MM, DEEPER, DEEPER_DOUBT = 5.0, 0.5, 1.3, 0.1
WALLED, WALLED_DOUBT = 0.6, 0.1  # share of a border that makes a wall,
WALL_DOUBT_MM = 0.7  # and how well its thickness is known
# How far these change with other noise, grids and contours, as shares of themselves or as they stand.
AMOUNT_DOUBT, SPREAD_DOUBT_HU, LEVEL_DOUBT_HU = 0.4, 2.0, 3.0


@dataclass(frozen=True)
class Border:
    """A lesion as it looks with its border in one place.

    Attributes:
        weight: How likely the border lies there; all sum up to 1.
        lesion: What is measured then.
        interior_mm3: Of the lesion without its border.
        uneven_hu: Standard deviation of its inside, border apart, smoothed by 2 mm: texture, gradients, parts, and what
            noise leaves.
        centre_hu: Level of the lesion's centre.
        edge: What the scan shows of its border.
        walled_share: Share of the border under which it is brighter than on both sides.
        zone_mm: How deep the zone around the centre lies that a core is held against.
    """

    weight: float
    lesion: Attributes
    interior_mm3: float
    uneven_hu: float
    centre_hu: float
    edge: Edge
    walled_share: float
    zone_mm: float = float("inf")

    @property
    def walled(self) -> float:
        """How surely there is a wall under its border."""
        return over(self.walled_share, WALLED, WALLED_DOUBT)

    @property
    def filled(self) -> float:
        """How surely a wall reaches so far in that what is around the centre is wall, not tissue."""
        return min(self.walled, over(self.lesion.wall_mm, self.zone_mm, WALL_DOUBT_MM))


@dataclass(frozen=True)
class Evidence:
    """What is known of a lesion.

    Attributes:
        lesion: Measured with the border as it was drawn.
        borders: As it looks with its border where it is likeliest, and then farther out and in.
        tissue_mm3: How much healthy tissue there is to compare with.
        tissue_hu: Standard deviation of its level,
        known: how sure it is that there is a level to compare with at all,
        own: and that it is what lies near, not the whole organ's.
        dome: How surely the scan's edge leaves no more of the lesion than what lies under its border.
        slice_mm: The scan's longest voxel side.
        brightest_hu: What the brightest fifth of healthy tissue reaches, smoothed by 1.5 mm; NaN if there is none.
        organ_mm: How far the organ near the lesion reaches from its border inwards; infinite if it is not known.
        calcium_outside: The share of what is bright enough for calcium that goes on outside the lesion.
        fat_outside: Likewise, of what is dark enough for fat,
        gas_outside: and for gas.
        notes: What is doubtful about all of it.
    """

    lesion: Attributes
    borders: tuple[Border, ...]
    tissue_mm3: float
    tissue_hu: float
    known: float
    own: float
    dome: float
    slice_mm: float
    brightest_hu: float
    organ_mm: float
    calcium_outside: float
    fat_outside: float
    gas_outside: float
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        region: Region,
        scan: Volume,
        healthy: np.ndarray | None,
        volume_ml: float | None = None,
        as_drawn: bool = False,
    ) -> Evidence:
        """Looks at a lesion.

        Args:
            region: Its neighbourhood, with all lesions marked as unusable.
            scan: The scan it was cut from.
            healthy: Boolean, of the scan's shape: the organ without lesions; None if it is not known.
            volume_ml: The lesion's volume on the scan's own grid; None for that of the region's.
            as_drawn: Whether the border is taken to be likeliest where it was drawn, whatever the scan shows.
        """
        ct, seen = region.ct, _seen_of(region)
        # Beyond the scan's edge the lesion gets no deeper than where it is seen.
        depth = np.minimum(region.depth, region.depth[seen].max())
        usable = depth <= 0 if region.usable is None else region.usable & (depth <= 0)
        notes, tissue, level, mixed, organ_mm = list[str](), _tissue(ct, depth, usable), None, False, float("inf")
        own = known = more(float(np.count_nonzero(tissue)), TISSUE_MM3)
        if healthy is not None:
            organ = usable & (_on(region, scan, healthy) > 0.9) & (depth < -1.5)
            known = more(float(np.count_nonzero(organ)), TISSUE_MM3)
            if known >= 0.5:
                usable, level = organ, organ_hu(ct, organ, np.ones(3))
                mixed = apart_from_fat(ct, organ, np.ones(3))
            tissue, own, note = _own_tissue(ct, organ, seen, depth, level)
            notes += [note] if note else []
            organ_mm = float(_inwards(organ, seen).max())
        level = parenchyma_hu(ct, depth, usable) if level is None else level
        smooth = ndimage.gaussian_filter(ct, 1.5)
        shown = smooth[tissue if tissue.any() else usable]
        around = _around(replace(region, depth=depth, usable=usable, limits=own_range(scan)), level)
        lesion, borders = _borders(ct, around, as_drawn)
        calcium = calcium_from_hu(float(np.median(ct[seen & (depth > 0)])), around.brightest_hu)
        scale = 1.0 if volume_ml is None else volume_ml / lesion.volume_ml
        return cls(
            lesion=_sized(lesion, scale),
            borders=tuple(replace(each, lesion=_sized(each.lesion, scale)) for each in borders),
            tissue_mm3=float(np.count_nonzero(tissue)),
            tissue_hu=_level_doubt(smooth[tissue], own, mixed),
            known=known if mixed else own,
            own=own,
            dome=_dome(float(depth.max()), float(region.depth.max())),
            slice_mm=float(scan.spacing.max()),
            brightest_hu=float(np.percentile(shown, BRIGHTEST)) if shown.size else float("nan"),
            organ_mm=organ_mm,
            calcium_outside=_outside(ndimage.gaussian_filter(ct, LIGHTLY) > calcium, depth, seen),
            fat_outside=_outside(ndimage.gaussian_filter(ct, 1.0) < FAT_HU[1], depth, seen),
            gas_outside=_outside(ndimage.gaussian_filter(ct, 0.6) < GAS_HU, depth, seen),
            notes=tuple(notes),
        )


def over(value: float, edge: float, doubt: float) -> float:
    """How likely something is over an edge, 0 to 1; 0 where there is no value."""
    return 0.0 if np.isnan(value - edge) else float(ndtr((value - edge) / doubt))


def under(value: float, edge: float, doubt: float) -> float:
    """How likely something is under an edge, 0 to 1; 0 where there is no value."""
    return over(-value, -edge, doubt)


def more(amount: float, least: float, doubt: float = AMOUNT_DOUBT) -> float:
    """How likely an amount is over another; what is in doubt is a share of it."""
    return over(float(np.log(max(amount, 1e-3) / least)), 0.0, doubt)


def _level_doubt(smooth: np.ndarray, own: float, mixed: bool) -> float:
    """Standard error of healthy tissue's level, where it is its own, and where it may be the whole organ's."""
    near = MIXED_DOUBT_HU
    if smooth.size:
        near = float(np.hypot(TISSUE_DOUBT_HU, smooth.std() / max(smooth.size / PATCH_MM3, 1) ** 0.5))
    return float((own * near**2 + (1 - own) * MIXED_DOUBT_HU**2) ** 0.5) if mixed else near


def _before(ct: np.ndarray, depth: np.ndarray, level: float) -> np.ndarray:
    """The scan without its lesion, of which no scan from before is known: healthy tissue was of one level."""
    return np.where(depth > 0, np.float32(level), ct)


def _borders(ct: np.ndarray, around: Surroundings, as_drawn: bool) -> tuple[Attributes, tuple[Border, ...]]:
    """The lesion as it was drawn, and with its border wherever it may lie, weighted."""
    # Of a lesion of a voxel or so nothing is left inside its own border.
    drawn = next(seen for out in (0.0, *(mm for mm in BORDERS_MM if mm > 0)) if (seen := _seen(ct, around, out)))
    # Under a wall the step that is seen is the wall's inner side.
    shown = 0.0 if as_drawn else under(drawn.walled_share, WALLED, WALLED_DOUBT)
    out, doubt = _likeliest_out(drawn.edge, shown, float(around.depth.max()))
    likely = {mm: float(np.exp(-0.5 * (mm / doubt) ** 2)) for mm in BORDERS_MM}
    looked_at = {mm: weight for mm, weight in likely.items() if weight > LEAST_LIKELY}
    offsets = [(weight, drawn if out + mm == 0 else _seen(ct, around, out + mm)) for mm, weight in looked_at.items()]
    seen_at = [(weight, seen) for weight, seen in offsets if seen is not None]
    total = sum(weight for weight, _ in seen_at)
    return drawn.lesion, tuple(replace(seen, weight=weight / total) for weight, seen in seen_at)


def _likeliest_out(edge: Edge, shown: float, deepest: float) -> tuple[float, float]:
    """How far outside the contour the border is likeliest to lie, mm, and how well that is known.

    Args:
        edge: What the scan shows of it,
        shown: how surely that is the lesion's own border,
        deepest: and how deep the lesion is, mm.
    """
    if np.isnan(edge.inside_mm):
        return 0.0, BORDER_MM
    trusted = shown * edge.inside_known * BORDER_MM**2 / (BORDER_MM**2 + edge.inside_doubt_mm**2 + EDGE_DOUBT_MM**2)
    return -min(trusted * edge.inside_mm, 0.5 * deepest), BORDER_MM * max(1 - trusted, 1e-3) ** 0.5


def _seen(ct: np.ndarray, drawn: Surroundings, out: float) -> Border | None:
    """The lesion with its border so many mm farther out; None where nothing of it is left."""
    depth, shown = drawn.depth + out, np.ones(ct.shape, bool) if drawn.unseen is None else ~drawn.unseen
    deepest = float(depth.max())
    if deepest <= 0.5:
        return None
    around = drawn.within(_before(ct, depth, drawn.parenchyma_hu), depth) if out else drawn
    share = walled_share(ct, depth, shown, around.in_plane, drawn.parenchyma_hu)
    found = measure_in(around, ct, walls=share > WALLED - WALLED_DOUBT)
    assert drawn.usable is not None
    # What a border steps to is the tissue under it: a dead core is no part of that.
    step = found.contrast_hu if np.isnan(found.living_hu) else found.living_hu
    beside = drawn.usable & (depth <= 0)
    edge = border_edge(ct, depth, shown, beside, around.in_plane, drawn.parenchyma_hu, step)
    inner, within = (shown & (depth > min(mm, 0.45 * deepest)) for mm in (3.0, LEAKING_MM))
    return Border(
        weight=1.0,
        lesion=replace(found, margin_mm=edge.width_mm),
        interior_mm3=float(np.count_nonzero(shown & (depth > min(3.0, 0.3 * deepest)))),
        uneven_hu=float(smoothed(ct, EVEN_MM, within)[inner].std()),
        centre_hu=float(np.median(ct[shown & (depth > 0.65 * deepest)])),
        edge=edge,
        walled_share=share,
        zone_mm=max(0.15 * deepest, min(3.0, 0.3 * deepest)) + 0.1 * deepest,
    )


def _sized(lesion: Attributes, scale: float) -> Attributes:
    """A lesion whose volume is so many times what was measured: the scan's own grid tells that better."""
    return replace(lesion, volume_ml=scale * lesion.volume_ml, diameter_mm=scale ** (1 / 3) * lesion.diameter_mm)


def _tissue(ct: np.ndarray, depth: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The commonest soft tissue from 1.5 mm outside the border on."""
    smooth = ndimage.gaussian_filter(ct, 1.5)
    soft = usable & (depth < -1.5) & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    if not soft.any():
        return soft
    return np.asarray(soft & (np.abs(smooth - parenchyma_hu(ct, depth, usable)) < 25))


def _around(region: Region, level: float) -> Surroundings:
    """What a lesion is measured against."""
    around = Surroundings.of(replace(region, ct=_before(region.ct, region.depth, level), organ_hu=level))
    interior = _seen_of(region) & (region.depth > min(3.0, 0.45 * float(region.depth.max())))
    return around.no_noisier(noise_hu(region.ct, interior))


def _seen_of(region: Region) -> np.ndarray:
    """Boolean: what the scan shows of a region."""
    return np.ones(region.ct.shape, bool) if region.unseen is None else ~region.unseen


def _dome(shown_mm: float, hidden_mm: float) -> float:
    """How surely no more than what lies under a border is seen: to so deep, of a lesion that is as deep unseen."""
    deeper = over(hidden_mm / shown_mm, DEEPER, DEEPER_DOUBT)
    return min(under(shown_mm, DOME_MM, DOME_DOUBT_MM), deeper)


def _inwards(organ: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How far each voxel of an organ lies from its border, mm; the region's edge, and the scan's, are none."""
    going_on = np.pad(organ | ~seen, 1, mode="edge")
    return np.asarray(ndimage.distance_transform_edt(going_on)[1:-1, 1:-1, 1:-1] * organ)


def _own_tissue(
    ct: np.ndarray, organ: np.ndarray, seen: np.ndarray, depth: np.ndarray, level: float | None
) -> tuple[np.ndarray, float, str]:
    """Where an organ near a lesion shows its own tissue, how surely it does, and what is doubtful about it."""
    deep = organ & (_inwards(organ, seen) > ORGAN_EDGE_MM)
    tissue = lean(ct, deep)
    enough = more(float(np.count_nonzero(deep)), TISSUE_MM3)
    if not tissue.any():
        return tissue, 0.0, "too little of the organ is near to compare with"
    alike = under(spread_hu(ct, deep, tissue), MOST_SPREAD_HU, SPREAD_DOUBT_HU)
    apart = 0.0 if level is None else abs(parenchyma_hu(ct, depth, tissue) - level)
    left = more(float(np.count_nonzero(tissue)), TISSUE_MM3)
    own = min(enough, left, alike, under(apart, MIXED_LEVEL_HU, LEVEL_DOUBT_HU))
    if own >= 0.5:
        return tissue, own, ""
    if enough < 0.5:
        return tissue, own, "too little of the organ is near to compare with"
    return tissue, own, "the organ near is mixed with fat: its level is in doubt"


def _on(region: Region, scan: Volume, mask: np.ndarray) -> np.ndarray:
    """A mask of the scan's on a region's grid, 0 to 1."""
    return resample(mask.astype(np.float32), np.linalg.inv(scan.affine) @ region.affine, region.ct.shape)


def _outside(marked: np.ndarray, depth: np.ndarray, seen: np.ndarray) -> float:
    """The share of a lesion's marked voxels that hang together with such voxels outside it."""
    marked = marked & seen
    pieces, count = ndimage.label(marked & (depth > -3))
    if not count:
        return 0.0
    inside, outside = marked & (depth > 0), marked & (depth <= -0.5)
    going_on = np.unique(pieces[outside])
    joined = np.count_nonzero(np.isin(pieces[inside], going_on[going_on > 0]))
    return float(joined / max(int(np.count_nonzero(inside)), 1))
