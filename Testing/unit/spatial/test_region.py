"""Regions: where they lie, how large they are, and what the depth in them means."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import signed_depth
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.spatial.scan_edges import going_on


def oblique(spacing: tuple[float, float, float]) -> np.ndarray:
    """Axes turned, one of them flipped, off the origin."""
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3] = turn[:, [2, 0, 1]] * spacing
    affine[:3, 3] = (-37.3, 12.9, 250.1)
    return affine


GRIDS = {
    "1 mm": (np.eye(4), (70, 70, 70)),
    "flipped": (np.diag([-0.9, -0.9, 2.5, 1.0]), (76, 76, 28)),
    "thick": (np.diag([-0.86, -0.86, 5.0, 1.0]), (80, 80, 14)),
    "fine": (np.diag([0.5, 0.5, 0.6, 1.0]), (88, 88, 74)),
    "oblique": (oblique((0.8, 1.1, 3.0)), (87, 64, 24)),
}


def positions(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """RAS mm of each voxel."""
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3])


def sphere(shape: tuple[int, ...], affine: np.ndarray, centre: np.ndarray, radius_mm: float) -> np.ndarray:
    return np.asarray(np.linalg.norm(positions(shape, affine) - centre, axis=-1) < radius_mm)


def middle(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    return np.asarray(affine[:3, :3] @ (np.array(shape) / 2 + 0.2) + affine[:3, 3])


@pytest.mark.parametrize("grid", GRIDS)
def test_the_region_shows_the_scan_and_the_lesion_where_they_are(grid: str) -> None:
    affine, shape = GRIDS[grid]
    centre = middle(shape, affine)
    # HU that grow by a different step along R, A and S say where a voxel is.
    steps = np.array([1.0, 2.0, -3.0])
    scan = Volume.from_array(((positions(shape, affine) - centre) @ steps).astype(np.float32), affine)

    (region,) = regions(scan, sphere(shape, affine, centre, 10), stride=8, context_mm=6)

    assert all(size % 8 == 0 for size in region.ct.shape)
    assert region.ct.shape == region.depth.shape
    assert region.ct.dtype == region.depth.dtype == np.float32
    np.testing.assert_allclose(region.affine[:3, :3], np.eye(3))
    position = positions(region.ct.shape, region.affine) - centre
    inside = region.depth > 0
    np.testing.assert_allclose(region.ct[inside], (position @ steps)[inside], atol=1.0)
    true = 10 - np.linalg.norm(position, axis=-1)
    thickness = scan.spacing.max()
    assert np.abs(position[inside].mean(axis=0)).max() < thickness / 2
    assert np.abs(region.depth - true)[np.abs(true) < 3].mean() < 0.3 + thickness / 12
    # The context is there on every side.
    assert all(np.abs(end).min() >= 10 + 6 - 1 - thickness / 2 for end in (position[0, 0, 0], position[-1, -1, -1]))


def test_a_scan_on_the_regions_own_grid_is_not_blurred() -> None:
    hu = np.random.default_rng(0).normal(size=(60, 60, 60)).astype(np.float32)
    mask = np.zeros(hu.shape, bool)
    mask[25:32, 27:31, 24:33] = True
    (region,) = regions(Volume.from_array(hu, np.eye(4)), mask)
    start = region.affine[:3, 3].astype(int)
    part = tuple(slice(a, a + n) for a, n in zip(start, region.ct.shape, strict=True))
    np.testing.assert_array_equal(region.ct, hu[part])


def test_the_border_runs_along_voxel_faces() -> None:
    mask = np.zeros((12, 9, 5), bool)
    mask[3:7, 2:7, 1:4] = True
    depth = signed_depth(mask, np.array([1.0, 2.0, 5.0]))
    np.testing.assert_allclose(depth[2:8, 4, 2], [-0.5, 0.5, 1.5, 1.5, 0.5, -0.5])
    np.testing.assert_allclose(depth[4, 4, [0, 4]], -2.5)
    assert ((depth > 0) == mask).all()


def test_near_components_share_a_region_and_far_ones_do_not() -> None:
    scan = Volume.from_array(np.zeros((120, 40, 40), np.int16), np.eye(4))
    mask = np.zeros(scan.shape, bool)
    mask[10:14, 18:22, 18:22] = mask[19:23, 18:22, 18:22] = True  # 6 mm apart
    mask[100:104, 18:22, 18:22] = True
    pair, single = regions(scan, mask)
    assert np.count_nonzero(pair.depth > 0) == 128
    assert np.count_nonzero(single.depth > 0) == 64
    whole = np.zeros_like(mask)
    for region in (pair, single):
        whole[region.box] |= region.mask
    np.testing.assert_array_equal(whole, mask)
    assert regions(scan, np.zeros_like(mask)) == []


@pytest.mark.parametrize("grid", GRIDS)
def test_a_lesion_of_one_voxel_is_deep_somewhere(grid: str) -> None:
    affine, shape = GRIDS[grid]
    mask = np.zeros(shape, bool)
    voxel = tuple(size // 3 for size in shape)
    mask[voxel] = True
    (region,) = regions(Volume.from_array(np.zeros(shape, np.int16), affine), mask)
    deepest = np.array(np.unravel_index(region.depth.argmax(), region.depth.shape))
    way = np.linalg.solve(affine[:3, :3], deepest + region.affine[:3, 3] - affine[:3, 3]) - voxel
    assert region.depth.max() > 0.49
    assert np.abs(way * np.linalg.norm(affine[:3, :3], axis=0)).max() < 1 + np.abs(affine[:3, :3]).max() / 2


def test_a_lesion_at_the_scans_corner_gets_a_whole_region_of_repeated_edge() -> None:
    scan = Volume.from_array(np.full((30, 30, 6), 55, np.int16), np.diag([1.0, 1.0, 5.0, 1.0]))
    mask = np.zeros(scan.shape, bool)
    mask[:8, :8, :2] = True
    (region,) = regions(scan, mask)
    assert (region.ct == 55).all()
    inside = np.argwhere(region.depth > 0) + region.affine[:3, 3]
    np.testing.assert_array_equal(inside.min(axis=0), [0, 0, -2])
    np.testing.assert_array_equal(inside.max(axis=0), [7, 7, 7])
    assert region.depth.min() < -10


@pytest.mark.parametrize("grid", GRIDS)
def test_a_lesion_that_the_scans_edge_cuts_goes_on_beyond_it(grid: str) -> None:
    affine, shape = GRIDS[grid]
    centre = affine[:3, :3] @ (np.array([0.5, 0.5, 0]) * shape) + affine[:3, 3]
    scan = Volume.from_array(np.zeros(shape, np.int16), affine)
    mask = sphere(shape, affine, centre, 12.0)
    (closed,) = regions(scan, mask)
    region = going_on(scan, closed)
    assert region.unseen is not None
    places = positions(region.ct.shape, region.affine)
    ball = 12 - np.linalg.norm(places - centre, axis=-1)
    half_voxel = np.abs(affine[:3, :3]).max() / 2
    inside = ball > -2
    at_edge = ~region.unseen & inside & (ball - closed.depth > 2 * half_voxel)
    assert np.count_nonzero(at_edge) > 100
    np.testing.assert_allclose(region.depth[at_edge], ball[at_edge], atol=1.5 * half_voxel + 1)
    unseen = np.linalg.solve(affine[:3, :3], (places - affine[:3, 3])[inside].T)[2] < -0.5
    assert np.mean(region.unseen[inside] == unseen) > 0.97


def test_a_lesion_within_the_scan_stays_as_it_is() -> None:
    scan = Volume.from_array(np.zeros((40, 40, 40), np.int16), np.eye(4))
    mask = sphere(scan.shape, scan.affine, np.full(3, 20.0), 19.0)
    (region,) = regions(scan, mask)
    assert going_on(scan, region) is region


@pytest.mark.parametrize("voxel", [(50, 50, 39), (0, 0, 0), (99, 50, 20)])
@pytest.mark.parametrize("mm", [0.4, 0.7])
def test_a_single_voxel_at_the_scans_edge_is_a_lesion(voxel: tuple[int, int, int], mm: float) -> None:
    scan = Volume.from_array(np.full((100, 100, 40), 100, np.int16), np.diag([mm, mm, mm, 1.0]))
    mask = np.zeros(scan.shape, bool)
    mask[voxel] = True
    (region,) = (going_on(scan, each) for each in regions(scan, mask))
    assert region.unseen is not None
    assert (region.depth[~region.unseen] > 0).any()
