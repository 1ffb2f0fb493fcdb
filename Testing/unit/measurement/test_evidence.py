"""What a scan tells of a lesion: as much as its slices, and the window that it was stored through, leave to be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.commands.measure import measured
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.description import describe
from TextoMorphLib.measurement.evidence import Evidence
from TextoMorphLib.spatial.region import regions


@pytest.mark.parametrize("axis", [1, 2])
def test_a_border_is_as_sharp_as_thick_slices_show_it(axis: int) -> None:
    spacing, shape = (np.where(np.arange(3) == axis, *pair) for pair in ((5.0, 0.8), (16, 90)))
    fine = np.where(np.arange(3) == axis, 5, 1)
    away = [((np.arange(n * k) + 0.5) / k - n / 2) * mm for n, k, mm in zip(shape, fine, spacing, strict=True)]
    depth = 17 - np.sqrt(sum(np.square(each) for each in np.meshgrid(*away, indexing="ij")))
    sharp = np.add.reduceat(ndtr(depth * 2.563 / 1.4), np.arange(0, depth.shape[axis], 5), axis) / 5
    noise = 8 * np.random.default_rng(0).standard_normal(shape)
    volume = Volume.from_array((110 + noise - 70 * sharp).astype(np.float32), np.diag([*spacing, 1.0]))
    (found,) = describe(volume, sharp > 0.5)
    assert ("margin", "well") in {(each.kind, each.value) for each in (*found.said, *found.unsure)}


@pytest.mark.parametrize(("high", "known"), [(600.0, True), (180.0, False)])
def test_calcium_that_a_window_cut_off_is_not_said_to_be_missing(tmp_path: Path, high: float, known: bool) -> None:
    rng = np.random.default_rng(0)
    mask = np.linalg.norm(np.indices((40,) * 3) - 19.5, axis=0) < 10
    noise = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 0.6) / 0.33
    scan = np.where(mask, 60.0, 100.0) + 8 * noise
    scan[:4], scan[-4:] = -90.0, 700.0  # fat and bone, which the window cut off
    volume = Volume.from_array(np.minimum(scan, high).astype(np.float32), np.eye(4))
    (found,) = describe(volume, mask)
    assert bool(np.isfinite(found.attributes.bright_fraction)) == known
    assert found.unsaid["calcification"] == ("none is seen" if known else "could not be measured")
    volume.write(tmp_path / "ct.nii.gz")
    Volume.from_array(mask.astype(np.uint8), np.eye(4)).write(tmp_path / "mask.nii.gz")
    (row,) = measured(*[tmp_path / "ct.nii.gz"] * 2, tmp_path / "mask.nii.gz", assume_hu=True)
    assert bool(np.isfinite(row["bright_fraction"])) == known


def _beside_fat(wider_mm: float) -> tuple[Volume, np.ndarray, np.ndarray]:
    """A cyst in a thin organ with fat around, what is outlined of it, and the organ."""
    rng = np.random.default_rng(0)
    at = np.indices((56,) * 3) - 27.5
    away = np.linalg.norm(at, axis=0)
    organ = (away < 14) | (np.hypot(at[1] - 12, at[2]) < 9)
    scan = ndimage.gaussian_filter(np.where(away < 11, 15.0, np.where(organ, 90.0, -90.0)), 0.6)
    scan += 8 * ndimage.gaussian_filter(rng.standard_normal(scan.shape), 0.6) / 0.33
    outlined = away < 11 + wider_mm
    return Volume.from_array(scan.astype(np.float32), np.eye(4)), outlined, organ & ~outlined


def test_tissue_between_a_cyst_and_fat_under_a_wide_contour_is_no_wall() -> None:
    said = []
    for wider_mm in (0.0, 3.0):
        volume, outlined, organ = _beside_fat(wider_mm)
        (found,) = describe(volume, outlined, "pancreas", healthy=organ)
        said.append({kind: value for kind, value in found.description.items() if kind != "margin"})
    assert said[0] == said[1]
    assert {"content": "cystic", "texture": "homogeneous"}.items() <= said[0].items()
    assert "wall" not in said[0]


def test_where_a_border_is_seen_it_is_hardly_looked_for_elsewhere() -> None:
    volume, outlined, organ = _beside_fat(0.0)
    (region,) = regions(volume, outlined, context_mm=16, exclude=outlined)
    seen, drawn = (Evidence.of(region, volume, organ, as_drawn=each).borders[0].weight for each in (False, True))
    assert drawn == pytest.approx(0.3, abs=0.02)
    assert seen > 0.5
