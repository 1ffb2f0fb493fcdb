"""Reading text that a user wrote."""

from __future__ import annotations

from pathlib import Path

from TextoMorphLib.errors import InputError


def listed(text: str) -> tuple[str, ...]:
    """What is written, separated by commas; blanks around it and empty parts do not count."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_text(path: Path) -> str:
    """A UTF-8 file's text; a byte order mark, which spreadsheets write, is left out.

    Raises:
        InputError: It cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from error
