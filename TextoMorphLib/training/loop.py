"""The training loop: any model, any loss; checkpoints, exact resume, logs; one process or many (torchrun)."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
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
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models.device import has_bf16
from TextoMorphLib.training.interruption import ending_held
from TextoMorphLib.training.muon import Muon
from TextoMorphLib.training.same_training import FREE, check_checkpoint, checkpoint

MOST_SEED = 2**31 - 1
LOOK_EVERY = 20  # steps between looks at the loss, which a graphics card has to be waited for
Batch = dict[str, Tensor]
DrawBatch = Callable[[np.random.Generator], Batch]
Check = Callable[[nn.Module, int], Mapping[str, float]]  # the moving average and the step; what it returns is logged
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
        added_rate: Peak of the learning rate of `added`, which start as nothing beside trained weights and have farther
            to go than these; 0 leaves them with the others.
        ema: Decay of the moving average that is kept as the result.
        seed: With the step and the process, it decides every random draw; nothing else has to be stored to resume.
        checkpoint_minutes: Time between checkpoints.
        accumulate: Batches for each step of a process: what memory does not hold at once.
        bf16: Whether the network may compute in bfloat16 where the processor has it; small U-Nets are faster without.
        fp16: Whether it computes in float16, its gradients scaled: for NVIDIA graphics cards without bfloat16.
        workers: Processes that draw batches ahead; 0 draws them in the training process.
    """

    steps: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.01
    muon_rate: float = 0.0
    added_rate: float = 0.0
    ema: float = 0.995
    seed: int = 0
    checkpoint_minutes: float = 3.0
    accumulate: int = 1
    bf16: bool = True
    fp16: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        """Refuses what no training can do."""
        if min(self.steps, self.accumulate) < 1:
            raise ValueError("steps and accumulate must be 1 or more")
        if not (self.learning_rate > 0 and self.checkpoint_minutes > 0 and 0 <= self.ema < 1):
            raise ValueError("learning_rate and checkpoint_minutes must be above 0, ema from 0 to below 1")
        if min(self.warmup, self.weight_decay, self.muon_rate, self.added_rate, self.seed, self.workers) < 0:
            raise ValueError("warmup, weight_decay, muon_rate, added_rate, seed and workers must not be below 0")
        if self.seed > MOST_SEED:
            raise ValueError(f"seed must be from 0 to {MOST_SEED}")


@runtime_checkable
class DrawAtStep(Protocol):
    """Draws batches that depend on the step, too."""

    def at(self, step: int, rng: np.random.Generator) -> Batch:
        """The batch of a step."""
        ...


class Batches(Dataset[Batch]):
    """The batches of each step of one process: decided by the seed, the step and the process alone."""

    def __init__(self, draw: DrawBatch, config: LoopConfig, first: int, process: int) -> None:
        self.draw, self.config, self.first, self.process = draw, config, first, process

    def __len__(self) -> int:
        return (self.config.steps - self.first) * self.config.accumulate

    def __getitem__(self, index: int) -> Batch:
        """The batches of step `first`, then those of the next."""
        ahead, part = divmod(index, self.config.accumulate)
        step = self.first + ahead
        rng = np.random.default_rng([self.config.seed, step, self.process, *([part] if part else [])])
        return self.draw.at(step, rng) if isinstance(self.draw, DrawAtStep) else self.draw(rng)


