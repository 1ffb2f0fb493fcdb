"""A training's configuration: a TOML file, on top of the one that it names as its base."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.models.bundle import FORMER_NAMES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHOOSES = {"network": "name", "source": "kind"}  # the entry of a table that decides what its others mean


def read_config(path: Path) -> dict[str, Any]:
    """A training configuration, on top of the one that it names as its `base`, if it names one.

    Raises:
        InputError: The file, or its base, is missing or no valid TOML.
    """
    return _on_its_base(path, ())


def _on_its_base(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """A configuration on top of its base; `above` are those that it is a base of."""
    settings = _toml(path)
    base = settings.pop("base", None)
    if base is None:
        return settings
    if not isinstance(base, str):
        raise InputError(f"{path}: base must be the name of a file, not {base!r}")
    above = (*above, path.resolve())
    if (path.parent / base).resolve() in above:
        raise InputError(f"{path} names itself as its base, by way of {base}")
    return _merged(_on_its_base(path.parent / base, above), settings)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged, all else is replaced; so is a table that chooses another network or source of tumours."""
    tables = [name for name, value in base.items() if isinstance(value, dict) and isinstance(over.get(name), dict)]
    both = {name: _merged(base[name], over[name]) for name in tables if not _another(name, base[name], over[name])}
    return {**base, **over, **both}


def _another(name: str, base: dict[str, Any], over: dict[str, Any]) -> bool:
    """Whether what a table sets is of another thing than what its base sets."""
    chooses = CHOOSES.get(name)
    return chooses is not None and chooses in base and over.get(chooses, base[chooses]) != base[chooses]


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"no such configuration: {path}")
    try:
        settings = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no valid TOML: {error}") from None
    return {FORMER_NAMES.get(name, name): value for name, value in settings.items()}
