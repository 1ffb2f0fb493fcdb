"""Whether something is said of a noun: "the wall is thick", "Margins: sharp", "septa, thin", "the border clear"."""

from __future__ import annotations

from TextoMorphLib.text.lexicon import BASE_TERMS, Word
from TextoMorphLib.text.moments import DATE, THEN
from TextoMorphLib.text.phrases import PUNCTUATION, Phrases, says

OWN_PARTS = (
    "interior", "centre", "periphery", "wall", "septum", "margin", "calcification", "density", "texture", "enhancement",
)  # fmt: skip
_PLACES = ("pole", "lobe", "segment", "dome", "head", "tail", "body", "neck", "uncinate", "process", "region")
VERBS = (
    "show",
    "contain",
    "has",
    "have",
    "enhance",
    "demonstrate",
    "exhibit",
    "do",
    "doe",
    "does",
    "did",
    "was",
    "were",
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "iva", "ivb", "a", "b")


class Predicates(Phrases):
    """Phrases of which something may be said."""

    def is_predicated(self, index: int) -> bool:
        """Whether something is said of a noun by a verb or a colon: "the wall is", "Margins:"."""
        after = index + 1
        # "The wall of the lesion is"
        prepositions = ("of", "in", "within", *(("to", "with", "from", "towards") if self._is_margin(index) else ()))
        if after < len(self.words) and self.words[after].norm in prepositions:
            after += 1
            while after < len(self.words) and (
                self._is_noun(after) or self.is_modifier(after) or self.words[after].has("word", "det")
            ):
                after += 1
        measured = index + 1  # "wall of 1 mm, thin"
        if after < len(self.words) and self.words[after].norm == "(" and self.words[index].thing in OWN_PARTS:
            closed = [i for i in range(after, len(self.words) - 1) if self.words[i].norm == ")"]
            if closed and self.words[closed[0] + 1].norm == ":":  # "Density (vs liver): lower"
                return True
        # "Limits not clear", "boundary still clear"
        after += after + 1 < len(self.words) and self.words[after].norm in ("not", "still", "already", "again", "now")
        closes = after + 1 >= len(self.words) or self.words[after + 1].norm in (*PUNCTUATION, ",", "but", "and")
        if after < len(self.words) and self.words[after].has("modifier") and not self.words[after].noun and closes:
            return self.words[index].thing in OWN_PARTS  # "the border clear"
        while after < len(self.words) and (
            (self.words[after].has("word", "adverb") and not self.words[after].term) or _is_measure(self.words[after])
        ):
            after += 1
        if any(map(_is_measure, self.words[measured:after])) and self.words[index].thing in ("wall", "septum"):
            return not self._is_object(index, ("prep", "with"))
        sized = after < len(self.words) and any(self.words[after].has("modifier", size) for size in ("thick", "thin"))
        if sized and self.words[index].thing in ("wall", "septum") and not self.run_after(after):
            return True  # "and wall irregularly thickened"
        if after >= len(self.words) or self._is_object(index, ("prep", "with")):
            return False
        after = self._after_aside(after)
        word = self.words[after]
        if self.words[index].thing == "organ" and word.term is not None and word.term.about == "background":
            return True  # "liver cirrhotic, heterogeneous"
        if index == 0 and self._is_bare(word) and not self.run_after(after):
            return True
        acts = self._is_organ_alone(index) and word.has("word", "verb")  # "the kidneys enhance homogeneously"
        quality = (word.term is not None or word.has("modifier")) and not (word.noun or acts)
        if after == index + 1 and quality:
            return self.words[index].thing in OWN_PARTS and not self.run_after(after)  # "Wall thick."
        if word.norm == "(" and self.words[index].thing in OWN_PARTS:
            return True  # "wall (thin)"
        if word.norm in ("-", "\u2013") and self.words[index].thing in OWN_PARTS:  # "Wall - thin"
            bare = self.words[index].term is None or self.words[index].thing in BASE_TERMS
            return (
                bare and " " not in self.words[index].norm and (not index or self.words[index - 1].norm in PUNCTUATION)
            )
        if word.norm == ":" and self._is_object(index):
            return False  # "a lesion in a liver with steatosis and uneven parenchyma: hyperdense"
        return word.norm == ":" or word.has("word", "verb") or (word.norm in VERBS)

    def _after_aside(self, at: int) -> int:
        """Where the verb is to be looked for: "its density | , compared with liver, | is", "thin a month ago, is"."""
        if self.words[at].norm != "," or at + 1 == len(self.words):
            return at
        closed = next((i for i in range(at + 1, len(self.words) - 1) if self.words[i].norm == ","), at)
        aside = self.words[at + 1 : closed]
        if self.words[at + 1].has("reference", "than") or self.words[at + 1].has("past"):
            return closed + 1 if closed > at else at
        return closed + 1 if any(word.norm in (THEN, DATE) for word in aside) else at

    def _is_organ_alone(self, index: int) -> bool:
        """Whether a noun is an organ that no lesion was named before, or another one than the lesion's."""
        if not self.words[index].has("organ"):
            return False
        other = all(map(self._is_other_organ, self.words[index].roles["organ"]))
        return other or not any(each.thing == "lesion" for each in self.words[:index])

    def is_whole_organ(self, at: int) -> bool:
        """Whether an organ is what is spoken of, or its look: "heterogeneous attenuation of the | pancreas | with"."""
        if not self._in_phrase(at):
            return True
        of = next((i for i in range(at, 0, -1) if self.words[i].has("word", "prep")), 0)
        lesion = any(word.thing == "lesion" for word in self.words[:at])
        return of > 0 and not lesion and self.words[of - 1].thing in ("density", "enhancement", "texture")

    def _is_bare(self, word: Word) -> bool:
        """Whether a word is said of the noun that opens a sentence, without a verb: "liver | hypodense"."""
        if self._is_elsewhere(0) and not word.noun and (word.term is not None or word.has("modifier")):
            return True  # "liver hypodense and fatty", of a pancreas
        if self._is_elsewhere(0) and not word.known and word.norm.endswith("ed"):
            return True  # "pancreas studded with cysts, some calcified", of a kidney
        return self.words[0].norm in (self.organ, "parenchyma") and says(word, "density")

    def _is_elsewhere(self, index: int) -> bool:
        """Whether a noun is another organ's or thing's."""
        word = self.words[index]
        return word.has("other") or (word.has("organ") and all(map(self._is_other_organ, word.roles["organ"])))

    def is_place(self, index: int) -> bool:
        """Whether a heading only says where the lesion is: "Left upper pole: 2 cm, cystic"."""
        after = index + 1
        while after < len(self.words) and (self.words[after].norm.isdigit() or self.words[after].norm in _ROMAN):
            after += 1
        following = self.words[after].norm if after < len(self.words) else ""
        return following == ":" and self.words[index].norm.split(" ")[-1] in _PLACES


def _is_measure(word: Word) -> bool:
    return word.norm in ("mm", "cm") or word.norm[:1].isdigit()
