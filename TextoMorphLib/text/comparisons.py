"""Comparisons: "less dense than the liver", "attenuation is similar", "better defined"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.moments import THEN
from TextoMorphLib.text.vocabulary import Term

# What a comparison makes of what is compared; what is not there says nothing certain ("less heterogeneous").
_COMPARED = {
    ("up", "hyper"): "hyperattenuating",
    ("up", "hypo"): "hypoattenuating",
    ("up", "iso"): "isoattenuating",
    ("up", "arterial"): "arterial enhancement",
    ("up", "well"): "well-defined",
    ("up", "ill"): "ill-defined",
    ("up", "homogeneous"): "homogeneous",
    ("up", "heterogeneous"): "heterogeneous",
    ("down", "hyper"): "hypoattenuating",
    ("down", "hypo"): "hypoattenuating",
    ("down", "arterial"): "hypoattenuating",
    ("down", "well"): "ill-defined",
    ("down", "homogeneous"): "heterogeneous",
    ("equal", "hyper"): "isoattenuating",
    ("equal", "hypo"): "hypoattenuating",
    ("equal", "iso"): "isoattenuating",
    ("equal", "arterial"): "isoattenuating",
}
_DIMENSIONS = {"density": "hyper", "margin": "well", "enhancement": "arterial"}
_SHARP = ("clear", "regular", "precize", "crisp", "distinct", "definite", "neat", "clean")
_MARKS = (",", ".", ";", ":", "(", ")", "|", "-", "\u2013", "\u2014", "+", "\n")
_COMPARATIVES = ("darker", "brighter", "denser", "lighter", "whiter")
_FARTHEST = 7  # words between a quality and the comparison that follows it


def compared(sentence: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with each comparison as one word: the term that it comes to."""
    words = _without_organs(sentence, terms)
    at = 0
    while at < len(words):
        if words[at].norm == "equivalent" and at and _is_substance(words[at - 1]):
            words[at] = replace(words[at], roles={"heard": frozenset({"compared with something else"})})
        if words[at].has("compare", "up") and _is_change(words, at):
            words[at] = replace(words[at], roles={"heard": frozenset({"a change, not a look"})})
        if words[at].has("compare") and words[at].term is None:
            place = None if _is_directed(words, at) else _after(words, at)
            if place is None:
                place = _beyond(words, at)
            if place is None and _equals_organ(words, at):
                place = (at, at, "hyper")
            if place is None and (found := _before(words, at)):
                place = (at, *found[1:])
                if not _has_own_look(words[found[0]]):
                    words[found[0]] = replace(words[found[0]], term=None)
            if place:
                first, last, pole = place
                name = next((_COMPARED.get((way, pole)) for way in sorted(words[at].roles["compare"])), None)
                merged = _joined(words[first : last + 1], terms.get(name or ""), pole)
                words[first : last + 1] = [
                    replace(merged, predicate=first == at and last <= at + 1 and not merged.noun)
                ]
                at = first
                if pole == "hypo" and name == "hypoattenuating" and _is_lighter(words, at):
                    words[at] = replace(words[at], term=terms["hyperattenuating"])
                elif pole == "hypo" and name == "hypoattenuating" and _is_as_dark(words, at):
                    words[at] = replace(words[at], term=terms["isoattenuating"])
        at += 1
    return words


def _without_organs(sentence: Sequence[Word], terms: Mapping[str, Term]) -> list[Word]:
    """The sentence with the lack of what the organ has as one word: "lacking the brightness of the pancreas"."""
    words = list(sentence)
    for at, word in enumerate(words):
        if not word.has("negation", "before"):
            continue
        named = next((i for i in range(at + 1, min(at + 4, len(words))) if words[i].thing in _DIMENSIONS), None)
        if named is None or words[named].term is not None or words[named + 1 : named + 2] == []:
            continue
        following = [each for each in words[named + 2 : named + 5] if not each.has("word", "det")]
        organ = next((i for i in range(named + 2, min(named + 6, len(words))) if words[i].thing == "organ"), None)
        if words[named + 1].norm == "of" and organ is not None and any(each.thing == "organ" for each in following):
            term = terms["hypoattenuating"]
            lack = replace(_joined(words[at : organ + 1], term, "hyper"), noun=False, roles={}, predicate=True)
            return [*words[:at], lack, *words[organ + 1 :]]
    return words


