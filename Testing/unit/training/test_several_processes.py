"""A training by two processes, as torchrun starts them: gloo on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from TextoMorphLib.errors import InputError

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="gloo on the loopback device")
def test_two_processes_train_one_model_and_go_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(first["whole"], second["whole"])
    assert torch.equal(first["parts"], first["whole"])

    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path)])
    import two_processes

    with pytest.raises(InputError, match="processes 2, not 1"):
        two_processes.fitted("parts", resume=True)
