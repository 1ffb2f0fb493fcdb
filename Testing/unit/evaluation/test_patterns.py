"""Radiomics pattern analysis: sets of lesions told apart by variety and place, and a command that can be stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pydicom
import pytest

from killing import killed_after
from TextoMorphLib.cli import main
from TextoMorphLib.evaluation import lesion_sets, patterns
from TextoMorphLib.evaluation.lesion_sets import Row
from TextoMorphLib.io import dicom_export
from TextoMorphLib.io.volume import Volume

REPORT = {
    **{"text": "cyst", "seed": 1, "steps": 2, "guidance": 1.0, "organ": "liver"},
    **{"model": {"name": "tiny", "sha256": "0" * 64}, "versions": {"textomorph": "1"}},
}


def _rows(name: str, count: int, spread: float, moved: float = 0.0, seed: int = 0, organ: str = "liver") -> list[Row]:
    values = spread * np.random.default_rng(seed).standard_normal((count, 12)) + moved
    return [
        Row(name, organ, f"{n}.nii.gz", 20.0, {f"f{k}": float(v) for k, v in enumerate(row)} | {"constant": 1.0})
        for n, row in enumerate(values)
    ]


def test_sets_of_one_kind_are_near_and_as_varied() -> None:
    found = patterns.analyse(_rows("real", 60, 1.0) + _rows("made", 60, 1.0, seed=1), "real")["liver"]
    made = found["sets"]["made"]
    assert found["features"] == 12  # the constant says nothing
    assert made["energy"] < 1.5 * made["energy_chance"][1]
    assert made["precision"] > 0.6
    assert made["recall"] > 0.6
    assert made["variance"] == pytest.approx(1, abs=0.15)
    assert made["variance_interval"][0] < made["variance"] < made["variance_interval"][1]
    assert made["cosine"] == pytest.approx(1, abs=0.1)


def test_a_set_without_variety_is_found_out() -> None:
    found = patterns.analyse(_rows("real", 60, 1.0) + _rows("alike", 60, 0.2, seed=1), "real")["liver"]["sets"]
    assert found["alike"]["variance"] < 0.2 < found["real"]["variance"]
    assert found["alike"]["precision"] > 0.9
    assert found["alike"]["recall"] < 0.3


def test_a_set_elsewhere_is_far() -> None:
    found = patterns.analyse(_rows("real", 60, 1.0) + _rows("far", 60, 1.0, moved=4.0, seed=1), "real")["liver"]
    far = found["sets"]["far"]
    assert far["energy"] > 3 * far["energy_chance"][1]
    assert far["precision"] == far["recall"] == 0
    assert far["cosine"] < 0.5  # all of them lie to one side of the common mean


def test_one_set_alone_claims_no_variance() -> None:
    alone = patterns.analyse(_rows("real", 20, 1.0), "real")["liver"]["sets"]["real"]
    assert alone["variance"] is None
    assert "energy" not in alone


def _folder(path: Path, count: int, grain: float) -> Path:
    """Scans of 24 voxels a side with a round lesion each, and their masks."""
    path.mkdir()
    away = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0)
    for number in range(count):
        rng = np.random.default_rng(number)
        hu = np.where(away < 5 + number % 3, 40, 100) + grain * rng.standard_normal(away.shape)
        affine = np.diag([1, 1, 1, 1])
        Volume.from_array(hu.astype(np.int16), affine).write(path / f"case{number}_ct.nii.gz")
        Volume.from_array(np.where(away < 5 + number % 3, 2, 1).astype(np.uint8), affine).write(
            path / f"case{number}_label.nii.gz"
        )
    return path


def test_command_measures_compares_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = _folder(tmp_path / "real", 5, 10.0), _folder(tmp_path / "made", 5, 25.0)
    out = tmp_path / "out"
    arguments = ["patterns", str(real), f"ours={made}", "--output", str(out), "--organ", "liver", "--label", "2"]

    monkeypatch.setattr(patterns, "LEAST_LESIONS", 5)
    measure, done = lesion_sets.measure, []

    def stopped(settings: lesion_sets.Settings, scan: lesion_sets.Scan) -> list[Row]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(scan.ct.name)
        return measure(settings, scan)

    monkeypatch.setattr(lesion_sets, "measure", stopped)
    assert main(arguments) == 130
    assert not (out / "patterns.md").exists()
    monkeypatch.setattr(
        lesion_sets, "measure", lambda settings, scan: done.append(scan.ct.name) or measure(settings, scan)
    )
    assert main(arguments) == 0
    assert len(done) == 10  # none twice
    text = capsys.readouterr().out
    assert "| TextoMorph, the paper's figure | 1.14 +- 1.02 |" in text
    assert "| real |" in text
    found = json.loads((out / "patterns.json").read_text())["organs"]["liver"]["sets"]
    assert found["ours"]["lesions"] == 5
    assert found["ours"]["energy"] > found["ours"]["energy_chance"][1]  # noise is stronger
    assert (out / "map.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "features.csv").read_text().count("\n") == 11

    changed = Volume.read(made / "case0_ct.nii.gz")
    Volume.from_array(changed.data + 5, changed.affine).write(made / "case0_ct.nii.gz")
    assert main(arguments) == 0
    assert len(done) == 11  # only what has changed


def test_a_slice_written_anew_in_a_series_is_measured_again(tmp_path: Path) -> None:
    made = _folder(tmp_path / "nifti", 1, 10.0)
    series, mask = tmp_path / "series", made / "case0_label.nii.gz"
    dicom_export.write(Volume.read(made / "case0_ct.nii.gz"), REPORT, series)
    scan = lesion_sets.Scan("real", "liver", series, mask, (2,))

    def measured() -> dict[str, float]:
        (row,) = lesion_sets.table([scan], lesion_sets.Settings(), tmp_path / "measured")
        return row.features

    before = measured()
    folder = series.stat().st_mtime_ns
    one = pydicom.dcmread(series / "0012.dcm")
    one.RescaleIntercept = 30
    one.save_as(series / "0012.dcm")
    assert series.stat().st_mtime_ns == folder  # which the folder does not tell
    assert measured() != before


def test_what_another_version_measured_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _folder(tmp_path / "nifti", 1, 10.0)
    scan = lesion_sets.Scan("real", "liver", made / "case0_ct.nii.gz", made / "case0_label.nii.gz", (2,))
    for version in ("0.1.0", "0.1.0", "0.2.0"):
        monkeypatch.setattr(lesion_sets, "__version__", version)
        lesion_sets.table([scan], lesion_sets.Settings(), tmp_path / "measured")
    assert len(list((tmp_path / "measured").iterdir())) == 2


def test_killed_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, out = _folder(tmp_path / "real", 6, 10.0), tmp_path / "out"
    arguments = ["patterns", str(real), "--output", str(out), "--label", "2"]
    assert killed_after(4, "TextoMorphLib.evaluation.lesion_sets.measure", arguments) == -signal.SIGKILL
    assert len(list((out / "measured").glob("*.json"))) == 4
    monkeypatch.setattr(patterns, "LEAST_LESIONS", 5)
    measure, done = lesion_sets.measure, []
    monkeypatch.setattr(
        lesion_sets, "measure", lambda settings, scan: done.append(scan.ct.name) or measure(settings, scan)
    )
    assert main(arguments) == 0
    assert len(done) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_one_scan_that_fails_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(patterns, "LEAST_LESIONS", 5)
    real = _folder(tmp_path / "real", 6, 10.0)
    (real / "case1_ct.nii.gz").write_bytes(b"no image")
    arguments = ["patterns", str(real), "--output", str(tmp_path / "out"), "--label", "2", "--workers", str(workers)]
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("warning: set real, case1_ct.nii.gz: ")
    assert (tmp_path / "out/features.csv").read_text().count("\n") == 6

    sound = Volume.read(real / "case2_ct.nii.gz")
    Volume.from_array(sound.hu() * 8 + 8192, sound.affine).write(
        real / "case1_ct.nii.gz"
    )  # its texture would be others'
    assert main(arguments) == 2
    assert "case1_ct.nii.gz: the scan is not in HU" in capsys.readouterr().err


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = _folder(tmp_path / "few", 3, 10.0)
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch/jobs.jsonl").write_text('{"output": "a.nii.gz", "mask": "b.nii.gz"}\n{"output": 3}\n')
    for arguments, said in (
        ([str(few)], "3 lesions"),
        ([str(few), str(few)], "name them"),
        ([str(tmp_path / "none")], "does not exist"),
        ([str(few), "--preset", "most"], "unknown preset"),
        ([str(tmp_path / "batch")], "jobs.jsonl line 2: no job with an output and a mask"),
    ):
        assert main(["patterns", *arguments, "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert len(error) == 1
        assert said in error[0]
