"""`textomorph benchmark realism`: could a lesion be told from a patient's by its numbers, its noise or its border?

Three questions at the same places: do lesions measure like real ones, has the noise in them the strength and grain of
the noise that was there before, and can a classifier tell the ring of tissue just outside a lesion from the same ring
before it was there?
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import ndimage, optimize, stats

from TextoMorphLib.evaluation.control import places
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.even_tissue import robust_sd
from TextoMorphLib.spatial.region import regions, resampled
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU
from TextoMorphLib.synthesis import Synthesizer

METASTASIS = "hypoattenuating, heterogeneous metastasis"
PLAIN = "isoattenuating, homogeneous, well-defined"  # nothing but the composite's own traces
# From the 10th to the 90th percentile of nine real liver metastases of one patient in portal venous CT; which ones, and
# how to measure them again, is in docs/benchmarks.md. Their contrast is that of the whole lesion, blurred border
# included. They have no wall: their rim is how much brighter than the core the outermost 3 mm are.
RIM_MM = 3.0
REAL = {
    "contrast_hu": (-59.0, -46.0),
    "inner_sd_hu": (9.0, 16.0),
    "rim_over_core_hu": (13.0, 29.0),
}
BANDS_MM = (0.0, 0.7, 1.2, 2.0, 3.5)  # sigmas between which noise is compared
RING_MM = 2.0
# What counts as homogeneous tissue: around the mask, and how far from its median and its trend, smoothed.
NEAR_MM, DETAIL_MM, TREND_MM = 10.0, 1.5, 6.0
MOST_CONTRAST_HU, MOST_DETAIL_HU = 40.0, 20.0
FOLDS = 5
RESAMPLES = 1000
RIDGE = 1.0


def run(
    model: Synthesizer,
    ct: Volume,
    organ: np.ndarray,
    sizes_mm: list[float],
    sites: int,
    settings: dict[str, Any],
    on_trial: Callable[[int, int], object],
) -> dict[str, Any]:
    """Asks the three questions.

    Args:
        model: The model under test.
        ct: A scan that it was not trained on.
        organ: Boolean mask of the organ that lesions go in, of the scan's shape.
        sizes_mm: Diameters.
        sites: Places for each size.
        settings: For `Synthesizer.synthesize`: steps, guidance, preset.
        on_trial: Called with (trials done, trials in all).

    Returns:
        `lesions`: medians beside the ranges of real ones; `noise`: power inside relative to what the homogeneous
        tissue had there before, in bands of sigma; `border`: the classifier's AUC with its 95% interval, where 0.5 is
        chance.
    """
    lesions: list[dict[str, float]] = []
    inside, before = np.zeros(len(BANDS_MM)), np.zeros(len(BANDS_MM))
    rings: list[tuple[np.ndarray, np.ndarray]] = []
    trials = places(model, ct, organ, sizes_mm, range(sites), 1, settings)
    for done, trial in enumerate(trials, start=1):
        mask = trial.mask
        (region,) = regions(ct, mask)
        drawn = trial.made(METASTASIS, trial.site)
        lesions.append(_numbers(resampled(drawn.volume, region), region.depth, drawn.lesions[0]))
        plain = trial.made(PLAIN, trial.site).volume
        x, y, z = (slice(max(part.start - 8, 0), part.stop + 8) for part in region.box)
        around = (x, y, z)
        scan, made, own = ct.hu(around), plain.hu(around), mask[around]
        away = ndimage.distance_transform_edt(~own, sampling=ct.spacing)
        deep = ndimage.distance_transform_edt(own, sampling=ct.spacing) > min(2.0, 0.3 * trial.size_mm)
        tissue = deep & homogeneous(scan, away < NEAR_MM, ct.spacing)
        inside += _bands(made, tissue, ct.spacing)
        before += _bands(scan, tissue, ct.spacing)
        ring = (away > 0) & (away <= RING_MM)
        rings.append((traces(made, ring, ct.spacing), traces(scan, ring, ct.spacing)))
        on_trial(done, len(trials))
    sd, *powers = (round(float(part), 3) for part in inside / before)
    bands = [f"{low:g} to {high:g} mm" for low, high in pairwise(BANDS_MM)]
    return {
        "trials": len(trials),
        "lesions": _against_real(lesions),
        "noise": {"sd": round(sd**0.5, 3), "power": dict(zip(bands, powers, strict=True))},
        "border": classified(rings),
    }


def homogeneous(ct: np.ndarray, near: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Where all there is to see is noise: tissue without edges, vessels and outliers, boolean.

    Args:
        ct: HU.
        near: Boolean, of the same shape: where it is looked for.
        spacing: Voxel size in mm.
    """
    smooth = ndimage.gaussian_filter(ct, DETAIL_MM / spacing)
    soft = near & (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    tissue = soft if soft.any() else near.copy()
    tissue &= _usual(smooth, tissue, 3, MOST_CONTRAST_HU)
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), TREND_MM / spacing, truncate=3)
    trend = ndimage.gaussian_filter(np.where(tissue, ct, np.float32(0)), TREND_MM / spacing, truncate=3)
    trend /= np.maximum(weight, 1e-3)
    # Twice, since what is dropped first can hide what is left.
    for _ in range(2):
        tissue &= _usual(smooth - trend, tissue, 3, MOST_DETAIL_HU)
    return tissue & _usual(ct - trend, tissue, 4, np.inf)


