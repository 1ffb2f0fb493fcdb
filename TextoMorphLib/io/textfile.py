"""Reading text that a user wrote."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
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
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from error
    if "\0" in text:  # UTF-16 without its mark, or a program's own file
        raise InputError(f"cannot read {path}: it is not UTF-8 text (it holds zero bytes)")
    return text


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


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a CSV table, and its rows, each after its last line's number; a cell that is left out is empty.

    Commas, semicolons (of spreadsheets where the comma is the decimals') or tabs part the cells, whichever the first
    line has most of. A cell in quotes may go over several lines. Rows without any value are left out.

    Raises:
        InputError: It cannot be read, its quotes do not close, a column stands twice, or a row has more cells than
            there are columns.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count), skipinitialspace=True, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{path.name} line {reader.line_num}: {error}; look at the double quotes there") from None
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise InputError(f"{path}: the column {twice[0]} stands twice; the first line names each once")
    for line, row in rows:
        if len(row) > len(columns):
            raise InputError(
                f"{path.name} line {line}: more cells than the {len(columns)} columns; put a text with commas in quotes"
            )
    return columns, [(line, dict(zip_longest(columns, row, fillvalue=""))) for line, row in rows]


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV table, each after where it stands, for messages.

    Raises:
        InputError: It cannot be read, or its first line is not these columns.
    """
    found, rows = read_rows(path)
    if tuple(found) != tuple(columns):
        raise InputError(f"{path}: the first line must be {','.join(columns)}")
    for line, row in rows:
        yield f"{path.name} line {line}", row
