"""Random fields from a latent's noise: white noise in, smooth fields of unit variance out, one for each name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from TextoMorphLib.models.denoiser import depth_channels, field_channels
from TextoMorphLib.models.seed_fields import FIELDS, latent_noise, lesion_fields
from TextoMorphLib.models.spatial_priors import HINTS, hints
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.simulation.shapes import lesion_depth
from TextoMorphLib.text.concepts import KINDS, QUALIFIES


@pytest.fixture(scope="module")
def noise() -> Tensor:
    return latent_noise((96, 96, 96), seed=0)


@pytest.mark.parametrize("deepest_mm", [4.0, 12.0])
def test_fields_have_unit_variance(noise: Tensor, deepest_mm: float) -> None:
    fields = lesion_fields(noise, torch.tensor([deepest_mm]))
    assert fields.shape == (1, len(FIELDS), 48, 48, 48)
    assert fields.std(dim=(2, 3, 4)).mean().item() == pytest.approx(1, abs=0.15)


def test_fields_are_independent_where_smooth(noise: Tensor) -> None:
    fields = lesion_fields(noise, torch.tensor([12.0]))[0].flatten(1)
    smooth = fields[[FIELDS.index(name) for name in ("patches", "shade", "inner")]]
    between = torch.corrcoef(smooth)[~torch.eye(3, dtype=torch.bool)]
    assert between.abs().max() < 0.3


def test_large_lesions_have_coarser_fields(noise: Tensor) -> None:
    small, large = lesion_fields(noise.expand(2, -1, -1, -1, -1), torch.tensor([5.0, 30.0]))
    slope = [field[FIELDS.index("inner")].diff(dim=0).std() for field in (small, large)]
    assert slope[1] < 0.6 * slope[0]


def test_a_field_depends_on_the_noise_nearby_alone(noise: Tensor) -> None:
    changed = noise.clone()
    changed[:, :, :4] *= -1
    deepest = torch.tensor([5.0])
    difference = (lesion_fields(changed, deepest) - lesion_fields(noise, deepest))[0, FIELDS.index("grain")].abs()
    assert difference[18:34].max() < 0.02
    assert difference[:8].max() > 0.1


def test_the_denoiser_sees_every_voxel_of_the_fields(noise: Tensor) -> None:
    deepest = torch.tensor([8.0])
    depth = depth_channels(torch.full((1, 1, 96, 96, 96), 3.0))
    fields, channels = lesion_fields(noise, deepest), field_channels(noise, depth, deepest)
    assert channels.shape == (1, 96, 24, 24, 24)
    assert torch.equal(channels[0, 8 * 2 + 4 * 1 + 1, 3, 5, 7], fields[0, 2, 7, 10, 15])


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("diameter_mm", [16.0, 40.0])
def test_a_hint_shows_where_its_word_is_drawn(noise: Tensor, hint: tuple[str, str], diameter_mm: float) -> None:
    kind, value = hint
    depth = lesion_depth((96, 96, 96), diameter_mm, 0.4, np.random.default_rng(1))
    asked = {kind: value, "texture": "homogeneous", "margin": "well"}
    if kind in QUALIFIES:
        asked[QUALIFIES[kind]] = KINDS[QUALIFIES[kind]][1]
    plain = {"texture": "homogeneous", "margin": "well"}
    lesions = [sample_lesion(description, 90.0, diameter_mm, 3) for description in (asked, plain)]
    drawn, without = (torch.from_numpy(render(depth, lesion, 90.0, noise)) for lesion in lesions)
    deepest = torch.tensor([float(depth.max())])
    finer = functional.avg_pool3d(torch.from_numpy(depth)[None], 2)
    shown = hints(lesion_fields(noise, deepest), finer, deepest)[0, HINTS.index(hint)]
    change = functional.avg_pool3d((drawn - without)[None], 2)[0]
    inside = finer[0] > 1
    assert torch.corrcoef(torch.stack([shown[inside], change[inside]]))[0, 1] > 0.6


def test_hints_of_a_mask_without_room_are_numbers(noise: Tensor) -> None:
    depth, deepest = torch.full((1, 48, 48, 48), -3.0), torch.tensor([1.0])
    depth[0, 20, 20, 20] = 0.4
    shown = hints(lesion_fields(noise, deepest), depth, deepest)
    assert shown.isfinite().all()
    assert shown.min() >= 0
    assert shown.max() <= 1
