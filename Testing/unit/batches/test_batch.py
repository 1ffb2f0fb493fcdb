"""Many tumours from a file of jobs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from small_jobs import command, events, job

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume


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


def test_a_jobs_organ_is_held_against_its_lesion(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mask = Volume.read(folder / "mask.nii.gz")
    inside = mask.data > 0
    beside = ndimage.binary_dilation(inside, iterations=12) & ~ndimage.binary_dilation(inside, iterations=4)
    for name, organ in {"beside": beside, "hole": ~inside, "lesion": inside}.items():
        Volume.from_array(organ.astype(np.uint8), mask.affine).write(folder / f"{name}.nii.gz")
    jobs = [job(number, organ_mask=f"{name}.nii.gz") for number, name in enumerate(("beside", "hole", "lesion"), 1)]
    assert main(command(folder, jobs)) == 2
    told = capfd.readouterr()
    assert sorted(events(told.out)) == [("done", 1), ("done", 2), ("failed", 3)]
    assert "line 3: the organ's mask holds 0.00 ml of healthy tissue" in told.err
    said = ["outside the organ" in (folder / f"{number}.json").read_text() for number in (1, 2)]
    assert said == [True, False]


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


@pytest.mark.slow
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


def test_resume_from_anywhere_makes_again_what_a_crash_left_broken(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(command(folder, [job(1), job(2), job(3), job(4)])) == 0
    capfd.readouterr()
    whole = (folder / "2.nii.gz").read_bytes()
    (folder / "2.nii.gz").write_bytes(b"")
    (folder / "3.nii.gz").write_bytes((folder / "3.nii.gz").read_bytes()[:-10])
    (folder / "4.json").write_bytes(b"")

    monkeypatch.chdir(folder)
    absolute = [job(1, ct=str(folder / "ct.nii.gz"), output=str(folder / "1.nii.gz")), job(2), job(3), job(4)]
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, absolute)))
    assert main(["batch", "jobs.jsonl", "--model", "model", "--device", "cpu", "--resume"]) == 0
    assert events(capfd.readouterr().out) == [("skipped", 1), ("done", 2), ("done", 3), ("done", 4)]
    assert (folder / "2.nii.gz").read_bytes() == whole

    moved = folder.rename(folder.with_name("moved"))
    assert main(command(moved, [job(1), job(2)], "--resume")) == 0
    assert events(capfd.readouterr().out) == [("skipped", 1), ("skipped", 2)]


def test_resume_does_not_take_another_models_image_for_done(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1)])) == 0
    (folder / "model").unlink()
    shutil.copytree(tiny_again(folder), folder / "model")
    assert main(command(folder, [job(1)], "--resume")) == 2
    assert "1.nii.gz exists" in capfd.readouterr().err


def test_resume_does_not_take_what_other_words_made_for_done(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(command(folder, [job(1)])) == 0
    terms = folder / "home" / "Vocabulary" / "terms"
    terms.mkdir(parents=True)
    (terms / "own.json").write_text('{"terms": []}')
    monkeypatch.setenv("TEXTOMORPH_HOME", str(folder / "home"))
    assert main(command(folder, [job(1)], "--resume")) == 2
    assert "(it was made with another vocabulary)" in capfd.readouterr().err


def test_resume_makes_nothing_of_an_input_that_has_changed_and_says_so(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As after a mask was painted anew: what lies there belongs to the old one."""
    assert main(command(folder, [job(1)])) == 0
    mask = Volume.read(folder / "mask.nii.gz")
    Volume.from_array(np.roll(mask.data, 1, axis=2), mask.affine).write(folder / "mask.nii.gz")
    assert main(["batch", "status", str(folder / "jobs.jsonl"), "--verify", "--json"]) == 0
    assert '"done": 0' in capfd.readouterr().out
    assert main(command(folder, [job(1)], "--resume")) == 2
    assert "1.nii.gz exists; choose another name or add --overwrite (mask.nii.gz has changed" in capfd.readouterr().err
    assert main(command(folder, [job(1)], "--resume", "--overwrite")) == 0
    assert main(command(folder, [job(1)], "--resume")) == 0
    (folder / "mask.nii.gz").unlink()  # inputs may go once all is made
    assert main(command(folder, [job(1)], "--resume")) == 0


