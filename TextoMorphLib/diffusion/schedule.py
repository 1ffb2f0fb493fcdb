"""The noise schedule: T = 200 steps, cosine (paper, section 3.2)."""

from __future__ import annotations

import torch
from monai.networks.schedulers.scheduler import NoiseSchedules
from torch import Tensor


class Schedule:
    """Signal and noise levels of each step.

    Args:
        timesteps: T.
        name: One of MONAI's noise schedules.
    """

    def __init__(self, timesteps: int = 200, name: str = "cosine") -> None:
        _, _, kept = NoiseSchedules[name](num_train_timesteps=timesteps)
        self.timesteps = timesteps
        self.alpha = kept.sqrt()  # signal
        self.sigma = (1 - kept).sqrt()  # noise

    def levels(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and noise levels at `time` [B], shaped [B, 1, 1, 1, 1] to scale latents."""
        index = time.cpu()
        shape = (-1, 1, 1, 1, 1)
        return (self.alpha[index].view(shape).to(time.device), self.sigma[index].view(shape).to(time.device))

    def noised(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """The noisy latent at `time`."""
        alpha, sigma = self.levels(time)
        return alpha * clean + sigma * noise

    def spaced(self, steps: int) -> list[int]:
        """`steps` time steps from pure noise down, evenly spaced; the last leads to the clean latent."""
        if not 1 <= steps <= self.timesteps:
            raise ValueError(f"steps must be 1 to {self.timesteps}, got {steps}")
        ends = torch.linspace(self.timesteps - 1, -1, steps + 1)
        return [int(t.round()) for t in ends[:-1]]
