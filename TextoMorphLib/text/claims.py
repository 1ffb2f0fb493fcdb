"""What the words of a sentence claim of the lesion, seen from whose they are.

"Thick" says something of a wall and nothing of a liver, "hypodense" of a lesion and of its centre something else, and
an enhancement may be a wall ("peripheral"), a density ("avid") or nothing that is modelled ("nodular, progressive").
"""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import BASE_TERMS, Lexicon, Word, grammar
from TextoMorphLib.text.negation import DENIED, OPEN, PAST
from TextoMorphLib.text.ownership import LESION, Owner, Ownership
from TextoMorphLib.text.vocabulary import Term

ENHANCING = "enhancing mass"


class Claims:
    """What the words of a sentence claim of the lesion."""

    def __init__(self, words: Sequence[Word], marks: Sequence[set[str]], owners: Ownership, known: Lexicon) -> None:
        self.words, self.marks, self.owners, self.lexicon = words, marks, owners, known
        self.whose = [owners.of(at) for at in range(len(words))]
        self.qualities = self._qualities()
        self.inverted: set[int] = set()
        self.made = [self._of(at) for at in range(len(words))]

    def of(self, at: int) -> tuple[Term | None, str]:
        """The term that a word claims, and why it has no effect; neither where a word claims nothing."""
        return self.made[at]

    def denied(self, at: int) -> bool:
        """Whether the claim is denied."""
        return (DENIED in self.marks[at]) != (at in self.inverted)

    def _qualities(self) -> dict[int, list[int]]:
        """For each noun, the words that qualify it."""
        found: dict[int, list[int]] = {}
        for at, word in enumerate(self.words):
            head = self.whose[at].head
            if head >= 0 and head != at and not word.thing and (word.term is not None or word.has("modifier")):
                found.setdefault(head, []).append(at)
            elif word.thing and at + 1 < len(self.words) and self.words[at + 1].thing and word.has("thing"):
                found.setdefault(self._last_of_run(at), []).append(at)
        for at, word in enumerate(self.words):  # "thick septa and wall"
            joined = at > 1 and self.words[at - 1].has("word", "and") and at not in found
            if joined and {word.thing, self.words[at - 2].thing} <= {"wall", "septum"}:
                found[at] = found.get(at - 2, [])
        return found

    def _last_of_run(self, at: int) -> int:
        return self.owners._run_from(at)[-1]

    def _of(self, at: int) -> tuple[Term | None, str]:
        word, owner, marks = self.words[at], self.whose[at], self.marks[at]
        term = self._term(at, word, owner)
        if word.has("heard"):
            return None, min(word.roles["heard"])
        if term is None:
            return None, self._unexpressed(at, word, owner)
        if owner.kind == "other" or (owner.kind == "organ" and not _sets_nothing(term)):
            return term, f"said of the {owner.name}" if owner.name != "any" else "said of the organ"
        if PAST in marks:
            return term, "said of the past"
        if OPEN in marks:
            return term, "not excluded, which is not said"
        return term, ""

    def _unexpressed(self, at: int, word: Word, owner: Owner) -> str:
        if not word.has("unexpressed") or (word.has("modifier") and owner.kind not in (LESION, "other")):
            return ""
        if owner.kind == "other":
            return f"said of the {owner.name}"
        return "denied" if DENIED in self.marks[at] else "the model has no attribute for it"

    # --- The term of a word, seen from its owner ---

    def _term(self, at: int, word: Word, owner: Owner) -> Term | None:
        if word.thing and not owner.foreign:
            return self._of_thing(at, word)
        if word.term is not None and "degree" in word.term.kinds:
            return word.term if self._before_density(at) else None
        if owner.foreign or owner.kind in (LESION, "interior"):
            return word.term
        return self._of_quality(at, word, owner)

    def _before_density(self, at: int) -> bool:
        following = [word for word in self.words[at + 1 : at + 3] if not word.has("word", "det")]
        return bool(following) and density_term(following[0])

    def _of_quality(self, at: int, word: Word, owner: Owner) -> Term | None:
        """What a quality of a part says of the lesion."""
        part, term = owner.kind, word.term
        kinds = term.kinds if term is not None else {}
        if part == "margin":
            if term is not None and "margin" in kinds:
                return term
            return self._margin(word) if not kinds else None
        if part == "density" and term is None:
            return None if word.has("compare") else self._density_of([word])  # "Density: low"
        if part in ("density", "texture", "enhancement"):
            if (
                term is not None
                and part != "enhancement"
                and kinds.keys() <= {"density", "texture", "content", "degree"}
            ):
                return term
            return term if kinds.keys() == {"texture"} or word.has("compared") else None
        if part == "centre":
            dark = kinds.get("density") == "hypo" or kinds.get("content") in ("cystic", "necrotic")
            return self.lexicon.terms["necrotic"] if dark else None
        if part in ("wall", "septum", "calcification"):
            if kinds.get("calcification"):
                return term
            return self._refined(at, owner)
        if part == "periphery":
            bright = kinds.get("density") in ("hyper", "arterial") or (term is not None and term.name == ENHANCING)
            return self.lexicon.terms["walled"] if bright else None
        if part == "scar":
            return term if "calcification" in kinds else None
        if part == "partial":
            return self._partial(owner, term)
        return None

    def _partial(self, owner: Owner, term: Term | None) -> Term | None:
        """What is said of an area of a lesion: all of it if the area is the lesion, else what is there at all."""
        if term is None or not self.owners.is_part(owner.head):
            return term
        return term if term.kinds.keys() & {"calcification", "septa", "content"} else None

    def _margin(self, word: Word) -> Term | None:
        for quality, name in (("ill", "ill-defined"), ("well", "well-defined")):
            if word.has("modifier", quality):
                return self.lexicon.terms[name]
        return None

    def _refined(self, at: int, owner: Owner) -> Term | None:
        """What a predicate says of a part: "the wall is thick"; the noun itself takes adjectives before it."""
        if owner.head > at:
            return None
        base = BASE_TERMS[owner.kind]
        if self.words[at].has("modifier", "invisible"):
            self.inverted.add(at)
            return self.lexicon.terms[base]
        for quality, name in grammar()["refine"].get(base, {}).items():
            if self.words[at].has("modifier", quality):
                return self.lexicon.terms[name]
        return None

    def _of_thing(self, at: int, word: Word) -> Term | None:
        part = word.thing
        qualities = [self.words[i] for i in self.qualities.get(at, ()) if i < at]
        if at + 1 < len(self.words) and self.words[at + 1].thing and part in ("wall", "septum", "margin", "centre"):
            return None  # "wall calcification", "rim enhancement": the last noun counts
        if self.owners.is_reference(at) or (part == "wall" and self._of_something(at)):
            return None
        if part == "partial" and word.term is not None:
            return self._partial(Owner("partial", "", at), word.term)
        if part == "density" and word.term is not None and (owner := self._part_after(at)):
            hypo = word.term.kinds.get("density") == "hypo" and not word.term.weak
            return self.lexicon.terms["necrotic"] if owner == "centre" and hypo else None
        if part == "enhancement":
            return self._enhancement(at, word, qualities)
        if part == "density" and word.term is None:
            return self._density_of(qualities)
        if part == "margin" and word.term is None:  # "no demarcation from the gland"
            return self.lexicon.terms["well-defined"] if DENIED in self.marks[at] and not qualities else None
        if word.term is not None and word.term.name == "solid" and self.owners.is_possessed(at):
            return None  # "cystic with solid nodules"
        if part in BASE_TERMS:
            term = word.term or self.lexicon.terms[BASE_TERMS[part]]
            if any(quality.has("modifier", "invisible") for quality in qualities):
                self.inverted.add(at)
            for quality, name in grammar()["refine"].get(term.name, {}).items():
                if any(each.has("modifier", quality) for each in qualities):
                    return self.lexicon.terms[name]
            return term
        return word.term

    def _part_after(self, at: int) -> str:
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

    def _of_something(self, at: int) -> bool:
        """Whether a rim is one of calcium or fat rather than a wall."""
        following = self.words[at + 1 : at + 3]
        if len(following) < 2 or following[0].norm != "of":
            return False
        return following[1].thing == "calcification" or following[1].has("unexpressed")

    def _enhancement(self, at: int, word: Word, qualities: Sequence[Word]) -> Term | None:
        """What an enhancement says: of a wall, of the density, or nothing that is modelled."""
        said = {value for quality in qualities for value in quality.roles.get("modifier", ())}
        said |= {"peripheral" for quality in qualities if quality.thing == "wall"}
        terms = self.lexicon.terms
        if "late" in said:
            return None
        if word.term is not None and word.term.name != "walled":
            return word.term
        if "peripheral" in said or word.term is not None:
            return terms["thick-walled" if "thick" in said else "thin-walled" if "thin" in said else "walled"]
        if "strong" in said:
            return terms["arterial enhancement"]
        if "low" in said and "mild" not in said:
            return terms["hypoattenuating"]
        if DENIED in self.marks[at] and not said:
            self.inverted.add(at)
            return terms["non-enhancing"]
        return None

    def _density_of(self, qualities: Sequence[Word]) -> Term | None:
        said = {value for quality in qualities for value in quality.roles.get("modifier", ())}
        for quality, name in (
            ("watery", "cystic"),
            ("fleshy", "solid"),
            ("low", "hypoattenuating"),
            ("high", "hyperattenuating"),
        ):
            if quality in said:
                return self.lexicon.terms[name]
        return None


def _sets_nothing(term: Term) -> bool:
    return term.about == "background" or not term.kinds


def density_term(word: Word) -> bool:
    return word.term is not None and word.term.kinds.keys() == {"density"}


def is_background(word: Word) -> bool:
    """Whether something is what densities are held against by default: the organ around the lesion."""
    if word.term is not None:
        return word.term.about == "background"
    return word.thing in ("organ", LESION, "background", "wall", "density", "enhancement", "partial", "texture")
