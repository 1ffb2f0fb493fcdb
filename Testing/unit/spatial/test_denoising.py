"""Noise out of a scan: as far as its level tells it from structure, and what is left of it is known."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.spatial.denoising import denoised
from TextoMorphLib.spatial.noise import sample_noise

SPACING = np.array([0.9, 0.9, 2.5])
COVARIANCE = 225 * np.einsum("i,j,k->ijk", [0.1, 0.5, 1, 0.5, 0.1], [0.1, 0.5, 1, 0.5, 0.1], [1.0]).astype(np.float32)


def _edge() -> np.ndarray:
    return np.where(np.indices((60, 60, 10))[0] < 30, 40.0, 100.0).astype(np.float32)


def test_noise_goes_and_edges_stay() -> None:
    truth = _edge()
    noisy = truth + sample_noise(COVARIANCE, truth.shape, 5)
    clean, left = denoised(noisy, COVARIANCE, SPACING, np.ones(truth.shape, bool))
    away = np.abs(np.indices(truth.shape)[0] - 29.5) > 6
    assert (clean - truth)[away].std() < 0.5 * (noisy - truth)[away].std()
    near = clean[27:33].mean((1, 2))
    assert near[-1] - near[0] > 45  # of 60 HU within 5 mm
    assert left[away].std() == pytest.approx((clean - truth)[away].std(), rel=0.35)


def test_noise_that_is_overestimated_does_not_take_structure_away() -> None:
    truth = _edge()
    noisy = truth + sample_noise(COVARIANCE / 25, truth.shape, 5)
    clean, _ = denoised(noisy, 100 * COVARIANCE, SPACING, np.ones(truth.shape, bool))
    assert clean[40:].mean() - clean[:20].mean() == pytest.approx(60, abs=2)
    assert np.abs(clean - truth).mean() < 4
