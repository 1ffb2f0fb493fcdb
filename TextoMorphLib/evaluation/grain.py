"""`textomorph benchmark noise`: has a lesion the noise of the tissue around it, in strength, grain and direction?

The reference is looked for in another way than the synthesis does (`grain_tissue`), nearest first.
Lesion and reference are then measured by the same rule, and both have standard errors: they are samples. A correlation
of 0.15 is never known to 10% of itself from one lesion, so lesions of one scan are compared as a group, too. And the
reference is an estimate: where its own halves are farther apart than what is allowed, it is said to be indeterminate.
It is also another place, so the finest detail is held against that of the scan before at the very place (`grain_fine`).
With known noise (`known_noise`) the reference is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.grain_fine import fine
from TextoMorphLib.evaluation.grain_measures import NAMES, UNKNOWN, Grain, errors, grain, scatter
from TextoMorphLib.evaluation.grain_tissue import even
from TextoMorphLib.evaluation.known_noise import planted
from TextoMorphLib.evaluation.twins import largest
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.spatial.geometry import Box, grow, shifted, tight_box
from TextoMorphLib.synthesis import Synthesizer

AROUND_MM = 70.0  # how far around the lesion the reference is looked for,
SLICES_MM = 15.0  # and how far above and below
BORDER_MM = 2.5  # what is so near a lesion's border is not looked at
KEPT_VOXELS, MOST_SAME = 5, 0.3  # where so many of so wide a neighbourhood are the scan's own, nothing was drawn
LEAST_VOXELS, LEAST_TISSUE = 150, 1000  # of a lesion, and of its reference: fewer do not tell the noise
NEAR_ENOUGH = 0.1
CERTAIN = 1.96  # standard errors
# Half of a reference's 90% interval over the median distance of its halves: normal halves are 1.35 of its standard
# errors apart, and 1.645 of them are half of that interval.
INTERVAL = 1.645 / 1.349
SEEDS = 3  # lesions at each place
PARTS = (
    "within",
    "strictly",
    "or_interval",
    "not_beyond",
    "determinable",
    "within_determinable",
    "at_place",
    "tissue_at_place",
)
PLAIN = "isoattenuating, homogeneous, well-defined"


def run(
    model: Synthesizer,
    cases: Sequence[Case],
    sites: int,
    size_mm: float,
    on_trial: Callable[[int, int], object],
    crop_mm: float | None = None,
    known: bool = False,
) -> dict[str, Any]:
    """Draws homogeneous lesions in each case and holds their noise against the nearest homogeneous tissue's.

    Args:
        model: The model under test.
        cases: Where a case has a tumour, that is replaced; else lesions are put into its organ.
        sites: How many places of them.
        size_mm: Their diameter.
        on_trial: Called with (cases done, cases in all).
        crop_mm: Lesions are drawn in a crop with such sides around them, and held against the whole scan's tissue.
        known: Noise of known properties is put into the scans, and lesions are held against that.

    Returns:
        `trials`: what was measured of each; `counted`: of how many of them each question can be asked, and in how
        many the answer is yes. `within`: the SD is within 10% of the tissue's and the correlations within 0.1;
        `strictly`: each is within 10% of its value; `or_interval`: within 10% or 0.1, or within the reference's own 90%
        interval; `not_beyond`: within 10% of its value as far as can be told (95%); `determinable`: halves of the
        reference agree so well as `within` asks, and `within_determinable`: of those; `at_place`: as `within`, for the
        finest detail and the scan before at the lesion's place, and `tissue_at_place` for the reference and that.
        `scans`: means over each scan's places, and how far they are apart; `no_tissue`: how many have no reference;
        `too_small`: how many could not be measured; `refused`: why others were not drawn.
    """
    trials: list[dict[str, Any]] = []
    too_small, refused = 0, list[str]()
    for done, case in enumerate(cases, start=1):
        ct = Volume.read(case.ct)
        for number, (mask, tumours) in enumerate(_masks(case, ct, sites, size_mm)):
            try:
                first = SEEDS * (sites * done + number)
                scan, truth = _with_known_noise(ct, mask, first) if known else (ct, None)
                made = _drawn(model, scan, mask, tumours, case.organ, crop_mm, first)
                found = compare(scan, made, mask, tumours, truth)
            except InputError as error:
                refused.append(f"{case.id}: {error}")
                continue
            too_small += not found
            if found:
                row = {"case": case.id, "scan": str(case.ct), "organ": case.organ, "replaced": tumours is not None}
                trials.append({**row, **found, **_apart(found)})
        on_trial(done, len(cases))
    return {
        "trials": trials,
        "counted": {part: {name: _counted(trials, part, name) for name in NAMES} for part in PARTS},
        "scans": _by_scan(trials),
        "no_tissue": sum(not np.isfinite(row["tissue"]["sd"]) for row in trials),
        "too_small": too_small,
        "refused": refused,
    }


def _counted(trials: Sequence[dict[str, Any]], part: str, name: str) -> str:
    """In how many of how many trials a question's answer is yes."""
    of, among = ("within", "determinable") if part == "within_determinable" else (part, None)
    known = [row[of][name] for row in trials if row[of][name] is not None and (among is None or row[among][name])]
    return f"{sum(known)} of {len(known)}"


