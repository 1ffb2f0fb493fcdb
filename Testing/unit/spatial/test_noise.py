"""Noise: as strong and as grainy as around the mask, whatever else is there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.spatial import between_slices, noise

SHAPE, SPACING = (72, 72, 30), np.array([0.8, 0.8, 2.0])
BANDS = ((0.1, 0.2), (0.2, 0.3), (0.3, 0.45), (0.45, 0.62))  # cycles a mm, in plane


def frequency() -> np.ndarray:
    i, j = (np.fft.fftfreq(size, mm) for size, mm in zip(SHAPE[:2], SPACING[:2], strict=True))
    return np.asarray(np.hypot(i[:, None], j))


def ct_noise(sd: float, seed: int) -> np.ndarray:
    """Noise as filtered back-projection leaves it: more of it at high frequencies, and independent slices."""
    ramp = np.sqrt(frequency() * np.exp(-((frequency() / 0.35) ** 2)))
    white = np.random.default_rng(seed).standard_normal(SHAPE)
    image = np.fft.ifft2(np.fft.fft2(white, axes=(0, 1)) * ramp[..., None], axes=(0, 1)).real
    return np.asarray(image * sd / image.std(), np.float32)


def ball(radius_mm: float) -> np.ndarray:
    grid = np.ogrid[tuple(slice(size) for size in SHAPE)]
    way = [(at - size // 2) * mm for at, size, mm in zip(grid, SHAPE, SPACING, strict=True)]
    return np.asarray(sum(np.square(part) for part in way) < radius_mm**2)


def power(image: np.ndarray) -> list[float]:
    spectrum = np.square(np.abs(np.fft.fft2(image, axes=(0, 1)))).mean(axis=2)
    return [float(spectrum[(frequency() >= low) & (frequency() < high)].mean()) for low, high in BANDS]


@pytest.mark.parametrize("radius_mm", [6, 18])
def test_strength_and_spectrum_are_those_of_the_tissue(radius_mm: float) -> None:
    healthy = 100 + ct_noise(20, seed=1)
    drawn = noise.sample_noise(noise.autocovariance(healthy, ball(radius_mm), SPACING), SHAPE, seed=0)
    assert drawn.std() == pytest.approx(20, rel=0.1)
    assert abs(drawn.mean()) < 1
    np.testing.assert_allclose(power(drawn), power(ct_noise(20, seed=2)), rtol=0.2)
    slices = np.corrcoef(drawn[:, :, 10].ravel(), drawn[:, :, 11].ravel())[0, 1]
    assert abs(slices) < 0.1


def test_vessels_and_a_neighbouring_organ_do_not_count_as_noise() -> None:
    anatomy = np.full(SHAPE, 100, np.float32)
    anatomy[30:34, :, 14:16] = 220
    anatomy[:, 50:54, 10:12] = 180
    anatomy[:24] = -90
    healthy = ndimage.gaussian_filter(anatomy, 0.6 / SPACING) + ct_noise(15, seed=1)
    drawn = noise.sample_noise(noise.autocovariance(healthy, ball(15), SPACING), SHAPE, seed=0)
    assert drawn.std() == pytest.approx(15, rel=0.1)


def test_a_scan_without_noise_gives_none() -> None:
    healthy = np.full(SHAPE, 60, np.float32)
    drawn = noise.sample_noise(noise.autocovariance(healthy, ball(10), SPACING), SHAPE, seed=0)
    assert np.abs(drawn).max() < 0.01


def test_too_little_tissue_gives_white_noise_of_the_right_strength() -> None:
    tiny = (6, 6, 3)
    healthy = np.random.default_rng(0).normal(-850, 30, tiny).astype(np.float32)
    mask = np.zeros(tiny, bool)
    mask[3, 3, 1] = True
    drawn = noise.sample_noise(noise.autocovariance(healthy, mask, SPACING), SHAPE, seed=0)
    assert drawn.std() == pytest.approx(30, rel=0.35)


def test_the_seed_decides() -> None:
    covariance = noise.autocovariance(ct_noise(20, seed=1), ball(10), SPACING)
    first, again, other = (noise.sample_noise(covariance, (9, 8, 7), seed) for seed in (3, 3, 4))
    assert first.shape == (9, 8, 7)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def streaky(shape: tuple[int, ...], sd: float, seed: int) -> np.ndarray:
    """Noise with grain, direction and slices that have to do with each other."""
    image = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (0.9, 0.5, 0.5))
    return np.asarray(image * sd / image.std(), np.float32)


def neighbours(image: np.ndarray) -> list[float]:
    along = [(image, np.moveaxis(image, axis, 0)) for axis in range(3)]
    return [float((turned[1:] * turned[:-1]).mean() / image.var()) for image, turned in along]


@pytest.mark.parametrize("case", ["an organ smaller than the mask", "an organ with a structure of its own", "a crop"])
def test_noise_has_the_scans_grain_and_direction_where_little_around_the_mask_is_even(case: str) -> None:
    shape, spacing = (130, 110, 24), np.array([0.8, 0.8, 2.5])
    i, j, _ = np.indices(shape)
    anatomy = np.full(shape, -100.0)
    anatomy[:40] = 60  # muscle, 40 mm away
    near = np.hypot(i - 90, j - 55) < 14
    anatomy[near] = 90
    if case == "an organ with a structure of its own":
        anatomy[near] += 60 * np.sin(i[near] * 2 * np.pi / 9)
    mask = np.hypot(i - 90, j - 55) < 12
    mask[:, :, :8] = mask[:, :, 16:] = False
    scan = ndimage.gaussian_filter(anatomy, (0.8, 0.8, 0)) + streaky(shape, 14, 1)
    box = np.s_[72:108, 37:73, 6:18] if case == "a crop" else np.s_[:, :, :]
    drawn = noise.sample_noise(noise.autocovariance(scan[box].astype(np.float32), mask[box], spacing), shape, seed=0)
    assert drawn.std() == pytest.approx(14, rel=0.12 if case != "a crop" else 0.25)
    np.testing.assert_allclose(neighbours(drawn), neighbours(streaky(shape, 14, 2)), atol=0.1)


@pytest.mark.parametrize("case", ["bone", "values that are cut off"])
def test_what_is_louder_or_quieter_than_noise_is_no_reference(case: str) -> None:
    """In a crop, the only large even patches may be trabecular bone, or lie at the end of a window."""
    shape, spacing = (80, 70, 8), np.array([0.8, 0.8, 2.5])
    i, j, _ = np.indices(shape)
    scan = 60 + streaky(shape, 14, 1)
    scan[j > 40] = -100 + streaky(shape, 14, 3)[j > 40]
    beside = i > 50
    if case == "bone":
        scan[beside] += 120 + streaky(shape, 45, 2)[beside]
    else:
        scan[beside] = 250
    scan = np.clip(scan, -150, 250)
    mask = np.hypot(i - 30, j - 40) < 10
    drawn = noise.sample_noise(noise.autocovariance(scan.astype(np.float32), mask, spacing, ~mask), shape, seed=0)
    assert drawn.std() == pytest.approx(14, rel=0.15)
    np.testing.assert_allclose(neighbours(drawn), neighbours(streaky(shape, 14, 2)), atol=0.1)


def test_a_crop_that_a_tumour_fills_has_the_noise_under_the_tumour() -> None:
    """Around the tumour there are but strands of tissue and fat, a few mm thick."""
    anatomy = np.full(SHAPE, 90, np.float32)
    anatomy[(np.add.outer(np.arange(72), np.arange(72)) // 4 % 2 == 0)] = -100
    mask = ball(20)
    anatomy[mask] = 60
    scan = ndimage.gaussian_filter(anatomy, 0.6 / SPACING) + ct_noise(15, seed=1)
    box = (slice(8, 64), slice(8, 64), slice(10, 20))
    drawn = noise.sample_noise(noise.autocovariance(scan[box], mask[box], SPACING, ~mask[box]), SHAPE, seed=0)
    assert drawn.std() == pytest.approx(15, rel=0.12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alike", [0.0, 0.4])
def test_slices_are_as_alike_as_the_scans_in_a_crop_of_few(alike: float, seed: int) -> None:
    """What goes on from slice to slice there, strands in fat and a tumour's own patches, is no noise."""
    rng = np.random.default_rng(seed)
    shape, spacing = (50, 44, 5), np.array([0.8, 0.8, 2.5])
    share = (1 - np.sqrt(1 - 4 * alike**2)) / (2 * alike) if alike else 0.0
    slices = ndimage.gaussian_filter(rng.standard_normal((50, 44, 6)), (0.7, 0.6, 0), mode="wrap")
    grain = slices[..., 1:] + share * slices[..., :-1]
    strands = ndimage.gaussian_filter(rng.standard_normal(shape[:2]), 2.5)
    mask = np.hypot(*(np.indices(shape)[:2] - np.array([25, 22])[:, None, None, None])) < 13
    patches = ndimage.gaussian_filter(rng.standard_normal(shape[:2]), 4)[..., None]
    anatomy = np.where(mask, 60 + 8 * patches / patches.std(), np.where(strands > 0, 90.0, -90.0)[..., None])
    scan = np.asarray(ndimage.gaussian_filter(anatomy, (0.8, 0.8, 0)) + grain * 14 / grain.std(), np.float32)
    drawn = noise.sample_noise(noise.autocovariance(scan, mask, spacing, ~mask), (60, 60, 40), seed)
    assert neighbours(drawn)[2] == pytest.approx(alike, abs=0.1)


def test_neighbouring_slices_can_be_made_more_alike_and_no_more_than_noise_ever_is() -> None:
    covariance = np.zeros((3, 3, 9), np.float32)
    covariance[1, 1, 3:6] = 20, 100, 20

    def alike(more: float) -> float:
        made = noise.sample_noise(between_slices.more_alike(covariance, more, 2), (48, 48, 24), 0)
        assert made.std() == pytest.approx(10, rel=0.03)
        return float(np.corrcoef(made[..., 1:].ravel(), made[..., :-1].ravel())[0, 1])

    assert alike(0.0) == pytest.approx(0.2, abs=0.02)
    assert alike(0.1) == pytest.approx(0.3, abs=0.02)
    assert alike(2.0) == pytest.approx(0.5, abs=0.05)
    assert covariance[1, 1, 3] == 20
