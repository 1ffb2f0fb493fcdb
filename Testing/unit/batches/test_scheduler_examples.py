"""The examples for Slurm and Kubernetes, run as they are written, with the variables that these set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from small_jobs import command, job

from TextoMorphLib.cli import main

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
COUNT = 8
Run = Callable[[Sequence[Any], dict[str, str]], int]

pytestmark = pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="shell scripts")


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a program as a task of an array, with a `textomorph` in the path, and does what that is called with here."""
    programs, called = tmp_path / "bin", tmp_path / "called"
    programs.mkdir()
    (programs / "textomorph").write_text(f'#!/bin/bash\nprintf "%s\\0" "$@" > "{called}"\n')
    (programs / "textomorph").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    command(folder, [job(number) for number in range(1, COUNT + 1)])

    def run(program: Sequence[Any], variables: dict[str, str]) -> int:
        with monkeypatch.context() as task:
            for name, value in variables.items():
                task.setenv(name, value)
            subprocess.run(program, check=True)
            arguments = called.read_text().removesuffix("\0").split("\0")
            return main([*arguments, "--model", str(folder / "model")])

    return run


def test_a_slurm_array(folder: Path, run: Run) -> None:
    script = EXAMPLES / "slurm-array.sh"
    assert f"--array=1-{COUNT}" in script.read_text()
    for task in (1, COUNT):
        array = {"ID": task, "MIN": 1, "MAX": COUNT, "COUNT": COUNT, "STEP": 1}
        variables = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in array.items()}
        assert run(["bash", script, folder / "jobs.jsonl"], variables) == 0
    assert sorted(path.name for path in folder.glob("[0-9].nii.gz")) == ["1.nii.gz", "8.nii.gz"]


@pytest.fixture
def kubernetes() -> dict[str, Any]:
    """What the example says of its job."""
    yaml = pytest.importorskip("yaml")
    spec: dict[str, Any] = yaml.safe_load((EXAMPLES / "kubernetes-job.yaml").read_text())["spec"]
    return spec


def pod(spec: dict[str, Any], folder: Path, run: Run, index: int) -> int:
    """Does what the pod of an index does; gives its status."""
    container = spec["template"]["spec"]["containers"][0]
    variables = {each["name"]: each.get("value", "node") for each in container["env"]}
    assert int(variables["TEXTOMORPH_SHARDS"]) == spec["completions"] == COUNT
    called = [*container["command"], *container["args"]]
    called = [str(folder / "jobs.jsonl") if each == "/data/jobs.jsonl" else each for each in called]
    return run(called, {**variables, "JOB_COMPLETION_INDEX": str(index)})


def test_a_kubernetes_job(kubernetes: dict[str, Any], folder: Path, run: Run) -> None:
    assert kubernetes["completionMode"] == "Indexed"
    assert pod(kubernetes, folder, run, 2) == 0
    assert sorted(path.name for path in folder.glob("[0-9].nii.gz")) == ["3.nii.gz"]


def test_kubernetes_does_not_try_a_bad_job_again_and_again(kubernetes: dict[str, Any], folder: Path, run: Run) -> None:
    command(folder, [job(number, **({"mask": "none.nii.gz"} if number == 3 else {})) for number in range(1, COUNT + 1)])
    codes = [rule["onExitCodes"] for rule in kubernetes["podFailurePolicy"]["rules"] if rule["action"] == "FailIndex"]
    names = [container["name"] for container in kubernetes["template"]["spec"]["containers"]]
    assert codes == [{"containerName": names[0], "operator": "In", "values": [pod(kubernetes, folder, run, 2)]}]
