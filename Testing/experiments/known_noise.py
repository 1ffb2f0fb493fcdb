"""Does drawn noise have the strength and grain of a scan's? Known noise is put into real anatomy; no model draws.

    python Testing/experiments/known_noise.py CASES.jsonl [--sites 4] [--size 24] [--crop 55] [--seeds 9] [--place]

`textomorph benchmark noise --known` asks the same of lesions, noise and all else that a model draws; this asks it of
the product's estimate alone, in seconds a place. Prints how many places are within 10% (SD) and 0.1 (correlations of
neighbours along i, j, k) of the known noise, strictly within 10% of each value, and within 10% or the sampling error:
of what is drawn, of what was put in itself where the lesion is, and of the tissue that lesions are held against
(without an error of its own); and their means over that of the known noise. With --place the scan keeps its own noise,
and the finest detail of what is drawn, and of the nearest homogeneous tissue, is held against the scan's at the
lesion's place; and halves of both against each other: what they are apart by cannot be asked of a lesion.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np

from TextoMorphLib.cases import read_cases
from TextoMorphLib.evaluation import grain
from TextoMorphLib.evaluation.grain_fine import fine
from TextoMorphLib.evaluation.grain_measures import errors
from TextoMorphLib.evaluation.grain_measures import grain as measured
from TextoMorphLib.evaluation.grain_tissue import even
from TextoMorphLib.evaluation.known_noise import planted
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.geometry import Box, grow, tight_box

ROWS = ("drawn", "put in", "nearest tissue")
PLACE_ROWS = ("drawn", "nearest tissue", "halves of it", "halves of place")


def place(
    ct: Volume, mask: np.ndarray, tumours: np.ndarray | None, crop: float | None, seeds: int, number: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The known noise, what is drawn, what was put in where the lesion is and the nearest tissue's, [4, 4], and errors.

    The errors are those of the last three, [3, 4]; the tissue's are not estimated: zero.

    None where the lesion is too small to be measured.
    """
    around = grain._around(ct, mask)
    known = planted(ct, around, number)
    with_noise = known.volume.hu(around)
    tissue = _tissue(with_noise, mask if tumours is None else mask | tumours, around, ct.spacing)
    of_tissue = astuple(measured(with_noise, tissue, ct.spacing)) if tissue.any() else [np.nan] * 4
    own = np.zeros(ct.shape, np.float32)
    own[around] = known.noise
    truth = measured(known.noise, np.ones(known.noise.shape, bool), ct.spacing)
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
    of_drawn = np.mean([astuple(measured(each, deep, ct.spacing)) for each in drawn], axis=0)
    values = [astuple(truth), of_drawn, astuple(measured(own[box], deep, ct.spacing)), of_tissue]
    unsure = [list(errors(each, deep, ct.spacing).values()) for each in (drawn[0], own[box])]
    unsure.append([0.0] * 4)
    return np.array(values), np.array(unsure) / np.sqrt([[seeds], [1], [1]])


def own_place(
    ct: Volume, mask: np.ndarray, tumours: np.ndarray | None, crop: float | None, seeds: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Finest details, and what each is held against, [4, 2, 4]: as `PLACE_ROWS` has them.

    None where the lesion is too small to be measured. Errors are not estimated: zero.
    """
    part = (slice(None),) * 3 if crop is None else grain._crop(ct, mask, crop)
    own, hu, spacing = mask[part], ct.hu(part), ct.spacing
    near = grow(tight_box(own), np.ceil(noise.reach_mm(spacing) / spacing), own.shape)
    usable = None if tumours is None else ~tumours[part][near]
    found = noise.autocovariance(hu[near], own[near], spacing, usable)
    box, around = grow(tight_box(mask), np.full(3, 4), mask.shape), grain._around(ct, mask)
    deep = grain.away_from_border(mask[box], spacing)
    if np.count_nonzero(deep) < grain.LEAST_VOXELS:
        return None
    here, there = ct.hu(box), ct.hu(around)
    tissue = _tissue(there, mask if tumours is None else mask | tumours, around, spacing)
    drawn = [_fine(noise.sample_noise(found, deep.shape, seed), deep, spacing) for seed in range(seeds)]
    place_itself = _fine(here, deep, spacing)
    rows = [np.mean(drawn, axis=0), place_itself], [_fine(there, tissue, spacing), place_itself]
    halves = ([_fine(hu, half, spacing) for half in _halves(of)] for hu, of in ((there, tissue), (here, deep)))
    return np.array([*rows, *halves]), np.zeros((4, 4))


def _fine(hu: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    return np.array(astuple(fine(hu, where, spacing)) if where.any() else [np.nan] * 4)


def _tissue(hu: np.ndarray, mask: np.ndarray, box: Box, spacing: np.ndarray) -> np.ndarray:
    """The nearest homogeneous tissue in a box of a scan; none if there is less than a lesion is held against."""
    found = even(hu, mask[box], spacing, grain.BORDER_MM)
    return found if np.count_nonzero(found) >= grain.LEAST_TISSUE else np.zeros_like(found)


def _halves(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two halves of some voxels along the first axis, on which most scans have their sides."""
    before = np.zeros_like(where)
    if where.any():
        before[: int(np.median(np.nonzero(where)[0]))] = True
    return where & before, where & ~before


def places(
    cases: Path, sites: int, size: float, crop: float | None, seeds: int, place_itself: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `place`, or `own_place`, finds in every case."""
    for done, case in enumerate(read_cases(cases), start=1):
        ct = Volume.read(case.ct)
        for number, (mask, tumours) in enumerate(grain._masks(case, ct, sites, size)):
            if place_itself:
                found = own_place(ct, mask, tumours, crop, seeds)
            else:
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
    parser.add_argument("--place", action="store_true", dest="place_itself")
    given = parser.parse_args()
    found = list(places(**vars(given)))
    for row, name in enumerate(PLACE_ROWS if given.place_itself else ROWS):
        of = np.array([values[row] if given.place_itself else values[[row + 1, 0]] for values, _ in found])
        truth, apart = of[:, 1], np.abs(of[:, 0] - of[:, 1])
        unsure = np.array([errors[row] for _, errors in found])
        known = np.isfinite(apart)
        allowed = np.broadcast_to(grain.NEAR_ENOUGH, truth.shape).copy()
        allowed[:, 0] *= truth[:, 0]
        strict = grain.NEAR_ENOUGH * np.abs(truth)
        counts = [apart <= limit for limit in (allowed, strict, strict + grain.CERTAIN * unsure)]
        rules = ("10%, 0.1", "strictly 10%", "10% or error")[: 2 if given.place_itself else 3]
        for rule, ok in zip(rules, counts, strict=False):
            print(f"{name:15} {rule:13}", *(f"{(ok & known)[:, at].sum()} of {known[:, at].sum()}" for at in range(4)))
        ratios = [of[known[:, at], :, at].mean(axis=0) for at in range(4)]
        print(f"{name:15} {'mean, times':13}", *(f"{mean / right:.2f}" for mean, right in ratios))


if __name__ == "__main__":
    main()
