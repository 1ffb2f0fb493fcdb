"""A configuration's tables as dataclasses: what is unknown, missing or of another kind is said before any work."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from TextoMorphLib.errors import InputError

T = TypeVar("T")
IN_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Mapping: "a table"}


def table(kind: type[T], settings: Mapping[str, Any], name: str) -> T:
    """A table of a configuration.

    Args:
        kind: A dataclass whose fields are what the table may hold; it may refuse values with a ValueError.
        settings: The configuration.
        name: Of the table; all of its fields are the usual ones where it is missing.

    Raises:
        InputError: It holds what it does not know, lacks what it needs, or a value is none.
    """
    given = settings.get(name, {})
    if not isinstance(given, Mapping):
        raise InputError(f"[{name}] is no table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := [key for key in given if key not in known]:
        raise InputError(f"[{name}] knows {', '.join(known)}, not {unknown[0]}")
    if missing := [key for key, field in known.items() if _needed(field) and key not in given]:
        raise InputError(f"[{name}] needs {missing[0]}")
    hints = get_type_hints(kind)
    try:
        return kind(**{key: _value(value, hints[key], key) for key, value in given.items()})
    except ValueError as error:
        raise InputError(f"[{name}] {error}") from error


def built(kind: Callable[..., T], settings: Mapping[str, Any], name: str = "network", **more: Any) -> T:
    """What a table of a configuration holds the settings of, such as a network.

    Raises:
        InputError: There is no such table, or nothing can be built so.
    """
    given = settings.get(name)
    if not isinstance(given, Mapping):
        raise InputError(f"the configuration has no [{name}]; Resources/Training holds some to start from")
    try:
        return kind(**given, **more)
    except (TypeError, ValueError, AssertionError, RuntimeError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"[{name}] cannot be used: {error}") from error


def check_names(settings: Mapping[str, Any], tables: Sequence[str], plain: Sequence[str] = ()) -> None:
    """Makes sure that a configuration holds no table or setting that nobody reads, such as a misspelt one.

    Args:
        settings: The configuration.
        tables: Names of its tables.
        plain: Names of the texts beside them.

    Raises:
        InputError: It holds another name, or what is no table, or no text.
    """
    if unknown := [name for name in settings if name not in (*tables, *plain)]:
        raise InputError(f"the configuration knows {', '.join((*plain, *tables))}, not {unknown[0]}")
    for name, value in settings.items():
        kind = Mapping if name in tables else str
        if not isinstance(value, kind) or value == "":
            raise InputError(f"{name} must be {IN_WORDS[kind]}, not {value!r}")


def check_tables(settings: Mapping[str, Any], known: Mapping[str, Collection[str] | None]) -> None:
    """The same as `check_names` for tables that become no dataclass, and for what stands in them.

    Args:
        settings: The configuration.
        known: The tables, and what each may hold; None for those that somebody else looks at.

    Raises:
        InputError: It holds what nobody reads.
    """
    check_names(settings, tuple(known))
    for name, entries in known.items():
        if entries is not None and (unknown := [each for each in settings.get(name, {}) if each not in entries]):
            raise InputError(f"[{name}] knows {', '.join(entries)}, not {unknown[0]}")


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(value: Any, hint: Any, name: str) -> Any:
    """A value of a type; lists become tuples."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return value if value is None else _value(value, next(part for part in parts if part is not type(None)), name)
    if origin is tuple:
        count = None if parts[-1] is ... else len(parts)
        if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
            raise InputError(f"{name} must be a list of {count or 'some'} values, not {value!r}")
        each = parts[:1] * len(value) if count is None else parts
        return tuple(_value(one, part, name) for one, part in zip(value, each, strict=True))
    if origin is Mapping and isinstance(value, Mapping):
        return {key: _value(one, parts[1], f"{name}.{key}") for key, one in value.items()}
    plain = origin or hint
    fits = isinstance(value, (int, float) if plain is float else plain)
    if not fits or (isinstance(value, bool) and plain is not bool):
        raise InputError(f"{name} must be {IN_WORDS.get(plain, plain.__name__)}, not {value!r}")
    if plain is float and not math.isfinite(value):
        raise InputError(f"{name} must be a finite number, not {value!r}")
    return value
