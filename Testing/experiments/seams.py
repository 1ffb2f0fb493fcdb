"""Is what is finest in a scan alike across a tumour's border, as in a real scan, or has a twin a seam there?

    python Testing/experiments/seams.py CASES.jsonl OBSERVER/twins.jsonl

The cases that `textomorph benchmark observer` was given, and the twins that it listed. Prints medians, of real tumours
and of twins, and the AUC of each number alone: the correlation of neighbours in the plane of which one lies in the
mask and the other does not (of what is finer than 1.5 mm), the standard deviation of their differences, and the fine
detail's strength in the outermost 0.6 mm over that from 3 mm on. The observer looks at lesions from within: none of
its features says the first two.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import read_cases
from TextoMorphLib.evaluation.observer import _auc
from TextoMorphLib.evaluation.observer_features import TEXTURE_MM, Lesion
from TextoMorphLib.evaluation.twins import largest
from TextoMorphLib.io.volume import Volume

FIRST_MM, BESIDE_MM, DEEP_MM = 0.6, 1.0, 3.0
LEAST_KNOWN = 0.9  # share of a neighbourhood
LEAST_VOXELS = 60
NAMES = ("correlation across the border", "steps across it, HU", "outermost detail over inner")


def seam(hu: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> list[float]:
    """The numbers of `NAMES`."""
    lesion = Lesion.cut(hu, mask, spacing)
    sigma = [*(TEXTURE_MM / lesion.spacing[:2]), 0.0]
    share = ndimage.gaussian_filter(lesion.known.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(lesion.known, lesion.hu, 0), sigma) / np.maximum(share, 1e-3)
    fine = np.where(lesion.known, lesion.hu - smooth, 0)
    first = lesion.mask & (lesion.depth <= FIRST_MM)
    beside = lesion.known & ~lesion.mask & (lesion.depth > -BESIDE_MM) & (share > LEAST_KNOWN)
    one, other = _neighbours(fine, first, beside)
    within = np.where(lesion.mask, lesion.hu - lesion.level - lesion.fine, 0)
    deep = lesion.mask & (lesion.depth > DEEP_MM)
    rim = within[first].std() / within[deep].std() if np.count_nonzero(deep) > LEAST_VOXELS else np.nan
    return [float(np.corrcoef(one, other)[0, 1]), float((one - other).std()), float(rim)]


def _neighbours(image: np.ndarray, here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of neighbours in the plane, of which the first lies here and the second there."""
    one, other = [], []
    for axis in (0, 1):
        values, a, b = (np.moveaxis(each, axis, 0) for each in (image, here, there))
        up, down = a[:-1] & b[1:], b[:-1] & a[1:]
        one += [values[:-1][up], values[1:][down]]
        other += [values[1:][up], values[:-1][down]]
    return np.concatenate(one), np.concatenate(other)


def main(cases: Path, twins: Path) -> None:
    """Prints them."""
    made = {case.id: case.ct for case in read_cases(twins)}
    real, drawn = [], []
    for case in read_cases(cases):
        if case.id in made:
            volume, twin = Volume.read(case.ct), Volume.read(made[case.id])
            mask = largest(case.targets(volume) > 1, volume.spacing)
            real.append(seam(volume.hu(), mask, volume.spacing))
            drawn.append(seam(twin.hu(), mask, volume.spacing))
    print(f"{len(real)} pairs")
    for name, one, other in zip(NAMES, np.transpose(real), np.transpose(drawn), strict=True):
        both = np.isfinite(one) & np.isfinite(other)
        auc = _auc(np.concatenate([one[both], other[both]]), np.repeat([1, 0], both.sum()))
        print(f"{name:30} real {np.median(one[both]):6.2f}  twin {np.median(other[both]):6.2f}  AUC {auc:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
