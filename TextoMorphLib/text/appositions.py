"""Adjectives that stand behind what they belong to: "irregular in contour", "wall, thick", "septa multiple, smooth"."""

from __future__ import annotations

from dataclasses import dataclass

from TextoMorphLib.text.phrases import LESION, PUNCTUATION
from TextoMorphLib.text.predicates import Predicates
from TextoMorphLib.text.surroundings import is_site


@dataclass(frozen=True)
class Owner:
    """Whose a word is.

    Attributes:
        kind: "lesion", one of its parts ("wall"), "organ" or "other".
        name: Of the organ or other thing.
        head: The index of the noun in the sentence; -1 for the lesion that the text is about.
    """

    kind: str = LESION
    name: str = ""
    head: int = -1

    @property
    def foreign(self) -> bool:
        """Whether it is neither the lesion nor a part of it."""
        return self.kind in ("organ", "other")


_SOME = ("some", "few", "many", "most", "all", "several", "one", "of", "them", "which")  # "some of them coarse"
_BETWEEN = (",", "(", ":", "+", "++", "(+)")


class Appositions(Predicates):
    """Phrases whose adjectives may stand behind their nouns.

    Attributes:
        subjects: For each word, whom a predicate there is about.
    """

    subjects: list[Owner]

    def by_apposition(self, at: int) -> Owner | None:
        """Whose an adjective is that names its part or stands behind it: "irregular in contour", "wall, thick"."""
        after = self.words[at + 1 : at + 3]
        if len(after) == 2 and after[0].norm == "in" and after[1].thing in ("margin", "texture") and not after[1].term:
            return self.subjects[at] if self.subjects[at].foreign else Owner(after[1].thing, "", at + 2)
        grained = self.words[at].has("modifier", "coarse") or self.words[at].has("modifier", "fine")
        closes = at + 1 == len(self.words) or self.words[at + 1].norm in (",", *PUNCTUATION)
        if grained and (closes or not self.run_after(at)):
            index = at - 1  # "calcifications punctiform", "calcification: yes, coarse"
            while index > 0 and (
                self.words[index].norm in (*_BETWEEN, *_SOME) or self.words[index].has("word", "adverb")
            ):
                index -= 1
            if index >= 0 and self.words[index].thing == "calcification":
                return Owner("calcification", "", index)
        part = self._listed_of(at)
        if part is None:
            part = self._density_before(at)
        return Owner(self.words[part].thing, "", part) if part is not None else None

    def _listed_of(self, at: int) -> int | None:
        """The wall or septa that an adjective is listed behind: "septa multiple, thin | smooth"."""
        if not self._can_be_walls(at) or self.run_after(at):
            return None
        index = at - 1
        while index > 0 and (
            self.words[index].norm in (",", "+", "++", "(+)", "&", "and")
            or self.words[index].has("word", "det")
            or self._can_be_walls(index)
            or (self.words[index].norm == "enhancement" and self.words[index - 1].thing in ("wall", "septum"))
        ):
            index -= 1
        listed = (
            0 <= index < at - 1 and self.words[index].thing in ("wall", "septum") and not is_site(self.words, index)
        )
        before = [word for word in self.words[max(0, index - 2) : index] if word.norm not in ("(-)", *PUNCTUATION)]
        denied = any(word.has("negation") for word in before)
        return index if listed and not denied else None

    def _density_before(self, at: int) -> int | None:
        """The density that an adjective says more of: "of heterogeneous attenuation, predominantly | low"."""
        word = self.words[at]
        if word.term is not None or not (word.has("modifier", "low") or word.has("modifier", "high")):
            return None
        index = at - 1
        while index > 0 and (
            self.words[index].norm in (",", "but", "unchanged", "stable", "again")
            or self.words[index].has("word", "adverb")
        ):
            index -= 1
        ends = at + 1 == len(self.words) or self.words[at + 1].norm in (*PUNCTUATION, ",")
        return index if ends and 0 <= index < at - 1 and self.words[index].thing == "density" else None

    def _can_be_walls(self, at: int) -> bool:
        word = self.words[at]
        sized = word.has("modifier", "thick") or word.has("modifier", "thin")
        return not word.thing and (sized or word.norm in ("smooth", "regular", "irregular", "nodular"))
