"""Phrases of a sentence: nouns in a row, the adjectives before them, what is only the object of a preposition."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word

LESION = "lesion"
FARTHEST_NOUN = 16  # words from an adjective to its noun
PUNCTUATION = (".", ";", ":", "(", ")", "|", "\n", "!", "?", "+", "-", "\u2013", "\u2014")
_SOME = ("some", "few", "several", "multiple", "scattered", "internal", "central", "occasional", "patchy", "small")
_WHOLES = ("content", "calcification", "lesion", "wall", "septum", "centre", "scar", "nodule")
OF_WALLS = ("enhancing", "smooth", "bright", "calcified", "regular", "uniform", "homogeneous", "even")


class Phrases:
    """The phrases of a sentence.

    Args:
        sentence: Its words.
        organ: Whose lesion the text is about; None for any.
        seen: Whether a lesion was spoken of before.
    """

    def __init__(self, sentence: Sequence[Word], organ: str | None, seen: bool = False) -> None:
        self.words, self.organ, self.seen = sentence, organ, seen
        # Every walk along a sentence asks for both of each word that it passes.
        self._nouns = [bool(word.thing) and not word.has("word", "pronoun") for word in sentence]
        self._modifiers = [_modifies(word) for word in sentence]

    def run_after(self, at: int) -> list[int]:
        """The nouns that an adjective stands before: "hypodense | liver lesion"; empty if it is a predicate."""
        crossed = False
        predicate = at > 0 and self.words[at - 1].has("word", "verb")
        index = at + 1
        while index < min(len(self.words), at + FARTHEST_NOUN):
            here = self.words[index]
            if self._is_noun(index):
                if crossed and self.words[index - 1].norm == "," and (" " not in here.norm or here.thing == "other"):
                    return []  # "homogeneous, wall not visible"
                if here.norm.split(" ")[0] in ("no", "without"):
                    return []  # "border clear, no enhancement"
                run = self.run_from(index)
                if self._is_attributive(run[-1]):
                    index = run[-1] + 1
                    continue
                return run if self._fits(at, run[-1], crossed) else []
            if here.norm == "/" and here.start > self.words[index - 1].end:
                return []  # an item of its own
            if crossed and not here.known and here.norm.endswith("ing") and self.words[index - 1].norm == ",":
                return []  # "hypovascular, | engulfing the vessels"
            joins = here.has("word", "and") or here.has("word", "or") or here.norm in ("but", "yet")
            if here.norm in (",", "/") or joins:
                if predicate:
                    return []  # "the wall is thick, septa are thin"
                crossed = True
            elif not self.is_modifier(index):
                return []
            index += 1
        return []

    def _fits(self, at: int, noun: int, crossed: bool) -> bool:
        """Across a comma or "and" an adjective belongs to a noun only if it can be said of such a thing.

        "A thin, enhancing wall", but "hypodense, thick wall".
        """
        word, thing = self.words[at], self.words[noun].thing
        if crossed and thing == "other" and self._postpositive(at):
            return False
        if not crossed and self._is_next_item(at, noun):
            return False
        if crossed and thing == "interior" and (word.has("modifier", "thick") or word.has("modifier", "thin")):
            return False  # "walls thickened and content uniform"
        if thing == "organ" and at == 0 and (says(word, "fat") or says(word, "contour")):
            return True  # "fatty, lobulated gland"
        if not crossed or thing in (LESION, "other", "background", "partial", "interior"):
            return True
        if thing in ("centre", "organ") and self._opens_phrase(at):
            return True  # "in a | heterogeneous, cirrhotic liver"
        if word.has("compared"):
            return False
        if thing in (
            "wall",
            "septum",
            "periphery",
            "enhancement",
            "scar",
            "nodule",
            "calcification",
            "density",
            "texture",
        ):
            kinds = word.term.kinds if word.term is not None else {}
            grain = thing == "calcification" and (word.has("modifier", "coarse") or word.has("modifier", "fine"))
            fitting = (
                grain
                or kinds.keys() <= {"degree"}
                or (thing in ("wall", "septum") and word.term is not None and word.norm in OF_WALLS)
            )
            return fitting and (
                word.has("modifier") or not word.known or word.norm in OF_WALLS or word.has("unexpressed")
            )
        if thing == "margin":
            return word.has("modifier", "well") or word.has("modifier", "ill") or says(word, "margin")
        return False

    def _is_next_item(self, at: int, noun: int) -> bool:
        """Whether a noun begins the next item, without a mark: "hypoattenuating | sharp margins"."""
        word = self.words[at]
        kinds = word.term.kinds if word.term is not None else {}
        own = {"margin": ("well", "ill"), "wall": ("thin", "thick"), "septum": ("thin", "thick")}
        between = self.words[at + 1 : noun]
        if self.words[noun].thing not in own or not kinds.keys() & {"density", "content"} or self._opens_phrase(at):
            return False
        opens = at > 0 and (self.words[at - 1].has("word", "with") or self.words[at - 1].has("word", "prep"))
        lit = self.words[noun].thing == "wall" and kinds.get("density") in ("hyper", "arterial")
        if opens or lit:  # "bright thick ring"
            return False
        return " " in self.words[noun].norm or any(
            each.has("modifier", how) for each in between for how in own[self.words[noun].thing]
        )

    def _opens_phrase(self, at: int) -> bool:
        """Whether an adjective follows an article: "with a | hyperdense, haemorrhagic centre"."""
        while at > 0 and self._is_adjective(at - 1):
            at -= 1
        return at > 0 and self.words[at - 1].norm in ("a", "an", "the", "its")

    def _is_attributive(self, index: int) -> bool:
        """Whether a noun stands for an adjective: "a septated | water density | calcified lesion"."""
        if self.words[index].thing not in ("density", "content") or self.words[index].term is None:
            return False
        after = index + 1
        while after < len(self.words) and self._is_adjective(after):
            after += 1
        return index + 1 < after < len(self.words) and self.words[after].thing == "lesion"

    def _postpositive(self, at: int) -> bool:
        """Whether an adjective follows its lesion: "a lesion, ill-defined, perifocal edema"."""
        index = at - 1
        while index > 0 and (self.words[index].norm == "," or self._is_adjective(index)):
            index -= 1
        return index >= 0 and index < at - 1 and self.words[index].thing == "lesion"

    def run_from(self, index: int) -> list[int]:
        """Nouns in a row: "gallbladder wall", "liver lesion margins"."""
        run = [index]
        while run[-1] + 1 < len(self.words) and self._is_noun(run[-1] + 1) and not self._parts(run[-1] + 1):
            run.append(run[-1] + 1)
        return run

    def _parts(self, index: int) -> bool:
        """Whether a noun belongs to no compound with the one before: "a cyst | without enhancement", "cyst | liver"."""
        word = self.words[index]
        if word.norm.split(" ")[0] in ("no", "without", "not", "lack", "absence") or word.norm in ("inside", "within"):
            return True
        if " " in word.norm and word.thing in _WHOLES and self.words[index - 1].thing in ("wall", "septum", "margin"):
            return True  # "enhancing rim | central necrosis"
        if self.words[index - 1].thing == "margin" and word.thing in ("content", "calcification", "wall", "septum"):
            return True  # "irregular margins | calcifications"
        if self.words[index - 1].thing == "organ" and word.thing == "margin" and word.term is not None:
            return True  # "in the left lobe | ill-defined margins"
        own = word.thing == "organ" and not all(map(self._is_other_organ, word.roles["organ"]))
        return own and self.words[index - 1].thing == LESION

    def _is_noun(self, index: int) -> bool:
        return self._nouns[index]

    def is_modifier(self, index: int) -> bool:
        """Whether a word can stand between an adjective and its noun."""
        return self._modifiers[index]

    def before_noun(self, at: int) -> int:
        """Where the word before a noun, its modifiers and its article is; -1 for none."""
        at -= 1
        while at >= 0 and (self.is_modifier(at) or self.words[at].has("word", "det")):
            at -= 1
        return at

    def _is_adjective(self, index: int) -> bool:
        word = self.words[index]
        return self.is_modifier(index) and (word.term is not None or word.has("modifier") or word.has("unexpressed"))

    def _in_phrase(self, index: int) -> bool:
        """Whether a noun is only the object of a preposition: "encasing the artery"."""
        while index >= 0 and (self._is_noun(index) or self.is_modifier(index) or self.words[index].has("word", "det")):
            index -= 1
        return index >= 0 and self.words[index].has("word", "prep")

    def _is_other_organ(self, name: str) -> bool:
        return self.organ is not None and name not in (self.organ, "any")

    def _is_margin(self, index: int) -> bool:
        return self.words[index].thing == "margin"

    def _is_object(self, index: int, after: Sequence[str] = ("prep", "with", "and")) -> bool:
        """Whether a noun belongs to a preposition, to "with", or by "and" to such a one, and so is no subject."""
        while index > 0 and (
            self._is_noun(index - 1)
            or self.is_modifier(index - 1)
            or self.words[index - 1].has("word", "det")
            or self.words[index - 1].norm in ("previous", "prior", "known", "earlier", "old", "'s")
            or (self.words[index - 1].norm in (",", "/") and "and" in after and self._is_adjective(index - 2))
        ):
            opens = index > 1 and (self._is_noun(index - 2) or self.words[index - 2].norm.isdigit())
            if self.words[index - 1].has("word", "det") and opens:
                return False  # "with mixed density | the border is irregular", "in S4 | a lesion"
            index -= 1
        if index == 0:
            return False
        before = self.words[index - 1]
        if before.has("word", "and"):
            return "and" in after and self._after_with(index - 1)
        return (before.has("word", "prep") or (before.has("reference") and not before.has("word", "with"))) or (
            "with" in after and before.has("word", "with")
        )

    def _compares(self, index: int) -> bool:
        return says(self.words[index], "density") or self.words[index].has("heard")

    def is_possessed(self, index: int) -> bool:
        """Whether a noun is what something is said to have: "with solid nodules"."""
        return self._is_object(index) and not self._is_object(index, ("prep",))

    def is_said_to_be(self, index: int) -> bool:
        """Whether a noun is what a thing is taken for: "seen as a bright | nodule"."""
        while index > 0 and (self.is_modifier(index - 1) or self.words[index - 1].norm in (",", "a", "an")):
            index -= 1
        return index > 0 and self.words[index - 1].norm == "as"

    def is_one(self, index: int) -> bool:
        """Whether a noun is written as one: "the remaining | mass"."""
        return self.words[index].end - self.words[index].start <= len(self.words[index].norm)

    def is_of_organ(self, index: int) -> bool:
        """Whether what something is said to be in or of is the organ: "the liver contains a | nodule"."""
        held = next((i for i in range(index - 1, 0, -1) if self.words[i].has("word", "with")), 0)
        return held > 0 and self.words[held - 1].thing == "organ"

    def is_placed(self, index: int) -> bool:
        """Whether a noun only says where something is: "no nodules along its | edge"."""
        while index > 0 and (self.is_modifier(index - 1) or self.words[index - 1].has("word", "det")):
            index -= 1
        return index > 0 and self.words[index - 1].norm in ("along", "at", "around", "in", "on", "near", "within")

    def is_reference(self, index: int) -> bool:
        """Whether a noun is only what something is compared with: "denser than fluid"."""
        while index > 0 and (self.is_modifier(index - 1) or self.words[index - 1].has("word", "det")):
            index -= 1
        if index == 0:
            return False
        before = self.words[index - 1]
        if before.norm == "than" and self.words[index].norm[:1].isdigit():
            return False  # "less than 5 mm of calcium"
        held = before.norm == "to" and index > 1 and self._compares(index - 2)
        held = held or (before.norm == "as" and index > 1 and "as" in self.words[index - 2].norm.split(" "))
        return held or before.has("reference", "than") or before.norm == "that of"  # "as dark as | fat"

    def is_inside(self, last: int) -> bool:
        """Whether a thing is said to be in the lesion, whoever has it: "pyelonephritis with gas | within the mass"."""
        if last + 2 >= len(self.words) or self.words[last + 1].norm not in ("within", "inside", "in", "of"):
            return False
        return self.words[last].thing != LESION and any(self.words[i].thing == LESION for i in self.place(last + 2))

    def place_of_unknown(self, at: int) -> list[int]:
        """Where something is that is not known itself: "calcified plaque of | the aorta"; empty if it is known."""
        index, farthest = at + 1, min(len(self.words), at + FARTHEST_NOUN)
        while index < farthest and self.is_modifier(index) and not self._is_noun(index):
            index += 1
        named = index > at + 1 and self.words[index - 1].term is None and index < len(self.words)
        return self.place(index + 1) if named and self.words[index].norm in ("of", "in") else []

    def place(self, index: int) -> list[int]:
        """The nouns of what a preposition names: "of | the abdominal aorta"."""
        while index < len(self.words) and not self._is_noun(index):
            if not (self.words[index].has("word", "det") or self.is_modifier(index)):
                return []
            index += 1
        return self.run_from(index) if index < len(self.words) else []

    def is_lesion_apart(self, before: int, last: int) -> bool:
        """Whether a lesion only says where another is: "a mass next to | a cyst", "next to | a cyst lies a mass"."""
        beside = self.words[last + 1 :] if before == 0 else self.words[:before]
        return any(word.thing == LESION for word in beside)

    def is_all(self, area: int) -> bool:
        """Whether a sentence names an area and nothing beside it: "with a solid component"."""
        other = any(each.thing and at != area for at, each in enumerate(self.words))
        return not other and not any(each.term and each.term.kinds.get("content") != "solid" for each in self.words)

    def is_part(self, index: int) -> bool:
        """Whether an area is a part of a lesion that was named before it: "a mass with hypodense areas"."""
        start = index
        while start > 0 and (self.is_modifier(start - 1) or self.words[start - 1].has("word", "det")):
            start -= 1
        if self.words[index].norm == "inclusion":
            return True
        if start and self.words[start - 1].norm == "as":
            return False  # "seen as a hypodense area"
        named = any(self.words[i].thing == LESION or says(self.words[i], "density") for i in range(start))
        return (
            (named and self._is_object(index))
            or (self.seen and self._is_within(start, index))
            or self._is_middle(start, index)
        )

    def _is_middle(self, start: int, index: int) -> bool:
        """Whether an area is the middle of a lesion that was named before it: "mass, central necrotic | area"."""
        central = any(word.norm in ("central", "peripheral") for word in self.words[start:index])
        return central and any(word.thing == LESION for word in self.words[:start])

    def _is_within(self, start: int, index: int) -> bool:
        """Whether areas are said to be some of the lesion's: "there are a few areas", "an area within it"."""
        following = self.words[index + 1] if index + 1 < len(self.words) else None
        if self.words[index].has("thing", "partial") and (not start or not self.words[start].has("word", "det")):
            single = self.words[index].end - self.words[index].start <= len(self.words[index].norm)
            article = single or (start and self.words[start - 1].norm in ("a", "an", "the", "this", "another", "one"))
            if not article and not any(word.norm in ("a", "an", "the", "this") for word in self.words[start:index]):
                return True  # "Areas of low attenuation suggest necrosis."
        place = next((word for word in self.words[index + 2 : index + 5] if not word.has("word", "det")), None)
        if place is not None and place.thing == "organ" and following is not None and following.has("word", "prep"):
            return False  # "an area within the kidney"
        inside = following is not None and following.norm in ("within", "inside", "centrally", "internally")
        return inside or any(word.norm in _SOME for word in self.words[max(0, start - 2) : index])

    def _after_with(self, index: int) -> bool:
        """Whether an "and" joins a noun to what a lesion is said to have: "with septa and nodes"."""
        for word in reversed(self.words[:index]):
            if word.has("word", "with") or word.has("word", "prep"):
                return True
            if word.norm in PUNCTUATION or word.has("word", "verb"):
                return False
        return False


def organ_of(word: Word) -> str:
    """The name of an organ that a word names."""
    return min(word.roles["organ"])


def says(word: Word, kind: str) -> bool:
    """Whether a word is a term that sets an attribute."""
    return word.term is not None and kind in word.term.kinds


def _modifies(word: Word) -> bool:
    if word.norm in PUNCTUATION or word.norm in (",", "(+)"):
        return False
    if word.has("word", "verb"):
        return False
    if word.term is not None or word.has("modifier") or word.has("unexpressed"):
        return not word.noun
    if word.has("word"):
        return word.roles["word"] == {"adverb"}
    return not any(word.has(role) for role in ("reference", "negation", "hedge", "past", "time"))
