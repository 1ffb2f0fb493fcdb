"""A tumour that is there already is replaced: what it lies in is judged outside it, and its twin lies in the same."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import Synthesizer
from TextoMorphLib.commands.measure import measured
from TextoMorphLib.evaluation.twins import largest
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.spatial.geometry import distances
from TextoMorphLib.spatial.healing import doubts, healed
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.spatial.tissue import parenchyma_hu

LIVER_HU, TUMOUR_HU, NOISE_HU = 103.0, 51.0, 15.0
MM = np.array([0.9, 0.9, 2.5])


def scan_with(diameter_mm: float, organ_mm: float = 55.0) -> tuple[Volume, np.ndarray, np.ndarray]:
    """A liver in fat with a metastasis, blurred as a scanner blurs; its mask, and the liver without it."""
    shape = (160, 160, 60)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    liver = np.linalg.norm(at * [[[[1]]], [[[1]]], [[[0.9]]]], axis=0) < organ_mm
    mask = np.linalg.norm(at - np.reshape([12, 5, 0], (3, 1, 1, 1)), axis=0) < diameter_mm / 2
    hu = np.where(liver, LIVER_HU, -100.0)
    hu[mask & liver] = TUMOUR_HU
    hu = ndimage.gaussian_filter(hu, 1.2 / MM)
    hu += ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, shape), (0.7, 0.7, 0)) * NOISE_HU * 2.2
    away, _ = distances(~mask, MM)
    return Volume.from_array(np.rint(hu).astype(np.int16), np.diag([*MM, 1])), mask, liver & (away > 4)


@pytest.mark.parametrize("diameter_mm", [20, 30, 40, 50])
def test_a_twin_is_as_dense_as_its_text_says_against_the_liver(starter: Synthesizer, diameter_mm: float) -> None:
    ct, mask, liver = scan_with(diameter_mm)
    level = np.median(ct.hu()[liver])
    inner = distances(mask, MM)[0] > 4
    for text, low, high in (("hypoattenuating", -80, -20), ("isoattenuating", -12, 12)):
        made = starter.synthesize(ct, mask, text, seed=1, preset="preview", replace=True)
        assert low < made.volume.hu()[inner].mean() - level < high
        assert made.report["lesions"][0]["parenchyma_hu"] == pytest.approx(level, abs=5)
        assert not [warning for warning in made.report["warnings"] if "already" in warning]
        far = distances(~mask, MM)[0] > 4
        np.testing.assert_array_equal(made.volume.data[far], ct.data[far])


def test_without_a_word_a_tumour_that_is_there_is_doubted() -> None:
    ct, mask, _ = scan_with(40)
    (said,) = doubts(regions(ct, mask))
    assert "--replace" in said
    healthy = healed(ct, mask)
    assert doubts(regions(healthy, mask)) == []


@pytest.mark.parametrize("organ", ["liver", "pancreas", "kidney"])
def test_healthy_organs_are_not_doubted(organ: str) -> None:
    ct, organs = phantom()
    for seed in range(2):
        mask = lesion_mask(ct, organs[organ], 20.0, seed=seed)
        assert doubts(regions(ct, mask)) == []


def test_a_healed_scan_is_liver_with_the_livers_noise_where_the_tumour_was() -> None:
    ct, mask, liver = scan_with(30)
    healthy = healed(ct, mask)
    assert healthy.hu()[mask].mean() == pytest.approx(LIVER_HU, abs=4)
    inner = distances(mask, MM)[0] > 2
    assert healthy.hu()[inner].std() == pytest.approx(ct.hu()[liver & (distances(~mask, MM)[0] < 15)].std(), rel=0.15)
    near = (distances(~mask, MM)[0] > 0) & (distances(~mask, MM)[0] < 1.5)  # what blurred out of the mask goes, too
    assert healthy.hu()[near].mean() > LIVER_HU - 8
    assert ct.hu()[near].mean() < LIVER_HU - 12


def test_another_lesion_that_is_known_does_not_count_as_liver() -> None:
    ct, mask, _ = scan_with(16)
    other = (distances(~mask, MM)[0] < 12) & ~mask  # most of what is near
    hu = ct.hu()
    hu[other] = 40
    scan = Volume.from_array(hu, ct.affine)
    (blind,) = regions(healed(scan, mask), mask)
    (told,) = regions(healed(scan, mask, exclude=other), mask, exclude=other)
    assert parenchyma_hu(blind.ct, blind.depth) < 60
    assert parenchyma_hu(told.ct, told.depth, told.usable) == pytest.approx(LIVER_HU, abs=6)


def test_the_organs_mask_says_which_tissue_is_its_own(starter: Synthesizer) -> None:
    """A tumour at the border of two organs: most of what is near is the other's; without the mask it is doubted."""
    shape = (110, 110, 40)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    mask = np.linalg.norm(at, axis=0) < 9
    hu = np.where(at[0] < -2, 140.0, 80.0)
    hu[mask] = 45
    hu = ndimage.gaussian_filter(hu, 1.0 / MM) + np.random.default_rng(0).normal(0, 12, shape)
    ct = Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1]))
    for organ, level in ((at[0] >= -2, 80), (at[0] < -2, 140)):
        made = starter.synthesize(ct, mask, "isoattenuating", seed=1, preset="preview", replace=True, within=organ)
        assert made.report["lesions"][0]["parenchyma_hu"] == pytest.approx(level, abs=8)
        assert made.volume.hu()[np.linalg.norm(at, axis=0) < 5].mean() == pytest.approx(level, abs=15)
        (beside,) = made.report["warnings"]
        assert beside.endswith("of the mask lies outside the organ")
    blind = starter.synthesize(ct, mask, "isoattenuating", seed=1, preset="preview", replace=True)
    assert any("--organ-mask" in warning for warning in blind.report["warnings"])


