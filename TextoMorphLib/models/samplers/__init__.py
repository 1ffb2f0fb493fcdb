"""Samplers by name: from noise to a clean latent in a few looks. A new one is a file here with a `sample` of its own.

`dpm_solver` (DPM-Solver++ 2M) is the default, `ddim` is there to compare with; a preset of a bundle may name another.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor

from TextoMorphLib.errors import InputError
from TextoMorphLib.models.schedule import Schedule

NEW_DETAIL = 0.1  # of the first look's power, channel by channel: what later looks may add that it had not

Denoise = Callable[[Tensor, Tensor], Tensor]  # (noisy, time [B]) -> clean
Progress = Callable[[int, int], object]  # (step, total); returning False cancels


class Sampler(Protocol):
    """Solves the diffusion's ordinary differential equation."""

    def __call__(
        self, denoise: Denoise, noise: Tensor, schedule: Schedule, steps: int, on_step: Callable[[int], None]
    ) -> Tensor:
        """From noise to a clean latent.

        Args:
            denoise: Estimates the clean latent from a noisy one and its time.
            noise: [B, C, x, y, z] standard normal noise; it alone decides the result.
            schedule: The noise schedule.
            steps: Number of looks, 1 to T.
            on_step: Called with the number of steps done, after each; may raise to stop.

        Returns:
            The clean latent, shaped as `noise`.
        """
        ...


def names() -> list[str]:
    """The samplers that there are."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__))


def load(name: str = "dpm_solver") -> Sampler:
    """A sampler by its name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in names():
        raise InputError(f"unknown sampler '{name}': choose {' or '.join(names())}")
    sampler: Sampler = import_module(f"{__name__}.{name}").sample
    return sampler


def guided(denoise_batch: Callable[[Tensor, Tensor], Tensor], guidance: float) -> Denoise:
    """Classifier-free guidance: moves the prediction away from the one without text.

    Args:
        denoise_batch: Estimates clean latents of twice as many: all with text, then all without.
        guidance: 1 follows the text as trained; above 1 exaggerates it.

    Returns:
        A denoiser.
    """

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        with_text, without = denoise_batch(torch.cat([noisy, noisy]), torch.cat([time, time])).chunk(2)
        return without + guidance * (with_text - without)

    return denoise


def steadied(denoise: Denoise) -> Denoise:
    """Later looks that refine the first one and do not exaggerate it.

    A denoiser that learned most of its work from pure noise makes what it is shown a little stronger at each look, and
    many steps drive contrasts and grain far beyond what was learned (fluid far below water). So of each later estimate
    what lies along the first one, channel by channel, is kept no larger than that, and what is new in it small.

    Args:
        denoise: For one sampling: the first call is the first look.

    Returns:
        A denoiser; the same for a single step.
    """
    first: Tensor | None = None

    def steady(noisy: Tensor, time: Tensor) -> Tensor:
        nonlocal first
        clean = denoise(noisy, time)
        if first is None:
            first = clean
            return clean
        over = tuple(range(2, clean.ndim))
        power = first.square().sum(over, keepdim=True).clamp(min=1e-9)
        along = (clean * first).sum(over, keepdim=True) / power
        new = clean - along * first
        limit = NEW_DETAIL * (power / new.square().sum(over, keepdim=True).clamp(min=1e-9)).sqrt()
        return along.clamp(max=1) * first + limit.clamp(max=1) * new

    return steady
