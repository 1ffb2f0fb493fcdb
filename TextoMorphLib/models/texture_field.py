"""One lesion's texture, on the scan's own slices: what the network is shown, and what is made of what it draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.texture import (
    CLIPPED,
    CONTEXT_HU,
    CONTEXT_MM,
    GROWN_MM,
    LOW_PASS_MM,
    PIXEL_MM,
    TEXTURE_NUMBERS,
    TextureNetwork,
    flow,
    scaled_numbers,
)
from TextoMorphLib.models.texture_manner import AS_DRAWN, Manner, bounded, changed
from TextoMorphLib.spatial.geometry import ball_mm, grow, placed
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.slices import depth_in_plane, low_pass, noise_and_grain, slice_axis

AROUND_MM = 16.0  # of the scan that is looked at
THIN_MM, USUAL_MM = 1.9, 2.5  # slices closer than the first are joined to about the second: the training's distance
CORE_MM = 1.5  # a field's mean and spread are those deeper than this
DIVIDES = 4  # sides of what the network sees


@dataclass(frozen=True)
class Site:
    """A lesion's place as slices.

    Attributes:
        low: [h, w, slices] the scan's low pass in the plane, HU.
        known: Boolean: what of it is healthy tissue or surroundings, not unknown.
        depth: In the plane, mm, positive inside.
        spacing: mm.
        joined: How many of the scan's slices are one here.
        noise_hu: As `noise_and_grain` measures it.
        grain_hu: Likewise.
        diameter_mm: Of the ball with the mask's volume.
        axis: Of the scan, across slices.
        inner: Where the region's box lies in here, before slices were joined.
    """

    low: np.ndarray
    known: np.ndarray
    depth: np.ndarray
    spacing: np.ndarray
    joined: int
    noise_hu: float
    grain_hu: float
    diameter_mm: float
    axis: int
    inner: tuple[slice, slice, slice]


def site(volume: Volume, region: Region, known: np.ndarray | None = None) -> Site:
    """Looks at a lesion's place.

    Args:
        volume: The scan.
        region: The lesion's neighbourhood.
        known: Boolean, of the scan's shape: where its values mean something; None for everywhere.
    """
    spacing = np.asarray(volume.spacing, float)
    box = grow(region.box, np.ceil(AROUND_MM / spacing), volume.shape)
    axis = slice_axis(volume.affine)
    order = [*(number for number in range(3) if number != axis), axis]
    mask = placed(region.mask, region.box, box).transpose(order)
    hu = volume.hu(box).transpose(order)
    seen = np.ones(mask.shape, bool) if known is None else known[box].transpose(order)
    a, b, c = (slice(region.box[n].start - box[n].start, region.box[n].stop - box[n].start) for n in order)
    spacing = spacing[order]
    joined = max(1, round(USUAL_MM / spacing[2])) if spacing[2] < THIN_MM else 1
    if joined > 1:
        hu, mask, seen = (_joined(image, joined) for image in (hu, mask.astype(np.float32), seen.astype(np.float32)))
        mask, seen = mask >= 0.5 * mask.max(), seen > 0.99
        spacing = spacing * [1, 1, joined]
    depth = depth_in_plane(mask, spacing)
    noise, grain = noise_and_grain(hu, seen, depth, spacing, LOW_PASS_MM)
    diameter = ball_mm(region.mask.sum() * volume.voxel_mm3)
    low = low_pass(hu, seen, spacing, LOW_PASS_MM)
    return Site(low, seen, depth, spacing, joined, noise, grain, diameter, axis, (a, b, c))


def spread_hu(place: Site, contrast_hu: float, mean_hu: float, table: Mapping[str, Any], deviate: float) -> float:
    """The spread of a real tumour's low pass at such a place: a regression over the training's patients.

    Args:
        place: Where.
        contrast_hu: Lesion minus parenchyma.
        mean_hu: The lesion's mean.
        table: `weights` by `features`, and `residual`.
        deviate: How many residuals above what is expected.
    """
    shown = features(place, contrast_hu, mean_hu)
    return float(np.exp(np.dot(shown, table["weights"]) + deviate * table["residual"]))


def features(place: Any, contrast_hu: float, mean_hu: float) -> np.ndarray:
    """What a spread is predicted from: the network's numbers but for the spread, |contrast| and 1."""
    numbers = scaled_numbers(
        contrast_hu, mean_hu, 1.0, place.noise_hu, place.grain_hu, float(place.spacing[2]), place.diameter_mm
    )
    kept = [number for name, number in zip(TEXTURE_NUMBERS, numbers, strict=True) if name != "log_sd"]
    return np.array([*kept, abs(numbers[0]), 1.0])


