"""Features of the neighbouring grey tone difference matrix (NGTDM): how voxels differ from those around them."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.measurement.radiomics.levels import GreyLevels

COARSEST = 1e6  # coarseness where no voxel differs from its neighbours


def features(levels: GreyLevels) -> dict[str, float]:
    """The 5 NGTDM features."""
    level, count, difference = _matrix(levels)
    total, kinds = float(count.sum()), level.size
    share = count / total
    coarse, differing = float((share * difference).sum()), float(difference.sum())
    apart = np.abs(np.subtract.outer(level, level))
    weighted = float(np.abs(np.subtract.outer(level * share, level * share)).sum())
    both = np.add.outer(share, share)
    spread = float((np.multiply.outer(share, share) * apart**2).sum())
    found = {
        "Busyness": coarse / weighted if weighted else 0.0,
        "Coarseness": 1 / coarse if coarse else COARSEST,
        "Complexity": float((apart * np.add.outer(share * difference, share * difference) / both).sum()) / total,
        "Contrast": spread * differing / total / (kinds * (kinds - 1)) if kinds > 1 else 0.0,
        "Strength": float((both * apart**2).sum()) / differing if differing else 0.0,
    }
    return {f"ngtdm_{name}": value for name, value in found.items()}


def _matrix(levels: GreyLevels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels; how many voxels have each; how far these differ, in all, from their neighbours' mean."""
    grid = levels.grid
    near, total = np.zeros(grid.size, np.int64), np.zeros(grid.size, np.int64)
    for a, b in levels.pairs():
        near[a] += 1
        near[b] += 1
        total[a] += grid[b]
        total[b] += grid[a]
    inside = grid > 0
    level = grid[inside]
    # A voxel without neighbours counts as one that does not differ, as in PyRadiomics.
    apart = np.where(near[inside] > 0, np.abs(level - total[inside] / np.maximum(near[inside], 1)), 0.0)
    count, difference = np.bincount(level), np.bincount(level, apart)
    kept = np.flatnonzero(count)
    return kept.astype(float), count[kept].astype(float), difference[kept]
