"""A wall is thicker here and thinner there, is nowhere lost, and stays as thick as it was in the mean."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.models import walls
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.models.structures import WALL_MM, Said

RADIUS_MM, LUMEN_HU, WALL_HU = 17.0, -60.0, 40.0
SIDE = 56


def _shell(told: str) -> tuple[np.ndarray, np.ndarray, Said]:
    """A lesion with an even wall, its depth, and what was said of it."""
    depth = RADIUS_MM - np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0)
    delta = np.where(depth > WALL_MM[told], LUMEN_HU, np.where(depth > 0, WALL_HU, 0.0))
    return (
        delta.astype(np.float32),
        depth.astype(np.float32),
        {"wall": {"walled": 1.0}, "wall_thickness": {told: 1.0}},
    )


def _thickness(delta: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Of the wall in sixteen directions of the middle slices, as a share of what it is in the mean."""
    x, y, z = np.indices(depth.shape) - (SIDE - 1) / 2
    turn = ((np.arctan2(y, x) / np.pi + 1) * 8).astype(int) % 16
    inside = (depth > 0) & (abs(z) < 3)
    wall = inside & (delta > (LUMEN_HU + WALL_HU) / 2)
    shares = np.bincount(turn[wall], minlength=16) / np.bincount(turn[inside], minlength=16)
    return np.asarray(shares / shares.mean())


@pytest.mark.parametrize(("told", "least"), [("thin", 1.1), ("plain", 1.3), ("thick", 1.3)])
def test_a_wall_varies_around_its_lesion(told: str, least: float) -> None:
    delta, depth, said = _shell(told)
    even = _thickness(delta, depth)
    assert even.max() / even.min() < 1.15
    for seed in range(3):
        drawn, even = walls.uneven(delta, depth, latent_noise((SIDE,) * 3, seed), said)
        varied = _thickness(drawn, depth)
        assert varied.max() / varied.min() > least
        assert varied.min() > 0.4  # there all around
        lumen = depth > 0.5 * RADIUS_MM
        assert np.array_equal(drawn[depth <= 0], delta[depth <= 0])
        before, after = (np.count_nonzero((depth > 0) & (each > 0)) for each in (delta, drawn))
        assert 0.8 < after / before < 1.2
        assert np.median(drawn[lumen]) == LUMEN_HU
        room = (even > WALL_MM[told]) == (drawn < (LUMEN_HU + WALL_HU) / 2)  # of what is drawn inside the wall
        assert room[depth > 0].mean() > 0.95


def test_without_a_wall_nothing_changes() -> None:
    delta, depth, _ = _shell("plain")
    noise = latent_noise((SIDE,) * 3, 0)
    same, even = walls.uneven(delta, depth, noise, {"wall": {"plain": 1.0}})
    assert same is delta
    assert even is depth
