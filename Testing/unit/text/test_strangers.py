"""Sentences about something else than a lesion, whose nouns are in no list."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    "text",
    [
        "Lesion in segment 5. Smooth handover, sharp instruments.",
        "Renal mass. Dense shunts, calcified phleboliths, coarse trabeculae of a vertebra.",
        "Septic patient, gas-forming organisms in blood cultures, lesion segment 8.",
        "Lesion unchanged. Fluid balance positive, black vomitus, thick mucus.",
        "Nodule. The monitor was bright.",
        "A lesion. There is a bright spot on the monitor.",
        "A lesion. Blood on the drape.",
        "Lesion in segment 8. Clear fluid aspirated.",
        "Lesion. Aspiration of turbid fluid.",
        "Lesion. Spine with dense endplates and a calcified haemangioma.",
        "Mass. Femur with a sclerotic rim and a cyst.",
        "Mass. T9 with a smooth lipoma.",
        "Liver with fatty lobulation.",
        "Images were windowed dark.",
        "Thin slices, smooth kernel; sharp pain, blood pressure low.",
        "A mass. Homogeneous thickening of the adrenal.",
        "Lesion. Duodenal diverticulum filled with air and fluid.",
        "Renal mass; simple fluid in the perirenal space.",
        "Mass. Necrotic toe, gas in the soft tissues of the calf.",
        "Lesion; pancreas hypodense and fatty.",
        "The needle will pass through a thin rim of normal parenchyma to reach the lesion.",
        "Status post distal pancreatectomy for a mucinous cystic neoplasm; new lesion.",
    ],
)
def test_what_is_said_of_them_is_not_said_of_the_lesion(text: str) -> None:
    understood = understand(text, "liver")
    assert {kind: value for kind, value in understood.description.items() if value not in ("solid", "none")} == {}


def test_it_is_told_whose_a_word_is() -> None:
    understood = understand("Mass in segment 4. Calcified phleboliths.", "liver")
    assert [(understood.words(heard), heard.why) for heard in understood.heard] == [
        ("Calcified", "said of the phlebolith")
    ]


def test_an_abrupt_end_of_the_duct_is_no_margin() -> None:
    assert understand("An abrupt transition with a hypodense tumour.", "pancreas").description == {"density": "hypo"}
    assert understand("Abrupt transition to the pancreas.", "pancreas").description == {"margin": "well"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dark blob", {"density": "hypo"}),  # the only name that a lesion has
        ("The mass ends at a sharp line.", {"margin": "well"}),  # a sentence about a lesion
        ("Lesion. Small hypodense plaque.", {"density": "hypo"}),  # what is said of lesions alone
    ],
)
def test_an_unlisted_noun_may_be_the_lesion(text: str, expected: dict[str, str]) -> None:
    assert understand(text, "liver").description == expected
