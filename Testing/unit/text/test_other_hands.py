"""What batches of texts by other hands found (`Testing/corpus/fourth.json`), a case a kind."""

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
        ("kidney", "a cyst with a rind 6 mm thick", {"content": "cystic", "wall": "walled", "wall_thickness": "thick"}),
        ("kidney", "a cyst with a thick (5 mm) wall",
         {"content": "cystic", "wall": "walled", "wall_thickness": "thick"}),
        ("kidney", "a cyst, its wall of considerable thickness",
         {"content": "cystic", "wall": "walled", "wall_thickness": "thick"}),
        ("kidney", "Bladder wall thick. Wall of the renal cyst thin.",
         {"content": "cystic", "wall": "walled", "wall_thickness": "thin"}),
        # Other lesions, and what was taken out.
        ("liver", "Hypodense lesion in segment 8. Elsewhere two simple cysts and a calcified granuloma.",
         {"density": "hypo"}),
        ("pancreas", "Mass with haemorrhage. Adjacent pseudocyst, 5 cm, thick-walled.", {"content": "haemorrhagic"}),
        ("kidney", "RCC on the left, 4.4 cm. Right kidney: septated cyst.", {}),
        ("kidney", "Left renal mass, 12 cm, haemorrhagic. Left renal cyst of 2 cm, calcified.",
         {"content": "haemorrhagic"}),
        ("kidney", "Nephrectomy in 2015 for a cystic tumour. Now a hypodense nodule.", {"density": "hypo"}),
        ("liver", "Segment 7: cyst. Segment 4B: the hypodense mass for which the patient was referred.",
         {"density": "hypo"}),
        ("liver", "Old granuloma calcified in the spleen.", {}),
        ("liver", "Such lesions are often cystic.", {}),
        # Answers, and what is held against what.
        ("liver", "Septa? I found none.", {"septa": "none"}),
        ("liver", "A cyst was suspected but is excluded.", {"content": "solid"}),
        ("liver", "The nodule measures 145 HU as against 98 HU for the adjacent liver.", {"density": "hyper"}),
        ("liver", "The mass is as dark as bile.", {"density": "hypo"}),
        # What a lesion is held against has no looks of its own.
        ("liver", "lower attenuation than the remaining liver with fuzzy edges", {"density": "hypo", "margin": "ill"}),
        ("kidney", "a lesion of water content", {"content": "cystic"}),
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


TWO = "Lesion A, segment 6, is well circumscribed. Lesion B, segment 2, is a septated cyst. "
BY_SIZE = "The 26 mm mass is hypodense. Adjacent there is an 8 mm hyperdense cyst. "


@pytest.mark.parametrize(
    ("organ", "text", "expected"),
    [
        ("liver", TWO, {"margin": "well"}),
        ("liver", TWO + "Only lesion B is of interest.", {"septa": "septated", "content": "cystic"}),
        ("liver", TWO + "B need not be drawn.", {"margin": "well"}),
        ("liver", TWO + "A need not be drawn.", {"septa": "septated", "content": "cystic"}),
        ("kidney", BY_SIZE + "Mass of interest: the 26 mm one.", {"density": "hypo"}),
        ("pancreas", "The one in the tail is calcified. Today's question is the other, in the head: well-defined.",
         {"margin": "well"}),
        ("liver", "The larger is calcified. The smaller is hypodense. The question concerns the smaller.",
         {"density": "hypo"}),
        ("liver", "An area of low density is fat and may be ignored. The nodule is bright.", {"density": "hyper"}),
        ("liver", "A hypodense mass in segment 8. A 15 mm cyst of segment 3 is incidental.", {"density": "hypo"}),
        ("liver", "The first is isodense and the second dark. The latter is of interest: a calcified wall.",
         {"wall": "walled", "calcification": "present", "density": "hypo"}),
        ("liver", "The second biggest is calcified, the biggest is hypodense.", {"density": "hypo"}),
        ("liver", "A hypodense mass. No lesion elsewhere is calcified.", {"density": "hypo"}),
        ("liver", "A heterogeneous mass; satellites around it are hypodense.", {"texture": "heterogeneous"}),
        ("liver", "A 9 mm cyst lies in segment 2. The largest lesion, in segment 8, is blurred.", {"margin": "ill"}),
        ("liver", "A mass of the right lobe, blurred. The mass touching the left portal vein is to be drawn.",
         {"margin": "ill"}),
        # Another organ's lesions, with no verb of their own or before the lesion is named.
        ("liver", "The left kidney shows a cyst and the spleen a calcified nodule.", {"content": "cystic"}),
        ("kidney", "A mass, hypodense. The right adrenal contains a nodule and the liver a cyst.", {"density": "hypo"}),
        ("pancreas", "In the liver a septated cyst. In the pancreas is an isodense nodule.", {"density": "iso"}),
        # What is over, and the rest of a lesion.
        ("pancreas", "There are three liver metastases which are hypodense. A nodule is bright.", {"density": "hyper"}),
        ("pancreas", "A mass. In segment 6 of the liver there are two calcified nodules.", {}),
        ("liver", "Gas has disappeared and the cavity is fluid.", {"gas": "none", "content": "cystic"}),
        ("liver", "A dense area within the mass. The remaining mass is hypodense.", {"density": "hypo"}),
    ],
)  # fmt: skip
def test_of_several_lesions_the_one_that_is_meant_is_drawn(organ: str, text: str, expected: dict[str, str]) -> None:
    assert understand(text, organ).description == expected


def test_what_is_said_of_another_lesion_than_the_meant_one_is_told() -> None:
    meant = understand(TWO + "Only lesion B is of interest.", "liver")
    assert any("well circumscribed" in line and "the text says is meant" in line for line in meant.lines())