def fit(
    model: nn.Module,
    draw: DrawBatch,
    losses: LossFunction,
    config: LoopConfig,
    folder: Path,
    resume: bool,
    hidden: Sequence[nn.Parameter] = (),
    check: Check | None = None,
    check_every: int = 0,
    added: Sequence[nn.Parameter] = (),
    told: Mapping[str, str] | None = None,
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
        check: Looks at the moving average every `check_every` steps and at the end, whether resumed between or not.
        check_every: See `check`.
        added: Weights with a rate of their own if `added_rate` is set; none of them is Muon's then.
        told: What else decides the training, of `same_training.told_of`: a checkpoint of another one is refused.

    Returns:
        The moving average of the model, on the CPU.

    Raises:
        InputError: Checkpoint and `resume`, or their settings, do not go together; a loss that is no number.
        Cancelled: Ctrl-C; a checkpoint was written first.
    """
    path = folder / "checkpoint.pt"
    _check_place(path, resume)
    run = _Run(model, losses, config, path, _optimisers(model, hidden, added, config), told or {})
    if resume:
        run.restore()
    batches = Batches(draw, config, run.step, run.accelerator.process_index)
    folder.mkdir(parents=True, exist_ok=True)
    log = _Log(folder / "logs", config.steps, run.accelerator.is_main_process)
    try:
        with log.shown:
            if check and resume and _is_looked_at(run.step, config, check_every):
                _checked(run, log, check)  # again: it may have been stopped in the middle of that look
            _go_through(run, batches, log, check, check_every)
    except (KeyboardInterrupt, BrokenPipeError):  # or who read along has gone
        raise run.stopped() from None
    run.save()
    return run.average.module.cpu()


def _go_through(run: _Run, batches: Batches, log: _Log, check: Check | None, check_every: int) -> None:
    """Takes in all batches that are left."""
    config, saved_at = run.config, time.monotonic()
    for batch in DataLoader(batches, batch_size=None, num_workers=config.workers):
        if (values := run.take(batch)) is None:
            continue
        log.write(run.step, values)
        looked_at = bool(check) and _is_looked_at(run.step, config, check_every)
        # Before a look, too: what it keeps must be of weights that a killed training goes on from, or has been at.
        saved = looked_at or time.monotonic() - saved_at > config.checkpoint_minutes * 60
        if saved or run.step % LOOK_EVERY == 0 or run.step == config.steps:
            _check_loss(values["loss"], run.step)
        if saved:
            run.save()
            saved_at = time.monotonic()
        if check and looked_at:
            _checked(run, log, check)


def _is_looked_at(step: int, config: LoopConfig, every: int) -> bool:
    return step == config.steps or bool(step and every and step % every == 0)


def _checked(run: _Run, log: _Log, check: Check) -> None:
    """Looks at the moving average, in one process for all."""
    if run.accelerator.is_main_process:
        log.checked(run.step, check(run.average.module, run.step))
    run.accelerator.wait_for_everyone()


def _check_loss(loss: Tensor, step: int) -> None:
    """Ends a training that has run away: all its weights are NaN from then on, and would be saved so."""
    if not torch.isfinite(loss.detach()).all():
        raise InputError(
            f"the training ran away: at step {step} its loss is no number. Lower the learning rate, or look for odd "
            "values in what it is shown"
        )


def _check_place(path: Path, resume: bool) -> None:
    """Makes sure that there is a checkpoint just where one is to be gone on from."""
    if path.exists() and not resume:
        raise InputError(f"{path} exists already; add --resume to go on from it, or choose another --output")
    if resume and not path.exists():
        raise InputError(f"{path} does not exist; start without --resume")


def decides(config: LoopConfig) -> dict[str, Any]:
    """What of the settings decides the weights."""
    return {name: value for name, value in asdict(config).items() if name not in FREE}


class _Run:
    """A training under way: the model, its moving average, the optimisers, and how far it has come."""

    def __init__(
        self,
        model: nn.Module,
        losses: LossFunction,
        config: LoopConfig,
        path: Path,
        optimisers: Sequence[torch.optim.Optimizer],
        told: Mapping[str, str],
    ) -> None:
        cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
        AcceleratorState._reset_state()  # the precision of a training before, in the same process, is not this one's
        self.accelerator = Accelerator(cpu=cpu, mixed_precision=_precision(config))
        self.losses, self.config, self.path, self.step, self.part = losses, config, path, 0, 0
        self.told = dict(told)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        self.model, self.average = model, average.to(self.accelerator.device)
        self.trained, *self.optimisers = self.accelerator.prepare(model, *optimisers)

    def restore(self) -> None:
        """Goes back to the checkpoint.

        Raises:
            InputError: It is of other settings, or of another number of processes.
        """
        saved = checkpoint(self.path)
        check_checkpoint(self.path, saved, self._own(), self.told)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        if self.accelerator.scaler is not None and "scaler" in saved:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.step = int(saved["step"])

    def _own(self) -> dict[str, Any]:
        """What of the loop decides the weights; processes are those of torchrun's --nproc-per-node."""
        return {"processes": self.accelerator.num_processes, **decides(self.config)}

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        if self.accelerator.is_main_process:
            state = {"step": self.step, "model": self.model.state_dict(), "average": self.average.state_dict()}
            state |= {**self._own(), "told": self.told}
            if self.accelerator.scaler is not None:
                state["scaler"] = self.accelerator.scaler.state_dict()
            with ending_held(), replacing(self.path) as (partial,):
                torch.save({**state, "optimisers": [part.state_dict() for part in self.optimisers]}, partial)

    def stopped(self) -> Cancelled:
        """Saves, and says how to go on."""
        with contextlib.suppress(KeyboardInterrupt):  # asked again meanwhile
            self.save()
        return Cancelled(f"stopped at step {self.step}; go on with --resume")

    def take(self, batch: Batch) -> dict[str, Tensor] | None:
        """Takes in a batch; after the last of a step, moves the weights and returns the last one's losses."""
        part, self.part = self.part, (self.part + 1) % self.config.accumulate
        torch.manual_seed(self._seed(part))
        batch = {name: value.to(self.accelerator.device) for name, value in batch.items()}
        last = self.part == 0
        with contextlib.nullcontext() if last else self.accelerator.no_sync(self.trained):
            with self.accelerator.autocast():
                values = self.losses(self.trained, batch)
            self.accelerator.backward(values["loss"] / self.config.accumulate)
        if not last:
            return None
        for group in (group for each in self.optimisers for group in each.param_groups):
            group["lr"] = group["peak"] * _share_of_peak(self.config, self.step)
        self.accelerator.clip_grad_norm_(self.trained.parameters(), 1.0)
        with ending_held():  # a checkpoint of half a step could not be gone on from exactly
            for optimiser in self.optimisers:
                optimiser.step()
                optimiser.zero_grad()
            self.average.update_parameters(self.model)
            self.step += 1
        return values

    def _seed(self, part: int) -> int:
        """Of the noise of a batch."""
        own = self.config.seed * 2**40 + self.step * 2**10 + self.accelerator.process_index
        return (own + part * 2**52) % 2**63


class _Log:
    """What is seen of a training: TensorBoard's files, and a bar on a terminal or lines of JSON elsewhere."""

    def __init__(self, folder: Path, steps: int, main: bool) -> None:
        self.steps = steps
        self.curves = SummaryWriter(str(folder)) if main else None
        columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        quiet = not (main and sys.stderr.isatty())
        self.shown = Progress(*columns, TextColumn("{task.fields[loss]}"), disable=quiet)
        self.task = self.shown.add_task("train", total=steps, loss="")

    def write(self, step: int, values: dict[str, Tensor]) -> None:
        """The losses, now and then."""
        if self.curves and step % LOOK_EVERY == 0:
            numbers = {name: round(float(value.detach()), 5) for name, value in values.items()}
            for name, value in numbers.items():
                self.curves.add_scalar(name, value, step)
            if self.shown.disable:  # no terminal: a line of JSON for whoever reads along
                print(json.dumps({"step": step, "of": self.steps, **numbers}), flush=True)
            self.shown.update(self.task, loss=f"loss {numbers['loss']:.4f}")
        self.shown.update(self.task, completed=step)

    def checked(self, step: int, values: Mapping[str, float]) -> None:
        """What a check found."""
        for name, value in values.items():
            if self.curves:
                self.curves.add_scalar(name, value, step)
        if self.shown.disable:
            print(json.dumps({"step": step, **values}), flush=True)


def _precision(config: LoopConfig) -> str:
    """What networks compute in, as accelerate calls it.

    Raises:
        InputError: float16 is asked for where there is no graphics card that has it.
    """
    cuda = torch.cuda.is_available()
    if config.fp16 and not cuda:
        raise InputError("fp16 = true needs an NVIDIA graphics card; leave it out on this machine")
    if config.fp16:
        return "fp16"
    device = "cuda" if cuda else "mps" if torch.backends.mps.is_available() else "cpu"
    return "bf16" if config.bf16 and has_bf16(torch.device(device)) else "no"


def _optimisers(
    model: nn.Module, hidden: Sequence[nn.Parameter], added: Sequence[nn.Parameter], config: LoopConfig
) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the hidden weights; each group knows the peak of its learning rate."""
    own = {id(weight) for weight in added} if config.added_rate else set()
    muon = {id(weight) for weight in hidden} - own if config.muon_rate else set()
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in model.parameters() if id(weight) not in own | muon]}
    ]
    if own:
        groups.append({"params": list(added), "lr": config.added_rate})
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, config.learning_rate, weight_decay=config.weight_decay)
    ]
    if muon:
        found.append(Muon([weight for weight in hidden if id(weight) in muon], config.muon_rate))
    for optimiser in found:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return found


def _share_of_peak(config: LoopConfig, step: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    return rise * 0.5 * (1 + math.cos(math.pi * step / config.steps))
