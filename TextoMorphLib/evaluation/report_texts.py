"""How well whole reports are taken apart: each lesion with its organ, size, segments and attributes, and how fast.

A file of reports is JSON: `defaults` (each attribute that it speaks of, with its default) and `reports` (`report`, the
text, and `lesions`: `organ`, `diameter_mm`, `segments`, and `means`, as in a file of texts).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.reports import extract

PLACE = ("organ", "diameter_mm", "segments")


@dataclass
class Counts:
    """What came out.

    Attributes:
        reports: How many were read.
        characters: Of all of them.
        lesions: How many they describe.
        found: Lesions with their organ, size and segments.
        right: Of these, those right in every attribute.
        extra: Lesions that were found and are none.
        cpu_s: CPU time of reading them all once, the vocabulary's not counted.
    """

    reports: int = 0
    characters: int = 0
    lesions: int = 0
    found: int = 0
    right: int = 0
    extra: int = 0
    cpu_s: float = 0.0

    @property
    def cpu_s_of_1000(self) -> float:
        """CPU time that 1,000 such reports take, in s."""
        return 1000 * self.cpu_s / max(self.reports, 1)

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {**asdict(self), "cpu_s_of_1000": round(self.cpu_s_of_1000, 2)}


def load(path: Path) -> dict[str, Any]:
    """A file of reports.

    Raises:
        InputError: No such file, or not of this format.
    """
    try:
        data: dict[str, Any] = json.loads(read_text(path))
        for each in data["reports"]:
            if not {"report", "lesions"} <= each.keys():
                raise KeyError(str(each)[:60])
            if not all({*PLACE, "means"} <= lesion.keys() for lesion in each["lesions"]):
                raise KeyError("lesions")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no file of reports: it needs reports with their lesions ({error})") from error
    return data


def run(data: Mapping[str, Any]) -> Counts:
    """Takes every report apart and counts.

    Args:
        data: What `load` gave.
    """
    kinds = [kind for kind in KINDS if kind in (data.get("defaults") or KINDS)]
    counts = Counts()
    extract("Liver: 2 cm hypodense lesion.")  # reads the vocabulary
    for each in data["reports"]:
        start = time.process_time()
        left = [lesion.as_dict() for lesion in extract(each["report"])]
        counts.cpu_s += time.process_time() - start
        counts.reports += 1
        counts.characters += len(each["report"])
        for wanted in each["lesions"]:
            counts.lesions += 1
            placed = [lesion for lesion in left if all(lesion[name] == wanted[name] for name in PLACE)]
            if placed:
                best = max(placed, key=lambda lesion: _is_right(lesion, wanted, kinds))
                counts.found += 1
                counts.right += _is_right(best, wanted, kinds)
                left.remove(best)
        counts.extra += len(left)
    return counts


def table(counts: Counts) -> str:
    """The counts in words."""
    return (
        f"{counts.reports} reports of {counts.characters / max(counts.reports, 1):.0f} characters: "
        f"{counts.found} of {counts.lesions} lesions found with organ, size and segments, "
        f"{counts.right} right in every attribute; {counts.extra} that are none.\n"
        f"1,000 such reports take {counts.cpu_s_of_1000:.1f} s of CPU time."
    )


def _is_right(found: Mapping[str, Any], wanted: Mapping[str, Any], kinds: list[str]) -> bool:
    for kind in kinds:
        default = KINDS[kind][0]
        accepted = wanted["means"].get(kind, default)
        if found["attributes"].get(kind, default) not in ([accepted] if isinstance(accepted, str) else accepted):
            return False
    return True
