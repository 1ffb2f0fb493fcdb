"""Whether a text is English, the only language that is understood; others are refused rather than misread."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache

from TextoMorphLib.paths import resources
from TextoMorphLib.text.lexicon import lexicon
from TextoMorphLib.text.tokens import tokens

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_READ = 4000  # characters that tell a language
_EVERYWHERE = ("cm", "mm", "hu", "ct", "segment", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii")  # in any language
_LATIN = 0.7  # share of letters that an English text has at least


def other_language(text: str, organ: str | None = None) -> str:
    """The language of a text that is not English ("German", "a language other than English"); empty if it may be.

    Words that English reports use, too ("hypodense", "septa") count for English.

    Args:
        text: Any text; its beginning is looked at.
        organ: Whose lexicon is at hand, and enough for most texts.
    """
    text = text[:_READ]
    letters = [letter for letter in text if letter.isalpha()]
    if letters and sum("LATIN" in unicodedata.name(letter, "") for letter in letters) < _LATIN * len(letters):
        return "a language other than English"
    norms = [token.norm for token in tokens(text) if token.is_word]
    words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]
    if 2 * sum(norm in lexicon(organ).words for norm in norms) > len(words):  # no other language can have as many
        return ""
    english = sum(norm in lexicon(None).words for norm in norms if norm not in _EVERYWHERE)
    counts = {name: sum(word in known for word in words) for name, known in _foreign().items()}
    name = max(counts, key=lambda each: counts[each])
    return name if counts[name] and counts[name] >= english else ""


@lru_cache(maxsize=1)
def _foreign() -> dict[str, frozenset[str]]:
    """The words of each language, without those that English has, too."""
    data = json.loads((resources() / "Vocabulary" / "languages.json").read_text(encoding="utf-8"))
    english = lexicon(None).words
    return {
        name: frozenset(word for word in words.split() if not {token.norm for token in tokens(word)} <= english)
        for name, words in data.items()
        if name != "about"
    }
