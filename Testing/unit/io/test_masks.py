"""Masks: taken on the scan's grid, brought onto it on request, refused where they can be no lesion."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import check_mask, read_mask
from TextoMorphLib.io.volume import Volume

ANGLE = np.deg2rad(20)
AFFINE = np.array(
    [
        [-0.8 * np.cos(ANGLE), 0, 3 * np.sin(ANGLE), 90],
        [0, 0.8, 0, -60],
        [0.8 * np.sin(ANGLE), 0, 3 * np.cos(ANGLE), 400],
        [0, 0, 0, 1],
    ]
)
CT = Volume.from_array(np.zeros((40, 36, 20), np.int16), AFFINE)


def ball(affine: np.ndarray, shape: tuple[int, ...], centre_mm: np.ndarray, radius_mm: float = 8.0) -> np.ndarray:
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.linalg.norm(nib.affines.apply_affine(affine, voxels) - centre_mm, axis=-1) < radius_mm


CENTRE = nib.affines.apply_affine(AFFINE, (20, 17, 9))
BALL = ball(AFFINE, CT.shape, CENTRE)


def write(path: Path, mask: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    Volume.from_array(mask, affine).write(path)
    return path


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd"])
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_every_label_above_zero_is_lesion(tmp_path: Path, name: str, dtype: type) -> None:
    labels = BALL.astype(dtype)
    if dtype is not bool:
        labels[20:] *= 3
        labels[0, 0, 0] = -1
    np.testing.assert_array_equal(read_mask(write(tmp_path / name, labels), CT), BALL)


def test_other_axis_order_is_the_same_grid(tmp_path: Path) -> None:
    turned = nib.Nifti1Image(BALL.astype(np.uint8), AFFINE).as_reoriented([[1, -1], [2, 1], [0, -1]])
    turned.to_filename(tmp_path / "mask.nii.gz")
    assert turned.shape != CT.shape
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", CT), BALL)


def test_another_grid_is_named_and_resampled_on_request(tmp_path: Path) -> None:
    """A fine, shifted, unrotated grid around the lesion alone."""
    affine = np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] = CENTRE - 10.1
    path = write(tmp_path / "mask.nii.gz", ball(affine, (41, 41, 41), CENTRE), affine)

    with pytest.raises(InputError, match="--resample-mask") as refused:
        read_mask(path, CT)
    for part in ("41 x 41 x 41", "0.5 x 0.5 x 0.5", "40 x 36 x 20", "0.8 x 0.8 x 3", "origin 90, -60, 400"):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)

    resampled = read_mask(path, CT, resample=True)
    # Only voxels within half a fine voxel of the surface may fall the other way.
    assert not (resampled & ~ball(AFFINE, CT.shape, CENTRE, 8.5)).any()
    assert not (ball(AFFINE, CT.shape, CENTRE, 7.5) & ~resampled).any()


def test_coarse_mask_reaches_the_scans_edge(tmp_path: Path) -> None:
    """Voxels, not their centres alone, are lesion: a mask of the whole scan leaves no border out."""
    ct = Volume.from_array(np.zeros((12, 12, 12), np.int16), np.eye(4))
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = 1.0
    path = write(tmp_path / "mask.nii.gz", np.ones((4, 4, 4), np.uint8), affine)
    assert read_mask(path, ct, resample=True).all()


def test_a_mask_of_one_slice_is_a_mask(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nii.gz", BALL[:, :, 9:10], AFFINE @ _shift(0, 0, 9))
    resampled = read_mask(path, CT, resample=True)
    np.testing.assert_array_equal(resampled[:, :, 9], BALL[:, :, 9])
    assert not np.delete(resampled, 9, axis=2).any()


def test_shifted_by_less_than_a_header_can_hold_is_the_same_grid(tmp_path: Path) -> None:
    write(tmp_path / "same.nii.gz", BALL, AFFINE @ _shift(1e-3, 0, 0))
    write(tmp_path / "other.nii.gz", BALL, AFFINE @ _shift(0.1, 0, 0))
    np.testing.assert_array_equal(read_mask(tmp_path / "same.nii.gz", CT), BALL)
    with pytest.raises(InputError, match="another grid"):
        read_mask(tmp_path / "other.nii.gz", CT)


def test_wholly_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nii.gz", BALL, AFFINE @ _shift(0, 0, 200))
    with pytest.raises(InputError, match="outside the scan"):
        read_mask(path, CT, resample=True)


def test_masks_that_can_be_no_lesion() -> None:
    check_mask(BALL, CT)
    with pytest.raises(InputError, match="empty"):
        check_mask(np.zeros(CT.shape, bool), CT)
    with pytest.raises(InputError, match="covers 100% of the scan"):
        check_mask(np.ones(CT.shape, bool), CT)
    with pytest.raises(InputError, match="draw it on this scan"):
        check_mask(BALL[1:], CT)


def test_an_empty_mask_on_another_grid_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nii.gz", np.zeros((5, 5, 5), np.uint8))
    with pytest.raises(InputError, match="empty"):
        check_mask(read_mask(path, CT, resample=True), CT)


def _shift(*voxels: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = voxels
    return matrix
