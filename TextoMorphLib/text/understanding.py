"""What a text says of a lesion, by which words and how surely; what it says besides, and what is not understood.

Sentences become words with roles (`lexicon`), comparisons one word each (`comparisons`), every word gets an owner
(`ownership`), what is denied, doubted or past is marked (`negation`), and what is left claims something of the lesion
(`claims`). Nothing is guessed: what no word says stays at its default.

Doubt has a policy. "marked", which is the default: what is possible, probable or suspected counts as said, and is
marked; what only "cannot be excluded", or is to be ruled out, does not count. "said": that counts, too. "ignored":
nothing counts that is in doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import plausibility
from TextoMorphLib.text.concepts import Description
from TextoMorphLib.text.heard import Heard
from TextoMorphLib.text.languages import other_language
from TextoMorphLib.text.lexicon import lexicon
from TextoMorphLib.text.meant import NOT_MEANT, of_others
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.plain import plain
from TextoMorphLib.text.quantities import Quantities, quantities
from TextoMorphLib.text.reader import HEDGES, IGNORED, MARKED, SAID, STONE, Reader
from TextoMorphLib.text.vocabulary import Mention, contradictions, describe

__all__ = (
    "HEDGES", "IGNORED", "MARKED", "MOST_CHARACTERS", "SAID", "STONE", "Understanding", "check_hedges", "check_text",
    "find", "understand",
)  # fmt: skip

_TITLE = re.compile(r"[^\W\d_][\w /,&()-]*:")
MOST_CHARACTERS = 50_000  # of a text that are read, in windows: 25 pages
# Hounsfield units that are darker than any of the organs, and no fat: a lesion of so many is hypoattenuating.
DARK_HU = (-20.0, 30.0)
SAID_FAT_HU = (-150.0, -30.0)
DENSE_NATIVE_HU = 70.0  # without contrast medium: above any of the organs, and what Bosniak's classes call hyperdense


@dataclass(frozen=True)
class Understanding:
    """What is understood of a text.

    Attributes:
        text: The text, its letters as they are meant (`plain`): places count in it.
        organ: Whose lesion it is about; None for any.
        mentions: What is said of the lesion, by terms: asserted or denied, stated or possible; with their places.
        heard: What is said besides and has no effect: of other things, the past, in doubt, or of what the model has no
            attribute for.
        unknown: Places (start, end) of words that are not understood.
        numbers: Sizes, HU, segments, counts.
        read: Characters that were read; fewer than the text has if it is too long.
        denies_lesion: It says that there is no lesion.
        elsewhere: The other organ that it describes a lesion of, or other thing that it speaks of, where it describes
            nothing of this one; empty if not.
        lesions: Places of words that name the lesion.
        hedges: What doubt counted for: one of `HEDGES`.
    """

    text: str
    organ: str | None
    mentions: tuple[Mention, ...]
    heard: tuple[Heard, ...] = ()
    unknown: tuple[tuple[int, int], ...] = ()
    numbers: Quantities = field(default_factory=Quantities)
    read: int = 0
    denies_lesion: bool = False
    elsewhere: str = ""
    lesions: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    hedges: str = MARKED

    @cached_property
    def description(self) -> Description:
        """Values of the kinds of which something is said; a kind left out is at its default."""
        said = describe(self.mentions)
        if said.get("density") in ("iso", "arterial", "default"):
            said.pop("degree", None)  # "strongly enhancing, isodense later": no degree of a density
        hu = self.numbers.hu
        around = self.numbers.organ_hu
        if hu is not None and SAID_FAT_HU[0] <= hu <= SAID_FAT_HU[1]:
            said.setdefault("fat", "present")
        unsaid = all(m.term.weak or m.negated for m in self.mentions if "density" in m.term.kinds)  # "non-enhancing"
        if hu is not None and self.numbers.native and hu >= DENSE_NATIVE_HU and unsaid:
            said["density"] = "hyper"
        if hu is not None and "density" not in said and said.get("content", "solid") == "solid":
            if around is not None and abs(hu - around) > plausibility.OTHER_HU:
                said["density"] = "hypo" if hu < around else "hyper"
            elif DARK_HU[0] <= hu <= DARK_HU[1]:
                said["density"] = "hypo"
        return said

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """The words that are not understood, each once."""
        return tuple(dict.fromkeys(self.text[start:end] for start, end in self.unknown))

    @property
    def contradictions(self) -> list[tuple[Mention, Mention]]:
        """Mentions that cannot both hold; of these the later counts."""
        return contradictions(self.mentions)

    def words(self, said: Mention | Heard) -> str:
        """The words of the text by which something is said."""
        return " ".join(self.text[said.start : said.end].split())

    def lines(self) -> list[str]:
        """What is understood, in short lines for the user."""
        said = [m.name if m.certainty == "stated" else f"{m.name} ({m.certainty})" for m in self.mentions]
        found = [f"understood: {', '.join(dict.fromkeys(said))}" if said else "understood: nothing of a lesion's look"]
        without = dict.fromkeys(f"'{self.words(heard)}' ({heard.why})" for heard in self.heard)
        if without:
            found.append(f"without effect: {', '.join(without)}")
        if self.unknown:
            found.append(f"not understood: {', '.join(self.unknown_words)}")
        return found

    def warnings(self) -> list[str]:
        """What the user should know before the lesion is drawn."""
        found = []
        if self.read < len(self.text):
            found.append(f"the text is long: only its first {self.read:,} of {len(self.text):,} characters were read")
        found += plausibility.told(self)
        if self.elsewhere:
            found.append(f"the text speaks of the {self.elsewhere}, the lesion goes into the {self.organ}")
        if not (self.mentions or self.description):
            found.append("nothing in the text says what the lesion looks like: it gets the default look")
        return found

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {
            "description": self.description,
            "said": [
                {
                    "term": m.term.name,
                    "denied": m.negated,
                    "certainty": m.certainty,
                    "words": self.words(m),
                    "start": m.start,
                    "end": m.end,
                }
                for m in self.mentions
            ],
            "without_effect": [
                {"what": h.what, "why": h.why, "words": self.words(h), "start": h.start, "end": h.end}
                for h in self.heard
            ],
            "not_understood": list(self.unknown_words),
            "sizes_mm": [list(size) for size in self.numbers.sizes_mm],
            "hu": self.numbers.hu,
            "hedges": self.hedges,
            "characters_read": self.read,
        }


@lru_cache(maxsize=256)
def understand(text: str, organ: str | None = None, hedges: str = MARKED) -> Understanding:
    """Understands a text; all that follows from it is the same for the same text.

    Args:
        text: Terms or sentences about one lesion; of a long one the first `MOST_CHARACTERS` are read.
        organ: liver, pancreas or kidney; None for any.
        hedges: What doubt counts for: one of `HEDGES`.

    Raises:
        InputError: Unknown organ or policy of doubt.
    """
    if organ is not None and organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}': choose {', '.join(ORGANS[:-1])} or {ORGANS[-1]}")
    check_hedges(hedges)
    text = plain(text, lexicon(organ).words)
    read = text[:MOST_CHARACTERS]
    others = of_others(read)
    for start, end in others:  # marks that end what is open, and keep places as they are
        read = f"{read[:start]}{' ' * (end - start - 1)}.{read[end:]}"
    reader = Reader(read, organ, hedges)
    reader.all()
    elsewhere = ""
    if reader.foreign and not reader.lesions and not any(each.term.about == "lesion" for each in reader.mentions):
        elsewhere, reader = reader.foreign, Reader(read, reader.foreign, hedges)
        reader.all()
    elif organ is not None and not (reader.lesions or reader.mentions or reader.denies_lesion):
        elsewhere = reader.beside
    numbers = quantities(read, reader.apart)
    reader.without_stones()
    return Understanding(
        text=text,
        organ=organ,
        mentions=tuple(sorted(reader.mentions, key=lambda mention: mention.start)),
        heard=tuple(sorted((*reader.heard, *(Heard("lesion", NOT_MEANT, *span) for span in others)), key=_place)),
        unknown=tuple(span for span in reader.unknown if not any(a <= span[0] < b for a, b in numbers.spans)),
        numbers=numbers,
        read=len(read),
        denies_lesion=reader.denies_lesion,
        elsewhere=elsewhere,
        lesions=tuple(reader.lesions),
        hedges=hedges,
    )


def _place(heard: Heard) -> int:
    return heard.start


def check_hedges(hedges: str) -> None:
    """Checks the name of a policy of doubt.

    Raises:
        InputError: There is none of that name.
    """
    if hedges not in HEDGES:
        raise InputError(f"unknown policy of doubt '{hedges}'; use one of: {', '.join(HEDGES)}")


def find(text: str, organ: str | None = None) -> list[Mention]:
    """The terms that a text uses of its lesion and of the organ around it, in their order."""
    return list(understand(text, organ).mentions)


def check_text(text: str, organ: str | None = None) -> None:
    """Refuses a text from which no lesion can be drawn.

    Raises:
        InputError: It is empty or holds titles alone, is not Unicode or not English, or says that there is no lesion.
    """
    if not text.strip():
        raise InputError("the text is empty; describe the tumour, for example 'hypoattenuating, ill-defined'")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError("the text is not valid Unicode; save it, or set the terminal, as UTF-8")
    meant = understand(text, organ)
    if language := other_language(meant.text, organ):
        raise InputError(f"the text seems to be in {language}; only English is understood, so translate it first")
    if meant.denies_lesion:
        raise InputError("the text says that there is no lesion; describe the one to draw")
    if not meant.mentions and not re.search(r"\w", _TITLE.sub("", text)):
        raise InputError("the text holds titles alone, and nothing under them; describe the tumour")
