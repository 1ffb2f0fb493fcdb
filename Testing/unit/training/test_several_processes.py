"""A training by two processes, as torchrun starts them: gloo on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def run(folder: Path, batches: int, *options: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += [str(SCRIPT), str(folder), str(batches), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def weights(folder: Path, rank: int) -> torch.Tensor:
    found: torch.Tensor = torch.load(folder / f"weights-{rank}.pt", weights_only=True)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="gloo on the loopback device")
def test_two_processes_train_one_model_and_go_on_exactly(tmp_path: Path) -> None:
    done = run(tmp_path / "whole", 8)
    assert done.returncode == 0, done.stderr
    assert torch.equal(weights(tmp_path / "whole", 0), weights(tmp_path / "whole", 1))

    assert run(tmp_path / "parts", 4).returncode == 0
    alone = run(tmp_path / "parts", 8, "--resume", processes=1)
    assert alone.returncode != 0
    assert "processes 2, not 1" in alone.stderr
    assert run(tmp_path / "parts", 8, "--resume").returncode == 0
    assert torch.equal(weights(tmp_path / "parts", 0), weights(tmp_path / "whole", 0))
