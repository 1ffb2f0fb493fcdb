"""Several lesions in one scan, each with its own words: in one run, and from the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.cli import main
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.synthesis import several
from TextoMorphLib.synthesis.several import Lesion


def beside(mask: np.ndarray, ct: Volume, mm: float) -> np.ndarray:
    return np.roll(mask, round(mm / ct.spacing[0]), axis=0)


def test_each_lesion_gets_its_own_words(starter: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    other = beside(mask, ct, 30)
    asked = [Lesion.of(mask, "hypoattenuating"), Lesion.of(other, "hyperattenuating", seed=11)]
    steps: list[tuple[int, int]] = []
    made = several.synthesize(starter, ct, asked, seed=5, progress=lambda *step: steps.append(step))
    change = made.volume.hu() - ct.hu()
    assert change[mask].mean() < -10
    assert change[other].mean() > 10
    assert [each["text"] for each in made.report["each"]] == ["hypoattenuating", "hyperattenuating"]
    assert [each["seed"] for each in made.report["each"]] == [5, 11]
    assert [each["lesions"] for each in made.report["each"]] == [[1], [2]]
    assert [rows[0]["asked"] for rows in made.report["asked"]] == ["hypoattenuating", "hyperattenuating"]
    assert [lesion["mean_hu"] for lesion in made.report["lesions"]] == [round(one.mean_hu, 3) for one in made.lesions]
    alone = starter.synthesize(ct, mask, "hypoattenuating", steps=1).report
    assert alone.keys() <= made.report.keys() | made.report["each"][0].keys()  # nothing that is told is lost
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


def test_the_only_lesion_is_the_one_that_is_made_alone(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    alone = tiny.synthesize(ct, mask, "cystic", seed=3)
    (lesion,) = listed = [Lesion.of(mask, "cystic")]
    assert np.array_equal(lesion.mask(ct.shape), mask)
    made = several.synthesize(tiny, ct, listed, seed=3)
    np.testing.assert_array_equal(made.volume.data, alone.volume.data)
    assert {**made.report, "seconds": 0} == {**alone.report, "seconds": 0}


def test_lesions_may_not_overlap_and_near_ones_are_told(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    with pytest.raises(InputError, match="lesions 1 and 2 overlap"):
        several.synthesize(tiny, ct, [Lesion.of(mask, "cystic"), Lesion.of(beside(mask, ct, 5), "solid")])
    with pytest.raises(InputError, match="no lesion"):
        several.synthesize(tiny, ct, [])
    wide = np.ptp(np.argwhere(mask)[:, 0]) * ct.spacing[0]
    near, far = ([Lesion.of(mask, "cystic"), Lesion.of(beside(mask, ct, wide + away), "solid")] for away in (3.0, 12.0))
    assert several.doubts(far, ct.spacing) == []
    (doubt,) = several.doubts(near, ct.spacing)
    assert doubt in several.synthesize(tiny, ct, near).report["warnings"]


def test_what_is_wrong_with_one_names_it(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    with pytest.raises(InputError, match="lesion 2: "):
        several.synthesize(tiny, ct, [Lesion.of(mask, "cystic"), Lesion.of(beside(mask, ct, 40), " ")])


def test_it_can_be_cancelled_at_the_second(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    listed = [Lesion.of(mask, "cystic"), Lesion.of(beside(mask, ct, 40), "solid")]
    with pytest.raises(Cancelled):
        several.synthesize(tiny, ct, listed, progress=lambda done, total: 2 * done <= total)


@pytest.fixture
def folder(tmp_path: Path, ct: Volume, mask: np.ndarray) -> Path:
    """Two masks in the liver, and one in the air."""
    air = np.zeros(ct.shape, bool)
    air[5:15, 5:15, 5:15] = True
    for name, each in {"a": mask, "b": beside(mask, ct, 40), "air": air}.items():
        Volume.from_array(each.astype(np.uint8), ct.affine).write(tmp_path / f"{name}.nii.gz")
    return tmp_path


def generate(ct: Path, model: Path, folder: Path, lines: list[Any], *more: str) -> int:
    (folder / "lesions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    where = ["--lesions", str(folder / "lesions.jsonl"), "--output", str(folder / "out.nii.gz")]
    return main(["generate", str(ct), *where, "--model", str(model), "--device", "cpu", "--steps", "1", *more])


A, B = {"mask": "a.nii.gz", "text": "cystic"}, {"mask": "b.nii.gz", "text": "solid"}


def test_the_command_and_the_batch_make_the_same(
    phantom_ct: Path, tiny_bundle: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert generate(phantom_ct, tiny_bundle, folder, [A, {**B, "seed": 9}], "--seed", "4") == 0
    said = capfd.readouterr().out
    assert "lesion 1: understood:" in said
    assert "lesion 2: understood:" in said
    report = json.loads((folder / "out.json").read_text())
    assert [(each["text"], each["seed"]) for each in report["each"]] == [("cystic", 4), ("solid", 9)]
    assert report["request"]["lesions"] == [A, {**B, "seed": 9}]

    job = {"ct": str(phantom_ct), "output": "job.nii.gz", "lesions": [A, {**B, "seed": 9}], "seed": 4, "steps": 1}
    (folder / "jobs.jsonl").write_text(json.dumps(job))
    command = ["batch", str(folder / "jobs.jsonl"), "--model", str(tiny_bundle), "--device", "cpu", "--resume"]
    assert main(command) == 0
    assert json.loads(capfd.readouterr().out)["event"] == "done"
    np.testing.assert_array_equal(*(Volume.read(folder / name).data for name in ("out.nii.gz", "job.nii.gz")))
    assert main(command) == 0
    assert json.loads(capfd.readouterr().out)["event"] == "skipped"


def test_where_a_lesion_of_several_lies_is_told_by_its_number(
    phantom_ct: Path, tiny_bundle: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    air = {"mask": "air.nii.gz", "text": "solid"}
    assert generate(phantom_ct, tiny_bundle, folder, [A, air]) == 0
    told = [line for line in capfd.readouterr().err.splitlines() if "lesion 2" in line]
    assert any("outside the body" in line or "in air" in line for line in told)
    assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("lines", "more", "said"),
    [
        ([A, A], (), "lesions 1 and 2 overlap"),
        ([A, {"mask": "b.nii.gz"}], (), "line 2: text left out"),
        ([A, {**B, "colour": "red"}], (), "line 2: unknown colour"),
        ([A, {**B, "organ": "spleen"}], (), "lesion 2: unknown organ"),
        ([A, {**B, "mask": "nowhere.nii.gz"}], (), "nowhere.nii.gz"),
        ([A, [1]], (), "line 2: not a JSON object"),
        ([A, B], ("--text", "cystic"), "leave out --mask and --text"),
    ],
)
def test_bad_lesions_are_one_line_and_nothing_is_written(
    phantom_ct: Path,
    tiny_bundle: Path,
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    lines: list[Any],
    more: tuple[str, ...],
    said: str,
) -> None:
    assert generate(phantom_ct, tiny_bundle, folder, lines, *more) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"lesions": []}, "no lesion is named"),
        ({"lesions": [A, {"text": "solid"}]}, "lesion 2: mask left out"),
        ({"lesions": [A], "text": "solid"}, "text beside lesions"),
        ({"lesions": "a"}, "lesions must be a list"),
    ],
)
def test_bad_lesions_of_a_job_are_told(more: dict[str, Any], said: str) -> None:
    from TextoMorphLib.batches.job_lines import parse

    with pytest.raises(InputError, match=said):
        parse(json.dumps({"ct": "ct.nii.gz", "output": "out.nii.gz", **more}), Path("."))
