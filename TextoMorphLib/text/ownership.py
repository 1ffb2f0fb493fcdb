"""Whose a word is: the lesion's, a part's ("non-enhancing septa"), the organ's ("fatty liver"), or another thing's.

Three rules, as an English reader has them: an adjective belongs to the noun that follows it; a predicate ("the wall is
thick") to the subject of its verb; what comes after "with" to what came before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.appositions import Owner
from TextoMorphLib.text.bystanders import Bystanders
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.neighbours import AWAY, BESIDE, TOUCHED
from TextoMorphLib.text.phrases import LESION, OF_WALLS, PUNCTUATION, organ_of, says
from TextoMorphLib.text.predicates import OWN_PARTS, VERBS
from TextoMorphLib.text.procedures import is_taken_out, taken_away
from TextoMorphLib.text.strangers import Strangers

# Where a lesion is not the organ's own: "cyst in the spleen". Ducts, vessels and fat are often what a lesion lies in.
OTHER_SITES = (
    "spleen", "adrenals", "stomach and bowel", "chest", "bones and muscles", "pelvis", "lymph nodes", "gallbladder",
    "peritoneal cavity",
)  # fmt: skip
_AROUND_ORGANS = ("fat around", "fluid in the abdomen", "tissue around it")
_NEW_START = (";", "\n", "-", "\u2013", "\u2014", "/", "|", "+")
_LOCATES = (
    "in", "of", "within", "into", "at", "along", "on", "throughout", "arising from", "arise from", "involving",
    "inside",
)  # fmt: skip
_BESIDE_LESION = (*AWAY, *TOUCHED, "between")
_BESIDE = (*AWAY, *BESIDE)
_BESIDE_IT = ("adjacent", "neighboring", "nearby", "adjoining", "coexisting", "coexistent", "concomitant")


class Ownership(Bystanders):
    """The owners of a sentence's words.

    Args:
        sentence: Its words.
        organ: Whose lesion the text is about; None for any.
        topic: Whom a sentence without a subject is about.
        seen: Whether a lesion was spoken of before: only then there can be "another" one.
        named: Whether any sentence of the text names one.
    """

    def __init__(
        self, sentence: Sequence[Word], organ: str | None, topic: Owner, seen: bool = False, named: bool = False
    ) -> None:
        super().__init__(sentence, organ, seen)
        self.strangers, self.named = Strangers(sentence, named), named
        self.topic, self._owners = topic, dict[tuple[int, ...], Owner]()
        self.subjects = self._subjects()

    def of(self, at: int) -> Owner:
        """The owner of a word: of a quality what it is said of, of a thing whose part or finding it is."""
        word = self.words[at]
        return self._of_noun(at) if word.noun or word.thing else self._of_adjective(at)

    # --- Adjectives ---

    def _of_adjective(self, at: int) -> Owner:
        if owner := self.by_apposition(at) or self.effect_after(at) or self.beside_it(at):
            return owner
        attributive = self.words[at].has("modifier") and at + 1 < len(self.words) and self._is_noun(at + 1)
        run = [] if self.words[at].predicate and not attributive else self.run_after(at)
        if run:
            owner = self._with_site(self._named(run), run)
            whose = owner if owner.foreign or owner.kind == LESION else self._of_noun(run[-1])
            return whose if whose.foreign else owner  # "a splenic cyst with a calcified wall"
        if (unlisted := self.strangers.described_by(at)) is not None:
            return Owner("other", self.words[unlisted].norm, unlisted)
        place = self.place_of_unknown(at)
        if place and (holder := self._named(place)).kind == "other":
            return holder
        subject = self.subjects[at]
        part = not subject.foreign and subject.kind != LESION and subject.head >= 0
        if part and self._is_unfit(at, subject.kind):
            return Owner(LESION)
        whose = self._of_noun(subject.head) if part else subject
        return whose if whose.foreign else subject

    def _is_unfit(self, at: int, kind: str) -> bool:
        """Whether an adjective cannot be said of a part: "calcification: none, | ill-defined"."""
        word = self.words[at]
        walls = kind == "wall" and at > 0 and self.words[at - 1].norm == "," and word.norm not in OF_WALLS
        margin = walls or (kind in _BORDERLESS and not (kind == "septum" and word.norm in OF_WALLS))
        inner = says(word, "texture") or says(word, "density")  # "the margins are sharp and it's homogeneous"
        plain = word.norm not in OF_WALLS and not word.has("modifier") and not word.predicate
        if (kind == "margin" and inner and plain) or (
            says(word, "septa") and kind in ("wall", "margin", "calcification")
        ):
            return True
        return (says(word, "margin") and margin) or (says(word, "calcification") and kind in _NEVER_CALCIFIED)

    # --- Nouns ---

    def _of_noun(self, at: int) -> Owner:
        run = [at]
        while run[0] and self._is_noun(run[0] - 1) and not self._parts(run[0]):
            run.insert(0, run[0] - 1)
        run += self.run_from(at)[1:]
        thing = self.words[at].thing
        if self.words[at].term is not None and (unlisted := self.strangers.described_by(run[-1])) is not None:
            return Owner("other", self.words[unlisted].norm, unlisted)  # "blood cultures"
        named = self._named(run)
        if named.foreign or thing in ("organ", "other"):
            return named
        if self.is_inside(run[-1]) and not self._named(self.place(run[-1] + 2)).foreign:
            return Owner(LESION)
        if site := self._site(run[-1], thing):
            return site
        if thing == LESION:
            return named
        before = self._possessor(run[0])
        return next((owner for owner in (before, self.topic) if owner.foreign), Owner(LESION))

    def _site(self, last: int, thing: str) -> Owner | None:
        """Where a thing is, if that is another's place: "calcification | of the aorta", "cyst | in the spleen"."""
        if (holder := self.of_which(last)) is not None:
            return self._named([holder]) if self._named([holder]).foreign else None
        prep = index = self.after_seen(last + 1, thing)
        if index >= len(self.words) or self.words[index].norm not in (*_LOCATES, *_BESIDE):
            return None
        beside = self.words[index].norm in _BESIDE
        if self.words[index].norm == "around" and self.is_ring(last):
            return None  # "annular calcification around a cyst"
        if thing in ("calcification", "content", "septum") and (beside or self._is_beside(index + 1)):
            return Owner("other", "tissue around it", last)
        if beside:
            return None
        if (screen := self.strangers.shown_on(last)) is not None:
            return Owner("other", self.words[screen].norm, screen)
        while index < len(self.words) and not self._is_noun(index):
            if index > prep and not (self.is_modifier(index) or self.words[index].has("word", "det")):
                return None
            index += 1
        if index >= len(self.words):
            return None
        if self._whole(last) and self.words[last + 1].norm == "of" and self.words[index].thing == "organ":
            return self._named([index])  # "hypodensity of the liver"
        run = self.run_from(index)
        if thing == LESION and any(self.words[i].thing == LESION for i in run) and self.words[last + 1].norm == "of":
            return None  # "metastasis of colon cancer"
        place = self._named(run)
        if place.kind == "partial" and (unlisted := self._unlisted_place(run[-1] + 1)) is not None:
            return Owner("other", self.words[unlisted].norm, unlisted)  # "gas in the soft tissues of the calf"
        if self.words[run[-1]].norm.endswith(" bed") and thing in ("partial", LESION):
            return None  # "ill-defined soft tissue in the resection bed"
        fluid = self.words[last].norm.split(" ")[-1] == "fluid" and place.name in _AROUND_ORGANS
        if place.kind == "other" and (thing != LESION or fluid or place.name in OTHER_SITES):
            return place
        tissue = self.words[run[-1]].norm.split(" ")[-1] in ("parenchyma", "tissue", "cortex", "gland")
        whole = thing in ("wall", "margin") and (tissue or not self._is_object(last))  # "a rim of normal parenchyma"
        spread = thing == "calcification" and self.words[prep].norm == "throughout"
        of_organ = whole and self.words[last + 1].norm == "of"  # "the capsule of the liver"
        return (
            place if place.kind == "organ" and (of_organ or spread or self._is_elsewheres(thing, place.name)) else None
        )

    def _is_elsewheres(self, thing: str, organ: str) -> bool:
        return thing in (LESION, "calcification", "content") and self._is_other_organ(organ)

    def _whole(self, at: int) -> bool:
        """Whether a look may be a whole organ's: "heterogeneous enhancement of", but "a focal hypodensity of"."""
        single = any(
            word.norm in ("a", "an", "focal", "area", "this", "small", "the")
            for word in self.words[max(0, at - 3) : at]
        )
        look = self.words[at].thing in ("density", "enhancement", "texture") or says(self.words[at], "density")
        return look and not single and not self._is_object(at)

    def _possessor(self, first: int) -> Owner:
        """Who has a thing: what comes right before "with", else the subject."""
        index = self.before_noun(first)
        if index > 0 and self.words[index].has("word", "with") and self._is_noun(index - 1):
            owner = self._named([index - 1])
            if owner.kind == "other" and (owner.name == "another lesion" or not self._in_phrase(index - 1)):
                return owner
            than = self.words[max(self.before_noun(index - 1), 0)].has("reference", "than")  # "denser than | the liver"
            if owner.kind == "organ" and not than and self._is_of_organs(first) and self.is_whole_organ(index - 1):
                return owner
        if index > 0 and self.words[index].norm == "of" and self.words[index - 1].thing == "other":
            return self._named([index - 1])  # "ascites of low density"
        return self.subjects[first]

    def _is_of_organs(self, first: int) -> bool:
        """Whether a whole organ has such a thing, too: "pancreas with fatty | lobulation"."""
        word = self.words[first]
        return word.thing in ("margin", "texture") or says(word, "contour")

    def _named(self, run: Sequence[int]) -> Owner:
        """Whose thing nouns in a row name; a long list asks for each again and again."""
        return self._owners.get(tuple(run)) or self._owners.setdefault(tuple(run), self._owner_of(run))

    def _owner_of(self, run: Sequence[int]) -> Owner:
        """The last of the nouns counts, unless another organ's name goes before it."""
        last = self.words[run[-1]]
        if is_taken_out(self.words, run):
            return Owner("other", "another substance: it was taken out", run[-1])
        others = [index for index in run if self.words[index].thing == "other"]
        lesions = [index for index in run if self.words[index].thing == LESION]
        if last.thing == LESION and all(self.words[index].has("other", "ducts") for index in others):
            others = []  # "collecting duct carcinoma"
        if last.norm.split(" ")[-1] in _SPREAD and len(lesions) > 1:
            others = []  # "colon cancer metastasis"
        organs = [index for index in run if self.words[index].thing == "organ"]
        if last.norm == "water" and any(self.words[i].thing == "centre" for i in self.place(run[-1] + 2)):
            return Owner(LESION)  # "water in the middle"
        if others:
            return Owner("other", min(self.words[others[-1]].roles["other"]), run[-1])
        if last.thing in ("organ", "background"):  # "the fatty liver"
            return Owner("organ", organ_of(last) if last.thing == "organ" else self.organ or "", run[-1])
        foreign = [i for i in organs if all(self._is_other_organ(name) for name in self.words[i].roles["organ"])]
        if foreign:
            return Owner("other", organ_of(self.words[foreign[-1]]), run[-1])
        named = any(word.thing == LESION for word in self.words[: run[0]])
        small = last.thing == LESION and last.norm.split(" ")[-1] in _SMALL and named
        if small and self.is_possessed(run[-1]) and not (self.is_of_organ(run[-1]) or self.is_said_to_be(run[0])):
            return Owner("partial", "", run[-1])  # "a mass with a dense focus"
        if last.thing == LESION:
            return self._lesion(run)
        if organs and last.thing == "partial" and any(word.thing == "other" for word in self.words[: run[0]]):
            return Owner(LESION)  # "gallbladder carcinoma with a hypodense hepatic component"
        if organs and not lesions and last.thing in ("margin", "density", "texture", "wall", "enhancement"):
            return Owner("organ", organ_of(self.words[organs[-1]]), run[-1])
        return Owner(last.thing, "", run[-1])

    def _lesion(self, run: Sequence[int]) -> Owner:
        index = run[0] - 1
        again = self.seen or any(word.thing == LESION for word in self.words[: run[0]])
        while index >= 0 and (self.is_modifier(index) or self.words[index].norm == ","):
            several = self.seen or any(word.thing == LESION for word in self.words[run[-1] + 1 :])
            if (
                (several or again)
                and self.words[index].norm in _BESIDE_IT
                and index
                and self.words[index - 1].norm in ("a", "an", "the", ",", "and", "&")
            ):
                return Owner("other", "another lesion", run[-1])  # "the adjacent cyst is calcified, the mass is not"
            place = self.words[index].norm == "third" and self.words[index - 1].norm in _THIRDS
            rest = (
                self.words[index].norm == "remaining" and self.is_one(run[-1]) and self.words[index - 1].norm == "the"
            )
            if (
                self.words[index].has("modifier", "another")
                and not rest
                and (again or taken_away(self.words[index]))
                and not place
            ):
                return Owner("other", "another lesion", run[-1])
            index -= 1
        while index > 0 and self.words[index].has("word", "det"):
            index -= 1
        index = self.before_whole(index)
        if self.words[index].norm in _BESIDE_LESION and self.is_lesion_apart(index, run[-1]):
            return Owner("other", "another lesion", run[-1])
        before = run[0] - 1
        while before > 0 and self._is_adjective(before) and not self._is_noun(before):
            before -= 1
        if 0 <= before < run[0] - 1 and self.words[before].thing == "other":  # "an ovarian | haemorrhagic cyst"
            site = self._named([before])
            if site.name in OTHER_SITES:
                return site
        elsewhere = [word.norm for word in self.words[run[-1] + 1 : run[-1] + 5] if not word.has("word", "det")]
        if elsewhere[:1] in (["in"], ["of"]) and elsewhere[1:2] in (["other"], ["contralateral"], ["opposite"]):
            return Owner("other", "another lesion", run[-1])  # "the cyst in the other lobe"
        if again and elsewhere[:1] == ["nearby"]:
            return Owner("other", "another lesion", run[-1])  # "a dense deposit nearby"
        if again and elsewhere[:1] and elsewhere[0] in BESIDE and elsewhere[1:2] in (["it"], ["this"]):
            return Owner("other", "another lesion", run[-1])  # "the cyst beside it"
        if index > 1 and (holder := self._holder(index)):
            return holder  # "the spleen is large and contains a granuloma", "diverticulum filled with air and fluid"
        if index > 1 and self.words[index].has("word", "and") and self.words[index - 1].thing == LESION:
            held_by = self._named([index - 1])
            if held_by.kind == "other" and held_by.name in OTHER_SITES:
                return held_by  # "the spleen shows an infarct and a granuloma"
        held = index > 0 and (self.words[index].has("word", "with") or self.words[index].norm == ":")
        if (
            held and self.words[index - 1].thing in ("other", "organ") and not self.lies_beside(index - 1)
        ):  # "the spleen shows a lesion"
            who = self._named([index - 1])
            if who.name in OTHER_SITES or (who.kind == "organ" and self._is_other_organ(who.name)):
                return Owner("other", who.name, who.head)
        return Owner(LESION, "", -1)

    def _holder(self, at: int) -> Owner | None:
        """The other thing that has what is listed behind a "with"; None if a lesion may have it."""
        listed = self.words[at].has("word", "and")
        while at > 1 and not self.words[at].has("word", "with"):
            word = self.words[at]
            if word.thing == LESION or word.norm in PUNCTUATION or word.has("word", "verb") or word.has("word", "prep"):
                return None
            at -= 1
        before = self.words[at - 1]
        free = before.has("word", "and") or not (before.thing or before.norm in (",", *PUNCTUATION))
        if at < 1 or not self.words[at].has("word", "with"):
            return None
        owner = self._clause_subject(at) if (at > 1 and free) or listed else None
        sited = owner is not None and (owner.name in OTHER_SITES or self._is_other_organ(owner.name))
        return owner if free or sited else None  # "spine with dense endplates and a haemangioma"

    def _clause_subject(self, before: int) -> Owner | None:
        """The other thing that a clause began with, if no lesion was named since."""
        first = next((i for i in range(before) if self._is_noun(i)), None)
        if first is None or self.words[first].thing not in ("other", "organ"):
            return None
        if any(word.thing == LESION for word in self.words[first:before]):
            return None
        owner = self._named([first])
        foreign = owner.kind == "other" or self._is_other_organ(owner.name)
        return Owner("other", owner.name, first) if foreign else None

    # --- Subjects ---

    def _subjects(self) -> list[Owner]:
        """For each word, whom a predicate there is about."""
        subjects, subject, stated, first = [], self.topic, False, True
        for index, word in enumerate(self.words):
            dash = word.norm in ("-", "\u2013") and stated and index and subject.kind in OWN_PARTS
            if word.norm in _NEW_START and not dash:
                subject, stated = self.topic, False
            if word.has("word", "but"):
                stated = False
            if subject.kind == "other" and self.makes(index):
                subject, stated = Owner(), True
            of = index + 1 < len(self.words) and self.words[index + 1].norm == "of"
            rest = word.norm in ("rest", "remainder") and not of
            if rest and index and self.words[index - 1].norm == "the":
                subject, stated = Owner(LESION), True  # "the calcium is central, the rest hypodense"
            compared = index > 1 and (
                self.words[index - 2].has("reference") or self.words[index - 2].has("word", "prep")
            )
            if word.norm in ("rest", "remainder") and of and not compared and (whole := self.place(index + 2)):
                subject, stated = self._named(whole), True  # "the remainder of the liver is fatty"
            if word.norm in (",", "\n") and subject.kind not in (LESION,) and not stated and not first:
                subject = self.topic
            ends = index + 1 == len(self.words) or not self._is_noun(index + 1) or self._parts(index + 1)
            if self._is_noun(index) and ends and not (self._follows_lesion(index) or self._is_diagnosis(index)):
                run = [index]
                while run[0] and self._is_noun(run[0] - 1) and not self._parts(run[0]):
                    run.insert(0, run[0] - 1)
                owner = self._with_site(self._named(run), run)
                if owner.kind == "partial" and not self.is_part(index):
                    owner = Owner()
                predicated = self.is_predicated(index) and not self.is_place(index)
                if (stated or first) and predicated and self.held_by(run[0], subject, owner.kind):
                    owner = subject
                object_ = self._is_object(run[0], ("prep",) if owner.kind == LESION else ("prep", "with", "and"))
                if predicated or (not object_ and owner.kind in (LESION, "other")):
                    subject, stated = owner, predicated
                    first = first and owner.kind != LESION
                    if owner.kind == LESION:
                        self.topic = owner
            elif around := self.rest_of_organ(index):
                subject, stated = around, not word.has("word", "with")
            elif self.strangers.is_subject(index):
                subject, stated = Owner("other", word.norm, index), True
            elif word.has("word", "that") and index:
                previous = next((i for i in range(index - 1, -1, -1) if self._is_noun(i)), None)
                if previous is not None:
                    paired = previous > 0 and self.words[previous - 1].thing == "organ" and not self._parts(previous)
                    owner = self._named([previous - 1, previous] if paired else [previous])  # "liver cysts | which are"
                    verb = self.words[index + 1].norm.split(" ")[0] if index + 1 < len(self.words) else ""
                    active = verb in (*VERBS, "wash", "washed", "fade")
                    if owner.kind in ("margin", "density", "texture") and active:
                        owner = Owner()  # "a mass with sharp margins that enhances"
                    if owner.kind != "organ":
                        subject, stated = owner, True
            subjects.append(subject)
        return subjects

    def _follows_lesion(self, index: int) -> bool:
        """Whether an organ only says where the lesion before it is: "cyst lower pole", "lesion and liver are"."""
        if self.words[index].thing != "organ" or index == 0:
            return False
        start = index
        while start > 1 and self.words[start - 1].thing != LESION and self.is_modifier(start - 1):
            start -= 1  # "metastasis contralateral kidney"
        before = self.words[start - 1]
        joined = before.has("word", "and") and index > 1 and self.words[index - 2].thing == LESION
        own = not all(map(self._is_other_organ, self.words[index].roles["organ"]))
        return joined or (own and before.thing == LESION)

    def _is_diagnosis(self, index: int) -> bool:
        """Whether a disease of the organ is what the lesion may be: "groove pancreatitis versus carcinoma:"."""
        after = [word.norm for word in self.words[index + 1 : index + 4]]
        return self.words[index].has("other", "the organ around") and ":" in after

    def _with_site(self, owner: Owner, run: Sequence[int]) -> Owner:
        return owner if owner.foreign else (self._site(run[-1], owner.kind) or owner)


_BORDERLESS = ("calcification", "density", "texture", "enhancement", "content", "septum", "scar", "nodule")
_NEVER_CALCIFIED = ("density", "texture", "enhancement", "margin")
_THIRDS = ("upper", "middle", "lower", "mid", "proximal", "distal")
_SPREAD = ("metastasis", "met", "mets", "deposit", "secondary")
_SMALL = ("focus", "deposit", "nodule", "inclusion", "spot")
