"""Random fields from a latent's noise: white noise in, smooth fields of unit variance out, one for each name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from TextoMorphLib.lesions.fields import FIELDS, latent_noise, lesion_fields, sheets
from TextoMorphLib.networks.denoiser import field_channels


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
    fields, channels = lesion_fields(noise, deepest), field_channels(noise, deepest)
    assert channels.shape == (1, 64, 24, 24, 24)
    assert torch.equal(channels[0, 8 * 2 + 4 * 1 + 1, 3, 5, 7], fields[0, 2, 7, 10, 15])


def test_sheets_lie_where_a_field_crosses_zero() -> None:
    at = torch.arange(24.0).view(1, 24, 1, 1).expand(1, 24, 8, 8)
    near = sheets(3 * (at - 11.5))[0, :, 4, 4]  # crosses zero between two voxels of 2 mm
    assert near[11] == near[12] == pytest.approx(0.7788, abs=1e-4)
    assert near[[6, 17]].max() < 0.01