def test_an_organ_smaller_than_the_mask_gives_its_own_level() -> None:
    """A pancreas of 16 mm in fat; the tumour in it is as wide."""
    shape = (120, 120, 40)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    strand = np.hypot(at[1], at[2]) < 8
    mask = np.linalg.norm(at, axis=0) < 10
    hu = np.where(strand, 90.0, -100.0)
    hu[mask] = 45
    hu = ndimage.gaussian_filter(hu, 1.0 / MM) + np.random.default_rng(0).normal(0, 15, shape)
    ct = Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1]))
    (region,) = regions(healed(ct, mask), mask)
    assert parenchyma_hu(region.ct, region.depth, region.usable) == pytest.approx(90, abs=10)
    fat = (np.hypot(at[1], at[2]) > 10) & (distances(~mask, MM)[0] < 2.5)  # right beside the tumour
    assert healed(ct, mask).hu()[fat].mean() < -60


def test_what_lies_beside_a_tumour_goes_on_to_it_without_a_line_of_parenchyma() -> None:
    shape = (100, 100, 36)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    hu = np.where(at[0] < 4, 110.0, 20.0)  # an organ, and bowel beside it
    mask = np.linalg.norm(at, axis=0) < 12
    hu[mask] = 60
    hu = ndimage.gaussian_filter(hu, 1.0 / MM) + np.random.default_rng(0).normal(0, 8, shape)
    healthy = healed(Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1])), mask).hu()
    away = distances(~mask, MM)[0]
    line = (away > 0) & (away < 2)
    assert healthy[line & (at[0] > 9)].mean() < 40
    assert healthy[line & (at[0] < 0)].mean() == pytest.approx(110, abs=6)
    assert healthy[(np.linalg.norm(at, axis=0) < 8) & (at[0] < 0)].mean() == pytest.approx(110, abs=6)


def test_a_vessel_beside_a_tumour_leaves_no_bright_edge_where_it_was() -> None:
    shape = (90, 90, 30)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    hu = np.full(shape, 100.0)
    mask = np.linalg.norm(at, axis=0) < 11
    hu[np.hypot(at[0] - 17, at[2]) < 4] = 220  # along the slices, 2 mm beside the tumour
    hu[mask] = 50
    hu = ndimage.gaussian_filter(hu, 1.0 / MM) + np.random.default_rng(0).normal(0, 8, shape)
    healthy = healed(Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1])), mask).hu()
    edge = mask & (distances(mask, MM)[0] < 2) & (np.hypot(at[0] - 17, at[2]) < 8)
    assert healthy[edge].mean() < 106
    vessel = (np.hypot(at[0] - 17, at[2]) < 2) & (np.abs(at[1]) < 5)
    assert healthy[vessel].mean() == pytest.approx(hu[vessel].mean(), abs=3)


@pytest.mark.parametrize(("vessel_hu", "tumour_hu"), [(200.0, 50.0), (200.0, 200.0)])
def test_a_vessel_that_touches_a_tumour_goes_on_to_it_and_the_tumours_own_light_does_not(
    vessel_hu: float, tumour_hu: float
) -> None:
    shape = (90, 90, 20)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    mask = np.hypot(at[0], at[1]) < 11
    hu = np.where(np.hypot(at[0] - 15.5, at[1]) < 4.5, vessel_hu, 100.0)  # across the slices
    hu[mask] = tumour_hu
    hu = ndimage.gaussian_filter(hu, 0.8 / MM) + np.random.default_rng(0).normal(0, 8, shape)
    scan = Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1]))
    healthy = healed(scan, mask).hu()
    line = ~mask & (distances(~mask, MM)[0] < 1.8)
    touched, apart = line & (np.abs(at[1]) < 2) & (at[0] > 0), line & (at[0] < 0)
    kept = healthy[touched].mean() - healthy[apart].mean()
    assert kept > 50 if tumour_hu < vessel_hu else kept < 30
    assert healthy[apart].mean() == pytest.approx(100, abs=8)


