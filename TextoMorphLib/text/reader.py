"""Reads the sentences of a text one after the other, and takes down what each says of the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from TextoMorphLib.text import comparisons
from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.asides import without_asides
from TextoMorphLib.text.claims import Claims
from TextoMorphLib.text.degrees import measured, understated
from TextoMorphLib.text.dictation import dictated
from TextoMorphLib.text.dominant import ANOTHER, Cysts, lesser
from TextoMorphLib.text.effusions import beside
from TextoMorphLib.text.growth import Growth, growths
from TextoMorphLib.text.heard import Heard
from TextoMorphLib.text.lexicon import Word, grammar, lexicon
from TextoMorphLib.text.limits import limits, told_apart
from TextoMorphLib.text.meanings import density_term, is_background
from TextoMorphLib.text.mixtures import of_parts
from TextoMorphLib.text.moments import with_moments
from TextoMorphLib.text.negation import DENIED, NO_SUCH, OPEN, OTHERS, PAST, POSSIBLE, scopes
from TextoMorphLib.text.neither import between
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.others import Others, the_rest
from TextoMorphLib.text.ownership import OTHER_SITES as SITES
from TextoMorphLib.text.ownership import Ownership
from TextoMorphLib.text.phrases import LESION
from TextoMorphLib.text.places import Places, goes_on_elsewhere, of_other_organ
from TextoMorphLib.text.retracted import taken_back
from TextoMorphLib.text.sentences import WINDOW, sentences, windows
from TextoMorphLib.text.spelling import corrected
from TextoMorphLib.text.stand_ins import with_names
from TextoMorphLib.text.strangers import names_lesion
from TextoMorphLib.text.times import is_now_solid, lasting, may_last, tells_all
from TextoMorphLib.text.titles import titled
from TextoMorphLib.text.tokens import Token, tokens
from TextoMorphLib.text.visibility import of_sight, sights
from TextoMorphLib.text.vocabulary import GROWS, PARTLY_SOLID, Mention, Term
from TextoMorphLib.text.within import held_within

SAID, MARKED, IGNORED = "said", "marked", "ignored"
HEDGES = (SAID, MARKED, IGNORED)  # what doubt counts for
PASSED = "said of the past"
STONE = "renal stone"
_TARGETS = ("target", "target lesion")
FOLLOWED = "a lesion that is measured, as RECIST has it; for rings in each other write 'target sign'"
_NORMAL = ("normal", "unremarkable", "regular", "clear", "patent", "intact", "empty")


class Reader:
    """Reads the sentences of a text one after the other."""

    def __init__(self, text: str, organ: str | None, hedges: str) -> None:
        self.text, self.organ, self.words, self.hedges = text, organ, lexicon(organ), hedges
        self.mentions: list[Mention] = []
        self.heard: list[Heard] = []
        self.unknown: list[tuple[int, int]] = []
        self.lesions: list[tuple[int, int]] = []
        self.foreign = self.beside = ""  # another organ with a lesion; any other thing that is spoken of
        self.denied_lesions = 0
        self.normal = False
        self.topic = Owner()
        self.heading = False
        self.apart: list[tuple[int, int]] = []  # sentences about something else
        self.then: list[Mention] = []  # what was so at an earlier examination
        self.told = False  # whether all of the present is told
        self.before: tuple[Sequence[Word], list[Mention]] = ((), [])  # the last sentence, and what it said
        self.others, self.cysts, self.places, self.named = Others(), Cysts(), Places(), False

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

        if not (self.told and any(mention.term.about == "lesion" for mention in self.mentions)):
            self._keep_then()

    def _keep_then(self) -> None:
        """Takes what was seen at an earlier examination for what is there still, unless the present says otherwise."""
        still = lasting(self.then, self.mentions)
        places = {(mention.start, mention.end) for mention in still}
        self.heard = [each for each in self.heard if each.why != PASSED or (each.start, each.end) not in places]
        self.mentions += still

    def _sentence(self, found: Sequence[Token]) -> None:
        words = told_apart(comparisons.compared(self._read(found), self.words.terms))
        marks = scopes(words)
        self._take_back(words)
        already, then = len(self.mentions), len(self.then)
        self.told = self.told or tells_all(words)
        for at in (*lesser(words, self.text), *the_rest(words), *self.others.clauses_of_others(words)):
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
        aside = self._is_aside(words)
        if not aside:
            self._set_apart(words, marks)
        unsaid = {SAID: set(), MARKED: {OPEN}, IGNORED: {OPEN, POSSIBLE}}[self.hedges]
        claims = Claims(words, marks, owners, self.words, aside, unsaid, self.mentions)
        grown = [] if aside else growths(words, marks, owners, self.organ, unsaid)
        done = {growth.structure for growth in grown} | {each.at for each in grown if self._grown(each, words)}
        for at, word in enumerate(words):
            if at not in done:
                self._word(at, word, claims, marks[at], aside)
        self.mentions += between(self.mentions[already:], self.words.terms)
        self.before = words, [*self.mentions[already:], *self.then[then:]]
        heads = _is_heading(words) or _heads_organ(words, self.organ)
        self.heading = words[0].norm != "\n" and (heads or (self.heading and self._under_heading(words)))
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
            head = Owner("other", words[0].norm) if words[0].thing == "organ" else claims.whose[0]
            last = head if heads else topic
        self.topic = last if last.kind == "other" else Owner()

    def _take_back(self, words: Sequence[Word]) -> None:
        """Denies what the last sentence said, where this one says that it is not so."""
        denied = taken_back(words, *self.before)
        if not denied:
            return
        self.then = [each for each in self.then if each not in denied]
        self.mentions = [replace(each, negated=not each.negated) if each in denied else each for each in self.mentions]

    @property
    def _described(self) -> bool:
        return any(m.term.about == "lesion" and m.term.name != STONE for m in self.mentions)

    def _set_apart(self, words: Sequence[Word], marks: Sequence[set[str]]) -> None:
        """Marks what is said of a lesion at another place, of which the next sentences are if it comes last."""
        whole = (self._described or words[0].norm == "in") and of_other_organ(words, self.organ)
        for at in range(0 if whole else goes_on_elsewhere(words, self.organ), len(words)):
            marks[at].add(OTHERS)
        if whole:
            self.foreign = self.foreign or next((name for word in words for name in word.roles.get("organ", ())), "")
            return
        fluid = beside(words, self.others.names[False])
        elsewhere = self.places.elsewhere(words, marks, self._described)
        for at in (*fluid, *elsewhere):
            marks[at].add(OTHERS)
        if len(fluid) == len(words):
            self.others.aside = True
        if elsewhere:
            self.apart.append((words[elsewhere.start].start, words[elsewhere.stop - 1].end))
            self.others.aside = elsewhere.stop == len(words)

    def _is_aside(self, words: Sequence[Word]) -> bool:
        """Whether a sentence is about another lesion; where it names the mass after plain cysts, these are."""
        aside = self.others.about_other(words, self._described, self.text, bool(self.lesions))
        if not self.cysts.give_way(words, self.mentions, self.text, self.places.has_moved(words)):
            return aside
        self._forget([mention for mention in self.mentions if mention.term.about == "lesion"], ANOTHER)
        self.lesions.clear()
        self.others.begin_with(words)
        self.places = Places()
        return False

    def _forget(self, mentions: Sequence[Mention], why: str) -> None:
        """Takes back what was said before."""
        self.heard += [Heard(m.term.name, why, m.start, m.end) for m in mentions]
        self.mentions = [mention for mention in self.mentions if mention not in mentions]

    def _read(self, found: Sequence[Token]) -> list[Word]:
        read = understated(titled(self.words.read(with_moments(found))), self.words.terms)
        read = measured(read, self.words.terms)
        read = limits(with_names(without_asides(of_parts(read))), self.words.terms)
        read = held_within(read, self.words.terms)
        return sights(read, self.words.terms)

    def _names_lesion(self, claims: Claims) -> bool:
        return any(word.thing == LESION and not claims.whose[at].foreign for at, word in enumerate(claims.words))

    def _under_heading(self, words: Sequence[Word]) -> bool:
        """Whether a sentence goes on about another thing's heading: "Gallbladder: stones. Wall not thickened."."""
        return self.heading and not any(word.thing in (LESION, "organ", "other") for word in words)

    def _word(self, at: int, word: Word, claims: Claims, marks: set[str], aside: bool) -> None:
        if word.norm in ("normal", "unremarkable", "wnl", "nad"):
            self.normal = True
        self.beside = self.beside or next((name for name in SITES if word.has("other", name)), "")
        if word.norm in _TARGETS:
            self.heard.append(Heard(word.norm, FOLLOWED, word.start, word.end))
        if word.thing == LESION:
            self.others.name(word, aside or OTHERS in marks or claims.whose[at].kind == "other")
        if word.thing == LESION and not aside:
            self._lesion(word, marks, claims.whose[at])
        term, why = claims.of(at)
        if term is not None and not why:
            if is_now_solid(claims.words[:at], term, claims.denied(at)):
                then = [m for m in self.mentions if m.term.kinds.get("content") in PARTLY_SOLID and not m.negated]
                self._forget(then, PASSED)
            said = (term, claims.besides(at))
            self.mentions += [self._mention(each, word, claims.denied(at), marks) for each in said if each]
        elif why:
            if term is not None and why == PASSED and may_last(claims.words, self.text):
                self.then.append(self._mention(term, word, claims.denied(at), marks))
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


def _heads_organ(words: Sequence[Word], organ: str | None) -> bool:
    """Whether a sentence begins with another organ's heading: "Kidneys: a cyst | ; septa: yes"."""
    return len(words) > 2 and words[1].norm == ":" and of_other_organ(words, organ)


@lru_cache(maxsize=1)
def neutral() -> frozenset[str]:
    """Words that say nothing of a lesion, and are no typing errors."""
    return frozenset(token.norm for token in tokens(" ".join(grammar()["neutral"]))) | of_sight()
