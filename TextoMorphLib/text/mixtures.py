"""What a lesion is only in part: "partly cystic, partly solid" is no solid lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word

_PARTLY = ("partly", "partially", "half", "in part", "focally", "otherwize", "elsewhere")


def of_parts(sentence: Sequence[Word]) -> list[Word]:
    """The sentence without that a lesion is solid, where it is so only in part."""
    words = list(sentence)
    for at in range(1, len(words)):
        term = words[at].term
        solid = term is not None and term.kinds == {"content": "solid"} and not words[at].noun
        if solid and words[at - 1].norm in _PARTLY:
            words[at] = replace(words[at], term=None)
    return words