@pytest.mark.parametrize("fat", [0.33, 0.6])
def test_a_pancreas_mixed_with_fat_has_the_level_of_its_own_tissue(fat: float) -> None:
    """Fat in strands; what is commonest near the tumour is another organ's, or the strands' blur."""
    shape = (100, 100, 30)
    at = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    rng = np.random.default_rng(0)
    organ = (np.abs(at[1]) < 22) & (np.abs(at[2]) < 25)
    strands = ndimage.gaussian_filter(rng.normal(size=shape), 3.0 / MM)
    hu = np.where(organ, np.where(strands > np.quantile(strands, 1 - fat), -90.0, 95.0), 150.0)
    mask = np.linalg.norm(at, axis=0) < 11
    hu[mask] = 40
    hu = ndimage.gaussian_filter(hu, 0.8 / MM) + rng.normal(0, 15, shape)
    ct = Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1]))
    (region,) = regions(healed(ct, mask, within=organ), mask, within=organ)
    assert region.parenchyma_hu == pytest.approx(95, abs=12)


def test_unknown_voxels_of_a_crop_are_no_tissue() -> None:
    ct, mask, _ = scan_with(30)
    whole = healed(ct, mask).hu()[mask].mean()
    data = ct.data.copy()
    data[:68] = -1500  # up to the tumour
    crop = Volume.from_array(data, ct.affine)
    assert healed(crop, mask).hu()[mask & (data > -1500)].mean() == pytest.approx(whole, abs=5)
    assert (healed(crop, mask).data[:68] == -1500).all()


def test_a_lesion_already_in_a_scan_is_measured_against_what_it_lies_in(tmp_path: Path) -> None:
    ct, mask, _ = scan_with(30)
    ct.write(tmp_path / "ct.nii.gz")
    Volume.from_array(mask, ct.affine).write(tmp_path / "mask.nii.gz")
    one, where = tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"
    (blind,), (told,) = measured(one, one, where), measured(one, one, where, replace=True)
    assert abs(blind["contrast_hu"]) < 10
    assert told["contrast_hu"] == pytest.approx(TUMOUR_HU - LIVER_HU, abs=6)


def msd_crops() -> list[Path]:
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    found = sorted((Path(os.environ.get("TEXTOMORPH_CT_DATA", beside)) / "msd_pancreas").glob("*_ct.nii.gz"))
    if not found:
        pytest.skip("no MSD crops beside the checkout")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", ["117", "043", "099", "114"])
def test_twins_of_real_pancreatic_tumours_are_as_dense_as_their_text_says(starter: Synthesizer, number: str) -> None:
    """Of 20, 30, 30 and 40 mm, with pancreas beside them that is not mixed with fat."""
    path = next((each for each in msd_crops() if f"_{number}_" in each.name), None)
    if path is None:
        pytest.skip(f"pancreas_{number} is not at hand")
    ct, label = Volume.read(path), Volume.read(str(path).replace("_ct", "_label")).data
    tumours, mask = label == 2, largest(label == 2, ct.spacing)
    level = np.median(ct.hu()[(label == 1) & (distances(~tumours, ct.spacing)[0] > 3)])
    depth = distances(mask, ct.spacing)[0]
    inner = depth > min(4.0, 0.5 * depth.max())
    for text, low, high in (("hypoattenuating", -80, -20), ("isoattenuating", -12, 12)):
        made = starter.synthesize(
            ct,
            mask,
            text,
            "pancreas",
            seed=1,
            preset="preview",
            replace=True,
            exclude=tumours,
            within=label == 1,
        )
        assert low < made.volume.hu()[inner].mean() - level < high


def test_the_real_tumours_of_msd_crops() -> None:
    """The level is that of the pancreas around, in most of them."""
    found = msd_crops()[::12]
    apart = []
    for path in found:
        ct, label = Volume.read(path), Volume.read(str(path).replace("_ct", "_label")).data
        mask, away = label == 2, distances(~(label == 2), Volume.read(path).spacing)[0]
        own = (label == 1) & (away > 2) & (away < 25)
        if mask.sum() < 300 or own.sum() < 300:
            continue
        elsewhere = label != 1
        region = max(regions(healed(ct, mask, elsewhere), mask, exclude=elsewhere & ~mask), key=lambda r: r.mask.sum())
        apart.append(abs(parenchyma_hu(region.ct, region.depth, region.usable) - np.median(ct.hu()[own])))
    assert np.mean(np.array(apart) < 20) > 0.8
