"""What the words around a part tell of it: that it is only a place, made of something else, or in the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.vocabulary import Mention

_ENDS = (".", ",", ";", ":", "\n", "(", ")")
_MANNERS = ("fashion", "manner", "way", "pattern")


def manner(words: Sequence[Word], at: int) -> range:
    """The words of how something enhances: "does not enhance | in a rim-like fashion"; empty if none follow."""
    end = next((i for i in range(at + 1, min(at + 7, len(words))) if words[i].norm in _MANNERS), 0)
    return range(at + 1, end) if end and words[at + 1].norm in ("in", "with") else range(0)


def is_septal(words: Sequence[Word], at: int) -> bool:
    """Whether calcium is said to be in septa, so that there are some."""
    return at > 0 and words[at - 1].norm == "septal"


def is_one_chamber(words: Sequence[Word], at: int) -> bool:
    """Whether a cyst has a single chamber, which is no septum: "one-chambered", "a single locule"."""
    chamber = any(root in words[at].norm for root in ("chamber", "locul", "compartment"))
    return chamber and at > 0 and words[at - 1].norm in ("one", "single", "solitary", "sole", "1")


def is_sediment(words: Sequence[Word], at: int) -> bool:
    """Whether a density is only of what lies at the bottom: "dense | material layers dependently"."""
    held = any(word.thing == "interior" for word in words[at + 1 : at + 3])
    return held and any(word.norm in ("layer", "layering", "dependent", "dependently") for word in words[at:])


def is_site(words: Sequence[Word], at: int) -> bool:
    """Whether a wall only says where calcium is: "calcification of | wall"; one with an article is there."""
    start = at if at and words[at - 1].norm not in ("the", "its") else 0
    while start and words[start - 1].has("word", "det"):
        start -= 1
    within = start > 1 and words[start - 1].norm in ("in", "of", "within", "along")
    answer = [word.norm for word in words[max(0, at - 3) : at]]  # "Calcification: yes, | wall"
    listed = answer in ([":", "yes", ","], [":", "present", ","]) and (
        at + 1 == len(words) or words[at + 1].norm in ",;."
    )
    return (within and words[start - 2].thing == "calcification") or (listed and words[at - 4].thing == "calcification")


_RISES = ("sit", "sitting", "arise", "arising", "project", "projecting", "protrude", "protruding", "lie", "lying",
    "rise", "rising", "seen", "located", "is", "are", "attached", "arising from", "arise from")  # fmt: skip


def rises_from_wall(words: Sequence[Word], at: int) -> bool:
    """Whether a nodule is said to be on a wall or a septum: "a nodule | sits on the inner wall"."""
    rest = [
        word
        for word in words[at + 1 : at + 7]
        if word.norm not in ("is", "are", "inner") and not word.has("word", "det")
    ]
    placed = [word.norm for word in rest[:2] if word.norm in _RISES or word.norm in ("on", "from", "along", "to", "at")]
    named = rest[len(placed) : len(placed) + 1]
    return bool(placed) and any(word.thing in ("wall", "septum") for word in named)


def is_cavity(words: Sequence[Word], said: Sequence[Mention]) -> bool:
    """Whether fluid in the middle fills all that a wall is around: "a rim around a fluid centre", "an abscess"."""
    kinds = [(word, word.term.kinds if word.term is not None else {}) for word in words]
    filled = any(word.thing == "lesion" and of.get("content") == "cystic" for word, of in kinds)
    named = filled or any(word.thing == "wall" or "wall" in of for word, of in kinds)
    return named or any(map(_is_walled, said))


def _is_walled(mention: Mention) -> bool:
    """Whether a mention says that there is a wall, or a lesion of fluid, which has one."""
    kinds = mention.term.kinds
    return not mention.negated and (kinds.get("wall") == "walled" or kinds.get("content") == "cystic")


def is_of_something(words: Sequence[Word], at: int) -> bool:
    """Whether a rim is one of calcium or fat rather than a wall."""
    following = words[at + 1 : at + 3]
    if len(following) < 2 or following[0].norm != "of":
        return False
    return following[1].thing == "calcification" or following[1].has("unexpressed")


def is_central(words: Sequence[Word], at: int, is_modifier: Callable[[int], bool]) -> bool:
    """Whether a scar is in the middle: "a central calcified scar", "a scar centrally"."""
    start = at
    while start and is_modifier(start - 1):
        start -= 1
    near = [*words[start:at], *words[at + 1 : at + 2]]
    place = [word for word in words[at + 1 : at + 4] if not word.has("word", "det")]
    placed = len(place) > 1 and place[0].norm in ("in", "at") and place[1].thing == "centre"
    return placed or any(
        word.norm in ("central", "centrally", "stellate", "star") or "central" in word.norm.split() for word in near
    )


def is_arterial(words: Sequence[Word], at: int) -> bool:
    """Whether something is bright in the arterial phase: "bright on arterial"."""
    named = at + 1 < len(words) and words[at + 1].thing == "lesion"  # "a bright | nodule | on arterial phase"
    return _on(words, at + named, ("arterial", "arterial phase", "late arterial", "early arterial"))


def enhances_early(words: Sequence[Word], at: int) -> bool:
    """Whether a lesion is said to take contrast early: "enhances | at once in the arterial phase", "tumour, | avid"."""
    if words[at].norm == "avid" and not words[at].joined and words[at - 1 : at] and not words[at - 1].has("past"):
        following = words[at + 1 : at + 2]
        return not following or following[0].norm in (*_ENDS, "in", "on", "and", "with")
    if words[at].norm not in ("enhance", "enhancing"):
        return False
    for word in words[at + 1 : at + 9]:
        if word.norm in ("arterial", "arterial phase", "late arterial", "early arterial"):
            return True
        look = (
            word.term is not None or word.has("compare") or word.has("negation") or word.has("modifier", "peripheral")
        )
        if look or word.thing or word.has("modifier", "low") or word.norm in (",", ".", ";", ":", "("):
            return False
    return False


def _on(words: Sequence[Word], at: int, places: Sequence[str]) -> bool:
    following = words[at + 1 : at + 5]
    if not following or following[0].norm not in ("on", "in"):
        return False
    said = next((word for word in following[1:] if not word.has("word", "det") and not word.has("past")), None)
    return said is not None and said.norm in places
