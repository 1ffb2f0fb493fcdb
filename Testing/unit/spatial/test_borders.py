"""A lesion keeps the border of its organ: fat stays fat, large vessels stay vessels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import Synthesizer
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.borders import beyond_organ, neighbours
from TextoMorphLib.spatial.region import regions

SHAPE, MM = (90, 90, 36), np.array([0.9, 0.9, 2.5])
AT = (np.indices(SHAPE) - np.reshape(SHAPE, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
BALL = np.linalg.norm(AT, axis=0) < 12


def scan(anatomy: np.ndarray, noise_hu: float = 14.0) -> Volume:
    hu = ndimage.gaussian_filter(anatomy, (0.8, 0.8, 0.3)) + np.random.default_rng(0).normal(0, noise_hu, SHAPE)
    return Volume.from_array(hu.astype(np.float32), np.diag([*MM, 1]))


def half_in_fat() -> Volume:
    return scan(np.where(AT[0] > 2, -100.0, 105.0))


def test_fat_under_a_mask_is_told_from_the_organ() -> None:
    (region,) = regions(half_in_fat(), BALL)
    along = (region.affine[0, 3] + np.arange(region.ct.shape[0]) - SHAPE[0] / 2 * MM[0])[:, None, None]
    inside, share = region.depth > 1, beyond_organ(region)
    assert share[inside & (along > 5)].mean() > 0.95
    assert share[inside & (along < -1)].mean() < 0.02


@pytest.mark.parametrize("kind", ["all of it lies in fat", "fat in the lesion alone", "noise"])
def test_what_is_no_border_is_not_kept(kind: str) -> None:
    inner = np.linalg.norm(AT, axis=0) < 5
    anatomy = {"all of it lies in fat": -100.0, "noise": 60.0}.get(kind, np.where(inner, -90.0, 105.0))
    (region,) = regions(scan(np.full(SHAPE, 1.0) * anatomy, 38.0 if kind == "noise" else 14.0), BALL)
    assert beyond_organ(region).max() == 0


def test_a_large_vessel_is_kept_and_a_small_one_is_not() -> None:
    for radius_mm, kept in ((9.0, True), (2.5, False)):
        vessel = np.hypot(AT[0] - 8, AT[1]) < radius_mm
        (region,) = regions(scan(np.where(vessel, 180.0, 105.0)), BALL)
        share = neighbours(region)[region.depth > 0]
        assert bool(share.mean() > 0.1) is kept


def test_a_rib_and_muscle_under_a_mask_are_told_from_the_liver() -> None:
    rib, marrow = np.hypot(AT[0] - 14, AT[1]) < 5, np.hypot(AT[0] - 14, AT[1]) < 3
    chest = np.where(rib & ~marrow, 700.0, np.where(marrow, 150.0, np.where(AT[0] > 3, 58.0, 112.0)))
    (region,) = regions(scan(chest), BALL)
    along = (region.affine[0, 3] + np.arange(region.ct.shape[0]) - SHAPE[0] / 2 * MM[0])[:, None, None]
    inside, bone = region.depth > 0, beyond_organ(region)
    kept = np.maximum(bone, neighbours(region))
    assert bone[inside & (region.ct > 450)].mean() > 0.9
    assert kept[inside & (along > 5) & (np.arange(kept.shape[1])[:, None] < kept.shape[1] / 2 - 7)].mean() > 0.8
    assert kept[inside & (along < 0)].max() == 0


def test_a_lesion_across_the_border_leaves_fat_as_it_is_unless_it_invades(starter: Synthesizer) -> None:
    ct = half_in_fat()
    fat = BALL & (AT[0] > 5)
    liver = BALL & (AT[0] < -3) & (np.linalg.norm(AT, axis=0) < 9)
    kept, grown = (
        starter.synthesize(ct, BALL, text, seed=1, preset="preview")
        for text in ("hypoattenuating", "hypoattenuating, invading the surrounding fat")
    )
    assert kept.volume.hu()[fat].mean() == pytest.approx(ct.hu()[fat].mean(), abs=5)
    assert kept.volume.hu()[liver].mean() < 85
    assert kept.report["lesions"][0]["contrast_hu"] == pytest.approx(kept.volume.hu()[liver].mean() - 105, abs=10)
    assert grown.volume.hu()[fat].mean() > 20


@pytest.mark.parametrize("organ", ["pancreas", "kidney"])
def test_small_organs_keep_their_border_too(starter: Synthesizer, organ: str) -> None:
    ct = half_in_fat()
    fat, tissue = BALL & (AT[0] > 5), BALL & (AT[0] < -3) & (np.linalg.norm(AT, axis=0) < 9)
    kept, grown = (
        starter.synthesize(ct, BALL, text, organ, seed=1, preset="preview") for text in ("hypoattenuating", "exophytic")
    )
    assert kept.volume.hu()[fat].mean() == pytest.approx(ct.hu()[fat].mean(), abs=5)
    assert kept.volume.hu()[tissue].mean() < 85
    assert grown.volume.hu()[fat].mean() > 0


def test_what_of_a_mask_stays_another_organs_is_said(starter: Synthesizer) -> None:
    ct = scan(np.where(AT[0] > 2, 58.0, 112.0))
    told, invading = (
        "\n".join(starter.synthesize(ct, BALL, text, seed=1, preset="preview").report["warnings"])
        for text in ("hypoattenuating", "hypoattenuating, invading the surroundings")
    )
    assert "of the mask stays as it is" in told
    assert "stays as it is" not in invading
