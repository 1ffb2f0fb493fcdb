"""How often another scale than HU is seen: real CTs and crops of 48 mm from them, as they are and changed.

python Testing/fuzz/scales.py FOLDER_OF_CTS
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume, check_ct

CROPS, SIDE_MM, SOFT = 40, 48.0, 0.4
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda hu: hu,
    "-1024": lambda hu: hu - 1024,
    "+1024": lambda hu: hu + 1024,
    "+300": lambda hu: hu + 300,
    "-200": lambda hu: hu - 200,
    "+200": lambda hu: hu + 200,
    "x 8": lambda hu: hu * 8,
    "x 2": lambda hu: hu * 2,
    "x 0.5": lambda hu: hu / 2,
    "x 0.1": lambda hu: hu / 10,
    "8 bit window": lambda hu: np.clip((hu + 160) / 400 * 255, 0, 255),
}


def pieces(volume: Volume, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The scan, and those of its random crops that hold enough soft tissue."""
    hu = volume.hu()
    yield hu
    size = np.ceil(SIDE_MM / volume.spacing).astype(int)
    for _ in range(CROPS):
        low = [rng.integers(0, max(1, all_ - own)) for all_, own in zip(hu.shape, size, strict=True)]
        crop = hu[tuple(slice(a, a + b) for a, b in zip(low, size, strict=True))]
        if np.mean((crop > 0) & (crop < 250)) > SOFT:
            yield crop


def verdict(hu: np.ndarray, affine: np.ndarray) -> str:
    """Whether it is taken, warned of or refused."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            check_ct(Volume.from_array(hu.astype(np.float32), affine))
        except InputError:
            return "refused"
    return "warned" if told else "taken"


def main() -> None:
    rng = np.random.default_rng(0)
    counted: dict[str, Counter[str]] = {name: Counter() for name in CHANGES}
    for path in sorted(Path(sys.argv[1]).glob("*_ct*.nii.gz")):
        if "organs" in path.name:
            continue
        volume = Volume.read(path)
        for hu in pieces(volume, rng):
            for name, change in CHANGES.items():
                counted[name][verdict(change(hu), volume.affine)] += 1
    for name, ends in counted.items():
        print(f"{name:13s} {', '.join(f'{ends[end]} {end}' for end in ('taken', 'warned', 'refused'))}")


if __name__ == "__main__":
    main()
