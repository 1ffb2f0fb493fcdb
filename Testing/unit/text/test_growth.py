"""Growth into what is around an organ: heard in many words, denied in many, and not where something only touches."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.understanding import understand
from TextoMorphLib.text.vocabulary import GROWS, invades, terms

QUALIFIERS = ("mildly", "markedly")  # of a density; alone they say nothing


@pytest.mark.parametrize(
    ("organ", "text"),
    [
        ("liver", "hypodense mass invading the chest wall"),
        ("liver", "infiltrates the right hemidiaphragm and diaphragm"),
        ("liver", "mass growing into the inferior vena cava"),
        ("liver", "grows through the capsule into the perihepatic fat"),
        ("liver", "erodes the adjacent rib"),
        ("liver", "Hypodense. Portal vein invasion."),
        ("liver", "the diaphragm is infiltrated"),
        ("liver", "Invasion of adjacent structures: yes"),
        ("liver", "possible invasion of the stomach"),
        ("liver", "tumour thrombus in the portal vein"),
        ("liver", "hypodense lesion that crosses the diaphragm"),
        ("liver", "extends across the right hemidiaphragm"),
        ("liver", "transdiaphragmatic extension"),
        ("liver", "violates the capsule"),
        ("liver", "traverses the chest wall"),
        ("liver", "straddling the diaphragm"),
        ("pancreas", "infiltrating the duodenum"),
        ("pancreas", "extends into the duodenum without invasion of the portal vein"),
        ("pancreas", "splenic hilum involved; splenic vein not invaded"),
        ("kidney", "extending into the perinephric fat"),
        ("kidney", "invades the liver"),
        ("kidney", "exophytic, does not invade the surrounding fat"),
    ],
)
def test_growth_into_the_surroundings_is_heard(organ: str, text: str) -> None:
    assert invades(understand(text, organ).mentions)


@pytest.mark.parametrize(
    ("organ", "text"),
    [
        ("liver", "does not invade the diaphragm"),
        ("liver", "it does not cross the diaphragm"),
        ("liver", "cannot exclude crossing of the diaphragm"),
        ("liver", "abuts but does not invade the chest wall"),
        ("liver", "it is not seen to infiltrate the stomach"),
        ("liver", "cannot exclude invasion of the stomach"),
        ("liver", "previously invaded the diaphragm"),
        ("liver", "extension into the hepatic veins is not seen"),
        ("pancreas", "without infiltration of the duodenum"),
        ("pancreas", "invades neither the stomach nor the colon"),
        ("kidney", "renal vein not invaded"),
    ],
)
def test_growth_that_is_denied_in_doubt_or_past_is_told_and_not_drawn(organ: str, text: str) -> None:
    meant = understand(text, organ)

    assert not invades(meant.mentions)
    assert [heard.why for heard in meant.heard if heard.what == GROWS]


@pytest.mark.parametrize(
    ("organ", "text"),
    [
        ("liver", "infiltrates the surrounding parenchyma"),
        ("liver", "extends into the left lobe, abuts the diaphragm"),
        ("liver", "compresses the vena cava, vessels extending through the lesion"),
        ("liver", "colon cancer invading the spleen. Hypodense liver lesion."),
        ("liver", "lesion with crossing vessels, crossed by a hepatic vein"),
        ("liver", "crosses into segment 4, septa cross the lesion"),
        ("pancreas", "encasing the superior mesenteric artery"),
        ("pancreas", "cystic lesion involving the main pancreatic duct"),
    ],
)
def test_what_touches_or_stays_in_the_organ_does_not_invade(organ: str, text: str) -> None:
    assert not invades(understand(text, organ).mentions)


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("growing through the capsule into the perihepatic fat", {"wall", "fat"}),
        ("extends to the capsule", {"wall"}),
        ("crossing the capsule", {"wall"}),
        ("with a retracted capsule", {"wall"}),
        ("the overlying capsule appears retracted", {"wall"}),
        ("mass that does not infiltrate the duodenum", {"margin"}),
    ],
)
def test_what_a_lesion_grows_into_is_none_of_its_own_looks(text: str, invented: set[str]) -> None:
    assert not invented & understand(text, "liver").description.keys()


@pytest.mark.parametrize("text", ["target lesion, hypoattenuating", "target lesion 2", "hypodense, target"])
def test_a_target_lesion_is_one_that_is_measured_and_that_is_said(text: str) -> None:
    meant = understand(text, "liver")

    assert "pattern" not in meant.description
    assert any("RECIST" in heard.why and "target sign" in heard.why for heard in meant.heard)
    assert understand("target lesion with a target sign", "liver").description["pattern"] == "target"


@pytest.mark.parametrize("organ", ["liver", "pancreas", "kidney"])
def test_every_term_is_understood_by_its_own_name(organ: str) -> None:
    """As the panel's buttons put it into the text."""
    for term in terms(organ):
        if term.name not in QUALIFIERS:
            assert term.name in [mention.term.name for mention in understand(term.name, organ).mentions]
