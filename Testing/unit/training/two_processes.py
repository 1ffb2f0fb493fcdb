"""Fits a line in as many processes as torchrun starts: whole, and stopped and gone on with; its test runs it.

torchrun --nproc-per-node 2 two_processes.py FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from torch import nn

from TextoMorphLib.training import loop

FOLDER = Path(sys.argv[1])
CONFIG = loop.LoopConfig(steps=4, learning_rate=0.1, warmup=1, accumulate=2)


def draw(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    return {"x": torch.from_numpy(rng.standard_normal((8, 1), dtype=np.float32))}


def fitted(run: str, batches: int = 99, resume: bool = False) -> torch.Tensor:
    """The weights of a run; both processes are stopped after the same batch, as a scheduler's signal does."""
    seen = 0

    def losses(network: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        nonlocal seen
        seen += 1
        if seen > batches:
            raise KeyboardInterrupt
        return {"loss": (network(batch["x"]) - 3 * batch["x"]).square().mean()}

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 1))
    loop.fit(model, draw, losses, CONFIG, FOLDER / run, resume)
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


if __name__ == "__main__":
    found = {"whole": fitted("whole")}
    try:
        fitted("parts", batches=4)
    except loop.Cancelled:
        torch.distributed.barrier()  # until the checkpoint is there
        found["parts"] = fitted("parts", resume=True)
    torch.save(found, FOLDER / f"weights-{os.environ['RANK']}.pt")
