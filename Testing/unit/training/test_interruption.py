"""A training that is asked to end, wherever it is, and what may go on from its checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.training.loop import Check, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
def test_a_checkpoint_is_written_whole_when_the_end_is_asked_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: signal.Signals
) -> None:
    seen = 0

    def losses(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nonlocal seen
        seen += 1
        if seen == 4:
            raise KeyboardInterrupt
        return {"loss": network(batch["x"]).square().mean()}

    def save(state: object, place: Path, write: Callable[[object, Path], None] = torch.save) -> None:
        signal.raise_signal(again)
        write(state, place)

    def end(*_: object) -> None:  # as the command does
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", save)
    before = signal.signal(again, end)
    try:
        with pytest.raises(Cancelled, match="stopped at step 3"):
            fit(
                nn.Linear(1, 1),
                lambda rng: {"x": torch.ones(2, 1)},
                losses,
                LoopConfig(steps=9, learning_rate=0.1),
                tmp_path,
                False,
            )
    finally:
        signal.signal(again, before)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3


def _line(folder: Path, resume: bool = False, check: Check | None = None, **more: Any) -> Tensor:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)

    def draw(rng: np.random.Generator) -> dict[str, Tensor]:
        return {"x": torch.from_numpy(rng.standard_normal((4, 1), dtype=np.float32))}

    def losses(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": (network(batch["x"]) - 3 * batch["x"]).square().mean()}

    told = more.pop("told", None)
    config = LoopConfig(**{"steps": 6, "learning_rate": 0.1, "warmup": 0, **more})
    fit(model, draw, losses, config, folder, resume, check=check, check_every=2, told=told)
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def test_a_step_that_the_end_is_asked_for_in_is_taken_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, usual, moved = _line(tmp_path / "whole"), AveragedModel.update_parameters, 0

    def update(self: AveragedModel, model: nn.Module) -> None:
        nonlocal moved
        moved += 1
        if moved == 3:  # the weights have moved, their average has not
            signal.raise_signal(signal.SIGINT)
        usual(self, model)

    monkeypatch.setattr(AveragedModel, "update_parameters", update)
    with pytest.raises(Cancelled, match="stopped at step 3"):
        _line(tmp_path / "parts")
    assert torch.equal(_line(tmp_path / "parts", resume=True), whole)


@pytest.mark.parametrize("at", [2, 6])
def test_a_look_that_was_cut_off_is_taken_when_the_training_goes_on(tmp_path: Path, at: int) -> None:
    seen: list[int] = []

    def check(network: nn.Module, step: int) -> dict[str, float]:
        if step == at and at not in seen:
            seen.append(at)
            raise KeyboardInterrupt
        seen.append(step)
        return {}

    with pytest.raises(Cancelled):
        _line(tmp_path, check=check)
    _line(tmp_path, resume=True, check=check)
    assert sorted(seen) == sorted([at, 2, 4, 6])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"learning_rate": 0.01}, "learning_rate 0.1, not 0.01"),
        ({"steps": 4}, "steps 6, not 4"),
        ({"told": told_of({"mix": {"real": 0.5}}, cases=["a", "b"])}, "mix.real 1.0, not 0.5"),
        ({"told": told_of({"mix": {"real": 1.0}, "network": {"name": "unet"}}, cases=["a", "b"])}, "unset, not unet"),
        ({"told": told_of({"mix": {"real": 1.0}}, cases=["a", "c"])}, r"cases 2 \("),
    ],
)
def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path: Path, other: Any, message: str) -> None:
    told = told_of({"mix": {"real": 1.0}, "bank": {"workers": 2}}, cases=["b", "a"])
    _line(tmp_path, told=told)
    with pytest.raises(InputError, match=message):
        _line(tmp_path, resume=True, **{"told": told, **other})
    _line(
        tmp_path,
        resume=True,
        told=told_of({"name": "another", "mix": {"real": 1.0}, "bank": {"workers": 1}}, cases=["a", "b"]),
    )
