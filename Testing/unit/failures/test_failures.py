"""Failures of a segmenter: found by evaluate's rules, described, shown, and made again in healthy organs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import failing_cases
import numpy as np
import pytest
from failing_cases import AFFINE, ALARM, MISSED, SHAPE, SPACING, scan_of
from scipy import ndimage

from killing import killed_after
from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.cases import read_cases
from TextoMorphLib.cli import main
from TextoMorphLib.failures import Failure, find, read_failures
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Cases with failures."""
    return failing_cases.write(tmp_path)


def _find(data: Path) -> list[Failure]:
    output = data / "out" / "failures.jsonl"
    output.parent.mkdir(exist_ok=True)
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    assert main([*arguments, "--output", str(output)]) == 0
    return read_failures(output)


def test_find_describes_what_was_missed_and_seen_in_vain(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _find(data)
    assert [failure.kind for failure in found] == ["miss", "worst", "false alarm"]
    miss, worst, alarm = found
    assert miss.description["density"] == worst.description["density"] == "hypo"
    assert miss.text.startswith("hypoattenuating")
    assert not re.search(r"\d", miss.text)  # sizes of look-alikes differ
    assert miss.diameters_mm == pytest.approx((22.4, 16), abs=1.5)
    place = AFFINE @ (25, 22, 18, 1)
    assert miss.centre_mm == pytest.approx(place[:3], abs=0.5)
    assert alarm.description.get("density") in (None, "iso")
    assert alarm.dice is None
    assert 0.5 < (worst.dice or 0) < 0.95
    scan = Volume.read(miss.ct)
    assert np.array_equal(read_mask(miss.mask, scan, resample=True), MISSED)
    assert all(failure.picture.read_bytes().startswith(b"\x89PNG") for failure in found)

    page = (data / "out" / "failures.html").read_text()
    assert page.count("<article") == 3
    assert "http" not in page  # nothing comes from elsewhere
    lines = json.loads(re.search(r'id="lines">(.*?)</script>', page, re.DOTALL)[1].replace("<\\/", "</"))  # type: ignore[index]
    assert lines == [json.loads(line) for line in (data / "out" / "failures.jsonl").read_text().splitlines()]

    # Started again, nothing is described twice; a prediction that has changed is.
    described = []
    inner = find.words_to_draw
    monkeypatch.setattr(find, "words_to_draw", lambda *given, **more: described.append(1) or inner(*given, **more))
    assert _find(data) == found
    assert not described
    with monkeypatch.context() as updated:  # another version, or a term of one's own
        updated.setattr(find.contents, "program", lambda: "another")
        assert _find(data) == found
    assert len(described) == 3
    assert _find(data) == found
    described.clear()
    Volume.from_array(np.zeros(SHAPE, np.uint8), AFFINE).write(data / "predictions" / "a.nii.gz")
    assert [failure.kind for failure in _find(data)] == ["miss", "miss", "false alarm"]
    assert len(described) == 2


def test_a_number_that_means_something_else_is_another_failure(data: Path) -> None:
    other = failing_cases.ball((66, 56, 24), 6)
    predicted = np.where(ALARM, 4, np.where(other, 5, 0)).astype(np.uint8)
    Volume.from_array(predicted, AFFINE).write(data / "predictions" / "b.nii.gz")
    output = data / "failures.jsonl"
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    places = []
    for values in ("organ=5,tumour=2+4", "organ=4,tumour=2+5"):
        assert main([*arguments, "--output", str(output), "--values", values]) == 0
        places += [failure.centre_mm for failure in read_failures(output) if failure.case == "b"]
    expected = [(AFFINE @ (*ndimage.center_of_mass(alarm), 1))[:3] for alarm in (ALARM, other)]
    np.testing.assert_allclose(places, expected, atol=0.1)


def test_lesions_of_two_classes_that_touch_are_two_as_evaluate_has_it(data: Path) -> None:
    low, high = failing_cases.ball((25, 22, 18), 8), failing_cases.ball((25, 22, 25), 8)
    scan, organ = scan_of(0, (low, high))
    scan.write(data / "a.nii.gz")
    labels = np.where(low, 2, np.where(high, 3, organ)).astype(np.uint8)
    Volume.from_array(labels, AFFINE).write(data / "a_label.nii.gz")
    Volume.from_array((2 * low).astype(np.uint8), AFFINE).write(data / "predictions/a.nii.gz")
    lines = [json.loads(line) for line in (data / "cases.jsonl").read_text().splitlines()]
    lines[0]["values"] = {"organ": [1], "tumour": [2], "cyst": [3]}
    (data / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (miss,) = [failure for failure in _find(data) if failure.kind == "miss"]
    assert np.array_equal(read_mask(miss.mask, scan, resample=True), high & ~low)
    arguments = ["evaluate", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    assert main([*arguments, "--output", str(data / "evaluated")]) == 0
    every = json.loads((data / "evaluated/evaluation.json").read_text())["lesions"]["all"]
    assert (every["found"], every["of"]) == (1, 2)


def test_the_seed_decides_where_look_alikes_of_several_organs_go(data: Path) -> None:
    found = [failure.line(data / "out") for failure in _find(data)]
    organs = ("liver", "kidney", "pancreas")
    lines = [{**line, "organ": organ} for line, organ in zip(found, organs, strict=True)]
    (data / "out/failures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scans = [json.loads(line) for line in (data / "healthy.jsonl").read_text().splitlines()]
    healthy = [{**scan, "id": f"{scan['id']}-{organ}", "organ": organ} for scan in scans for organ in organs]
    (data / "healthy.jsonl").write_text("".join(json.dumps(line) + "\n" for line in healthy))
    made = []
    for number in range(3):  # in which order a set comes is another one in each process
        output = data / f"targets{number}"
        arguments = ["failures", "target", "out/failures.jsonl", "--healthy", "healthy.jsonl", "--count", "6"]
        command = [sys.executable, "-m", "TextoMorphLib", *arguments, "--output", str(output)]
        subprocess.run(command, check=True, cwd=data, env={**os.environ, "PYTHONHASHSEED": str(number)})
        made.append(json.loads((output / "shares.json").read_text())["places"])
    assert made[0] == made[1] == made[2]


def test_target_makes_jobs_masks_and_patches(data: Path) -> None:
    found = _find(data)
    arguments = ["failures", "target", str(data / "out/failures.jsonl"), "--healthy", str(data / "healthy.jsonl")]
    arguments += ["--cases", str(data / "cases.jsonl"), "--count", "6", "--output"]
    assert main([*arguments, str(data / "targets")]) == 0
    assert main([*arguments, str(data / "again")]) == 0
    assert main([*arguments, str(data / "again")]) == 2  # never over a batch that is there

    lines = (data / "targets/jobs.jsonl").read_text().splitlines()
    assert lines == (data / "again/jobs.jsonl").read_text().splitlines()
    shares = json.loads((data / "targets/shares.json").read_text())
    assert shares["jobs"] == {"miss": 2, "worst": 2, "false alarm": 2}
    assert shares["patches"] == 1
    of_text = {failure.text: failure for failure in found}
    for line in lines:
        job = parse(line, data / "targets")
        scan = Volume.read(job.ct)
        mask = read_mask(job.mask, scan)
        _, organ = scan_of(1)
        assert mask.any()
        assert not (mask & ~organ).any()
        diameter = (6 / np.pi * mask.sum() * np.prod(SPACING)) ** (1 / 3)
        sizes = [failure.diameter_mm for failure in found]
        assert 0.4 * min(sizes) < diameter < 2 * max(sizes)
        assert job.text in of_text or job.text == "lesion"
    cases = read_cases(data / "targets/cases.jsonl")  # what the batch is going to make, as cases to train on
    for line, case in zip(lines, cases, strict=True):
        job, scan = parse(line, data / "targets"), Volume.read(parse(line, data / "targets").ct)
        assert case.ct == job.output
        assert case.texts == (job.text,)
        targets = case.targets(scan)
        assert np.array_equal(targets == 2, read_mask(job.mask, scan))
        assert np.array_equal(targets > 0, scan_of(1)[1])
    (patch,) = [json.loads(line) for line in (data / "targets/healthy.jsonl").read_text().splitlines()]
    assert patch["healthy"]
    assert main(["cases", "check", str(data / "targets/healthy.jsonl")]) == 0


def test_shape_and_size_of_a_look_alike_are_the_failures(data: Path) -> None:
    from TextoMorphLib.failures import target

    miss = _find(data)[0]
    case = target.read_cases(data / "healthy.jsonl")[0]
    organ = target._organ(case)
    for seed in range(3):
        shape = target.Volume.read(miss.mask)
        mask = target.placed(shape, miss.diameter_mm, miss.diameter_mm, organ.room, np.random.default_rng(seed))
        diameter = (6 / np.pi * mask.sum() * np.prod(SPACING)) ** (1 / 3)
        assert diameter == pytest.approx(miss.diameter_mm, rel=0.12)
        extents = sorted(np.ptp(np.argwhere(mask), axis=0) * SPACING)
        assert extents[-1] / extents[0] > 1.2  # still longer than wide


def test_killed_it_goes_on_where_it_was(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "out").mkdir()
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    arguments += ["--output", str(data / "out/failures.jsonl")]
    assert killed_after(1, "TextoMorphLib.failures.find.words_to_draw", arguments) == -signal.SIGKILL
    assert not (data / "out/failures.jsonl").exists()
    described = []
    inner = find.words_to_draw
    monkeypatch.setattr(find, "words_to_draw", lambda *given, **more: described.append(1) or inner(*given, **more))
    assert len(_find(data)) == 3
    assert len(described) == 2  # not what was described before the kill


@pytest.mark.parametrize("spoil", ["grid", "bytes", "scan"])
def test_one_case_that_fails_stops_no_other(data: Path, capsys: pytest.CaptureFixture[str], spoil: str) -> None:
    if spoil == "grid":
        Volume.from_array(np.zeros((20, 20, 20), np.uint8), AFFINE).write(data / "predictions/b.nii.gz")
    else:
        (data / ("b.nii.gz" if spoil == "scan" else "predictions/b.nii.gz")).write_bytes(b"no image")
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    assert main([*arguments, "--output", str(data / "failures.jsonl")]) == 2
    out, err = capsys.readouterr()
    (line,) = err.strip().splitlines()
    assert line.startswith("warning: case b: ")
    assert [failure.kind for failure in read_failures(data / "failures.jsonl")] == ["miss", "worst"]
    assert "1 missed, 0 false alarms, 1 outlined worst" in out


def test_nothing_to_find_and_nothing_found(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    output = data / "failures.jsonl"
    for name in "ab":  # all missed
        Volume.from_array(np.zeros(SHAPE, np.uint8), AFFINE).write(data / f"predictions/{name}.nii.gz")
    assert main([*arguments, "--output", str(output)]) == 0
    assert [failure.kind for failure in read_failures(output)] == ["miss", "miss"]
    for name in "ab":  # all right
        (data / f"predictions/{name}.nii.gz").write_bytes((data / f"{name}_label.nii.gz").read_bytes())
    capsys.readouterr()
    assert main([*arguments, "--output", str(output), "--worst", "0", "--values", "organ=1,tumour=2"]) == 0
    assert "0 missed, 0 false alarms, 0 outlined worst" in capsys.readouterr().out
    target = ["failures", "target", str(output), "--healthy", str(data / "healthy.jsonl"), "--count", "2"]
    assert main([*target, "--output", str(data / "t")]) == 2
    assert "holds no failure" in capsys.readouterr().err


def test_bad_input_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _find(data)
    failures = data / "out/failures.jsonl"
    sick = str(data / "cases.jsonl")
    (data / "wrong.jsonl").write_text('{"id": "x"}\n')
    capsys.readouterr()
    for arguments, said in (
        (["target", str(failures), "--healthy", sick, "--count", "2", "--output", str(data / "t")], "healthy"),
        (
            ["target", str(data / "wrong.jsonl"), "--healthy", sick, "--count", "2", "--output", str(data / "t")],
            "line 1",
        ),
        (["find", sick, "--predictions", str(data / "none"), "--output", str(data / "f.jsonl")], "no such folder"),
        (["find", sick, "--predictions", str(data / "predictions"), "--output", str(data / "f.csv")], ".jsonl"),
    ):
        assert main(["failures", *arguments]) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert len(error) == 1, error
        assert said in error[0]
    assert not (data / "t").exists()


def test_a_full_disk_ends_the_search_and_is_no_cases_fault(
    data: Path, small_disk: Callable[[int], AbstractContextManager[None]], capfd: pytest.CaptureFixture[str]
) -> None:
    (data / "out").mkdir()
    arguments = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    output = data / "out/failures.jsonl"
    with small_disk(1000):
        assert main([*arguments, "--output", str(output)]) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("warning")]
    assert len(errors) == 1
    assert errors[0].startswith("error: cannot write")
    assert not output.exists()
