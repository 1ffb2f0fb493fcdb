"""Which of several lesions is drawn where plain cysts or scars come first: the mass, for that a report is about.

"Simple cysts in the left kidney. In the right kidney a 5 cm mass": the cysts are the other lesions here, though the
text begins with them, and so is a calcified granuloma. They are plain as long as nothing but fluid, or of a granuloma
calcium, is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.meanings import content_of
from TextoMorphLib.text.places import at_two_places
from TextoMorphLib.text.vocabulary import Mention

ANOTHER = "said of another lesion"
_MASSES = frozenset(
    (
        "mass", "tumor", "carcinoma", "neoplasm", "malignancy", "metastasis", "rcc", "hcc", "pdac", "pnet", "net",
        "adenocarcinoma", "cholangiocarcinoma", "angiomyolipoma", "aml", "oncocytoma", "adenoma", "lesion",
    )
)  # fmt: skip
_SCARS = ("granuloma", "granulomata", "granulomas")
_OF_SCARS = {"calcification", "calcium_grain"}
_LESSER = ("nodule", "granuloma", "hemangioma", "calcified granuloma")
_PLURAL = ("cysts", "microcysts")
_SIDES = ("right", "left")
_SMALL = ("small", "tiny", "subcentimeter", "minute")
_LOOKS = ("wall", "septum", "calcification", "nodule")  # that plain cysts have not
_PLAIN = {
    "content": ("cystic",),
    "density": ("hypo",),
    "texture": ("homogeneous",),
    "margin": ("well",),
    "wall": ("none",),
    "septa": ("none",),
    "fluid": ("plain",),
}


class Cysts:
    """Tells, sentence by sentence, whether the cysts that a text began with give way to a mass."""

    def __init__(self) -> None:
        self.several, self.side, self.scar = False, "", False

    def give_way(self, words: Sequence[Word], mentions: Sequence[Mention], text: str, moved: bool) -> bool:
        """Whether a sentence names the mass that the text is about, so that what was said before is not of it.

        Args:
            words: The sentence.
            mentions: What was said before.
            text: Of which they are words.
            moved: Whether the sentence is about a lesion at another place.
        """
        said = (mention for mention in mentions if mention.term.about == "lesion")
        first = next(said, None)
        sides = [word.norm for word in words if word.norm in _SIDES]
        other = moved or (bool(self.side and sides) and self.side not in sides)
        if first and (self.several or other) and _brings_mass(words, text) and _are_plain([first, *said], self.scar):
            self.several, self.side, self.scar = False, "", False
            return True
        if first is None:
            self.several = _are_cysts(words, text)
            self.scar = any(word.norm.split(" ")[-1] in _SCARS for word in words)
            self.side = sides[0] if sides else self.side
        return False


def _are_plain(said: Iterable[Mention], scar: bool) -> bool:
    """Whether nothing but the fluid of cysts was said, or of a scar its calcium."""
    if scar:
        return all(mention.negated or mention.term.kinds.keys() <= _OF_SCARS for mention in said)
    looks = [(kind, value, each.negated) for each in said for kind, value in each.term.kinds.items()]
    fluid = ("content", "cystic", False) in looks
    return fluid and all(value in _PLAIN.get(kind, ()) or negated for kind, value, negated in looks)


def _are_cysts(words: Sequence[Word], text: str) -> bool:
    """Whether a sentence names several cysts, and no lesion that is none."""
    named = [word for word in words if word.thing == "lesion"]
    cysts = all(content_of(word) == "cystic" for word in named)
    return bool(named) and cysts and any(_is_several(word, text) for word in named)


def _brings_mass(words: Sequence[Word], text: str) -> bool:
    """Whether a sentence names a mass that was not spoken of before: "a mass", but neither "the mass" nor "no mass"."""
    at = next((i for i, word in enumerate(words) if _is_mass(word, text)), None)
    if at is None or any(content_of(word) == "cystic" for word in words):
        return False
    small = any(word.norm in _SMALL for word in words)
    known = small or any(word.norm in ("the", "this", "these", "both") for word in words[_opening(words, at) : at])
    return not known and not any(word.has("negation") or word.has("hedge", "open_before") for word in words[:at])


def lesser(words: Sequence[Word], text: str) -> range:
    """The cysts that a sentence names beside a mass: "| several cysts right | and a mass", "a mass and | a cyst"."""
    return _after_mass(words, text) or _before_mass(words, text)


def _after_mass(words: Sequence[Word], text: str) -> range:
    mass = next((i for i, word in enumerate(words) if _is_mass(word, text)), len(words))
    for at in range(mass + 1, len(words)):
        if words[at].thing == "lesion" and (content_of(words[at]) == "cystic" or words[at].norm in _LESSER):
            start = _opening(words, at)
            counted = any(word.norm in ("a", "an", "two", "three", "several", "multiple") for word in words[start:at])
            joined = start > mass and words[start - 1].has("word", "and")
            held = any(word.has("word", "with") or word.has("word", "verb") for word in words[mass:at])
            return range(start, len(words)) if counted and joined and not held else range(0)
    return range(0)


def _before_mass(words: Sequence[Word], text: str) -> range:
    mass = next((i for i, word in enumerate(words) if _is_mass(word, text)), 0)
    cysts = [i for i in range(mass) if content_of(words[i]) == "cystic" and words[i].thing == "lesion"]
    before = [word for word in words[:mass] if word.thing in _LOOKS or (word.thing == "lesion" and word.term is None)]
    if not cysts or before:
        return range(0)
    start = _opening(words, mass)
    sides = {word.norm for word in words if word.norm in _SIDES}
    other = len(sides) > 1 or at_two_places(words) or all(_is_several(words[i], text) for i in cysts)
    joint = words[start - 1] if start else None
    apart = joint is not None and (joint.norm in (",", ";") or joint.has("word", "and"))
    while start and not apart and cysts[-1] < start - 1 and sides:
        start -= 1  # "and | in the left kidney a mass"
        apart = words[start - 1].norm in (",", ";") or words[start - 1].has("word", "and")
    held = any(words[i - 1].has("word", "with") for i in range(1, cysts[0] + 1)) and not sides
    articles = [word.norm for word in words[start:mass] if word.has("word", "det")]
    fresh = not articles or articles[-1] not in ("the", "this", "these")
    return range(start - 1) if other and apart and fresh and not held and cysts[-1] < start - 1 else range(0)


def _is_several(word: Word, text: str) -> bool:
    return text[word.start : word.end].lower().endswith(_PLURAL)


def _is_mass(word: Word, text: str) -> bool:
    """Whether a word names one lesion that is no cyst: of several, which may be cysts, too, none is the main one."""
    last = word.norm.split(" ")[-1]
    one = not text[word.start : word.end].lower().endswith(("masses", "mours", "mors", "mas", "ses", "sms", "ions"))
    return word.thing == "lesion" and content_of(word) != "cystic" and last in _MASSES and one


def _opening(words: Sequence[Word], at: int) -> int:
    """Where the words before a noun begin that belong to it."""
    while at and not (
        words[at - 1].norm in (",", ";", ":", ".", "\n")
        or words[at - 1].has("word", "and")
        or words[at - 1].has("word", "prep")
        or words[at - 1].has("word", "verb")
        or words[at - 1].has("word", "with")
        or words[at - 1].thing
    ):
        at -= 1
    return at
