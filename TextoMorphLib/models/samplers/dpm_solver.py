"""DPM-Solver++ (2M): a few looks instead of two hundred (Lu et al., 2022)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from TextoMorphLib.models.samplers import Denoise
from TextoMorphLib.models.schedule import Schedule


def sample(denoise: Denoise, noise: Tensor, schedule: Schedule, steps: int, on_step: Callable[[int], None]) -> Tensor:
    """See `Sampler`; second order."""
    times = schedule.spaced(steps)
    ratio = (schedule.alpha / schedule.sigma).log().tolist()  # half the log signal-to-noise ratio
    latent, previous, previous_step = noise, None, 0.0
    for done, time in enumerate(times, start=1):
        now = torch.full((len(latent),), time, device=latent.device)
        clean = denoise(latent, now)
        if done == steps:
            on_step(done)
            return clean
        following = times[done]
        step = ratio[following] - ratio[time]
        # The second-order term extrapolates the clean estimate along the log ratio.
        ahead = clean if previous is None else clean + (clean - previous) * (step / (2 * previous_step))
        shrink = schedule.sigma[following] / schedule.sigma[time]
        decay = torch.exp(torch.tensor(-step))
        latent = shrink.item() * latent + (schedule.alpha[following] * (1 - decay)).item() * ahead
        previous, previous_step = clean, step
        on_step(done)
    raise AssertionError("unreachable: a schedule has at least one step")
