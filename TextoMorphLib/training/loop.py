"""The training loop: any model, any loss; checkpoints, exact resume, logs; one process or many (torchrun)."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.models.device import has_bf16
from TextoMorphLib.training.muon import Muon

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Batch = dict[str, Tensor]
DrawBatch = Callable[[np.random.Generator], Batch]
LossFunction = Callable[[nn.Module, Batch], dict[str, Tensor]]  # "loss" is minimised, the rest is logged


@dataclass(frozen=True)
class LoopConfig:
    """How to optimise.

    Attributes:
        steps: Optimiser steps in all; the learning rate falls to zero over them along a cosine.
        learning_rate: Its peak, after `warmup` steps.
        warmup: Steps of linear rise.
        weight_decay: AdamW's.
        muon_rate: Peak of the learning rate of `hidden`, which Muon trains; 0 leaves all to AdamW.
        ema: Decay of the moving average that is kept as the result.
        seed: With the step and the process, it decides every random draw; nothing else has to be stored to resume.
        checkpoint_minutes: Time between checkpoints.
        workers: Processes that draw batches ahead; 0 draws them in the training process.
    """

    steps: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.01
    muon_rate: float = 0.0
    ema: float = 0.995
    seed: int = 0
    checkpoint_minutes: float = 3.0
    workers: int = 0


class Batches(Dataset[Batch]):
    """The batch of each step of one process: decided by the seed, the step and the process alone."""

    def __init__(self, draw: DrawBatch, config: LoopConfig, first: int, process: int) -> None:
        self.draw, self.config, self.first, self.process = draw, config, first, process

    def __len__(self) -> int:
        return self.config.steps - self.first

    def __getitem__(self, index: int) -> Batch:
        """The batch of step `first + index`."""
        return self.draw(np.random.default_rng([self.config.seed, self.first + index, self.process]))


def read_config(path: Path) -> dict[str, Any]:
    """A training configuration.

    Raises:
        InputError: The file is missing or no valid TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such configuration: {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no valid TOML: {error}") from None


def fit(
    model: nn.Module,
    draw: DrawBatch,
    losses: LossFunction,
    config: LoopConfig,
    folder: Path,
    resume: bool,
    hidden: Sequence[nn.Parameter] = (),
) -> nn.Module:
    """Trains a model and returns its moving average.

    Args:
        model: The network; trained in place.
        draw: Draws a batch with the generator it is given.
        losses: The losses of a batch; "loss" is minimised, the rest logged.
        config: How to optimise.
        folder: Gets `checkpoint.pt`, TensorBoard logs and, at the end, nothing else.
        resume: Go on from `checkpoint.pt`, exactly; without it an existing checkpoint is an error.
        hidden: Weights that Muon trains if `muon_rate` is set.

    Returns:
        The moving average of the model, on the CPU.

    Raises:
        InputError: There is a checkpoint and `resume` is off, or the other way round.
        Cancelled: Ctrl-C; a checkpoint was written first.
    """
    cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    native = has_bf16(torch.device("cpu" if cpu else "cuda" if torch.cuda.is_available() else "mps"))
    accelerator = Accelerator(cpu=cpu, mixed_precision="bf16" if native else "no")
    optimisers = _optimisers(model, hidden, config)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema)).to(accelerator.device)
    path = folder / "checkpoint.pt"
    if path.exists() != resume:
        hint = (
            "add --resume to go on from it, or choose another --output" if path.exists() else "start without --resume"
        )
        raise InputError(f"{path} {'exists already' if path.exists() else 'does not exist'}; {hint}")
    step = 0
    if resume:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        step = int(saved["step"])
    trained, *optimisers = accelerator.prepare(model, *optimisers)

    def save() -> None:
        if accelerator.is_main_process:
            state = {"step": step, "model": model.state_dict(), "average": average.state_dict()}
            partial = path.with_suffix(".partial")
            torch.save({**state, "optimisers": [part.state_dict() for part in optimisers]}, partial)
            os.replace(partial, path)

    batches = Batches(draw, config, step, accelerator.process_index)
    loader = DataLoader(batches, batch_size=None, num_workers=config.workers)
    folder.mkdir(parents=True, exist_ok=True)
    log = SummaryWriter(str(folder / "logs")) if accelerator.is_main_process else None
    saved_at = time.monotonic()
    columns = (
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, TextColumn("{task.fields[loss]}"), disable=not (log and sys.stderr.isatty()))
    try:
        with shown:
            task = shown.add_task("train", total=config.steps, completed=step, loss="")
            for batch in loader:
                torch.manual_seed(config.seed * 2**40 + step * 2**10 + accelerator.process_index)
                batch = {name: value.to(accelerator.device) for name, value in batch.items()}
                for group in (group for part in optimisers for group in part.param_groups):
                    group["lr"] = group["peak"] * _share_of_peak(config, step)
                with accelerator.autocast():
                    values = losses(trained, batch)
                accelerator.backward(values["loss"])
                accelerator.clip_grad_norm_(trained.parameters(), 1.0)
                for optimiser in optimisers:
                    optimiser.step()
                    optimiser.zero_grad()
                average.update_parameters(model)
                step += 1
                if log and step % 20 == 0:
                    numbers = {name: round(float(value.detach()), 5) for name, value in values.items()}
                    for name, value in numbers.items():
                        log.add_scalar(name, value, step)
                    if shown.disable:  # no terminal: a line of JSON for whoever reads along
                        print(json.dumps({"step": step, "of": config.steps, **numbers}), flush=True)
                    shown.update(task, loss=f"loss {numbers['loss']:.4f}")
                shown.update(task, completed=step)
                if time.monotonic() - saved_at > config.checkpoint_minutes * 60:
                    save()
                    saved_at = time.monotonic()
    except KeyboardInterrupt:
        save()
        raise Cancelled(f"stopped at step {step}; go on with --resume") from None
    save()
    return average.module.cpu()


def _optimisers(model: nn.Module, hidden: Sequence[nn.Parameter], config: LoopConfig) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the hidden weights; each group knows the peak of its learning rate."""
    muon = {id(weight) for weight in hidden} if config.muon_rate else set()
    rest = [weight for weight in model.parameters() if id(weight) not in muon]
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, config.learning_rate, weight_decay=config.weight_decay)
    ]
    if muon:
        found.append(Muon(hidden, config.muon_rate))
    for optimiser in found:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return found


def _share_of_peak(config: LoopConfig, step: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    return rise * 0.5 * (1 + math.cos(math.pi * step / config.steps))
