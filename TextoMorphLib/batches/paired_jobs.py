"""The file of jobs that `textomorph batch` takes, from a folder of CTs, their masks, and texts to draw from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases.pairs import JOBS, MASKS, pairs
from TextoMorphLib.errors import ORGAN_ALONE, Cancelled, InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.synthesis.request import check_request

DIAMETERS_MM = (10.0, 40.0)


def plan(
    cts: Path,
    masks: Path,
    texts: Sequence[str],
    count: int,
    folder: Path,
    organ: str = "liver",
    seed: int = 0,
    organ_masks: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> Path:
    """Writes a batch's jobs: CTs and texts are used equally often, each tumour has a seed of its own.

    Args:
        cts: Folder of the CTs.
        masks: Folder of their masks; `cases.pairs.pairs` says how they are named.
        texts: Descriptions to draw from.
        count: How many tumours.
        folder: Where the results go: 0001.nii.gz and so on, beside the jobs. Made if it is not there.
        organ: liver, pancreas or kidney.
        seed: The first tumour's; also decides which texts meet which CTs, and where lesions are placed.
        organ_masks: The masks are of organs: a lesion of 10 to 40 mm is placed in the organ, and its mask written to
            `masks` in the folder.
        progress: Called with (jobs done, jobs in all); may return False to cancel.

    Returns:
        The file of jobs.

    Raises:
        InputError: A folder is missing or empty, a CT has no mask, the output folder holds a batch already.
        Cancelled: `progress` returned False.
    """
    if not texts:
        raise InputError("no text is given; write one description a line")
    for text in texts:
        check_request(text, organ, seed, None, None)
    if count < 1:
        raise InputError(f"{count} tumours cannot be made; ask for 1 or more")
    found = pairs(cts, masks)
    jobs = folder / JOBS
    if jobs.exists():
        raise InputError(f"{folder} holds a batch already; resume it, or choose another folder")
    rng = np.random.default_rng(seed)
    lines = _lines(found, texts, count, organ, seed, rng)
    placed = folder / MASKS
    had_masks = placed.exists()
    with making(folder):
        try:
            if organ_masks:
                placed.mkdir(exist_ok=True)
                _place(lines, folder, rng, progress)
            outputs.write_bytes(jobs, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
        except BaseException as error:
            if organ_masks and not had_masks:
                shutil.rmtree(placed, ignore_errors=True)
            if isinstance(error, OSError):
                raise InputError(f"cannot write to {folder}: {error.strerror or error}") from error
            raise
    return jobs


def _lines(
    found: Sequence[tuple[Path, Path]],
    texts: Sequence[str],
    count: int,
    organ: str,
    seed: int,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """A line for each tumour: scans in turn, texts in turn in an order of their own."""
    said = islice(cycle(rng.permutation(np.array(texts, dtype=object))), count)
    scans = islice(cycle(found), count)
    return [
        {
            "ct": str(ct),
            "mask": str(mask),
            "text": text,
            "output": f"{n:04d}.nii.gz",
            "organ": organ,
            "seed": seed + n - 1,
        }
        for n, ((ct, mask), text) in enumerate(zip(scans, said, strict=True), 1)
    ]


def _place(
    lines: list[dict[str, Any]], folder: Path, rng: np.random.Generator, progress: Callable[[int, int], Any] | None
) -> None:
    """Puts a lesion's mask in the place of each job's organ mask; each CT, and each of its masks, is read once."""
    from TextoMorphLib.io.masks import read_mask
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.lesion_masks import lesion_mask

    diameters = rng.uniform(*DIAMETERS_MM, len(lines))
    numbers = sorted(range(len(lines)), key=lambda number: (lines[number]["ct"], lines[number]["mask"]))
    known, painted, ct, organ = None, None, None, None
    for done, number in enumerate(numbers):
        line = lines[number]
        if progress is not None and progress(done, len(lines)) is False:
            raise Cancelled("cancelled")
        if known != line["ct"]:
            known, painted, ct = line["ct"], None, Volume.read(line["ct"])
        assert ct is not None
        if painted != line["mask"]:
            painted, organ = line["mask"], read_mask(line["mask"], ct, choose=ORGAN_ALONE)
            if not organ.any():
                raise InputError(f"the mask {line['mask']} is empty; paint the organ")
        assert organ is not None
        lesion = lesion_mask(ct, organ, float(diameters[number]), line["seed"])
        name = f"{MASKS}/{line['output']}"
        Volume.from_array(lesion, ct.affine).write(folder / name)
        line["mask"] = name
