"""A thing that opens a line is its title: "Liver - cyst in S4", "Adrenal protocol", "Cyst template: thin wall"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word

_FORMS = ("template", "protocol", "proforma", "form", "checklist", "report", "sheet", "score")
_DASHES = ("-", "\u2013", "\u2014")


def titled(words: Sequence[Word]) -> list[Word]:
    """The sentence with a colon behind its title.

    Args:
        words: Its words; a dash without a space before it joins words, and is none.
    """
    found = list(words)
    form = next((i for i in range(1, min(3, len(found))) if found[i].norm in _FORMS), 0)
    if form and found[0].thing and (form + 1 == len(found) or found[form + 1].norm in (":", "\n", *_DASHES)):
        found[form] = replace(found[form], norm=":")
        del found[form + 1 : form + 1 + (found[form + 1].norm == ":" if form + 1 < len(found) else 0)]
    opens = len(found) > 2 and found[0].thing in ("organ", "other") and found[1].norm in _DASHES
    if opens and found[1].start > found[0].end:
        found[1] = replace(found[1], norm=":")
    return found
