"""A pasted report gives up its lesion's description, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation import report_texts
from TextoMorphLib.text.reports import extract, lesion_description
from TextoMorphLib.text.understanding import understand

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

LONG_REPORT = """CLINICAL HISTORY: Colorectal cancer. Known liver metastases. Renal mass on ultrasound.
TECHNIQUE: Portal venous phase, 2.5 mm slices.
FINDINGS:
Lung bases: Clear. No pleural effusion.
Liver: Normal in size. There is a 3.2 x 2.8 cm hypoattenuating mass
in segment VI. It is ill-defined with central necrosis. No calcification. The portal vein is patent.
A second lesion in segment II measures 9 mm and is sharply marginated, of fluid density, in keeping with a cyst.
The lesion in segment VI has increased in size, previously 2.1 cm.
Gallbladder: Contains calcified stones. Wall is thickened.
Pancreas: 2.5 cm hypoenhancing mass in the head with upstream duct dilatation, abutting the duodenum.
Margins are indistinct.
Spleen: Hyperdense 8 mm nodule, likely haemangioma.
Kidneys: 3.4 cm heterogeneous, hypervascular mass at the right upper pole without calcification. Right renal stone.
Lymph nodes: Enlarged necrotic portocaval node.
IMPRESSION:
1. Liver metastasis.
2. Pancreatic adenocarcinoma.
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


CORPUS = Path(__file__).parents[2] / "corpus" / "reports.json"


def test_each_lesion_has_its_own_words_size_and_place() -> None:
    found = extract(LONG_REPORT)
    assert [
        (each.organ, each.segments, each.understanding.numbers.diameter_mm, each.understanding.description)
        for each in found
    ] == [
        ("liver", ("6",), 32.0, {"density": "hypo", "margin": "ill", "content": "necrotic", "calcification": "none"}),
        ("liver", ("2",), 9.0, {"margin": "well", "content": "cystic"}),
        ("pancreas", (), 25.0, {"density": "hypo", "margin": "ill"}),
        ("kidney", (), 34.0, {"texture": "heterogeneous", "density": "arterial", "calcification": "none"}),
    ]
    assert "previously 2.1 cm" in found[0].description


def test_reports_of_several_institutions(capsys: pytest.CaptureFixture[str]) -> None:
    counts = report_texts.run(report_texts.load(CORPUS))
    assert counts.reports == 60
    assert counts.right >= 0.95 * counts.lesions
    assert counts.extra <= 0.02 * counts.lesions
    assert main(["benchmark", "texts", str(CORPUS), "--reports"]) == 0
    assert "1,000 such reports take" in capsys.readouterr().out
    assert main(["benchmark", "texts", str(CORPUS.with_name("descriptions.json")), "--reports"]) == 2


def test_reports_in_layouts_of_other_houses() -> None:
    counts = report_texts.run(report_texts.load(CORPUS.with_name("layouts.json")))
    assert counts.right >= 0.95 * counts.lesions
    assert counts.extra <= 0.02 * counts.lesions


@pytest.mark.parametrize(
    ("report", "lesions"),
    [
        (
            "Liver: Three hypodense lesions in segments 2 (12 mm), 5 (18 mm) and 8 (9 mm). They do not calcify.",
            [("2", 12.0, {"calcification": "none"}), ("5", 18.0, {}), ("8", 9.0, {"calcification": "none"})],
        ),
        (
            "Liver: Hypodense metastases measuring 12, 18 and 9 mm respectively in segments II, V and VIII.",
            [("2", 12.0, {}), ("5", 18.0, {}), ("8", 9.0, {})],
        ),
        (
            "Liver: 23 mm (S2), 14 x 12 mm (S7) hypodense lesions, the last with a rim.",
            [("2", 23.0, {"wall": None}), ("7", 14.0, {"wall": "walled"})],
        ),
        ("Liver: Two hypodense nodules of 12 and 18 mm in segment 4.", [("4", 12.0, {}), ("4", 18.0, {})]),
        ("Liver: Hypodense lesion in segment 5, 23 mm, unchanged from 20 and 22 mm.", [("5", 23.0, {})]),
        ("Liver: Hypodense lesions in segments 2 and 5 ranging from 8 to 12 mm.", [("2 5", 12.0, {})]),
        ("Indication: pain. Findings: The liver has a 9 mm hypodense lesion in segment 2.", [("2", 9.0, {})]),
    ],
)
def test_lesions_listed_with_their_sizes_are_told_apart(
    report: str, lesions: list[tuple[str, float, dict[str, str | None]]]
) -> None:
    found = [each.as_dict() for each in extract(report)]
    assert [(" ".join(each["segments"]), each["diameter_mm"]) for each in found] == [each[:2] for each in lesions]
    for each, (_, _, means) in zip(found, lesions, strict=True):
        assert {"density": "hypo", **means}.items() <= {"wall": None, **each["attributes"]}.items()


@pytest.mark.parametrize(
    ("report", "places"),
    [
        ("Kidney (L): 52 mm cyst, upper pole.", ["left kidney", "upper pole"]),
        ("Right kidney:\nLesion A: upper pole, 2.4 cm, hyperdense.", ["right kidney", "upper pole"]),
        ("Kidneys: 12 mm cortical cyst right lower pole.", ["right kidney", "lower pole"]),
        ("Left kidney. There is a 9 mm cyst.", ["left kidney"]),
        ("Pancreas: 2 cm cyst in the pancreatic tail.", ["pancreatic tail"]),
    ],
)
def test_a_kidneys_lesion_has_its_side(report: str, places: list[str]) -> None:
    (lesion,) = extract(report)
    assert lesion.as_dict()["places"] == places


@pytest.mark.parametrize(
    ("report", "described"),
    [
        (
            "Liver: 2 cm cyst in segment 4 and 3 cm hypodense mass in segment 7.",
            ["2 cm cyst in segment 4", "3 cm hypodense mass in segment 7."],
        ),
        (
            "Liver: Cyst segment 2 1 cm, ill-defined hypodense lesion segment 8 12 mm.",
            ["Cyst segment 2 1 cm", "ill-defined hypodense lesion segment 8 12 mm."],
        ),
        (
            "Liver: 4 cm hypodense, ill-defined mass in segment 5 and 6, with a 5 mm calcified focus.",
            ["4 cm hypodense, ill-defined mass in segment 5 and 6, with a 5 mm calcified focus."],
        ),
    ],
)
def test_lesions_of_one_sentence_are_told_apart(report: str, described: list[str]) -> None:
    assert [lesion.description for lesion in extract(report)] == described


def test_the_command_prints_a_line_a_lesion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.txt"
    path.write_text(LONG_REPORT, encoding="utf-8")
    assert main(["report", "extract", str(path), "--organ", "liver"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["segments"] for line in lines] == [["6"], ["2"]]
    assert main(["report", "extract", str(path), "--organ", "spleen"]) == 2


def test_a_description_in_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "variants", "hypoattenuating, ill-defined", "--count", "5"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(set(lines)) == 5
    assert all(understand(line, "liver").description == {"density": "hypo", "margin": "ill"} for line in lines)
    assert "kept 5 of" in err
