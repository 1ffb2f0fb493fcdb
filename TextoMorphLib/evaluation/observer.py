"""`textomorph benchmark observer`: can a machine tell real tumours from synthetic ones at the same place?

Each real tumour has a twin: the same scan, mask and words, the tumour replaced. A classifier that never saw the patient
is asked of each lesion alone whether it is real. An area under the ROC curve (AUC) of 0.5 is a coin; 1 means that one
look at the numbers gives every twin away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError

FOLDS = 10
REPEATS = {"logistic": 3, "forest": 1}  # ways to fold: a forest is an average already, and slow
RESAMPLES = 1000
LEAST_PATIENTS = 10
CLIPPED = 4.0  # standard deviations: one odd lesion must not decide a logistic regression
TREES = 200
TOLD = 12  # of the features that give twins away, so many are told

Sets = Mapping[str, Mapping[str, float]]  # of one lesion: set -> feature -> value


def judge(
    real: Sequence[Sets],
    twins: Sequence[Sets],
    patients: Sequence[str],
    held_out: Collection[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """How well classifiers tell real tumours from their twins, for each set of features.

    Args:
        real: Features of real tumours, as `observer_features.measured` returns them.
        twins: Those of their twins, in the same order.
        patients: Whose each is. A patient is never on both sides.
        held_out: Patients that no model was trained on. If given, the observer learns from all others and is asked of
            these: the stronger observer, and the fairer number.
        seed: Of folds, forests and the bootstrap.

    Returns:
        For each set: `logistic` and `forest` with `auc` and `interval` (95%, bootstrap over patients) by
        cross-validation over all patients; the same under `held_out` if there are any; and `features`, those that
        give twins away, with the AUC of each alone and the medians of both sides.

    Raises:
        InputError: Too few patients, or lists that do not fit together.
    """
    if not len(real) == len(twins) == len(patients):
        raise InputError(f"{len(real)} real lesions, {len(twins)} twins and {len(patients)} patients do not pair up")
    whose = np.array([*patients, *patients])
    check_patients(patients)
    truth = np.repeat([1, 0], len(real))
    aside = np.isin(whose, list(held_out))
    found: dict[str, Any] = {"pairs": len(real), "patients": len(set(patients))}
    for name in real[0]:
        features = list(real[0][name])
        values = np.array([[row[name][feature] for feature in features] for row in (*real, *twins)], float)
        values[~np.isfinite(values)] = np.nan
        part: dict[str, Any] = {"features_in_all": len(features)}
        for kind in REPEATS:
            part[kind] = _auc_of(_cross_validated(values, truth, whose, kind, seed), truth, whose, seed)
        if aside.any() and not aside.all():
            part["held_out"] = {"pairs": int(aside.sum()) // 2}
            for kind in REPEATS:
                model = _classifier(kind, seed).fit(values[~aside], truth[~aside])
                scores = model.predict_proba(values[aside])[:, 1]
                part["held_out"][kind] = _auc_of(scores, truth[aside], whose[aside], seed)
        part["features"] = _telling(values, features)
        found[name] = part
    return found


def check_patients(patients: Sequence[str]) -> None:
    """Refuses too few of them; to be asked before twins are made, which takes long.

    Raises:
        InputError: Fewer than `LEAST_PATIENTS`.
    """
    if (count := len(set(patients))) < LEAST_PATIENTS:
        raise InputError(f"{count} patients are too few to tell anything; give {LEAST_PATIENTS} or more")


def table(found: Mapping[str, Any]) -> str:
    """What `judge` found, as Markdown."""
    lines = [
        f"{found['pairs']} pairs of {found['patients']} patients; AUC (0.5 is chance) with its 95% interval.",
        "",
        "| features | asked of | logistic regression | random forest |",
        "|---|---|---|---|",
    ]
    sets = {name: part for name, part in found.items() if isinstance(part, Mapping)}
    for name, part in sets.items():
        asked = [("all, by patient", part)]
        if "held_out" in part:
            asked.append((f"{part['held_out']['pairs']} held-out pairs, trained on the others", part["held_out"]))
        for who, scores in asked:
            cells = [_cell(scores[kind]) for kind in REPEATS]
            lines.append(f"| {name} ({part['features_in_all']}) | {who} | {cells[0]} | {cells[1]} |")
    for name, part in sets.items():
        lines += [
            "",
            f"What gives twins away, {name}:",
            "",
            "| feature | AUC alone | real | twin |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {row['feature']} | {row['auc']:.2f} | {row['real']:.3g} | {row['twin']:.3g} |"
            for row in part["features"]
        ]
    return "\n".join(lines)


def _cell(score: Mapping[str, Any]) -> str:
    low, high = score["interval"]
    return f"{score['auc']:.2f} ({low:.2f} to {high:.2f})"


def _classifier(kind: str, seed: int) -> Any:
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as error:
        raise InputError("the observer needs scikit-learn; install it with: pip install scikit-learn") from error
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    if kind == "forest":
        return make_pipeline(filled, RandomForestClassifier(TREES, min_samples_leaf=3, random_state=seed))
    clipped = FunctionTransformer(np.clip, kw_args={"a_min": -CLIPPED, "a_max": CLIPPED})
    return make_pipeline(filled, StandardScaler(), clipped, LogisticRegression(C=0.1, max_iter=2000))


def _cross_validated(values: np.ndarray, truth: np.ndarray, whose: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Each lesion's score by classifiers that never saw its patient, the mean over several ways to fold."""
    names, patient = np.unique(whose, return_inverse=True)
    scores = np.zeros(len(truth))
    for repeat in range(REPEATS[kind]):
        fold = np.random.default_rng([seed, repeat]).permutation(len(names)) % min(FOLDS, len(names))
        for number in np.unique(fold):
            out = fold[patient] == number
            model = _classifier(kind, seed).fit(values[~out], truth[~out])
            scores[out] += model.predict_proba(values[out])[:, 1] / REPEATS[kind]
    return scores


def _auc_of(scores: np.ndarray, truth: np.ndarray, whose: np.ndarray, seed: int) -> dict[str, Any]:
    """The area under the curve and its interval: patients are drawn again, with all their lesions."""
    names, patient = np.unique(whose, return_inverse=True)
    own = [np.flatnonzero(patient == number) for number in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([own[number] for number in rng.integers(len(names), size=len(names))])
        drawn.append(_auc(scores[rows], truth[rows]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {
        "auc": round(_auc(scores, truth), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
    }


def _auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Of two lesions, a real one and a twin, how often the real one has the higher score."""
    from scipy.stats import rankdata

    rank, positive = rankdata(scores), truth == 1
    count = int(positive.sum())
    return float((rank[positive].sum() - count * (count + 1) / 2) / (count * (len(truth) - count)))


def _telling(values: np.ndarray, features: Sequence[str]) -> list[dict[str, Any]]:
    """The features that separate best by themselves; above 0.5 real tumours have more of it."""
    half = len(values) // 2
    rows: list[dict[str, Any]] = []
    for number, feature in enumerate(features):
        column = values[:, number]
        known = np.isfinite(column)
        both = known[:half] & known[half:]
        if not both.any():
            continue
        real, twin = column[:half][both], column[half:][both]
        auc = _auc(np.concatenate([real, twin]), np.repeat([1, 0], both.sum()))
        rows.append(
            {
                "feature": feature,
                "auc": round(auc, 3),
                "real": float(np.median(real)),
                "twin": float(np.median(twin)),
            }
        )
    return sorted(rows, key=lambda row: -abs(row["auc"] - 0.5))[:TOLD]
