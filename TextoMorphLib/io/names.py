"""Paths that every library here can open."""

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
