"""Whether a volume is a CT in HU, and whether its header agrees with itself: refused, or told."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from test_volume import OBLIQUE, SHAPE, SHEARED, body, grid, turn

from TextoMorphLib.errors import Doubt, InputError
from TextoMorphLib.io.volume import Volume, check_ct


def _padded(value: float) -> np.ndarray:
    hu = body().astype(np.float32)
    hu[:2] = value
    return hu


HU = {
    "body": body(),
    "padding of -2000": _padded(-2000),
    "padding of -3024": _padded(-3024),
    "padding of -32768": _padded(-32768),
    "metal": np.where(np.arange(SHAPE[2]) == 5, 12_000, body()) * (np.arange(SHAPE[0]) == 6)[:, None, None]
    + body() * (np.arange(SHAPE[0]) != 6)[:, None, None],
    "liver window": np.clip(body(), -175, 250),
}
NOT_HU = {
    "8 bit": np.random.default_rng(2).integers(0, 256, SHAPE),
    "MR": np.random.default_rng(3).gamma(2, 200, SHAPE),
    "offset": body() + 1024,
    "offset and padding": np.where(np.arange(SHAPE[2]) < 2, -2000, body() + 1024),
    "normalised": np.clip(body() / 1000.0, -1, 1),
    "constant": np.full(SHAPE, -1000.0) * 0,
    "far too wide": body() * 100.0,
}


@pytest.mark.parametrize("name", HU)
def test_ct_in_hu_passes(name: str) -> None:
    check_ct(Volume.from_array(HU[name], OBLIQUE))


@pytest.mark.parametrize("name", NOT_HU)
def test_what_is_not_in_hu_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not in HU: values run from"):
        check_ct(Volume.from_array(NOT_HU[name], OBLIQUE))


def organs(shape: tuple[int, int, int] = (48, 48, 20), fat: bool = True) -> np.ndarray:
    """Organs of 60 and 110 HU with scan noise, with fat and air around them or without."""
    rng = np.random.default_rng(4)
    hu = np.full(shape, 60.0)
    hu[: shape[0] // 3] = 110
    if fat:
        hu[:, :20], hu[:, :5] = -100, -1000
    return hu + rng.normal(0, 14, shape)


@pytest.mark.parametrize("fat", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda hu: hu - 1024,  # an offset applied twice
        lambda hu: hu - 1000,
        lambda hu: hu + 1024,  # or never
        lambda hu: hu + 1000,
        lambda hu: hu * 8,
        lambda hu: hu * 10,
        lambda hu: hu / 1000,
        lambda hu: np.clip((hu + 160) / 400, 0, 1),
        lambda hu: hu + 400,
        lambda hu: hu - 400,
        lambda hu: hu + 50,  # as contrast changes organs
        lambda hu: hu - 50,
        lambda hu: hu + 100,
        lambda hu: hu - 100,
        lambda hu: hu * 2,
        lambda hu: hu / 2,
    ],
)
def test_other_scales_are_refused_or_told(change: Callable[[np.ndarray], np.ndarray], fat: bool) -> None:
    volume = Volume.from_array(change(organs(fat=fat)).astype(np.float32), OBLIQUE)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            check_ct(volume)
        except InputError:
            with pytest.raises(InputError, match="--assume-hu"):
                check_ct(volume, assume_hu=False)
            check_ct(volume, assume_hu=True)
    assert told
    assert issubclass(told[0].category, Doubt)


def whole() -> np.ndarray:
    """A body in air, 340 mm wide on a grid of 7 mm, of which air is a third."""
    hu = np.full((48, 48, 20), -995.0)
    hu[8:40, 4:44] = organs((32, 40, 20))
    hu[8:40, 4:24] = -100
    return hu + np.random.default_rng(5).normal(0, 8, hu.shape)


@pytest.mark.parametrize(
    "change",
    [lambda hu: hu * 0.9, lambda hu: hu * 0.95, lambda hu: np.maximum(hu, -1000) * 0.93, lambda hu: hu * 1.06],
)
def test_air_around_the_body_shows_a_small_factor(change: Callable[[np.ndarray], np.ndarray]) -> None:
    coarse = np.diag([7.0, 7.0, 7.0, 1.0])
    for sound in (whole(), np.maximum(whole(), -1000), np.maximum(whole(), -990)):
        check_ct(Volume.from_array(sound.astype(np.int16), coarse))
    scaled = change(whole()).astype(np.int16)
    with pytest.warns(Doubt, match="may not be in HU"):
        check_ct(Volume.from_array(scaled, coarse))
    with warnings.catch_warnings(record=True) as told:  # cushions and gas lie there, too
        warnings.simplefilter("always")
        check_ct(Volume.from_array(change(whole()).astype(np.int16), np.diag([2.0, 2.0, 2.0, 1.0])))
    assert not [each for each in told if "air seems" in str(each.message)]


@pytest.mark.parametrize(("shear", "degrees"), [(0.1, 6), (0.5, 27)])
def test_axes_off_right_angles_are_told_and_no_gantrys_are_refused(shear: float, degrees: int) -> None:
    affine = np.eye(4)
    affine[1, 2] = shear
    with pytest.warns(Doubt, match=f"axes are {degrees} degrees off right angles"):
        check_ct(Volume.from_array(organs().astype(np.int16), affine))
    affine[1, 2] = 1.0
    with pytest.raises(InputError, match="45 degrees off right angles, which no gantry is"):
        check_ct(Volume.from_array(organs().astype(np.int16), affine))
    assert Volume.from_array(organs(), affine).voxel_mm3 == pytest.approx(1)


@pytest.mark.parametrize("change", [lambda hu: hu + 60, lambda hu: hu - 150, lambda hu: hu + 200, lambda hu: hu * 2])
def test_air_fat_and_organs_on_a_scale_of_their_own_are_refused(change: Callable[[np.ndarray], np.ndarray]) -> None:
    check_ct(Volume.from_array(organs().astype(np.float32), OBLIQUE))
    volume = Volume.from_array(change(organs()).astype(np.float32), OBLIQUE)
    with pytest.raises(InputError, match=r"not in HU.*--assume-hu"):
        check_ct(volume, assume_hu=False)
    with pytest.raises(InputError, match=r"not in HU.*water 0\)$"):  # no option is named where there is none
        check_ct(volume)


@pytest.mark.parametrize("change", [lambda hu: hu + 50, lambda hu: hu - 50, lambda hu: hu * 2, lambda hu: hu / 2])
def test_a_crop_with_fat_and_without_air_shows_its_scale(change: Callable[[np.ndarray], np.ndarray]) -> None:
    hu = organs(fat=False)
    hu[:, :20] = -100 + np.random.default_rng(6).normal(0, 14, hu[:, :20].shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_ct(Volume.from_array(hu.astype(np.float32), OBLIQUE))
    with pytest.warns(Doubt, match="HU"):
        check_ct(Volume.from_array(change(hu).astype(np.float32), OBLIQUE))


def test_a_crop_of_organs_without_fat_or_air_is_taken_and_told() -> None:
    with pytest.warns(Doubt, match="could not be checked"):
        check_ct(Volume.from_array(organs(fat=False).astype(np.int16), OBLIQUE))


@pytest.mark.parametrize("slices", [slice(7, 8), slice(12, None)], ids=["one slice", "two series in one"])
@pytest.mark.parametrize("offset", [-1024, 1024, 200])
def test_a_scale_that_changes_within_the_scan_is_told(slices: slice, offset: int) -> None:
    hu = organs() + np.random.default_rng(5).normal(0, 12, organs().shape)
    hu[..., slices] += offset
    with pytest.warns(Doubt, match=f"all of slice {slices.start + 1} lies about .* the scale seems to change"):
        check_ct(Volume.from_array(hu.astype(np.int16), np.diag([0.8, 0.8, 2.5, 1])), assume_hu=True)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ((-175, 250), ["at -175 .*darker", "at 250 .*brighter"]),
        ((-500, 3000), ["at -500 .*darker"]),
        ((-1024, 240), ["at 240 .*brighter"]),
    ],
)
def test_hu_that_were_cut_off_are_told(window: tuple[int, int], words: list[str]) -> None:
    hu = organs()
    hu[5:9, 5:9] += np.random.default_rng(0).normal(250, 150, hu[5:9, 5:9].shape)  # bone
    with pytest.warns(Doubt) as told:
        check_ct(Volume.from_array(np.clip(hu, *window).astype(np.int16), OBLIQUE))
    said = [str(each.message) for each in told if "HU were cut off" in str(each.message)]
    assert len(said) == len(words)
    assert all(re.search(word, each) for word, each in zip(words, said, strict=True))


@pytest.mark.filterwarnings("error")
def test_a_noisy_scan_with_contrast_medium_raises_no_doubt() -> None:
    """Soft tissue has no narrow peak there, and fat lies in strands that noise hides."""
    rng = np.random.default_rng(5)
    hu = np.full((120, 120, 20), -1000.0)
    hu[30:] = rng.choice([5.0, 45.0, 80.0, 120.0, 170.0, 220.0], (90, 120, 20), p=[0.15, 0.25, 0.2, 0.15, 0.15, 0.1])
    hu[32::4] = -95
    hu += rng.normal(0, 25, hu.shape)
    check_ct(Volume.from_array(hu.astype(np.int16), np.diag([1.5, 1.5, 1.5, 1.0])))


@pytest.mark.filterwarnings("error")
def test_hu_raise_no_doubt() -> None:
    padded = organs()
    padded[:3], padded[-3:] = -2000, -3024
    for hu in (organs(), padded, organs() + np.random.default_rng(5).normal(0, 40, organs().shape)):
        check_ct(Volume.from_array(hu.astype(np.int16), OBLIQUE))


@pytest.mark.parametrize(
    ("qform", "words"),
    [
        (OBLIQUE @ np.diag([-1, 1, 1, 1]), "two places"),  # mirrored
        (OBLIQUE @ np.diag([-1, -1, 1, 1]), "two places"),
        (OBLIQUE @ np.diag([1, 1, 1.2, 1]), "two places"),
        (grid(turn(12, -20, 37)), "two places"),
        (OBLIQUE + np.eye(4, k=3) * 9, "two places"),
    ],
)
def test_places_that_contradict_each_other_are_told(tmp_path: Path, qform: np.ndarray, words: str) -> None:
    image = nib.Nifti1Image(body(), OBLIQUE)
    image.set_qform(qform, code=1)
    image.set_sform(OBLIQUE, code=1)
    image.to_filename(tmp_path / "in.nii")
    with pytest.warns(Doubt, match=words) as told:
        volume = Volume.read(tmp_path / "in.nii")
    assert len(told) == 1
    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-4)


def test_voxel_sizes_and_places_that_are_missing_are_told(tmp_path: Path) -> None:
    image = nib.Nifti1Image(body(), OBLIQUE)
    image.set_qform(None, code=0)
    image.header["pixdim"][3] = 2.5
    image.to_filename(tmp_path / "sizes.nii")
    with pytest.warns(Doubt, match=r"two voxel sizes: 0\.7 x 0\.9 x 2\.5 mm \(pixdim\) and 0\.7 x 0\.9 x 5 mm"):
        Volume.read(tmp_path / "sizes.nii")
    image.set_sform(None, code=0)
    image.to_filename(tmp_path / "none.nii")
    with pytest.warns(Doubt, match="does not say where its voxels lie"):
        Volume.read(tmp_path / "none.nii")


@pytest.mark.filterwarnings("error::TextoMorphLib.errors.Doubt")
def test_a_header_that_agrees_with_itself_raises_no_doubt(tmp_path: Path) -> None:
    for name, affine in (("oblique", OBLIQUE), ("sheared", SHEARED)):
        Volume.from_array(body(), affine).write(tmp_path / f"{name}.nii")
        Volume.read(tmp_path / f"{name}.nii")


def test_rescale_counts_for_hu() -> None:
    stored = np.clip(body() + 1024, 0, None).astype(np.uint16)
    check_ct(Volume(stored, OBLIQUE, 1.0, -1024.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_voxels_are_refused(value: float) -> None:
    hu = body(np.float32)
    hu[3, 4, 5] = value
    with pytest.raises(InputError, match="1 NaN or infinite"):
        check_ct(Volume.from_array(hu, OBLIQUE))


def test_impossible_geometry_is_refused() -> None:
    with pytest.raises(InputError, match="units"):
        check_ct(Volume.from_array(body(), np.diag([0.001, 0.001, 0.005, 1])))
    with pytest.raises(InputError, match="single slice"):
        check_ct(Volume.from_array(body()[:, :, :1], OBLIQUE))
    with pytest.raises(InputError, match="spacing"):
        Volume.from_array(body(), np.full((4, 4), np.nan))
