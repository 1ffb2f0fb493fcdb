"""A batch's jobs from scans with organ masks: which scan, which organ, where in it, how large, in which words."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.batches import wishes
from TextoMorphLib.batches.organ_folders import OrganScan, scans
from TextoMorphLib.cases import TUMOUR, Case, write_cases
from TextoMorphLib.cases.pairs import JOBS, MASKS
from TextoMorphLib.errors import ALONE, ORGAN_ALONE, Cancelled, InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.sources.in_scans import Room, placed
from TextoMorphLib.sources.placement import read_shapes
from TextoMorphLib.sources.words import from_vocabulary
from TextoMorphLib.spatial.geometry import ball_mm, grow, tight_box

PLAN, CASES = "plan.json", "cases.jsonl"
LEAST_ROOM_ML = 1.0  # of an organ, for lesions to go into it


@dataclass(frozen=True)
class Wish:
    """What is asked of a set of tumours.

    Attributes:
        organs: How often each organ is wanted.
        sizes: Their diameters.
        texts: By organ and frequency; None for one to three terms that are usual in the organ.
        shapes: An .npz of real lesion shapes; None for made-up ones.
        away_mm: How far from what `away_from` says lesions stay.
        away_from: "all" other masks, or "vessels".
        seed: Decides everything.
    """

    organs: dict[str, float]
    sizes: wishes.Sizes
    texts: wishes.Texts | None = None
    shapes: Path | None = None
    away_mm: float = 0.0
    away_from: str = "all"
    seed: int = 0


@dataclass
class _Found:
    """What has been placed so far, and what could not be."""

    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    placed: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    roomy: dict[str, list[OrganScan]] = field(default_factory=lambda: defaultdict(list))


def plan(
    folder: Path, count: int, output: Path, wish: Wish, progress: Callable[[int, int], Any] | None = None
) -> dict[str, Any]:
    """Writes jobs.jsonl (one scan's jobs after one another), masks, cases.jsonl and plan.json.

    Args:
        folder: Scans in the layout of AbdomenAtlas or TotalSegmentator.
        count: How many tumours.
        output: Where all goes, results too; made if it is not there.
        wish: What they shall be like.
        progress: Called with (jobs placed, jobs in all); may return False to cancel.

    Returns:
        What stands in plan.json.

    Raises:
        InputError: No such scans, or none with room in an organ; or the output folder holds a batch already.
        Cancelled: `progress` returned False.
    """
    if count < 1:
        raise InputError(f"{count} tumours cannot be made; ask for 1 or more")
    if (output / JOBS).exists():
        raise InputError(f"{output} holds a batch already; resume it, or choose another folder")
    known = scans(folder, tuple(wish.organs))
    rng = np.random.default_rng(wish.seed)
    organs = wishes.allocated(wish.organs, count, rng)
    texts = _texts(organs, wish, rng)
    shapes = read_shapes(wish.shapes) if wish.shapes else None
    found = _Found()
    with making(output):
        try:
            (output / MASKS).mkdir(exist_ok=True)
            left = _assigned(
                range(count), organs, {organ: [s for s in known if s.organ(organ)] for organ in wish.organs}
            )
            for _ in range(2):  # what finds no room in its own scan goes to one that has some
                again: list[int] = []
                for scan, numbers in left:
                    again += _in_scan(scan, numbers, organs, texts, wish, shapes, output, found, count, progress)
                left = _assigned(again, organs, found.roomy)
            return _written(found, organs, output, folder, wish)
        except BaseException as error:
            if not (output / JOBS).exists():
                shutil.rmtree(output / MASKS, ignore_errors=True)
            if isinstance(error, OSError):
                raise InputError(f"cannot write to {output}: {error.strerror or error}") from error
            raise


def _texts(organs: list[str], wish: Wish, rng: np.random.Generator) -> list[str]:
    """A text for each job: by frequency within its organ."""
    numbers = Counter(organs)
    if wish.texts is None:
        return [from_vocabulary(organ, rng) for organ in organs]
    waiting = {organ: iter(wishes.allocated(wish.texts[organ], numbers[organ], rng)) for organ in numbers}
    return [next(waiting[organ]) for organ in organs]


def _assigned(
    numbers: Any, organs: list[str], scans_of: dict[str, list[OrganScan]]
) -> list[tuple[OrganScan, list[int]]]:
    """Which jobs each scan gets: scans of an organ in turn."""
    turns: Counter[str] = Counter()
    found: dict[str, tuple[OrganScan, list[int]]] = {}
    for number in numbers:
        organ = organs[number]
        if not scans_of.get(organ):
            raise InputError(f"no scan has room for a lesion in its {organ}; ask for less --away-mm, or other organs")
        scan = scans_of[organ][turns[organ] % len(scans_of[organ])]
        turns[organ] += 1
        found.setdefault(scan.name, (scan, []))[1].append(number)
    return [found[name] for name in sorted(found)]


def _in_scan(
    scan: OrganScan,
    numbers: list[int],
    organs: list[str],
    texts: list[str],
    wish: Wish,
    shapes: tuple[np.ndarray, list[np.ndarray]] | None,
    output: Path,
    found: _Found,
    count: int,
    progress: Callable[[int, int], Any] | None,
) -> list[int]:
    """Places a scan's jobs; returns those that find no room there."""
    ct = Volume.read(scan.ct)
    check_ct(ct)
    rooms: dict[str, Room | None] = {}
    again = []
    for number in numbers:
        if progress is not None and progress(len(found.lines), count) is False:
            raise Cancelled("cancelled")
        organ = organs[number]
        if organ not in rooms:
            rooms[organ] = _room(scan, ct, organ, wish, found)
        room = rooms[organ]
        if room is None:
            again.append(number)
            continue
        rng = np.random.default_rng([wish.seed, number])
        asked = wish.sizes.draw(rng)
        mask = _lesion(room, asked, shapes, rng)
        name = f"{number + 1:05d}.nii.gz"
        Volume.from_array(mask, ct.affine).write(output / MASKS / name)
        mm = ball_mm(np.count_nonzero(mask) * ct.voxel_mm3)
        found.placed.append({"output": name, "case": scan.name, "asked_mm": round(asked, 1), "mm": round(mm, 1)})
        found.lines[number] = {
            "ct": seen_from(scan.ct, output),
            "mask": f"{MASKS}/{name}",
            "text": texts[number],
            "output": name,
            "organ": organ,
            "seed": (wish.seed + number) % 2**31,
        }
        found.cases[number] = Case(
            f"planned-{number + 1:05d}",
            output / name,
            organ,
            patient=scan.name,
            label=output / MASKS / name,
            values={TUMOUR: (1,)},
            organ_mask=tuple(scan.organ(organ)),
            texts=(texts[number],),
        )
    return again


def _room(scan: OrganScan, ct: Volume, organ: str, wish: Wish, found: _Found) -> Room | None:
    """Where in a scan's organ lesions may lie; None where there is no room."""
    mask = np.zeros(ct.shape, bool)
    for path in scan.organ(organ):
        mask |= read_mask(path, ct, choose=ORGAN_ALONE)
    key = f"{scan.name}, {organ}"
    voxel_ml = ct.voxel_mm3 / 1000
    if np.count_nonzero(mask) * voxel_ml < LEAST_ROOM_ML:
        found.left_out[key] = f"its mask has less than {LEAST_ROOM_ML:g} ml"
        return None
    for path in scan.lesions():
        if (read_mask(path, ct, choose=ALONE) & mask).any():
            found.left_out[key] = f"not healthy: {path.name} lies in it"
            return None
    if wish.away_mm > 0:
        _keep_away(mask, ct, scan.others(organ, wish.away_from), wish.away_mm)
        if np.count_nonzero(mask) * voxel_ml < LEAST_ROOM_ML:
            found.left_out[key] = f"no room {wish.away_mm:g} mm away from {wish.away_from}"
            return None
    found.roomy[organ].append(scan)
    return Room.of(ct, mask)


def _keep_away(mask: np.ndarray, ct: Volume, others: list[Path], away_mm: float) -> None:
    """Takes out of a mask, in place, what is near others."""
    box = grow(tight_box(mask), np.ceil(away_mm / ct.spacing), ct.shape)
    near = np.zeros([part.stop - part.start for part in box], bool)
    for path in others:
        near |= read_mask(path, ct, choose=ORGAN_ALONE)[box]
    if near.any():
        mask[box] &= ndimage.distance_transform_edt(~near, sampling=ct.spacing) > away_mm


def _lesion(
    room: Room, diameter: float, shapes: tuple[np.ndarray, list[np.ndarray]] | None, rng: np.random.Generator
) -> np.ndarray:
    """A lesion's mask in a room: a real shape of about the diameter, scaled to it, or a made-up one."""
    if shapes is None:
        made = lesion_mask(room.volume, room.mask, diameter, int(rng.integers(2**31)), float(rng.uniform(0, 1)))
        if made.any():
            return made
        shapes = (np.array([1.0]), [np.ones((1, 1, 1), bool)])  # smaller than a voxel
    diameters, known = shapes
    near = np.argsort(np.abs(np.log(diameters / diameter)), kind="stable")[:40]
    chosen = int(rng.choice(near))
    return placed(Volume.from_array(known[chosen], np.eye(4)), float(diameters[chosen]), diameter, room, rng)


def _written(found: _Found, organs: list[str], output: Path, folder: Path, wish: Wish) -> dict[str, Any]:
    """Writes the files."""
    order = [number for number, _ in _by_scan(found)]
    told = {
        "tumours": len(order),
        "organs": dict(Counter(organs)),
        "scans": len({each["case"] for each in found.placed}),
        "sizes": str(wish.sizes),
        "shapes": f"real: {wish.shapes.name}" if wish.shapes else "made up (lobulated ellipsoids)",
        "texts": "one to three terms usual in the organ" if wish.texts is None else wish.texts,
        "away": f"{wish.away_mm:g} mm from {wish.away_from}" if wish.away_mm else "not asked",
        "seed": wish.seed,
        "source": seen_from(folder, output),
        "left_out": found.left_out,
        "placed": sorted(found.placed, key=lambda each: each["output"]),
    }
    write_cases((found.cases[number] for number in order), output / CASES)
    outputs.write_bytes(output / PLAN, (outputs.to_json(told) + "\n").encode())
    lines = "".join(json.dumps(found.lines[number], ensure_ascii=False) + "\n" for number in order)
    outputs.write_bytes(output / JOBS, lines.encode())
    return told


def _by_scan(found: _Found) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from sorted(found.lines.items(), key=lambda item: (item[1]["ct"], item[0]))


def seen_from(path: Path, folder: Path) -> str:
    """A path as it is written in a folder: relative, unless it lies on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(path.resolve())
