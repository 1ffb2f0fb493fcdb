"""What Slicer would only print, or not notice at all; each fails the test in which it happens."""

from __future__ import annotations

import traceback

_found: list[str] = []


def tell(what: str) -> None:
    """Keeps a problem for the end of the test."""
    _found.append(what)


def tell_exception(where: str) -> None:
    """Keeps the exception being handled."""
    tell(f"exception in {where}:\n{traceback.format_exc()}")


def taken() -> list[str]:
    """All problems since the last time, which are forgotten now."""
    found = _found.copy()
    _found.clear()
    return found
