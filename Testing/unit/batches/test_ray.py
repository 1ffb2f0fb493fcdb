"""A batch on a Ray cluster of two nodes on the loopback address; where Ray is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'ray>=2.50'")
if sys.platform != "linux":
    pytest.skip("only Linux has all of 127.0.0.0/8 as its loopback", allow_module_level=True)

import ray_nodes
import small_scan

from TextoMorphLib.batches import claims, journal
from TextoMorphLib.cli import main

COUNT, PLACES = 24, 2


@pytest.fixture
def batch(tmp_path: Path, tiny_bundle: Path) -> list[str]:
    """A batch of small jobs into the folder `out`."""
    small_scan.write(tmp_path, PLACES)
    (tmp_path / "out").mkdir()
    (tmp_path / "jobs.jsonl").write_text(small_scan.jobs(COUNT, PLACES, steps=40))
    return ["batch", str(tmp_path / "jobs.jsonl"), "--model", str(tiny_bundle), "--device", "cpu"]


@pytest.mark.slow
def test_a_lost_node_loses_no_job_and_makes_none_twice(batch: list[str], tmp_path: Path) -> None:
    assert main(batch) == 0
    alone = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.nii.gz")}
    (tmp_path / "out").rename(tmp_path / "alone")
    (tmp_path / "out").mkdir()
    with ray_nodes.cluster() as cluster:
        cluster.head(1)
        cluster.wait(1)
        cluster.node("second", 1)
        cluster.wait(2)
        command = [sys.executable, "-m", "TextoMorphLib", *batch, "--ray", cluster.address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "out").glob("*.nii.gz"))) < COUNT // 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        cluster.kill("second")
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert not [line for line in out.splitlines() if not line.startswith("{")]
    told = [json.loads(line) for line in out.splitlines()]
    assert sorted(each["line"] for each in told) == list(range(1, COUNT + 1))
    assert told[-1]["progress"]["done"] == told[-1]["progress"]["of"] == COUNT
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.nii.gz")} == alone
    made = [note["output"] for note in journal.read(tmp_path / "out")]
    assert sorted(made) == sorted(alone)
    assert not list((tmp_path / "out" / claims.FOLDER).glob(f"*{claims.SUFFIX}"))


def test_no_cluster_and_too_many_gpus_are_said(batch: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*batch, "--gpus", "1"]) == 2
    assert "--ray" in capfd.readouterr().err
    with ray_nodes.cluster() as cluster:
        cluster.head(1)
        cluster.wait(1)
        assert main([*batch, "--ray", cluster.address, "--gpus", "1"]) == 2
        assert "room for no worker" in capfd.readouterr().err