def _joined(words: Sequence[Word], term: Term | None, pole: str) -> Word:
    noun = words[-1].noun or words[-1].thing in ("density", "enhancement")
    return Word(
        norm=" ".join(word.norm for word in words),
        start=words[0].start,
        end=words[-1].end,
        roles={
            "compared": frozenset({pole}),
            **({"thing": frozenset({"density"})} if noun else {}),
            **({} if term else {"heard": frozenset({"a comparison that says nothing certain"})}),
        },
        term=term,
        noun=noun,
    )


def _pole_at(words: Sequence[Word], at: int) -> str:
    """Which end of which scale the word there names; a strength that of the enhancement that was named before."""
    strong = words[at].has("modifier", "strong") and (words[at].term is None or _degree(words[at]))
    if strong and any(word.thing == "enhancement" or word.norm.endswith("enhancing") for word in words[:at]):
        return "arterial"  # "the enhancement is not as | strong"
    return _pole(words[at])


def _pole(word: Word) -> str:
    """Which end of which scale a word names: "dense" the dense end of density; empty for other words."""
    for dimension, pole in _DIMENSIONS.items():
        if word.has("dimension", dimension):
            return pole
    if word.term is None and word.norm in _SHARP:
        return "well"  # "less clear than before"
    if word.thing in ("density", "enhancement") and word.term is None:
        return _DIMENSIONS[word.thing]
    if word.term is not None and not word.has("compared"):
        sets = word.term.kinds
        if word.term.name == "enhancing mass":
            return "arterial"
        for kind in ("density", "margin", "texture"):
            if set(sets) == {kind} and word.thing in ("", "density", "texture", "enhancement"):
                return str(sets[kind])
    return ""


def _after(words: Sequence[Word], at: int) -> tuple[int, int, str] | None:
    """What is compared where it follows: "less [clearly] defined", "lower [in] attenuation"."""
    for index in range(at + 1, min(at + 5, len(words))):
        word = words[index]
        if pole := _pole_at(words, index):
            if words[at].norm == "as" and not (index + 1 < len(words) and words[index + 1].norm == "as"):
                return None
            # "Better" and "less" go with "well-defined" as with "defined".
            return at, index, pole
        equal = words[at].has("compare", "equal") and word.thing == "organ"  # "equals the liver in attenuation"
        if not (
            equal or word.has("word", "adverb") or word.has("word", "det") or word.norm in ("in", "of") or _degree(word)
        ):
            return None
    return None


def _is_lighter(words: Sequence[Word], at: int) -> bool:
    """Whether something is said to be less dark than the organ, and so brighter: "less lucent than liver"."""
    other = reference(words, at) if words[at].norm.startswith("less") else None
    return other is not None and other.thing == "organ"


def _is_as_dark(words: Sequence[Word], at: int) -> bool:
    """Whether something is said to be as dark as the organ, and so no darker: "the same gray as the liver"."""
    other = reference(words, at) if words[at].norm.split(" ")[0] in ("same", "as", "equally") else None
    if other is None and words[at].norm == "same gray":
        return True
    return other is not None and other.thing == "organ"


def _is_change(words: Sequence[Word], at: int) -> bool:
    """Whether something is said to become more in numbers: "enhancement increased from 32 to 98 HU"."""
    after = words[at + 1 : at + 3]
    return len(after) == 2 and after[0].norm in ("from", "by") and after[1].norm[:1].isdigit()


