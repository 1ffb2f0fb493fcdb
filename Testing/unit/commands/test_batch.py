"""Many tumours from a file of jobs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from TextoMorphLib.cli import main


@pytest.fixture
def folder(tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path) -> Path:
    """A folder with a scan, a mask, a model and room for the results."""
    shutil.copy(phantom_ct, tmp_path / "ct.nii.gz")
    shutil.copy(phantom_mask, tmp_path / "mask.nii.gz")
    (tmp_path / "model").symlink_to(tiny_bundle, target_is_directory=True)
    return tmp_path


def job(number: int, **more: Any) -> dict[str, Any]:
    return {
        **{"ct": "ct.nii.gz", "mask": "mask.nii.gz", "text": "cyst", "output": f"{number}.nii.gz"},
        **{"seed": number, "steps": 1, **more},
    }


def command(folder: Path, jobs: list[dict[str, Any]], *options: str) -> list[str]:
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    return [
        "batch",
        str(folder / "jobs.jsonl"),
        "--model",
        str(folder / "model"),
        "--device",
        "cpu",
        *options,
    ]


def events(out: str) -> list[tuple[str, int]]:
    return [(event["event"], event["line"]) for event in map(json.loads, out.splitlines())]


def test_the_others_run_when_one_is_bad(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [job(1), job(2, mask="nowhere.nii.gz"), job(3, output="1.nii"), job(4, organ="kidney")]
    assert main(command(folder, jobs)) == 2
    told = capfd.readouterr()
    errors = told.err.splitlines()
    assert len(errors) == 2
    assert any(line.startswith("error: jobs.jsonl line 2: ") for line in errors)
    assert any(line.startswith("error: jobs.jsonl line 3: ") and "as line 1 does" in line for line in errors)
    assert sorted(events(told.out)) == [("done", 1), ("done", 4), ("failed", 2), ("failed", 3)]
    assert sorted(path.name for path in folder.glob("[0-9]*")) == ["1.json", "1.nii.gz", "4.json", "4.nii.gz"]


def test_resume_makes_what_is_missing_and_keeps_the_rest(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1), job(2)])) == 0
    (folder / "2.nii.gz").unlink()
    (folder / "2.json").unlink()
    capfd.readouterr()
    assert main(command(folder, [job(1), job(2)], "--resume")) == 0
    assert events(capfd.readouterr().out) == [("skipped", 1), ("done", 2)]

    # A job that asks for something else is not done, and does not replace what is there unasked.
    assert main(command(folder, [job(1, text="calcification"), job(2)], "--resume")) == 2
    told = capfd.readouterr()
    assert events(told.out) == [("failed", 1), ("skipped", 2)]
    assert "--overwrite" in told.err


def test_workers_give_the_same_bytes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1), job(2)])) == 0
    alone = [(folder / f"{number}.nii.gz").read_bytes() for number in (1, 2)]
    assert main(command(folder, [job(1), job(2), job(3, ct="nowhere.nii.gz")], "--workers", "2", "--overwrite")) == 2
    assert [(folder / f"{number}.nii.gz").read_bytes() for number in (1, 2)] == alone
    assert capfd.readouterr().err.startswith("error: jobs.jsonl line 3: ")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_leaves_whole_results_only(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with it ignored
    jobs = [job(1), *(job(number, steps=200) for number in range(2, 9))]
    argv = [sys.executable, "-m", "TextoMorphLib", *command(folder, jobs, "--workers", "2")]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert '"done"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "cancelled\n")
    images, reports = ({path.name[0] for path in folder.glob(f"[0-9]{end}")} for end in (".nii.gz", ".json"))
    assert images == reports
    assert len(images) < 8
    assert not list(folder.glob(".*"))
