"""The sampler reaches the distribution that its denoiser describes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import samplers
from TextoMorphLib.models.samplers import guided, steadied
from TextoMorphLib.models.schedule import Schedule

MEAN, SPREAD = 1.5, 0.5


def _perfect_denoiser(schedule: Schedule):
    """For data drawn from N(1.5, 0.5^2) the best estimate is known in closed form."""

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        alpha, sigma = schedule.levels(time)
        gain = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
        return MEAN + gain * (noisy - alpha * MEAN)

    return denoise


@pytest.mark.parametrize(
    ("sampler", "steps", "tolerance"),
    [("dpm_solver", 200, 0.02), ("dpm_solver", 20, 0.04), ("dpm_solver", 8, 0.1), ("ddim", 200, 0.02)],
)
def test_sampling_reaches_the_data(sampler: str, steps: int, tolerance: float) -> None:
    schedule = Schedule()
    noise = torch.randn(1, 1, 24, 24, 24, generator=torch.Generator().manual_seed(0))
    done: list[int] = []
    result = samplers.load(sampler)(_perfect_denoiser(schedule), noise, schedule, steps, done.append)
    assert done == list(range(1, steps + 1))
    assert result.mean().item() == pytest.approx(MEAN, abs=tolerance)
    assert result.std().item() == pytest.approx(SPREAD, abs=tolerance)


def test_schedule_ends_in_noise_and_starts_clean() -> None:
    schedule = Schedule()
    assert schedule.timesteps == 200
    assert schedule.alpha[0] > 0.999
    assert schedule.alpha[-1] < 1e-3


def test_guidance_extrapolates_from_no_text_through_text() -> None:
    denoise = guided(lambda noisy, time: torch.cat([noisy[:1] * 0 + 3.0, noisy[1:] * 0 + 1.0]), guidance=2.0)
    assert torch.all(denoise(torch.zeros(1, 1, 2, 2, 2), torch.zeros(1)) == 5.0)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(InputError, match="ddim or dpm_solver"):
        samplers.load("euler")


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 50])
def test_the_default_is_diffusers_solver(steps: int) -> None:
    library = pytest.importorskip("diffusers.schedulers.scheduling_dpmsolver_multistep")
    schedule = Schedule()
    denoise = _perfect_denoiser(schedule)
    noise = torch.randn(1, 4, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    kept = schedule.alpha.double().square()
    solver = library.DPMSolverMultistepScheduler(
        num_train_timesteps=schedule.timesteps,
        trained_betas=(1 - torch.cat([kept[:1], kept[1:] / kept[:-1]])).numpy(),
        prediction_type="sample",
        final_sigmas_type="zero",
    )
    solver.set_timesteps(timesteps=schedule.spaced(steps))
    latent = noise
    for time in solver.timesteps:
        latent = solver.step(denoise(latent, time[None]), time, latent).prev_sample
    ours = samplers.load()(denoise, noise, schedule, steps, lambda done: None)
    torch.testing.assert_close(ours, latent.float(), atol=1e-5, rtol=0)


def test_later_looks_refine_the_first_and_do_not_exaggerate_it() -> None:
    schedule = Schedule()
    noise = torch.randn(1, 4, 12, 12, 12, generator=torch.Generator().manual_seed(0))
    lesion = torch.zeros_like(noise)
    lesion[..., 3:9, 3:9, 3:9] = -1.0

    def stronger_each_time(noisy: Tensor, time: Tensor) -> Tensor:
        alpha, _ = schedule.levels(time)
        return lesion + 0.6 * alpha * noisy  # what it is shown of the lesion comes on top, and grain of the noise

    def level(steps: int, steady: bool) -> float:
        denoise = steadied(stronger_each_time) if steady else stronger_each_time
        made = samplers.load()(denoise, noise, schedule, steps, lambda done: None)
        return made[..., 4:8, 4:8, 4:8].mean().item()

    assert level(50, steady=False) < 1.3 * level(1, steady=False)  # the fault
    assert level(1, steady=True) == level(1, steady=False)
    for steps in (2, 10, 50):
        assert level(steps, steady=True) == pytest.approx(level(1, steady=True), rel=0.1)
