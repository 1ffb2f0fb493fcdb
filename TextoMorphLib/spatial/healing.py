"""Taking a real tumour out of a scan: for what is drawn in its place, and to judge it by what it lies in.

Under a tumour nothing is healthy. What its organ is like there is judged from outside it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.borders import beyond_organ
from TextoMorphLib.spatial.compositing import background, noise_around, smoothstep, to_scan
from TextoMorphLib.spatial.geometry import distances
from TextoMorphLib.spatial.region import Region, regions
from TextoMorphLib.spatial.tissue import UNKNOWN_HU, unlike_around

SPILL_MM = 2.0  # how far a tumour is seen beyond its mask: it blurs, and masks are drawn tight


def healed(volume: Volume, mask: np.ndarray, exclude: np.ndarray | None = None, seed: int = 0) -> Volume:
    """A scan as it may have been before the tumours that a mask holds: parenchyma and noise as around them.

    Args:
        volume: The scan.
        mask: Boolean, of its shape: tumours that are really there.
        exclude: Boolean, of its shape: what else is no healthy tissue of the organ, such as other lesions.
        seed: Of the noise.

    Returns:
        A new volume. Voxels 2 mm or more outside the mask are the input's, as is fat that reaches into it.
    """
    bad = mask if exclude is None else mask | exclude
    for number, region in enumerate(regions(volume, mask, exclude=bad)):
        away = region.depth < -SPILL_MM
        region = replace(region, usable=away if region.usable is None else away & region.usable)
        ct = volume.hu(region.box)
        _, outside = distances(~region.mask, volume.spacing)
        kept = to_scan(beyond_organ(region, SPILL_MM), region, volume)
        scan = np.maximum(smoothstep(outside / SPILL_MM), kept)
        fresh = noise.sample_noise(noise_around(volume, region, bad), region.mask.shape, seed + number)
        filled = to_scan(background(region, SPILL_MM), region, volume)
        new = filled + scan * (ct - filled) + np.sqrt(1 - scan * scan) * fresh
        volume = volume.with_hu(region.box, new, (scan < 1) & (ct > UNKNOWN_HU))
    return volume


def doubts(found: Sequence[Region]) -> list[str]:
    """Where a scan that is called healthy seems to hold a tumour under the mask already, in words."""
    said = []
    for number, region in enumerate(found, start=1):
        pair = unlike_around(region.ct, region.depth, region.usable)
        if pair:
            of = f"lesion {number}" if len(found) > 1 else "the mask"
            said.append(
                f"{of} holds tissue of {pair[0]:.0f} HU, and around it are {pair[1]:.0f} HU: if a tumour is there "
                "already, say so (--replace), or it is taken for healthy tissue"
            )
    return said
