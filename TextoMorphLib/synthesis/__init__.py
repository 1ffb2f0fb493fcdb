"""Scan, mask and words in, scan with a tumour out.

from TextoMorphLib.synthesis import Synthesizer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from TextoMorphLib.synthesis.result import Synthesis
    from TextoMorphLib.synthesis.synthesizer import Synthesizer

__all__ = ["Synthesis", "Synthesizer"]


def __getattr__(name: str) -> Any:
    """Imports torch and the networks only when they are asked for: pictures and checks of a request need neither."""
    if name == "Synthesis":
        from TextoMorphLib.synthesis.result import Synthesis

        return Synthesis
    if name == "Synthesizer":
        from TextoMorphLib.synthesis.synthesizer import Synthesizer

        return Synthesizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
