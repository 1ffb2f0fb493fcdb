"""What is said only of a lesion's border or of a part of it: "takes up contrast at its margin", "low-density halo"."""

from __future__ import annotations

from TextoMorphLib.text.appositions import Appositions
from TextoMorphLib.text.neighbours import REACHED

_ONLY = ("only", "mainly", "mostly", "predominantly", "exclusively", "just", "merely")


class Borders(Appositions):
    """Phrases that may be about a part of a lesion."""

    def at_border(self, at: int) -> bool:
        """Whether an enhancement is only at the lesion's border: "hyperenhancement at the margin of the mass"."""
        word = self.words[at]
        takes = word.has("dimension", "enhancement") and (word.has("word", "verb") or "contrast" in word.norm)
        bright = word.thing == "enhancement" or (word.term is not None and word.term.kinds.get("density") == "arterial")
        passed = [each for each in self.words[at + 1 : at + 6] if not each.has("word", "det")]
        following = [each for each in passed if each.norm not in _ONLY]
        if (
            not (bright or takes)
            or len(following) < 2
            or following[0].norm not in ("at", "along", "around", "in", "of")
        ):
            return False
        return following[1].thing in ("margin", "periphery", "wall") or following[1].has("modifier", "peripheral")

    def is_of_duct(self, at: int) -> bool:
        """Whether it is a pancreas' duct or gland that ends: "an abrupt | transition | with a 17 mm tumour"."""
        ends = self.organ == "pancreas" and self.words[at].norm.split(" ")[-1] == "transition"
        if not ends or any(word.thing == "organ" for word in self.words[at:]):
            return False
        following = self.words[at + 1].norm if at + 1 < len(self.words) else ""
        lesion = any(self.words[i].thing == "lesion" for i in self.place(at + 2))
        return following in ("with", "at", "to", "into", "by") and lesion

    def is_reached(self, at: int) -> bool:
        """Whether something is what a lesion grows into or touches: "invades the | wall"."""
        before = [word for word in self.words[max(0, at - 3) : at] if not word.has("word", "det")]
        return bool(before) and before[-1].norm in REACHED

    def part_after(self, at: int) -> str:
        """The lesion's part that a density is said to be of: "low-density | halo", "hypodensity | in the centre"."""
        index = at + 1
        if index < len(self.words) and self.words[index].norm in ("of", "in", "within", "at"):
            index += 1
            while index < len(self.words) and self.words[index].has("word", "det"):
                index += 1
        if index >= len(self.words):
            return ""
        thing = self.words[index].thing
        return thing if thing in ("wall", "septum", "centre", "scar", "nodule", "calcification") else ""

    def is_of_part(self, at: int) -> bool:
        """Whether a density is that of a part: "a central scar is of | low density"."""
        if at < 2 or self.words[at - 1].norm != "of":
            return False
        before = self.words[at - 2]
        part = self.subjects[at].kind if before.has("word", "verb") else before.thing
        return part in ("scar", "nodule", "wall", "septum")

    def unfed_part(self, at: int) -> str:
        """What of the lesion does not enhance: "an area | without enhancement", "no enhancement of the wall"."""
        before = self.words[at - 1].thing if at and self.words[at].norm.split(" ")[0] in ("without", "lacking") else ""
        own = before in ("wall", "septum", "scar", "nodule", "centre", "content")
        if own or (before == "partial" and self.is_part(at - 1)):
            return before
        subject = self.subjects[at].kind
        return self.part_after(at) or (subject if subject in ("centre", "interior") else "")
