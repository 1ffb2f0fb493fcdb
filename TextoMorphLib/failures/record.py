"""A failure as a line of failures.jsonl; paths in it are relative to the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.textfile import from_json, read_text

MISS, FALSE_ALARM, WORST = "miss", "false alarm", "worst"
FAILURE_KINDS = (MISS, FALSE_ALARM, WORST)


@dataclass(frozen=True)
class Failure:
    """One failure.

    Attributes:
        id: Its name, unique in its file.
        kind: miss, false alarm, or worst: found, but among those with the lowest Dice.
        case: The case's id.
        patient: Whose it is.
        organ: The organ.
        ct: The scan.
        mask: The lesion or the false alarm, on the scan's grid, cut to its box.
        picture: A PNG.
        centre_mm: RAS.
        diameter_mm: Of the ball with its volume.
        diameters_mm: The longest in a slice and the longest across it.
        dice: Of the lesion and the predicted components that touch it; None for a false alarm.
        text: What it looks like; no size.
        description: The same as kinds and values.
        unsaid: Why nothing is said of other kinds.
        told: What a vision-language model says of the picture, where one was asked (`vision.held_against`).
    """

    id: str
    kind: str
    case: str
    patient: str
    organ: str
    ct: Path
    mask: Path
    picture: Path
    centre_mm: tuple[float, float, float]
    diameter_mm: float
    diameters_mm: tuple[float, float]
    dice: float | None
    text: str
    description: dict[str, str] = field(default_factory=dict)
    unsaid: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def line(self, folder: Path) -> dict[str, Any]:
        """What stands in a file in `folder`."""
        given = asdict(self)
        for name in ("ct", "mask", "picture"):
            given[name] = Path(os.path.relpath(Path(given[name]).resolve(), folder.resolve())).as_posix()
        if not self.told:
            del given["told"]
        return given


def read_failures(path: Path) -> list[Failure]:
    """The failures of a file.

    Raises:
        InputError: The first line that is wrong, or an empty file.
    """
    found = []
    known = {each.name for each in fields(Failure)}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            given = from_json(line)
            if not isinstance(given, dict) or set(given) - known or known - {"told"} - set(given):
                raise InputError("no failure as failures find writes it")
            if given["kind"] not in FAILURE_KINDS:
                raise InputError(f"unknown kind '{given['kind']}'; known are {', '.join(FAILURE_KINDS)}")
            paths = {name: path.parent / given[name] for name in ("ct", "mask", "picture")}
            pairs = {name: tuple(given[name]) for name in ("centre_mm", "diameters_mm")}
            found.append(Failure(**{**given, **paths, **pairs}))
        except (json.JSONDecodeError, TypeError) as error:
            raise InputError(f"{path} line {number}: not JSON, or not of a failure: {error}") from error
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
    if not found:
        raise InputError(f"{path} holds no failure")
    return found


def write_failures(failures: Iterable[Failure], path: Path) -> None:
    """Writes a failures.jsonl, whole or not at all."""
    lines = [json.dumps(failure.line(path.parent), ensure_ascii=False) + "\n" for failure in failures]
    outputs.write_bytes(path, "".join(lines).encode())
