"""Nouns that nobody has listed: what is said of them is said of no lesion: "smooth kernel", "dense endplates".

A report speaks of more things than any list of words holds. Where an everyday adjective stands before such a noun, or
is said of it by a verb, it is the noun's, whatever that is; but not in a sentence that names a lesion or says what only
lesions are ("hypodense", "ill-defined"), nor where no other sentence names one: there the noun may be the lesion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from TextoMorphLib.text.lexicon import Word, grammar
from TextoMorphLib.text.tokens import normal, tokens

_ACTS = ("was", "were", "has", "have", "had", "will", "may", "can", "could", "should", "show", "contain")
_JOINS = ("and", "or", "but", "that", "which", "with", "of", "in", "on", "at", "to", "for", "by", "from", "than", "is",
    "are", "was")  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_SPOTS = ("spot", "dot", "fleck", "speck", "smear", "stain", "blood", "fluid", "water", "fat", "gas", "air")
_FARTHEST = 8  # words from an adjective to its noun
# Endings of words that are no nouns: adverbs, adjectives, participles.
_NO_NOUN = re.compile(r"(?:ly|ed|ing|al|ous|ic|ive|able|ible|ar|ary|oid|like|wise|ward|less|ful|ish|ier|iest)$")
# Words that are said of lesions and of little else.
_RADIOLOGISTS = re.compile(
    r"(?:hypo|hyper|iso|low |high )\w|enhanc|attenuat|cystic|sept|vascul|defined|circumscri|demarc|delin|delimit"
    r"|margin|encapsul|walled|locul|heterogen|inhomogen|spicul"
)


class Strangers:
    """The unlisted things of a sentence.

    Args:
        words: The sentence.
        named: Whether any sentence of the text names a lesion.
    """

    def __init__(self, words: Sequence[Word], named: bool) -> None:
        self.words = words
        self.nouns = frozenset(
            at
            for at, word in enumerate(words)
            if (word.norm in _everyday() or (named and _is_unlisted(word))) and not self._of_lesion(at)
        )

    def _of_lesion(self, at: int) -> bool:
        """Whether a noun stands where a lesion is spoken of: after its name, in its clause, or beside such words."""
        if any(map(_is_radiologists, self.words)):
            return True
        end = next((i for i in range(at, len(self.words)) if self.words[i].norm in (",", ";")), len(self.words))
        return any(word.thing == "lesion" and not word.term for word in self.words[:end])

    def described_by(self, at: int) -> int | None:
        """The unlisted noun that a word stands before; None if there is none."""
        word = self.words[at]
        if not self.nouns or not _describes(word) or _is_radiologists(word):
            return None
        if at and self.words[at - 1].has("word", "verb") and not word.noun:
            return None
        index = at + 1
        while index < min(len(self.words), at + _FARTHEST) and _may_follow(self.words[index]):
            index += 1
        return next((i for i in range(index - 1, at, -1) if i in self.nouns), None)

    def shown_on(self, last: int) -> int | None:
        """The thing that a spot, or a fluid, is on: "a bright spot | on the monitor", "blood | on the drape"."""
        spot = self.words[last].norm.split(" ")[-1] in _SPOTS
        if not spot or last + 1 == len(self.words) or self.words[last + 1].norm != "on":
            return None
        index = last + 2
        while index < len(self.words) and self.words[index].has("word", "det"):
            index += 1
        return index if index in self.nouns else None

    def is_subject(self, at: int) -> bool:
        """Whether an unlisted noun has a verb: "images | were windowed dark"."""
        following = self.words[at + 1] if at in self.nouns and at + 1 < len(self.words) else None
        return following is not None and (following.has("word", "verb") or following.norm in _ACTS)


def names_lesion(text: str) -> bool:
    """Whether a text names a lesion anywhere."""
    return any(normal(word) in _names() for word in _WORD.findall(text))


def _is_radiologists(word: Word) -> bool:
    if word.thing == "density" and word.norm != "hu":
        return True
    return word.term is not None and bool(_RADIOLOGISTS.search(word.norm))


def _is_unlisted(word: Word) -> bool:
    return not word.known and len(word.norm) > 2 and not _NO_NOUN.search(word.norm)


def _describes(word: Word) -> bool:
    return word.term is not None or word.has("modifier") or word.has("unexpressed")


def _may_follow(word: Word) -> bool:
    """Whether a word can stand between an adjective and its noun, or be it."""
    if not word.norm[:1].isalpha() or word.thing:
        return False
    other_roles = word.roles.keys() - {"neutral", "modifier", "unexpressed", "dimension", "time"}
    return not other_roles and word.norm not in _JOINS


@lru_cache(maxsize=1)
def _everyday() -> frozenset[str]:
    return frozenset(token.norm for token in tokens(" ".join(grammar()["strangers"])))


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(normal(wording) for wording in grammar()["things"]["lesion"] if " " not in wording)
