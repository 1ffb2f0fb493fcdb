"""`textomorph benchmark noise`: has a lesion the noise of the tissue around it, in strength, grain and direction?

The reference is looked for in another way than the synthesis does (squares whose quarters are alike), nearest first.
Lesion and reference are then measured by the same rule, and both have standard errors: they are samples. A correlation
of 0.15 is never known to 10% of itself from one lesion, so lesions of one scan are compared as a group, too. And the
reference is an estimate: where its own halves are farther apart than what is allowed, it is said to be indeterminate.
With known noise (`known_noise`) the reference is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation.known_noise import planted
from TextoMorphLib.evaluation.twins import largest
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.spatial.geometry import Box, grow, shifted, tight_box
from TextoMorphLib.spatial.tissue import UNKNOWN_HU
from TextoMorphLib.synthesis import Synthesizer

AROUND_MM = 70.0  # how far around the lesion the reference is looked for,
SLICES_MM = 15.0  # and how far above and below
TILE_MM = 11.0
ALIKE = 0.35  # how much the quarters' means differ at most, relative to the noise
MOST_NOISE = 1.3  # relative to the evenest fifth
MOST_CUT = 0.02  # share of a square at the scan's largest value, where noise may be cut off
SOFT_HU = (0.0, 230.0)
WANTED = 4000  # the nearest voxels
TREND_MM = 8.0  # what varies slower is anatomy
BORDER_MM = 2.5  # what is so near a lesion's border is not looked at
KEPT_VOXELS, MOST_SAME = 5, 0.3  # where so many of so wide a neighbourhood are the scan's own, nothing was drawn
LEAST_VOXELS, LEAST_TISSUE = 150, 1000  # of a lesion, and of its reference: about five squares, no less tell the noise
NEAR_ENOUGH = 0.1
CERTAIN = 1.96  # standard errors
RESAMPLED = 200
SEEDS = 3  # lesions at each place
PLAIN = "isoattenuating, homogeneous, well-defined"
NAMES = ("sd", "along_i", "along_j", "along_k")


@dataclass(frozen=True)
class Grain:
    """The noise of a tissue: standard deviation in HU, and the correlation of neighbours along i, j and k."""

    sd: float
    along_i: float
    along_j: float
    along_k: float


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
        `trials`: what was measured of each; `within`: in what share of them the SD is within 10% of the tissue's and
        the correlations within 0.1; `determinable`: in what share of them halves of the reference agree so well, and
        `within_determinable`: the share of those; `not_beyond`: in what share all are within 10% of the tissue's value
        as far as can be told (95%); `scans`: means over each scan's places, and how far they are apart; `no_tissue`:
        how many could not be measured; `refused`: why others were not drawn.
    """
    trials: list[dict[str, Any]] = []
    no_tissue, refused = 0, list[str]()
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
            no_tissue += not found
            if found:
                row = {"case": case.id, "scan": str(case.ct), "organ": case.organ, "replaced": tumours is not None}
                trials.append({**row, **found, **_apart(found)})
        on_trial(done, len(cases))
    parts = {"within": "ok", "determinable": "determinable", "within_determinable": "ok", "not_beyond": "not_beyond"}
    shares = {}
    for part, key in parts.items():
        rows = {name: [row for row in trials if _counts(row, name, part)] for name in NAMES}
        shares[part] = {name: _share(rows[name], key, name) for name in NAMES}
    return {
        "trials": trials,
        **shares,
        "scans": _by_scan(trials),
        "no_tissue": no_tissue,
        "refused": refused,
    }


def _counts(row: dict[str, Any], name: str, part: str) -> bool:
    return part != "within_determinable" or bool(row["determinable"][name])


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


def _share(trials: Sequence[dict[str, Any]], part: str, name: str) -> float | None:
    known = [row[part][name] for row in trials if row[part][name] is not None]
    return round(float(np.mean(known)), 3) if known else None


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
            tissue, lesion = (float(np.nanmean([row[of][name] for row in rows])) for of in ("tissue", "lesion"))
            told[name] = {"tissue": tissue, "lesion": lesion, "apart": lesion / tissue - 1 if tissue else None}
        found.append(told)
    return found


