"""Measurements of balls whose attributes are known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, measure, measure_in
from TextoMorphLib.measurement.surroundings import Surroundings
from TextoMorphLib.simulation.anatomy_fields import smooth_field
from TextoMorphLib.spatial.region import regions, resampled
from TextoMorphLib.spatial.tissue import parenchyma_hu

PARENCHYMA_HU = 110.0
RADIUS_MM = 12.0
SIDE = 52
DEPTH = RADIUS_MM - np.sqrt(sum(np.square(axis - SIDE / 2) for axis in np.ogrid[:SIDE, :SIDE, :SIDE])).astype(
    np.float32
)
NOISE = 12 * smooth_field(DEPTH.shape, 0.6, np.random.default_rng(0))
OF_AN_INSIDE = ("texture_hu", "core_hu", "living_hu")
MAY_BE_MISSING = (  # in lesions too small for parts
    "level_hu",
    "nodule_hu",
    "globules_hu",
    "target_hu",
    "scar_hu",
    "fluid_hu",
    "lobulation_mm",
    "spiculation_mm",
)


def ball(contrast_hu: float, margin_mm: float = 2.5) -> np.ndarray:
    return contrast_hu * ndtr(DEPTH * 2.563 / margin_mm)


def measured(delta: np.ndarray, noise: np.ndarray = NOISE) -> Attributes:
    healthy = (PARENCHYMA_HU + noise).astype(np.float32)
    return measure(healthy, healthy + delta.astype(np.float32), DEPTH)


@pytest.mark.parametrize("contrast_hu", [-60.0, -20.0, 0.0, 45.0])
def test_contrast(contrast_hu: float) -> None:
    found = measured(ball(contrast_hu))
    assert found.parenchyma_hu == pytest.approx(PARENCHYMA_HU, abs=4)
    assert found.contrast_hu == pytest.approx(contrast_hu, abs=5)
    assert found.mean_hu == pytest.approx(PARENCHYMA_HU + contrast_hu, abs=3)


@pytest.mark.parametrize("margin_mm", [2.0, 4.0, 7.0])
def test_margin(margin_mm: float) -> None:
    assert measured(ball(-40, margin_mm)).margin_mm == pytest.approx(margin_mm, rel=0.15, abs=0.4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_border_is_as_sharp_as_thick_slices_show_it(axis: int) -> None:
    spacing = np.where(np.arange(3) == axis, 5.0, 0.8)
    shape = np.where(np.arange(3) == axis, 16, 90)
    fine = [
        np.arange(n * k) / k + 0.5 / k - 0.5 for n, k in zip(shape, np.where(np.arange(3) == axis, 5, 1), strict=True)
    ]
    away = [(at - n / 2) * mm for at, n, mm in zip(fine, shape, spacing, strict=True)]
    depth = 17 - np.sqrt(sum(np.square(each) for each in np.meshgrid(*away, indexing="ij")))
    noise = 8 * np.random.default_rng(0).standard_normal(shape)
    found = {}
    for margin_mm in (1.4, 7.0):
        sharp = np.add.reduceat(ndtr(depth * 2.563 / margin_mm), np.arange(0, depth.shape[axis], 5), axis) / 5
        healthy = Volume((110 + noise).astype(np.float32), np.diag([*spacing, 1.0]))
        (region,) = regions(healthy, sharp > 0.5)
        with_lesion = Volume((110 + noise - 70 * sharp).astype(np.float32), healthy.affine)
        found[margin_mm] = measure_in(Surroundings.of(region), resampled(with_lesion, region)).margin_mm
    assert found[1.4] < 2.7
    assert 5 < found[7.0] < 9


def test_a_border_without_contrast_has_no_width() -> None:
    assert math.isnan(measured(ball(4)).margin_mm)


def test_texture_is_told_from_noise() -> None:
    texture = 20 * smooth_field(DEPTH.shape, 2.5, np.random.default_rng(1))
    inside = ndtr(DEPTH)
    noisy = NOISE * 25 / 12
    assert measured(ball(-40)).texture_hu < 4
    assert measured(ball(-40), noisy).texture_hu < 8
    assert 10 < measured(ball(-40) + inside * texture).texture_hu < 22
    assert 10 < measured(ball(-40) + inside * texture, noisy).texture_hu < 24


def test_an_uneven_wall_is_no_texture() -> None:
    thickness = 3.2 + 0.9 * np.sin(np.arctan2(*(np.indices(DEPTH.shape)[:2] - SIDE / 2)) * 2)
    wall = 80 * ndtr(DEPTH / 0.7) * ndtr((thickness - DEPTH) / 0.8)
    texture = 20 * smooth_field(DEPTH.shape, 2.5, np.random.default_rng(1)) * ndtr(DEPTH)
    assert measured(ball(-50, 1.8) + wall).texture_hu < 5
    assert measured(ball(-50, 1.8) + wall + texture).texture_hu > 9


def test_what_lives_around_a_dead_core_is_texture() -> None:
    texture = 24 * smooth_field(DEPTH.shape, 2.5, np.random.default_rng(1)) * ndtr(DEPTH) * ndtr(6 - DEPTH)
    assert measured(ball(-30, 1.8) - 50 * ndtr(DEPTH - 6) + texture).texture_hu > 9


def test_a_thick_wall_hides_the_texture_of_a_small_lesion_and_not_its_core() -> None:
    depth = DEPTH - 4  # 16 mm
    wall = 90 * ndtr(depth / 0.7) * ndtr((5 - depth) / 0.6)
    healthy = (PARENCHYMA_HU + NOISE).astype(np.float32)
    found = measure(healthy, healthy + (-50 * ndtr(depth / 0.7) + wall).astype(np.float32), depth)
    assert math.isnan(found.texture_hu)
    assert np.isfinite(found.core_hu)


def test_texture_is_told_in_an_organ_of_two_layers() -> None:
    """A kidney's cortex and medulla are no noise: what varies in a lesion was taken for it, and went unseen."""
    rng = np.random.default_rng(2)
    medulla = smooth_field(DEPTH.shape, 3.0, rng) > 0.4
    healthy = (200 - 110 * ndimage.gaussian_filter(medulla.astype(np.float32), 0.7) + NOISE).astype(np.float32)
    inside = ndtr(DEPTH * 2.563 / 2.5)
    pattern = 14 * smooth_field(DEPTH.shape, 2.5, rng)
    even, uneven = (
        measure(healthy, (healthy + inside * (150 + NOISE + more - healthy)).astype(np.float32), DEPTH).texture_hu
        for more in (0, pattern)
    )
    assert uneven > 7.5
    assert even < 4


