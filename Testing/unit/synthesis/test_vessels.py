"""Vessels that pass through a lesion where the text says so, and end at its border where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import Synthesizer
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_at
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.text import understanding, vocabulary


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("hypodense lesion with vessels passing through", True),
        ("lesion, no displacement of vessels", True),
        ("a mass displacing vessels", False),
        ("no vessels passing through", False),
        ("hypodense lesion", False),
    ],
)
def test_what_a_text_says_of_vessels(text: str, passes: bool) -> None:
    assert vocabulary.vessels_pass(understanding.find(text, "liver")) is passes


@pytest.fixture(scope="module")
def vein() -> tuple[Volume, np.ndarray, np.ndarray]:
    """The phantom, a mask around one of its liver's veins, and the voxels deep in that vein."""
    ct, organs = phantom()
    liver = organs["liver"]
    smooth = ndimage.gaussian_filter(ct.hu(), 1.0)
    bright = ndimage.binary_erosion(liver, iterations=8) & (smooth > np.median(ct.hu()[liver]) + 25)
    voxels = np.argwhere(bright)
    centre = ct.affine[:3, :3] @ voxels[len(voxels) // 2] + ct.affine[:3, 3]
    mask = lesion_at(ct, centre, 30.0, np.random.default_rng(0))
    return ct, mask, bright & ndimage.binary_erosion(mask, iterations=2)


def test_a_vessel_passes_through_only_where_the_text_says_so(
    starter: Synthesizer, vein: tuple[Volume, np.ndarray, np.ndarray]
) -> None:
    ct, mask, inside = vein
    assert inside.sum() > 50
    drawn = {
        text: starter.synthesize(ct, mask, text, seed=1, preset="preview").volume.hu()[inside].mean()
        for text in ("hypoattenuating", "hypoattenuating, vessels passing through")
    }
    through, ended = drawn["hypoattenuating, vessels passing through"], drawn["hypoattenuating"]
    assert abs(through - ct.hu()[inside].mean()) < 8
    assert ended < through - 30
