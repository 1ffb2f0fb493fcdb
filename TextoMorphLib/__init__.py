"""TextoMorph: puts a tumour described in words into a healthy CT.

    from TextoMorphLib import Synthesizer, Volume

    result = Synthesizer.load("starter").synthesize(ct, mask, "hypoattenuating, ill-defined")

After "Text-Driven Tumor Synthesis" (Li et al., IEEE TMI 2026).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from TextoMorphLib.version import __version__

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesis, Synthesizer

__all__ = ["Synthesis", "Synthesizer", "Volume", "__version__"]

_HOMES = {"Synthesis": "synthesis", "Synthesizer": "synthesis", "Volume": "io.volume"}


def __getattr__(name: str) -> Any:
    """Imports torch and the rest only when they are asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"TextoMorphLib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'TextoMorphLib' has no attribute '{name}'")
