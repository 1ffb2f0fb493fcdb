"""What is said of the organ around a lesion, of what lies beside it, or of what it does to that.

"In a fatty liver with uneven perfusion", "the gland upstream calcified", "abutting a smooth, thickened fold", "smooth
displacement of the fascia": nothing of it is the lesion's, whether or not the nouns are in any list.
"""

from __future__ import annotations

from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.borders import Borders
from TextoMorphLib.text.neighbours import TOUCHED
from TextoMorphLib.text.phrases import FARTHEST_NOUN, LESION, organ_of
from TextoMorphLib.text.predicates import OWN_PARTS
from TextoMorphLib.text.strangers import Strangers

_WITH_PARTS = (
    "gallbladder", "spleen", "adrenals", "stomach and bowel", "chest", "bones and muscles", "pelvis", "lymph nodes",
    "urinary tract", "the examination", "fluid in the abdomen", "study", "scan", "image", "sery", "reconstruction",
)  # fmt: skip
_REST = (
    "otherwize", "elsewhere", "upstream", "downstream", "distally", "proximally", "around it", "beyond", "behind it",
    "itself", "as a whole",
)  # fmt: skip
_REMAINING = (
    "remaining",
    "residual",
    "surrounding",
    "adjacent",
    "background",
    "distal",
    "proximal",
    "upstream",
    "rest",
)
_AROUND = ("adjacent", "surrounding", "background", "remaining", "normal", "rest", "remainder", "adjoining")
_WHOLE = ("liver", "pancreas", "kidney", "gland", "parenchyma", "organ", "cortex")
_EFFECTS = frozenset((
    "displacement", "compression", "encasement", "obstruction", "occlusion", "stenosis",
    "stricture", "narrowing", "retraction", "abutment", "indentation", "deformation", "distortion", "tapering",
    "cutoff",
))  # fmt: skip
_MAKES = ("make", "made", "making", "render", "rendered", "rendering", "leave", "leaving", "left")
_OWN = (LESION, "margin", "wall", "septum", "calcification", "centre", "interior", "periphery", "nodule", "scar")


class Bystanders(Borders):
    """Phrases that may be about something beside the lesion.

    Attributes:
        strangers: The unlisted things of the sentence.
        named: Whether any sentence of the text names a lesion.
    """

    strangers: Strangers
    named: bool

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
        rest = any(each.norm.split(" ")[0] in _REMAINING for each in (*phrase, before)) and not self._is_object(at - 1)
        joined = start > 1 and (self.words[start - 1].has("word", "and") or self.words[start - 2].has("word", "and"))
        if rest and not joined and (word.has("word", "with") or word.has("word", "verb") or self._is_adjective(at)):
            return Owner("organ", self._organ_at(at - 1), at - 1)
        opens = alone and ill and word.norm in (",", "with") and not self._names_lesion(at)
        bare = alone and self.named and self._is_adjective(at) and not (self.run_after(at) or self._names_lesion(at))
        if opens or bare or word.norm in _REST or (word.has("word", "with") and article in ("a", "an")):
            return Owner("organ", self._organ_at(at - 1), at - 1)
        return None

    def makes(self, at: int) -> bool:
        """Whether what lies beside the lesion makes its border look so: "stranding | makes | its boundary"."""
        part = next((word for word in self.words[at + 1 : at + 4] if not word.has("word", "det")), None)
        return self.words[at].norm in _MAKES and part is not None and part.thing == "margin"

    def held_by(self, at: int, subject: Owner, part: str) -> bool:
        """Whether a part is that of another subject of its sentence: "the gallbladder is large, the | wall | is"."""
        if not subject.foreign or part not in OWN_PARTS:
            return False
        start = at
        while start and self.is_modifier(start - 1):
            start -= 1
        own = start > 0 and self.words[start - 1].norm in ("its", "their")
        return own or subject.kind == "organ" or subject.name in _WITH_PARTS

    def _organ_at(self, at: int) -> str:
        return organ_of(self.words[at]) if self.words[at].thing == "organ" else self.organ or "any"

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

    def lies_beside(self, at: int) -> bool:
        """Whether a noun only says what a lesion is next to: "near the | stomach |: a tumour"."""
        while at and (self._is_noun(at) or self.is_modifier(at) or self.words[at].has("word", "det")):
            at -= 1
        return self.words[at].norm in TOUCHED

    def before_whole(self, index: int) -> int:
        """Where a preposition stands before a part and its "of": "| beside | the wall of | a cyst"."""
        start = index
        if start > 0 and self.words[start].norm == "of":
            start -= 1
            while start and (self._is_noun(start) or self.is_modifier(start) or self.words[start].has("word", "det")):
                start -= 1
        return start if self.words[start].norm in TOUCHED else index

    def is_ring(self, at: int) -> bool:
        """Whether calcium is a ring around the lesion: "ring of calcium | around it", "annular calcification"."""
        ring = at and self.words[at - 1].has("modifier", "peripheral")
        ring = ring or self.words[at].norm.startswith(("ring ", "rim ", "shell "))
        it = [word.norm for word in self.words[at + 2 : at + 3]] in (["it"], ["them"])
        return bool(ring) and (it or any(self.words[i].thing == LESION for i in self.place(at + 2)))

    def after_seen(self, index: int, thing: str) -> int:
        """Where the place of a thing is named: "cysts | are seen | in the wall", "calcium is present | throughout"."""
        later = index
        while later < len(self.words) and (
            self.words[later].has("word", "verb")
            or self.words[later].has("word", "adverb")
            or self.words[later].norm in ("however", "also")
        ):
            later += 1
        adjective = thing == LESION and later + 1 < len(self.words) and self._is_adjective(later)
        if later == index and adjective and self.words[later + 1].norm in ("in", "of"):
            return later + 1  # "a granuloma | calcified | in the spleen"
        norm = self.words[later].norm if later < len(self.words) else ""
        seen = norm == "in" and later > index and self.words[later - 1].norm in ("seen", "noted", "present", "visible")
        return later if seen or (thing == "calcification" and norm == "throughout") else index

    def _unlisted_place(self, index: int) -> int | None:
        """What a noun is part of, if that is in no list."""
        if index >= len(self.words) or self.words[index].norm not in ("of", "in"):
            return None
        index += 1
        while index < len(self.words) and self.words[index].has("word", "det"):
            index += 1
        return index if index in self.strangers.nouns else None

    def _is_beside(self, index: int) -> bool:
        """Whether a place is the organ beside the lesion: "calcification in the | adjacent parenchyma"."""
        following = self.words[index : index + 3]
        around = [word for word in following if word.norm in _AROUND or word.norm.split(" ")[0] in _AROUND]
        return bool(around) and following[-1].thing == "organ"

    def of_which(self, last: int) -> int | None:
        """The noun that a part is said to be of: "the gallbladder, the wall | of which"; None if of none."""
        if [word.norm for word in self.words[last + 1 : last + 3]] != ["of", "which"]:
            return None
        index = last - 1
        while index >= 0 and not self._is_noun(index):
            if not (self.is_modifier(index) or self.words[index].has("word", "det") or self.words[index].norm == ","):
                return None
            index -= 1
        return index if index >= 0 else None

    def _is_effect(self, index: int) -> bool:
        return self.words[index].norm.split(" ")[-1] in _EFFECTS

    def beside_it(self, at: int) -> Owner | None:
        """What lies beside the lesion, of whatever name, that an adjective is said of: "displaces a | dark fold"."""
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
        beside = index > 0 and self.words[index].norm in TOUCHED and self.words[index + 1].norm != ","
        return Owner("other", "structure beside it", after) if beside else None
