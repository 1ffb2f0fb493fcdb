"""The file of jobs that `textomorph batch` takes, from a folder of CTs, their masks, and texts to draw from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import ORGAN_ALONE, Cancelled, InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.request import check_request

JOBS = "jobs.jsonl"
MASKS = "masks"
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
        cts: Folder of the CTs: files, or a folder for each DICOM series; or the folder of one DICOM series.
        masks: Folder of their masks, named as the CT is: `case1.nii.gz` or `case1_mask.nii.gz` for `case1.nii.gz`
            or `case1_ct.nii.gz` or a DICOM series in `case1`. May be the CTs' own.
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
    try:
        folder.mkdir(exist_ok=True)
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
    """Puts a lesion's mask in the place of each job's organ mask; each CT is read once."""
    from TextoMorphLib.io.masks import read_mask
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.lesion_masks import lesion_mask

    diameters = rng.uniform(*DIAMETERS_MM, len(lines))
    numbers = sorted(range(len(lines)), key=lambda number: lines[number]["ct"])
    known, ct, organ = None, None, None
    for done, number in enumerate(numbers):
        line = lines[number]
        if progress is not None and progress(done, len(lines)) is False:
            raise Cancelled("cancelled")
        if known != line["ct"]:
            known, ct = line["ct"], Volume.read(line["ct"])
            organ = read_mask(line["mask"], ct, choose=ORGAN_ALONE)
            if not organ.any():
                raise InputError(f"the mask {line['mask']} is empty; paint the organ")
        assert ct is not None
        assert organ is not None
        lesion = lesion_mask(ct, organ, float(diameters[number]), line["seed"])
        name = f"{MASKS}/{line['output']}"
        Volume.from_array(lesion, ct.affine).write(folder / name)
        line["mask"] = name


def pairs(cts: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Each CT of a folder with its masks: those with the longest name in common; `plan` says how they are named."""
    scans, painted = _images(cts, series=True), _images(masks)
    if cts.resolve() == masks.resolve():  # what is named after another file is its mask
        scans = [scan for scan in scans if not any(_belongs(scan, other) for other in scans if other != scan)]
    owners: dict[Path, list[Path]] = {scan: [] for scan in scans}
    for mask in painted:
        fitting = [scan for scan in scans if _belongs(mask, scan) and mask.resolve() != scan.resolve()]
        if fitting:
            owners[max(fitting, key=lambda scan: len(_base(scan)))].append(mask)
    without = [scan for scan, found in owners.items() if not found]
    if without:
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        raise InputError(
            f"no mask for {without[0].name}{more} in {masks}; "
            f"name it {_base(without[0])}_mask.nii.gz, or take out the CT"
        )
    return [(scan.resolve(), mask.resolve()) for scan, found in owners.items() for mask in found]


def _images(folder: Path, series: bool = False) -> list[Path]:
    """The image files in a folder; with `series`, the DICOM series in it, or the folder itself if it is one, too."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; choose the folder with the images")
    inside = sorted(folder.iterdir())
    found = [path for path in inside if path.is_file() and path.name.lower().endswith(outputs.IMAGE_SUFFIXES)]
    if series:
        found += [path for path in inside if _is_series(path)]
        found = found or ([folder] if _is_series(folder) else [])
    if not found:
        or_series = ", or are folders of DICOM series" if series else ""
        raise InputError(f"{folder} holds no images; they end in {', '.join(outputs.IMAGE_SUFFIXES)}{or_series}")
    return found


def _is_series(folder: Path) -> bool:
    from pydicom.misc import is_dicom

    return folder.is_dir() and any(path.is_file() and is_dicom(path) for path in folder.iterdir())


def _base(scan: Path) -> str:
    """A CT's name without its ending: `case1` for `case1_ct.nii.gz`."""
    return _stem(scan).removesuffix("_ct").removesuffix("-ct")


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.name[: -len(outputs.suffix(path))]


def _belongs(mask: Path, scan: Path) -> bool:
    stem, base = _stem(mask), _base(scan)
    return stem == base or stem.startswith((f"{base}_", f"{base}-"))
