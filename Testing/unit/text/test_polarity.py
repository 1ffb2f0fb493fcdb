"""No text is taken for its contrary: every term, in every form of denial and of assertion, in several sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from TextoMorphLib.text.understanding import understand
from TextoMorphLib.text.vocabulary import Term, terms

DENIED_NOUNS = """no {x}|without {x}|no evidence of {x}|{x} absent|{x} is absent|{x}: absent|{x}: none|{x}: no|{x}: 0
{x}: nil|{x}: negative|{x}: n|{x} = no|{x} (-)|{x} -|{x} not seen|{x} is not seen|{x} cannot be seen|no {x} is seen
{x} could not be demonstrated|no {x} seen|no visible {x}|lacks {x}|lacking {x}|free of {x}|devoid of {x}|absence of {x}
negative for {x}|does not show {x}|does not contain {x}|does not have {x}|neither fat nor {x}|neither {x} nor fat
no fat, gas or {x}|no {x}, fat or gas|no fat, no {x}|no {x} or fat|no longer shows {x}|I see no {x}|{x} has resolved
{x} has disappeared|{x} ruled out|{x} unlikely|{x} is unlikely|{x}? No.|nothing to suggest {x}|no sign of {x}
no suggestion of {x}|there is no {x}|there is no evidence for {x}|{x} was not found|{x} not identified|rather than {x}
not associated with {x}|excluding {x}|with no {x}|without any {x}|w/o {x}|no definite {x}|no appreciable {x}
no {x} was demonstrated|no {x} or fat is seen|fat and {x} are absent|fat or {x} is not seen|lack of {x}|nor is there {x}
fails to show {x}|rules out {x}|CT has ruled out {x}|the scan excludes {x}
CT disproves {x}|unable to identify {x}|it is not the case that there is {x}|sans {x}|freedom from {x}|{x} subsided
{x} has been disproved|{x} was dismissed|{x} did not develop|{x} is out of the question|{x} unproven
[ ] {x}|{x} [ ]|{x}: not present|{x} not present|never shows {x}"""
DENIED_ADJECTIVES = """not {x}|is not {x}|isn't {x}|non-{x}|not at all {x}|no longer {x}|{x}: no|{x}: n|{x}? No.
neither {x} nor fatty|neither fatty nor {x}|by no means {x}|never {x}|far from {x}|anything but {x}|does not appear {x}
it does not look {x}|not {x} or fatty|I do not think it is {x}|cannot be called {x}|is not considered {x}
not fatty or {x}|no {x} lesion|without {x} areas|{x} (-)|not definitely {x}|not really {x}|{x}: absent|[ ] {x}
not obviously {x}|nor {x}|nor is it {x}|not the least {x}|rather fatty than {x}|fatty, not {x}|fatty rather than {x}
unlikely to be {x}|not considered to be {x}|hardly {x} at all|is the opposite of {x}|is not what one would call {x}
was mistaken for {x}|is wrongly called {x}|is not seen to be {x}"""
SAID_NOUNS = """{x}|with {x}|{x} present|{x} is present|{x}: present|{x}: yes|{x}: y|{x} (+)|{x} +|{x} is seen
there is {x}|shows {x}|contains {x}|not without {x}|new {x}|{x} and fat|fat and {x}|no fat but {x}|{x}, no fat
no fat; {x}|{x} seen
demonstrates {x}|[x] {x}|{x} [x]|again {x}|{x} without fat|{x}? Yes.|evidence of {x}|{x} not previously seen
{x} has developed|{x} has increased|{x} cannot be denied"""
SAID_ADJECTIVES = """{x}|is {x}|{x}: yes|appears {x}|{x}, not fatty|not fatty, {x}|not fatty but {x}
{x} rather than fatty|now {x}|still {x}|it looks {x}|{x} without fat|no fat, {x}|[x] {x}|{x} (+)|remains {x}
no longer fatty but {x}
has become {x}|both {x} and fatty"""
# With something else that is said before or after, and must be heard, too: {c}.
SENTENCES = ("{s}", "A {c} lesion, {s}.", "{S}. {C}.", "- {s}\n- {c}", "{c}; {s}", "{S}, {c}.", "{s} / {c}")


def _forms(table: str) -> list[str]:
    return table.replace("\n", "|").split("|")


FORMS = (
    ("nouns", DENIED_NOUNS, True),
    ("adjectives", DENIED_ADJECTIVES, True),
    ("nouns", SAID_NOUNS, False),
    ("adjectives", SAID_ADJECTIVES, False),
)
# Solid is the default, fat is what the forms are filled with, degrees say something of other words.
SKIPPED = ("solid", "fat-containing", "renal stone", "mildly", "markedly")


def _texts(term: Term, said: str, other: str) -> Iterator[str]:
    for sentence in SENTENCES:
        yield sentence.format(s=said, S=said[0].upper() + said[1:], c=other, C=other.capitalize())


@pytest.mark.parametrize(
    "term",
    [each for each in terms() if each.kinds and each.about == "lesion" and not each.weak and each.name not in SKIPPED],
    ids=lambda term: term.name,
)
def test_no_term_is_taken_for_its_contrary(term: Term) -> None:
    kind, value = next(iter(term.kinds.items()))
    other, other_kind, other_value = ("ill-defined", "margin", "ill")
    if kind in ("margin", "contour"):
        other, other_kind, other_value = ("calcified", "calcification", "present")
    wrong, unheard, read = [], [], 0
    for part, table, denied in FORMS:
        wordings = [wording for wording in term.wordings[part] if "{" not in wording][:1]
        for form in _forms(table) if wordings else ():
            for text in _texts(term, form.format(x=wordings[0].removeprefix("a ").removeprefix("an ")), other):
                description = understand(text, term.organs[0]).description
                read += 1
                if (description.get(kind) == value) == denied:
                    wrong.append(text)
                if other in text.lower() and description.get(other_kind) != other_value:
                    unheard.append(text)
    assert not wrong
    assert len(unheard) <= read / 200, unheard


# --- How sharp a border is, and how dense a lesion, in words that are put together ---

BADLY = """poorly|badly|not|hardly|barely|scarcely|imperfectly|insufficiently|indistinctly|vaguely|unsharply
incompletely|never|nowhere|not well|not sharply|not clearly|not very well|less well|less sharply
no longer well|difficult to
cannot be|not easily|ill|poor|bad|not at all well|far from being well|anything but well"""
WELL = "well|sharply|clearly|crisply|nicely|distinctly|neatly|cleanly|very well|easily|readily|more sharply|quite well"
DEFINED = """defined|delineated|demarcated|delimited|circumscribed|marginated|outlined|bordered|bounded|separable
distinguishable"""
SAID_OF_BORDERS = "{x}|hypodense lesion, {x}|margins: {x}|the borders are {x}|margins {x}|{x} lesion|a mass that is {x}"
SHARP, EDGES = "sharp|clear|distinct|smooth|regular|well-defined|crisp|precise", "margins|border|contour|edge|limits"
NOT_SHARP = """no {a} {e}|without {a} {e}|{e} not {a}|{e} is not {a}|{e} are no longer {a}|{e}: not {a}|lacks a {a} {e}
lacking a {a} {e}|{e} lacks {a} definition|absence of a {a} {e}|{a} {e} absent|has lost its {a} {e}
{e} less {a} than before|{e} nowhere {a}|devoid of a {a} {e}"""
IS_SHARP = """{a} {e}|{e} {a}|{e} is {a}|{e}: {a}|with {a} {e}|{e} more {a} than before|{e} remain {a}|{e} = {a}
of {a} {e}|has {a} {e}"""
DARKER = """less dense than|less attenuating than|not as dense as|not so dense as|lower in density than|darker than
of lower density than|of lower attenuation than|below the density of|with less attenuation than|hypodense to
with lower attenuation than|hypoattenuating relative to|hypodense compared with|less bright than|not as bright as
hypoattenuating with respect to|less enhancing than|enhancing less than|of inferior density to|dark against
with density inferior to|with attenuation below that of|with density lower than that of|with attenuation less than
with decreased density compared to|decreased in attenuation compared to|reduced in density relative to
never as dense as|not nearly as dense as|density minor than"""
BRIGHTER = """denser than|more dense than|more attenuating than|higher in density than|higher in attenuation than
of higher density than|of greater attenuation than|brighter than|above the density of|with more attenuation than
with higher attenuation than|hyperdense to|hyperattenuating relative to|with density superior to
with attenuation above that of|with increased density compared to|increased in attenuation compared to
not less dense than|by no means less dense than|not darker than|not hypodense to|not lower in attenuation than"""
AGAINST = """{x} the liver|the lesion is {x} the liver|a nodule, {x} the parenchyma, with sharp margins
Lesion {x} liver.|sharp, {x} the surrounding liver|It appears {x} normal liver parenchyma."""


@pytest.mark.parametrize(("how", "never"), [(BADLY, "well"), (WELL, "ill")], ids=["badly", "well"])
def test_a_border_is_not_taken_for_its_contrary(how: str, never: str) -> None:
    for form, adverb, defined in product(*map(_forms, (SAID_OF_BORDERS, how, DEFINED))):
        text = form.format(x=f"{adverb} {defined}")
        assert understand(text, "liver").description.get("margin") != never, text


@pytest.mark.parametrize(("forms", "never"), [(NOT_SHARP, "well"), (IS_SHARP, "ill")], ids=["not sharp", "sharp"])
def test_an_edge_is_not_taken_for_its_contrary(forms: str, never: str) -> None:
    for form, sharp, edge in product(*map(_forms, (forms, SHARP, EDGES))):
        text = form.format(a=sharp, e=edge)
        assert understand(text, "liver").description.get("margin") != never, text


@pytest.mark.parametrize(
    ("how", "never"), [(DARKER, ("hyper", "arterial")), (BRIGHTER, ("hypo",))], ids=["darker", "brighter"]
)
def test_a_comparison_is_not_taken_for_its_contrary(how: str, never: tuple[str, ...]) -> None:
    for compared, form in product(_forms(how), _forms(AGAINST)):
        text = form.format(x=compared)
        assert understand(text, "liver").description.get("density") not in never, text
