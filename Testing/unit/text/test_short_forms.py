"""Items, ticked boxes, arrows, answers of a letter, and words cut short or mistyped."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[x] hypodense [ ] hyperdense [x] ill-defined", {"density": "hypo", "margin": "ill"}),
        ("Wall: [ ] none [x] thin [ ] thick", {"wall": "walled", "wall_thickness": "thin"}),
        ("\u2610 calcified \u2611 necrotic", {"calcification": "none", "content": "necrotic"}),
        ("calcified [x] necrotic [ ]", {"calcification": "present", "content": "solid"}),
        ("Necrosis: N. Calcification: y.", {"content": "solid", "calcification": "present"}),
        ("attn \u2193, margins well def.", {"density": "hypo", "margin": "well"}),
        ("enh ++, het", {"density": "arterial", "texture": "heterogeneous"}),
        ("PV w/o, caps +", {"density": "hypo", "wall": "walled"}),
        ("nec - / Ca - / rim + thick", {"calcification": "none", "wall": "walled", "wall_thickness": "thick"}),
        ("hypodns mass, mrgns crcmscrbd, heterogen. texture", {"density": "hypo", "margin": "well"}),
        ("infiltrat. mass, hipodense", {"margin": "ill", "density": "hypo"}),
        ("v. hypodense", {"density": "hypo", "degree": "marked"}),
        ("hypo, ID, rim+", {"density": "hypo", "margin": "ill", "wall": "walled"}),
        ("thik wall, wel defined", {"wall_thickness": "thick", "margin": "well"}),
        ("septa multiple, thin, smooth", {"septa": "septated", "margin": None}),
        ("1. hypodense lesion, no enh. 2. calcified granuloma", {"density": "hypo", "calcification": None}),
    ],
)
def test_short_forms(text: str, meant: dict[str, str | None]) -> None:
    description = understand(text, "liver").description
    assert {kind: description.get(kind) for kind in meant} == meant


@pytest.mark.parametrize("text", ["Patient ID: 7", "portal v. patent", "T2N0M0", "hippocampus", "I think", "n/a"])
def test_what_only_looks_like_one_says_nothing(text: str) -> None:
    assert understand(text, "liver").description == {}
