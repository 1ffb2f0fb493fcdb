"""Features of runs (GLRLM), zones (GLSZM) and dependences (GLDM): how large the patches of one grey level are.

The three matrices count level against size, and share one family of features.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from TextoMorphLib.measurement.radiomics.levels import GreyLevels, entropy

# The family's features, by what each matrix calls them. GLDM has no use for two: all its voxels count once.
RUNS = {
    **{"small": "ShortRunEmphasis", "large": "LongRunEmphasis", "level_nu": "GrayLevelNonUniformity"},
    **{"level_nu_norm": "GrayLevelNonUniformityNormalized", "size_nu": "RunLengthNonUniformity"},
    **{"size_nu_norm": "RunLengthNonUniformityNormalized", "share": "RunPercentage"},
    **{"level_var": "GrayLevelVariance", "size_var": "RunVariance", "entropy": "RunEntropy"},
    **{"low": "LowGrayLevelRunEmphasis", "high": "HighGrayLevelRunEmphasis"},
    **{"small_low": "ShortRunLowGrayLevelEmphasis", "small_high": "ShortRunHighGrayLevelEmphasis"},
    **{"large_low": "LongRunLowGrayLevelEmphasis", "large_high": "LongRunHighGrayLevelEmphasis"},
}
ZONES = {
    **{"small": "SmallAreaEmphasis", "large": "LargeAreaEmphasis", "level_nu": "GrayLevelNonUniformity"},
    **{"level_nu_norm": "GrayLevelNonUniformityNormalized", "size_nu": "SizeZoneNonUniformity"},
    **{"size_nu_norm": "SizeZoneNonUniformityNormalized", "share": "ZonePercentage"},
    **{"level_var": "GrayLevelVariance", "size_var": "ZoneVariance", "entropy": "ZoneEntropy"},
    **{"low": "LowGrayLevelZoneEmphasis", "high": "HighGrayLevelZoneEmphasis"},
    **{"small_low": "SmallAreaLowGrayLevelEmphasis", "small_high": "SmallAreaHighGrayLevelEmphasis"},
    **{"large_low": "LargeAreaLowGrayLevelEmphasis", "large_high": "LargeAreaHighGrayLevelEmphasis"},
}
DEPENDENCES = {
    **{"small": "SmallDependenceEmphasis", "large": "LargeDependenceEmphasis", "level_nu": "GrayLevelNonUniformity"},
    **{"size_nu": "DependenceNonUniformity", "size_nu_norm": "DependenceNonUniformityNormalized"},
    **{"level_var": "GrayLevelVariance", "size_var": "DependenceVariance", "entropy": "DependenceEntropy"},
    **{"low": "LowGrayLevelEmphasis", "high": "HighGrayLevelEmphasis"},
    **{"small_low": "SmallDependenceLowGrayLevelEmphasis", "small_high": "SmallDependenceHighGrayLevelEmphasis"},
    **{"large_low": "LargeDependenceLowGrayLevelEmphasis", "large_high": "LargeDependenceHighGrayLevelEmphasis"},
}


def features(levels: GreyLevels) -> dict[str, float]:
    """The 16 GLRLM, 16 GLSZM and 14 GLDM features; those of runs are the mean over 13 directions."""
    runs = [_family(*_runs(levels.grid, stride)) for stride in levels.strides]
    mean = {name: float(np.mean([each[name] for each in runs])) if runs else float("nan") for name in RUNS}
    zones, dependences = _family(*_zones(levels)), _family(*_dependences(levels))
    return (
        {f"glrlm_{name}": mean[key] for key, name in RUNS.items()}
        | {f"glszm_{name}": zones[key] for key, name in ZONES.items()}
        | {f"gldm_{name}": dependences[key] for key, name in DEPENDENCES.items()}
    )


def _runs(grid: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Level and length of each run of equal voxels along a direction."""
    # Voxels a stride apart become neighbours; the outside between lines of the scan ends every run.
    lines = np.pad(grid, (0, -grid.size % stride)).reshape(-1, stride).T.ravel()
    starts = np.flatnonzero(np.diff(lines, prepend=-1))
    length, level = np.diff(starts, append=lines.size), lines[starts]
    return level[level > 0], length[level > 0]


def _zones(levels: GreyLevels) -> tuple[np.ndarray, np.ndarray]:
    """Level and voxels of each connected patch of one level."""
    grid = levels.grid
    inside = np.flatnonzero(grid)
    number = np.zeros(grid.size, np.int64)
    number[inside] = np.arange(inside.size)
    alike = [np.stack([a, b])[:, grid[a] == grid[b]] for a, b in levels.pairs()]
    first, second = number[np.concatenate([np.empty((2, 0), np.int64), *alike], axis=1)]
    graph = coo_array((np.ones(first.size, bool), (first, second)), shape=(inside.size, inside.size))
    _, zone = connected_components(graph, directed=False)
    _, one, size = np.unique(zone, return_index=True, return_counts=True)
    return grid[inside[one]], size


def _dependences(levels: GreyLevels) -> tuple[np.ndarray, np.ndarray]:
    """Level of each voxel, and how many of it and its 26 neighbours have that level."""
    grid = levels.grid
    size = np.ones(grid.size, np.int64)
    for a, b in levels.pairs():
        alike = grid[a] == grid[b]
        size[a[alike]] += 1
        size[b[alike]] += 1
    return grid[grid > 0], size[grid > 0]


def _family(level: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """The features of a matrix that counts things by their level and size.

    Args:
        level: Grey level of each run, zone or voxel, 1 and up.
        size: Its size, 1 and up.
    """
    widest = int(size.max()) + 1
    cells, count = np.unique(level * widest + size, return_counts=True)
    i, j = (part.astype(float) for part in np.divmod(cells, widest))
    share = count / count.sum()
    by_level, by_size = np.bincount(level) / level.size, np.bincount(size) / size.size
    levels, sizes = np.arange(by_level.size), np.arange(by_size.size)
    level_nu, size_nu = float(np.square(by_level).sum()), float(np.square(by_size).sum())
    return {
        "small": float((share / j**2).sum()),
        "large": float((share * j**2).sum()),
        "low": float((share / i**2).sum()),
        "high": float((share * i**2).sum()),
        "small_low": float((share / (i * j) ** 2).sum()),
        "small_high": float((share * (i / j) ** 2).sum()),
        "large_low": float((share * (j / i) ** 2).sum()),
        "large_high": float((share * (i * j) ** 2).sum()),
        "level_nu": level_nu * level.size,
        "level_nu_norm": level_nu,
        "size_nu": size_nu * size.size,
        "size_nu_norm": size_nu,
        "share": size.size / float(size.sum()),
        "level_var": float((by_level * levels**2).sum() - (by_level * levels).sum() ** 2),
        "size_var": float((by_size * sizes**2).sum() - (by_size * sizes).sum() ** 2),
        "entropy": float(entropy(share)),
    }
