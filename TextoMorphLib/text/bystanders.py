"""What is said of the organ around a lesion, of what lies beside it, or of what it does to that.

"In a fatty liver with uneven perfusion", "the gland upstream calcified", "abutting a smooth, thickened fold", "smooth
displacement of the fascia": nothing of it is the lesion's, whether or not the nouns are in any list.
"""

from __future__ import annotations

from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.borders import Borders
from TextoMorphLib.text.phrases import FARTHEST_NOUN, LESION, organ_of

_REST = (
    "otherwize", "elsewhere", "upstream", "downstream", "distally", "proximally", "around it", "beyond", "behind it",
    "itself", "as a whole",
)  # fmt: skip
_WHOLE = ("liver", "pancreas", "kidney", "gland", "parenchyma", "organ", "cortex")
_BESIDE = (
    "abut", "abutting", "encase", "encasing", "displace", "displacing", "compress", "compressing", "contacting",
    "touching", "obstruct", "obstructing", "indenting", "effacing", "narrowing", "adjacent to", "next to", "beside",
    "near", "behind", "beneath", "close to", "closely related to", "adherent to", "in contact with", "crossing",
    "anterior to", "posterior to", "lateral to", "medial to", "inferior to", "superior to", "cranial to", "caudal to",
    "abutment of", "encasement of", "displacement of", "compression of",
)  # fmt: skip
_EFFECTS = frozenset((
    "displacement", "compression", "encasement", "obstruction", "occlusion", "stenosis",
    "stricture", "narrowing", "retraction", "abutment", "indentation", "deformation", "distortion", "tapering",
    "cutoff",
))  # fmt: skip
_OWN = (LESION, "margin", "wall", "septum", "calcification", "centre", "interior", "periphery", "nodule", "scar")


class Bystanders(Borders):
    """Phrases that may be about something beside the lesion."""

    def rest_of_organ(self, at: int) -> Owner | None:
        """The organ that a clause goes on about from here: "a liver | with", "the gland | upstream"; None if not so."""
        word, before = self.words[at], self.words[at - 1] if at else None
        if before is None:
            return None
        if before.thing not in ("organ", "background") or not self._is_whole(at - 1):
            return None
        start = at - 1
        while start and self.is_modifier(start - 1):
            start -= 1
        phrase = self.words[start : at - 1]
        ill = before.thing == "background" or any(
            each.term is not None and each.term.about == "background" for each in phrase
        )
        article = self.words[start - 1].norm if start else ""
        alone = start == 0 or (start == 1 and article == "the")
        opens = alone and ill and word.norm in (",", "with") and not self._names_lesion(at)
        if opens or word.norm in _REST or (word.has("word", "with") and article in ("a", "an")):
            name = organ_of(before) if before.thing == "organ" else self.organ or "any"
            return Owner("organ", name, at - 1)
        return None

    def _names_lesion(self, at: int) -> bool:
        return any(word.thing == LESION for word in self.words[at:])

    def _is_whole(self, at: int) -> bool:
        return self.words[at].norm.split(" ")[-1] in _WHOLE

    def effect_after(self, at: int) -> Owner | None:
        """The effect on something else that an adjective belongs to: "smooth | displacement of the fascia"."""
        index = at + 1
        while index < len(self.words) and not self._is_effect(index):
            if not self.is_modifier(index) or self._is_noun(index):
                return None
            index += 1
        return Owner("other", "structure beside it", index) if index < len(self.words) else None

    def before_whole(self, index: int) -> int:
        """Where a preposition stands before a part and its "of": "| beside | the wall of | a cyst"."""
        start = index
        if start and self.words[start].norm == "of":
            start -= 1
            while start and (self._is_noun(start) or self.is_modifier(start) or self.words[start].has("word", "det")):
                start -= 1
        return start if self.words[start].norm in _BESIDE else index

    def _is_effect(self, index: int) -> bool:
        return self.words[index].norm.split(" ")[-1] in _EFFECTS

    def beside_it(self, at: int) -> Owner | None:
        """What lies beside the lesion, of whatever name, that an adjective belongs to: "displaces a smooth, | dark fold"."""
        after = at + 1
        farthest = min(len(self.words), at + FARTHEST_NOUN)
        while after < farthest and (self.words[after].norm == "," or self.is_modifier(after)):
            if self._is_noun(after):
                break
            if self.words[after].norm == "," and (after + 1 == len(self.words) or not self._is_adjective(after + 1)):
                break
            after += 1
        named = after < len(self.words) and self._is_noun(after)
        if self.words[after].thing in _OWN if named else self._is_adjective(after - 1) or after == at + 1:
            return None
        index = at - 1
        while index > 0 and (self._is_adjective(index) or self.words[index].norm == ","):
            index -= 1
        while index > 0 and self.words[index].has("word", "det") and self.words[index].norm not in ("its", "their"):
            index -= 1
        beside = index > 0 and self.words[index].norm in _BESIDE and self.words[index + 1].norm != ","
        return Owner("other", "structure beside it", after) if beside else None