@pytest.mark.parametrize("margin_mm", [1.8, 6.0])
def test_a_wall_is_told_from_a_border(margin_mm: float) -> None:
    wall = 60 * ndtr(DEPTH * 2.563 / margin_mm) * (1 - ndtr((DEPTH - 2.5) / 0.7))
    plain = ball(-40, margin_mm)
    assert abs(measured(plain).rim_hu) < 8
    assert measured(plain + wall).rim_hu > 30
    assert measured(plain + wall).contrast_hu == pytest.approx(-40, abs=8)


@pytest.mark.parametrize("parenchyma_hu", [60.0, 120.0])
def test_a_rim_is_seen_where_it_stands_out_of_the_organ_as_of_the_lesion(parenchyma_hu: float) -> None:
    """Phases differ: what is bright in a dark liver is the liver's own grey in a portal venous one."""
    wall = ndtr(DEPTH / 0.6) - ndtr((DEPTH - 3) / 0.6)
    healthy = (parenchyma_hu + NOISE).astype(np.float32)

    def seen(wall_hu: float) -> float:
        delta = -55 * ndtr(DEPTH / 0.6) + (wall_hu - parenchyma_hu + 55) * wall
        return measure(healthy, healthy + delta.astype(np.float32), DEPTH).rim_seen_hu

    assert seen(parenchyma_hu + 45) > 0
    assert seen(parenchyma_hu + 4) < 0  # 59 HU above the lesion, and no rim
    assert seen(parenchyma_hu - 55) < 0


def test_a_rim_as_bright_as_a_kidney_is_no_calcium_and_calcium_in_a_kidney_is() -> None:
    healthy = (210 + NOISE).astype(np.float32)
    wall = ndtr(DEPTH / 0.6) - ndtr((DEPTH - 3) / 0.6)
    cyst = -200 * ndtr(DEPTH / 0.6) + 245 * wall
    rimmed = measure(healthy, healthy + cyst.astype(np.float32), DEPTH)
    assert rimmed.bright_fraction < 0.002
    assert rimmed.rim_seen_hu > 0
    grain = 350 * ndtr((DEPTH - DEPTH.max() + 2.5) / 0.6)
    assert measure(healthy, healthy + (cyst + grain).astype(np.float32), DEPTH).bright_fraction > 0.002


def test_septa_are_sheets_and_neither_patches_nor_grain() -> None:
    across = np.abs(np.indices(DEPTH.shape)[0] - SIDE / 2 - 1)
    fluid = ball(-95)
    septum = 55 * ndtr((1.3 - across) / 0.5) * (DEPTH > 1)
    patches = 18 * smooth_field(DEPTH.shape, 3.0, np.random.default_rng(3)) * ndtr(DEPTH)
    assert measured(fluid + septum).septa_hu > 15
    assert measured(fluid).septa_hu < 5
    assert measured(ball(-40) + patches).septa_hu < 10