def _is_substance(word: Word) -> bool:
    """What a density can be equivalent to beside the organ's: "of blood-equivalent density"."""
    return word.norm in ("blood", "fat", "muscle", "air", "bone", "soft tissue", "metal", "calcium")


def _is_directed(words: Sequence[Word], at: int) -> bool:
    """Whether a density is "inferior to" another; a lesion that is inferior to a vein lies below it."""
    return words[at].norm in ("inferior to", "superior to")


def _equals_organ(words: Sequence[Word], at: int) -> bool:
    """Whether a lesion is like the organ in an image, which means its density: "equal to pancreas on venous"."""
    following = [word for word in words[at + 1 : at + 4] if not word.has("word", "det")]
    like = words[at].norm in ("equal", "identical", "same") and len(following) > 1 and following[0].norm in ("to", "as")
    before = any(word.thing in ("texture", "enhancement", "density", "margin", "size") for word in words[:at])
    return like and following[1].thing == "organ" and not before


def _in_brackets(words: Sequence[Word], at: int) -> bool:
    opened = [i for i in range(at) if words[i].norm == "("]
    return bool(opened) and not any(words[i].norm == ")" for i in range(opened[-1], at))


def _beyond(words: Sequence[Word], at: int) -> tuple[int, int, str] | None:
    """What is compared where it follows the reference: "lower | than liver in attenuation"."""
    beside = words[at].norm in ("above", "below") and at + 1 < len(words) and words[at + 1].thing == "organ"
    equal = words[at].has("compare", "equal") and at + 1 < len(words)
    beside = beside or (equal and words[at + 1].norm in ("from", "to", "with"))  # "not different from liver in density"
    if at + 1 >= len(words) or not (words[at + 1].has("reference", "than") or beside):
        return None
    for index in range(at + 1, min(at + 8, len(words))):
        if words[index].thing == "density" and words[index - 1].norm in ("in", "of") and not words[index].term:
            return at, at, "hyper"
        if words[index].norm in _MARKS or words[index].has("word", "verb"):
            return None
    return None


def _has_own_look(word: Word) -> bool:
    """Whether what is compared is an enhancement or density that is even or uneven besides."""
    return word.thing in ("density", "enhancement") and word.term is not None and word.term.kinds.keys() == {"texture"}


def _degree(word: Word) -> bool:
    return word.term is not None and "degree" in word.term.kinds


def _before(words: Sequence[Word], at: int) -> tuple[int, int, str] | None:
    """What is compared where it comes first: "attenuation [is] lower", "enhances [to a] lesser degree".

    Returns:
        The word that is compared, the last word of the comparison, and the pole.
    """
    if words[at].norm == "as":
        return None
    for index in range(at - 1, max(at - 2 - _FARTHEST, -1), -1):
        word = words[index]
        than = at + 1 < len(words) and words[at + 1].norm == "than"
        if index == at - 1 and word.norm in (":", "-", "=", "\u2013"):
            continue  # "Attenuation: decreased"
        if than and word.norm == "," and _only_degrees(words[index + 1 : at]):
            continue  # "density even, slightly higher than the kidney"
        if word.norm in ("(", ")", "vs", "versus") or word.norm == "otherwize" or _in_brackets(words, index):
            continue
        if word.norm in _MARKS or word.has("word", "but") or (word.has("word", "and") and not than):
            return None
        pole = _DIMENSIONS[word.thing] if _has_own_look(word) else _pole(word)
        if _is_directed(words, at) and not pole and not (word.has("word", "verb") or word.has("word", "adverb")):
            return None
        if pole and (
            word.thing in ("density", "enhancement") or pole == "arterial" or word.norm.startswith("attenuat")
        ):
            last = at + 1 if at + 1 < len(words) and words[at + 1].norm in ("degree", "extent", "amount") else at
            return index, last, pole
    return None


def _only_degrees(words: Sequence[Word]) -> bool:
    return all(_degree(word) or word.has("word", "adverb") for word in words)


# --- With what something is compared ---


