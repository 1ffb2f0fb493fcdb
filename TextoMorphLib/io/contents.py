"""What files hold, as fingerprints: whether something was made from what lies at a path now, or from what lay there.

What is handed on (reports of images) tells inputs by their SHA-256, `of`. What is only kept to go on from tells them by
name, size and time, `looks`, which reads nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from TextoMorphLib import paths
from TextoMorphLib.io.names import LONGEST_NAME
from TextoMorphLib.io.outputs import sha256
from TextoMorphLib.version import __version__


def of(files: Iterable[Path], seen_from: Path) -> dict[str, str]:
    """The SHA-256 of what files, or the files of folders, hold; those that cannot be read are left out.

    Args:
        files: Files, or folders of DICOM series.
        seen_from: The folder from which their paths are written, so that all may be moved together.
    """
    found = {}
    for path in files:
        with suppress(OSError):
            parts = _parts(path.resolve())
            found[named(path, seen_from)] = _digest(parts, tuple(_looks(part) for part in parts))
    return found


def looks(files: Iterable[Path]) -> list[list[Any]]:
    """Name, size and time of files, and of the files of folders: other ones when one of them was written anew.

    Raises:
        OSError: One of them is not there.
    """
    return [[part.name, *_looks(part)[:2]] for path in files for part in _parts(path)]


def program() -> str:
    """What else decides what is made of files, wherever texts are read or written: version, vocabulary and organs.

    The user's own words and organs are among them. What is kept to go on from is told by it, too: after an update, or
    with a new term, the same inputs and settings mean something else.
    """
    told = hashlib.sha256(__version__.encode())
    for folder in ("Organs", "Vocabulary", "Vocabulary/terms"):
        for path in paths.listed(folder):
            told.update(path.name.encode() + path.read_bytes())
    return told.hexdigest()[:12]


def named(path: Path, seen_from: Path) -> str:
    """A path as it is written from a folder; whole where they lie on two drives."""
    try:
        return Path(os.path.relpath(path.resolve(), seen_from.resolve())).as_posix()
    except ValueError:
        return str(path.resolve())


def changed(before: object, now: Mapping[str, str]) -> list[str]:
    """Which files hold something else now; those that either does not know of are taken for the same.

    Args:
        before: What a report says, or what else stands in its place.
        now: From `of`.
    """
    known = before if isinstance(before, Mapping) else {}
    return [name for name, digest in now.items() if known.get(name, digest) != digest]


def _parts(path: Path) -> tuple[Path, ...]:
    """A file, with those that hold its voxels where only a header is in it; or the files of a folder."""
    if path.is_dir():
        return tuple(sorted(each for each in path.iterdir() if each.is_file()))
    return (path, *_apart(path)) if path.suffix.lower() in (".mhd", ".nhdr") else (path,)


def _apart(header: Path) -> list[Path]:
    """The files that a header of MetaImage or NRRD names, in a line `key = name`, `key: name` or of their own."""
    with header.open("rb") as file:
        lines = file.read(1 << 16).decode("latin-1").splitlines()
    named = (re.split("[=:]", line, maxsplit=1)[-1].strip() for line in lines)
    return [header.parent / name for name in named if len(name) <= LONGEST_NAME and (header.parent / name).is_file()]


def _looks(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


@lru_cache(maxsize=4096)
def _digest(parts: tuple[Path, ...], looks: tuple[tuple[int, int, int], ...]) -> str:
    """Of files, read again only where one of them looks otherwise than before."""
    if len(parts) == 1:
        return sha256(parts[0])
    return hashlib.sha256(
        "".join(f"{sha256(part)} {part.name}\n" for part in parts).encode(errors="replace")
    ).hexdigest()
