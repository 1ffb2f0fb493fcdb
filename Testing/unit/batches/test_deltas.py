"""Results kept as what changed, and the scans again from that."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_jobs import command, events, job

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume


def test_a_delta_gives_the_scan_again_bit_by_bit(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1)])) == 0
    (folder / "whole").mkdir()
    for name in ("1.nii.gz", "1.json"):
        (folder / name).rename(folder / "whole" / name)
    assert main(command(folder, [job(1)], "--store", "delta")) == 0
    delta = folder / "1.delta.npz"
    assert not (folder / "1.nii.gz").exists()
    assert delta.stat().st_size < (folder / "whole" / "1.nii.gz").stat().st_size / 20
    capfd.readouterr()
    assert main(command(folder, [job(1)], "--store", "delta", "--resume")) == 0
    assert events(capfd.readouterr().out) == [("skipped", 1)]

    assert main(["apply", str(delta), "--output", str(folder / "again.nii.gz")]) == 0
    assert (folder / "again.nii.gz").read_bytes() == (folder / "whole" / "1.nii.gz").read_bytes()
    reports = [json.loads(path.read_text()) for path in (folder / "again.json", folder / "whole" / "1.json")]
    assert reports[0]["synthetic"] is True
    assert reports[0]["image"] == reports[1]["image"]
    assert reports[0]["lesions"] == reports[1]["lesions"]


def test_another_scan_or_a_damaged_delta_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1, store="delta")])) == 0
    delta, out = folder / "1.delta.npz", folder / "again.nii.gz"
    scan = Volume.read(folder / "ct.nii.gz")
    edited = scan.data.copy()
    edited[0, 0, 0] += 1
    replace(scan, data=edited).write(folder / "edited.nii.gz")
    assert main(["apply", str(delta), "--ct", str(folder / "edited.nii.gz"), "--output", str(out)]) == 2
    assert "not the one that the delta was made from" in capfd.readouterr().err

    with np.load(delta) as file:
        parts = dict(file)
    parts["values"] = parts["values"] + np.ones_like(parts["values"])
    np.savez_compressed(folder / "2.delta.npz", **parts)
    whole = delta.read_bytes()
    (folder / "3.delta.npz").write_bytes(whole[: len(whole) // 2])
    np.savez_compressed(folder / "4.delta.npz", **{**parts, "about": np.frombuffer(b'["before"]', np.uint8)})
    (folder / "5.delta.npz").write_text("no archive")
    for damaged in ("2.delta.npz", "3.delta.npz", "4.delta.npz", "5.delta.npz"):
        assert main(["apply", str(folder / damaged), "--output", str(out)]) == 2
        said = capfd.readouterr().err
        assert "damaged" in said
        assert "pickle" not in said, "numpy's advice would run what is in the file"
    assert not out.exists()


def test_an_unknown_store_is_refused_at_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1)], "--store", "patch")) == 2
    assert capfd.readouterr().err == "error: unknown --store 'patch'; use one of: scan, delta\n"


def test_a_delta_that_was_moved_needs_its_scan_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, [job(1)], "--store", "delta")) == 0
    (folder / "far").mkdir()
    for name in ("1.delta.npz", "1.json"):
        shutil.move(folder / name, folder / "far" / name)
    argv = ["apply", str(folder / "far" / "1.delta.npz"), "--output", str(folder / "again.nii.gz")]
    assert main(argv) == 2
    assert "name it with --ct" in capfd.readouterr().err
    assert main([*argv, "--ct", str(folder / "ct.nii.gz")]) == 0
