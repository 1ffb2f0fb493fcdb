"""A lesion with a texture of its own has no seam: what is fine goes on across its border."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.compositing import background, noise_around
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.spatial.texturing import Texture, paste_textured

SHAPE, AFFINE = (72, 72, 16), np.diag([-0.8, -0.8, 2.5, 1.0])
SD_HU = 15.0


def scan() -> Volume:
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), (0.6, 0.6, 0))
    return Volume.from_array((100 + SD_HU * grain / grain.std()).astype(np.float32), AFFINE)


def ball() -> np.ndarray:
    way = (np.moveaxis(np.indices(SHAPE), 0, -1) - np.array(SHAPE) / 2) * (0.8, 0.8, 2.5)
    return np.asarray(np.linalg.norm(way, axis=-1) < 14)


def made(seed: int = 1) -> Volume:
    """A lesion that is as its surroundings are: all there is to see is noise."""
    volume = scan()
    (region,) = regions(volume, ball())
    texture = Texture(np.zeros(region.mask.shape, np.float32), None, whole=True)
    filled = background(region)
    where = (volume, region, filled, 100 - filled, seed, noise_around(volume, region), texture)
    return paste_textured(*where)


def across(hu: np.ndarray, axis: int, one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of neighbours of which one lies here and the other there."""
    hu, one, other = (np.moveaxis(each, axis, 0) for each in (hu, one, other))
    pairs = [(hu[:-1][a[:-1] & b[1:]], hu[1:][a[:-1] & b[1:]]) for a, b in ((one, other), (other, one))]
    x, y = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return float(np.corrcoef(x, y)[0, 1])


def test_noise_goes_on_across_the_border_as_it_does_in_the_scan() -> None:
    before, mask = scan().hu(), ball()
    after = np.mean([[across(made(seed).hu(), axis, mask, ~mask) for axis in (0, 1)] for seed in (1, 2)])
    usual = np.mean([across(before, axis, mask, ~mask) for axis in (0, 1)])
    assert usual > 0.4
    assert after == pytest.approx(usual, abs=0.12)


def test_noise_is_as_loud_at_the_border_as_deep_inside() -> None:
    mask, spacing = ball(), (0.8, 0.8, 2.5)
    depth, away = (ndimage.distance_transform_edt(each, sampling=spacing) for each in (mask, ~mask))
    hu = made().hu()
    for where in ((depth > 4), mask & (depth < 1.2), (away > 0) & (away < 1.2)):
        assert hu[where].std() == pytest.approx(SD_HU, rel=0.12)


def test_the_same_seed_gives_the_same_bits_and_another_another_inside() -> None:
    first, again, other = (made(seed).hu() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    deep = ndimage.distance_transform_edt(ball(), sampling=(0.8, 0.8, 2.5)) > 5
    assert abs(np.corrcoef(first[deep], other[deep])[0, 1]) < 0.1
