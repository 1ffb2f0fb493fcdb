"""The examples for Slurm and Kubernetes, run as they are written, with the variables that these set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_jobs import command, job

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
COUNT = 8

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="shell scripts"),
]


@pytest.fixture
def environment(folder: Path, tmp_path: Path) -> dict[str, str]:
    """With a `textomorph` in the path, the model in the user's folder, and jobs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "textomorph").write_text(f'#!/bin/bash\nexec "{sys.executable}" -m TextoMorphLib "$@" --model tiny\n')
    (programs / "textomorph").chmod(0o755)
    (tmp_path / "home" / "Models").mkdir(parents=True)
    (tmp_path / "home" / "Models" / "tiny").symlink_to((folder / "model").resolve(), target_is_directory=True)
    command(folder, [job(number) for number in range(1, COUNT + 1)])
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TEXTOMORPH_HOME": str(tmp_path / "home")}


def test_a_slurm_array(folder: Path, environment: dict[str, str]) -> None:
    script = EXAMPLES / "slurm-array.sh"
    assert f"--array=1-{COUNT}" in script.read_text()
    for task in (1, COUNT):
        array = {"ID": task, "MIN": 1, "MAX": COUNT, "COUNT": COUNT, "STEP": 1}
        more = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in array.items()}
        subprocess.run(["bash", script, folder / "jobs.jsonl"], check=True, env={**environment, **more})
    assert sorted(path.name for path in folder.glob("[0-9].nii.gz")) == ["1.nii.gz", "8.nii.gz"]


def test_a_kubernetes_job(folder: Path, environment: dict[str, str]) -> None:
    yaml = pytest.importorskip("yaml")
    spec = yaml.safe_load((EXAMPLES / "kubernetes-job.yaml").read_text())["spec"]
    assert spec["completionMode"] == "Indexed"
    container = spec["template"]["spec"]["containers"][0]
    variables = {each["name"]: each.get("value", "node") for each in container["env"]}
    assert int(variables["TEXTOMORPH_SHARDS"]) == spec["completions"] == COUNT
    called = [*container["command"], *container["args"]]
    called = [str(folder / "jobs.jsonl") if each == "/data/jobs.jsonl" else each for each in called]
    subprocess.run(called, check=True, env={**environment, **variables, "JOB_COMPLETION_INDEX": "2"})
    assert sorted(path.name for path in folder.glob("[0-9].nii.gz")) == ["3.nii.gz"]
