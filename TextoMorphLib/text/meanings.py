"""What a single word or owner comes to: a density, the background, nothing."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.degrees import after_density
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.phrases import LESION, PUNCTUATION
from TextoMorphLib.text.vocabulary import Term


def said_of(owner: Owner) -> str:
    if owner.name.startswith("another"):
        return f"said of {owner.name}"
    return f"said of the {'organ' if owner.name == 'any' else owner.name.removeprefix('the ')}"


def is_solid(term: Term) -> bool:
    return term.kinds.get("content") == "solid"


def sets_nothing(term: Term) -> bool:
    return term.about == "background" or not term.kinds


def density_term(word: Word) -> bool:
    return word.term is not None and word.term.kinds.keys() == {"density"}


def density_of(word: Word) -> str:
    return word.term.kinds.get("density", "") if word.term is not None else ""


def content_of(word: Word) -> str:
    return word.term.kinds.get("content", "") if word.term is not None else ""


def before_density(words: Sequence[Word], at: int, owner: Owner) -> bool:
    """Whether a degree is one of a density: "slightly | hypodense", "hypodense (mild)", "darker by | a lot"."""
    if after_density(words, at):
        return True
    following = [word for word in words[at + 1 : at + 3] if not word.has("word", "det")]
    if 1 < at < len(words) - 1 and (words[at - 1].norm, words[at + 1].norm) == ("(", ")"):
        following = [words[at - 2]]  # "hypodense (mild)"
    of_density = bool(following) and owner.kind == "density" and not following[0].thing
    if of_density and any(following[0].has("modifier", end) for end in ("low", "high")):
        return True  # "Density: slightly low"
    return bool(following) and density_term(following[0]) and "iso" not in density_of(following[0])


def strengthens(words: Sequence[Word], at: int) -> bool:
    """Whether an adverb is joined to another's enhancement: "intensely | and heterogeneously enhancing"."""
    following = words[at + 1 : at + 3]
    joined = len(following) == 2 and following[0].has("word", "and") and following[1].norm.endswith(" enhancing")
    return joined and words[at].has("modifier", "strong")


def is_background(word: Word) -> bool:
    """Whether something is what densities are held against by default: the organ around the lesion."""
    if word.term is not None:
        return word.term.about == "background"
    return word.thing in (
        "organ",
        LESION,
        "background",
        "wall",
        "density",
        "enhancement",
        "partial",
        "texture",
        "periphery",
        "margin",
    )


def ends_item(words: Sequence[Word]) -> bool:
    """Whether what follows ends an item: nothing, a mark or a comma."""
    return not words or words[0].norm in (*PUNCTUATION, ",")


def outdone(word: Word, following: Sequence[Word]) -> str:
    """Why a word that says how much has no effect on the one after it; empty if it may: "thick | thin-walled"."""
    term = following[0].term if following else None
    if term is None or not term.kinds:
        return ""
    if word.term is not None and word.term.kinds.keys() == {"degree"}:
        return "degrees are drawn of a density alone"
    meant = term.kinds.get("wall_thickness")
    sizes = word.roles.get("modifier", frozenset()) & {"thin", "thick"}
    return "the next word says otherwise" if meant and sizes and meant not in sizes else ""


def stresses(following: Sequence[Word]) -> bool:
    """Whether "even" stands before what it stresses: "not even | a capsule"."""
    return bool(following) and any(following[0].has("word", each) for each in ("det", "prep", "with"))
