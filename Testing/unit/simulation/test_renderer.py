"""The renderer: what a description asks for is what is drawn, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor

from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.lesion_parameters import Lesion, sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.simulation.shapes import lesion_depth
from TextoMorphLib.text.concepts import KINDS, Description

PARENCHYMA_HU = 110.0


@pytest.fixture(scope="module")
def depth() -> np.ndarray:
    """A 24 mm lesion, not in the grid's middle."""
    return lesion_depth((48, 48, 48), 24.0, 0.4, np.random.default_rng(2))


def noise(depth: np.ndarray, seed: int) -> Tensor:
    return latent_noise(depth.shape, seed)


def drawn(depth: np.ndarray, description: Description, seed: int = 3) -> tuple[np.ndarray, Lesion]:
    lesion = sample_lesion(description, PARENCHYMA_HU, 24.0, seed)
    return render(depth, lesion, PARENCHYMA_HU, noise(depth, seed)), lesion


@pytest.mark.parametrize(
    ("description", "low", "high"),
    [
        ({}, -60, -18),
        ({"density": "hypo"}, -75, -25),
        ({"density": "hypo", "degree": "mild"}, -35, -10),
        ({"density": "iso"}, -10, 10),
        ({"density": "hyper"}, 25, 70),
        ({"density": "arterial"}, 42, 100),
    ],
)
def test_density(depth: np.ndarray, description: Description, low: float, high: float) -> None:
    for seed in range(4):
        delta, _ = drawn(depth, description, seed)
        assert low < delta[depth > 3].mean() < high


def test_nothing_is_drawn_four_mm_outside(depth: np.ndarray) -> None:
    delta, _ = drawn(depth, {"margin": "ill", "density": "hyper", "wall": "walled"})
    assert not delta[depth <= -4].any()
    assert delta.dtype == np.float32


def test_a_seed_gives_one_lesion(depth: np.ndarray) -> None:
    assert np.array_equal(drawn(depth, {})[0], drawn(depth, {})[0])
    assert not np.array_equal(drawn(depth, {}, 3)[0], drawn(depth, {}, 4)[0])


def test_a_changed_kind_changes_its_own_numbers_alone() -> None:
    plain, calcified = (sample_lesion(d, PARENCHYMA_HU, 24.0, 7) for d in ({}, {"calcification": "present"}))
    assert calcified.calcium_fraction > plain.calcium_fraction == 0
    assert {**vars(calcified), "calcium_fraction": 0} == vars(plain)


def test_a_changed_kind_leaves_the_rest_of_the_picture(depth: np.ndarray) -> None:
    change = drawn(depth, {"content": "necrotic", "density": "hypo"})[0] - drawn(depth, {"density": "hypo"})[0]
    assert np.abs(change[depth < 0]).max() < 5
    assert change.min() < -20


def test_a_cyst_is_smooth_water(depth: np.ndarray) -> None:
    delta, _ = drawn(depth, {"content": "cystic"})
    fluid = PARENCHYMA_HU + delta[depth > 2.5]
    assert 0 < fluid.mean() < 20
    assert fluid.std() < 4


@pytest.mark.parametrize(("texture", "low", "high"), [("homogeneous", 0, 4), ("heterogeneous", 13, 32)])
def test_texture(depth: np.ndarray, texture: str, low: float, high: float) -> None:
    delta, _ = drawn(depth, {"density": "hyper", "texture": texture})
    assert low < delta[depth > 3.5].std() < high


def test_a_margin_is_as_wide_as_its_number(depth: np.ndarray) -> None:
    for margin in ("well", "default", "ill"):
        delta, lesion = drawn(depth, {"density": "hypo", "margin": margin, "texture": "homogeneous"})
        layers = np.arange(-4, 7)
        profile = np.array([delta[np.abs(depth - at) < 0.6].mean() for at in layers]) / lesion.density_hu
        start, end = np.interp([0.1, 0.9], np.maximum.accumulate(profile), layers)
        # Averaging over a layer adds a little of its own.
        assert end - start == pytest.approx(lesion.margin_mm, rel=0.25, abs=1.0)


def test_a_wall_is_brighter_than_both_sides(depth: np.ndarray) -> None:
    delta, _ = drawn(depth, {"density": "hypo", "wall": "walled"})
    wall = delta[(depth > 0.5) & (depth < 1.6)].mean()
    assert wall > 0
    assert wall > delta[depth > 5].mean() + 30


def test_necrosis_is_a_dark_middle(depth: np.ndarray) -> None:
    delta, lesion = drawn(depth, {"content": "necrotic"})
    centre = delta[depth > 0.85 * depth.max()].mean()
    assert centre == pytest.approx(lesion.density_hu + lesion.core_hu, abs=15)
    assert centre < delta[(depth > 2) & (depth < 3)].mean() - 20


@pytest.mark.parametrize("diameter_mm", [8.0, 40.0])
def test_calcium_is_seen(diameter_mm: float) -> None:
    shape = (int(diameter_mm) + 24,) * 3
    for seed in range(4):
        depth = lesion_depth(shape, diameter_mm, 0.4, np.random.default_rng(seed))
        lesion = sample_lesion({"calcification": "present"}, PARENCHYMA_HU, diameter_mm, seed)
        bright = PARENCHYMA_HU + render(depth, lesion, PARENCHYMA_HU, noise(depth, seed)) > 200
        assert 0.002 < bright[depth > 0].mean() < 0.4
        assert not bright[depth < -1].any()


@pytest.mark.parametrize("diameter_mm", [4.0, 7.0])
def test_every_value_can_be_drawn_in_the_smallest_lesions(diameter_mm: float) -> None:
    depth = lesion_depth((28, 28, 28), diameter_mm, 1.0, np.random.default_rng(1))
    for kind, values in KINDS.items():
        for value in values:
            lesion = sample_lesion({kind: value}, 20.0, diameter_mm, 5)
            delta = render(depth, lesion, 20.0, noise(depth, 5))
            assert np.isfinite(delta).all()
            assert delta.any() or value == "iso"
