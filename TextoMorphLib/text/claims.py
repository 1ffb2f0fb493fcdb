"""What the words of a sentence claim of the lesion, seen from whose they are.

"Thick" says something of a wall and nothing of a liver, "hypodense" of a lesion and of its centre something else, and
an enhancement may be a wall ("peripheral"), a density ("avid") or nothing that is modelled ("nodular, progressive").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from TextoMorphLib.text import comparisons, meanings
from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.lexicon import BASE_TERMS, Lexicon, Word, grammar
from TextoMorphLib.text.meanings import density_of, density_term, ends_item, is_solid, said_of, sets_nothing, stresses
from TextoMorphLib.text.modalities import is_signal
from TextoMorphLib.text.negation import DENIED, NO_SUCH, OPEN, OTHERS, PAST, POSSIBLE
from TextoMorphLib.text.ownership import Ownership
from TextoMorphLib.text.phrases import LESION
from TextoMorphLib.text.qualities import density_by, margin_of, strength_of, texture_of
from TextoMorphLib.text.surroundings import (
    enhances_early,
    is_arterial,
    is_cavity,
    is_central,
    is_of_something,
    is_one_chamber,
    is_sediment,
    is_septal,
    is_site,
    manner,
    rises_from_wall,
)
from TextoMorphLib.text.vocabulary import Mention, Term

ENHANCING = "enhancing mass"
_LUMPS = frozenset(("nodular", "discontinuous", "globular", "interrupted", "puddling", "clumped"))
_BADLY = frozenset(("poor", "bad", "ill", "unclear", "imperfect", "weak", "insufficient", "scarce", "badly", "poorly"))
_STRENGTHS = frozenset(("strong", "low", "peripheral"))


class Claims:
    """What the words of a sentence claim of the lesion.

    Args:
        words: The sentence.
        marks: What is said of each word (`negation.scopes`).
        owners: Whose each is.
        known: The vocabulary.
        aside: Whether the sentence is about another lesion.
        unsaid: The marks of doubt with which nothing is said.
        said: What was said before.
    """

    def __init__(
        self,
        words: Sequence[Word],
        marks: Sequence[set[str]],
        owners: Ownership,
        known: Lexicon,
        aside: bool = False,
        unsaid: Collection[str] = (OPEN,),
        said: Sequence[Mention] = (),
    ) -> None:
        self.words, self.marks, self.owners, self.terms, self.aside = words, marks, owners, known.terms, aside
        self.unsaid, self.said = unsaid, said
        self.whose = [owners.of(at) for at in range(len(words))]
        self.qualities = self._qualities()
        self.inverted: set[int] = set()
        self.made = [self._of(at) for at in range(len(words))]

    def of(self, at: int) -> tuple[Term | None, str]:
        """The term that a word claims, and why it has no effect; neither where a word claims nothing."""
        return self.made[at]

    def besides(self, at: int) -> Term | None:
        """A second term of a word: "avid | heterogeneous enhancement" is a texture and a density."""
        word = self.words[at]
        term, why = self.made[at]
        if (
            term is not None
            and not why
            and "calcification" in term.kinds
            and (is_septal(self.words, at) and not self.denied(at))
        ):
            return self.terms["septated"]
        if self.denied(at) or word.thing != "enhancement" or term is None or why or term.kinds.keys() != {"texture"}:
            return None
        return self._enhancement(
            at, replace(word, term=None), [self.words[i] for i in self.qualities.get(at, ()) if i < at]
        )

    def denied(self, at: int) -> bool:
        """Whether the claim is denied; "not a simple cyst" is one that is not simple."""
        denials = ("not", "isn't", "wasn't", "no longer")
        plain = self.words[at].norm.split(" ")[0] in ("simple", "uncomplicated")
        if plain and any(before.norm in denials for before in self.words[max(0, at - 3) : at]):
            return False
        return (DENIED in self.marks[at]) != (at in self.inverted)

    def _qualities(self) -> dict[int, list[int]]:
        """For each noun, the words that qualify it."""
        found: dict[int, list[int]] = {}
        for at, word in enumerate(self.words):
            head = self.whose[at].head
            if head >= 0 and head != at and not word.thing and (word.term is not None or word.has("modifier")):
                found.setdefault(head, []).append(at)
            elif word.thing and at + 1 < len(self.words) and self.words[at + 1].thing and word.has("thing"):
                found.setdefault(self.owners.run_from(at)[-1], []).append(at)
        for at, word in enumerate(self.words):  # "thick septa and wall"
            joined = at > 1 and self.words[at - 1].has("word", "and") and at not in found
            if joined and {word.thing, self.words[at - 2].thing} <= {"wall", "septum"}:
                found[at] = found.get(at - 2, [])
        return found

    def _of(self, at: int) -> tuple[Term | None, str]:
        word, owner, marks = self.words[at], self.whose[at], self.marks[at]
        placed = word.norm == "water" and owner.kind == LESION and self.owners.place(at + 2)
        if placed or (at > 1 and self.words[at - 2].thing == "interior" and word.norm in ("water", "urine", "bile")):
            owner = Owner(LESION)  # "Content: water"
            term: Term | None = self.terms["cystic"]
        else:
            term = self._term(at, word, owner)
        fluid = term is self.terms["necrotic"] and "fluid" in word.norm
        if fluid and is_cavity(self.words, self.said):
            term = self.terms["cystic"]  # "an abscess with central fluid"
        if owner.kind == "organ" and (turned := comparisons.turned_round(self.words, at)):
            term, owner = self.terms[turned], Owner(LESION)
        if term is self.terms["well-defined"] and at and self.words[at - 1].norm in _BADLY:
            term = self.terms["ill-defined"]  # "poor defined limits"
        if word.has("modifier", "undivided"):
            term = self.terms["septated"]
            self.inverted.add(at)
        if word.norm == "even" and stresses(self.words[at + 1 : at + 2]):
            return None, ""
        if word.has("heard"):
            return None, min(word.roles["heard"])
        if term is None:
            return None, self._unexpressed(at, word, owner)
        if owner.kind == "other" or (owner.kind == "organ" and not sets_nothing(term)):
            return term, said_of(owner)
        if self.aside and not sets_nothing(term):
            return term, "said of another lesion"
        if OTHERS in marks:
            return term, "said of other lesions"
        if NO_SUCH in marks and DENIED not in marks:
            return term, "said only of new ones"
        if NO_SUCH in marks and self._of_none(at, word):
            return term, "said of something that is not there"
        if PAST in marks:
            return term, "said of the past"
        if OPEN in marks and OPEN in self.unsaid:
            return term, "not excluded, which is not said"
        if POSSIBLE in marks and POSSIBLE in self.unsaid:
            return term, "only possible"
        return term, ""

    def _of_none(self, at: int, word: Word) -> bool:
        """Whether a word tells of a lesion or part that is denied: "no cystic lesion", "no solid component"."""
        if (word.thing == LESION and self.owners.seen) or (
            word.noun and word.term is not None and word.term.kinds.get("content") == "solid"
        ):
            return True
        run = [] if word.noun or word.thing else self.owners.run_after(at)
        return bool(run) and self.words[run[-1]].thing == LESION and NO_SUCH in self.marks[run[-1]]

    def _unexpressed(self, at: int, word: Word, owner: Owner) -> str:
        if not owner.foreign and (why := meanings.outdone(word, self.words[at + 1 : at + 2])):
            return why
        if not word.has("unexpressed") or (word.has("modifier") and owner.kind not in (LESION, "other")):
            return ""
        if owner.kind == "other":
            return said_of(owner)
        return "denied" if DENIED in self.marks[at] else "the model has no attribute for it"

    # --- The term of a word, seen from its owner ---

    def _term(self, at: int, word: Word, owner: Owner) -> Term | None:
        if self._unfed(word) and not owner.foreign and (part := self.owners.unfed_part(at)):
            return self.terms["necrotic"] if part in ("centre", "interior") else None
        if is_one_chamber(self.words, at) or (self._unfed(word) and manner(self.words, at)):
            return None
        bright = density_term(word) or word.thing in ("density", "enhancement")
        if (bright and is_signal(self.words, at)) or (owner.kind == "density" and is_signal(self.words, owner.head)):
            return None
        if word.thing and not owner.foreign:
            return self._of_thing(at, word)
        if word.has("dimension", "enhancement") and self.owners.at_border(at) and not owner.foreign:
            return self.terms["walled"]  # "takes up contrast only at its margin"
        unqualified = word.term is not None and word.term.name == ENHANCING and word.norm.endswith("enhancing")
        if unqualified and at and (named := strength_of(self.words[at - 1 : at])):
            return self.terms[named]  # "strongly contrast-enhancing"
        if meanings.strengthens(self.words, at):
            return self.terms["arterial enhancement"]
        if enhances := self._enhances(at, word):
            return enhances
        if (density_of(word) == "hyper" and is_arterial(self.words, at)) or enhances_early(self.words, at):
            return self.terms["arterial enhancement"]
        if density_term(word) and owner.kind in (LESION, "interior") and is_sediment(self.words, at):
            return None
        if density_term(word) and owner.kind == LESION and (part := self.owners.part_after(at)):
            dark = density_of(word) == "hypo" and part == "centre"  # "hypodense in the centre"
            return self.terms["necrotic"] if dark else None
        strength = owner.kind == "enhancement" and 0 <= owner.head < at and word.has("modifier")
        if word.term is not None and "degree" in word.term.kinds and not strength:
            return word.term if meanings.before_density(self.words, at, self.whose[at]) else None
        if owner.foreign or owner.kind == LESION or (owner.kind == "interior" and not self._unfed(word)):
            return word.term
        return self._of_quality(at, word, owner)

    def _enhances(self, at: int, word: Word) -> Term | None:
        """What an adverb says after its verb: "enhances brightly", "enhances early and strongly"."""
        for before in reversed(self.words[max(0, at - 4) : at]):
            if before.norm.split(" ")[-1] in ("enhance", "enhancing", "enhanced"):
                strong = word.has("modifier", "strong")
                bracketed = self.words[at - 1].norm == "("  # "Enhancing: yes (avid)"
                manner = word.norm.endswith("ly") or (before is self.words[at - 1] and not self.owners.run_after(at))
                if word.norm != "++" and not (strong and (bracketed or manner)):
                    return None
                if before.norm.startswith(("does not", "do not", "doe not", "not", "fail")):
                    self.inverted.add(at)
                return self.terms["arterial enhancement"]
            passed = before.has("word", "and") or before.has("word", "adverb") or before.term
            if not (passed or before.norm in (",", "(", ":")):
                break
        return None

    def _unfed(self, word: Word) -> bool:
        return word.term is not None and word.term.name == "non-enhancing"

    def _of_quality(self, at: int, word: Word, owner: Owner) -> Term | None:
        """What a quality of a part says of the lesion."""
        part, term = owner.kind, word.term
        kinds = term.kinds if term is not None else {}
        if part == "margin":
            if self.words[owner.head].norm == "infiltration" and "density" in kinds:
                return term  # the infiltration is the lesion
            own = term if kinds.keys() & {"margin", "contour"} else None
            return own or self.terms.get(margin_of([word]))
        if part == "density" and term is None and not word.has("modifier", "uneven"):
            return None if word.has("compare") else self.terms.get(density_by([word]))  # "Density: low"
        said_later = part == "enhancement" and owner.head < at  # "of enhancement strong but irregular"
        textured = term is None and (part in ("density", "texture") or said_later)
        if textured and (texture := self.terms.get(texture_of([word]))):
            return texture
        rimmed = self.words[owner.head].term is self.terms["walled"]
        if part == "enhancement" and kinds.keys() == {"margin"} and (owner.head < at or not rimmed):
            return term  # "enhances avidly, smooth", "no enhancement well circumscribed": the next item
        if part in ("density", "texture", "enhancement"):
            look = {"density", "texture", "content", "degree", *(("margin",) if part == "texture" else ())}
            if term is not None and part != "enhancement" and kinds.keys() <= look:
                return term
            if part == "enhancement" and owner.head < at and word.roles.get("modifier", frozenset()) & _STRENGTHS:
                lumps = any(self.words[i].norm in _LUMPS for i in self.qualities.get(owner.head, ()))
                weak = replace(word, term=None)  # "the enhancement is weak"
                return None if lumps else self._enhancement(at, weak, [word])
            answers = at > 0 and self.words[at - 1].norm == ":" and "density" in kinds  # "Enhancement: hypervascular"
            answers = answers or word.norm == "low contrast"  # "low contrast capture"
            return term if kinds.keys() == {"texture"} or word.has("compared") or answers else None
        if part == "interior" and self._unfed(word):
            return self.terms["necrotic"]
        if part == "centre":
            if kinds.get("content") == "cystic" and is_cavity(self.words, self.said):
                return term
            dark = kinds.get("density") == "hypo" or kinds.get("content") in ("cystic", "necrotic")
            if kinds.get("content") == "haemorrhagic" or kinds.keys() & {"calcification", "fat", "gas"}:
                return term
            rimmed = any(each.thing == "wall" for each in self.words)
            core = term if kinds.get("density") == "iso" and rimmed else None  # "a bright rim around an isodense core"
            return self.terms["necrotic"] if dark else core
        if part in ("wall", "septum", "calcification"):
            if kinds.get("calcification") or (part == "septum" and kinds.get("content") == "cystic"):
                return term
            return self._refined(at, owner)
        if part == "periphery":
            if kinds.keys() == {"margin"} or kinds.get("content") == "necrotic":
                return term
            bright = kinds.get("density") in ("hyper", "arterial") or (term is not None and term.name == ENHANCING)
            return self._of_periphery(owner) if bright else None
        if part == "nodule" and kinds.get("content") in ("necrotic", "haemorrhagic"):
            return term  # "necrotic debris"
        if part == "scar":
            return term if "calcification" in kinds else None
        if part == "partial":
            return self._partial(owner, term)
        return None

    def _of_periphery(self, owner: Owner) -> Term:
        said = {
            quality for i in self.qualities.get(owner.head, ()) for quality in self.words[i].roles.get("modifier", ())
        }
        return self.terms["thick-walled" if "thick" in said else "thin-walled" if "thin" in said else "walled"]

    def _partial(self, owner: Owner, term: Term | None) -> Term | None:
        """What is said of an area of a lesion: all of it if the area is the lesion, else what is there at all."""
        if term is not None and is_solid(term) and not self.owners.is_all(owner.head):
            return None  # "the solid part"
        if term is None or not self.owners.is_part(owner.head):
            return term
        there = term.kinds.keys() & {"calcification", "septa", "content", "fat", "gas"}
        return term if there and not is_solid(term) else None

    def _refined(self, at: int, owner: Owner) -> Term | None:
        """What a predicate says of a part: "the wall is thick"; the noun itself takes adjectives before it."""
        if owner.head > at:
            return None
        base = BASE_TERMS[owner.kind]
        if self.words[at].has("modifier", "invisible"):
            self.inverted.add(at)
            return self.terms[base]
        for quality, name in grammar()["refine"].get(base, {}).items():
            if self.words[at].has("modifier", quality):
                return self.terms[name]
        return None

    def _of_thing(self, at: int, word: Word) -> Term | None:
        part = word.thing
        qualities = [self.words[i] for i in self.qualities.get(at, ()) if i < at]
        if at + 1 in self.owners.run_from(at) and part in ("wall", "septum", "margin", "centre"):
            return None  # "wall calcification", "rim enhancement": the last noun counts
        site = is_site(self.words, at) and not self.qualities.get(at)
        elsewhere = site or is_of_something(self.words, at) or self.owners.is_reached(at)
        if self.owners.is_reference(at) or self.owners.is_of_duct(at) or (part == "wall" and elsewhere):
            return None
        if part == "partial" and word.term is not None:
            return self._partial(Owner("partial", "", at), word.term)
        if part == "density" and self.owners.is_of_part(at):
            return None  # "a central scar is of | low density"
        if part == "density" and word.term is not None and (owner := self.owners.part_after(at)):
            hypo = word.term.kinds.get("density") == "hypo" and not word.term.weak
            return self.terms["necrotic"] if owner == "centre" and hypo else None
        if self.owners.at_border(at):
            late = any(quality.has("modifier", "late") for quality in qualities)
            return None if late else self.terms["walled"]
        if part == "enhancement":
            after = self.words[at + 1 : at + 3]
            if after and any(after[0].has("modifier", size) for size in ("thin", "thick")) and ends_item(after[1:]):
                qualities.append(after[0])  # "rim enh thin"
            return self._enhancement(at, word, qualities)
        if part == "density" and word.term is None:
            return self.terms.get(density_by(qualities) or texture_of(qualities))
        if part == "texture" and word.term is None:
            return self.terms.get(texture_of(qualities))
        if part == "margin" and word.term is None and at and self.words[at - 1].thing == "enhancement":
            return self.terms["walled"]  # "contrast taking border"
        if part == "margin" and word.term is None:  # "no demarcation from the gland"
            qualified = any(each.has("modifier", "well") or each.has("modifier", "ill") for each in qualities)
            lacking = DENIED in self.marks[at] and not qualified and not self.owners.is_placed(at)
            return self.terms["well-defined"] if lacking else None
        if part == "interior" and word.term is None and any(each.has("modifier", "watery") for each in qualities):
            return self.terms["cystic"]
        if word.term is not None and word.term.name == "solid" and self.owners.is_possessed(at):
            return None  # "cystic with solid nodules"
        if part == "scar" and is_central(self.words, at, self.owners.is_modifier):
            return self.terms.get("central scar", word.term)
        if word.norm.split(" ")[-1] == "nodule" and self._is_mural(at):
            return self.terms.get("mural nodule")
        if part in BASE_TERMS:
            term = word.term or self.terms[BASE_TERMS[part]]
            if any(quality.has("modifier", "invisible") for quality in qualities):
                self.inverted.add(at)
            ringed = part == "calcification" and any(each in word.norm for each in ("rim", "shell"))  # of no grains
            for quality, name in ({} if ringed else grammar()["refine"].get(term.name, {})).items():
                if any(each.has("modifier", quality) for each in qualities):
                    return self.terms[name]
            return term
        return word.term

    def _is_mural(self, at: int) -> bool:
        cystic = any(meanings.content_of(word) == "cystic" for word in self.words[:at])
        held = cystic and self.owners.is_possessed(at) and not self.owners.is_of_organ(at)
        return held or rises_from_wall(self.words, at)  # "a cyst with a nodule"

    def _enhancement(self, at: int, word: Word, qualities: Sequence[Word]) -> Term | None:
        """What an enhancement says: of a wall, of the density, or nothing that is modelled."""
        said = {value for quality in qualities for value in quality.roles.get("modifier", ())}
        said |= {"peripheral" for quality in qualities if quality.thing in ("wall", "margin")}
        if any(before.has("unexpressed", "shape") for before in self.words[max(0, at - 2) : at]):
            said.discard("peripheral")  # "peripheral wedge-shaped hyperenhancement"
        if at + 1 < len(self.words) and self.words[at + 1].norm == "++":
            said.add("strong")
        terms = self.terms
        if any(quality.thing == LESION and quality.norm == "nodule" for quality in qualities):
            return terms.get("peripheral nodular enhancement") if "peripheral" in said else None
        if "late" in said:
            return None
        arterial = word.term is not None and "density" in word.term.kinds
        if word.term is not None and word.term.name != "walled" and not (arterial and "peripheral" in said):
            return word.term
        if "peripheral" in said or word.term is not None:
            return terms["thick-walled" if "thick" in said else "thin-walled" if "thin" in said else "walled"]
        if "strong" in said or any(density_of(quality) == "arterial" for quality in qualities):
            return terms["arterial enhancement"]
        if "low" in said and "mild" not in said:
            return terms["hypoattenuating"]
        if DENIED in self.marks[at] and not said:
            self.inverted.add(at)
            return terms["non-enhancing"]
        return None
