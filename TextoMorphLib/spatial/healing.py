"""Taking a real tumour out of a scan: for what is drawn in its place, and to judge it by what it lies in.

Under a tumour nothing is healthy. What its organ is like there is judged from outside it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import noise
from TextoMorphLib.spatial.borders import beyond_organ
from TextoMorphLib.spatial.compositing import background, noise_around, smoothstep, to_scan
from TextoMorphLib.spatial.geometry import distances
from TextoMorphLib.spatial.own_range import own_range
from TextoMorphLib.spatial.region import Region, regions
from TextoMorphLib.spatial.tissue import UNKNOWN_HU, two_tissues, unlike_around

BORDER_MM = 1.5  # inside a mask, over which what lies beside it gives way to parenchyma
BESIDE_MM = 1.5  # sigma of the mean of what lies beside
THICK = 2.0  # slices are thick from so many times the smallest step on
LEAST_BESIDE = 0.01  # where less than this is known nearby there is parenchyma
VESSEL_MM, VESSEL_ABOVE_HU = 0.8, (15.0, 40.0)  # what is brighter than these, smoothed by that, is a vessel
SPILL_MM = 2.0  # how far a tumour is seen beyond its mask: it blurs, and masks are drawn tight


def healed(
    volume: Volume,
    mask: np.ndarray,
    exclude: np.ndarray | None = None,
    seed: int = 0,
    within: np.ndarray | None = None,
) -> Volume:
    """A scan as it may have been before the tumours that a mask holds: parenchyma and noise as around them.

    Args:
        volume: The scan.
        mask: Boolean, of its shape: tumours that are really there.
        exclude: Boolean, of its shape: what else is no healthy tissue of the organ, such as other lesions.
        seed: Of the noise.
        within: Boolean, of its shape: the organ, where it is known; parenchyma is judged in it, noise anywhere.

    Returns:
        A new volume. Voxels 2 mm or more outside the mask are the input's, as are fat that reaches into it and
        vessels beside it.
    """
    bad = mask if exclude is None else mask | exclude
    limits = own_range(volume)
    for number, region in enumerate(regions(volume, mask, exclude=bad, within=within)):
        away = region.depth < -SPILL_MM
        region = replace(region, usable=away if region.usable is None else away & region.usable)
        ct = volume.hu(region.box)
        outside = distances(~region.mask, volume.spacing)[1] - distances(region.mask, volume.spacing)[1]
        kept = to_scan(beyond_organ(region, SPILL_MM), region, volume)
        fresh = noise.sample_noise(noise_around(volume, region, bad), region.mask.shape, seed + number)
        filled = to_scan(background(region, SPILL_MM), region, volume)
        filled += _beside(outside) * (_tissue_beside(ct, filled, outside, volume.spacing) - filled)
        kept = np.maximum(kept, _brighter(ct, filled, outside, volume.spacing))
        scan = np.maximum(smoothstep(outside / SPILL_MM), kept)
        new = np.clip(filled + scan * (ct - filled) + np.sqrt(1 - scan * scan) * fresh, *limits)
        volume = volume.with_hu(region.box, new, (scan < 1) & (ct > UNKNOWN_HU))
    return volume


def _beside(outside: np.ndarray) -> np.ndarray:
    """How much a voxel is of what lies beside a tumour: none of it deep inside, all from 1 mm outside on."""
    return smoothstep((outside + BORDER_MM) / (BORDER_MM + 1.0))


def _tissue_beside(ct: np.ndarray, filled: np.ndarray, outside: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The mean of what lies nearest beyond a tumour's spill, HU: parenchyma there would be a line around its twin.

    What is brighter does not go on: a vessel that passes near, of this slice or the next, would be a bright edge. Nor
    does what lies in other slices where these are thick.
    """
    known = (outside > SPILL_MM) & (ct > UNKNOWN_HU)
    sigma = np.where(spacing > THICK * spacing.min(), 0, BESIDE_MM / spacing)
    weight = ndimage.gaussian_filter(known.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(known, ct, np.float32(0)), sigma)
    beside = np.where(weight > LEAST_BESIDE, total / np.maximum(weight, LEAST_BESIDE), filled)
    return np.minimum(beside, filled)


def _brighter(ct: np.ndarray, filled: np.ndarray, outside: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """How much a voxel beyond a mask is brighter than tumour and organ, 0 to 1: a vessel, and no tumour's spill."""
    known = (outside > 0) & (ct > UNKNOWN_HU)
    tumour = ct[(outside < 0) & (ct > UNKNOWN_HU)]
    if not known.any() or not tumour.size:
        return np.zeros(ct.shape, np.float32)
    sigma = np.where(spacing > THICK * spacing.min(), 0, VESSEL_MM / spacing)
    weight = ndimage.gaussian_filter(known.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(known, ct, np.float32(0)), sigma) / np.maximum(weight, LEAST_BESIDE)
    above = smooth - np.maximum(filled, float(np.median(tumour)))
    low, high = VESSEL_ABOVE_HU
    return smoothstep((above - low) / (high - low)) * known


def ambiguous(found: Sequence[Region], within: np.ndarray | None) -> list[str]:
    """Where two tissues lie around a tumour that is replaced, and either may be its organ, in words.

    Args:
        found: The tumours' neighbourhoods.
        within: The organ, where it is known: then there is nothing to doubt.
    """
    said = []
    for number, region in enumerate(found if within is None else (), start=1):
        pair = two_tissues(region.ct, region.depth, region.usable)
        if pair:
            of = f"lesion {number}" if len(found) > 1 else "the mask"
            said.append(
                f"around {of} are tissues of {pair[0]:.0f} and {pair[1]:.0f} HU; the first is taken for the organ's: "
                "give the organ's mask if it is another's (--organ-mask)"
            )
    return said


def doubts(found: Sequence[Region]) -> list[str]:
    """Where a scan that is called healthy seems to hold a tumour under the mask already, in words."""
    said = []
    for number, region in enumerate(found, start=1):
        pair = unlike_around(region.ct, region.depth, region.usable)
        if pair:
            of = f"lesion {number}" if len(found) > 1 else "the mask"
            said.append(
                f"{of} holds tissue of {pair[0]:.0f} HU, and around it are {pair[1]:.0f} HU: if a tumour is there "
                "already, say so (--replace; in Slicer: It covers a tumour), or it is taken for healthy tissue"
            )
    return said
