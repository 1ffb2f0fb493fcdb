"""A training that is asked to end, and asked again while it writes its checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from TextoMorphLib.errors import Cancelled
from TextoMorphLib.training.loop import LoopConfig, fit


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
