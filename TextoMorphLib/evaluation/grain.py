"""`textomorph benchmark noise`: has a lesion the noise of the tissue around it, in strength, grain and direction?

The reference is looked for in another way than the synthesis does (squares whose quarters are alike), nearest first.
Lesion and reference are then measured by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.spatial.geometry import grow, tight_box
from TextoMorphLib.spatial.tissue import UNKNOWN_HU
from TextoMorphLib.synthesis import Synthesizer

AROUND_MM = 70.0  # how far around the lesion the reference is looked for,
SLICES_MM = 15.0  # and how far above and below
TILE_MM = 11.0
ALIKE = 0.35  # how much the quarters' means differ at most, relative to the noise
MOST_NOISE = 1.3  # relative to the evenest fifth
SOFT_HU = (0.0, 230.0)
WANTED = 4000  # the nearest voxels
TREND_MM = 8.0  # what varies slower is anatomy
BORDER_MM = 2.5  # what is so near a lesion's border is not looked at
LEAST_VOXELS = 150
NEAR_ENOUGH = 0.1
PLAIN = "isoattenuating, homogeneous, well-defined"


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
) -> dict[str, Any]:
    """Draws a homogeneous lesion in each case and holds its noise against the nearest homogeneous tissue's.

    Args:
        model: The model under test.
        cases: Where a case has a tumour, that is replaced; else lesions are put into its organ.
        sites: How many of them.
        size_mm: Their diameter.
        on_trial: Called with (cases done, cases in all).

    Returns:
        `trials`: what was measured of each; `within`: in what share of them the SD is within 10% of the tissue's and
        the correlations within 0.1; `too_small`: how many could not be measured; `refused`: why others were not drawn.
    """
    trials: list[dict[str, Any]] = []
    too_small, refused = 0, list[str]()
    for done, case in enumerate(cases, start=1):
        ct = Volume.read(case.ct)
        for mask, is_real in _masks(case, ct, sites, size_mm):
            try:
                made = model.synthesize(ct, mask, PLAIN, case.organ, preset="preview", replace=is_real)
            except InputError as error:
                refused.append(f"{case.id}: {error}")
                continue
            found = compare(ct, made.volume, mask)
            too_small += not found
            if found:
                trials.append({"case": case.id, "organ": case.organ, "replaced": is_real, **found, **_apart(found)})
        on_trial(done, len(cases))
    names = ("sd", "along_i", "along_j", "along_k")
    known = {name: [row["ok"][name] for row in trials if row["ok"][name] is not None] for name in names}
    within = {name: round(float(np.mean(rows)), 3) for name, rows in known.items() if rows}
    return {"trials": trials, "within": within, "too_small": too_small, "refused": refused}


def _masks(case: Case, ct: Volume, sites: int, size_mm: float) -> Iterator[tuple[np.ndarray, bool]]:
    """Where lesions go, and whether a tumour is there that they replace."""
    labels = case.targets(ct)
    if (labels > 1).any():
        yield labels > 1, True
        return
    for site in range(sites):
        yield lesion_mask(ct, labels == 1, size_mm, seed=site), False


def _apart(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The SD's ratio and the correlations' differences, and which of them are near enough."""
    lesion, tissue = found["lesion"], found["tissue"]
    apart = {name: lesion[name] - tissue[name] for name in lesion if name != "sd"}
    apart["sd"] = lesion["sd"] / tissue["sd"] - 1
    return {
        "apart": apart,
        "ok": {name: bool(abs(value) <= NEAR_ENOUGH) if np.isfinite(value) else None for name, value in apart.items()},
    }


def compare(before: Volume, after: Volume, mask: np.ndarray) -> dict[str, dict[str, float]]:
    """The noise in a homogeneous lesion beside that of the nearest homogeneous tissue.

    Args:
        before: The scan without it.
        after: The scan with it.
        mask: Boolean, of the scans' shape.

    Returns:
        `lesion` and `tissue`, each as `Grain`; empty where either is too small to be measured.
    """
    reach = np.full(3, AROUND_MM)
    reach[int(np.argmax(before.spacing))] = SLICES_MM
    box = grow(tight_box(mask), np.ceil(reach / before.spacing), before.shape)
    own, spacing = mask[box], before.spacing
    deep = ndimage.distance_transform_edt(np.pad(own, 1), sampling=spacing)[1:-1, 1:-1, 1:-1] > BORDER_MM
    tissue = even(before.hu(box), own, spacing)
    if min(np.count_nonzero(deep), np.count_nonzero(tissue)) < LEAST_VOXELS:
        return {}
    return {
        "lesion": asdict(grain(after.hu(box), deep, spacing)),
        "tissue": asdict(grain(before.hu(box), tissue, spacing)),
    }


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
    flat = np.where(spacing > 2 * spacing.min(), 0, 1)
    sigma = flat * TREND_MM / spacing
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma)
    trend = ndimage.gaussian_filter(np.where(where, ct, np.float32(0)), sigma) / np.maximum(weight, 1e-3)
    rest = np.where(where, ct - trend, 0)
    variance = float(np.square(rest[where]).mean())
    along = []
    for axis in range(3):
        both = where & np.roll(where, 1, axis)
        both[tuple(slice(0, 1) if other == axis else slice(None) for other in range(3))] = False
        pairs = (rest * np.roll(rest, 1, axis))[both]
        along.append(float(pairs.mean()) / variance if pairs.size else float("nan"))
    return Grain(variance**0.5, *along)
