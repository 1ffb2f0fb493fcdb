"""Letters that printing, copying and typing have changed are read as they were meant."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.understanding import check_text, understand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hypo\u00addense lesion", {"density": "hypo"}),  # a soft hyphen: "dense" alone is its contrary
        ("hypo\u00ad\ndense", {"density": "hypo"}),
        ("hypoatten-\nuating, ill-\ndefined", {"density": "hypo", "margin": "ill"}),
        ("not calci-\nfied", {"calcification": "none"}),
        ("ill-de\ufb01ned, calci\ufb01ed", {"margin": "ill", "calcification": "present"}),
        ("\uff48\uff59\uff50\uff4f\uff44\uff45\uff4e\uff53\uff45\u3000lesion", {"density": "hypo"}),
        ("\u202ehypodense\u202c, no\u200c calcification\ufeff", {"density": "hypo", "calcification": "none"}),
        ("hypo\u2011attenuating, ill\u2010defined", {"density": "hypo", "margin": "ill"}),
        ("HYPOATTENUATING, ILL-DEFINED", {"density": "hypo", "margin": "ill"}),
    ],
)
def test_letters_as_they_were_meant(text: str, expected: dict[str, str]) -> None:
    check_text(text, "liver")
    meant = understand(text, "liver")
    assert meant.description == expected
    assert not meant.unknown_words


def test_full_width_digits_are_numbers() -> None:
    assert understand("a \uff11\uff12 mm lesion", "liver").numbers.sizes_mm == ((12.0,),)