@pytest.mark.parametrize("thickness_mm", [2.0, 3.5, 6.0])
def test_a_walls_thickness(thickness_mm: float) -> None:
    wall = 90 * ndtr(DEPTH * 2.563 / 1.8) * (1 - ndtr((DEPTH - thickness_mm) / 0.6))
    found = measured(ball(-50, 1.8) + wall)
    assert found.wall_mm == pytest.approx(thickness_mm, abs=0.6)
    if thickness_mm != 3.5:  # thin ones lie outside the interior, thick ones are left out of it
        assert found.contrast_hu == pytest.approx(-50, abs=8)
    assert np.isnan(measured(ball(-50, 1.8)).wall_mm)


def test_a_necrotic_core() -> None:
    core = -35 * ndtr((DEPTH - 6) / 1.0)
    assert abs(measured(ball(-20)).core_hu) < 5
    assert measured(ball(-20) + core).core_hu == pytest.approx(-35, abs=8)


def test_calcium() -> None:
    calcium = 450.0 * ((DEPTH > 4) & (DEPTH < 5.5) & (np.indices(DEPTH.shape)[0] > SIDE / 2 + 5))
    share = np.count_nonzero(calcium) / np.count_nonzero(DEPTH > 0)
    found = measured(ball(-40) + calcium)
    assert found.bright_fraction == pytest.approx(share, rel=0.4)
    assert found.calcium_mm == pytest.approx(np.cbrt(6 / np.pi * np.count_nonzero(calcium)), rel=0.2)
    assert np.isnan(measured(ball(-40)).calcium_mm)
    assert found.contrast_hu == pytest.approx(-40, abs=6)


def test_strong_enhancement_is_no_calcium() -> None:
    texture = 20 * smooth_field(DEPTH.shape, 2.0, np.random.default_rng(2))
    assert measured(ball(95) + ndtr(DEPTH) * texture).bright_fraction < 1e-3


def test_size_and_noise() -> None:
    found = measured(ball(-40))
    assert found.diameter_mm == pytest.approx(2 * RADIUS_MM, rel=0.02)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.05)
    assert found.noise_inside_hu == pytest.approx(found.noise_outside_hu, rel=0.1)
    assert measured(np.where(DEPTH > 0, 2 * NOISE, 0)).noise_inside_hu > 2 * found.noise_inside_hu


@pytest.mark.parametrize("radius_mm", [0.6, 1.5, 2.5])
def test_the_smallest_lesions_can_be_measured(radius_mm: float) -> None:
    depth = DEPTH - RADIUS_MM + radius_mm
    healthy = (PARENCHYMA_HU + NOISE).astype(np.float32)
    found = measure(healthy, healthy - 40 * ndtr(depth), depth)
    assert found.volume_ml > 0
    assert all(
        math.isfinite(value)
        for name, value in vars(found).items()
        if name not in ("margin_mm", "wall_mm", "septa_hu", "calcium_mm", *OF_AN_INSIDE, *MAY_BE_MISSING)
    )
    assert all(math.isnan(getattr(found, name)) for name in OF_AN_INSIDE)  # a blurred border is no dead core


@pytest.mark.parametrize(("high", "told"), [(np.inf, True), (600.0, True), (240.0, False)])
def test_calcium_that_a_scan_was_cut_off_below_is_not_said_to_be_none(high: float, told: bool) -> None:
    healthy = (PARENCHYMA_HU + 60 + NOISE).astype(np.float32)  # as bright as a kidney: calcium is over 250 HU
    around = Surroundings(healthy, DEPTH, None, PARENCHYMA_HU + 60, limits=(-np.inf, high))
    grain = np.linalg.norm(np.indices(DEPTH.shape) - SIDE / 2, axis=0) < 4
    for drawn in (0.0, 500.0):
        scan = np.minimum(healthy + ball(-40) + drawn * grain, high).astype(np.float32)
        assert math.isfinite(measure_in(around, scan).bright_fraction) == told


def test_gas_that_a_scan_was_cut_off_above_is_not_said_to_be_none() -> None:
    healthy = (PARENCHYMA_HU + NOISE).astype(np.float32)
    around = Surroundings(healthy, DEPTH, None, PARENCHYMA_HU, limits=(-150.0, np.inf))
    assert math.isnan(measure_in(around, healthy).gas_fraction)


def test_a_lesion_as_thin_as_gas_throughout_is_measured() -> None:
    found = measure(NOISE - 840, NOISE - 840 + ball(-60), DEPTH)  # in a lung
    assert found.contrast_hu == pytest.approx(-60, abs=5)
    assert found.gas_fraction == 1


def test_fat_around_a_small_organ_does_not_count_as_its_parenchyma() -> None:
    at = np.indices((48, 48, 48)) - 23.5
    organ = np.hypot(at[1], at[2]) < 9  # a strand, such as the pancreas
    scan = ndimage.gaussian_filter(np.where(organ, 90.0, -100.0), (0, 2, 2))
    scan += np.random.default_rng(0).normal(0, 20, scan.shape)
    depth = 8 - np.sqrt(np.square(at).sum(0))
    assert parenchyma_hu(scan, depth) == pytest.approx(90, abs=10)
