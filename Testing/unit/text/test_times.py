"""Texts that tell of two times: only what is so now is drawn."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A moment that ends what was so, or opens it.
        ("The metastasis, necrotic before chemotherapy, is now solid and calcified.", {"calcification": "present"}),
        ("The lesion was ill-defined at baseline and is now sharply marginated.", {"margin": "well"}),
        ("At baseline heterogeneous with central necrosis, at follow-up homogeneous.", {"texture": "homogeneous"}),
        ("Hypodense now; on the March study it had been hyperdense.", {"density": "hypo"}),
        ("Hypodense now, with a rim until the second cycle of chemotherapy.", {"density": "hypo"}),
        ("A mass, isodense in January, hypodense in May.", {"density": "hypo"}),
        ("Prior CT: necrotic mass. Current CT: calcified mass.", {"calcification": "present"}),
        (
            "The cyst has septa since 2018, when it was calcified and without septa.",
            {"content": "cystic", "septa": "septated"},
        ),
        # Of one time alone.
        ("Baseline CT: hypodense, ill-defined lesion.", {"density": "hypo", "margin": "ill"}),
        ("The tumour had a capsule on last year's MRI, which cannot be seen any more.", {}),
        # What was not so then.
        ("Calcified now, it was not calcified on the old scan.", {"calcification": "present"}),
        (
            "The calcium, not present on the prior CT, is coarse.",
            {"calcification": "present", "calcium_grain": "coarse"},
        ),
        # What was so and is so still.
        ("Hypodense and ill-defined, as on the prior study.", {"density": "hypo", "margin": "ill"}),
        ("Calcifications seen on the prior CT.", {"calcification": "present"}),
        ("A thin wall on the MRI of 2019, unchanged.", {"wall": "walled", "wall_thickness": "thin"}),
        ("Hypodense lesion, stable since 2018.", {"density": "hypo"}),
        (
            "On the prior CT a homogeneous lesion. Today it shows calcium.",
            {
                "texture": "homogeneous",
                "calcification": "present",
            },
        ),
        ("It was cystic at baseline; today it has septa.", {"content": "cystic", "septa": "septated"}),
        ("It was cystic at baseline; today it is solid.", {}),
        ("The margin, sharp in 2019, is now blurred.", {"margin": "ill"}),
        ("Before treatment: solid, hypervascular. Now: cystic.", {"content": "cystic"}),
        ("Embolised because of bleeding. Hypodense lesion.", {"density": "hypo"}),
        # What has come or gone.
        ("The enhancing rim has disappeared in the interval.", {"wall": "none"}),
        ("The earlier sharp border is lost.", {"margin": "ill"}),
        ("Its former necrosis has been replaced by calcification.", {"calcification": "present"}),
        ("The haemorrhage seen in the cyst three months ago has been resorbed.", {"content": "cystic"}),
        ("Margins have become less distinct since the last CT.", {"margin": "ill"}),
        ("The lesion no longer enhances. It used to enhance avidly.", {"density": "hypo"}),
        ("The lesion was necrotic. It is now solid.", {}),
    ],
)
def test_what_was_so_earlier_is_not_drawn(text: str, expected: dict[str, str]) -> None:
    assert _told(understand(text, "liver").description) == _told(expected)


def test_what_was_so_earlier_is_told_as_without_effect() -> None:
    understood = understand("Necrotic before chemotherapy, now solid.", "liver")
    assert [(understood.words(heard), heard.why) for heard in understood.heard] == [("Necrotic", "said of the past")]


def _told(description: dict[str, str]) -> dict[str, str]:
    """What is not at its default."""
    return {kind: value for kind, value in description.items() if value != KINDS[kind][0]}
