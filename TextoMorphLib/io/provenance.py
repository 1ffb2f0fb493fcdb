"""What every synthetic image says of itself in its own header."""

from __future__ import annotations


def provenance(seed: int) -> str:
    """The note that every synthetic image carries in its own header."""
    from TextoMorphLib.version import __version__

    return f"synthetic: TextoMorph {__version__} seed {seed}"
