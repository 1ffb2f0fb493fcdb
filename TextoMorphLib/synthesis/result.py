"""What a synthesis gives back: the scan, its report, and what was measured."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes
from TextoMorphLib.measurement.expectations import compare
from TextoMorphLib.version import __version__

if TYPE_CHECKING:
    from TextoMorphLib.text.vocabulary import Mention

LESION_SEEDS = 1_000_003  # from a lesion's seed to the next one's


@dataclass(frozen=True)
class Synthesis:
    """A synthetic scan and what is known of it.

    Attributes:
        volume: The scan with the tumour, on the input's own grid.
        report: Text, terms, organ, seed, steps, guidance, model, versions, device, notes (what was done about
            short memory), warnings (what is doubtful about place and result, in words), seconds per stage, which
            candidate each lesion is (1 is the seed's first), its measured attributes, what was asked against what
            was measured, and `"synthetic": true`.
        lesions: What was measured of each lesion; the report has it rounded, for JSON.
    """

    volume: Volume
    report: dict[str, Any]
    lesions: tuple[Attributes, ...]


class Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Counts the time of a `with` block towards a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def rounded(self) -> dict[str, float]:
        """For the report."""
        return {stage: round(seconds, 3) for stage, seconds in self.seconds.items()}


def plain(lesion: Attributes) -> dict[str, float | None]:
    """Attributes for JSON, which knows no NaN."""
    return {name: round(value, 3) if np.isfinite(value) else None for name, value in asdict(lesion).items()}


def report_of(
    text: str, mentions: Sequence[Mention], organ: str, seed: int, lesions: Sequence[Attributes]
) -> dict[str, Any]:
    """What the report says of a result that nothing but its request decides: no candidates, no classifier."""
    return {
        "synthetic": True,
        "text": text,
        "terms": [mention.name for mention in mentions],
        "understood": {},
        "organ": organ,
        "seed": seed,
        "guidance": 1.0,
        "texture": False,
        "versions": versions(),
        "candidates": [1] * len(lesions),
        "lesions": [plain(lesion) for lesion in lesions],
        "asked": [compare(mentions, asdict(lesion)) for lesion in lesions],
    }


def device_name(device: torch.device) -> str:
    """The device in words."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of what decides a result; asking the packages costs a tenth of a lesion, so it is done once."""
    found = {"textomorph": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
