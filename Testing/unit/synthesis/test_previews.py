"""One lesion under many texts: the tables, and what single words change."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from TextoMorphLib.cli import main
from TextoMorphLib.errors import Cancelled
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.synthesis import Synthesizer, previews, seen


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("hypodense, ill-defined", ["ill-defined", "hypodense"]),
        ("no calcification.", ["calcification.", "no."]),
        ("a, b; c", ["b; c", "a, c", "a, b"]),
        ("cyst", ["lesion"]),
        ("cyst.", ["lesion"]),
    ],
)
def test_a_word_is_left_out_cleanly(text: str, left: list[str]) -> None:
    assert [previews.without(text, word) for word in re.finditer(r"[\w-]+", text)] == left


def test_a_slice_that_shows_what_is_asked_is_shown() -> None:
    x, y, z = np.indices((40, 40, 20)) - np.array([20, 20, 10]).reshape(3, 1, 1, 1)
    mask = x**2 + y**2 + (1.6 * z) ** 2 < 13**2
    cyst = np.where(mask, 10.0, 100.0) + np.random.default_rng(0).normal(0, 5, mask.shape)
    for kind, value, hu, radius in (
        ("gas", "bubbles", -600, 3),
        ("nodule", "mural", 80, 4),
        ("calcification", "present", 500, 2),
    ):
        drawn = np.where(x**2 + (y - 4) ** 2 + (z - 5) ** 2 < radius**2, hu, cyst)
        said = {kind: {value: 1.0}}
        assert abs(seen.slice_with(drawn, mask, 10, said) - 15) <= 1
        assert seen.slice_with(drawn, mask, 10, {"content": {"cystic": 1.0}}) == 10
        middle = np.where(x**2 + (y - 4) ** 2 + (z - 1) ** 2 < radius**2, hu, cyst)
        assert seen.slice_with(middle, mask, 10, said) in (10, 11)


def test_tables_and_influence(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("bright, cystic\ncyst\n")
    files = {name: tmp_path / name for name in ("grid.png", "table.csv", "words.csv")}
    command = ["preview", str(phantom_ct), "--mask", str(phantom_mask), "--texts", str(texts), "--seed", "3"]
    command += ["--model", str(tiny_bundle), "--device", "cpu", "--output", str(files["grid.png"])]
    command += ["--csv", str(files["table.csv"]), "--words", str(files["words.csv"])]
    assert main(command) == 0
    table, words = (list(csv.DictReader(files[name].open())) for name in ("table.csv", "words.csv"))
    assert [row["text"] for row in table] == ["bright, cystic", "cyst"]
    assert float(table[0]["diameter_mm"]) == pytest.approx(16, abs=2)
    assert [row["word"] for row in words] == ["bright", "cystic", "cyst"]

    # What a word changes is what the two texts' results differ by.
    ct = Volume.read(phantom_ct)
    mask = read_mask(phantom_mask, ct)
    synthesizer = Synthesizer.load(str(tiny_bundle), "cpu")
    both, one = (
        synthesizer.synthesize(ct, mask, text, seed=3, preset="preview").volume.hu()[mask]
        for text in ("bright, cystic", "cystic")
    )
    assert float(words[0]["change_hu"]) == pytest.approx(np.sqrt(np.mean((both - one) ** 2)), abs=0.01)
    assert float(words[0]["shift_hu"]) == pytest.approx(np.mean(both - one), abs=0.01)

    capfd.readouterr()
    assert main([*command, "--overwrite", "--words", str(files["table.csv"])]) == 2
    assert "one of the inputs" in capfd.readouterr().err

    made = previews.preview(synthesizer, ct, mask, ["cyst", "cyst of 90 mm"])
    assert any(note.startswith("cyst of 90 mm: the text says 90 mm") for note in made.notes)  # as `generate` warns

    with pytest.raises(Cancelled):
        previews.preview(synthesizer, ct, mask, ["cyst"], progress=lambda done, total: False)


def test_a_tumour_that_fills_its_crop_is_replaced(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crop, mask, texts, table = (tmp_path / name for name in ("ct.nii.gz", "mask.nii.gz", "texts.txt", "table.csv"))
    hu = np.random.default_rng(0).normal(100, 8, (32,) * 3)
    tumour = np.zeros(hu.shape, np.uint8)
    tumour[3:-3, 3:-3, 3:-3] = 1  # more than half of it
    Volume.from_array((hu - 60 * tumour).astype(np.int16), np.eye(4)).write(crop)
    Volume.from_array(tumour, np.eye(4)).write(mask)
    texts.write_text("cyst\n")
    command = ["preview", str(crop), "--mask", str(mask), "--texts", str(texts), "--model", str(tiny_bundle)]
    command += ["--device", "cpu", "--output", str(tmp_path / "grid.png"), "--csv", str(table), "--assume-hu"]
    assert main(command) == 2
    assert "--replace" in capfd.readouterr().err
    assert main([*command, "--replace"]) == 0
    (row,) = csv.DictReader(table.open())
    assert float(row["parenchyma_hu"]) == pytest.approx(100, abs=8)  # of what lies outside, not of the tumour
    assert main(["measure", str(crop), str(crop), "--mask", str(mask), "--assume-hu"]) == 2
    assert main(["measure", str(crop), str(crop), "--mask", str(mask), "--assume-hu", "--replace"]) == 0


def test_the_picture_is_drawn_in_the_window_that_was_asked_for(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("cyst\n")
    command = ["preview", str(phantom_ct), "--mask", str(phantom_mask), "--texts", str(texts), "--device", "cpu"]
    command += ["--model", str(tiny_bundle)]
    pictures = []
    for window in ("40,400", "60,150"):
        path = tmp_path / f"{window}.png"
        assert main([*command, "--output", str(path), "--window", window]) == 0
        pictures.append(imread(path)[..., 0])
    usual, narrow = (np.isin(picture, (0, 1)).mean() for picture in pictures)
    assert narrow > usual + 0.05  # more is black or white

    for window in ("40", "40,0", "nan,100", "40,inf", "liver"):
        assert main([*command, "--output", str(tmp_path / "no.png"), "--window", window]) == 2
        assert "for example 40,400" in capfd.readouterr().err
    assert not (tmp_path / "no.png").exists()
