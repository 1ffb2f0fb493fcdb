"""Masks: taken on the scan's grid, brought onto it on request, refused where they can be no lesion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from TextoMorphLib.errors import Doubt, InputError
from TextoMorphLib.io.masks import check_mask, read_labels, read_mask
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
@pytest.mark.parametrize("one", [True, np.int32(1), np.uint8(255), np.float32(1), np.int16(-1)])
def test_one_value_is_the_lesion_whatever_it_is(tmp_path: Path, name: str, one: np.generic) -> None:
    np.testing.assert_array_equal(read_mask(write(tmp_path / name, BALL * one), CT), BALL)


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_of_several_labels_one_is_chosen(tmp_path: Path, name: str, dtype: type) -> None:
    organ = ball(AFFINE, CT.shape, CENTRE, 12)
    labels = organ.astype(dtype)
    labels[BALL] = 2
    path = write(tmp_path / name, labels)
    with pytest.raises(InputError, match=r"holds 2 labels: 1, 2; choose the lesion's with --label N"):
        read_mask(path, CT)
    np.testing.assert_array_equal(read_mask(path, CT, label=2), BALL)
    np.testing.assert_array_equal(read_mask(path, CT, label="1"), organ & ~BALL)
    with pytest.raises(InputError, match="no label 3; it has 1, 2"):
        read_mask(path, CT, label=3)
    for wrong in ("tumour", "--1"):
        with pytest.raises(InputError, match=f"no label {wrong}"):
            read_mask(path, CT, label=wrong)


def test_probabilities_are_cut_at_a_half_and_told(tmp_path: Path) -> None:
    soft = np.clip(1 - np.linalg.norm(np.indices(CT.shape).T - (20, 17, 9), axis=-1).T / 10, 0, 1).astype(np.float32)
    with pytest.warns(Doubt, match=r"probabilities from 0 to 1; what is 0\.5 or more"):
        mask = read_mask(write(tmp_path / "mask.nii.gz", soft), CT)
    np.testing.assert_array_equal(mask, soft >= 0.5)

    bytes_with_slope = Volume(np.rint(soft * 255).astype(np.uint8), AFFINE, slope=1 / 255)
    bytes_with_slope.write(tmp_path / "scaled.nii.gz")
    with pytest.warns(Doubt, match="probabilities"):
        np.testing.assert_array_equal(read_mask(tmp_path / "scaled.nii.gz", CT), np.rint(soft * 255) / 255 >= 0.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda soft: np.rint(soft * 255).astype(np.uint8), "grey levels of a probability map"),
        (lambda soft: np.rint(soft * 100).astype(np.int16), "grey levels of a probability map"),
        (lambda soft: (soft * 40 - 20).astype(np.float32), "neither labels nor probabilities"),
        (lambda soft: np.rint(soft * 1500 - 1000).astype(np.int16), "as an image does"),
        (lambda soft: (soft * 0.4).astype(np.float32), "none of 0.5 or more"),
        (lambda soft: np.where(soft > 0.5, np.nan, 0).astype(np.float32), "NaN"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, values: Callable[[np.ndarray], np.ndarray], words: str) -> None:
    soft = np.clip(1 - np.linalg.norm(np.indices(CT.shape).T - (20, 17, 9), axis=-1).T / 10, 0, 1)
    with pytest.raises(InputError, match=words) as refused:
        read_mask(write(tmp_path / "mask.nii.gz", values(soft)), CT)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_slicer_segmentation_has_names_and_may_be_a_part_of_the_scan(tmp_path: Path) -> None:
    organ = ball(AFFINE, CT.shape, CENTRE, 12)
    labels = organ.astype(np.uint8)
    labels[BALL] = 2
    part = labels[3:, 2:-1, 1:]
    names = {"Segment0_Name": "Liver", "Segment0_LabelValue": "1", "Segment1_Name": "Met", "Segment1_LabelValue": "2"}
    Volume(part, AFFINE @ _shift(3, 2, 1), metadata=names).write(tmp_path / "mask.seg.nrrd")
    with pytest.raises(InputError, match=r"1 \(Liver\), 2 \(Met\)"):
        read_mask(tmp_path / "mask.seg.nrrd", CT)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.seg.nrrd", CT, label="met"), BALL)


def _overlapping(path: Path, values: tuple[str, str]) -> np.ndarray:
    """A segmentation as 3D Slicer keeps an organ and a tumour in it: a layer each."""
    organ = ball(AFFINE, CT.shape, CENTRE, 12)
    layers = np.stack([organ * int(values[0]), BALL * int(values[1])], -1).astype(np.uint8)
    image = SimpleITK.GetImageFromArray(layers.transpose(2, 1, 0, 3), isVector=True)
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ AFFINE
    image.SetSpacing(CT.spacing.tolist())
    image.SetDirection((to_lps[:3, :3] / CT.spacing).ravel().tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    for number, (name, value) in enumerate(zip(("Liver", "Met"), values, strict=True)):
        for key, said in {"Name": name, "LabelValue": value, "Layer": str(number)}.items():
            image.SetMetaData(f"Segment{number}_{key}", said)
    SimpleITK.WriteImage(image, str(path))
    path.write_bytes(path.read_bytes().replace(b"kinds: vector", b"kinds: list", 1))
    return organ


@pytest.mark.parametrize("values", [("1", "1"), ("1", "2")])
def test_segments_that_overlap_lie_in_layers(tmp_path: Path, values: tuple[str, str]) -> None:
    organ = _overlapping(tmp_path / "mask.seg.nrrd", values)
    with pytest.raises(InputError, match=r"holds 2 segments: 1 \(Liver\), 2 \(Met\); choose one"):
        read_mask(tmp_path / "mask.seg.nrrd", CT)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.seg.nrrd", CT, label="met"), BALL)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.seg.nrrd", CT, label=1), organ)
    with pytest.raises(InputError, match="overlap in"):
        read_labels(tmp_path / "mask.seg.nrrd", CT)


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


def test_a_mask_of_the_scans_voxels_that_lies_elsewhere_is_told(tmp_path: Path) -> None:
    """As where the mask was drawn on a copy without the tilt of the gantry."""
    tilted = AFFINE.copy()
    tilted[:3, 2] += 1.1 * AFFINE[:3, 1] / 0.8
    path = write(tmp_path / "mask.nii.gz", BALL)
    with pytest.warns(Doubt, match="number of voxels and lies up to 26.1 of them elsewhere"):
        read_mask(path, Volume.from_array(CT.data, tilted), resample=True)


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
    write(tmp_path / "near.nii.gz", BALL, AFFINE @ _shift(0.02, -0.02, 0.02))
    write(tmp_path / "other.nii.gz", BALL, AFFINE @ _shift(0.1, 0, 0))
    np.testing.assert_array_equal(read_mask(tmp_path / "same.nii.gz", CT), BALL)
    with pytest.warns(Doubt, match="2% of a voxel beside"):
        np.testing.assert_array_equal(read_mask(tmp_path / "near.nii.gz", CT), BALL)
    with pytest.raises(InputError, match=r"another grid \(0\.1 voxels apart: .*origin 89\.925, .*origin 90, "):
        read_mask(tmp_path / "other.nii.gz", CT)


def test_of_voxels_alike_the_header_says_where_they_lie(tmp_path: Path) -> None:
    """The same array under a header with an axis turned round: where that says, or refused, never as stored."""
    flip = np.diag([-1.0, 1, 1, 1])
    about_itself = flip.copy()
    about_itself[0, 3] = CT.shape[0] - 1
    lies_on_it = write(tmp_path / "turned.nii.gz", BALL, AFFINE @ about_itself)
    np.testing.assert_array_equal(read_mask(lies_on_it, CT), BALL[::-1])
    for header in (AFFINE @ flip, np.diag([-1.0, -1, 1, 1]) @ AFFINE):  # the second as LPS is taken for RAS
        path = write(tmp_path / "mask.nii.gz", BALL, header)
        with pytest.raises(InputError, match="another grid"):
            read_mask(path, CT)


def test_labels_a_hair_under_whole_numbers_are_those(tmp_path: Path) -> None:
    soft = BALL * np.float32(1.9995)
    soft[:3, :3, :3] = 0.9995
    path = write(tmp_path / "mask.nii.gz", soft)
    np.testing.assert_array_equal(read_mask(path, CT, label=2), BALL)
    with pytest.raises(InputError, match="neither labels nor probabilities"):
        read_mask(write(tmp_path / "odd.nii.gz", soft * np.float32(0.99)), CT)


def test_wholly_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nii.gz", BALL, AFFINE @ _shift(0, 0, 200))
    with pytest.raises(InputError, match="outside the scan"):
        read_mask(path, CT, resample=True)


def test_what_of_a_mask_lies_outside_the_scan_is_told(tmp_path: Path) -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:6, 4:8, 4:8] = 1
    path = tmp_path / "mask.seg.nrrd"
    Volume(labels, AFFINE @ _shift(-3, 0, 0)).write(path)
    with pytest.warns(Doubt, match=r"25% of the mask lies outside the scan"):
        assert read_mask(path, CT).sum() == 48


def test_masks_that_can_be_no_lesion() -> None:
    check_mask(BALL, CT)
    with pytest.raises(InputError, match="empty"):
        check_mask(np.zeros(CT.shape, bool), CT)
    with pytest.raises(InputError, match="covers 100% of the scan"):
        check_mask(np.ones(CT.shape, bool), CT)
    most = np.ones(CT.shape, bool)
    most[: CT.shape[0] // 4] = False
    with pytest.raises(InputError, match=r"covers 7\d% of the scan.*--replace"):
        check_mask(most, CT)
    check_mask(most, CT, replace=True)
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


def test_scan_and_mask_are_laid_together_by_one_rule(tmp_path: Path) -> None:
    """The scan has an sform and, 27 mm away, a qform; the mask, drawn on it, has the qform alone."""
    away = AFFINE.copy()
    away[:3, 3] += (20, -15, 10)
    scan = nib.Nifti1Image(CT.data, AFFINE)
    scan.set_sform(AFFINE, code=2)
    scan.set_qform(away, code=1)
    scan.to_filename(tmp_path / "ct.nii.gz")
    mask = nib.Nifti1Image(BALL.astype(np.uint8), away)
    mask.set_sform(None, code=0)
    mask.set_qform(away, code=1)
    mask.to_filename(tmp_path / "mask.nii.gz")

    with pytest.warns(Doubt, match=r"its sform \(.*origin 90, .*its qform \(.*origin 110, .*26.9 mm apart; the sform"):
        ct = Volume.read(tmp_path / "ct.nii.gz")
    for resample in (False, True):
        with pytest.warns(Doubt, match="by the qform of both"):
            np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", ct, resample), BALL)
