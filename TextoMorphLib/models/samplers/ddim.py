"""DDIM without noise added on the way (Song et al., 2021): first order, the plainest solver."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from TextoMorphLib.models.samplers import Denoise
from TextoMorphLib.models.schedule import Schedule


def sample(denoise: Denoise, noise: Tensor, schedule: Schedule, steps: int, on_step: Callable[[int], None]) -> Tensor:
    """See `Sampler`; first order."""
    times = schedule.spaced(steps)
    latent = clean = noise
    for done, time in enumerate(times, start=1):
        clean = denoise(latent, torch.full((len(latent),), time, device=latent.device))
        if done < steps:
            left = (latent - schedule.alpha[time].item() * clean) / schedule.sigma[time].item()
            latent = schedule.alpha[times[done]].item() * clean + schedule.sigma[times[done]].item() * left
        on_step(done)
    return clean
