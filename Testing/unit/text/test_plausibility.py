"""What of a text does not go together: told in words, and not asked of a lesion that cannot be both."""

from __future__ import annotations

import pytest

from TextoMorphLib.measurement.expectations import compare
from TextoMorphLib.text.concepts import as_drawn
from TextoMorphLib.text.plausibility import differences, other_size, told
from TextoMorphLib.text.understanding import understand


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("homogeneous and heterogeneous", ["the text says 'homogeneous' and 'heterogeneous'; the later counts"]),
        ("calcified, not calcified", ["the text says 'calcification' and 'no calcification'; the later counts"]),
        ("isoattenuating, non-enhancing", ["the text says 'isoattenuating' and 'non-enhancing'; the earlier counts"]),
        ("unilocular, multilocular cyst", ["the text says 'unilocular' and 'multilocular'; the later counts"]),
        ("isoattenuating cyst", ["'isoattenuating' and 'cyst' hardly go together: 'cyst' counts"]),
        ("cystic, hypervascular", ["'cystic' and 'hypervascular' hardly go together: 'cystic' counts"]),
        ("homogeneous, necrotic", ["'homogeneous' and 'necrotic' hardly go together: both are drawn"]),
        ("simple cyst with thick septa", ["'simple cyst' and 'septa' hardly go together: both are drawn"]),
        ("isoattenuating haemorrhagic cyst", []),  # its fluid is dense
        ("hyperattenuating cyst", []),
        ("homogeneous cyst with calcification", []),
        ("hypoattenuating, ill-defined", []),
        ("arterial enhancement with washout and capsule", []),  # in two phases
    ],
)
def test_what_hardly_goes_together_is_told(text: str, words: list[str]) -> None:
    found = told(understand(text, "liver"))
    assert [each for each in words if not any(line.startswith(each) for line in found)] == []
    assert words or not found


def test_fluid_is_as_dense_as_fluid_is_whatever_its_density_is_called() -> None:
    for text in ("isoattenuating cyst", "hypervascular cyst"):
        assert as_drawn(understand(text, "liver").description) == {"density": "default", "content": "cystic"}


@pytest.mark.parametrize(
    ("text", "lost", "kept"),
    [
        ("well-defined, ill-defined", "well-defined", "ill-defined"),
        ("isoattenuating, cystic", "isoattenuating", "cystic"),
        ("isoattenuating, non-enhancing", "non-enhancing", "isoattenuating"),
        ("cystic, calcified, no calcification", "calcification", "no calcification"),
    ],
)
def test_what_gives_way_is_not_asked_of_a_lesion(text: str, lost: str, kept: str) -> None:
    """So that no further candidates are drawn for what none can be."""
    rows = {row["asked"]: row for row in compare(understand(text, "liver").mentions, {"margin_mm": 5.0})}
    assert rows[lost]["ok"] is None
    assert rows[lost]["note"] == f"gives way to {kept}"
    assert "gives way" not in rows[kept]["note"]


def test_numbers_that_the_mask_or_the_lesion_contradict_are_told() -> None:
    meant = understand("a 3 cm cyst of 5 HU", "liver")
    size = "the text says 30 mm, the mask is 12 mm across; the mask counts"
    assert other_size(meant, 12.0) == [size]
    assert differences(meant, [12.0], [60.0]) == [
        size,
        "the text says 5 HU, the lesion has 60 HU; words steer, numbers do not",
    ]
    assert differences(meant, [29.0], [8.0]) == []


@pytest.mark.parametrize(
    ("text", "septa"),
    [("unilocular cyst", "none"), ("a cyst that is not unilocular", "septated"), ("uniloculated cyst", "none")],
)
def test_one_chamber_has_no_septa(text: str, septa: str) -> None:
    assert understand(text, "pancreas").description["septa"] == septa
