"""How often another scale than HU is seen: real CTs and crops, as they are and changed.

Crops of 48 mm are cut from the scans; those in subfolders are files of their own, with -1500 where nothing is known.

python Testing/fuzz/scales.py FOLDER_OF_CTS [--scans] [CHANGE ...]
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
UNKNOWN_HU = -1400.0
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda hu: hu,
    "-1024": lambda hu: hu - 1024,
    "+1024": lambda hu: hu + 1024,
    "+300": lambda hu: hu + 300,
    "-200": lambda hu: hu - 200,
    "+200": lambda hu: hu + 200,
    "-100": lambda hu: hu - 100,
    "+100": lambda hu: hu + 100,
    "-50": lambda hu: hu - 50,
    "+50": lambda hu: hu + 50,
    **{f"x {factor:g}": lambda hu, factor=factor: hu * factor for factor in (0.9, 0.95, 0.97, 1.03, 1.05, 1.1)},  # type: ignore[misc]
    "x 8": lambda hu: hu * 8,
    "x 2": lambda hu: hu * 2,
    "x 0.5": lambda hu: hu / 2,
    "x 0.1": lambda hu: hu / 10,
    "8 bit window": lambda hu: np.clip((hu + 160) / 400 * 255, 0, 255),
}


def pieces(folder: Path, rng: np.random.Generator) -> Iterator[tuple[str, Volume, np.ndarray]]:
    """Each scan, those of its random crops that hold enough soft tissue, and each file in subfolders."""
    for path in sorted(folder.glob("*_ct*.nii.gz")):
        if "organs" in path.name:
            continue
        volume = Volume.read(path)
        hu = volume.hu()
        yield "scans", volume, hu
        size = np.ceil(SIDE_MM / volume.spacing).astype(int)
        for _ in range(CROPS):
            low = [rng.integers(0, max(1, all_ - own)) for all_, own in zip(hu.shape, size, strict=True)]
            crop = hu[tuple(slice(a, a + b) for a, b in zip(low, size, strict=True))]
            if np.mean((crop > 0) & (crop < 250)) > SOFT:
                yield "crops", volume, crop
    for path in sorted(folder.glob("*/*_ct.nii.gz")):
        volume = Volume.read(path)
        yield "files of crops", volume, volume.hu()


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
    counted: dict[tuple[str, str], Counter[str]] = {}
    wanted = [each for each in sys.argv[2:] if each != "--scans"] or list(CHANGES)
    for kind, volume, hu in pieces(Path(sys.argv[1]), rng):
        if kind != "scans" and "--scans" in sys.argv:
            continue
        for name in wanted:
            change = CHANGES[name]
            changed = np.where(hu <= UNKNOWN_HU, hu, change(hu)) if kind == "files of crops" else change(hu)
            counted.setdefault((kind, name), Counter())[verdict(changed, volume.affine)] += 1
    for (kind, name), ends in counted.items():
        print(f"{kind:15s} {name:13s} {', '.join(f'{ends[end]} {end}' for end in ('taken', 'warned', 'refused'))}")


if __name__ == "__main__":
    main()
