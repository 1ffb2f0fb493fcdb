"""What the texture network has of real tumours: copies are found, and samples are held against the real ones."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.experiments import texture
from TextoMorphLib.training.texture_examples import RealLesion, real_lesion

SPACING = np.array([0.9, 0.9, 2.5])


def lesion(seed: int) -> RealLesion:
    """A ball of 34 mm with a pattern of its own."""
    away = (np.indices((60, 60, 7)).T - (29.5, 29.5, 3)) * SPACING
    tumour = (np.linalg.norm(away, axis=-1) < 17).T
    hu = np.where(tumour, 60, 100) + np.random.default_rng(seed).normal(0, 12, tumour.shape)
    made = real_lesion(hu.astype(np.float32), np.ones_like(tumour), tumour, ~tumour, SPACING)
    assert made is not None
    return made


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that has learned the tumours by heart."""
    monkeypatch.setattr(texture, "sampled", lambda network, place, steps, seed: place["field"])


@pytest.mark.usefixtures("copied")
def test_copies_are_found() -> None:
    table = texture.copying(None, [lesion(0), lesion(1)], [lesion(2)])  # type: ignore[arg-type]
    rows = {row.split("|")[1].strip(): [float(cell) for cell in row.split("|")[2:-1]] for row in table.splitlines()[2:]}
    assert rows["drawn at places of the training"][1] == 1.0
    assert rows["real, kept out"][3] < 0.8  # the same mask, another pattern


@pytest.mark.usefixtures("copied")
def test_samples_are_held_against_the_real_ones() -> None:
    _, _, real, *drawn = texture.by_steps(None, [lesion(0)]).splitlines()  # type: ignore[arg-type]
    assert len(drawn) == len(texture.STEPS)
    assert {row.split("|", 2)[2] for row in drawn} == {real.split("|", 2)[2]}
    assert "nan" not in real
