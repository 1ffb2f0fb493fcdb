"""The noise schedule: T = 200 steps (paper, section 3.2), cosine (Nichol and Dhariwal, 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

OFFSET = 0.008  # keeps the first step's noise from vanishing
LEAST_SIGNAL = 1e-8  # of the last step, whose logarithm the sampler takes


class Schedule:
    """Signal and noise levels of each step.

    Args:
        timesteps: T.
    """

    def __init__(self, timesteps: int = 200) -> None:
        angle = (torch.linspace(0, 1, timesteps + 1) + OFFSET) / (1 + OFFSET) * math.pi / 2
        kept = (angle.cos() / angle[0].cos()).square()[1:].clamp(min=LEAST_SIGNAL)
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
