"""From a decoded lesion to one that can be put into the scan: what rules do to what the networks have drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.models import contours, cores, levels, solids, structures, walls, word_structures
from TextoMorphLib.models.denoiser import depth_channels
from TextoMorphLib.spatial.compositing import deblurred, levelled, no_darker_than_fluid
from TextoMorphLib.synthesis.candidates import Place, Request


def outlined(place: Place, noise: Tensor, request: Request, latent_channels: int) -> Place:
    """A place as the denoiser is to be shown it: with the outline that the text asks for.

    Args:
        place: With the mask's outline.
        noise: [1, C, x, y, z] the latent noise that the lesion is drawn from.
        request: What is asked.
        latent_channels: C.
    """
    if not contours.changed(request.understood):
        return place
    depth = contours.outlined(place.region.depth, noise, request.understood)
    shown = depth_channels(torch.from_numpy(depth)[None, None].to(place.condition.device))
    return dataclasses.replace(
        place,
        region=dataclasses.replace(place.region, depth=depth),
        condition=torch.cat([place.condition[:, :latent_channels], shown], 1),
    )


def finished(
    delta: np.ndarray,
    place: Place,
    mask_depth: np.ndarray,
    noise: Tensor,
    request: Request,
    standing_out: bool,
    words: np.ndarray | None = None,
) -> np.ndarray:
    """A lesion with sharp edges, structures that stand out, and what rules draw, where the text asks for them.

    Args:
        delta: Lesion minus healthy tissue on the region's grid, HU, as it was decoded.
        place: Where it goes; its region's depth is that of the outline that it was drawn in.
        mask_depth: Signed distance to the mask's border, mm.
        noise: [1, C, x, y, z] the latent noise that it was drawn from.
        request: What is asked.
        standing_out: Whether rims, septa and fluid are moved to where they stand out.
        words: What the denoiser adds for the words of `word_structures`, HU; None if nothing.

    Returns:
        HU, float32, of delta's shape.
    """
    said, depth, filled = request.understood, place.region.depth, place.filled
    delta = levelled(no_darker_than_fluid(delta, filled, depth), depth, request.even)
    if request.sharp:
        delta = deblurred(delta, depth, request.sharp)
    even = depth
    if standing_out:
        delta = cores.dead(delta, filled, depth, noise, said)
        delta = solids.solid(delta, filled, depth, said, request.no_fluid)
        delta = levels.alike(delta, depth, said)
        delta, even = walls.uneven(structures.shown(delta, filled, depth, noise, said), depth, noise, said)
    delta = contours.spiculated(delta, mask_depth, noise, said)
    return word_structures.drawn(delta, filled, depth, noise, said, even, place.region.up, words)
