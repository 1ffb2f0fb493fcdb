"""Bad input: exit status 2, one clear line, and nothing written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import pytest
from spoilt import CASES, Arguments, empty_text, mask_on_another_grid, rewrite

from TextoMorphLib.batches.job import Job
from TextoMorphLib.cli import main


@pytest.fixture
def good(tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path) -> Arguments:
    """The arguments of a good `generate`, each input a copy that a case may spoil."""
    shutil.copy(phantom_ct, tmp_path / "ct.nii.gz")
    shutil.copy(phantom_mask, tmp_path / "mask.nii.gz")
    shutil.copytree(tiny_bundle, tmp_path / "model")
    return {
        "ct": str(tmp_path / "ct.nii.gz"),
        "--mask": str(tmp_path / "mask.nii.gz"),
        "--text": "hypoattenuating lesion",
        "--output": str(tmp_path / "out.nii.gz"),
        "--model": str(tmp_path / "model"),
        "--steps": "1",
        "--device": "cpu",
    }


def command(given: Arguments) -> list[str]:
    options = [part for name, value in given.items() if name != "ct" for part in (name, value) if part]
    return ["generate", given["ct"], *options]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_generate_refuses(name: str, good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spoil, words = CASES[name]
    spoil(tmp_path, good)
    before = contents(tmp_path)
    assert main(command(good)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    *told, refused = err.splitlines()
    assert all(line.startswith("warning: ") for line in told)
    assert refused.startswith("error: ")
    assert words in refused
    assert contents(tmp_path) == before


def test_what_fails_late_leaves_nothing_of_what_was_written_before(
    good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the DICOM series is written, after the image and the picture."""
    from TextoMorphLib.io import dicom_export

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = contents(tmp_path)
    monkeypatch.setattr(dicom_export, "_images", full)
    given = {**good, "--dicom": str(tmp_path / "series"), "--picture": str(tmp_path / "p.png")}
    assert main(command(given)) == 2
    assert "No space left on device" in capfd.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full device")
def test_standard_output_on_a_full_disk_ends_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "TextoMorphLib", "--version"]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to standard output (No space left")
    assert done.stderr.count("\n") == 1


def test_standard_output_that_nobody_reads_ends_in_one_line() -> None:
    """As of `| head -1`: what there is still to be told, or made, is not."""
    reads, writes = os.pipe()
    os.close(reads)
    argv = [sys.executable, "-m", "TextoMorphLib", "--version"]
    done = subprocess.run(argv, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to standard output (Broken pipe")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be removed there")
def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    start = f"import os, sys; os.chdir({str(tmp_path / 'gone')!r}); os.rmdir(os.getcwd())"
    end = "from TextoMorphLib.cli import main; sys.exit(main(['--version']))"
    argv = [sys.executable, "-c", f"{start}; {end}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "started is gone" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_memory_that_is_short_is_told_in_one_line(
    error: Exception, good: Arguments, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Job, "read", short)
    assert main(command(good)) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: the memory does not suffice")
    assert err.count("\n") == 1


def test_both_grids_are_named_and_resampling_accepts(good: Arguments, capfd: pytest.CaptureFixture[str]) -> None:
    mask_on_another_grid(Path(), good)
    assert main(command(good)) == 2
    err = capfd.readouterr().err
    for path in (good["ct"], good["--mask"]):
        assert " x ".join(map(str, nib.Nifti1Image.from_filename(path).shape)) in err
    assert main(command({**good, "--resample-mask": ""})) == 0


def test_the_process_ends_with_the_status(good: Arguments, tmp_path: Path) -> None:
    empty_text(tmp_path, good)
    done = subprocess.run(
        [sys.executable, "-m", "TextoMorphLib", *command(good)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: the text is empty")


def test_measure_refuses_scans_on_different_grids(
    good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.nii.gz"
    shutil.copy(good["ct"], other)
    rewrite(str(other), lambda hu: hu[:-1])
    assert main(["measure", good["ct"], str(other), "--mask", good["--mask"]]) == 2
    assert "not on the grid" in capfd.readouterr().err


def test_measure_doubts_a_pair_that_is_none(good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One scan twice has no lesion of the mask, and another patient's differs everywhere."""
    same, other = tmp_path / "same.nii.gz", tmp_path / "other.nii.gz"
    shutil.copy(good["ct"], same)
    shutil.copy(good["ct"], other)
    rewrite(str(other), lambda hu: hu[::-1])
    assert main(["measure", good["ct"], str(same), "--mask", good["--mask"]]) == 0
    assert "nothing differs between the two scans inside the mask" in capfd.readouterr().err
    assert main(["measure", good["ct"], str(other), "--mask", good["--mask"]]) == 0
    assert "lies outside the mask, too" in capfd.readouterr().err


def test_a_series_and_a_volume_at_one_place_are_refused_before_the_work(
    good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {**good, "--output": str(tmp_path / "series" / "out.nii.gz"), "--dicom": str(tmp_path / "series")}
    (tmp_path / "series").mkdir()
    assert main(command(given)) == 2
    assert "are at one place" in capfd.readouterr().err


def test_demo_refuses_a_file_for_a_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").touch()
    assert main(["demo", "--output-dir", str(tmp_path / "demo")]) == 2
    assert capfd.readouterr().err.startswith("error: cannot make the folder")


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff\xfe\x00cyst", None])
def test_preview_refuses_bad_texts(
    content: bytes | None, good: Arguments, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    if content is not None:
        texts.write_bytes(content)
    scan = [good["ct"], "--mask", good["--mask"]]
    assert main(["preview", *scan, "--texts", str(texts), "--output", str(tmp_path / "grid.png")]) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert str(texts) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("config", "data", "words"),
    [
        ("missing.toml", ".", "no such file"),
        (".", ".", "no such file"),
        ("config.toml", "missing", "no such folder"),
    ],
)
@pytest.mark.parametrize("network", ["autoencoder", "diffusion"])
def test_train_refuses(
    network: str, config: str, data: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").touch()
    folders = ["--data", str(tmp_path / data), "--output", str(tmp_path / "run")]
    assert main(["train", network, str(tmp_path / config), *folders]) == 2
    assert capfd.readouterr().err.startswith(f"error: {words}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{not json", "not JSON"),
        ('{"text": "hypodense", "text": "hyperdense"}', "'text' stands twice"),
        ("[1]", "not a JSON object"),
        ('{"ct": "ct.nii.gz", "mask": "mask.nii.gz"}', "text, output left out"),
        ({"sede": 1}, "unknown sede"),
        ({"seed": "one"}, 'seed must be a number, not "one"'),
        ({"text": None}, "text must be a string, not null"),
        ({"text": " "}, "text is empty"),
        ({"organ": "brain"}, "unknown organ"),
        ({"ct": "nowhere.nii.gz"}, "does not exist"),
        ({"output": "ct.nii.gz"}, "one of the inputs"),
    ],
)
def test_batch_names_the_bad_line(
    line: str | dict[str, object],
    words: str,
    good: Arguments,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    job = {"ct": "ct.nii.gz", "mask": "mask.nii.gz", "text": "cyst", "output": "out.nii.gz"}
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text("\n" + (line if isinstance(line, str) else json.dumps({**job, **line})) + "\n")
    before = contents(tmp_path)
    assert main(["batch", str(jobs), "--model", good["--model"]]) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: jobs.jsonl line 2: ")
    assert words in err
    assert err.count("\n") == 1
    # What a batch keeps of its jobs says that this one has failed; nothing else is there.
    state = tmp_path / "batch-state"
    assert {path: kept for path, kept in contents(tmp_path).items() if state not in (path, path.parent)} == before
