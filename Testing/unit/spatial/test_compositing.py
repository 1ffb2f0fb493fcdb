"""Taking what is in a mask out of a scan, and putting a lesion in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.compositing import background, deblurred, no_darker_than_fluid, noise_around, paste
from TextoMorphLib.spatial.region import Region, regions

LPS = np.diag([-0.9, -0.9, 2.5, 1.0])
TURN = np.array([[0.94, -0.34, 0.0], [0.34, 0.94, 0.0], [0.0, 0.0, -1.0]])


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = TURN[:, [1, 2, 0]] * (0.8, 1.1, 3.0)
    affine[:3, 3] = (-37.3, 12.9, 250.1)
    return affine


GRIDS = {
    "1 mm": (np.eye(4), (70, 70, 70)),
    "flipped": (LPS, (76, 76, 28)),
    "thick": (np.diag([-0.86, -0.86, 5.0, 1.0]), (80, 80, 14)),
    "fine": (np.diag([0.5, 0.5, 0.6, 1.0]), (84, 84, 70)),
    "coarse": (np.diag([3.0, 3.0, 3.0, 1.0]), (24, 24, 24)),
    "oblique": (oblique(), (87, 64, 24)),
}


def sphere(volume: Volume, radius_mm: float, at: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> np.ndarray:
    way = np.moveaxis(np.indices(volume.shape), 0, -1) - np.array(volume.shape) * at
    return np.asarray(np.linalg.norm(way @ volume.affine[:3, :3].T, axis=-1) < radius_mm)


def ramp(region: Region, hu: float) -> np.ndarray:
    """A lesion whose border blurs over 3 mm."""
    return np.asarray(np.float32(hu) * np.clip(region.depth / 3 + 0.5, 0, 1))


def put(scan: Volume, region: Region, delta: np.ndarray) -> Volume:
    return paste(scan, region, background(region), delta, 0, noise_around(scan, region))


def noisy(shape: tuple[int, ...], affine: np.ndarray, sd: float = 15) -> Volume:
    hu = 100 + np.random.default_rng(0).normal(0, sd, shape)
    return Volume.from_array(np.rint(hu).astype(np.int16), affine)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_lesion_lands_where_its_mask_is(grid: str) -> None:
    affine, shape = GRIDS[grid]
    scan = Volume.from_array(np.full(shape, 100, np.int16), affine)
    mask = sphere(scan, 11)
    (region,) = regions(scan, mask)
    change = scan.hu() - put(scan, region, ramp(region, -50)).hu()
    index = np.indices(shape).reshape(3, -1)
    centroid = (index * change.ravel()).sum(axis=1) / change.sum()
    assert np.abs(centroid - index[:, mask.ravel()].mean(axis=1)).max() < 0.5
    assert change.sum() == pytest.approx(50 * np.count_nonzero(mask), rel=0.2)
    assert np.median(change[mask]) == pytest.approx(50, abs=12)


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept"),
    [(np.int16, 1.0, 0.0), (np.uint16, 1.0, -1024.0), (np.uint16, 0.5, -1000.0), (np.float32, 1.0, 0.0)],
)
def test_only_voxels_within_4_mm_change(dtype: type, slope: float, intercept: float) -> None:
    hu = np.random.default_rng(0).normal(60, 20, (60, 60, 24))
    scan = Volume(((hu - intercept) / slope).astype(dtype), LPS, slope, intercept)
    mask = sphere(scan, 9)
    (region,) = regions(scan, mask)
    # A change that does not fade by itself.
    result = put(scan, region, np.full(region.ct.shape, 80, np.float32))
    assert result.data.dtype == dtype
    changed = result.data != scan.data
    far = ndimage.distance_transform_edt(~mask, sampling=scan.spacing) > 4
    assert not changed[far].any()
    assert changed[mask].mean() > 0.95
    assert result.hu()[mask].mean() == pytest.approx(60 + 80, abs=5)


def test_a_sharp_border_leaves_the_tissue_outside_as_it_was() -> None:
    scan = noisy((60, 60, 24), LPS)
    mask = sphere(scan, 9)
    (region,) = regions(scan, mask)
    delta = np.full(region.ct.shape, 80, np.float32)
    result = paste(scan, region, background(region), delta, 0, noise_around(scan, region), sharp=1.0)
    away = ndimage.distance_transform_edt(~mask, sampling=scan.spacing)
    changed = result.data != scan.data
    assert changed[(away > 0) & (away < 1)].mean() > 0.9
    assert not changed[away > 1.3].any()


def test_no_change_asked_in_a_uniform_scan_changes_nothing() -> None:
    scan = Volume.from_array(np.full((60, 60, 24), 60, np.float32), LPS)
    (region,) = regions(scan, sphere(scan, 9))
    result = put(scan, region, np.zeros_like(region.ct))
    np.testing.assert_allclose(result.hu(), 60, atol=0.5)


def test_noise_goes_on_through_the_lesion_and_its_seam() -> None:
    scan = noisy((80, 80, 54), np.diag([0.8, 0.8, 1.2, 1.0]))
    mask = sphere(scan, 16)
    (region,) = regions(scan, mask)
    change = put(scan, region, np.zeros_like(region.ct)).hu()
    away = ndimage.distance_transform_edt(~mask, sampling=scan.spacing)
    for part in (mask, (away > 0) & (away < 2), (away > 2) & (away < 4)):
        assert change[part].std() == pytest.approx(15, rel=0.1)
        assert change[part].mean() == pytest.approx(100, abs=1)


def test_the_background_has_no_vessels_and_no_noise_and_follows_the_organ() -> None:
    shape = (80, 80, 32)
    slope = np.linspace(90, 110, shape[0])[:, None, None]
    hu = slope + np.random.default_rng(0).normal(0, 12, shape)
    hu[:, 38:42, 15:17] += 90
    scan = Volume.from_array(hu.astype(np.float32), LPS)
    mask = sphere(scan, 14)
    (region,) = regions(scan, mask)
    filled = background(region)
    inside = region.depth > 0.5
    along = np.arange(region.ct.shape[0]) + region.affine[0, 3]
    true = np.interp(-along / 0.9, np.arange(shape[0]), slope.ravel())[:, None, None]
    assert np.abs(filled - true)[inside].max() < 6
    assert np.abs(filled - true)[inside].mean() < 2
    np.testing.assert_array_equal(filled[region.depth < -0.5], region.ct[region.depth < -0.5])


def test_the_background_is_parenchyma_where_the_mask_leaves_the_organ() -> None:
    hu = np.full((70, 70, 28), 100, np.float32)
    hu[40:] = -100
    scan = Volume.from_array(hu, LPS)
    mask = sphere(scan, 12)
    (region,) = regions(scan, mask)
    np.testing.assert_allclose(background(region)[region.depth > 0.5], 100, atol=5)


@pytest.mark.parametrize("at", [(0.0, 0.5, 0.5), (0.5, 1.0, 0.0)])
def test_a_lesion_may_be_cut_by_the_scans_edge(at: tuple[float, float, float]) -> None:
    scan = noisy((60, 60, 24), LPS, sd=10)
    mask = sphere(scan, 10, at)
    (region,) = regions(scan, mask)
    result = put(scan, region, ramp(region, -60))
    assert result.hu()[mask].mean() == pytest.approx(100 - 60, abs=15)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_lesion_of_one_voxel_is_put_in(grid: str) -> None:
    affine, shape = GRIDS[grid]
    scan = Volume.from_array(np.full(shape, 100, np.int16), affine)
    mask = np.zeros(shape, bool)
    mask[tuple(size // 2 for size in shape)] = True
    (region,) = regions(scan, mask)
    delta = np.full(region.ct.shape, -60, np.float32) * (region.depth > 0)
    change = scan.hu() - put(scan, region, delta).hu()
    assert change[mask] > 2


def test_two_lesions_one_after_the_other() -> None:
    scan = noisy((110, 60, 24), LPS)
    first, second = sphere(scan, 8, (0.25, 0.5, 0.5)), sphere(scan, 8, (0.75, 0.5, 0.5))
    result = scan
    for hu, region in zip((-60, 70), regions(scan, first | second), strict=True):
        result = put(result, region, ramp(region, hu))
    assert result.hu()[first].mean() == pytest.approx(40, abs=15)
    assert result.hu()[second].mean() == pytest.approx(170, abs=15)


def test_blurred_edges_come_back_without_a_halo_and_soft_ones_stay() -> None:
    at = np.indices((64, 64, 64)) - 31.5
    depth = (16 - np.sqrt(np.square(at).sum(0))).astype(np.float32)
    meant = -60 * (depth > 0).astype(np.float32)
    decoded = ndimage.gaussian_filter(meant, 1.0)
    sharp = deblurred(decoded, depth)
    assert np.abs(sharp - meant).mean() < 0.5 * np.abs(decoded - meant).mean()
    assert decoded.min() <= sharp.min()
    assert sharp.max() <= decoded.max()
    soft = ndimage.gaussian_filter(meant, 3.0)
    assert np.abs(deblurred(soft, depth) - soft).max() < 0.2 * 60


def test_the_darkest_of_a_lesion_is_fluid() -> None:
    at = np.indices((48, 48, 48)) - 23.5
    depth = (14 - np.sqrt(np.square(at).sum(0))).astype(np.float32)
    filled = np.where(depth > 0, 60, -100).astype(np.float32)  # fat around it stays as dark as it is
    delta = np.where(depth > 0, np.where(at[0] > 0, -120, -40), -30).astype(np.float32)
    made = filled + no_darker_than_fluid(delta, filled, depth)
    deep = depth > 1.5
    assert made[deep].min() == pytest.approx(-5, abs=0.1)
    assert np.allclose(made[deep & (at[0] < 0)], 20, atol=0.1)
    assert np.array_equal(made[depth <= 0], (filled + delta)[depth <= 0])
