"""Rims, septa and fluid to the eye: what is asked stands out of organ and body, whatever the organ's HU."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.models.structures import shown

SHAPE = (48, 48, 48)
DEPTH = np.float32(16 - np.linalg.norm(np.indices(SHAPE).T - 23.5, axis=-1).T)
NOISE = latent_noise(SHAPE, seed=1)
WALLED = {"wall": {"walled": 1.0}, "content": {"solid": 1.0}, "wall_thickness": {"plain": 1.0}}


def lesion(inside_hu: float) -> np.ndarray:
    return np.float32(np.where(DEPTH > 0, inside_hu, 0))


@pytest.mark.parametrize("body", [-60.0, 0.0, 40.0])
@pytest.mark.parametrize("organ", [60.0, 120.0, 180.0])
def test_a_rim_is_brighter_than_organ_and_body(body: float, organ: float) -> None:
    made = shown(lesion(body), np.full(SHAPE, organ, np.float32), DEPTH, NOISE, WALLED)
    rim, core = made[(DEPTH > 1) & (DEPTH < 2.2)].mean(), made[DEPTH > 8].mean()
    assert rim > max(body, 0) + 25
    assert core == pytest.approx(body, abs=2)
    assert np.abs(made[DEPTH < -3]).max() < 2  # little far outside


def test_what_stands_out_already_stays() -> None:
    bright = lesion(-50)
    bright[(DEPTH > 0) & (DEPTH < 4)] = 80
    assert shown(bright, np.full(SHAPE, 100, np.float32), DEPTH, NOISE, WALLED) is bright


def test_texts_that_ask_for_none_of_it_change_nothing() -> None:
    plain = lesion(-40)
    assert shown(plain, np.full(SHAPE, 100, np.float32), DEPTH, NOISE, {"content": {"solid": 1.0}}) is plain


def test_a_thick_walled_septated_cyst_has_dark_fluid_and_bright_septa() -> None:
    said = {
        "wall": {"walled": 1.0},
        "wall_thickness": {"thick": 1.0},
        "septa": {"septated": 1.0},
        "content": {"cystic": 1.0},
    }
    filled = np.full(SHAPE, 180, np.float32)
    for seed in range(4):
        made = filled + shown(lesion(-80), filled, DEPTH, latent_noise(SHAPE, seed), said)
        lumen = made[DEPTH > 8.5]
        assert np.quantile(lumen, 0.2) < 30
        assert np.quantile(lumen, 0.98) > np.quantile(lumen, 0.2) + 35
        assert made[(DEPTH > 2) & (DEPTH < 4)].mean() > np.quantile(lumen, 0.2) + 25


@pytest.mark.parametrize("thickness", ["thin", "plain", "thick"])
def test_a_walled_cyst_in_a_bright_kidney_is_dark_within_and_keeps_its_calcium(thickness: str) -> None:
    said = {
        "wall": {"walled": 1.0},
        "wall_thickness": {thickness: 1.0},
        "content": {"cystic": 1.0},
        "calcification": {"present": 1.0},
    }
    depth, filled = DEPTH - 4, np.full(SHAPE, 215, np.float32)  # 24 mm
    drawn = np.float32(np.where(depth > 0, -120, 0))  # as far as the denoiser comes down
    grain = np.linalg.norm(np.indices(SHAPE).T - (23.5, 23.5, 27.5), axis=-1).T < 2
    drawn[grain] = 300
    made = filled + shown(drawn, filled, depth, NOISE, said)
    assert np.median(made[(depth > 7.5) & ~grain]) < 15
    assert made[grain].mean() > 400
    assert made[(depth > 0.5) & (depth < 1.2)].mean() > 215 + 15
