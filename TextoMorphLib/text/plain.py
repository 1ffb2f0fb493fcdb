"""A text's letters as they are meant: what printing, copying and typing make of them, taken back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from TextoMorphLib.text.fields import as_items
from TextoMorphLib.text.tokens import normal

_SOFT_HYPHEN = re.compile("\u00ad[ \t]*\n?")
_BROKEN = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,})-[ \t]*\n[ \t]*([a-z]{2,})")  # by the end of a line of print
_INVISIBLE = (0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_WIDE = {0xFF01 + at: 0x21 + at for at in range(94)} | {0x3000: 0x20}
_TABLE = {**dict.fromkeys(_INVISIBLE), **_LIGATURES, **_WIDE}


def plain(text: str, words: Collection[str]) -> str:
    """The text without soft hyphens and marks of direction; ligatures and wide letters spelt out, fields as items.

    Args:
        text: Any text.
        words: Those that are known, as they are compared (`tokens.normal`): a word that the end of a line breaks is
            made one where it is known.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _SOFT_HYPHEN.sub("", text).translate(_TABLE))

    def joined(broken: re.Match[str]) -> str:
        first, rest = broken.groups()
        return f"{first}{rest}" if normal(first + rest) in words else f"{first}-{rest}"

    return as_items(_BROKEN.sub(joined, text))
