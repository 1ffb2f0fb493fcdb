"""Fits a line in as many processes as torchrun starts; the test of several processes runs it.

torchrun --nproc-per-node 2 two_processes.py FOLDER STEPS [--resume]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from torch import nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.training import loop

FOLDER, STEPS = Path(sys.argv[1]), int(sys.argv[2])


def draw(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    return {"x": torch.from_numpy(rng.standard_normal((8, 1), dtype=np.float32))}


def losses(network: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"loss": (network(batch["x"]) - 3 * batch["x"]).square().mean()}


def stopped(network: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Both processes are stopped at the same step, as a scheduler's signal does."""
    stopped.seen += 1  # type: ignore[attr-defined]
    if stopped.seen > STEPS:  # type: ignore[attr-defined]
        raise KeyboardInterrupt
    return losses(network, batch)


stopped.seen = 0  # type: ignore[attr-defined]
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 1))
config = loop.LoopConfig(steps=4, learning_rate=0.1, warmup=1, accumulate=2)
try:
    loop.fit(model, draw, stopped if STEPS < 8 else losses, config, FOLDER, "--resume" in sys.argv)
except loop.Cancelled:
    pass
except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2) from None
weights = torch.cat([weight.detach().flatten() for weight in model.parameters()])
torch.save(weights, FOLDER / f"weights-{torch.distributed.get_rank() if torch.distributed.is_initialized() else 0}.pt")
