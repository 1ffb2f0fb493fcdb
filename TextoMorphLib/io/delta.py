"""A changed scan as what changed of it: the box around the new voxels, and the scan again from that, bit by bit.

The file is an .npz without pickles: `start` and `shape` of the box, `changed` (packed bits) and `values` (stored
values of the changed voxels, in the scan's type), and `about` (JSON in UTF-8): format, provenance, where the scan lay,
and SHA-256 fingerprints of the scan before and after (voxels, HU scale and place, whatever file holds them).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume

FORMAT = 1


@dataclass(frozen=True)
class Delta:
    """What changed of a scan.

    Attributes:
        start: First voxel of the box.
        changed: Boolean, of the box's shape.
        values: New stored values where `changed`, in C order, in the scan's type.
        about: See above.
    """

    start: tuple[int, int, int]
    changed: np.ndarray
    values: np.ndarray
    about: dict[str, Any]


def between(before: Volume, after: Volume, note: str, source: str) -> Delta:
    """The difference of two scans on one grid, in one type.

    Args:
        before: The scan.
        after: The same scan with other voxels in places.
        note: Provenance, as it stands in the header of the scan after.
        source: Where the scan lies, as seen from the delta's folder.

    Raises:
        ValueError: They differ in more than voxels.
    """
    same = (before.slope, before.intercept, before.data.dtype) == (after.slope, after.intercept, after.data.dtype)
    if not same or before.shape != after.shape or not np.array_equal(before.affine, after.affine):
        raise ValueError("the scans differ in grid, type or scale")
    bits = np.dtype(f"u{before.data.dtype.itemsize}")
    where = before.data.view(bits) != after.data.view(bits)
    start, shape = _box(where)
    box = tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
    about = {
        "format": FORMAT,
        "synthetic": True,
        "note": note,
        "source": source,
        "before": before.fingerprint().hex(),
        "after": after.fingerprint().hex(),
    }
    return Delta(start, where[box], after.data[box][where[box]], about)


def _box(where: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Start and shape of the smallest box; of no size where nothing changed."""
    found = []
    for axis in range(3):
        along = np.flatnonzero(where.any(axis=tuple({0, 1, 2} - {axis})))
        found.append((int(along[0]), int(along[-1] - along[0] + 1)) if along.size else (0, 0))
    (i, di), (j, dj), (k, dk) = found
    return (i, j, k), (di, dj, dk)


def write(delta: Delta, path: Path) -> None:
    """Writes the file; the same delta gives the same bytes."""
    about = json.dumps(delta.about, ensure_ascii=False, sort_keys=True).encode()
    with open(path, "wb") as file:
        np.savez_compressed(
            file,
            start=np.array(delta.start, np.int64),
            shape=np.array(delta.changed.shape, np.int64),
            changed=np.packbits(delta.changed),
            values=delta.values,
            about=np.frombuffer(about, np.uint8),
        )


def read(path: Path) -> Delta:
    """Reads the file; nothing in it is run.

    Raises:
        InputError: It is none, damaged, or of a later version.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; check the name")
    try:
        with np.load(path, allow_pickle=False) as file:
            about = dict(json.loads(file["about"].tobytes()))
            shape = tuple(int(size) for size in file["shape"])
            changed = np.unpackbits(file["changed"], count=int(np.prod(shape))).reshape(shape).astype(bool)
            i, j, k = (int(first) for first in file["start"])
            delta = Delta((i, j, k), changed, file["values"], about)
            whole = len(delta.values) == np.count_nonzero(changed) and {"before", "after", "note"} <= set(about)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        why = "" if "pickle" in str(error) else f" ({error})"  # numpy's advice to run what is in the file
        raise InputError(f"{path} is no delta of a scan, or damaged{why}; make it again") from None
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is of format {about.get('format')}, this version reads {FORMAT}; update TextoMorph")
    if not whole:
        raise InputError(f"{path} is damaged: its parts do not belong together; make it again")
    return delta


def apply(delta: Delta, scan: Volume) -> Volume:
    """The changed scan.

    Args:
        delta: What changed.
        scan: The scan as it was.

    Raises:
        InputError: It is another scan, or the delta is damaged.
    """
    if scan.fingerprint().hex() != delta.about["before"]:
        raise InputError("the scan is not the one that the delta was made from: its voxels, HU scale or place differ")
    data = scan.data.copy(order="K")
    box = tuple(slice(first, first + size) for first, size in zip(delta.start, delta.changed.shape, strict=True))
    if data[box].shape != delta.changed.shape or delta.values.dtype != data.dtype:
        raise InputError("the delta is damaged: it does not fit its scan; make it again")
    data[box][delta.changed] = delta.values
    made = replace(scan, data=data)
    if made.fingerprint().hex() != delta.about["after"]:
        raise InputError("the delta is damaged: the scan does not come out as it was made; make it again")
    return made


def described(delta: Delta) -> Mapping[str, Any]:
    """Its box and how many voxels changed, for a report."""
    return {"start": delta.start, "shape": delta.changed.shape, "voxels": int(np.count_nonzero(delta.changed))}