def _masks(case: Case, ct: Volume, sites: int, size_mm: float) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Where lesions go, and all tumours of the scan if they replace one."""
    labels = case.targets(ct)
    if (labels > 1).any():
        yield largest(labels > 1, ct.spacing), labels > 1
        return
    for site in range(sites):
        yield lesion_mask(ct, labels == 1, size_mm, seed=site), None


def _apart(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The SD's ratio and the correlations' differences, which are near enough, and which surely are not."""
    lesion, tissue, errors = found["lesion"], found["tissue"], found["errors"]
    apart, ok, not_beyond = dict[str, float](), dict[str, bool | None](), dict[str, bool | None]()
    determinable = {}
    for name in NAMES:
        difference = lesion[name] - tissue[name]
        apart[name] = difference / tissue[name] if name == "sd" else difference
        known = bool(np.isfinite(difference))
        ok[name] = abs(apart[name]) <= NEAR_ENOUGH if known else None
        scatter = found["scatter"][name] / (tissue[name] if name == "sd" else 1)
        determinable[name] = bool(scatter <= NEAR_ENOUGH) if known else None
        allowed = NEAR_ENOUGH * abs(tissue[name]) + CERTAIN * errors[name]
        not_beyond[name] = abs(difference) <= allowed if known else None
    return {"apart": apart, "ok": ok, "determinable": determinable, "not_beyond": not_beyond}


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
        the `scatter` of the reference: how far halves of it are apart; empty where the lesion is too small to be
        measured, or there is no homogeneous tissue.
    """
    box = _around(before, mask)
    own, spacing = mask[box], before.spacing
    deep = away_from_border(own, spacing)
    hu = before.hu(box)
    deep &= ~_kept(hu, [each.hu(box) for each in after], own)
    tissue = even(hu, own if tumours is None else own | tumours[box], spacing) if truth is None else deep
    if np.count_nonzero(deep) < LEAST_VOXELS or (truth is None and np.count_nonzero(tissue) < LEAST_TISSUE):
        return {}
    lesions = [asdict(grain(each.hu(box), deep, spacing)) for each in after]
    of_lesions = [np.square(list(errors(each.hu(box), deep, spacing).values())) for each in after]
    squares = np.mean(of_lesions, axis=0) / len(after)
    if truth is None:
        squares = squares + np.square(list(errors(hu, tissue, spacing).values()))
    return {
        "lesion": {name: float(np.mean([each[name] for each in lesions])) for name in NAMES},
        "tissue": asdict(truth or grain(hu, tissue, spacing)),
        "scatter": dict.fromkeys(NAMES, 0.0) if truth else scatter(hu, tissue, spacing),
        "errors": dict(zip(NAMES, np.sqrt(squares).tolist(), strict=True)),
    }


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


def even(ct: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The nearest homogeneous tissue outside a mask: boolean, of the scan's shape.

    Squares of slices in which the means of the four quarters differ no more than noise makes them.
    """
    k = 2 - int(np.argmax(spacing[::-1]))
    planes = np.moveaxis(ct, k, 0)
    half = [max(round(TILE_MM / 2 / mm), 2) for axis, mm in enumerate(spacing) if axis != k]
    count = [size // (2 * part) for size, part in zip(planes.shape[1:], half, strict=True)]
    cut = planes[:, : count[0] * 2 * half[0], : count[1] * 2 * half[1]]
    tiles = cut.reshape(len(cut), count[0], 2, half[0], count[1], 2, half[1]).transpose(0, 1, 4, 2, 5, 3, 6)
    quarters, within = tiles.mean(axis=(5, 6)), tiles.var(axis=(5, 6)).mean(axis=(3, 4))
    level = quarters.mean(axis=(3, 4))
    good = quarters.std(axis=(3, 4)) < ALIKE * np.sqrt(within)
    good &= (level > SOFT_HU[0]) & (level < SOFT_HU[1]) & (tiles.min(axis=(3, 4, 5, 6)) > UNKNOWN_HU)
    good &= (tiles == ct.max()).mean(axis=(3, 4, 5, 6)) < MOST_CUT
    if good.any():  # what is much noisier than most has a texture of its own
        good &= within <= MOST_NOISE**2 * np.quantile(within[good], 0.2)
    fine = np.zeros(planes.shape, bool)
    fine[:, : cut.shape[1], : cut.shape[2]] = good.repeat(2 * half[0], 1).repeat(2 * half[1], 2)
    found = np.moveaxis(fine, 0, k)
    away = ndimage.distance_transform_edt(~mask, sampling=spacing)
    found &= away > BORDER_MM
    total = np.count_nonzero(found)
    return np.asarray(found & (away <= np.partition(away[found], WANTED)[WANTED])) if total > WANTED else found


def grain(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> Grain:
    """The noise at some voxels, less what varies over `TREND_MM` there."""
    totals = np.stack([values.sum() for values in _products(ct, where, spacing)])
    return Grain(*_numbers(totals[:, None])[:, 0].tolist())


def errors(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """The standard errors of `grain`, as a bootstrap over blocks of the size of a square has them."""
    sums = _by_block(ct, where, spacing)
    count = sums.shape[1]
    picks = np.random.default_rng(0).integers(0, count, (RESAMPLED, count))
    return dict(zip(NAMES, np.nanstd(_numbers(sums[:, picks].sum(axis=2)), axis=1).tolist(), strict=True))


def scatter(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """How far `grain` is apart between two halves of a tissue: the median over ways to halve its blocks."""
    sums = _by_block(ct, where, spacing)
    first = np.random.default_rng(0).random((RESAMPLED, sums.shape[1])).argsort(axis=1) % 2 == 0
    one, other = (_numbers(sums @ half.T) for half in (first, ~first))
    apart = np.nan_to_num(np.abs(one - other), nan=np.inf)
    return dict(zip(NAMES, np.median(apart, axis=1).tolist(), strict=True))


def _by_block(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Sums of `_products` over blocks of the size of a square, [8, blocks]."""
    size = np.maximum(np.rint(TILE_MM / spacing), 1).astype(int)
    size[int(np.argmax(spacing))] = 1  # slices have little to do with each other
    blocks = np.ravel_multi_index(
        [index // part for index, part in zip(np.indices(ct.shape), size, strict=True)],
        [length // part + 1 for length, part in zip(ct.shape, size, strict=True)],
    )
    _, number = np.unique(blocks[where], return_inverse=True)
    count = int(number.max()) + 1
    return np.stack([np.bincount(number, values[where], count) for values in _products(ct, where, spacing)])


def _products(ct: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> list[np.ndarray]:
    """Of each voxel its square, whether it counts, and along each axis its product with its neighbour, if any."""
    flat = np.where(spacing > 2 * spacing.min(), 0, 1)
    sigma = flat * TREND_MM / spacing
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma)
    trend = ndimage.gaussian_filter(np.where(where, ct, np.float32(0)), sigma) / np.maximum(weight, 1e-3)
    rest = np.where(where, ct - trend, 0).astype(np.float64)
    found = [np.square(rest), where.astype(np.float64)]
    for axis in range(3):
        both = where & np.roll(where, 1, axis)
        both[tuple(slice(0, 1) if other == axis else slice(None) for other in range(3))] = False
        found += [rest * np.roll(rest, 1, axis) * both, both.astype(np.float64)]
    return found


def _numbers(sums: np.ndarray) -> np.ndarray:
    """Standard deviation and correlations, [4, n], from [8, n] sums of `_products`; NaN where nothing is known."""
    means = sums[0::2] / np.where(sums[1::2] > 0, sums[1::2], np.nan)
    return np.stack([np.sqrt(means[0]), *(means[1:] / means[0])])
