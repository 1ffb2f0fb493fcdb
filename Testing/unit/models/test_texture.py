"""The texture network: its flow, its slices, and the field that becomes of them on a scan's grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import bundle
from TextoMorphLib.models.texture import TEXTURE_NUMBERS, TextureNetwork, exchanged, flow, scaled_numbers
from TextoMorphLib.models.texture_field import drawn, features, site, spread_hu
from TextoMorphLib.models.texture_manner import AS_DRAWN, Manner, bounded, changed, noise_strength
from TextoMorphLib.spatial.region import regions


def test_the_flow_follows_a_velocity_to_its_end() -> None:
    noise = torch.zeros(2, 3)
    assert torch.allclose(flow(lambda x, t: torch.full_like(x, 2.5), noise, 3), torch.full((2, 3), 2.5))
    # dx/dt = 2t ends at 1; Heun's method is exact for it but in its last step, which looks once.
    ends = [flow(lambda x, t: 2 * t[:, None].expand_as(x), noise, steps)[0, 0].item() for steps in (4, 16)]
    assert abs(ends[1] - 1) < abs(ends[0] - 1) < 0.1


def test_slices_see_their_neighbours() -> None:
    x = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 8, 2, 2)
    below, above, own = exchanged(x, 3)[:, [0, 2, 5], 0, 0].T.tolist()
    assert below == [0.0, 0.0, 1.0]
    assert above == [1.0, 2.0, 0.0]
    assert own == [0.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def network() -> TextureNetwork:
    torch.manual_seed(0)
    made = TextureNetwork(channels=(8, 8, 8), condition=16).eval()
    for weight in made.parameters():  # its last layer starts at zero
        torch.nn.init.normal_(weight, std=0.1)
    return made


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((60, 60, 12), (0.8, 0.8, 5.0)), ((48, 48, 48), (1.0, 1.0, 1.0)), ((16, 60, 60), (4.0, 0.8, 0.8))],
)
def test_a_field_lies_in_the_mask_on_the_scans_own_slices(
    network: TextureNetwork, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    rng = np.random.default_rng(0)
    volume = Volume(rng.normal(90, 12, shape).astype(np.float32), np.diag([*spacing, 1.0]))
    away = (np.indices(shape).T - (np.array(shape) - 1) / 2) * spacing
    mask = (np.linalg.norm(away, axis=-1) < 9).T
    (region,) = regions(volume, mask)
    place = site(volume, region)
    assert place.axis == int(np.argmax(spacing)) if max(spacing) > 1 else place.axis == 2
    assert 0.5 * 12 < place.noise_hu < 12  # what is finer than the low pass, of white noise
    made = [drawn(network, place, -20.0, 70.0, 15.0, seed, 2, torch.device("cpu")) for seed in (1, 1, 2)]
    assert (made[0] == made[1]).all()
    assert not np.allclose(made[0], made[2])
    order = [*(axis for axis in range(3) if axis != place.axis), place.axis]
    inside = region.mask.transpose(order)
    assert made[0].shape == inside.shape
    assert 0.35 < made[0][inside].std() < 1.5  # drawn between slices of 2 mm, it is less
    assert np.abs(made[0][~inside]).mean() < 0.3 * np.abs(made[0][inside]).mean()


def test_a_mask_thinner_than_the_slices_that_are_joined_is_none_the_less_seen(network: TextureNetwork) -> None:
    volume = Volume(np.full((60, 60, 30), 90, np.float32), np.diag([0.7, 0.7, 0.8, 1.0]))
    mask = np.zeros(volume.shape, bool)
    mask[15:45, 15:45, 14] = True  # painted in a single slice
    (region,) = regions(volume, mask)
    place = site(volume, region)
    assert place.joined == 3
    made = drawn(network, place, -20.0, 70.0, 15.0, 0, 2, torch.device("cpu"))
    assert made[region.mask].std() > 0.3


def test_what_is_slow_is_made_stronger_and_shared_by_slices(network: TextureNetwork) -> None:
    volume = Volume(np.full((60, 60, 8), 90, np.float32), np.diag([0.8, 0.8, 5.0, 1.0]))
    mask = np.zeros(volume.shape, bool)
    mask[15:45, 15:45, 1:7] = True
    (region,) = regions(volume, mask)
    place = site(volume, region)

    def slow_part(slow: float) -> np.ndarray:
        made = drawn(network, place, -20.0, 70.0, 15.0, 0, 2, torch.device("cpu"), Manner(slow=slow))
        assert made[region.mask].std() == pytest.approx(1, abs=0.35)
        return np.asarray(ndimage.gaussian_filter(np.where(region.mask, made, 0), (8, 8, 0)))

    plain, more = slow_part(0.0), slow_part(3.0)
    alike = [np.corrcoef(each[..., 2:6].ravel(), each[..., 3:7].ravel())[0, 1] for each in (plain, more)]
    assert more.std() > 1.2 * plain.std()
    assert alike[1] > alike[0]


def test_samples_are_as_uneven_and_as_different_as_tumours_are() -> None:
    rng = np.random.default_rng(0)
    field = np.ones((7, 40, 40), bool)
    sample = ndimage.gaussian_filter(rng.standard_normal(field.shape), (0, 1.5, 1.5)).astype(np.float32)

    def made(manner: Manner, seed: int = 0) -> np.ndarray:
        return changed(sample, field, field, manner, seed)

    np.testing.assert_allclose(made(AS_DRAWN), sample, atol=1e-5)
    assert stats.kurtosis(made(Manner(tails=0.7)).ravel()) > stats.kurtosis(sample.ravel()) + 0.5
    assert stats.kurtosis(made(Manner(patchy=0.6)).ravel()) > stats.kurtosis(sample.ravel()) + 0.5
    assert stats.skew(made(Manner(skew=0.4)).ravel()) > stats.skew(sample.ravel()) + 0.4
    leaning = [stats.skew(made(Manner(skew_spread=0.4), seed).ravel()) for seed in range(8)]
    assert np.std(leaning) > 0.2
    bands = [made(Manner(bands=0.4), seed) for seed in range(6)]
    assert np.std([np.log((each - ndimage.gaussian_filter(each, (0, 1, 1))).std()) for each in bands]) > 0.04
    alike = [np.corrcoef(each[1:].ravel(), each[:-1].ravel())[0, 1] for each in (sample, made(Manner(across=0.8)))]
    assert alike[1] > alike[0] + 0.2


def test_the_spread_follows_from_the_place(network: TextureNetwork) -> None:
    volume = Volume(np.random.default_rng(0).normal(90, 12, (40, 40, 8)).astype(np.float32), np.diag([1, 1, 4.0, 1]))
    mask = np.zeros(volume.shape, bool)
    mask[14:26, 14:26, 2:6] = True
    (region,) = regions(volume, mask)
    place = site(volume, region)
    table = {"weights": [0.0] * (len(features(place, 0, 80)) - 1) + [np.log(14.0)], "residual": 0.3}
    assert spread_hu(place, -20, 70, table, 0.0) == pytest.approx(14.0)
    assert spread_hu(place, -20, 70, table, 1.0) == pytest.approx(14.0 * np.exp(0.3))


def test_numbers_far_from_what_was_learned_are_held_back() -> None:
    assert len(scaled_numbers(0, 80, 14, 16, 14, 2.5, 20)) == len(TEXTURE_NUMBERS)
    assert max(abs(number) for number in scaled_numbers(-900, 4000, 500, 900, 900, 40, 400)) == 2.5


def test_a_border_is_bright_only_where_something_bright_lies_beside_it() -> None:
    depth = np.broadcast_to(12.0 - 1.5 * np.hypot(*np.mgrid[-12:13, -12:13]), (3, 25, 25))
    seen = depth <= -0.7
    made = np.where(depth > -0.7, 4.0, 0.0).astype(np.float32)
    vessel = np.where(np.arange(25) > 12, 6.0, -0.5) * np.ones_like(depth)  # on one side
    found = bounded(made, depth, vessel, seen, 1.0)
    border = (depth > -0.7) & (depth < 1.5)
    assert (found[border][vessel[border] > 1] == 4).all()
    away = border & (np.arange(25) < 8)
    assert 1 < found[away].min() <= found[away].max() < 2
    assert (found[depth > 4] == 4).all()  # what is inside is left as it was
    assert np.allclose(bounded(-made, depth, -vessel, seen, 1.0), -found)  # likewise of what is dark


def test_noise_is_stronger_here_and_weaker_there_and_as_strong_as_before_in_all() -> None:
    shape, spacing = (40, 40, 12), np.array([0.8, 0.8, 2.5])
    strength = noise_strength(shape, spacing, 2, Manner(grain=0.18), seed=3)
    assert np.square(strength).mean() == pytest.approx(1, abs=1e-4)
    assert np.log(strength).std() == pytest.approx(0.18, abs=0.01)
    noise = np.random.default_rng(0).standard_normal(strength.shape)
    assert stats.kurtosis((strength * noise).ravel()) > stats.kurtosis(noise.ravel()) + 0.2
    assert (noise_strength((4, 4, 4), np.ones(3), 2, AS_DRAWN, seed=3) == 1).all()
    own = Manner(grain=0.18, grain_spread=1.0)  # lesions differ in it, and where it is strong stays
    several = [np.log(noise_strength(shape, spacing, 2, own, seed)) for seed in range(8)]
    assert np.std([np.log(one.std()) for one in several]) > 0.5
    assert np.corrcoef(np.log(strength).ravel(), several[3].ravel())[0, 1] > 0.99


def test_no_seed_leaves_a_slice_without_noise() -> None:
    manner = Manner.of(bundle.load("starter").config["texture"])
    shape, spacing = (34, 34, 6), np.array([0.8, 0.8, 2.5])
    slices = [np.square(noise_strength(shape, spacing, 2, manner, seed)).mean((0, 1)) ** 0.5 for seed in range(200)]
    assert np.min(slices) > 0.7  # those of 159 real tumours have 0.75 to 1.33, 98% of them
    assert np.max(slices) < 1.4
