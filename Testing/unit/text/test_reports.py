"""A pasted report gives up its lesion's description, and nothing else."""

from __future__ import annotations

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.reports import lesion_description

REPORT = """CLINICAL HISTORY: Known liver metastases. Renal mass on ultrasound.
TECHNIQUE: Portal venous phase, 2.5 mm slices.

FINDINGS:
Liver: Normal in size. There is a 3.2 x 2.8 cm hypoattenuating mass
in segment VI. It is ill-defined with central necrosis. No calcification. The portal vein is patent.
Pancreas: Homogeneous. No mass or ductal dilatation.
Kidneys: Simple cyst of the left kidney, approx. 12 mm, well-defined. The spleen is homogeneous.

IMPRESSION:
1. Liver metastasis.
2. Renal cyst.
"""


@pytest.mark.parametrize(
    ("organ", "taken"),
    [
        (
            "liver",
            "There is a 3.2 x 2.8 cm hypoattenuating mass in segment VI. It is ill-defined with central necrosis. "
            "No calcification.",
        ),
        ("kidney", "Simple cyst of the left kidney, approx. 12 mm, well-defined."),
        ("pancreas", ""),
    ],
)
def test_the_organs_lesion_is_taken_and_the_rest_left(organ: str, taken: str) -> None:
    assert lesion_description(REPORT, organ) == taken


@pytest.mark.parametrize(
    ("report", "taken"),
    [
        ("No focal hepatic lesion. Homogeneous parenchyma.", ""),
        ("No mass in the spleen. Hypodense liver lesion, well-defined.", "Hypodense liver lesion, well-defined."),
        ("Hypodense liver lesion. Spleen normal. Homogeneous.", "Hypodense liver lesion."),
        ("Findings: unremarkable.\nImpression: Hepatic cyst.", "Hepatic cyst."),
        ("The liver lesion has no calcification but is heterogeneous.",) * 2,
        ("The hepatic mass exerts no mass effect.",) * 2,
        ("", ""),
    ],
)
def test_denied_lesions_and_other_organs_are_left(report: str, taken: str) -> None:
    assert lesion_description(report, "liver") == taken


def test_an_unknown_organ_is_refused() -> None:
    with pytest.raises(InputError, match="unknown organ 'spleen'"):
        lesion_description(REPORT, "spleen")
