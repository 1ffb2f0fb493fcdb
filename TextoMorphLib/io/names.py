"""Paths that every library here can open, and what hinders it, before a library guesses at it."""

from __future__ import annotations

import os
from pathlib import Path

from TextoMorphLib.errors import InputError

LONGEST_NAME = 255  # bytes, on nearly all file systems


def check_path(path: Path) -> None:
    """Make sure that a path can be opened and told of.

    Raises:
        InputError: Its name is no Unicode (bytes of another encoding), holds a NUL or is too long.
    """
    text = os.fspath(path)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise InputError(f"the name {shown} is not UTF-8; rename the file or folder") from None
    if b"\0" in encoded:
        raise InputError(f"the name {text!r} holds a NUL character; choose another name")
    if max(map(len, encoded.split(b"/"))) > LONGEST_NAME:
        raise InputError(f"the name {text[:60]}... is longer than {LONGEST_NAME} bytes; choose a shorter one")


def check_readable(path: Path) -> None:
    """Make sure that a file can be read and holds something; a folder is not looked into.

    Raises:
        InputError: It is empty, or why it cannot be read.
    """
    try:
        if path.is_file():
            with path.open("rb") as file:
                if not file.read(1):
                    raise InputError(f"cannot read {path}: it is empty; copy or download it again")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
