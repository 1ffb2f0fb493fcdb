"""A solid lesion of a dark organ is not as dark as a cyst; where there is room for its darkness it stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.models.solids import solid

SIDE, RADIUS_MM = 48, 16.0


def _ball(organ: float, darker: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A lesion with a soft border and some texture, HU; the change, the organ, and the depth."""
    depth = (RADIUS_MM - np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0)).astype(np.float32)
    texture = 3 * np.sin(np.indices((SIDE,) * 3)[0]) * (depth > 0)
    return (texture - darker / (1 + np.exp(-depth))).astype(np.float32), np.full_like(depth, organ), depth


@pytest.mark.parametrize(
    ("organ", "darker", "degree", "least", "most"),
    [
        (60.0, 48.0, "plain", 22.0, 28.0),  # a liver without contrast medium
        (43.0, 44.0, "plain", 15.0, 26.0),
        (60.0, 58.0, "marked", 10.0, 16.0),
        (25.0, 40.0, "plain", -2.0, 8.0),  # a fatty liver: some contrast is left
    ],
)
def test_a_solid_lesion_is_no_fluid(organ: float, darker: float, degree: str, least: float, most: float) -> None:
    delta, filled, depth = _ball(organ, darker)
    made = solid(delta, filled, depth, {"content": {"solid": 1.0}, "degree": {degree: 1.0}})
    assert least < (filled + made)[depth > 4].mean() < most
    assert made[depth > 4].std() == pytest.approx(delta[depth > 4].std(), abs=1.0)
    assert np.abs(made - delta)[depth < -4].max() < 1


@pytest.mark.parametrize("degree", ["mild", "plain", "marked"])
@pytest.mark.parametrize(("organ", "level"), [(110.0, 33.0), (52.0, 33.0), (40.0, 27.0), (25.0, 12.0)])
def test_what_is_called_solid_is_told_from_fluid_where_it_can_be_darker_than_the_organ_too(
    organ: float, level: float, degree: str
) -> None:
    delta, filled, depth = _ball(organ, organ)
    said = {"content": {"solid": 1.0}, "density": {"hypo": 1.0}, "degree": {degree: 1.0}}
    assert (filled + solid(delta, filled, depth, said, named=True))[depth > 4].mean() == pytest.approx(level, abs=2)


def test_fluid_and_what_is_dark_in_a_bright_organ_stay_as_they_are() -> None:
    delta, filled, depth = _ball(60.0, 52.0)
    assert solid(delta, filled, depth, {"content": {"cystic": 1.0}}) is delta
    delta, filled, depth = _ball(110.0, 60.0)
    assert solid(delta, filled, depth, {"content": {"solid": 1.0}}) is delta
