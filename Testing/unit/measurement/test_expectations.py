from __future__ import annotations

import math

import pytest

from TextoMorphLib.measurement.expectations import compare, lines
from TextoMorphLib.text.understanding import find

MEASURED = {
    "contrast_hu": -48.2,
    "mean_hu": 62.0,
    "margin_mm": 5.1,
    "texture_hu": 9.0,
    "rim_hu": 1.0,
    "rim_seen_hu": -12.0,
    "core_hu": -2.0,
    "bright_fraction": 0.02,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hypodense", ["asked: hypoattenuating; measured: -48 HU, yes"]),
        ("not hypodense", ["asked: not hypoattenuating; measured: -48 HU, no"]),
        ("markedly hypodense", ["asked: markedly hypoattenuating; measured: -48 HU, yes"]),
        ("cystic", ["asked: cystic; measured: 62 HU, no"]),
        ("fuzzy edges", ["asked: ill-defined; measured: 5.1 mm, yes"]),
        ("no wall", ["asked: not walled; measured: 1 HU, yes"]),
        ("no calcium", ["asked: no calcification; measured: 2.0%, no"]),
        ("calcified", ["asked: calcification; measured: 2.0%, yes"]),
        ("cirrhosis", ["asked: cirrhosis; speaks of the background"]),
        ("metastasis", ["asked: metastases; has no measure of its own"]),
        ("a dark, hypodense mass", ["asked: hypoattenuating; measured: -48 HU, yes"]),
    ],
)
def test_a_text_is_held_against_what_was_measured(text: str, expected: list[str]) -> None:
    assert lines(compare(find(text), MEASURED)) == expected


@pytest.mark.parametrize("text", ["hyperdense cyst", "haemorrhagic cyst", "a cyst complicated by haemorrhage"])
def test_a_dense_cyst_is_held_against_the_hu_of_its_fluid_whatever_is_around_it(text: str) -> None:
    assert all(row["ok"] for row in compare(find(text), {**MEASURED, "fluid_hu": 64.0}))
    assert not any(row["ok"] for row in compare(find(text), {**MEASURED, "fluid_hu": 12.0}))


def test_a_cyst_within_a_thick_wall_is_held_against_its_darker_half() -> None:
    found = {**MEASURED, "mean_hu": 41.0, "fluid_hu": 12.0, "wall_mm": 6.0, "rim_hu": 60.0}
    thick, plain = (compare(find(text), found) for text in ("thick-walled cyst", "cyst"))
    assert {row["attribute"] for row in thick if row["asked"] == "cystic"} == {"fluid_hu"}
    assert {row["asked"]: row["ok"] for row in thick}["cystic"]
    assert not {row["asked"]: row["ok"] for row in plain}["cystic"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("walled, not thick-walled", {"rim_hu": 40.0, "rim_seen_hu": 10.0, "wall_mm": 2.0}),
        ("punctate calcification, no coarse calcification", {"bright_fraction": 0.01, "calcium_mm": 2.0}),
    ],
)
def test_what_is_denied_of_two_things_at_once_is_out_where_one_of_them_is(text: str, found: dict[str, float]) -> None:
    asked, denied = (
        [row["ok"] for row in compare(find(text), {**MEASURED, **found}) if row["denied"] == no] for no in (False, True)
    )
    assert all(asked)
    assert denied == [True]
    found |= {name: 5.0 for name in found if name.endswith("_mm")}
    assert [row["ok"] for row in compare(find(text), {**MEASURED, **found}) if row["denied"]] == [False]


def test_a_bright_lesion_with_a_dead_core_is_held_against_its_living_tissue() -> None:
    found = {**MEASURED, "contrast_hu": -40.0, "living_hu": 55.0, "core_hu": -120.0}
    assert all(row["ok"] for row in compare(find("arterial enhancement, necrotic centre"), found))
    assert not all(row["ok"] for row in compare(find("arterial enhancement, no necrosis"), found))


def test_a_cyst_called_dark_and_haemorrhagic_is_dark_only_if_it_is_darker_than_the_organ() -> None:
    rows = compare(find("hypoattenuating haemorrhagic cyst"), {**MEASURED, "contrast_hu": 22.0, "fluid_hu": 64.0})
    assert {row["asked"]: row["ok"] for row in rows}["hypoattenuating"] is False


def test_what_could_not_be_measured_is_neither_right_nor_wrong() -> None:
    (row,) = compare(find("well-defined"), {**MEASURED, "margin_mm": math.nan})
    assert row == {
        "asked": "well-defined",
        "attribute": "margin_mm",
        "measured": None,
        "unit": "",
        "ok": None,
        "note": "could not be measured",
    }


def test_a_cyst_whose_wall_brightens_its_mean_is_held_against_its_darker_half() -> None:
    found = {**MEASURED, "mean_hu": 41.0, "fluid_hu": 12.0, "rim_hu": 60.0, "rim_seen_hu": 9.0}
    assert all(row["ok"] for row in compare(find("cystic, walled"), found))
    low = compare(find("cystic, walled"), {**found, "mean_hu": 4.0, "fluid_hu": -9.0})
    assert all(row["ok"] for row in low)  # a mean that is fluid's is no wall's
