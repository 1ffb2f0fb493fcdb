"""What batches of texts by other hands found (`Testing/corpus/unseen.json`, from 75 on), a case a kind."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.languages import other_language
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("organ", "text", "expected"),
    [
        # What a sentence opens with, and where a metastasis comes from, are no subjects.
        ("pancreas", "Following acute pancreatitis there is a mass, hypodense.", {"density": "hypo"}),
        ("pancreas", "A metastasis from the previous renal cancer is seen as a bright nodule.", {"density": "hyper"}),
        ("liver", "A mass with fine calcification is seen in the left lateral section.",
         {"calcification": "present", "calcium_grain": "punctate"}),
        # Degrees and measures behind what they are of.
        ("liver", "hypoattenuation, very pronounced", {"density": "hypo", "degree": "marked"}),
        ("kidney", "wall 6 mm, not enhancing", {"wall": "walled", "wall_thickness": "thick"}),
        ("kidney", "wall: 3 mm", {"wall": "walled"}),
        # Densities.
        ("kidney", "A tumour, avid in the corticomedullary phase.", {"density": "arterial"}),
        ("kidney", "A mass that is soft-tissue dense.", {"content": "solid"}),
        ("kidney", "75 HU native, nil enhancement", {"density": "hyper"}),
        ("kidney", "Portal 90 HU, native 40 HU", {}),
        # Diagnoses are no borders.
        ("kidney", "A mass; oncocytoma and RCC cannot be separated on imaging.", {}),
        ("pancreas", "blood products with a dependent fluid-debris level",
         {"content": "haemorrhagic", "layering": "layered"}),
    ],
)  # fmt: skip
def test_kinds_that_others_showed(organ: str, text: str, expected: dict[str, str]) -> None:
    assert understand(text, organ).description == expected


def test_another_organs_lesion_is_that_organs_however_it_is_told() -> None:
    text = "The pancreas contains no mass; a hypodense lesion is however present in the left kidney."
    assert understand(text, "pancreas").elsewhere == "kidney"


def test_units_and_segments_are_of_no_language() -> None:
    text = "In Segment VII zeigt sich eine 2,4 cm gro\u00dfe hypodense L\u00e4sion mit unscharfer Begrenzung."
    assert other_language(text, "liver") == "German"
