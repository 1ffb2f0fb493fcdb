"""What was done to a patient: fluid that was taken out is none of which a text says that it is there."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word

_TAKEN = (
    "aspirated", "drained", "withdrawn", "evacuated", "suctioned", "tapped", "removed", "sampled", "drawn", "obtained",
    "collected", "sent",
)  # fmt: skip
_TAKING = ("aspirated", "drained", "yielded", "yielding", "yield", "returned", "withdrew", "evacuated", "suctioned")
_ACTS = ("aspiration", "drainage", "evacuation", "removal", "puncture")
_SUBSTANCES = ("fluid", "liquid", "blood", "pus", "material", "content", "bile", "urine", "gas", "air", "debris")
_BETWEEN = ("was", "were", "has", "have", "had", "been")
_FARTHEST = 4  # words between a substance and what was done with it


def is_taken_out(words: Sequence[Word], run: Sequence[int]) -> bool:
    """Whether nouns in a row name what was taken out: "clear fluid | was aspirated", "aspiration of | turbid fluid".

    Args:
        words: The sentence.
        run: Places of the nouns.
    """
    if words[run[-1]].norm.split(" ")[-1] not in _SUBSTANCES:
        return False
    after = run[-1] + 1
    while after < len(words) and (words[after].norm in _BETWEEN or words[after].has("word", "verb")):
        after += 1
    if after < len(words) and words[after].norm in _TAKEN:
        return True
    for at in range(run[0] - 1, max(run[0] - 1 - _FARTHEST, -1), -1):
        word = words[at]
        if word.norm in _TAKING or (word.norm == "of" and at and words[at - 1].norm in _ACTS):
            return True
        listed = (
            at and words[at - 1].norm.split(" ")[-1] in _SUBSTANCES and (word.norm == "," or word.has("word", "and"))
        )
        if listed and is_taken_out(words, [at - 1]):
            return True  # "yielded fluid and | gas"
        if word.thing or any(word.has("word", role) for role in ("prep", "with", "and", "verb")) or word.norm == ",":
            return False
    return False


def taken_away(word: Word) -> bool:
    """Whether a lesion is said to be no longer there: "the | resected | metastasis was necrotic"."""
    return word.norm in ("removed", "resected", "excised", "enucleated")
