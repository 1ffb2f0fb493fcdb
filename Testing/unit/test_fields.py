"""Random fields from a latent's noise: white noise in, smooth fields of unit variance out, one for each number."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.fields import field_from_noise


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((8, 20, 20, 20), dtype=np.float32)


@pytest.mark.parametrize("sigma_mm", [2.0, 4.0])
def test_fields_have_unit_variance(noise: np.ndarray, sigma_mm: float) -> None:
    fields = [field_from_noise(noise, number, sigma_mm) for number in range(8)]
    assert fields[0].shape == (80, 80, 80)
    assert np.mean([field.std() for field in fields]) == pytest.approx(1, abs=0.2)


def test_fields_of_different_numbers_are_independent_where_smooth(noise: np.ndarray) -> None:
    fields = [field_from_noise(noise, number, 4.0).ravel() for number in range(8)]
    between = np.corrcoef(fields)[~np.eye(8, dtype=bool)]
    assert np.abs(between).max() < 0.3


def test_a_field_depends_on_the_noise_nearby_alone(noise: np.ndarray) -> None:
    changed = noise.copy()
    changed[:, :4] = -changed[:, :4]
    difference = field_from_noise(changed, 3, 2.0) - field_from_noise(noise, 3, 2.0)
    assert np.abs(difference[32:56]).max() < 1e-3
    assert np.abs(difference[:16]).max() > 0.1