def _with_known_noise(ct: Volume, mask: np.ndarray, seed: int) -> tuple[Volume, Grain]:
    """The scan with known noise around a mask, and that noise as it is measured."""
    found = planted(ct, _around(ct, mask), seed)
    return found.volume, grain(found.noise, np.ones(found.noise.shape, bool), ct.spacing)


def _around(ct: Volume, mask: np.ndarray) -> Box:
    reach = np.full(3, AROUND_MM)
    reach[int(np.argmax(ct.spacing))] = SLICES_MM
    return grow(tight_box(mask), np.ceil(reach / ct.spacing), ct.shape)


def _drawn(
    model: Synthesizer,
    ct: Volume,
    mask: np.ndarray,
    tumours: np.ndarray | None,
    organ: str,
    crop_mm: float | None,
    first: int,
) -> list[Volume]:
    """The scan with a lesion, for each of several seeds from the first on."""
    box = (slice(None),) * 3 if crop_mm is None else _crop(ct, mask, crop_mm)
    cut = replace(ct, data=ct.data[box], affine=ct.affine @ shifted(box) if crop_mm else ct.affine)
    made = []
    for seed in range(first, first + SEEDS):
        lesion = model.synthesize(
            cut,
            mask[box],
            PLAIN,
            organ,
            seed,
            preset="preview",
            replace=tumours is not None,
            exclude=None if tumours is None else tumours[box],
        ).volume
        whole = ct.data.copy()
        whole[box] = lesion.data
        made.append(replace(ct, data=whole))
    return made


