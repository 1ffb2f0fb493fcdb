"""DPM-Solver++ (2M): a few looks instead of two hundred (Lu et al., 2022), with classifier-free guidance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from TextoMorphLib.models.schedule import Schedule

Denoise = Callable[[Tensor, Tensor], Tensor]  # (noisy, time [B]) -> clean
Progress = Callable[[int, int], object]  # (step, total); returning False cancels


def sample(denoise: Denoise, noise: Tensor, schedule: Schedule, steps: int, on_step: Callable[[int], None]) -> Tensor:
    """Solves the diffusion's ordinary differential equation from noise to a clean latent.

    Args:
        denoise: Estimates the clean latent from a noisy one and its time.
        noise: [B, C, x, y, z] standard normal noise; it alone decides the result.
        schedule: The noise schedule.
        steps: Number of looks, 1 to T.
        on_step: Called with the number of steps done, after each; may raise to stop.

    Returns:
        The clean latent, shaped as `noise`.
    """
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


def guided(denoise_batch: Callable[[Tensor, Tensor], Tensor], guidance: float) -> Denoise:
    """Classifier-free guidance: moves the prediction away from the one without text.

    Args:
        denoise_batch: Estimates the clean latents of a batch of two: with text, then without.
        guidance: 1 follows the text as trained; above 1 exaggerates it.

    Returns:
        A denoiser for a batch of one.
    """

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        with_text, without = denoise_batch(noisy.expand(2, -1, -1, -1, -1), time.expand(2)).chunk(2)
        return without + guidance * (with_text - without)

    return denoise
