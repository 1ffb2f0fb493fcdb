"""What a lesion is only in part: "partly cystic, partly solid" is no solid lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from TextoMorphLib.text.lexicon import Word

_MOSTLY = ("mostly", "mainly", "predominantly", "largely", "chiefly", "primarily", "overwhelmingly", "essentially")
_SMALL = ("tiny", "small", "minute", "minimal", "minor", "little", "occasional")
_PARTLY = ("partly", "partially", "half", "in part", "focally", "otherwize", "elsewhere")


def of_parts(sentence: Sequence[Word]) -> list[Word]:
    """The sentence without that a lesion is solid, or fluid, where it is so only in part."""
    words = list(sentence)
    solid = any(_is_all(first, "solid") and word.norm in _MOSTLY for word, first in pairwise(words))
    for at, word in enumerate(words):
        small = any(before.norm in _SMALL for before in words[max(0, at - 2) : at])
        part = any(after.thing == "partial" for after in words[at + 1 : at + 2])
        if _is_all(word, "cystic") and not word.noun and part and (solid or small):
            words[at] = replace(word, term=None)  # "mainly solid with | cystic | parts"
    for at in range(1, len(words)):
        if _is_all(words[at], "solid") and not words[at].noun and words[at - 1].norm in _PARTLY:
            words[at] = replace(words[at], term=None)
    return words


def _is_all(word: Word, content: str) -> bool:
    return word.term is not None and word.term.kinds == {"content": content}
