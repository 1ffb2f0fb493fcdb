"""Whose a word is: the lesion's, a part's ("non-enhancing septa"), the organ's ("fatty liver"), or another thing's.

Three rules, as an English reader has them: an adjective belongs to the noun that follows it; a predicate ("the wall is
thick") to the subject of its verb; what comes after "with" to what came before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from TextoMorphLib.text.lexicon import Word

LESION = "lesion"
FARTHEST_NOUN = 16  # words from an adjective to its noun
# Where a lesion is not the organ's own: "cyst in the spleen". Ducts, vessels and fat are often what a lesion lies in.
_OTHER_SITES = (
    "spleen", "adrenals", "stomach and bowel", "chest", "bones and muscles", "pelvis", "lymph nodes", "gallbladder",
)  # fmt: skip
_PUNCTUATION = (".", ";", ":", "(", ")", "|", "\n", "!", "?", "+", "-", "\u2013", "\u2014")
_NEW_START = (";", "\n", "-", "\u2013", "\u2014", "/", "|", "+")
_LOCATES = (
    "in",
    "of",
    "within",
    "at",
    "along",
    "on",
    "throughout",
    "arising from",
    "arise from",
    "involving",
    "inside",
)


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


class Ownership:
    """The owners of a sentence's words.

    Args:
        sentence: Its words.
        organ: Whose lesion the text is about; None for any.
        topic: Whom a sentence without a subject is about.
        seen: Whether a lesion was spoken of before: only then there can be "another" one.
    """

    def __init__(self, sentence: Sequence[Word], organ: str | None, topic: Owner, seen: bool = False) -> None:
        self.words, self.organ, self.topic, self.seen = sentence, organ, topic, seen
        self.subjects = self._subjects()

    def of(self, at: int) -> Owner:
        """The owner of a word: of a quality what it is said of, of a thing whose part or finding it is."""
        word = self.words[at]
        return self._of_noun(at) if word.noun or word.thing else self._of_adjective(at)

    # --- Adjectives ---

    def _of_adjective(self, at: int) -> Owner:
        run = [] if self.words[at].predicate else self.run_after(at)
        if run:
            return self._with_site(self._named(run), run)
        subject = self.subjects[at]
        return subject

    def run_after(self, at: int) -> list[int]:
        """The nouns that an adjective stands before: "hypodense | liver lesion"; empty if it is a predicate."""
        crossed = False
        word = self.words[at]
        predicate = at > 0 and self.words[at - 1].has("word", "verb")
        index = at + 1
        while index < min(len(self.words), at + FARTHEST_NOUN):
            here = self.words[index]
            if self._is_noun(index):
                run = self._run_from(index)
                return run if self._fits(word, run[-1], crossed) else []
            if here.norm in (",", "/") or here.has("word", "and") or here.has("word", "or"):
                if predicate:
                    return []  # "the wall is thick, septa are thin"
                crossed = True
            elif not self._is_modifier(index):
                return []
            index += 1
        return []

    def _fits(self, word: Word, noun: int, crossed: bool) -> bool:
        """Across a comma or "and" an adjective belongs to a noun only if it can be said of such a thing.

        "A thin, enhancing wall", but "hypodense, thick wall".
        """
        thing = self.words[noun].thing
        if not crossed or thing in (LESION, "other", "background", "partial", "interior"):
            return True
        if word.has("compared"):
            return False
        if thing in ("wall", "septum", "enhancement", "scar", "nodule", "calcification", "density", "texture"):
            kinds = word.term.kinds if word.term is not None else {}
            fitting = not kinds or (thing in ("wall", "septum") and word.term is not None and word.norm in _OF_WALLS)
            return fitting and (
                word.has("modifier") or not word.known or word.norm in _OF_WALLS or word.has("unexpressed")
            )
        if thing == "margin":
            return word.has("modifier", "well") or word.has("modifier", "ill") or _says(word, "margin")
        return False

    def _run_from(self, index: int) -> list[int]:
        """Nouns in a row: "gallbladder wall", "liver lesion margins"."""
        run = [index]
        while run[-1] + 1 < len(self.words) and self._is_noun(run[-1] + 1) and not self._denies(run[-1] + 1):
            run.append(run[-1] + 1)
        return run

    def _denies(self, index: int) -> bool:
        """Whether a wording is a denial by itself, and no noun of a compound: "a cyst | without enhancement"."""
        return self.words[index].norm.split()[0] in ("no", "without", "not", "lack", "absence")

    def _is_noun(self, index: int) -> bool:
        word = self.words[index]
        return bool(word.thing) and not word.has("word", "pronoun")

    def _is_modifier(self, index: int) -> bool:
        """Whether a word can stand between an adjective and its noun."""
        word = self.words[index]
        if word.norm in _PUNCTUATION or word.norm == ",":
            return False
        if word.has("word", "verb"):
            return False
        if word.term is not None or word.has("modifier") or word.has("unexpressed"):
            return not word.noun
        if word.has("word"):
            return word.roles["word"] == {"adverb"}
        return not any(word.has(role) for role in ("reference", "negation", "hedge", "past", "time"))

    # --- Nouns ---

    def _of_noun(self, at: int) -> Owner:
        run = [at]
        while run[0] and self._is_noun(run[0] - 1) and not self._breaks(run[0] - 1, run[0]):
            run.insert(0, run[0] - 1)
        run += self._run_from(at)[1:]
        thing = self.words[at].thing
        named = self._named(run)
        if named.foreign or thing in ("organ", "other"):
            return named
        if site := self._site(run[-1], thing):
            return site
        if thing == LESION:
            return named
        before = self._possessor(run[0])
        return before if before.foreign else Owner(LESION)

    def _breaks(self, before: int, after: int) -> bool:
        return self.words[before].end + 1 < self.words[after].start and False

    def _site(self, last: int, thing: str) -> Owner | None:
        """Where a thing is, if that is another's place: "calcification | of the aorta", "cyst | in the spleen"."""
        index = last + 1
        if index >= len(self.words) or self.words[index].norm not in _LOCATES:
            return None
        while index < len(self.words) and not self._is_noun(index):
            if index > last + 1 and not (self._is_modifier(index) or self.words[index].has("word", "det")):
                return None
            index += 1
        if index >= len(self.words):
            return None
        place = self._named(self._run_from(index))
        if place.kind == "other" and (thing != LESION or place.name in _OTHER_SITES):
            return place
        return place if place.kind == "organ" and thing == LESION and self._is_other_organ(place.name) else None

    def _possessor(self, first: int) -> Owner:
        """Who has a thing: what comes right before "with", else the subject."""
        index = first - 1
        while index >= 0 and (self._is_modifier(index) or self.words[index].has("word", "det")):
            index -= 1
        if index > 0 and self.words[index].has("word", "with") and self._is_noun(index - 1):
            owner = self._named([index - 1])
            if owner.kind == "other" and not self._in_phrase(index - 1):
                return owner
        if index > 0 and self.words[index].norm == "of" and self.words[index - 1].thing == "other":
            return self._named([index - 1])  # "ascites of low density"
        return self.subjects[first]

    def _in_phrase(self, index: int) -> bool:
        """Whether a noun is only the object of a preposition: "encasing the artery"."""
        while index >= 0 and (self._is_noun(index) or self._is_modifier(index) or self.words[index].has("word", "det")):
            index -= 1
        return index >= 0 and self.words[index].has("word", "prep")

    def _named(self, run: Sequence[int]) -> Owner:
        """Whose thing nouns in a row name: the last counts, unless another organ's name goes before it."""
        last = self.words[run[-1]]
        others = [index for index in run if self.words[index].thing == "other"]
        lesions = [index for index in run if self.words[index].thing == LESION]
        organs = [index for index in run if self.words[index].thing == "organ"]
        if others:
            return Owner("other", min(self.words[others[-1]].roles["other"]), run[-1])
        if last.thing == "organ":
            return Owner("organ", _organ(last), run[-1])
        foreign = [i for i in organs if all(self._is_other_organ(name) for name in self.words[i].roles["organ"])]
        if foreign:
            return Owner("other", _organ(self.words[foreign[-1]]), run[-1])
        if last.thing == LESION:
            return self._lesion(run)
        if organs and not lesions and last.thing in ("margin", "density", "texture", "wall", "enhancement"):
            return Owner("organ", _organ(self.words[organs[-1]]), run[-1])
        return Owner(last.thing, "", run[-1])

    def _lesion(self, run: Sequence[int]) -> Owner:
        index = run[0] - 1
        while index >= 0 and self._is_modifier(index):
            if self.words[index].has("modifier", "another") and self.seen:
                return Owner("other", "another lesion", run[-1])
            index -= 1
        while index > 0 and self.words[index].has("word", "det"):
            index -= 1
        held = index > 0 and (self.words[index].has("word", "with") or self.words[index].norm == ":")
        if held and self.words[index - 1].thing == "other":
            holder = self._named([index - 1])
            if holder.name in _OTHER_SITES:  # "the spleen shows a lesion"
                return holder
        return Owner(LESION, "", -1)

    def _is_other_organ(self, name: str) -> bool:
        return self.organ is not None and name not in (self.organ, "any")

    # --- Subjects ---

    def _subjects(self) -> list[Owner]:
        """For each word, whom a predicate there is about."""
        subjects, subject, stated, first = [], self.topic, False, True
        for index, word in enumerate(self.words):
            if word.norm in _NEW_START:
                subject, stated = self.topic, False
            if word.has("word", "but"):
                stated = False
            if word.norm in (",", "\n") and subject.kind not in (LESION,) and not stated and not first:
                subject = self.topic
            if self._is_noun(index) and not (index + 1 < len(self.words) and self._is_noun(index + 1)):
                run = [index]
                while run[0] and self._is_noun(run[0] - 1):
                    run.insert(0, run[0] - 1)
                owner = self._with_site(self._named(run), run)
                if owner.kind == "partial" and not self.is_part(index):
                    owner = Owner()
                predicated = self._predicated(index) and not self._is_place(index)
                object_ = self._is_object(run[0], ("prep",) if owner.kind == LESION else ("prep", "with", "and"))
                if predicated or (not object_ and owner.kind in (LESION, "other")):
                    subject, stated = owner, predicated
                    first = first and owner.kind != LESION
                    if owner.kind == LESION:
                        self.topic = owner
            elif word.has("word", "that") and index:
                previous = next((i for i in range(index - 1, -1, -1) if self._is_noun(i)), None)
                if previous is not None:
                    owner = self._named([previous])
                    if owner.kind != "organ":
                        subject, stated = owner, True
            subjects.append(subject)
        return subjects

    def _with_site(self, owner: Owner, run: Sequence[int]) -> Owner:
        return owner if owner.foreign else (self._site(run[-1], owner.kind) or owner)

    def _predicated(self, index: int) -> bool:
        """Whether something is said of a noun by a verb or a colon: "the wall is", "Margins:"."""
        after = index + 1
        # "The wall of the lesion is"
        if after < len(self.words) and self.words[after].norm in ("of", "in", "within"):
            after += 1
            while after < len(self.words) and (
                self._is_noun(after) or self._is_modifier(after) or self.words[after].has("word", "det")
            ):
                after += 1
        while after < len(self.words) and self.words[after].has("word", "adverb"):
            after += 1
        if after >= len(self.words) or self._is_object(index, ("prep", "with")):
            return False
        word = self.words[after]
        if after == index + 1 and (word.term is not None or word.has("modifier")) and not word.noun:
            return self.words[index].thing in _OWN_PARTS and not self.run_after(after)  # "Wall thick."
        if word.norm == "(" and self.words[index].thing in _OWN_PARTS:
            return True  # "wall (thin)"
        return word.norm == ":" or word.has("word", "verb") or (word.norm in _VERBS)

    def _is_object(self, index: int, after: Sequence[str] = ("prep", "with", "and")) -> bool:
        """Whether a noun belongs to a preposition, to "with", or by "and" to such a one, and so is no subject."""
        while index > 0 and (
            self._is_noun(index - 1)
            or self._is_modifier(index - 1)
            or self.words[index - 1].has("word", "det")
            or (self.words[index - 1].norm in (",", "/") and "and" in after and self._is_modifier(index - 2))
        ):
            index -= 1
        if index == 0:
            return False
        before = self.words[index - 1]
        if before.has("word", "and"):
            return "and" in after and self._after_with(index - 1)
        return (before.has("word", "prep") or (before.has("reference") and not before.has("word", "with"))) or (
            "with" in after and before.has("word", "with")
        )

    def _is_place(self, index: int) -> bool:
        """Whether a heading only says where the lesion is: "Left upper pole: 2 cm, cystic"."""
        following = self.words[index + 1].norm if index + 1 < len(self.words) else ""
        return following == ":" and self.words[index].norm.split()[-1] in _PLACES

    def _compares(self, index: int) -> bool:
        return _says(self.words[index], "density") or self.words[index].has("heard")

    def is_possessed(self, index: int) -> bool:
        """Whether a noun is what something is said to have: "with solid nodules"."""
        return self._is_object(index) and not self._is_object(index, ("prep",))

    def is_reference(self, index: int) -> bool:
        """Whether a noun is only what something is compared with: "denser than fluid"."""
        while index > 0 and (self._is_modifier(index - 1) or self.words[index - 1].has("word", "det")):
            index -= 1
        if index == 0:
            return False
        before = self.words[index - 1]
        held = before.norm == "to" and index > 1 and self._compares(index - 2)
        return held or before.has("reference", "than") or before.norm == "that of"

    def is_part(self, index: int) -> bool:
        """Whether an area is a part of a lesion that was named before it: "a mass with hypodense areas"."""
        start = index
        while start > 0 and (self._is_modifier(start - 1) or self.words[start - 1].has("word", "det")):
            start -= 1
        named = any(self.words[i].thing == LESION or _says(self.words[i], "density") for i in range(start))
        return named and self._is_object(index)

    def _after_with(self, index: int) -> bool:
        """Whether an "and" joins a noun to what a lesion is said to have: "with septa and nodes"."""
        for word in reversed(self.words[:index]):
            if word.has("word", "with") or word.has("word", "prep"):
                return True
            if word.norm in _PUNCTUATION or word.norm == "," or word.has("word", "verb"):
                return False
        return False


_OWN_PARTS = ("wall", "septum", "margin", "calcification", "density", "texture", "enhancement")
_PLACES = ("pole", "lobe", "segment", "dome", "head", "tail", "body", "neck", "uncinate", "process", "region")
_VERBS = (
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
_OF_WALLS = ("enhancing", "smooth", "sharp", "bright", "calcified", "regular", "uniform", "homogeneous", "even")


def _organ(word: Word) -> str:
    return min(word.roles["organ"])


def _says(word: Word, kind: str) -> bool:
    return word.term is not None and kind in word.term.kinds
