"""What is understood of descriptions as radiologists write them: no opposite, nothing invented, nothing lost unsaid."""

from __future__ import annotations

import cProfile

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.understanding import MOST_CHARACTERS, check_text, understand


def meant(text: str, organ: str = "liver") -> dict[str, str]:
    return understand(text, organ).description


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Comparisons.
        ("Lesion is less dense than normal parenchyma.", {"density": "hypo"}),
        ("It is not as dense as the adjacent liver.", {"density": "hypo"}),
        ("Its attenuation is lower than that of liver.", {"density": "hypo"}),
        ("decreased in attenuation compared to the parenchyma", {"density": "hypo"}),
        ("enhances to a greater extent than the liver", {"density": "arterial"}),
        ("the lesion enhances less than the surrounding liver", {"density": "hypo"}),
        ("attenuation similar to the adjacent parenchyma", {"density": "iso"}),
        ("denser than liver", {"density": "hyper"}),
        ("denser than water", {}),
        ("hyperattenuating to the spleen", {}),
        ("less dense than on the prior scan", {}),
        ("less well defined", {"margin": "ill"}),
        ("now better defined", {"margin": "well"}),
        ("less homogeneous", {"texture": "heterogeneous"}),
        # Prefixes, suffixes.
        ("in-homogeneous", {"texture": "heterogeneous"}),
        ("calcium-free", {"calcification": "none"}),
        ("unencapsulated, noncalcified, non-septated", {"wall": "none", "calcification": "none", "septa": "none"}),
        # Denials.
        ("necrosis is unlikely", {"content": "solid"}),
        ("calcification: 0", {"calcification": "none"}),
        ("calcification (-)", {"calcification": "none"}),
        ("Septa? No.", {"septa": "none"}),
        ("no septa, wall, calcification", {"septa": "none", "wall": "none", "calcification": "none"}),
        ("calcifications have resolved", {"calcification": "none"}),
        ("necrosis was ruled out", {"content": "solid"}),
        ("no longer cystic", {"content": "solid"}),
        ("no calcium in this heterogeneous mass", {"calcification": "none", "texture": "heterogeneous"}),
        ("previously cystic, now solid", {"content": "solid"}),
        # Doubt.
        ("possible central necrosis", {"content": "necrotic"}),
        ("cannot exclude central necrosis", {}),
        ("r/o calcification", {}),
        ("calcification cannot be excluded", {}),
        # Parts of the lesion.
        ("cyst with non-enhancing septa", {"content": "cystic", "septa": "septated"}),
        ("cyst with an imperceptible wall", {"content": "cystic", "wall": "none"}),
        ("mass with a hypodense central scar", {"scar": "central"}),
        ("the wall is thick, septa are hypodense", {"wall": "walled", "wall_thickness": "thick", "septa": "septated"}),
        ("thin, smooth, uniformly enhancing wall", {"wall": "walled", "wall_thickness": "thin"}),
        ("peripheral nodular discontinuous enhancement", {"pattern": "peripheral nodular"}),
        ("peripheral enhancement", {"wall": "walled"}),
        ("minimal smooth wall thickening", {"wall": "walled", "wall_thickness": "thick"}),
        # Other things.
        ("hypodense lesion with calcified lymph nodes", {"density": "hypo"}),
        ("hypodense lesion, gallbladder with thickened wall", {"density": "hypo"}),
        ("in the hypodense fatty liver a bright focus", {"density": "hyper"}),
        ("the liver is heterogeneous; a cystic lesion in segment 4", {"content": "cystic"}),
        ("ill-defined mass, aortic calcification", {"margin": "ill"}),
        ("simple cyst without enhancement", {"content": "cystic"}),
        # What can be seen or told.
        ("the wall could not be clearly identified", {"wall": "none"}),
        ("margins cannot be separated from the liver", {"margin": "ill"}),
        ("hypodense, borders hard to define", {"density": "hypo", "margin": "ill"}),
        ("the lesion cannot be separated from the stomach", {}),
        ("hypodense; margins not assessable", {"density": "hypo"}),
        ("solid, does not show septa", {"content": "solid", "septa": "none"}),
        # Lists, items, boxes.
        ("cyst without enhancement, wall or septa", {"content": "cystic", "wall": "none", "septa": "none"}),
        ("septa [ ], calcification [x]", {"septa": "none", "calcification": "present"}),
        ("Wall - thin. Density=low; calcs -", {
            "wall": "walled", "wall_thickness": "thin", "density": "hypo", "calcification": "none"
        }),
        ("none of the lesions is calcified", {"calcification": "none"}),
        ("calcifications, none\n\nseptated", {"calcification": "none", "septa": "septated"}),
        # Another lesion, another time, other things.
        ("Hypodense lesion in segment 3. There is also a calcified cyst in segment 7.", {"density": "hypo"}),
        ("Segment 4: hypodense lesion. Segment 6: well-defined cyst.", {"density": "hypo"}),
        ("hypodense, was hyperdense", {"density": "hypo"}),
        ("Gallbladder: stones. Wall thickened. Liver lesion ill-defined.", {"margin": "ill"}),
        ("isodense mass with a hyperdense focus", {"density": "iso"}),
        ("hypodense mass; a splenic cyst with a calcified wall", {"density": "hypo"}),
        ("Relative to muscle: hyperdense.", {}),
        # Abbreviations, spelling, numbers.
        ("irreg. periph. enh., hypoatt. les.", {"wall": "walled", "density": "hypo"}),
        ("hypovascularized", {"density": "hypo"}),
        ("Ca. of the liver, ill def", {"margin": "ill"}),
        ("LDL, WD, calcs absent", {"density": "hypo", "margin": "well", "calcification": "none"}),
        ("Hypodens lesoin with ill-defind margins", {"density": "hypo", "margin": "ill"}),
        ("hemorrhagic", {"content": "haemorrhagic"}),
        ("lesion of 15 HU", {"density": "hypo"}),
        ("a 3.5 cm metastasis", {}),
        ("lipoma of -90 HU", {"fat": "present"}),
    ],
)  # fmt: skip
def test_what_is_meant(text: str, expected: dict[str, str]) -> None:
    assert meant(text) == expected


