"""A necrotic core is as dark as dead tissue, and living tissue around it is seen, whatever the organ's HU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from TextoMorphLib.models import cores
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render

SIDE = 64
NECROTIC = {"content": {"necrotic": 1.0}}


def _lesion(
    organ: float, radius: float, seed: int, density: float | None = None, core: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, torch.Tensor]:
    """A rendered necrotic lesion, its density and core moved to these HU; its organ, depth and noise."""
    depth = (radius - np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0)).astype(np.float32)
    numbers = sample_lesion({"content": "necrotic"}, organ, 2 * radius, seed)
    density = numbers.density_hu if density is None else density
    numbers = replace(numbers, density_hu=density, core_hu=numbers.core_hu if core is None else core)
    noise = latent_noise((SIDE,) * 3, seed)
    return render(depth, numbers, organ, noise), np.full_like(depth, organ), depth, noise


def _core_and_living(hu: np.ndarray, depth: np.ndarray) -> tuple[float, float]:
    """HU of the darkest tenth of the inside, and of its brightest fifth away from the border."""
    inside = hu[depth > 2.5]
    return float(np.percentile(inside, 10)), float(np.percentile(inside, 80))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("organ", "radius", "density", "core"),
    [
        (108.0, 25.0, -45.0, -15.0),  # large, in a portal venous liver: hardly darkened
        (190.0, 16.0, -60.0, -35.0),  # likewise in a kidney
        (108.0, 11.0, -90.0, -15.0),  # small: dark throughout
        (60.0, 24.0, -40.0, -20.0),  # without contrast medium
    ],
)
def test_a_core_is_dead_and_what_is_around_it_lives(
    organ: float, radius: float, density: float, core: float, seed: int
) -> None:
    delta, filled, depth, noise = _lesion(organ, radius, seed, density, core)
    dead, living = _core_and_living(filled + cores.dead(delta, filled, depth, noise, NECROTIC), depth)
    assert 0 < dead < 30
    assert living > dead + 25
    assert living < organ


def test_what_is_necrotic_already_and_what_is_not_asked_to_be_stay_as_they_are() -> None:
    delta, filled, depth, noise = _lesion(120.0, 20.0, 1)
    assert cores.dead(delta, filled, depth, noise, {"content": {"cystic": 1.0}}) is delta
    assert np.abs(cores.dead(delta, filled, depth, noise, NECROTIC) - delta).mean() < 2