def tiny_again(folder: Path) -> Path:
    """The tiny model under another card: another fingerprint."""
    from TextoMorphLib.models import bundle

    tiny = bundle.find(str(next(path for path in folder.parent.parent.glob("**/models*/tiny"))))
    other = Path(shutil.copytree(tiny, folder / "other"))
    (other / "MODEL_CARD.md").write_text("another")
    bundle.seal(other)
    return other


def test_an_output_that_appears_after_the_start_is_kept(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from TextoMorphLib.batches.job import Job

    read = Job.read

    def meanwhile(self: Any, *reader: Any) -> Any:
        self.output.write_text("another program's")
        return read(self, *reader)

    monkeypatch.setattr(Job, "read", meanwhile)
    assert main(command(folder, [job(1)])) == 2
    told = capfd.readouterr()
    assert "1.nii.gz exists; choose another name or add --overwrite" in told.err
    assert (folder / "1.nii.gz").read_text() == "another program's"
    assert not (folder / "1.json").exists()
    assert not list(folder.glob(".textomorph*"))


def test_one_bad_line_does_not_end_the_batch(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = [
        job(2, output="d" * 300 + ".nii.gz"),
        job(3, output="c\0.nii.gz"),
        job(4, text="cyst \udcff"),
        job(5, ct="\udcff.nii.gz"),
        job(6, label=True),
        job(7, label=9),
        job(8, seed=10**30),
        job(9, guidance=float("nan")),
        job(10, replace=1),
    ]
    assert main(command(folder, [job(1), *bad, job(11, label=1)])) == 2
    told = capfd.readouterr()
    assert [number for event, number in sorted(events(told.out)) if event == "done"] == [1, 11]
    assert told.err.count("\n") == told.err.count("error: jobs.jsonl line ") == len(bad)


def test_doubts_are_told_and_kept_with_the_result(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import nibabel as nib
    import numpy as np

    mask = nib.Nifti1Image.from_filename(folder / "mask.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(mask.dataobj) * np.float32(0.8), mask.affine), folder / "mask.nii.gz")
    assert main(command(folder, [job(1)])) == 0
    told = capfd.readouterr()
    assert told.err.count("probabilities") == 1
    assert "probabilities" in json.loads(told.out)["warnings"][0]
    assert "probabilities" in json.loads((folder / "1.json").read_text())["warnings"][0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
def test_workers_do_not_outlive_a_batch_that_is_killed(folder: Path) -> None:
    import psutil

    jobs = [job(1), *(job(number, steps=200) for number in range(2, 9))]
    argv = [sys.executable, "-m", "TextoMorphLib", *command(folder, jobs, "--workers", "2")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert '"done"' in process.stdout.readline()
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(workers) >= 2
        process.kill()
        process.wait(60)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    images, reports = ({path.name[0] for path in folder.glob(f"[0-9]{end}")} for end in (".nii.gz", ".json"))
    assert images == reports
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signal")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_sigterm_in_the_middle_of_a_write_leaves_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """As schedulers end programs, and terminals that close."""
    from TextoMorphLib.io import outputs

    def ended(report: Any) -> str:
        assert [path for path in folder.iterdir() if path.name.startswith(".textomorph")]
        signal.raise_signal(getattr(signal, number))
        return ""

    monkeypatch.setattr(outputs, "to_json", ended)
    before = signal.signal(getattr(signal, number), signal.SIG_DFL)  # nohup has one of them ignored, and it stays so
    try:
        assert main(command(folder, [job(1)])) == 130
    finally:
        signal.signal(getattr(signal, number), before)
    assert capfd.readouterr().err == "cancelled\n"
    assert not list(folder.glob("1.*"))
    assert not list(folder.glob(".*"))
