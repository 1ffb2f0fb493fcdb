"""Files of terms and organs, the user's own among them: what is wrong with one is said before it means anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import from_json, read_text

NUMBER, TEXT, TEXTS, TABLE, LIST, FLAG = "a number", "a text", "a list of texts", "an object", "a list", "true or false"
Form = Mapping[str, str]  # what a value must be, by its name


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: There is none.
    """
    try:
        found = from_json(read_text(path))
    except json.JSONDecodeError as error:
        raise bad(path, f"it is not JSON ({error.msg} in line {error.lineno})") from error
    if not isinstance(found, dict):
        raise bad(path, "it holds no JSON object")
    return found


def check(path: Path, entry: object, needed: Form, besides: Form, where: str = "") -> None:
    """Make sure that an object of a file has what it must have, and nothing that nobody reads.

    Args:
        path: The file.
        entry: The object.
        needed: What it must have.
        besides: What it may have.
        where: Which one it is, of several.

    Raises:
        InputError: The first thing that is wrong.
    """
    if not isinstance(entry, dict):
        raise bad(path, f"{where}{_shown(entry)} is no object")
    if lacking := [name for name in needed if name not in entry]:
        raise bad(path, f"{where}{', '.join(lacking)} left out")
    known = {**needed, **besides}
    if unknown := [name for name in entry if name not in known]:
        raise bad(path, f"{where}unknown {', '.join(unknown)}; known are {', '.join(known)}")
    for name, value in entry.items():
        if not _is(value, known[name]):
            raise bad(path, f"{where}{name} must be {known[name]}, not {_shown(value)}")


def check_pattern(path: Path, pattern: str) -> None:
    """Make sure that a text is a regular expression.

    Raises:
        InputError: It is none.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise bad(path, f"'{pattern}' is no regular expression ({error})") from error


def bad(path: Path, reason: str) -> InputError:
    """What is said of a file with which something is wrong."""
    return InputError(f"{path}: {reason}; write it as docs/extending.md shows, or take the file away")


def _is(value: object, kind: str) -> bool:
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind == NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {TEXT: str, TABLE: dict, LIST: list, FLAG: bool}[kind])


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
