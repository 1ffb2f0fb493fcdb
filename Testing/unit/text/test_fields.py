"""Forms, tables and lists of fields are read as the items that they stand for."""

from __future__ import annotations

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.understanding import check_text, understand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("organ=liver density=markedly_hypo gas=0", {"density": "hypo", "degree": "marked", "gas": "none"}),
        ("wall=thin septa=none", {"wall": "walled", "wall_thickness": "thin", "septa": "none"}),
        ("| Feature | Finding |\n|---|---|\n| Margin | sharp |\n| Calcium | absent |",
         {"margin": "well", "calcification": "none"}),
        ("Capsule ........ thin\nSepta .......... none", {"wall": "walled", "wall_thickness": "thin", "septa": "none"}),
        ('{"organ": "liver", "density": "hypo", "calcification": false, "wall": null}',
         {"density": "hypo", "calcification": "none"}),
        ("Density: hypo. Margin: -.", {"density": "hypo"}),  # a field that is left empty denies nothing
        ("Well-defined. No septa / calc.", {"margin": "well", "septa": "none", "calcification": "none"}),
        ("no calc / hypodense", {"calcification": "none", "density": "hypo"}),
        ("SOL, no enh septa", {"septa": "none"}),
        ("Wall: Y, thick. Calc: Y, wall, thin.",
         {"wall": "walled", "wall_thickness": "thick", "calcification": "present"}),
        ("Cyst template: Type: unilocular. Septa: 0.", {"content": "cystic", "septa": "none"}),
        # A table's row is its header's fields; of several rows one is meant.
        ("site,size_mm,density,margin,calcification\nright lobe,33,hypodense,ill-defined,no",
         {"density": "hypo", "margin": "ill", "calcification": "none"}),
        ("Lesion no. | Site | Size | Nature\n1 | S8 | 7 mm | cyst\n2 (index) | S4 | 52 mm | solid, heterogeneous",
         {"texture": "heterogeneous"}),
        ("Date | Size | Content | Wall\nPrior 2022 | 40 mm | cystic | thin\nCurrent 2024 | 61 mm | cystic | thick",
         {"content": "cystic", "wall": "walled", "wall_thickness": "thick"}),
        ("Feature | lesion A | lesion B\nDensity | hypo | iso\nMargin | ill | well",
         {"density": "hypo", "margin": "ill"}),
        ("Feature            Yes   No\nSepta                     X\nCalcification      X",
         {"septa": "none", "calcification": "present"}),
        ("Feature;Present\nCalcification;1\nSepta;0", {"calcification": "present", "septa": "none"}),
        ("DENSITY  markedly hypodense\nWALL     present, thick",
         {"density": "hypo", "degree": "marked", "wall": "walled", "wall_thickness": "thick"}),
        # Exports.
        ('<finding density="hypodense" degree="slight" margin="ill-defined" calcification="no"/>',
         {"density": "hypo", "degree": "mild", "margin": "ill", "calcification": "none"}),
        ('[{"content": "cystic", "wall": {"present": true, "thickness": "thin"}, "septa": {"present": 0}}]',
         {"content": "cystic", "wall": "walled", "wall_thickness": "thin", "septa": "none"}),
        ("Calcifications\n  present: yes\n  type: punctate\nSepta\n  present: no",
         {"calcification": "present", "calcium_grain": "punctate", "septa": "none"}),
        # What is not known neither is nor is not.
        ("border -> indistinct\nnecrosis -> n/a\nCalcification: not evaluated", {"margin": "ill"}),
        ("Septa (none / few / many): none\nWall (imperceptible / thick): thick",
         {"septa": "none", "wall": "walled", "wall_thickness": "thick"}),
        ("Density (HU): lesion 31 / liver 96\nMargin: sharp", {"density": "hypo", "margin": "well"}),
        ("Necrosis no\nKidneys: cyst; septa yes", {}),
        ("hypodense lesion comma margins ill hyphen defined", {"density": "hypo", "margin": "ill"}),
    ],
)  # fmt: skip
def test_fields_are_items(text: str, expected: dict[str, str]) -> None:
    meant = understand(text, "liver").description
    assert {kind: value for kind, value in meant.items() if (kind, value) != ("content", "solid")} == expected


@pytest.mark.parametrize(
    ("text", "organ", "other"),
    [
        ("splenic cyst 4 cm", "pancreas", "spleen"),
        ("gallstones, otherwise nothing", "kidney", "gallbladder"),
        ("Uterus is bulky with a 6 cm calcified fibroid.", "kidney", "pelvis"),
        ("Adrenal protocol\nSize: 22 mm\nMargins: smooth", "kidney", "adrenals"),
    ],
)
def test_a_text_of_something_else_alone_is_told(text: str, organ: str, other: str) -> None:
    meant = understand(text, organ)
    assert not meant.description
    assert any(f"the text speaks of the {other}" in line for line in meant.warnings())


def test_within_normal_limits_is_no_lesion() -> None:
    with pytest.raises(InputError, match="no lesion"):
        check_text("pancreas wnl", "pancreas")
