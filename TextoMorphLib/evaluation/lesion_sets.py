"""Sets of lesions from folders and case files, and their radiomics features, kept scan by scan as they are measured."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases.pairs import JOBS
from TextoMorphLib.errors import Cancelled, InputError, doubts_kept, one_of_many
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.io.textfile import from_json, read_text
from TextoMorphLib.parallel import given, in_order
from TextoMorphLib.version import __version__

LEAST_MM3 = 100.0  # smaller lesions have no texture to speak of
ANY_ORGAN = "all"  # the organ's name where none is known


@dataclass(frozen=True)
class Scan:
    """A scan with lesions.

    Attributes:
        set: The name of its set.
        organ: Whose lesions they are.
        ct: The scan.
        mask: A mask or label map.
        values: The label map's numbers that are lesions; every number above 0 if empty.
    """

    set: str
    organ: str
    ct: Path
    mask: Path
    values: tuple[int, ...] = ()

    @property
    def said(self) -> str:
        """Which one it is, in words."""
        return f"set {self.set}, {self.ct.name}"


@dataclass(frozen=True)
class Settings:
    """How features are measured.

    Attributes:
        preset: Of `measurement.radiomics.FEATURE_PRESETS`.
        bin_width: Of the grey levels, HU.
    """

    preset: str = "paper"
    bin_width: float = 25.0


@dataclass(frozen=True)
class Row:
    """One lesion.

    Attributes:
        set: Its set.
        organ: Its organ.
        scan: Its file.
        diameter_mm: Of the ball with its volume.
        features: By name.
    """

    set: str
    organ: str
    scan: str
    diameter_mm: float
    features: dict[str, float]


def scans(source: Path, organ: str | None = None, values: Sequence[int] = ()) -> list[Scan]:
    """The scans of a set.

    Args:
        source: A cases.jsonl; or a folder: of a batch (with its jobs.jsonl), or of CTs and masks named after them
            (`case1.nii.gz` or `case1_ct.nii.gz`, and `case1_mask.nii.gz` or another ending).
        organ: The organ of all; otherwise what the file says, or none.
        values: The numbers in the masks that are lesions; otherwise what the file says, or all.

    Raises:
        InputError: It is not there, or holds no lesions.
    """
    if source.is_file():
        found = _of_cases(source, organ)
    elif (source / JOBS).is_file():
        found = _of_batch(source, organ)
    else:
        from TextoMorphLib.cases.pairs import pairs

        name = source.resolve().name
        found = [Scan(name, organ or ANY_ORGAN, ct, mask, tuple(values)) for ct, mask in pairs(source, source)]
    if not found:
        raise InputError(f"{source} holds no scans with lesions")
    return found


def _of_cases(path: Path, organ: str | None) -> list[Scan]:
    from TextoMorphLib.cases import ORGAN, read_cases

    name = path.stem if path.stem != "cases" else path.resolve().parent.name
    return [
        Scan(
            name,
            organ or case.organ,
            case.ct,
            case.label,
            tuple(number for kind, numbers in case.values.items() if kind != ORGAN for number in numbers),
        )
        for case in read_cases(path)
        if case.label and case.classes
    ]


def _of_batch(folder: Path, organ: str | None) -> list[Scan]:
    """The batch's tumours that are done."""
    found = []
    for number, line in enumerate(read_text(folder / JOBS).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            job = from_json(line)
            made, mask, name = folder / job["output"], folder / job["mask"], organ or job.get("organ") or "liver"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{folder / JOBS} line {number}: no job with an output and a mask ({error})") from error
        if made.is_file():
            found.append(Scan(folder.resolve().name, name, made, mask))
    return found


def measure(settings: Settings, scan: Scan) -> list[Row]:
    """The features of each lesion of a scan, on a grid of 1 mm: texture does not compare between others.

    Raises:
        InputError: A file cannot be read, or they do not fit together.
    """
    from TextoMorphLib.io.masks import read_labels
    from TextoMorphLib.io.volume import Volume, check_ct
    from TextoMorphLib.measurement import radiomics
    from TextoMorphLib.spatial.geometry import ball_mm
    from TextoMorphLib.spatial.region import regions

    volume = Volume.read(scan.ct)
    with doubts_kept():  # of a crop, whose scale cannot be told: what is no HU is refused
        check_ct(volume)
    labels = read_labels(scan.mask, volume)
    mask = np.isin(labels, scan.values) if scan.values else labels > 0
    rows = []
    for region in regions(volume, mask) if mask.any() else ():
        inside = region.depth > 0
        voxels = np.count_nonzero(inside)
        if voxels < LEAST_MM3:
            continue
        features = radiomics.features(region.ct, inside, np.ones(3), settings.bin_width, settings.preset)
        rows.append(Row(scan.set, scan.organ, scan.ct.name, ball_mm(voxels), features))
    return rows


def table(
    every: Sequence[Scan],
    settings: Settings,
    folder: Path,
    workers: int = 1,
    progress: Callable[[int, int], Any] | None = None,
    failed: Callable[[str], Any] | None = None,
) -> list[Row]:
    """The features of all lesions; what was measured before is read from `folder` again.

    Args:
        every: The scans.
        settings: How features are measured.
        folder: Keeps a file a scan; made if it is not there.
        workers: Processes that share the work.
        progress: Called with (scans done, scans in all); may return False to stop, which loses nothing.
        failed: Called with what is wrong with a scan, which is then left out; without it, that is an error.

    Raises:
        InputError: A scan cannot be measured; those before it are kept.
        Cancelled: `progress` returned False.
    """
    with making(folder):
        kept: dict[Scan, Path] = {}
        for scan in every:
            with one_of_many(scan.said, failed):
                kept[scan] = folder / f"{_key(scan, settings)}.json"
        todo = [scan for scan, path in kept.items() if not path.is_file()]
        done = len(kept) - len(todo)
        for scan, found in zip(todo, in_order(_tried, todo, partial(given, settings), workers), strict=True):
            if isinstance(found, InputError):
                del kept[scan]
                with one_of_many(scan.said, failed):
                    raise found
            else:
                outputs.write_bytes(kept[scan], outputs.to_json({"lesions": [asdict(row) for row in found]}).encode())
            done += 1
            if progress is not None and progress(done, len(every)) is False:
                raise Cancelled("cancelled")
        return [row for path in kept.values() for row in _kept(path)]


def _tried(settings: Settings, scan: Scan) -> list[Row] | InputError:
    try:
        return measure(settings, scan)
    except InputError as error:
        return error


def _kept(path: Path) -> list[Row]:
    rows = []
    for row in json.loads(path.read_text(encoding="utf-8"))["lesions"]:
        row["features"] = {name: float("nan") if value is None else value for name, value in row["features"].items()}
        rows.append(Row(**row))
    return rows


def _key(scan: Scan, settings: Settings) -> str:
    """A name for what was measured: another one when files, labels, settings or what measures are others."""
    files = (scan.ct, scan.mask)
    try:
        seen = contents.looks(files)
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror or error}") from error
    where = [str(path.resolve()) for path in files]
    whole = json.dumps([__version__, scan.set, scan.organ, list(scan.values), where, seen, asdict(settings)])
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def as_csv(rows: Sequence[Row]) -> bytes:
    """All lesions with their features, a line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(rows[0].features) if rows else []
    writer.writerow(["set", "organ", "scan", "diameter_mm", *names])
    for row in rows:
        writer.writerow(
            [row.set, row.organ, row.scan, f"{row.diameter_mm:.2f}", *(f"{row.features[name]:.8g}" for name in names)]
        )
    return text.getvalue().encode()
