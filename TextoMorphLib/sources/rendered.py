"""A tumour by the renderer alone, put in as the model's are: what the networks are held against."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.spatial.compositing import background, no_darker_than_fluid, noise_around, paste
from TextoMorphLib.spatial.geometry import ball_mm
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.text import understanding, vocabulary


def rendered(
    volume: Volume, region: Region, text: str, organ: str, seed: int, exclude: np.ndarray | None = None
) -> Volume:
    """The scan with a rendered lesion.

    Args:
        volume: The scan, without tumours that are to be replaced.
        region: Where the lesion goes.
        text: What it is; only the vocabulary's terms count.
        organ: Whose terms these are.
        seed: Decides everything.
        exclude: Boolean, of the scan's shape: what is no healthy tissue.
    """
    description = vocabulary.describe(understanding.find(text, organ))
    level = region.parenchyma_hu
    diameter = ball_mm(np.count_nonzero(region.depth > 0))
    delta = render(
        region.depth,
        sample_lesion(description, level, diameter, seed),
        level,
        latent_noise(region.depth.shape, seed),
        region.up,
    )
    filled = background(region)
    delta = no_darker_than_fluid(delta, filled, region.depth)
    return paste(volume, region, filled, delta, seed, noise_around(volume, region, exclude))
