"""Where the resources lie: beside the library in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

_LIBRARY = Path(__file__).resolve().parent


def resources() -> Path:
    """The `Resources` folder (vocabulary, model bundles, training configurations)."""
    installed = _LIBRARY / "Resources"
    return installed if installed.is_dir() else _LIBRARY.parent / "Resources"


def models() -> Path:
    """The folder of the model bundles that come with TextoMorph."""
    return resources() / "Models"
