"""File formats of CT volumes: a format is one module of this folder that has a `FORMAT`; nothing else names it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume


DICOM_SUFFIXES = (".dcm", ".ima")


@dataclass(frozen=True)
class Format:
    """What a format's module says of itself.

    Attributes:
        read: Reads a file (or a folder, for a format of folders); raises InputError or OSError.
        write: Writes a volume and a note to a path; None where the format is only read.
        suffixes: The endings of its files, in lower case.
        unwritten: Those of them that are only read: header and voxels in two files, which cannot appear at one stroke.
        folders: Whether an image is a folder.
        mapped: Reads as `read` does, the voxels from a copy on disk as they are needed; None where it cannot.
    """

    read: Callable[[Path], Volume]
    write: Callable[[Volume, Path, str], None] | None = None
    suffixes: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    folders: bool = False
    mapped: Callable[[Path], Volume] | None = None


@lru_cache(maxsize=1)
def known() -> tuple[Format, ...]:
    """All formats."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(module.FORMAT for module in modules if hasattr(module, "FORMAT"))


def reader(path: Path, mapped: bool = False) -> Callable[[Path], Volume]:
    """What reads a file or folder; its voxels as they are needed, where the format can and that is asked for.

    Raises:
        InputError: No format here has such files.
    """
    if path.is_dir():
        return next(each.read for each in known() if each.folders)
    readable = {suffix: (mapped and each.mapped) or each.read for each in known() for suffix in each.suffixes}
    return readable[_suffix(path, readable)]


def writer(path: Path) -> Callable[[Volume, Path, str], None]:
    """What writes a file.

    Raises:
        InputError: No format here has such files, or none that can be written.
    """
    writable = {
        suffix: each.write for each in known() if each.write for suffix in each.suffixes if suffix not in each.unwritten
    }
    return writable[_suffix(path, writable)]


def _suffix(path: Path, among: Mapping[str, object]) -> str:
    for suffix in sorted(among, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return suffix
    series = path.suffix.lower() in DICOM_SUFFIXES or _is_dicom(path)
    hint = "give the folder of the DICOM series" if series else f"use {', '.join(sorted(among))}"
    raise InputError(f"{path} is in no format known here: {hint}")


def _is_dicom(path: Path) -> bool:
    """Whether a file, whatever its name, begins as DICOM images do."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
