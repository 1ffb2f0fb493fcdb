"""Sources of tumours: each puts a tumour into a patch of a healthy scan. A new source is a file and an entry here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np

from TextoMorphLib.errors import InputError

SOURCES = {
    "words": "words:Words",
    "ellipsoids": "ellipsoids:Ellipsoids",
    "cells": "cells:Cells",
    "bank": "bank:Bank",
}
ALL_DEFAULT = "solid"  # what is asked where no words are used: every attribute at its default


class Insertion(NamedTuple):
    """A patch with tumours in it.

    Attributes:
        ct: HU, float32.
        label: uint8: 0 elsewhere, 1 organ, 2 and above the tumour classes.
        text: What the tumour was described as; empty where no words were used.
    """

    ct: np.ndarray
    label: np.ndarray
    text: str


class TumourSource(Protocol):
    """Puts tumours into patches."""

    def insert(self, patch: np.ndarray, organ: np.ndarray, rng: np.random.Generator) -> Insertion:
        """A tumour in the organ of a healthy patch.

        Args:
            patch: HU, float32, axes towards Right, Anterior and Superior.
            organ: Boolean, of the patch's shape, not empty.
            rng: Decides everything; the same state gives the same tumour.
        """
        ...


def span(name: str, given: Sequence[float], least: float = -math.inf) -> tuple[float, float]:
    """Two rising numbers between which a source draws.

    Raises:
        InputError: They are not, or the lower one is not above `least`.
    """
    try:
        low, high = (float(number) for number in given)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be two numbers, such as [5.0, 40.0], not {given!r}") from None
    if not (least < low <= high and math.isfinite(low) and math.isfinite(high)):
        above = f" above {least:g}" if math.isfinite(least) else ""
        raise InputError(f"{name} must be two rising numbers{above}, not {low:g} and {high:g}")
    return low, high


def load(kind: str, spacing_mm: float = 1.0, **settings: Any) -> TumourSource:
    """A source by its name.

    Args:
        kind: One of `SOURCES`.
        spacing_mm: Of the patches' voxels.
        settings: The source's own.

    Raises:
        InputError: No such source, or it does not know a setting.
    """
    if kind not in SOURCES:
        raise InputError(f"unknown source of tumours '{kind}'; use one of: {', '.join(SOURCES)}")
    module, _, name = SOURCES[kind].partition(":")
    made = getattr(import_module(f"TextoMorphLib.sources.{module}"), name)
    try:
        source: TumourSource = made(spacing_mm=spacing_mm, **settings)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the source '{kind}' cannot take these settings: {error}") from error
    return source


def from_settings(settings: Mapping[str, Any], spacing_mm: float) -> TumourSource:
    """The source of a configuration's table [source]: `kind`, and its settings."""
    given = dict(settings)
    return load(str(given.pop("kind", "words")), spacing_mm, **given)
