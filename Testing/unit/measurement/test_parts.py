"""What lies inside a lesion and how its outline runs, measured on balls whose parts are known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.measurement.attributes import Attributes, measure
from TextoMorphLib.simulation.anatomy_fields import smooth_field

PARENCHYMA_HU, RADIUS_MM, SIDE = 110.0, 12.0, 52
AT = np.indices((SIDE,) * 3, np.float32) - SIDE / 2  # axes to R, A and S
AWAY = np.sqrt(np.square(AT).sum(0))
DEPTH = RADIUS_MM - AWAY
NOISE = 10 * smooth_field(DEPTH.shape, 0.6, np.random.default_rng(0))
FLUID = np.where(DEPTH > 0, -100.0, 0.0)


def ball(centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    offset = AT - np.reshape(centre, (3, 1, 1, 1))
    return np.sqrt(np.square(offset).sum(0)) < radius_mm


def measured(delta: np.ndarray) -> Attributes:
    healthy = (PARENCHYMA_HU + NOISE).astype(np.float32)
    return measure(healthy, healthy + ndimage.gaussian_filter(delta, 0.5).astype(np.float32), DEPTH)


PLAIN = measured(np.where(DEPTH > 0, -50.0, 0.0))


def test_a_plain_lesion_has_none_of_it() -> None:
    assert PLAIN.fat_fraction == PLAIN.gas_fraction == 0
    assert abs(PLAIN.level_hu) < 8
    assert abs(PLAIN.scar_hu) < 8
    assert PLAIN.nodule_hu < 14
    assert PLAIN.globules_hu < 9
    assert PLAIN.target_hu < 3
    assert PLAIN.lobulation_mm < 0.3
    assert PLAIN.spiculation_mm < 0.25


@pytest.mark.parametrize("radius_mm", [4.0, 6.0])
def test_fat_is_counted(radius_mm: float) -> None:
    delta = np.where(DEPTH > 0, -50.0, 0.0)
    delta[ball((3, 0, 0), radius_mm)] = -200
    assert measured(delta).fat_fraction == pytest.approx((radius_mm / RADIUS_MM) ** 3, rel=0.5)
    assert measured(delta).gas_fraction == 0


def test_gas_is_not_fat() -> None:
    delta = FLUID.copy()
    delta[ball((0, 5, 0), 4)] = -900
    found = measured(delta)
    assert found.gas_fraction == pytest.approx((4 / RADIUS_MM) ** 3, rel=0.4)
    assert found.fat_fraction < 0.01
    assert found.fluid_hu == pytest.approx(10, abs=6)


def test_a_thick_wall_is_no_fluid() -> None:
    found = measured(np.where(DEPTH > 0, np.where(DEPTH < 6, 40.0, -100.0), 0.0))
    assert found.wall_mm == pytest.approx(6, abs=0.8)
    assert found.fluid_hu == pytest.approx(10, abs=8)


@pytest.mark.parametrize("posterior", [True, False])
def test_a_level_is_told_from_its_contrary(posterior: bool) -> None:
    delta = FLUID.copy()
    delta[(DEPTH > 0) & ((AT[1] < 0) == posterior)] += 50
    assert measured(delta).level_hu == pytest.approx(50 if posterior else -50, abs=10)


def test_a_nodule_is_no_sheet() -> None:
    nodule, sheet = FLUID.copy(), FLUID.copy()
    nodule[ball((6, 0, 0), 4.5)] = -20
    sheet[(DEPTH > 0) & (np.abs(AT[0] - 3) < 1)] = -20
    assert measured(nodule).nodule_hu > 35
    assert measured(nodule).nodule_hu > 1.5 * measured(sheet).nodule_hu


def test_globules_lie_along_the_border_with_gaps() -> None:
    nodular, ring = (np.where(DEPTH > 0, -50.0, 0.0) for _ in range(2))
    for centre in ((10, 0, 0), (-5, 8, 0), (0, -8, 6)):
        nodular[ball(centre, 4.5) & (DEPTH > 0)] = 50
    ring[(DEPTH > 0) & (DEPTH < 4)] = 50
    assert measured(nodular).globules_hu > 25
    assert measured(nodular).globules_hu > measured(ring).globules_hu + 10


def test_a_target_has_a_ring_within() -> None:
    target, rim = (np.where(DEPTH > 0, -50.0, 0.0) for _ in range(2))
    target[(DEPTH > 4) & (DEPTH < 7.5)] = 10
    rim[(DEPTH > 0) & (DEPTH < 3)] = 10
    assert measured(target).target_hu > 25
    assert measured(rim).target_hu < 0


def test_a_scar_is_darker_than_what_is_around_it() -> None:
    scarred = np.where(DEPTH > 0, 60.0, 0.0)
    scarred[(DEPTH > 0) & (AWAY < 7) & (np.abs(AT).min(0) < 1.2)] = 0
    assert measured(scarred).scar_hu < -20


@pytest.mark.parametrize("contrast_hu", [-60.0, 50.0])
def test_lobes_and_spicules_by_their_size(contrast_hu: float) -> None:
    angle = np.arctan2(AT[1], AT[0])
    lobes = contrast_hu * ndtr(DEPTH + 2.2 * np.cos(5 * angle))
    spikes = contrast_hu * ndtr(2 * np.maximum(DEPTH + 2, np.where(np.cos(14 * angle) > 0.6, DEPTH + 3, -9)))
    lobed, spiked = measured(lobes), measured(spikes)
    assert lobed.lobulation_mm > 0.45
    assert spiked.spiculation_mm > PLAIN.spiculation_mm + 0.2
    assert lobed.lobulation_mm / lobed.spiculation_mm > spiked.lobulation_mm / spiked.spiculation_mm


def test_an_outline_without_contrast_is_none() -> None:
    assert np.isnan(measured(np.zeros_like(DEPTH)).lobulation_mm)