def _usual(values: np.ndarray, tissue: np.ndarray, spread: float, most: float) -> np.ndarray:
    """Where values lie within so many standard deviations, and so many HU, of the tissue's median."""
    usual = values[tissue]
    if not usual.size:
        return tissue
    return np.asarray(np.abs(values - np.median(usual)) <= min(spread * robust_sd(usual) + 0.5, most))


def _numbers(made: np.ndarray, depth: np.ndarray, measured: Any) -> dict[str, float]:
    smooth = ndimage.gaussian_filter(made, 1.0)
    core = depth > min(3.0, 0.4 * depth.max())
    rim, deep = (depth > 0) & (depth <= RIM_MM), depth > 0.5 * depth.max()
    return {
        "contrast_hu": float(made[depth > 0].mean()) - measured.parenchyma_hu,
        "inner_sd_hu": float(smooth[core].std()),
        "margin_mm": measured.margin_mm,
        "rim_over_core_hu": float(np.median(made[rim]) - np.median(made[deep])),
    }


def _against_real(lesions: list[dict[str, float]]) -> dict[str, Any]:
    found = {}
    for name in lesions[0]:
        values = np.array([lesion[name] for lesion in lesions])
        found[name] = {
            "median": round(float(np.nanmedian(values)), 2),
            "middle_half": [round(float(q), 2) for q in np.nanpercentile(values, (25, 75))],
            **({"real": list(REAL[name])} if name in REAL else {}),
        }
    return found


def _bands(image: np.ndarray, tissue: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Energy of the noise in a tissue (variance times voxels), and of its parts between the sigmas of `BANDS_MM`.

    Smoothing stays within the tissue (a normalised convolution), or a vessel beside it would count as coarse noise.
    """
    weight = tissue.astype(np.float32)
    centred = np.where(tissue, image - image[tissue].mean(), np.float32(0))
    levels = [centred[tissue]]
    for sigma in BANDS_MM[1:]:
        total = ndimage.gaussian_filter(weight, sigma / spacing)[tissue]
        levels.append(ndimage.gaussian_filter(centred, sigma / spacing)[tissue] / total)
    parts = [levels[0] - levels[-1], *(fine - coarse for fine, coarse in pairwise(levels))]
    return np.array([part.var() * part.size for part in parts]) + 1e-6


def traces(image: np.ndarray, ring: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What a ring of tissue looks like by itself: nothing outside it is seen.

    Spread, tails, steps between neighbours along each axis, and the spread that smoothing within the ring leaves.
    """
    values = image[ring]
    centred = np.where(ring, image - values.mean(), 0)
    spread = [values.std()]
    for sigma in (1.0, 2.0):
        weight = ndimage.gaussian_filter(ring.astype(np.float32), sigma / spacing)
        spread.append((ndimage.gaussian_filter(centred, sigma / spacing) / np.maximum(weight, 1e-3))[ring].std())
    steps = []
    for axis in range(3):
        both = ring & np.roll(ring, 1, axis)
        steps.append((image - np.roll(image, 1, axis))[both].std())
    return np.array([*np.log(np.add([*spread, *steps], 1e-3)), stats.kurtosis(values), stats.skew(values)])


def classified(rings: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """AUC of a logistic regression that never saw the place it judges, with an interval over places."""
    features = np.array([[made, scan] for made, scan in rings])  # [places, 2, features]
    spread = features.std(axis=(0, 1)) + 1e-6
    features = (features - features.mean(axis=(0, 1))) / spread
    fold = np.random.default_rng(0).permutation(len(features)) % FOLDS
    scores = np.empty(features.shape[:2])
    for number in range(FOLDS):
        weights = _logistic(features[fold != number])
        scores[fold == number] = features[fold == number] @ weights
    rng = np.random.default_rng(1)
    drawn = [_auc(scores[rng.integers(len(scores), size=len(scores))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"auc": round(_auc(scores), 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def _logistic(features: np.ndarray) -> np.ndarray:
    """Ridge logistic regression on differences: which of a place's two rings has the lesion in it."""
    change = features[:, 0] - features[:, 1]

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -change @ weights).sum() + RIDGE / 2 * weights @ weights)

    return np.asarray(optimize.minimize(loss, np.zeros(change.shape[1]), method="L-BFGS-B").x)


def _auc(scores: np.ndarray) -> float:
    """Of the scores [places, 2] of made and untouched rings."""
    made, scan = scores.T
    return float(stats.mannwhitneyu(made, scan).statistic / (len(made) * len(scan)))
