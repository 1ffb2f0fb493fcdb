"""A thing that opens a line with a dash behind it is the line's title: "Liver - cyst in S4, sharp, thin wall"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word

_DASHES = ("-", "\u2013", "\u2014")


def titled(words: Sequence[Word]) -> list[Word]:
    """The sentence with a colon behind its title.

    Args:
        words: Its words; a dash without a space before it joins words, and is none.
    """
    found = list(words)
    opens = len(found) > 2 and found[0].thing in ("organ", "other") and found[1].norm in _DASHES
    if opens and found[1].start > found[0].end:
        found[1] = replace(found[1], norm=":")
    return found
