"""Files and folders that appear whole or not at all: the one way in which anything here reaches the disk."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from TextoMorphLib.errors import DiskError, InputError

_PREFIX = f".textomorph-{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]}-"
_ABANDONED_S = 86_400  # no write takes a day; another container's, whose processes are not seen here, may take minutes
_count = itertools.count()


@contextmanager
def replacing(*places: Path, overwrite: bool = True) -> Iterator[list[Path]]:
    """Places beside the given ones, moved there together once the block has filled them.

    When the block fails, or one of them cannot be moved, no new file stays. What a killed program left of an earlier
    try at the same places is removed, and what one left a day ago in the same folder.

    Args:
        places: Files or folders to make; the first is moved last, so that where it is, all are.
        overwrite: Whether files that exist are replaced; folders never are, unless empty.

    Yields:
        A path for each place, with its suffix, in its folder; nothing is there yet.

    Raises:
        InputError: A place exists that may not be replaced; as `DiskError`, the disk refuses.
    """
    for place in places:
        check_ordinary(place)
    beside = [_beside(place) for place in places]
    try:
        yield beside
        _move(list(zip(beside, places, strict=True))[::-1], overwrite)
    except FileExistsError as error:
        raise InputError(f"{error.filename} exists; choose another name or add --overwrite") from error
    except OSError as error:
        others = [str(place) for place in places[1:] if place.parent != places[0].parent]
        whole = f" with {', '.join(others)} (all or none)" if others else ""
        raise DiskError(f"cannot write {places[0]}{whole}: {_reason(error)}") from error
    finally:
        for path in beside:
            _remove(path)


@contextmanager
def making(*folders: Path) -> Iterator[None]:
    """Folders, made with their parents where they are not there; those that are still empty when the block fails go.

    Raises:
        DiskError: One cannot be made.
    """
    missing = {each for folder in folders for each in (folder, *folder.parents) if not each.exists()}
    try:
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DiskError(f"cannot make the folder {folder}: {_reason(error)}") from error
        yield
    except BaseException:
        for each in sorted(missing, key=lambda path: len(path.parts), reverse=True):
            with suppress(OSError):
                each.rmdir()
        raise


def _reason(error: OSError) -> str:
    short = " requested and " in str(error)  # how NumPy says that the disk took only a part
    return error.strerror or ("the disk is full" if short else str(error))


def check_ordinary(place: Path) -> None:
    """Refuses a place that is a device, a pipe or a socket: what is moved there would take its stead.

    Raises:
        InputError: It is one.
    """
    with suppress(OSError):
        if place.exists() and not (place.is_file() or place.is_dir()):
            raise InputError(f"cannot write {place}: it is no ordinary file (a device or a pipe); name another")


def _move(moves: list[tuple[Path, Path]], overwrite: bool) -> None:
    made: list[Path] = []
    try:
        for beside, place in moves:
            new = not place.exists()
            _to(beside, place, overwrite)
            if new:
                made.append(place)
    except BaseException:
        for place in made:
            _remove(place)
        raise


def _to(beside: Path, place: Path, overwrite: bool) -> None:
    if beside.is_dir():
        with suppress(FileNotFoundError):
            place.rmdir()  # refuses unless it is empty
        os.replace(beside, place)
        return
    if overwrite:
        os.replace(beside, place)
        return
    try:
        os.link(beside, place)  # unlike a move, this never replaces what has appeared meanwhile
    except FileExistsError:
        raise FileExistsError(None, None, str(place)) from None
    except OSError:  # a file system without links
        if place.exists():
            raise FileExistsError(None, None, str(place)) from None
        os.replace(beside, place)


def _beside(place: Path) -> Path:
    """A name that no other place, process or thread uses; short, however long the place's is."""
    mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:10]
    with suppress(OSError):
        for entry in os.scandir(place.parent):
            if entry.name.startswith(_PREFIX) and (mark in entry.name or _age(entry) > _ABANDONED_S):
                process = entry.name[len(_PREFIX) :].split("-")[0]
                if process.isdecimal() and not _lives(int(process)):
                    _remove(Path(entry.path))
    return place.with_name(f"{_PREFIX}{os.getpid()}-{next(_count)}-{mark}-{place.name[-12:]}")


def _age(entry: os.DirEntry[str]) -> float:
    """Seconds since it was written."""
    return time.time() - entry.stat(follow_symlinks=False).st_mtime


def _lives(process: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(process))


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
