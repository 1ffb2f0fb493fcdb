"""How sharp the border of a lesion is of which only a contour is known.

A reader's contour runs beside the true border, now outside, now inside; the mean over all of it would blur the sharpest
edge. Here each stretch of the border is looked at by itself: its step may lie up to 2.5 mm beside the contour.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from TextoMorphLib.measurement.attributes import RISE

TURNS = 16  # stretches around the lesion in the plane, on each half of it
PROFILE_MM = 5  # inside and outside the contour
ASIDE_MM = 2.5
SIGMAS_MM = np.geomspace(0.5, 4.0, 14)
LEAST_CONTRAST_HU = 20.0  # of the lesion, below which no border can be judged
LEAST_STEP_HU, LEAST_STEP = 12.0, 0.5  # a stretch that steps by less, or by less of the contrast, blends in
BLENDING_MM = 10.0  # the width that stands for such a stretch
LEAST_VOXELS = 6  # a layer
LEAST_DEPTH_MM, WALL_REACH_MM = 5, 10  # a lesion in which a wall has an inside, and how far in that is sought
LEAST_WALL_HU = 8.0
TISSUE_HU = 30.0  # how near the healthy tissue's level a stretch's outside must be: not fat, not a vessel
LEAST_STRETCHES = 5  # that tell anything of a border,
FEW_STRETCHES, STRETCHES_DOUBT = 3, 1.5  # and how little that is a limit


@dataclass(frozen=True)
class Edge:
    """What the scan shows of a border, mm; all NaN where it shows nothing.

    Attributes:
        width_mm: Its 10-90% width, the median over its stretches,
        width_doubt_mm: and the standard error of that.
        inside_mm: How far inside the contour the border lies, the median over the stretches that step,
        inside_doubt_mm: and the standard error of that.
        width_known: How surely enough stretches show a width,
        inside_known: and a place.
    """

    width_mm: float = float("nan")
    width_doubt_mm: float = float("nan")
    inside_mm: float = float("nan")
    inside_doubt_mm: float = float("nan")
    width_known: float = 0.0
    inside_known: float = 0.0


def border_edge(
    ct: np.ndarray,
    depth: np.ndarray,
    seen: np.ndarray,
    usable: np.ndarray,
    in_plane: np.ndarray,
    level: float,
    contrast: float,
) -> Edge:
    """Looks at a border stretch by stretch.

    Args:
        ct: HU, 1 mm grid.
        depth: Signed distance to the contour, mm, positive inside.
        seen: Boolean: what the scan shows.
        usable: Boolean: where tissue may be healthy.
        in_plane: Boolean: where slices blur nothing across the border, `Surroundings.in_plane`.
        level: The healthy tissue's HU.
        contrast: The lesion's HU less that.

    Returns:
        Nothing is known where the contrast is too small, or too little of the border is one to healthy tissue.
    """
    if abs(contrast) < LEAST_CONTRAST_HU:
        return Edge()
    inner = min(PROFILE_MM, max(float(depth.max()) - 0.5, 1.5))
    inside = seen & (depth > 0)
    near = (depth > -PROFILE_MM) & (depth < inner) & in_plane & (inside | usable)
    count, profiles = _stretches(ct, depth, inside, near, PROFILE_MM)
    steps = [
        step
        for own, profile in zip(count, profiles, strict=True)
        if (step := _step(own, profile, level, contrast)) is not None
    ]
    if len(steps) < FEW_STRETCHES:
        return Edge()
    places = [inside for _, inside in steps if not np.isnan(inside)]
    place = _median(places) if len(places) >= FEW_STRETCHES else (float("nan"), float("nan"))
    return Edge(*_median([width for width, _ in steps]), *place, _enough(steps), _enough(places))


def _enough(stretches: Sized) -> float:
    """How surely so many stretches tell of the whole border."""
    return float(ndtr((len(stretches) - LEAST_STRETCHES) / STRETCHES_DOUBT))


def _median(values: list[float]) -> tuple[float, float]:
    """A median and its standard error, from the middle half."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(middle), float(0.93 * (high - low) / len(values) ** 0.5)


