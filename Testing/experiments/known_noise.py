"""Does drawn noise have the strength and grain of a scan's? Known noise is put into real anatomy; no model draws.

    python Testing/experiments/known_noise.py CASES.jsonl [--sites 4] [--size 24] [--crop 55] [--seeds 9]

`textomorph benchmark noise --known` asks the same of lesions, noise and all else that a model draws; this asks it of
the product's estimate alone, in seconds a place. Prints how many places are within 10% (SD) and 0.1 (correlations of
neighbours along i, j, k) of the known noise, strictly within 10% of each value, and within 10% or the sampling error:
of what is drawn, and of what was put in itself where the lesion is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np

from TextoMorphLib.cases import read_cases
from TextoMorphLib.evaluation import grain
from TextoMorphLib.evaluation.known_noise import planted
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.geometry import grow, tight_box

ROWS = ("drawn", "put in")


def place(
    ct: Volume, mask: np.ndarray, tumours: np.ndarray | None, crop: float | None, seeds: int, number: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The known noise, what is drawn and what was put in where the lesion is, [3, 4], and the errors of both, [2, 4].

    None where the lesion is too small to be measured.
    """
    around = grain._around(ct, mask)
    known = planted(ct, around, number)
    own = np.zeros(ct.shape, np.float32)
    own[around] = known.noise
    truth = grain.grain(known.noise, np.ones(known.noise.shape, bool), ct.spacing)
    part = (slice(None),) * 3 if crop is None else grain._crop(ct, mask, crop)
    mask, own, hu = mask[part], own[part], known.volume.hu(part)
    near = grow(tight_box(mask), np.ceil(noise.reach_mm(ct.spacing) / ct.spacing), mask.shape)
    usable = None if tumours is None else ~tumours[part][near]
    found = noise.autocovariance(hu[near], mask[near], ct.spacing, usable)
    box = grow(tight_box(mask), np.full(3, 2), mask.shape)
    deep = grain.away_from_border(mask[box], ct.spacing)
    if np.count_nonzero(deep) < grain.LEAST_VOXELS:
        return None
    drawn = [noise.sample_noise(found, deep.shape, seed) for seed in range(seeds)]
    of_drawn = np.mean([astuple(grain.grain(each, deep, ct.spacing)) for each in drawn], axis=0)
    values = [astuple(truth), of_drawn, astuple(grain.grain(own[box], deep, ct.spacing))]
    unsure = [list(grain.errors(each, deep, ct.spacing).values()) for each in (drawn[0], own[box])]
    return np.array(values), np.array(unsure) / np.sqrt([[seeds], [1]])


def places(cases: Path, sites: int, size: float, crop: float | None, seeds: int) -> Iterator[tuple[np.ndarray, ...]]:
    """What `place` finds in every case."""
    for done, case in enumerate(read_cases(cases), start=1):
        ct = Volume.read(case.ct)
        for number, (mask, tumours) in enumerate(grain._masks(case, ct, sites, size)):
            found = place(ct, mask, tumours, crop, seeds, grain.SEEDS * (sites * done + number))
            if found:
                yield found


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--size", type=float, default=24.0)
    parser.add_argument("--crop", type=float)
    parser.add_argument("--seeds", type=int, default=9)
    found = list(places(**vars(parser.parse_args())))
    truth = np.array([values[0] for values, _ in found])
    for row, name in enumerate(ROWS):
        apart = np.abs(np.array([values[row + 1] for values, _ in found]) - truth)
        unsure = np.array([errors[row] for _, errors in found])
        known = np.isfinite(apart)
        allowed = np.broadcast_to(grain.NEAR_ENOUGH, truth.shape).copy()
        allowed[:, 0] *= truth[:, 0]
        strict = grain.NEAR_ENOUGH * np.abs(truth)
        counts = [apart <= limit for limit in (allowed, strict, strict + grain.CERTAIN * unsure)]
        for rule, ok in zip(("10%, 0.1", "strictly 10%", "10% or error"), counts, strict=True):
            print(f"{name:7} {rule:13}", *(f"{(ok & known)[:, at].sum()} of {known[:, at].sum()}" for at in range(4)))


if __name__ == "__main__":
    main()
