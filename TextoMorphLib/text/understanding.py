"""What a text says of a lesion, by which words and how surely; what it says besides, and what is not understood.

Sentences become words with roles (`lexicon`), comparisons one word each (`comparisons`), every word gets an owner
(`ownership`), what is denied, doubted or past is marked (`negation`), and what is left claims something of the lesion
(`claims`). Nothing is guessed: what no word says stays at its default.

Doubt has a policy. "marked", which is the default: what is possible, probable or suspected counts as said, and is
marked; what only "cannot be excluded", or is to be ruled out, does not count. "said": that counts, too. "ignored":
nothing counts that is in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import comparisons, plausibility
from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.asides import without_asides
from TextoMorphLib.text.claims import Claims
from TextoMorphLib.text.concepts import Description
from TextoMorphLib.text.degrees import understated
from TextoMorphLib.text.dictation import dictated
from TextoMorphLib.text.dominant import ANOTHER, Cysts, is_walled, lesser
from TextoMorphLib.text.growth import Growth, growths
from TextoMorphLib.text.heard import Heard
from TextoMorphLib.text.languages import other_language
from TextoMorphLib.text.lexicon import Word, grammar, lexicon
from TextoMorphLib.text.meanings import density_term, is_background
from TextoMorphLib.text.negation import DENIED, NO_SUCH, OPEN, OTHERS, PAST, POSSIBLE, scopes
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.others import Others
from TextoMorphLib.text.ownership import Ownership
from TextoMorphLib.text.phrases import LESION
from TextoMorphLib.text.plain import plain
from TextoMorphLib.text.quantities import Quantities, quantities
from TextoMorphLib.text.sentences import WINDOW, sentences, windows
from TextoMorphLib.text.spelling import corrected
from TextoMorphLib.text.stand_ins import with_names
from TextoMorphLib.text.strangers import names_lesion
from TextoMorphLib.text.tokens import Token, tokens
from TextoMorphLib.text.visibility import of_sight, sights
from TextoMorphLib.text.vocabulary import GROWS, Mention, Term, contradictions, describe

MOST_CHARACTERS = 50_000  # of a text that are read, in windows: 25 pages
SAID, MARKED, IGNORED = "said", "marked", "ignored"
HEDGES = (SAID, MARKED, IGNORED)  # what doubt counts for
STONE = "renal stone"
_TARGETS = ("target", "target lesion")
FOLLOWED = "a lesion that is measured, as RECIST has it; for rings in each other write 'target sign'"
# Hounsfield units that are darker than any of the organs, and no fat: a lesion of so many is hypoattenuating.
DARK_HU = (-20.0, 30.0)
SAID_FAT_HU = (-150.0, -30.0)


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
        elsewhere: The other organ that it describes a lesion of, where it describes none of this one; empty if not.
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
        if not self.mentions:
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
    reader = _Reader(read, organ, hedges)
    reader.all()
    elsewhere = ""
    if reader.foreign and not reader.lesions and not any(each.term.about == "lesion" for each in reader.mentions):
        elsewhere, reader = reader.foreign, _Reader(read, reader.foreign, hedges)
        reader.all()
    numbers = quantities(read, reader.apart)
    reader.without_stones()
    return Understanding(
        text=text,
        organ=organ,
        mentions=tuple(sorted(reader.mentions, key=lambda mention: mention.start)),
        heard=tuple(sorted(reader.heard, key=lambda heard: heard.start)),
        unknown=tuple(span for span in reader.unknown if not any(a <= span[0] < b for a, b in numbers.spans)),
        numbers=numbers,
        read=len(read),
        denies_lesion=reader.denies_lesion,
        elsewhere=elsewhere,
        lesions=tuple(reader.lesions),
        hedges=hedges,
    )


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
        InputError: It is empty, not Unicode or not English, or says that there is no lesion.
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


# --- One sentence ---

_NORMAL = ("normal", "unremarkable", "regular", "clear", "patent", "intact", "empty")


class _Reader:
    """Reads the sentences of a text one after the other."""

    def __init__(self, text: str, organ: str | None, hedges: str) -> None:
        self.text, self.organ, self.words, self.hedges = text, organ, lexicon(organ), hedges
        self.mentions: list[Mention] = []
        self.heard: list[Heard] = []
        self.unknown: list[tuple[int, int]] = []
        self.lesions: list[tuple[int, int]] = []
        self.foreign = ""
        self.denied_lesions = 0
        self.normal = False
        self.topic = Owner()
        self.heading = False
        self.apart: list[tuple[int, int]] = []  # sentences about something else
        self.others, self.cysts, self.named = Others(), Cysts(), False

    @property
    def denies_lesion(self) -> bool:
        """Whether lesions are denied and nothing else is said of one."""
        of_lesion = any(m.term.about == "lesion" and not m.negated for m in self.mentions)
        normal = self.normal and not self.foreign
        return not self.lesions and not of_lesion and (self.denied_lesions > 0 or normal)

    def without_stones(self) -> None:
        """A stone is what the text is about only where it names no lesion."""
        stones = [m for m in self.mentions if m.term.name == STONE]
        spans = {(stone.start, stone.end) for stone in stones}
        for stone in stones if set(self.lesions) - spans else ():
            self.mentions.remove(stone)
            self.heard.append(Heard(stone.name, "said of a stone", stone.start, stone.end))

    def all(self) -> None:
        """Read the whole text."""
        self.named = names_lesion(self.text)
        for start, end in windows(self.text, WINDOW):
            read = tokens(self.text, self.words.words, start, end)
            read = dictated(read, self.text, self.words.words, self.words.nearest)
            found = corrected(read, self.text, self.words.guesses, neutral(), self.words.meanings)
            for sentence in sentences(found, self.text):
                if any(token.is_word for token in sentence):
                    self._sentence(sentence)

    def _sentence(self, found: Sequence[Token]) -> None:
        words = comparisons.compared(self._read(found), self.words.terms)
        marks = scopes(words)
        for at in lesser(words, self.text):
            marks[at].add(OTHERS)
        for at, word in enumerate(words):
            other = None
            if density_term(word):
                other = comparisons.reference(words, at) or comparisons.reference_before(words, at)
            if other is not None and not is_background(other):
                words[at] = comparisons.with_other(word, other, self.words.terms)
        goes_on = words[0].has("word", "pronoun") or words[0].norm in ("its", "their")
        topic = self.topic if goes_on or self._under_heading(words) else Owner()
        owners = Ownership(words, self.organ, topic, bool(self.lesions), self.named)
        described = any(m.term.about == "lesion" and m.term.name != STONE for m in self.mentions)
        aside = self._is_aside(words, described)
        unsaid = {SAID: set(), MARKED: {OPEN}, IGNORED: {OPEN, POSSIBLE}}[self.hedges]
        claims = Claims(words, marks, owners, self.words, aside, unsaid, any(map(is_walled, self.mentions)))
        grown = [] if aside else growths(words, marks, owners, self.organ, unsaid)
        done = {growth.structure for growth in grown} | {each.at for each in grown if self._grown(each, words)}
        for at, word in enumerate(words):
            if at not in done:
                self._word(at, word, claims, marks[at], aside)
        self.heading = words[0].norm != "\n" and (_is_heading(words) or (self.heading and self._under_heading(words)))
        is_normal = not self.heading and any(
            word.norm in _NORMAL or DENIED in each for word, each in zip(words, marks, strict=True)
        )
        elsewhere = owners.subjects and owners.subjects[-1].kind == "other" and not self._names_lesion(claims)
        if aside or elsewhere:
            self.apart.append((words[0].start, words[-1].end))
        end = -2 if words[-1].norm == ";" and len(words) > 1 else -1  # a mark has no subject
        last = owners.subjects[end] if owners.subjects and not is_normal else Owner()
        if last.head >= 0 and self._names_lesion(claims) and not owners.is_predicated(last.head):
            last = Owner()  # "the mass is blurred where it meets the duodenum"
        if self.heading:
            last = claims.whose[0] if _is_heading(words) else topic
        self.topic = last if last.kind == "other" else Owner()

    def _is_aside(self, words: Sequence[Word], described: bool) -> bool:
        """Whether a sentence is about another lesion; where it names the mass after plain cysts, these are."""
        aside = self.others.about_other(words, described, self.text)
        if not self.cysts.give_way(words, self.mentions, self.text):
            return aside
        kept = [mention for mention in self.mentions if mention.term.about != "lesion"]
        self.heard += [Heard(m.term.name, ANOTHER, m.start, m.end) for m in self.mentions if m not in kept]
        self.mentions = kept
        self.lesions.clear()
        self.others.begin_with(words)
        return False

    def _read(self, found: Sequence[Token]) -> list[Word]:
        read = understated(self.words.read(found), self.words.terms)
        return sights(with_names(without_asides(read)), self.words.terms)

    def _names_lesion(self, claims: Claims) -> bool:
        return any(word.thing == LESION and not claims.whose[at].foreign for at, word in enumerate(claims.words))

    def _under_heading(self, words: Sequence[Word]) -> bool:
        """Whether a sentence goes on about another thing's heading: "Gallbladder: stones. Wall not thickened."."""
        return self.heading and not any(word.thing in (LESION, "organ", "other") for word in words)

    def _word(self, at: int, word: Word, claims: Claims, marks: set[str], aside: bool) -> None:
        if word.norm in ("normal", "unremarkable"):
            self.normal = True
        if word.norm in _TARGETS:
            self.heard.append(Heard(word.norm, FOLLOWED, word.start, word.end))
        if word.thing == LESION and not aside:
            self._lesion(word, marks, claims.whose[at])
        term, why = claims.of(at)
        if term is not None and not why:
            said = (term, claims.besides(at))
            self.mentions += [self._mention(each, word, claims.denied(at), marks) for each in said if each]
        elif why:
            self.heard.append(Heard(term.name if term else word.norm, why, word.start, word.end))
        elif not word.known and word.norm not in neutral():
            self.unknown.append((word.start, word.end))

    def _grown(self, growth: Growth, words: Sequence[Word]) -> bool:
        """Takes down a growth into what is around the organ; whether its word says nothing else."""
        word = words[growth.at]
        span = min(growth.at, growth.structure), max(growth.at, growth.structure)
        place = replace(word, start=words[span[0]].start, end=words[span[1]].end)
        if growth.why:
            self.heard.append(Heard(GROWS, growth.why, place.start, place.end))
            return True
        self.mentions.append(self._mention(self.words.terms[GROWS], place, False, growth.marks))
        return word.term is None or not word.term.kinds

    def _mention(self, term: Term, word: Word, denied: bool, marks: set[str]) -> Mention:
        certainty = "not excluded" if OPEN in marks else "possible" if POSSIBLE in marks else "stated"
        return Mention(term, denied, word.start, word.end, certainty)

    def _lesion(self, word: Word, marks: set[str], owner: Owner) -> None:
        if owner.foreign:
            if owner.name in ORGANS and DENIED not in marks:
                self.foreign = self.foreign or owner.name
        elif DENIED in marks:
            self.denied_lesions += 1
        elif not marks & {OPEN, PAST, NO_SUCH, OTHERS}:
            self.lesions.append((word.start, word.end))


def _is_heading(words: Sequence[Word]) -> bool:
    return len(words) > 2 and words[0].thing == "other" and words[1].norm == ":"


@lru_cache(maxsize=1)
def neutral() -> frozenset[str]:
    """Words that say nothing of a lesion, and are no typing errors."""
    return frozenset(token.norm for token in tokens(" ".join(grammar()["neutral"]))) | of_sight()
