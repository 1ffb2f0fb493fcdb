"""Several batches on one folder: who makes what, what a dead one leaves, and how far all are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_jobs import command, events, job

from TextoMorphLib.batches import claims, work
from TextoMorphLib.cli import main


def claimed(folder: Path, name: str, **owner: object) -> Path:
    """A claim on an output, as another process would have left it."""
    path = claims.place(folder / name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": "elsewhere", "place": "another", "process": 1, "output": name, **owner}))
    return path


def test_two_batches_on_one_folder_make_each_job_once(folder: Path) -> None:
    jobs = [job(number) for number in range(1, 7)]
    argv = [sys.executable, "-m", "TextoMorphLib", *command(folder, jobs, "--resume")]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    made = [line for out, _ in told for event, line in events(out) if event == "done"]
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    for out, _ in told:
        assert sorted(line for _, line in events(out)) == [1, 2, 3, 4, 5, 6]
    assert not list((folder / claims.FOLDER).glob(f"*{claims.SUFFIX}"))


def test_shards_are_the_whole(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [job(number) for number in range(1, 4)]
    for shard, expected in (("1/2", [1]), ("2/2", [2, 3])):
        assert main(command(folder, jobs, "--shard", shard)) == 0
        assert events(capfd.readouterr().out) == [("done", line) for line in expected]
    assert main(command(folder, jobs, "--resume")) == 0
    assert events(capfd.readouterr().out) == [("skipped", line) for line in (1, 2, 3)]


def test_claims_of_the_dead_are_taken_over_and_those_of_the_living_waited_for(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = claims._self()
    claimed(folder, "1.nii.gz", place=here["place"], process=2**22 + 1)  # a process that does not run
    silent = claimed(folder, "2.nii.gz")
    os.utime(silent, (0, time.time() - claims.STALE_S - 60))
    living = claimed(folder, "3.nii.gz")
    waited = []

    def wait(seconds: float) -> None:
        waited.append(sorted(path.name for path in folder.glob("[0-9].nii.gz")))
        living.unlink()

    monkeypatch.setattr(work.finished, "__defaults__", (wait,))
    assert main(command(folder, [job(1), job(2), job(3)])) == 0
    told = capfd.readouterr()
    assert events(told.out) == [("done", 1), ("done", 2), ("done", 3)]
    assert waited == [["1.nii.gz", "2.nii.gz"]]
    assert "elsewhere" in told.err


def test_what_a_killed_process_leaves_is_told_and_goes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [job(1), job(2)]
    gone = {"place": claims._self()["place"], "process": 2**22 + 1}
    assert main(command(folder, jobs[:1])) == 0
    left = [claimed(folder, f"{number}.nii.gz", **gone) for number in (1, 2)]  # killed just after the first was there
    living = claimed(folder, "3.nii.gz")
    command(folder, jobs)
    capfd.readouterr()
    assert main(["batch", "status", str(folder)]) == 0
    told = capfd.readouterr().out
    assert "2 jobs: 1 done, 0 failed, 0 under way, 1 left" in told
    assert "elsewhere: 0 done, 0 failed, 0 under way, 1 begun by a process that is gone" in told
    assert "the next batch with --resume" in told
    assert main(command(folder, jobs, "--resume")) == 0
    assert [path.exists() for path in (*left, living)] == [False, False, True]
    assert main(["batch", "status", str(folder)]) == 0
    assert "gone" not in capfd.readouterr().out


def test_status_counts_by_machine(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(1), job(2), job(3, mask="nowhere.nii.gz"), job(4), job(5, organ=3)]
    monkeypatch.setenv("TEXTOMORPH_MACHINE", "first")
    assert main(command(folder, jobs[:1])) == 0
    monkeypatch.setenv("TEXTOMORPH_MACHINE", "second")
    assert main(command(folder, jobs[:3], "--resume")) == 2
    claimed(folder, "4.nii.gz")
    command(folder, jobs)
    capfd.readouterr()
    assert main(["batch", "status", str(folder), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert {name: found[name] for name in ("total", "done", "failed", "working", "left")} == {
        **{"total": 5, "done": 2, "failed": 2, "working": 1, "left": 0}
    }
    assert {name: (each["done"], each["failed"]) for name, each in found["machines"].items()} == {
        **{"first": (1, 0), "second": (1, 1), "elsewhere": (0, 0)}
    }
    assert set(found["errors"]) == {"3", "5"}

    (folder / "2.nii.gz").write_bytes((folder / "2.nii.gz").read_bytes()[:-10])
    moved = folder.rename(folder.with_name(f"{folder.name}-moved"))
    for options, done in (([], 2), (["--verify"], 1)):
        assert main(["batch", "status", str(moved), *options]) == 0
        assert f"5 jobs: {done} done" in capfd.readouterr().out


def test_status_of_the_outputs_folder_finds_the_jobs_beside_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [job(1, output="out/1.nii.gz")]
    (folder / "out").mkdir()
    assert main(command(folder, jobs)) == 0
    capfd.readouterr()
    assert main(["batch", "status", str(folder / "out")]) == 0
    assert "1 jobs: 1 done" in capfd.readouterr().out