def walled_share(ct: np.ndarray, depth: np.ndarray, seen: np.ndarray, in_plane: np.ndarray, level: float) -> float:
    """The share of a border's stretches that are brighter under the contour than on both sides: a blurred edge is not.

    Nor is healthy tissue under a contour that was drawn too wide, with fat beyond it: there a wall is what is brighter
    than healthy tissue.

    Args:
        ct: HU, 1 mm grid.
        depth: Signed distance to the contour, mm, positive inside.
        seen: Boolean: what the scan shows.
        in_plane: Boolean: where slices blur nothing across the border.
        level: The healthy tissue's HU.
    """
    deepest = int(depth.max())
    if deepest < LEAST_DEPTH_MM:
        return 0.0
    inner = min(deepest, WALL_REACH_MM)
    near = seen & (depth > -PROFILE_MM) & (depth < inner)
    count, profiles = _stretches(ct, depth, seen & (depth > 0), near & in_plane, inner)
    # The centre is too small to have stretches of its own.
    centre = near & (depth >= inner - 2)
    core = float(ct[centre].mean()) if centre.any() else 0.0
    outside, wall = slice(0, PROFILE_MM - 2), slice(PROFILE_MM - 2, -2)
    found = []
    for own, profile in zip(count, profiles, strict=True):
        known = own >= LEAST_VOXELS
        if min(known[outside].sum(), known[wall].sum()) >= 2:
            beyond = np.average(profile[outside], weights=own[outside])
            beyond = max(beyond, level) if beyond < level - TISSUE_HU else beyond
            found.append(profile[wall][known[wall]].max() > max(beyond, core) + LEAST_WALL_HU)
    return float(np.mean(found)) if len(found) >= LEAST_STRETCHES else 0.0


def _stretches(
    ct: np.ndarray, depth: np.ndarray, inside: np.ndarray, near: np.ndarray, inner: int
) -> tuple[np.ndarray, np.ndarray]:
    """[stretches, layers of a mm from -5 to `inner`]: how many voxels, and their mean HU."""
    centre = np.array(ndimage.center_of_mass(inside))
    x, y, z = (np.argwhere(near) - centre).T
    turn = np.floor((np.arctan2(y, x) / (2 * np.pi) + 0.5) * TURNS).astype(int) % TURNS
    layers = PROFILE_MM + inner
    layer = np.clip(np.floor(depth[near]).astype(int) + PROFILE_MM, 0, layers - 1)
    cell = (turn + TURNS * (z > 0)) * layers + layer
    size = 2 * TURNS * layers
    count = np.bincount(cell, minlength=size).reshape(-1, layers)
    total = np.bincount(cell, ct[near], size).reshape(-1, layers)
    return count, total / np.maximum(count, 1)


def _step(count: np.ndarray, profile: np.ndarray, level: float, contrast: float) -> tuple[float, float] | None:
    """Width of one stretch's step, and how far inside the contour it is; None if no healthy tissue is outside it."""
    filled = count >= LEAST_VOXELS
    outside, inside = filled[: PROFILE_MM - 1], filled[PROFILE_MM:]
    if outside.sum() < 2 or inside.sum() < 2:
        return None
    beyond = np.average(profile[:2], weights=count[:2] + 1e-6)
    if abs(beyond - level) > TISSUE_HU:
        return None
    at = np.arange(-PROFILE_MM, PROFILE_MM)[filled] + 0.5
    sigma, shift = (grid.reshape(-1, 1) for grid in np.meshgrid(SIGMAS_MM, np.arange(-ASIDE_MM, ASIDE_MM + 0.1, 0.5)))
    weight = np.sqrt(count[filled])
    step = ndtr((at - shift) / sigma)
    basis = np.stack([np.ones_like(step), step], axis=-1) * weight[:, None]
    turned = basis.swapaxes(1, 2)
    target = (profile[filled] * weight)[:, None]
    heights = np.linalg.solve(turned @ basis + 1e-3 * np.eye(2), turned @ target)
    misses = np.square(basis @ heights - target).sum(axis=(1, 2))
    best = int(misses.argmin())
    height = heights[best, 1, 0] * np.sign(contrast)
    if height < max(LEAST_STEP_HU, LEAST_STEP * abs(contrast)):
        return BLENDING_MM, float("nan")
    return min(RISE * float(sigma[best, 0]), BLENDING_MM), float(shift[best, 0])
