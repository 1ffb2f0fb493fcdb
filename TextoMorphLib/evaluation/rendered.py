"""A tumour by the renderer alone, put in as the model's are: what the networks are held against."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.spatial import healing
from TextoMorphLib.spatial.compositing import background, no_darker_than_fluid, noise_around, paste
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.spatial.tissue import parenchyma_hu
from TextoMorphLib.text import understanding, vocabulary

LESION_SEEDS = 1_000_003  # from one lesion's seed to the next one's


def rendered(
    ct: Volume, mask: np.ndarray, text: str, organ: str, seed: int, exclude: np.ndarray | None = None
) -> Volume:
    """The scan with what was in the mask replaced by rendered lesions.

    Args:
        ct: The scan.
        mask: Boolean, of its shape: tumours to replace.
        text: What they become; only the vocabulary's terms count.
        organ: Whose terms these are.
        seed: Decides everything.
        exclude: Boolean, of its shape: further tumours, which are no healthy tissue.
    """
    description = vocabulary.describe(understanding.find(text, organ))
    volume = healing.healed(ct, mask, exclude, seed)
    for number, region in enumerate(regions(volume, mask, exclude=exclude)):
        own = seed + number * LESION_SEEDS
        level = parenchyma_hu(region.ct, region.depth, region.usable)
        diameter = float(np.cbrt(6 / np.pi * int(np.count_nonzero(region.depth > 0))))
        noise = latent_noise(region.depth.shape, own)
        delta = render(region.depth, sample_lesion(description, level, diameter, own), level, noise)
        filled = background(region)
        delta = no_darker_than_fluid(delta, filled, region.depth)
        volume = paste(volume, region, filled, delta, own, noise_around(volume, region, exclude))
    return volume
