"""Borders that a clause tells of, what is conceded, and what a lesion is only in part."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is difficult to say where the lesion ends.", {"margin": "ill"}),
        ("Where the lesion ends and the liver begins cannot be told.", {"margin": "ill"}),
        ("One sees exactly where it ends, no calcification.", {"margin": "well"}),
        ("One can hardly tell the lesion from the liver around it.", {"margin": "ill"}),
        ("The mass cannot be separated from the duodenum.", {}),
        ("The borders can be traced all the way round.", {"margin": "well"}),
        ("Its outline can be followed only on one side.", {"margin": "ill"}),
        ("The rim, though thin, is complete.", {"wall": "walled", "wall_thickness": "thin"}),
        ("The lesion, though small, is sharply defined.", {"margin": "well"}),
        ("Partly cystic, partly solid.", {"content": "cystic"}),
        ("The same grey as the liver.", {"density": "iso"}),
        (
            "The same grey throughout, one can draw a clear line around it.",
            {"texture": "homogeneous", "margin": "well"},
        ),
        ("lacking the brightness of normal liver", {"density": "hypo"}),
        ("It enhances as the surrounding liver does.", {"density": "iso"}),
        ("It enhances at once and completely in the arterial phase.", {"density": "arterial"}),
        ("Colon cancer metastasis: hypodense.", {"density": "hypo"}),
        ("Deposit. Nonspecific, vague area of decreased attenuation.", {"density": "hypo", "margin": "ill"}),
        ("A tumour whose periphery enhances and whose centre does not.", {"wall": "walled", "content": "necrotic"}),
        ("The centre is darker than the periphery.", {"content": "necrotic"}),
    ],
)
def test_it_is_read_as_it_was_meant(text: str, expected: dict[str, str]) -> None:
    understood = understand(text, "liver").description
    assert {k: v for k, v in understood.items() if v != KINDS[k][0]} == expected


def test_words_in_any_order_are_read() -> None:
    for text in ("of in nodule", "of lesion", "before", ", where it ends", "on the prior CT", "beside , of a cyst"):
        understand(text, "liver")