def test_what_has_no_effect_is_said_with_its_reason() -> None:
    found = understand(
        "hypodense lesion with mass effect; spleen is calcified; cannot exclude necrosis; gloomy", "liver"
    )
    assert {(heard.what, heard.why) for heard in found.heard} == {
        ("mass effect", "the model has no attribute for it"),
        ("calcification", "said of the spleen"),
        ("necrotic", "not excluded, which is not said"),
    }
    assert found.unknown_words == ("gloomy",)
    assert [found.words(mention) for mention in found.mentions] == ["hypodense"]
    assert "not understood: gloomy" in found.lines()


@pytest.mark.parametrize(
    ("hedges", "certainties", "expected"),
    [
        ("marked", ["stated", "possible"], {"septa": "septated", "calcification": "present"}),
        (
            "said",
            ["stated", "possible", "not excluded"],
            {"septa": "septated", "calcification": "present", "content": "necrotic"},
        ),
        ("ignored", ["stated"], {"septa": "septated"}),
    ],
)
def test_doubt_counts_as_is_chosen_and_is_marked(hedges: str, certainties: list[str], expected: dict[str, str]) -> None:
    found = understand("septated, probably calcified; cannot exclude necrosis", "liver", hedges)
    assert [m.certainty for m in found.mentions] == certainties
    assert found.description == expected
    assert found.as_dict()["hedges"] == hedges


def test_an_unknown_policy_of_doubt_is_refused() -> None:
    with pytest.raises(InputError, match="said, marked, ignored"):
        understand("cyst", "liver", "perhaps")


def test_numbers_are_read() -> None:
    numbers = understand(
        "Segment VII/VIII: 2.3 x 1.8 cm cyst (8 HU) with a wall of 3 mm, previously 12 mm", "liver"
    ).numbers
    assert numbers.sizes_mm == ((23.0, 18.0),)
    assert (numbers.hu, numbers.segments) == (8.0, ("7", "8"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("  ", "empty"),
        ("h\udce4m", "Unicode"),
        ("Hypodense Läsion, unscharf begrenzt", "German"),
        ("Lesión hipodensa mal definida", "Spanish"),
        ("肝脏低密度病变", "other than English"),
        ("No focal hepatic lesion.", "no lesion"),
        ("The liver is unremarkable.", "no lesion"),
    ],
)
def test_texts_that_describe_no_lesion_are_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        check_text(text, "liver")


def test_a_long_text_is_read_in_part_and_says_so() -> None:
    found = understand("hypodense. " + "The spleen is normal. " * 50_000 + "calcified", "liver")
    assert found.description == {"density": "hypo"}
    assert found.read == MOST_CHARACTERS
    inside = understand("The spleen is normal.\n" * 2000 + "The liver lesion is calcified.", "liver")
    assert inside.description == {"calcification": "present"}, "a long text is read whole, in windows"
    assert any("only its first" in warning for warning in found.warnings())


@pytest.mark.parametrize("item", ["cyst, ", "dark, ", "no wall, ", "no cyst. ", "cyst and ", "cyst ", "cyst/"])
def test_reading_an_endless_list_takes_no_more_than_its_length(item: str) -> None:
    """Calls, not seconds: twice the list are twice the calls, not four times, on any machine."""

    def calls(characters: int) -> int:
        profile = cProfile.Profile()
        profile.runcall(understand, item * (characters // len(item)), "liver")
        return sum(entry.callcount for entry in profile.getstats())

    understand(item, "liver")  # the lexicon is read once
    assert calls(12_000) < 2.2 * calls(6_000)


def test_another_organs_lesion_is_drawn_only_with_a_word() -> None:
    found = understand("renal cyst", "liver")
    assert (found.description, found.elsewhere) == ({"content": "cystic"}, "kidney")
    assert any("kidney" in warning for warning in found.warnings())


@pytest.mark.parametrize(
    "text",
    [
        "Request: exclude recurrence.",
        "Please rule out a mass.",
        "A 20 mm growth of the kidney. Background: parenchymal atrophy. Request: exclude recurrence.",
        "The adrenals appear normal. A space-occupying lesion of the kidney. No foci of calcification.",
    ],
)
def test_what_is_asked_of_a_reader_or_normal_elsewhere_denies_no_lesion(text: str) -> None:
    assert not understand(text, "liver").denies_lesion
    assert understand("The scan excludes a mass.", "liver").denies_lesion
