"""Features of the grey level co-occurrence matrix (GLCM): which levels lie next to which."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.measurement.radiomics.levels import GreyLevels, entropy

NAMES = (
    *("Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation"),
    *("DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2"),
    *("InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MCC", "MaximumProbability"),
    *("SumAverage", "SumEntropy", "SumSquares"),
)


def features(levels: GreyLevels) -> dict[str, float]:
    """The 24 GLCM features, each the mean over the directions in which there are neighbours."""
    shares = _matrices(levels)
    if not len(shares):
        return {f"glcm_{name}": float("nan") for name in NAMES}
    found = _moments(shares, levels.present.astype(float)) | _differences(shares, levels.present) | _information(shares)
    return {f"glcm_{name}": float(np.mean(found[name])) for name in NAMES}


def _matrices(levels: GreyLevels) -> np.ndarray:
    """[directions, levels, levels]: shares of the pairs, counted both ways."""
    ranks, size = levels.ranks - 1, len(levels.present)
    counts = [np.bincount(ranks[a] * size + ranks[b], minlength=size * size) for a, b in levels.pairs()]
    matrices = np.array(counts, float).reshape(-1, size, size)
    matrices = matrices + matrices.swapaxes(1, 2)
    total = matrices.sum(axis=(1, 2))
    return matrices[total > 0] / total[total > 0, None, None]


def _moments(shares: np.ndarray, level: np.ndarray) -> dict[str, np.ndarray]:
    """What needs the matrix itself. It is symmetric, so rows and columns have one mean and one variance."""
    mean = (shares.sum(axis=2) * level).sum(axis=1)
    from_mean = level - mean[:, None]
    variance = (shares.sum(axis=2) * from_mean**2).sum(axis=1)
    both = from_mean[:, :, None] + from_mean[:, None, :]
    covariance = (shares * from_mean[:, :, None] * from_mean[:, None, :]).sum(axis=(1, 2))
    flat = variance <= 0
    return {
        "Autocorrelation": (shares * np.multiply.outer(level, level)).sum(axis=(1, 2)),
        "ClusterProminence": (shares * both**4).sum(axis=(1, 2)),
        "ClusterShade": (shares * both**3).sum(axis=(1, 2)),
        "ClusterTendency": (shares * both**2).sum(axis=(1, 2)),
        "Correlation": np.where(flat, 1.0, covariance / np.where(flat, 1.0, variance)),
        "JointAverage": mean,
        "JointEnergy": np.square(shares).sum(axis=(1, 2)),
        "MaximumProbability": shares.max(axis=(1, 2)),
        "MCC": _maximal_correlation(shares),
        "SumSquares": variance,
    }


def _maximal_correlation(shares: np.ndarray) -> np.ndarray:
    """The second largest singular value of the matrix divided by the roots of its marginals."""
    if shares.shape[1] < 2:
        return np.ones(len(shares))
    root = np.sqrt(shares.sum(axis=2))
    scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    found = np.abs(np.linalg.eigvalsh(shares * scale[:, :, None] * scale[:, None, :]))
    return np.sort(found, axis=1)[:, -2]


def _differences(shares: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
    """What needs only how far apart, and how high together, the two levels of a pair are."""
    most = int(present[-1])
    apart = _summed(shares, np.abs(np.subtract.outer(present, present)), most)
    together = _summed(shares, np.add.outer(present, present), 2 * most + 1)
    distance, total = np.arange(most), np.arange(2 * most + 1)
    average = (apart * distance).sum(axis=1)
    return {
        "Contrast": (apart * distance**2).sum(axis=1),
        "DifferenceAverage": average,
        "DifferenceEntropy": entropy(apart, axis=1),
        "DifferenceVariance": (apart * (distance - average[:, None]) ** 2).sum(axis=1),
        "Id": (apart / (1 + distance)).sum(axis=1),
        "Idm": (apart / (1 + distance**2)).sum(axis=1),
        "Idmn": (apart / (1 + (distance / most) ** 2)).sum(axis=1),
        "Idn": (apart / (1 + distance / most)).sum(axis=1),
        "InverseVariance": (apart[:, 1:] / distance[1:] ** 2).sum(axis=1),
        "SumAverage": (together * total).sum(axis=1),
        "SumEntropy": entropy(together, axis=1),
    }


def _summed(shares: np.ndarray, key: np.ndarray, size: int) -> np.ndarray:
    """[directions, size]: shares summed over the pairs of levels with the same key."""
    at = (np.arange(len(shares))[:, None, None] * size + key).ravel()
    return np.bincount(at, shares.ravel(), len(shares) * size).reshape(len(shares), size)


def _information(shares: np.ndarray) -> dict[str, np.ndarray]:
    """Entropies of pairs and of single levels, and the two information measures of correlation."""
    single = shares.sum(axis=2)
    unrelated = single[:, :, None] * single[:, None, :]
    joint, alone = entropy(shares, axis=(1, 2)), entropy(single, axis=1)
    crossed = -np.sum(shares * np.log2(np.where(unrelated > 0, unrelated, 1.0)), axis=(1, 2))
    gained = np.maximum(entropy(unrelated, axis=(1, 2)) - joint, 0)
    return {
        "JointEntropy": joint,
        "Imc1": np.divide(joint - crossed, alone, out=np.zeros_like(joint), where=alone > 0),
        "Imc2": np.sqrt(1 - np.exp(-2 * gained)),
    }
