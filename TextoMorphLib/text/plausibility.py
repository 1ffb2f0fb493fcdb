"""What a text says that hardly goes together, though no two of its words say one thing differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from TextoMorphLib.text.concepts import ATTRIBUTES
from TextoMorphLib.text.vocabulary import gives_way

if TYPE_CHECKING:
    from TextoMorphLib.text.understanding import Understanding
    from TextoMorphLib.text.vocabulary import Mention

ENHANCES, WASHOUT = "arterial enhancement", "washout"  # what a lesion may do in two phases
OTHER_SIZE, OTHER_HU = 1.5, 20.0  # from which factor and difference on a text's number is another one
_SIMPLE = ("simple", "uncomplicated")
_NOT_SIMPLE = {
    "wall_thickness": ("thick",),
    "septa": ("septated",),
    "calcification": ("present",),
    "fat": ("present",),
    "gas": ("bubbles", "level"),
    "layering": ("layered",),
    "fluid": ("dense",),
    "nodule": ("mural",),
}


def told(meant: Understanding) -> list[str]:
    """What a text says that does not go together, in words."""
    found, lost = list[str](), gives_way(meant.mentions)
    for a, b in meant.contradictions:
        if {a.name, b.name} == {ENHANCES, WASHOUT}:
            continue  # two phases of one lesion: what a scan shows of them is told when it is looked at
        same = meant.words(a).lower() == meant.words(b).lower()  # "calcified", "not calcified"
        names = (a.name, b.name) if same else (meant.words(a), meant.words(b))
        found.append(
            f"the text says '{names[0]}' and '{names[1]}'; {'the later' if a.name in lost else 'the earlier'} counts"
        )
    for drawn, other in doubtful(meant):
        first, second = (drawn, other) if drawn.start < other.start else (other, drawn)
        how = f"'{meant.words(drawn)}' counts" if other.name in lost else "both are drawn, as far as that can be"
        found.append(f"'{meant.words(first)}' and '{meant.words(second)}' hardly go together: {how}")
    return found


def other_size(meant: Understanding, diameter_mm: float) -> list[str]:
    """What a text's size says otherwise than a mask's diameter (mm), in words."""
    said = meant.numbers.diameter_mm
    if said is None or diameter_mm <= 0 or 1 / OTHER_SIZE < said / diameter_mm < OTHER_SIZE:
        return []
    return [f"the text says {said:g} mm, the mask is {diameter_mm:.0f} mm across; the mask counts"]


def differences(meant: Understanding, diameters_mm: Sequence[float], means_hu: Sequence[float]) -> list[str]:
    """What a text's numbers say otherwise than the diameters (mm) and means (HU) of drawn lesions, in words."""
    said, found = meant.numbers.hu, list[str]()
    for across, mean in zip(diameters_mm, means_hu, strict=True):
        found += other_size(meant, across)
        if said is not None and abs(said - mean) > OTHER_HU:
            found.append(f"the text says {said:g} HU, the lesion has {mean:.0f} HU; words steer, numbers do not")
    return found


def doubtful(meant: Understanding) -> list[tuple[Mention, Mention]]:
    """Pairs of what a text says that hardly hold both; of these the first is drawn, whatever becomes of the second."""
    said = {mention.name: mention for mention in meant.mentions if not mention.negated}.values()
    return [(one, other) for one in said for other in said if _hardly(meant, one, other)]


def _hardly(meant: Understanding, one: Mention, other: Mention) -> bool:
    theirs = {kind: value for kind, value in other.term.kinds.items() if meant.description.get(kind) == value}
    for kind, value in one.term.kinds.items():
        dense = value == "cystic" and meant.description.get("fluid") == "dense"
        if meant.description.get(kind) != value or dense or kind not in ATTRIBUTES:
            continue
        for table in (ATTRIBUTES[kind].overrules, ATTRIBUTES[kind].unlikely):
            if any(theirs.get(name) in values for name, values in table.get(value, {}).items()):
                return True
    words = meant.words(one).lower()
    simple = words.startswith(_SIMPLE) and "cyst" in words
    return simple and any(theirs.get(name) in values for name, values in _NOT_SIMPLE.items())
