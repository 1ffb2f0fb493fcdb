"""`textomorph evaluate`: figures counted by hand, on small made-up scans."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from TextoMorphLib.cli import main
from TextoMorphLib.evaluation import intervals
from TextoMorphLib.io.volume import Volume

SHAPE = (60, 40, 40)
BIG = (slice(2, 32), slice(4, 34), slice(4, 34))  # 27000 mm3: 37 mm
SMALL = (slice(40, 46), slice(4, 10), slice(4, 10))  # 216 mm3: 7.4 mm
TINY = (slice(40, 42), slice(20, 22), slice(20, 22))  # counted apart
ALARM = (slice(50, 58), slice(20, 28), slice(20, 28))
Parts = list[tuple[int, Any]]


def labels(path: Path, parts: Parts) -> None:
    made = np.zeros(SHAPE, np.uint8)
    for value, box in parts:
        made[box] = value
    path.parent.mkdir(exist_ok=True)
    Volume.from_array(made, np.eye(4)).write(path)


# id: reference, prediction, more of its line
CASES: dict[str, tuple[Parts, Parts, dict[str, Any]]] = {
    "both": ([(2, BIG), (2, SMALL), (2, TINY)], [(2, BIG), (2, SMALL)], {"fold": 0, "age": 45, "sex": "F"}),
    "one": ([(2, BIG), (2, SMALL)], [(2, BIG), (2, ALARM)], {"fold": 0, "age": 71, "sex": "M"}),
    "none": ([(2, SMALL)], [], {"fold": 1, "sex": "F"}),
    "healthy": ([], [], {"fold": 1, "healthy": True}),
    "alarm": ([], [(2, ALARM)], {"fold": 1, "healthy": True, "patient": "p"}),
    "again": ([], [], {"fold": 1, "healthy": True, "patient": "p"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    Volume.from_array(np.zeros(SHAPE, np.int16), np.eye(4)).write(folder / "ct.nii.gz")
    lines = []
    for name, (reference, prediction, more) in CASES.items():
        labels(folder / f"labels/{name}.nii.gz", reference)
        labels(folder / f"predictions/{name}.nii.gz", prediction)
        labels(folder / f"empty/{name}.nii.gz", [(1, ALARM)])
        label = (
            {} if more.get("healthy") else {"label": f"labels/{name}.nii.gz", "values": {"organ": [1], "tumour": [2]}}
        )
        lines.append({"id": name, "ct": "ct.nii.gz", "organ": "liver", **label, **more})
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def run(folder: Path, out: str, *more: str) -> dict[str, Any]:
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(folder / "predictions")]
    assert main([*arguments, "--output", str(folder / out), *more]) == 0
    return json.loads((folder / out / "evaluation.json").read_text())  # type: ignore[no-any-return]


def test_counted_by_hand(folder: Path) -> None:
    made = run(folder, "plain")
    assert {name: (each["found"], each["of"]) for name, each in made["lesions"].items()} == {
        "<20": (1, 3),
        "20-50": (2, 2),
        ">=50": (0, 0),
        "all": (3, 5),
    }
    assert made["lesions"][">=50"]["sensitivity"] is None
    # Wilson: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    p, n, z = 3 / 5, 5, 1.959964
    middle, reach = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert made["lesions"]["all"]["interval"] == pytest.approx(
        [(middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)], abs=1e-5
    )
    assert (made["small_lesions_apart"]["found"], made["small_lesions_apart"]["of"]) == (0, 1)
    # Patients: both, one and none are ill, two of them called; healthy and p are not, p is called.
    assert made["patients"]["counts"] == {"sensitivity": [2, 3], "specificity": [1, 2], "ppv": [2, 3]}
    assert made["patients"]["specificity"] == 0.5
    assert made["false_positives_per_scan"] == pytest.approx(2 / 6)
    assert (made["components"]["true"], made["components"]["of"]) == (3, 5)
    dsc = [2 * 27216 / (27224 + 27216), 2 * 27000 / (27216 + 27512), 0, 1, 0, 1]
    assert [case["dsc"] for case in made["cases"]] == pytest.approx(dsc)
    assert made["dsc"]["mean"] == pytest.approx(np.mean(dsc))
    assert made["dsc"]["with_tumour"]["mean"] == pytest.approx(np.mean(dsc[:3]))
    assert [case["nsd"] for case in made["cases"]][2:] == [0, 1, 0, 1]
    assert made["folds"]["0"]["lesions"]["all"]["of"] == 4
    assert sorted(path.name for path in (folder / "plain").iterdir()) == [
        "evaluation.csv",
        "evaluation.json",
        "evaluation.md",
        "evaluation.png",
        "lesions.csv",
    ]
    table = (folder / "plain/evaluation.md").read_text()
    assert "| all | 33.3 (1/3;" in table
    assert "26-connected" in table
    listed = list(csv.DictReader((folder / "plain/evaluation.csv").read_text().splitlines()))
    every = next(row for row in listed if row["group"] == "all" and row["metric"] == "sensitivity all")
    assert (every["count"], every["of"], float(every["value"])) == ("3", "5", 0.6)
    assert len((folder / "plain/lesions.csv").read_text().splitlines()) == 1 + 6


def test_groups_sizes_one_fold_and_published_figures(folder: Path) -> None:
    beside = folder / "paper.csv"
    beside.write_text("method,organ,class,metric,size,value\nRealTumor,pancreas,cyst,sensitivity,all,50.7\n")
    more = ("--by", "age,sex", "--sizes", "10", "--beside", str(beside))
    made = run(folder, "groups", *more)
    assert list(made["lesions"]) == ["<10", ">=10", "all"]
    assert list(made["groups"]["age"]) == ["40-50", "70-80", "unknown"]
    assert made["groups"]["sex"]["F"]["lesions"]["all"] == made["groups"]["sex"]["F"]["lesions"]["all"] | {
        "found": 2,
        "of": 3,
    }
    assert "| RealTumor | pancreas | cyst | sensitivity | all | 50.7 |" in (folder / "groups/evaluation.md").read_text()
    assert run(folder, "fold", "--fold", "1")["scans"] == 4


def test_two_methods_pair_by_pair(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = run(folder, "pairs", "--compare", str(folder / "empty"))["comparison"]
    told = capsys.readouterr()
    assert f"lesions found: 3 only here, 0 only in {folder / 'empty'}, of 5 (p = 0.25" in told.out
    text = (folder / "pairs/evaluation.md").read_text().partition("## Against")[2]
    assert "| here | 33.3 (1/3;" in text
    assert "| there | 0.0 (0/3;" in text
    assert "| all, at IoU 0.1 | 0 | 3 | 0 | 5 | 0.25 |" in text
    every = made["lesions"]["all"]
    assert (every["both"], every["only_first"], every["only_second"], every["of"]) == (0, 3, 0, 5)
    assert every["p"] == pytest.approx(2 * 0.5**3)
    assert made["specificity"]["only_second"] == 1
    assert made["dsc"]["difference"] < 0
    assert made["false_positives"]["difference"] == pytest.approx(-2 / 6)
    assert "--values tumour=1" in told.err  # only the organ's value is in that folder
    again = run(folder, "as tumour", "--predictions", str(folder / "empty"), "--values", "tumour=1")
    assert again["false_positives_per_scan"] == 1


def test_numbers_that_mean_other_things_are_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (_, prediction, _) in CASES.items():  # 1 tumour, 2 organ
        labels(tmp_path / f"swapped/{name}.nii.gz", [(2, ALARM), *((1, box) for _, box in prediction)])
    swapped = ["--predictions", str(tmp_path / "swapped")]
    run(folder, "swapped", *swapped)
    assert "both, one (2 of 6)" in (said := capsys.readouterr().err)
    assert "--values organ=2,tumour=1" in said
    found = ["failures", "find", str(folder / "cases.jsonl"), "--output", str(tmp_path / "f.jsonl"), *swapped]
    assert main(found) == 0
    assert "both, one (2 of 6)" in capsys.readouterr().err
    run(folder, "right", *swapped, "--values", "organ=2,tumour=1")
    assert "what is called organ" not in capsys.readouterr().err


def test_mcnemar_and_bootstrap() -> None:
    found = intervals.mcnemar([True] * 8 + [False] * 2, [True] * 3 + [False] * 5 + [True, False])
    assert (found["only_first"], found["only_second"]) == (5, 1)
    assert found["p"] == pytest.approx(2 * (6 + 1) / 2**6)
    mean = intervals.mean([0.0, 1.0] * 50, [str(n) for n in range(100)])
    assert mean["interval"] == pytest.approx([0.4, 0.6], abs=0.02)  # 0.5 -+ 1.96 * 0.05
    apart = intervals.mean([0.0, 1.0] * 50, [str(n % 2) for n in range(100)])
    assert apart["interval"] == [0, 1]  # two patients, however many scans


def test_of_one_patient_no_interval_is_told(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "cases.jsonl").read_text().splitlines()
    (folder / "one.jsonl").write_text(next(line for line in lines if '"one"' in line) + "\n")
    command = ["evaluate", str(folder / "one.jsonl"), "--predictions", str(folder / "predictions")]
    assert main([*command, "--compare", str(folder / "empty"), "--output", str(tmp_path / "out")]) == 0
    made = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert made["dsc"]["interval"] == made["comparison"]["nsd"]["interval"] == [None, None]
    assert made["lesions"]["all"]["interval"] != [None, None]
    (row,) = [line for line in (tmp_path / "out/evaluation.md").read_text().splitlines() if line.startswith("| DSC, %")]
    assert row.endswith("| - |")


def test_froc(folder: Path) -> None:
    predictions = folder / "maps"
    for name, (reference, _, _) in CASES.items():
        labels(predictions / f"{name}.nii.gz", reference)
        map_ = np.zeros(SHAPE, np.float32)
        map_[BIG], map_[SMALL], map_[ALARM] = 0.85, 0.35, 0.55
        Volume.from_array(map_, np.eye(4)).write(predictions / f"{name}_probability.nii.gz")
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(predictions)]
    assert main([*arguments, "--output", str(folder / "froc")]) == 0
    made = json.loads((folder / "froc/evaluation.json").read_text())["froc"]
    points = {p["threshold"]: (p["sensitivity"], p["false_positives_per_scan"]) for p in made["points"]}
    # At 0.5: both big lesions; alarms in all six scans, and big boxes where there is no lesion in four.
    assert points[0.5] == (pytest.approx(2 / 5), pytest.approx((6 + 4) / 6))
    assert points[0.3] == (1.0, pytest.approx((6 + 4 + 3) / 6))
    assert points[0.95] == (0, 0)
    assert made["sensitivity_at"]["1"] == pytest.approx(2 / 5)
    assert made["sensitivity_at"]["8"] == 1


def test_what_melts_into_one_is_no_fewer_false_alarms(folder: Path) -> None:
    predictions = folder / "melting"
    for name, (reference, _, _) in CASES.items():
        labels(predictions / f"{name}.nii.gz", reference)
        map_ = np.full(SHAPE, 0.2, np.float32)  # at 0.2 all is one component, which finds every lesion
        map_[ALARM] = 0.55
        Volume.from_array(map_, np.eye(4)).write(predictions / f"{name}_probability.nii.gz")
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(predictions)]
    assert main([*arguments, "--output", str(folder / "melted")]) == 0
    made = json.loads((folder / "melted/evaluation.json").read_text())["froc"]
    points = {p["threshold"]: p["false_positives_per_scan"] for p in made["points"]}
    assert points[0.2] < points[0.5] == 1
    assert made["sensitivity_at"]["0.5"] == 0


def test_two_classes(tmp_path: Path) -> None:
    Volume.from_array(np.zeros(SHAPE, np.int16), np.eye(4)).write(tmp_path / "ct.nii.gz")
    touching = (slice(46, 52), slice(4, 10), slice(4, 10))
    cases = {  # touching lesions of two classes are two; the second is called by the wrong class
        "a": ([(2, SMALL), (3, touching)], [(2, SMALL), (2, touching)]),
        "b": ([(3, BIG)], [(3, BIG), (2, ALARM)]),
    }
    lines = []
    for name, (reference, prediction) in cases.items():
        labels(tmp_path / f"labels/{name}.nii.gz", reference)
        labels(tmp_path / f"predictions/{name}.nii.gz", prediction)
        values = {"organ": [1], "pdac": [2], "cyst": [3]}
        lines.append(
            {"id": name, "ct": "ct.nii.gz", "organ": "pancreas", "label": f"labels/{name}.nii.gz", "values": values}
        )
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = run(tmp_path, "out")
    assert made["lesions"]["all"]["of"] == 3
    assert made["confusion"] == {
        "pdac": {"pdac": 1, "cyst": 0, "missed": 0},
        "cyst": {"pdac": 1, "cyst": 1, "missed": 0},
        "none": {"pdac": 1, "cyst": 0, "missed": 0},
    }
    pdac, cyst = made["classes"]["pdac"], made["classes"]["cyst"]
    assert (pdac["lesions"]["found"], pdac["lesions"]["of"], pdac["lesions"]["true"], pdac["lesions"]["predicted"]) == (
        1,
        1,
        1,
        2,
    )
    assert (cyst["lesions"]["found"], cyst["lesions"]["of"], cyst["lesions"]["ppv"]) == (1, 2, 1.0)
    assert pdac["dsc"]["mean"] == pytest.approx(2 / 3)
    assert cyst["dsc"]["mean"] == pytest.approx(0.5)
    assert pdac["patients"]["counts"] == {"sensitivity": [1, 1], "specificity": [1, 1], "ppv": [1, 1]}
    assert "| cyst | 1 | 1 | 0 |" in (tmp_path / "out/evaluation.md").read_text()

    right = [(2, SMALL), (3, touching)], [(3, BIG)]  # apart here, since what touches has one class
    for name, prediction in zip(cases, (right[0][1:], right[1]), strict=True):
        labels(tmp_path / f"others/{name}.nii.gz", prediction)
    made = run(tmp_path, "compared", "--compare", str(tmp_path / "others"))["comparison"]["classes"]
    assert (made["pdac"]["only_first"], made["pdac"]["only_second"], made["pdac"]["of"]) == (1, 0, 1)
    assert (made["cyst"]["both"], made["cyst"]["only_second"], made["cyst"]["of"]) == (1, 1, 2)
    every = made["every class"]
    assert (every["both"], every["only_first"], every["only_second"], every["of"]) == (1, 1, 1, 3)
    text = (tmp_path / "compared/evaluation.md").read_text().partition("## Against")[2]
    assert "| cyst, called so | 1 | 0 | 1 | 2 |" in text
    assert "| cyst | 0 | 2 | 0 |" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--predictions", "nowhere"], "no such folder"),
        (["--sizes", "50,20"], "rising"),
        (["--sizes", "nan"], "rising"),
        (["--by", "height"], "knows age, sex, organ"),
        (["--fold", "7"], "no case is of fold 7"),
        (["--compare", "labels_of_some"], "no prediction of both"),
        (["--compare", "predictions/../predictions"], "another method's"),
        (["--values", "tumour"], "write it as"),
        (["--tolerance-mm", "-1"], "out of range"),
        (["--output", "no/such"], "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    more: list[str], words: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "labels_of_some").mkdir(exist_ok=True)
    usual = {"--predictions": "predictions", "--output": "bad", **dict(zip(more[::2], more[1::2], strict=True))}
    assert main(["evaluate", "cases.jsonl", *(part for pair in usual.items() for part in pair)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not (folder / "bad").exists()


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (np.full(SHAPE, 255, np.uint8), "holds the value 255"),
        (np.full(SHAPE, 0.5, np.float32), "fractions or NaN"),
        (np.full(SHAPE, np.nan, np.float32), "fractions or NaN"),
        (np.full(SHAPE, -1, np.int16), "labels from -1"),
        (np.zeros((3, 4, 5), np.uint8), "another grid"),
        (None, "no prediction of"),
        ("twice", "are both of"),
        ("values", "do not say what the numbers"),
        ("odd map", "nan to nan, not 0 to 1"),
    ],
)
def test_a_spoilt_prediction_is_named(
    spoilt: np.ndarray | str | None, words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = next(iter(CASES))
    shutil.copytree(folder / "predictions", tmp_path / "predictions")
    place = tmp_path / f"predictions/{name}.nii.gz"
    if spoilt is None:
        place.unlink()
    elif isinstance(spoilt, np.ndarray):
        Volume.from_array(spoilt, np.eye(4)).write(place)
    elif spoilt == "twice":
        Volume.read(place).write(place.with_name(f"{name}.mha"))
    elif spoilt == "values":
        place.with_name(f"{name}.json").write_text('{"values": {"organ": ["one"]}}')
    elif spoilt == "odd map":
        Volume.from_array(np.full(SHAPE, np.nan, np.float32), np.eye(4)).write(
            place.with_name(f"{name}_probability.nii.gz")
        )
    command = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(tmp_path / "predictions")]
    assert main([*command, "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert name in line
    assert not (tmp_path / "out").exists()


def test_groups_that_nobody_names_are_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    known = [{key: value for key, value in line.items() if key != "age"} for line in lines]
    for line in known:
        for key in ("ct", "label"):
            if key in line:
                line[key] = str(folder / line[key])
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in known))
    command = ["evaluate", str(tmp_path / "cases.jsonl"), "--predictions", str(folder / "predictions")]
    assert main([*command, "--output", str(tmp_path / "out"), "--by", "age"]) == 0
    assert "no case says its age" in capsys.readouterr().err


def test_methods_are_compared_at_equal_false_alarms(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sure, wary = folder / "sure", folder / "wary"
    for place, (big, small, alarm) in ((sure, (0.9, 0.6, 0.5)), (wary, (0.9, 0.3, 0.4))):
        for name, (reference, _, _) in CASES.items():
            labels(place / f"{name}.nii.gz", reference)
            map_ = np.zeros(SHAPE, np.float32)
            for value, box, true in ((2, BIG, big), (2, SMALL, small)):
                map_[box] = true if (value, box) in reference else 0
            map_[ALARM] = alarm
            Volume.from_array(map_, np.eye(4)).write(place / f"{name}_probability.nii.gz")
    made = run(folder, "equal", "--predictions", str(sure), "--compare", str(wary), "--false-alarms", "0.5")
    here, there = made["at_false_alarms"], made["comparison"]["at_false_alarms"]
    # One alarm a scan from 0.5 and from 0.4 down: the thresholds stay above.
    assert (here["threshold"], there["threshold"]) == (0.55, 0.45)
    assert here["false_positives_per_scan"] == there["false_positives_per_scan"] == 0
    assert here["lesions"]["all"]["found"] == 5
    lost = 5 - there["lesions"]["all"]["found"]
    assert lost > 0
    assert there["mcnemar"]["found"]["all"]["only_first"] == there["mcnemar"]["found_iou"]["all"]["only_first"] == lost
    text = (folder / "equal/evaluation.md").read_text()
    assert "## At no more than 0.5 false positives a scan" in text
    assert "| all, IoU 0.1 |" in text
    capsys.readouterr()
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(folder / "empty"), "--output"]
    assert main([*arguments, str(folder / "none"), "--false-alarms", "1"]) == 2
    assert "segment with --probability" in capsys.readouterr().err


def test_a_full_disk_leaves_no_part_of_an_evaluation(
    folder: Path, tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(folder / "predictions")]
    with small_disk(12_000):  # the picture is larger
        assert main([*arguments, "--output", str(tmp_path / "full")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="this system has no folder in which nobody may write")
def test_a_place_where_nobody_may_write_is_one_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(folder / "cases.jsonl"), "--predictions", str(folder / "predictions")]
    assert main([*arguments, "--output", "/sys/evaluation"]) == 2
    (said,) = (line for line in capfd.readouterr().err.splitlines() if not line.startswith("warning"))
    assert said.startswith("error: cannot make the folder /sys/evaluation: ")
