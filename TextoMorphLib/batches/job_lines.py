"""Lines of JSON that name jobs, and lesions of a job: what they may hold, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from TextoMorphLib.batches.job import Job, Part
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.names import check_path
from TextoMorphLib.io.textfile import from_json

SEVERAL = "lesions"
REQUIRED = ("ct", "mask", "text", "output")
OF_ONE = ("mask", "text")  # what a job names that has no list of lesions
PATHS = ("ct", "mask", "output", "organ_mask")
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "seed": ((int,), "number"),
    "steps": ((int,), "number"),
    "guidance": ((int, float), "number"),
    "label": ((int, str), "number or a name"),
    "replace": ((bool,), "true or false"),
    "resample_mask": ((bool,), "true or false"),
    "assume_hu": ((bool,), "true or false"),
    "texture": ((bool,), "true or false"),
    SEVERAL: ((list,), "list"),
}


def parse(line: str, folder: Path, store: str = "scan") -> Job:
    """The job of a line.

    Args:
        line: A JSON object.
        folder: Where its relative paths start.
        store: How the result is kept, if the line does not say.

    Raises:
        InputError: It is no job; what is wrong.
    """
    given = _object(line, '{"ct": ..., "mask": ..., "text": ..., "output": ...}')
    several = SEVERAL in given
    needed = [name for name in REQUIRED if not (several and name in OF_ONE)]
    if missing := [name for name in needed if name not in given]:
        raise InputError(f"{', '.join(missing)} left out")
    if several and (twice := [name for name in OF_ONE if name in given]):
        raise InputError(f"{' and '.join(twice)} beside {SEVERAL}; name them in each lesion of the list")
    fields = _fields(given, Job, folder)
    if several:
        fields[SEVERAL] = parts(given[SEVERAL], folder)
    return Job(**{"mask": None, "text": "", "store": store, **fields})


def parts(given: list[Any], folder: Path) -> tuple[Part, ...]:
    """The lesions of a list of objects.

    Raises:
        InputError: One is no lesion; its number, and what is wrong.
    """
    if not given:
        raise InputError('no lesion is named; write {"mask": ..., "text": ...} for each')
    found = []
    for number, each in enumerate(given, start=1):
        try:
            found.append(part(each, folder))
        except InputError as error:
            raise InputError(f"lesion {number}: {error}") from error
    return tuple(found)


def part(given: Any, folder: Path) -> Part:
    """One lesion, from an object or a line that holds one.

    Raises:
        InputError: It is no lesion; what is wrong.
    """
    given = _object(given, '{"mask": ..., "text": ...}')
    if missing := [name for name in OF_ONE if name not in given]:
        raise InputError(f"{', '.join(missing)} left out")
    return Part(**_fields(given, Part, folder))


def _object(given: Any, form: str) -> dict[str, Any]:
    try:
        found = from_json(given) if isinstance(given, str) else given
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at column {error.colno}") from error
    if not isinstance(found, dict):
        raise InputError(f"not a JSON object; write {form}")
    return found


def _fields(given: dict[str, Any], kind: type, folder: Path) -> dict[str, Any]:
    """The arguments of a dataclass, checked; relative paths start at a folder."""
    known = [field.name for field in dataclasses.fields(kind)]
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")
    for name, value in given.items():
        types, called = TYPES.get(name, ((str,), "string"))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            article = "" if bool in types else "a "
            raise InputError(f"{name} must be {article}{called}, not {json.dumps(value)[:100]}")
    paths = [name for name in PATHS if name in given]
    for name in paths:
        check_path(Path(given[name]))
    return {name: folder / value if name in paths else value for name, value in given.items()}
