from __future__ import annotations

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import find
from TextoMorphLib.text.vocabulary import contradictions, describe, terms

SLOTS = {"edge": "borders", "centre": "core", "poorly": "vaguely", "sharply": "neatly", "bounded": "outlined"}


def said(text: str, organ: str | None = None) -> list[str]:
    return [("not " if mention.negated else "") + mention.term.name for mention in find(text, organ)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hypoattenuating", ["hypoattenuating"]),
        ("HYPO-ATTENUATING lesion", ["hypoattenuating"]),
        ("two hypodensities\nwith calcifications", ["hypoattenuating", "calcification"]),
        ("a dark mass with fuzzy borders", ["hypoattenuating", "ill-defined"]),
        ("darker than the renal cortex", ["hypoattenuating"]),
        ("well circumscribed, fluid filled", ["well-defined", "cystic"]),
        ("a heterogenously enhancing tumour", ["heterogeneous"]),
        ("rim-enhancing mass", ["walled"]),
        ("bright rim around a dark centre", ["walled", "necrotic"]),
        ("arterial phase hyperenhancement and washout", ["arterial enhancement", "washout"]),
        ("hepatic metastases in a cirrhotic liver", ["metastases", "cirrhosis"]),
        ("darkness, encystment, solidarity", []),
    ],
)
def test_terms_are_found_whatever_their_spelling(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no calcification", ["not calcification"]),
        ("without a wall", ["not walled"]),
        ("no evidence of necrosis or calcification", ["not necrotic", "not calcification"]),
        (
            "no wall, necrosis or calcification, hypodense",
            ["not walled", "not necrotic", "not calcification", "hypoattenuating"],
        ),
        ("no calcification and necrosis", ["not calcification", "not necrotic"]),
        ("no calcification, ill-defined", ["not calcification", "ill-defined"]),
        ("no calcification and well-defined margins", ["not calcification", "well-defined"]),
        ("no wall and\nmildly dark", ["not walled", "mildly", "hypoattenuating"]),
        ("not homogeneous and well-defined", ["not homogeneous", "not well-defined"]),
        ("no evidence of\ncalcification", ["not calcification"]),
        ("no wall\ncalcified", ["not walled", "calcification"]),
        ("it isn\u2019t walled", ["not walled"]),
        ("not cystic but necrotic", ["not cystic", "necrotic"]),
        ("not cystic; solid", ["not cystic", "solid"]),
        ("no 3.5 cm cyst. Calcified.", ["not cystic", "calcification"]),
        ("neither cystic nor necrotic", ["not cystic", "not necrotic"]),
        ("free of calcium, walled", ["not calcification", "walled"]),
        ("absent calcification", ["not calcification"]),
        ("A dark lesion in which calcification is absent", ["hypoattenuating", "not calcification"]),
        ("Calcification and necrosis are not seen.", ["not calcification", "not necrotic"]),
        ("Hypodense. Calcification: none", ["hypoattenuating", "not calcification"]),
        ("non-calcified cystic lesion", ["not calcification", "cystic"]),
        ("noncalcified", ["not calcification"]),
        ("non-enhancing", ["non-enhancing"]),
        ("not only cystic", ["cystic"]),
        ("it is not walled and is cystic", ["not walled", "cystic"]),
        ("cystic rather than solid", ["cystic", "not solid"]),
        ("it does not have a capsule but has septa", ["not walled", "septated"]),
        ("it doesn't contain calcium and is well-defined", ["not calcification", "well-defined"]),
        ("Nor does it show septa.", ["not septated"]),
        ("it fails to show arterial enhancement", ["not arterial enhancement"]),
        ("A wall cannot be seen. Necrosis has not been found.", ["not walled", "not necrotic"]),
        ("Wall: not visible", ["not walled"]),
        ("it is not cystic and has a wall", ["not cystic", "walled"]),
        ("no wall - calcified", ["not walled", "calcification"]),
    ],
)
def test_negation_reaches_as_far_as_a_reader_would_take_it(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hypoattenuating, ill-defined", {"density": "hypo", "margin": "ill"}),
        (
            "markedly hypodense, mildly heterogeneous",
            {"density": "hypo", "degree": "marked", "texture": "heterogeneous"},
        ),
        ("slightly darker than the liver", {"density": "hypo", "degree": "mild"}),
        ("not well-defined, not homogeneous", {"margin": "ill", "texture": "heterogeneous"}),
        (
            "not cystic, no calcification, no capsule",
            {"content": "solid", "calcification": "none", "wall": "none"},
        ),
        ("not hypodense", {"density": "default"}),
        ("hypodense, no, hyperdense", {"density": "hyper"}),
        ("hyperdense, not hypodense", {"density": "hyper"}),
        ("calcified; on second thought no calcification", {"calcification": "none"}),
        ("a thick wall; the capsule enhances", {"wall": "walled", "wall_thickness": "thick"}),
        ("no thick wall", {"wall": "none", "wall_thickness": "plain"}),
        ("walled, but no thick wall", {"wall": "walled"}),
        ("thin-walled, not thick-walled", {"wall": "walled", "wall_thickness": "thin"}),
        ("punctate calcifications", {"calcification": "present", "calcium_grain": "punctate"}),
        ("divided by thin walls", {"septa": "septated"}),
        ("cirrhosis", {}),
        ("haemorrhagic cyst", {"content": "cystic", "fluid": "dense"}),
        ("solid and cystic mass with haemorrhage", {"content": "haemorrhagic"}),
    ],
)
def test_mentions_become_a_description_in_which_the_later_word_counts(text: str, expected: dict[str, str]) -> None:
    assert describe(find(text)) == expected


def test_an_organ_limits_the_terms_to_its_own() -> None:
    assert said("a renal stone in the kidney", "kidney") == ["renal stone"]
    assert said("a renal stone", "liver") == []
    assert {t.name for t in terms("pancreas")} < {t.name for t in terms()}


def test_an_unknown_organ_is_refused() -> None:
    with pytest.raises(InputError, match="spleen"):
        find("cyst", "spleen")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hypodense and hyperdense", [("hypoattenuating", "hyperattenuating")]),
        ("calcified. No calcifications.", [("calcification", "calcification")]),
        ("hyperdense, not hypodense; cyst, simple cyst; no wall", []),
        ("walled, thick-walled", []),
        (
            "a haemorrhagic cyst; a solid, partly necrotic mass",
            [("haemorrhagic", "necrotic"), ("cystic", "solid"), ("cystic", "necrotic")],
        ),
        ("walled, but no thick wall", []),
        ("thick-walled, no wall", [("thick-walled", "walled")]),
        ("thick-walled, thin-walled", [("thick-walled", "thin-walled")]),
    ],
)
def test_contradictions_are_pairs_that_cannot_both_hold(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(a.term.name, b.term.name) for a, b in contradictions(find(text))] == expected


def test_every_wording_is_found_as_its_own_term() -> None:
    for organ in ("liver", "pancreas", "kidney"):
        for term in (t for t in terms(organ) if "degree" not in t.kinds):
            for wording in term.synonyms:
                text = wording.format(**{**SLOTS, "organ": organ})
                found = find(text, organ)
                assert [(m.term.kinds, m.term.about) for m in found] == [(term.kinds, term.about)], text
                assert not found[0].negated, text


def test_terms_set_values_that_the_renderer_knows() -> None:
    for term in terms():
        assert all(value in KINDS[kind] for kind, value in term.kinds.items()), term.name


def test_held_out_wordings_are_among_the_wordings() -> None:
    for term in terms():
        assert term.held_out <= set(term.synonyms), term.name
