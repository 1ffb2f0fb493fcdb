"""First-order features: how a lesion's HU are distributed, wherever in it they are."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.measurement.radiomics.levels import GreyLevels, entropy


def features(values: np.ndarray, levels: GreyLevels, voxel_mm3: float) -> dict[str, float]:
    """The 18 first-order features.

    Args:
        values: HU of the lesion's voxels.
        levels: Their grey levels, for entropy and uniformity.
        voxel_mm3: Volume of a voxel.
    """
    values = values.astype(np.float64)
    p10, p25, median, p75, p90 = np.percentile(values, (10, 25, 50, 75, 90))
    mean, energy = values.mean(), float(np.square(values).sum())
    centred = values - mean
    variance = float(np.square(centred).mean())
    middle = values[(values >= p10) & (values <= p90)]
    shares = levels.count / levels.count.sum()
    found = {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": entropy(shares),
        "InterquartileRange": p75 - p25,
        "Kurtosis": (centred**4).mean() / variance**2 if variance else 0.0,
        "Maximum": values.max(),
        "MeanAbsoluteDeviation": np.abs(centred).mean(),
        "Mean": mean,
        "Median": median,
        "Minimum": values.min(),
        "Range": np.ptp(values),
        "RobustMeanAbsoluteDeviation": np.abs(middle - middle.mean()).mean(),
        "RootMeanSquared": (energy / values.size) ** 0.5,
        "Skewness": (centred**3).mean() / variance**1.5 if variance else 0.0,
        "TotalEnergy": energy * voxel_mm3,
        "Uniformity": np.square(shares).sum(),
        "Variance": variance,
    }
    return {f"firstorder_{name}": float(value) for name, value in found.items()}