def reference(words: Sequence[Word], at: int) -> Word | None:
    """With what the density at a word is compared: the first thing or time after "than", "relative to" or "to"."""
    index = at + 1
    while index < len(words) and (words[index].has("word", "adverb") or words[index].norm in ("values", "value")):
        index += 1
    if index < len(words) and words[at].norm.endswith((" inferior to", " superior to")):
        index -= 1
    if index >= len(words):
        return None
    firm = index == at or words[index].has("reference", "than")
    loose = words[index].has("reference", "loose") and (words[index].norm in ("to", "as") or words[at].has("compared"))
    if not (firm or loose) or (index > at and words[index].norm in ("in", "of", "with") and not firm):
        return None
    for place, word in enumerate(words[index + 1 : index + 8], start=index + 1):
        and_organ = place + 2 < len(words) and words[place + 1].has("word", "and") and words[place + 2].thing == "organ"
        if word.thing == "other" and and_organ:
            return words[place + 2]  # "than spleen and liver"
        if not word.thing and place + 1 < len(words) and words[place + 1].thing == "organ":
            continue  # "than the fatty | parenchyma"
        if word.norm in _MARKS or any(word.has("word", each) for each in ("verb", "but", "and")):
            return None
        if (
            word.norm == "fluid"
            or (word.has("report") and words[at].has("compared"))
            or word.has("time")
            or word.has("past")
            or word.thing
            or word.has("other")
            or word.has("unexpressed")
        ):
            return word
    return None


def reference_before(words: Sequence[Word], at: int) -> Word | None:
    """With what a whole clause is compared that begins so: "Relative to muscle: hyperdense"."""
    start = next((i for i in range(at - 1, -1, -1) if words[i].has("reference", "than") or _to_prior(words[i])), None)
    if start is None or (start and not (words[start - 1].norm in (",", ";") or words[start - 1].has("word", "and"))):
        return None
    more = "hypo" in words[at].norm or "hyper" in words[at].norm  # "more hypodense" than before is hypodense
    earlier = (words[at].has("compared") and not more) or words[at].norm in _COMPARATIVES
    for word in words[start : start + 5]:
        if earlier and _to_prior(word):
            return word
        if word.thing in ("other", "organ") or (earlier and (word.has("time") or word.norm == THEN)):
            return word  # "compared with the prior CT, it is | less dense"
    return None


def _to_prior(word: Word) -> bool:
    return word.has("past", "pseudo") and word.norm.startswith("compared")


_EXTREMES = {
    "hypo": ("bile", "water", "fluid", "urine", "fat", "cyst", "gallbladder"),
    "hyper": ("aorta", "vessel", "artery", "bone", "pool", "cava"),
    "arterial": ("aorta", "vessel", "artery", "pool"),
}


def with_other(word: Word, other: Word, terms: Mapping[str, Term]) -> Word:
    """What a density says that is held against something else than the organ: "close to water", or nothing."""
    if word.term is terms["isoattenuating"] and other.norm in ("water", "fluid", "simple fluid"):
        return replace(word, term=terms["cystic"])
    density = word.term.kinds.get("density") if word.term is not None else ""
    if other.norm.split(" ")[-1] in _EXTREMES.get(density or "", ()):
        return word  # "as dark as bile" is darker than any organ
    return replace(word, term=None, roles={**word.roles, "heard": frozenset({"compared with something else"})})


_TURNED = {
    "hypo": "hyperattenuating",
    "hyper": "hypoattenuating",
    "arterial": "hypoattenuating",
    "iso": "isoattenuating",
}


def turned_round(words: Sequence[Word], at: int) -> str:
    """The lesion's density where the organ's is held against it: "the liver is | denser than | it"; or nothing."""
    word = words[at]
    density = word.term.kinds.get("density", "") if word.term is not None else ""
    other = reference(words, at) if density in _TURNED else None
    return _TURNED[density] if other is not None and other.thing == "lesion" else ""