@torch.inference_mode()
def drawn(
    network: TextureNetwork,
    place: Site,
    contrast_hu: float,
    mean_hu: float,
    sd_hu: float,
    seed: int,
    steps: int,
    device: torch.device,
    manner: Manner = AS_DRAWN,
) -> np.ndarray:
    """A texture.

    Args:
        network: Trained.
        place: Where.
        contrast_hu: Lesion minus parenchyma.
        mean_hu: The lesion's mean.
        sd_hu: The spread that it will be given.
        seed: Decides it.
        steps: Of the flow.
        device: Where the network is.
        manner: What is put back that the network's samples lack.

    Returns:
        [h, w, slices] of the region's box, axes as the site's (slices last), of mean 0 and spread 1 in the lesion.
    """
    matrix, offset, shape = _grid(place)

    def cut(image: np.ndarray, beyond: float) -> np.ndarray:
        out = np.empty(shape, np.float32)
        ndimage.affine_transform(
            image, matrix, offset, output_shape=shape, output=out, order=1, mode="constant", cval=beyond
        )
        return out.transpose(2, 0, 1)

    depth, known = cut(place.depth, -99.0), cut(place.known.astype(np.float32), 0.0) > 0.999
    field = depth > -GROWN_MM
    seen = known & ~field & (depth > -CONTEXT_MM)
    beside = cut(place.low, 0.0) - mean_hu
    context = np.clip(beside / CONTEXT_HU, -3, 3) * seen
    shown = np.stack([field, context, seen, np.clip(depth / CONTEXT_MM, -1, 2)]).astype(np.float32)
    numbers = scaled_numbers(
        contrast_hu, mean_hu, sd_hu, place.noise_hu, place.grain_hu, float(place.spacing[2]), place.diameter_mm
    )
    where, told = torch.from_numpy(shown)[None].to(device), torch.tensor([numbers], device=device)
    inside = where[:, 0]
    white = torch.randn(inside.shape, generator=torch.Generator().manual_seed(seed)).to(device)

    def velocity(noisy: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
        return network(noisy, now, where, told).float() * inside

    made = flow(velocity, white * inside, steps)[0].clamp(-CLIPPED, CLIPPED).cpu().numpy()
    core = depth > CORE_MM if np.count_nonzero(depth > CORE_MM) >= DIVIDES**2 else field
    made = changed(made, field, core, manner, seed)
    made = (made - made[core].mean()) / max(float(made[core].std()), 1e-3)
    if manner.border:
        made = bounded(made, depth, beside / max(sd_hu, 1e-3), seen, manner.border)
    return _on_scan(np.where(field, made, 0).transpose(1, 2, 0), place, matrix, offset)


def _grid(place: Site) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Index of what the network sees -> index in the site (3x3 and offset), and its shape."""
    rows, columns = (np.flatnonzero((place.depth > -GROWN_MM).any(axis=(axis, 2))) for axis in (1, 0))
    slices = np.flatnonzero((place.depth > 0).any(axis=(0, 1)))
    middle = np.array([(rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2])
    wide = np.array([np.ptp(rows), np.ptp(columns)]) * place.spacing[:2] + 2 * CONTEXT_MM
    height, width = (max(16, DIVIDES * math.ceil(mm / PIXEL_MM / DIVIDES)) for mm in wide)
    first, last = max(slices[0] - 1, 0), min(slices[-1] + 1, place.depth.shape[2] - 1)
    matrix = np.diag([*(PIXEL_MM / place.spacing[:2]), 1.0])
    offset = np.array([*middle, first]) - matrix @ [(height - 1) / 2, (width - 1) / 2, 0]
    return matrix, offset, (height, width, int(last - first + 1))


def _on_scan(made: np.ndarray, place: Site, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """A field on the network's grid, on the region's box."""
    inner, joined = place.inner, place.joined
    shape = tuple(part.stop - part.start for part in inner)
    # From a voxel of the box to the site, whose slices may be several of the scan's, and on to the network's grid.
    scale = np.diag([1, 1, 1 / joined])
    start = np.array([inner[0].start, inner[1].start, (inner[2].start + 0.5) / joined - 0.5])
    back = np.linalg.inv(matrix)
    order = 3 if joined == 1 else 1
    fine = ndimage.affine_transform(
        made, back @ scale, back @ (start - offset), output_shape=shape, order=order, mode="nearest"
    )
    return np.asarray(fine, np.float32)


def _joined(image: np.ndarray, count: int) -> np.ndarray:
    """Means of so many neighbouring slices; the last one may be of fewer."""
    starts = np.arange(0, image.shape[2], count)
    sizes = np.diff([*starts, image.shape[2]])
    return np.add.reduceat(image, starts, axis=2) / sizes  # type: ignore[no-any-return]
