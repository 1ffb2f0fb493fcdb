"""Dictated texts: spoken punctuation, words in two pieces, words that speech recognition mistakes for others."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("hypodense comma ill defined comma no calcification period", {"density": "hypo", "margin": "ill"}),
        ("calcifications comma coarse full stop", {"calcification": "present", "calcium_grain": "coarse"}),
        ("hetero genius mass with central narcosis", {"texture": "heterogeneous", "content": "necrotic"}),
        ("well circum scribed low attenuation focus", {"margin": "well", "density": "hypo"}),
        ("darker then the liver, ill to find margins", {"density": "hypo", "margin": "ill"}),
        ("a septated assist with in perceptible wall", {"content": "cystic", "septa": "septated", "wall": "none"}),
    ],
)
def test_what_was_dictated_is_understood(text: str, means: dict[str, str]) -> None:
    said = understand(text, "liver").description
    assert {kind: said.get(kind) for kind in means} == means


@pytest.mark.parametrize(
    "text",
    [
        "hypodense, unchanged over a period of three months, without calcification",
        "Seen in the delayed period, then hypodense; the colon is empty.",
    ],
)
def test_a_period_of_time_ends_no_sentence(text: str) -> None:
    assert understand(text, "liver").description["density"] == "hypo"
