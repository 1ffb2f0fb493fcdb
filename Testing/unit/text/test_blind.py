"""What batches of texts found that were written before they were read (`Testing/corpus/blind.json`), a case a kind."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Denials of clauses, and what is taken back at once.
        ("It is not true that the lesion is well defined.", {"margin": "ill"}),
        ("There is no evidence that the capsule is calcified.", {"wall": "walled", "calcification": "none"}),
        ("It would be wrong to say it is ill-defined.", {"margin": "well"}),
        ("Had been thought well defined but is not.", {"margin": "ill"}),
        ("It looks calcified but isn't.", {"calcification": "none"}),
        ("The report of calcification was an error.", {"calcification": "none"}),
        ("It is not, as previously stated, calcified.", {"calcification": "none"}),
        ("It never lacked a capsule.", {"wall": "walled"}),
        ("It has never been calcified.", {"calcification": "none"}),
        (
            "Neither the wall nor the septa are calcified.",
            {"wall": "walled", "septa": "septated", "calcification": "none"},
        ),
        ("not markedly hypodense", {"density": "hypo", "degree": "plain"}),
        # An adjective denies only its noun.
        ("simple cyst, imperceptible wall", {"content": "cystic", "wall": "none"}),
        ("uniform water density, imperceptible wall", {"texture": "homogeneous", "content": "cystic", "wall": "none"}),
        # Comparisons that are none, and numbers.
        ("homogeneous enhancement, less than that of the cortex", {"texture": "homogeneous", "density": "hypo"}),
        ("less than 5 mm of calcification", {"calcification": "present"}),
        ("not as dense as reported", {}),
        ("Enhancement increased from 32 to 98 HU.", {}),
        ("It measures -98 HU.", {"fat": "present"}),
        # Words that stand for others.
        ("Instead of a thin wall there is a thick one.", {"wall": "walled", "wall_thickness": "thick"}),
        ("Gallbladder contains calcified stones; its wall is thickened.", {}),
        ("w/o calc w/ septa", {"calcification": "none", "septa": "septated"}),
        ("dont add calcium, just dark", {"calcification": "none", "density": "hypo"}),
        ("mass with a scar in the middle", {"scar": "central"}),
        # Orders and answers.
        ("remove the wall and the septa, make it darker", {"wall": "none", "septa": "none", "density": "hypo"}),
        ("take the septa out, keep the wall", {"septa": "none", "wall": "walled"}),
        ("Q: necrosis? A: no", {"content": "solid"}),
        ("necrosis yes wall yes septa no", {"content": "necrotic", "wall": "walled", "septa": "none"}),
        # Other lesions, other things, other times.
        ("The larger is hypodense. The smaller is a simple cyst.", {"density": "hypo"}),
        ("Lesion #1: fuzzy. Lesion #2: cyst.", {"margin": "ill"}),
        ("Next to a calcified granuloma lies a hypodense lesion.", {"density": "hypo"}),
        ("A hypodense mass. Cortical cysts bilaterally.", {"density": "hypo"}),
        ("Unlike the other lesions this one is hyperdense.", {"density": "hyper"}),
        ("There was necrosis in 2019; none now.", {}),
        ("Dense calcified plaque of the abdominal aorta.", {}),
        ("Heterogeneous perfusion of the liver parenchyma.", {}),
        ("The remainder of the liver is fatty.", {}),
        ("A mass with a scar; the remainder enhances avidly.", {"density": "arterial"}),
        ("Pyelonephritis with gas within the lesion.", {"gas": "bubbles"}),
        ("CA 19-9 is raised; renal cell ca suspected.", {}),
        ("Sharp pain on the right; smooth kernel.", {}),
        # What is supposed, what it may be or was, what is beside it.
        ("A cyst would be darker. This lesion has blurred edges.", {"margin": "ill"}),
        ("Should a mural nodule appear, surgery is advised. A solid mass.", {}),
        ("Differential includes abscess with thick wall; the lesion is hypodense.", {"density": "hypo"}),
        (
            "On the earlier scan it was thought to be a mass with septa; today it shows rim enhancement.",
            {"wall": "walled"},
        ),
        ("Apart from a simple cyst, the liver contains one hyperenhancing nodule.", {"density": "arterial"}),
        ("A hypovascular mass; two small cysts upstream.", {"density": "hypo"}),
        # Where a word belongs.
        ("Well demarcated zone with no nodular enhancement along its edge.", {"margin": "well"}),
        ("necrotic core, bright thick ring", {"content": "necrotic", "wall": "walled", "wall_thickness": "thick"}),
        ("Dense, chunky calcifications.", {"calcification": "present", "calcium_grain": "coarse"}),
        ("Hypovascular, engulfing splenic vessels.", {"density": "hypo"}),
        ("Annular calcification around a mass.", {"calcification": "present"}),
        ("no wall no septa just a cyst", {"content": "cystic"}),
        ("A mass enhancing intensely and heterogeneously.", {"density": "arterial", "texture": "heterogeneous"}),
        # Cysts that are named before the mass.
        (
            "Simple cysts in the right kidney. In the left kidney a septated mass.",
            {"septa": "septated"},
        ),
        ("Several cysts on the right and a hypodense mass on the left.", {"density": "hypo"}),
        ("Multiple simple cysts. Hypodense mass in segment 7.", {"density": "hypo"}),
        ("Left renal cyst. A right renal mass with necrosis.", {"content": "necrotic"}),
        ("Simple cysts. No mass.", {"content": "cystic"}),
        ("Several cysts. Hypodense lesions, too small to characterise.", {"content": "cystic", "density": "hypo"}),
        ("Cysts with septa and a lobulated mass.", {"septa": "septated", "content": "cystic", "contour": "lobulated"}),
        # Fluid in the middle of a wall fills the lesion; in a mass without one it is its centre.
        ("Abscess with central fluid.", {"content": "cystic"}),
        ("Thick wall. Central fluid.", {"wall": "walled", "wall_thickness": "thick", "content": "cystic"}),
        ("A bright rim around a fluid-attenuation centre.", {"wall": "walled", "content": "cystic"}),
        ("Mass with central fluid.", {"content": "necrotic"}),
        # Degrees that stand elsewhere than before their density.
        ("darker than the liver by a lot", {"density": "hypo", "degree": "marked"}),
        ("brighter by a little", {"density": "hyper", "degree": "mild"}),
        ("not too dark, just a bit", {"density": "hypo", "degree": "mild"}),
        ("not too well defined", {"margin": "ill"}),
        # What is said of a place, an organ's part or another organ's tumour.
        ("Duct-centred cystic dilatation.", {"content": "cystic"}),
        ("Gallbladder carcinoma with a hypoenhancing hepatic component.", {"density": "hypo"}),
        # A gloss in brackets, items of two words.
        ("Intense corticomedullary (arterial) enhancement.", {"density": "arterial"}),
        ("thin septa mural nodule", {"septa": "septated", "nodule": "mural"}),
        # Numbers that are no density.
        ("A mass of ca. 60 HU, enhancing by 20 HU.", {}),
    ],
)
def test_it_is_read_as_it_was_meant(text: str, expected: dict[str, str]) -> None:
    understood = understand(text, "liver").description
    assert _told(understood) == _told(expected)
    assert all(understood.get(kind) == value for kind, value in expected.items())


def _told(description: dict[str, str]) -> dict[str, str]:
    """What is not at its default."""
    return {kind: value for kind, value in description.items() if value != KINDS[kind][0]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("thick thin-walled cyst", "thick"),
        ("mildly markedly hypodense", "mildly"),
        ("not as heterogeneous as before", "not as heterogeneous"),
        ("not as dense as reported", "not as dense"),
    ],
)
def test_a_word_that_has_no_effect_is_told(text: str, words: str) -> None:
    understood = understand(text, "liver")
    assert words in [understood.words(heard) for heard in understood.heard]
