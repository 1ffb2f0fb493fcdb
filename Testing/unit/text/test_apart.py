"""Which lesion is drawn of several, and what one sentence takes back of the one before."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand

DARK = {"density": "hypo"}


@pytest.mark.parametrize(
    ("text", "organ", "expected"),
    [
        # Another place is another lesion; the first that is described is drawn.
        ("The mass in the tail is solid; the one in the head is cystic.", "pancreas", {}),
        ("The segment 8 lesion is hypodense. The segment 3 lesion is a simple cyst.", "liver", DARK),
        ("The lesion in segment 4 and in segment 5 is hypodense. The one in segment 1 is cystic.", "liver", DARK),
        ("The lesion in segment 8 is hypodense and the lesion in segment 2 is calcified.", "liver", DARK),
        ("The right lobe lesion is hyperdense; the left lobe lesion is hypodense.", "liver", {"density": "hyper"}),
        ("The upper pole mass is hypodense; that in the lower pole is calcified.", "kidney", DARK),
        ("The mass in the head is hypodense. In the tail there is a further one, which is cystic.", "pancreas", DARK),
        ("Head: hypodense mass. Tail: cyst with septa.", "pancreas", DARK),
        ("Hypodense mass in the head. Body and tail are atrophic with calcifications.", "pancreas", DARK),
        ("The lesion in segment 4 is hypodense. The lesion in segment 7 is cystic. It has a wall.", "liver", DARK),
        ("Hypodense mass in the head. There is also a cyst. The cyst has thin septa.", "pancreas", DARK),
        ("The lesion in segment 5 is hypodense, unlike the one in segment 8, which is calcified.", "liver", DARK),
        # The same place, or one that holds the other, is the same lesion.
        ("Hypodense mass in the right lobe. The lesion in segment 6 has septa.", "liver", {
            **DARK, "septa": "septated",
        }),
        ("The mass in the head is hypodense. The lesion in the head has septa.", "pancreas", {
            **DARK, "septa": "septated",
        }),
        ("A mass in the left kidney. The lesion at the upper pole is hypodense.", "kidney", DARK),
        # What is plain gives way to a mass at another place.
        ("Simple cyst in segment 4. Hypodense lesion in segment 7.", "liver", DARK),
        ("A 4 mm cyst in segment 2 and a hypodense mass in segment 7.", "liver", DARK),
        ("Calcified granuloma in segment 2. In segment 7 a hypodense mass.", "liver", DARK),
        # Sides as titles, ranks, another organ's and those that were taken out.
        ("Right, the larger: 6.8 cm, hypodense. Left: 3 cm with necrosis.", "kidney", DARK),
        ("Two masses. The first, in the head, is hypodense. The other one in the body is necrotic.", "pancreas", DARK),
        ("The biggest is hypodense, the rest are calcified.", "liver", DARK),
        ("Hypodense mass. Liver - cyst in S4, sharp, thin wall.", "kidney", DARK),
        ("Hypodense mass. In the liver, several necrotic metastases.", "pancreas", DARK),
        ("Hypodense mass. Pancreas studded with cysts, some calcified.", "kidney", DARK),
        ("Hypodense mass. Coarse calcifications of the pancreas.", "liver", DARK),
        ("Hypodense mass. The removed tumour had been necrotic.", "liver", DARK),
        ("The rim has vanished; there remains a hypodense lesion.", "liver", DARK),
        ("Hypodense lesion. Dense deposit nearby.", "liver", DARK),
        ("The one on the right is hypodense, the one on the left is cystic.", "kidney", DARK),
        ("Hypodense lesion in segment 8. In the left lobe there are cysts, some calcified.", "liver", DARK),
        ("Hypodense mass. The lesion of the other kidney is cystic.", "kidney", DARK),
        ("Lesion A in segment 2 is hypodense. Lesion B in segment 7 is calcified.", "liver", DARK),
        ("A mass in the tail, a cyst in the head; the mass is hypodense, the cyst has septa.", "pancreas", DARK),
        # Fluid beside the organ, where a lesion is named besides.
        ("Hypodense mass in the body with a fluid collection in the lesser sac.", "pancreas", DARK),
        ("Hypodense lesion. Perihepatic collection with gas.", "liver", DARK),
        ("Perihepatic collection.", "liver", {"content": "cystic"}),
    ],
)  # fmt: skip
def test_it_is_the_lesion_that_is_described_first(text: str, organ: str, expected: dict[str, str]) -> None:
    assert _told(understand(text, organ).description) == expected


def test_the_size_of_another_lesion_is_not_this_ones() -> None:
    text = "The 30 mm lesion in segment 8 is hypodense. The lesion in segment 2 measures 12 mm."
    assert understand(text, "liver").numbers.sizes_mm == ((30.0,),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was reported as cystic; it is not.", {}),
        ("The lesion was called calcified on ultrasound; it isn't.", {}),
        ("Hypodense lesion, reported as calcified; it is not.", DARK),
        ("Described as septated, which is not confirmed.", {}),
        ("Septa were suspected. None are seen.", {}),
        ("Thick septa were described in the cyst; they are not seen today.", {"content": "cystic"}),
        ("The lesion was said to be homogeneous; it is anything but.", {"texture": "heterogeneous"}),
        ("Is the lesion calcified? It is not.", {}),
        ("Ultrasound described it as well defined. On CT it is not.", {"margin": "ill"}),
        ("Read as a cyst last week. That is wrong.", {}),
        ("Outside report: septated cyst. This is not confirmed.", {}),
        # What is less likely, supposed, or neither of two.
        ("Differential: abscess, necrotic metastasis. The lesion is hypodense.", DARK),
        ("A thick wall would favour an abscess; there is no wall.", {}),
        ("Hypodense mass. Pseudocyst less likely since part of it enhances.", DARK),
        ("Hypodense mass, less likely a cyst.", DARK),
        ("Hypodense mass. A recurrence, which was hyperdense, is considered less probable.", DARK),
        ("Hypodense mass. An abscess is considered unlikely.", DARK),
        ("Neither lighter nor darker than the liver.", {"density": "iso"}),
        ("Neither calcified nor cystic.", {}),
        # What the text itself says is not taken back by what follows.
        ("The lesion is hypodense; it is not large.", DARK),
        ("The lesion is calcified. It was not seen before.", {"calcification": "present"}),
        ("Described as hypodense, and it is.", DARK),
    ],
)
def test_what_is_taken_back_is_not_drawn(text: str, expected: dict[str, str]) -> None:
    assert _told(understand(text, "liver").description) == expected


def _told(description: dict[str, str]) -> dict[str, str]:
    """What is not at its default."""
    return {kind: value for kind, value in description.items() if value != KINDS[kind][0]}


@pytest.mark.parametrize(
    "text",
    [
        "Patient referred for evaluation of a 3 cm hypodense lesion in the pancreatic tail.",
        "Admitted for a hypodense mass.",
        "Biopsied because of a hypodense mass.",
    ],
)
def test_what_somebody_came_for_is_there_still(text: str) -> None:
    """Unlike what somebody was treated for."""
    assert understand(text, "pancreas").description == DARK
    assert understand("Operated for a cystic tumour. Hypodense mass in the head.", "pancreas").description == DARK
