"""What is called isoattenuating is no darker than its organ; walls and texture stay."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.models.levels import alike

SIDE, RADIUS_MM = 48, 16.0
DEPTH = (RADIUS_MM - np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0)).astype(np.float32)
ISO = {"density": {"iso": 1.0}, "content": {"solid": 1.0}}


def _ball(hu: float) -> np.ndarray:
    texture = 4 * np.sin(np.indices(DEPTH.shape)[0]) * (DEPTH > 0)
    return (texture + hu / (1 + np.exp(-DEPTH))).astype(np.float32)


@pytest.mark.parametrize("hu", [-28.0, 18.0])
def test_an_isoattenuating_lesion_has_its_organs_level(hu: float) -> None:
    made = alike(_ball(hu), DEPTH, ISO)
    assert made[DEPTH > 4].mean() == pytest.approx(0, abs=2)
    assert made[np.abs(DEPTH) < 3].mean() == pytest.approx(0, abs=2)  # no ring is left of it
    assert made[DEPTH > 4].std() == pytest.approx(_ball(hu)[DEPTH > 4].std(), rel=0.1)


def test_a_wall_around_it_stays() -> None:
    walled = _ball(-28) + 60 * ((DEPTH > 0) & (DEPTH < 1.5))
    made = alike(walled, DEPTH, {**ISO, "wall": {"walled": 1.0}, "wall_thickness": {"thin": 1.0}})
    assert made[DEPTH > 5].mean() == pytest.approx(0, abs=2)
    assert np.abs(made - walled)[DEPTH < 0].max() < 3


def test_what_is_alike_already_or_called_otherwise_is_left_alone() -> None:
    near, dark = _ball(-5), _ball(-28)
    assert alike(near, DEPTH, ISO) is near
    assert alike(dark, DEPTH, {**ISO, "density": {"hypo": 1.0}}) is dark
    assert alike(dark, DEPTH, {**ISO, "content": {"necrotic": 1.0}}) is dark
