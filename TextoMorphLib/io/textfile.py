"""Reading text that a user wrote."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from TextoMorphLib.errors import InputError


def listed(text: str) -> tuple[str, ...]:
    """What is written, separated by commas; blanks around it and empty parts do not count."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_text(path: Path) -> str:
    """A UTF-8 file's text; a byte order mark, which spreadsheets write, is left out.

    Raises:
        InputError: It cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from error


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV table, each after where it stands, for messages.

    Raises:
        InputError: It cannot be read, or its first line is not these columns.
    """
    reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise InputError(f"{path}: the first line must be {','.join(columns)}")
    for row in reader:
        yield f"{path.name} line {reader.line_num}", row