def _crop(ct: Volume, mask: np.ndarray, side_mm: float) -> tuple[slice, slice, slice]:
    tight = tight_box(mask)
    middle = np.array([(part.start + part.stop) / 2 for part in tight])
    half = np.array([side_mm / 2] * 3) / ct.spacing
    low = np.maximum(np.rint(middle - half), 0).astype(int)
    high = np.minimum(np.rint(middle + half), ct.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _by_scan(trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the places of each scan and organ, where there are several."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in trials:
        groups.setdefault((row["scan"], row["organ"]), []).append(row)
    found = []
    for (scan, organ), rows in groups.items():
        if len(rows) < 2:
            continue
        told: dict[str, Any] = {"scan": scan, "organ": organ, "places": len(rows)}
        for name in NAMES:
            tissue, lesion = (_mean([row[of][name] for row in rows]) for of in ("tissue", "lesion"))
            told[name] = {"tissue": tissue, "lesion": lesion, "apart": lesion / tissue - 1 if tissue else None}
        found.append(told)
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _masks(case: Case, ct: Volume, sites: int, size_mm: float) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Where lesions go, and all tumours of the scan if they replace one."""
    labels = case.targets(ct)
    if (labels > 1).any():
        yield largest(labels > 1, ct.spacing), labels > 1
        return
    for site in range(sites):
        yield lesion_mask(ct, labels == 1, size_mm, seed=site), None


def _apart(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The SD's ratio and the correlations' differences, and of each what the questions of `run` are answered with."""
    told: dict[str, Any] = {"apart": {}, **{part: {} for part in PARTS if part != "within_determinable"}}
    for name in NAMES:
        lesion, tissue, scatter_of = (found[of][name] for of in ("lesion", "tissue", "scatter"))
        difference, near = abs(lesion - tissue), NEAR_ENOUGH * (tissue if name == "sd" else 1.0)
        strict = NEAR_ENOUGH * abs(tissue)
        place = found["fine_before"][name]
        near_place = NEAR_ENOUGH * (place if name == "sd" else 1.0)
        told["apart"][name] = lesion / tissue - 1 if name == "sd" else lesion - tissue
        told["within"][name] = _within(difference, near)
        told["strictly"][name] = _within(difference, strict)
        told["or_interval"][name] = _within(difference, max(near, INTERVAL * scatter_of))
        told["not_beyond"][name] = _within(difference, strict + CERTAIN * found["errors"][name])
        told["determinable"][name] = _within(scatter_of, near) if np.isfinite(difference) else None
        told["at_place"][name] = _within(abs(found["fine_lesion"][name] - place), near_place)
        told["tissue_at_place"][name] = _within(abs(found["fine_tissue"][name] - place), near_place)
    return told


def _within(difference: float, allowed: float) -> bool | None:
    return bool(difference <= allowed) if np.isfinite(difference) and not np.isnan(allowed) else None


def compare(
    before: Volume,
    after: Sequence[Volume],
    mask: np.ndarray,
    tumours: np.ndarray | None = None,
    truth: Grain | None = None,
) -> dict[str, dict[str, float]]:
    """The noise in homogeneous lesions beside that of the nearest homogeneous tissue.

    Args:
        before: The scan without it.
        after: The scan with it, by several seeds.
        mask: Boolean, of the scans' shape: where the lesions are.
        tumours: Likewise, what else is no reference; None for nothing.
        truth: The scan's noise, where it is known: no tissue is looked for then.

    Returns:
        `lesion` (means over the seeds) and `tissue`, each as `Grain`, the standard `errors` of their differences, and
        the `scatter` of the reference: how far halves of it are apart; and the finest detail alone, `fine_lesion`,
        `fine_tissue`, and `fine_before`, that of the scan before where the lesion is. NaN where there is no homogeneous
        tissue; empty where the lesion is too small to be measured.
    """
    box = _around(before, mask)
    own, spacing = mask[box], before.spacing
    deep = away_from_border(own, spacing)
    hu = before.hu(box)
    deep &= ~_kept(hu, [each.hu(box) for each in after], own)
    tissue = even(hu, own if tumours is None else own | tumours[box], spacing, BORDER_MM) if truth is None else deep
    if np.count_nonzero(deep) < LEAST_VOXELS:
        return {}
    lesions = [each.hu(box) for each in after]
    squares = np.mean([np.square(list(errors(each, deep, spacing).values())) for each in lesions], axis=0) / len(after)
    of_tissue, apart, fine_tissue = truth or UNKNOWN, dict.fromkeys(NAMES, 0.0), UNKNOWN
    if truth is None and np.count_nonzero(tissue) >= LEAST_TISSUE:
        squares = squares + np.square(list(errors(hu, tissue, spacing).values()))
        of_tissue, apart = grain(hu, tissue, spacing), scatter(hu, tissue, spacing)
        fine_tissue = fine(hu, tissue, spacing)
    return {
        "lesion": _means([grain(each, deep, spacing) for each in lesions]),
        "tissue": asdict(of_tissue),
        "scatter": apart,
        "errors": dict(zip(NAMES, np.sqrt(squares).tolist(), strict=True)),
        "fine_lesion": _means([fine(each, deep, spacing) for each in lesions]),
        "fine_tissue": asdict(fine_tissue),
        "fine_before": asdict(fine(hu, deep, spacing)),
    }


def _means(of: Sequence[Grain]) -> dict[str, float]:
    return {name: float(np.mean([getattr(each, name) for each in of])) for name in NAMES}


def away_from_border(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The inside of a mask without what is near its border: boolean, of its shape."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1] > BORDER_MM)


def _kept(before: np.ndarray, after: Sequence[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """Where nothing was drawn: large vessels, fat, bone and dense contrast under a mask stay as they are.

    Only what lies under the mask counts: in slices of 5 mm a lesion's neighbours are mostly what is around it.
    """
    same = np.logical_and.reduce([each == before for each in after]) & mask
    inside, of = (ndimage.uniform_filter(each.astype(np.float32), KEPT_VOXELS) for each in (same, mask))
    kept = mask & (inside > MOST_SAME * of)
    return np.asarray(ndimage.binary_dilation(kept, iterations=KEPT_VOXELS // 2))
