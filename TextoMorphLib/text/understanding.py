"""What a text says of a lesion, by which words and how surely; what it says of other things; and what is not understood.

Sentences become words with roles (`lexicon`), comparisons one word each (`comparisons`), every word gets an owner
(`ownership`) and what is denied, doubted or past is marked (`negation`). What is left are mentions of terms. Nothing
is guessed: what no word says stays at its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import comparisons
from TextoMorphLib.text.concepts import Description
from TextoMorphLib.text.lexicon import BASE_TERMS, Lexicon, Word, grammar, lexicon
from TextoMorphLib.text.negation import DENIED, OPEN, PAST, POSSIBLE, scopes
from TextoMorphLib.text.ownership import LESION, Owner, Ownership
from TextoMorphLib.text.tokens import Token, corrected, tokens
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.vocabulary import Mention, Term, contradictions, describe

MOST_CHARACTERS = 20_000  # of a text that are read: ten pages of a report


@dataclass(frozen=True)
class Heard:
    """Words that were understood and have no effect on the lesion.

    Attributes:
        what: What they speak of: "gas", "spleen", "size".
        why: Why they have no effect.
        start: The first character of the words in the text.
        end: One after the last.
    """

    what: str
    why: str
    start: int
    end: int


@dataclass(frozen=True)
class Understanding:
    """What is understood of a text.

    Attributes:
        text: The text.
        organ: Whose lesion it is about; None for any.
        mentions: What is said of the lesion, by terms: asserted or denied, stated or possible.
        heard: What is said besides and has no effect: of other organs, the past, in doubt, or of what the model has no
            attribute for.
        unknown: Places (start, end) of words that are not understood.
        read: Characters that were read; less than the text has if it is too long.
        denies_lesion: It says that there is no lesion.
        lesions: Places of words that name the lesion.
    """

    text: str
    organ: str | None
    mentions: tuple[Mention, ...]
    heard: tuple[Heard, ...] = ()
    unknown: tuple[tuple[int, int], ...] = ()
    read: int = 0
    denies_lesion: bool = False
    lesions: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    @property
    def description(self) -> Description:
        """Values of the kinds of which something is said."""
        return describe(self.mentions)

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """The words that are not understood, each once."""
        return tuple(dict.fromkeys(self.text[start:end] for start, end in self.unknown))


@lru_cache(maxsize=256)
def understand(text: str, organ: str | None = None) -> Understanding:
    """Understands a text.

    Args:
        text: Terms or sentences about one lesion.
        organ: liver, pancreas or kidney; None for any.

    Raises:
        InputError: Unknown organ.
    """
    if organ is not None and organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}': choose {', '.join(ORGANS[:-1])} or {ORGANS[-1]}")
    words = lexicon(organ)
    reader = _Reader(text[:MOST_CHARACTERS], organ, words)
    for sentence in _sentences(reader.tokens, text):
        reader.sentence(sentence)
    return Understanding(
        text=text,
        organ=organ,
        mentions=tuple(sorted(reader.mentions, key=lambda mention: mention.start)),
        heard=tuple(sorted(reader.heard, key=lambda heard: heard.start)),
        unknown=tuple(reader.unknown),
        read=min(len(text), MOST_CHARACTERS),
        denies_lesion=reader.denies_lesion,
        lesions=tuple(reader.lesions),
    )


def find(text: str, organ: str | None = None) -> list[Mention]:
    """The terms that a text uses of its lesion and of the organ around it, in their order."""
    return list(understand(text, organ).mentions)


def is_denied(text: str, start: int) -> bool:
    """Whether what is said at a character of a text is denied there: "mass" in "no focal mass"."""
    words = lexicon(None)
    for sentence in _sentences(tokens(text, words.words), text):
        read = words.read(sentence)
        for word, marks in zip(read, scopes(read), strict=True):
            if word.start <= start < word.end:
                return DENIED in marks
    return False


# --- Sentences ---

_ABBREVIATED = frozenset(
    "approx seg segm ca cf eg ie vs dr fig max min resp no nr diam circ incl enh susp poss prob meas e g i".split()
)


def _sentences(found: Sequence[Token], text: str) -> Iterator[list[Token]]:
    """Cut after full stops, semicolons and line breaks; a question is one with its answer ("Septa? No.")."""
    sentence: list[Token] = []
    for index, token in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        sentence.append(token)
        if not _ends(token, following, found[index - 1] if index else None, text):
            continue
        yield sentence
        sentence = []
    if sentence:
        yield sentence


def _ends(token: Token, following: Token | None, before: Token | None, text: str) -> bool:
    if token.norm in (";", "\n", "!"):
        return True
    if token.norm == "?":
        answered = following is not None and following.norm in ("no", "none", "absent", "nil", "negative")
        opens = before is None or before.end < token.start
        return not answered and not opens
    if token.norm != ".":
        return False
    if following is None or following.norm == "\n":
        return True
    close = following.start == token.end and text[following.start].isalnum()
    lower = text[following.start].islower() or text[following.start].isdigit()
    short = before is not None and before.norm in _ABBREVIATED
    return not (close and lower) and not (short and lower)


# --- One sentence ---


class _Reader:
    """Reads the sentences of a text one after the other."""

    def __init__(self, text: str, organ: str | None, words: Lexicon) -> None:
        self.text, self.organ, self.words = text, organ, words
        self.tokens = corrected(tokens(text, words.words), text, words.guesses, _known())
        self.mentions: list[Mention] = []
        self.heard: list[Heard] = []
        self.unknown: list[tuple[int, int]] = []
        self.lesions: list[tuple[int, int]] = []
        self.denied_lesions = 0
        self.normal = False
        self.topic = Owner()

    @property
    def denies_lesion(self) -> bool:
        """Whether lesions are denied and nothing else is said of one."""
        of_lesion = any(m.term.about == "lesion" and not m.negated for m in self.mentions)
        return not self.lesions and not of_lesion and (self.denied_lesions > 0 or self.normal)

    def sentence(self, found: Sequence[Token]) -> None:
        """Read one sentence."""
        words = comparisons.compared(self.words.read(found), self.words.terms)
        marks = scopes(words)
        for at, word in enumerate(words):
            other = comparisons.reference(words, at) if _density(word) else None
            if other is not None and not _is_background(other):
                words[at] = comparisons.without_term(word)
        topic = self.topic if words and words[0].has("word", "pronoun") else Owner()
        owners = Ownership(words, self.organ, topic, bool(self.lesions))
        claims = _Claims(words, marks, owners, self.words)
        for at, word in enumerate(words):
            self._word(at, word, claims, marks[at], owners)
        is_normal = any(word.norm in _NORMAL or DENIED in each for word, each in zip(words, marks, strict=True))
        last = owners.subjects[-1] if owners.subjects and not is_normal else Owner()
        self.topic = last if last.kind == "other" else Owner()

    def _word(self, at: int, word: Word, claims: _Claims, marks: set[str], owners: Ownership) -> None:
        if word.norm in _NORMAL:
            self.normal = True
        if word.thing == LESION and word.term is None or (word.thing == LESION and word.noun):
            self._lesion(at, word, marks, owners)
        term, why = claims.of(at)
        if term is not None and not why:
            self.mentions.append(_mention(term, word, claims.denied(at), marks))
        elif why:
            self.heard.append(Heard(term.name if term else word.norm, why, word.start, word.end))
        elif not word.known:
            if word.norm not in _known():
                self.unknown.append((word.start, word.end))

    def _lesion(self, at: int, word: Word, marks: set[str], owners: Ownership) -> None:
        if owners.of(at).foreign:
            return
        if DENIED in marks:
            self.denied_lesions += 1
        elif OPEN not in marks and PAST not in marks:
            self.lesions.append((word.start, word.end))


_NORMAL = ("normal", "unremarkable", "regular", "clear", "patent", "intact", "empty")


def _mention(term: Term, word: Word, denied: bool, marks: set[str]) -> Mention:
    return Mention(term, denied, word.start, word.end, "possible" if POSSIBLE in marks else "stated")


def _density(word: Word) -> bool:
    return word.term is not None and word.term.kinds.keys() == {"density"}


def _is_background(word: Word) -> bool:
    """Whether something is what densities are held against by default: the organ around the lesion."""
    if word.term is not None:
        return word.term.about == "background"
    return word.thing in ("organ", LESION, "background", "wall", "density", "enhancement", "partial", "texture")


class _Claims:
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
        return found

    def _last_of_run(self, at: int) -> int:
        return self.owners._run_from(at)[-1]

    def _of(self, at: int) -> tuple[Term | None, str]:
        word, owner, marks = self.words[at], self.whose[at], self.marks[at]
        term = self._term(at, word, owner)
        if word.has("heard"):
            return None, next(iter(word.roles["heard"]))
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
        if not word.has("unexpressed") or word.has("modifier") and owner.kind not in (LESION, "other"):
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
        if owner.foreign or owner.kind == LESION:
            return word.term
        return self._of_quality(at, word, owner)

    def _before_density(self, at: int) -> bool:
        following = [word for word in self.words[at + 1 : at + 3] if not word.has("word", "det")]
        return bool(following) and _density(following[0])

    def _of_quality(self, at: int, word: Word, owner: Owner) -> Term | None:
        """What a quality of a part says of the lesion."""
        part, term = owner.kind, word.term
        kinds = term.kinds if term is not None else {}
        if part == "margin":
            if term is not None and "margin" in kinds:
                return term
            return self._margin(word) if not kinds else None
        if part in ("density", "texture", "enhancement"):
            if term is not None and part != "enhancement" and kinds.keys() <= {"density", "texture", "content", "degree"}:
                return term
            return term if term is not None and kinds.keys() == {"texture"} else None
        if part == "centre":
            dark = kinds.get("density") == "hypo" or kinds.get("content") in ("cystic", "necrotic")
            return self.lexicon.terms["necrotic"] if dark else None
        if part in ("wall", "septum", "calcification"):
            if kinds.get("calcification"):
                return term
            return self._refined(at, owner)
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
        if part == "enhancement":
            return self._enhancement(at, word, qualities)
        if part == "density" and word.term is None:
            return self._density_of(qualities)
        if part == "margin" and word.term is None:
            return None
        if part in BASE_TERMS:
            term = word.term or self.lexicon.terms[BASE_TERMS[part]]
            if any(quality.has("modifier", "invisible") for quality in qualities):
                self.inverted.add(at)
            for quality, name in grammar()["refine"].get(term.name, {}).items():
                if any(each.has("modifier", quality) for each in qualities):
                    return self.lexicon.terms[name]
            return term
        return word.term

    def _enhancement(self, at: int, word: Word, qualities: Sequence[Word]) -> Term | None:
        """What an enhancement says: of a wall, of the density, or nothing that is modelled."""
        said = {value for quality in qualities for value in quality.roles.get("modifier", ())}
        said |= {"peripheral" for quality in qualities if quality.thing == "wall"}
        terms = self.lexicon.terms
        if "late" in said:
            return None
        if word.term is not None:
            return word.term
        if "peripheral" in said:
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


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Words that say nothing of a lesion."""
    words = re.split(r"[,\s]+", grammar()["neutral"])
    return frozenset(token.norm for word in words for token in tokens(word))


__all__ = ["Heard", "Understanding", "contradictions", "find", "is_denied", "understand"]
