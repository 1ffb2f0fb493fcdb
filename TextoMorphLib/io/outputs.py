"""Writing results: an image with its JSON report beside it, both or none, and a figure the same way."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import formats
from TextoMorphLib.io.atomic import check_ordinary, replacing
from TextoMorphLib.io.names import check_path

if TYPE_CHECKING:
    from TextoMorphLib.io.delta import Delta
    from TextoMorphLib.io.volume import Volume

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
FIGURE_SUFFIXES = (".png",)
TABLE_SUFFIXES = (".csv",)
DELTA_SUFFIX = ".delta.npz"


def suffix(path: Path, allowed: Iterable[str] = IMAGE_SUFFIXES) -> str:
    """The part of the file's name that tells its format, `.nii.gz` taken as one.

    Raises:
        InputError: The name ends in none of `allowed`.
    """
    for end in allowed:
        if path.name.lower().endswith(end) and len(path.name) > len(end):
            return path.name[-len(end) :]
    raise InputError(f"cannot tell the format of {path}: the name must end in {' or '.join(allowed)}")


def report_path(image: Path) -> Path:
    """Where the report of an image lies: `scan.nii.gz` has `scan.json` beside it."""
    return image.with_name(image.name[: -len(suffix(image))] + ".json")


def delta_path(image: Path) -> Path:
    """Where what changed of an image's scan lies: `scan.nii.gz` has `scan.delta.npz` in its place."""
    return image.with_name(image.name[: -len(suffix(image))] + DELTA_SUFFIX)


def check_image(path: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Make sure that an image and its report can be written, before any work is done.

    Args:
        path: The image to write.
        inputs: Files that are read; never written over, whatever `overwrite` says.
        overwrite: Whether files from before may be replaced.

    Raises:
        InputError: What is in the way.
    """
    suffix(path)
    for target in (path, report_path(path)):
        _check(target, inputs, overwrite)


def check_figure(path: Path, inputs: Iterable[Path] = (), overwrite: bool = True) -> None:
    """The same as `check_image` for a PNG figure, which has no report."""
    suffix(path, FIGURE_SUFFIXES)
    _check(path, inputs, overwrite)


def check_file(path: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """The same as `check_image` for a file of any kind."""
    _check(path, inputs, overwrite)


def check_table(path: Path, inputs: Iterable[Path] = (), overwrite: bool = True) -> None:
    """The same as `check_image` for a CSV table."""
    suffix(path, TABLE_SUFFIXES)
    _check(path, inputs, overwrite)


def _check(path: Path, inputs: Iterable[Path], overwrite: bool) -> None:
    check_path(path)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give a file name in it")
    check_ordinary(path)
    if any(_same(path, given) for given in inputs):
        raise InputError(f"cannot write {path}: it is one of the inputs; choose another name")
    if (path.exists() or path.is_symlink()) and not overwrite:  # a link to nothing would be replaced, too
        raise InputError(f"{path} exists; choose another name or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: no permission to write in {path.parent}")


def _same(path: Path, other: Path) -> bool:
    """Whether two names are one file, by links and letters' case, too."""
    with suppress(OSError):
        return path.resolve() == other.resolve() or (path.exists() and path.samefile(other))
    return False


def write_image(
    volume: Volume,
    report: Mapping[str, Any],
    path: Path,
    note: str,
    progress: Callable[[int, int], Any] | None = None,
    overwrite: bool = True,
    also: Mapping[Path, Callable[[Path], Any]] | None = None,
    delta: Delta | None = None,
) -> None:
    """Write an image, its report and what else belongs to them: all or none.

    All are written beside their places and moved there when complete; the image goes last, so that an image always has
    its report.

    Args:
        volume: The image.
        report: What goes into the JSON, with the image's SHA-256; NaN becomes null.
        path: The image's place; its report goes to `report_path(path)`.
        note: Provenance kept in the image's own header.
        progress: Called with (1, 1) once all are written, before they are moved; may return False to cancel.
        overwrite: Whether files that exist by then are replaced.
        also: More files or folders by their place: each is called with the path that it is to fill.
        delta: Written to `delta_path(path)` in the image's stead.

    Raises:
        InputError: The disk refuses (full, read-only), or a file has appeared that may not be replaced.
        Cancelled: `progress` returned False.
    """
    more = also or {}
    place = delta_path(path) if delta else path
    with replacing(place, report_path(path), *more, overwrite=overwrite) as (image, text, *others):
        if delta:
            from TextoMorphLib.io import delta as deltas

            deltas.write(delta, image)
        else:
            formats.writer(path)(volume, image, note)
        kept = {"store": "delta", **deltas.described(delta)} if delta else {}
        whole = {**report, "image": {"sha256": sha256(image), **kept}}
        text.write_text(to_json(whole) + "\n", encoding="utf-8")
        for fill, place in zip(more.values(), others, strict=True):
            fill(place)
        if progress is not None and progress(1, 1) is False:
            raise Cancelled("cancelled")


def is_whole(path: Path) -> bool:
    """Whether an image, or the delta in its stead, is there as its report says: not empty, cut short or changed."""
    try:
        image = json.loads(report_path(path).read_text(encoding="utf-8"))["image"]
        return bool(image["sha256"] == sha256(delta_path(path) if image.get("store") == "delta" else path))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def write_bytes(path: Path, content: bytes, private: bool = False) -> None:
    """Write a whole file or nothing.

    Args:
        path: The file.
        content: All of it.
        private: Nobody but its owner may read it, where the system knows of owners.

    Raises:
        InputError: The disk refuses.
    """
    with replacing(path) as (beside,):
        beside.touch(0o600 if private else 0o666)
        beside.write_bytes(content)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all or none.

    Args:
        contents: What each is to hold.

    Raises:
        InputError: The disk refuses.
    """
    with replacing(*contents) as places:
        for place, content in zip(places, contents.values(), strict=True):
            place.write_bytes(content)


def to_json(value: Any) -> str:
    """JSON that every reader takes: NumPy numbers as numbers, NaN and infinity as null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and numbers
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
