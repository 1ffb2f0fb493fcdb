"""Reading text that a user wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise json.JSONDecodeError(f"'{max(names, key=names.count)}' stands twice", "", 0)
    return found


def from_json(content: str | bytes, **options: Any) -> Any:
    """What JSON says; `options` are those of `json.loads`.

    Raises:
        json.JSONDecodeError: It is no JSON, or JSON that cannot be read: too deep, numbers of thousands of digits, a
            name that stands twice in one object.
        InputError: What a hook among the options refuses.
    """
    try:
        return json.loads(content, **{"object_pairs_hook": _once, **options})
    except (json.JSONDecodeError, InputError):
        raise
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    except ValueError as error:
        raise json.JSONDecodeError(str(error).partition(";")[0], "", 0) from None


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV table, each after where it stands, for messages.

    Raises:
        InputError: It cannot be read, or its first line is not these columns.
    """
    reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise InputError(f"{path}: the first line must be {','.join(columns)}")
    for row in reader:
        if None in row:  # where csv keeps what no column is for
            raise InputError(f"{path.name} line {reader.line_num}: more cells than the {len(columns)} columns")
        yield f"{path.name} line {reader.line_num}", row
