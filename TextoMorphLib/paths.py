"""Where resources lie: beside the library in a checkout, inside it once installed; and what a user adds to them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LIBRARY = Path(__file__).resolve().parent


def resources() -> Path:
    """The `Resources` folder (vocabulary, model bundles, training configurations)."""
    installed = _LIBRARY / "Resources"
    return installed if installed.is_dir() else _LIBRARY.parent / "Resources"


def user() -> Path:
    """The user's own folder, laid out like `Resources`; it is not made, and outlives an update of TextoMorph.

    `TEXTOMORPH_HOME` where that is set, else `textomorph` in the system's folder of application data.
    """
    if home := os.environ.get("TEXTOMORPH_HOME"):
        return Path(home)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "textomorph"


def folders(name: str) -> list[Path]:
    """The folders of a name (Models, Organs, ...) that exist: that of `Resources`, then the user's."""
    return [folder for folder in (resources() / name, user() / name) if folder.is_dir()]


def listed(name: str) -> list[Path]:
    """The JSON files in the folders of a name, in their folders' order and by name in each."""
    return [path for folder in folders(name) for path in sorted(folder.glob("*.json"))]
