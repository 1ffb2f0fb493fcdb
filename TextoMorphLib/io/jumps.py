"""Whether a scan's scale changes from a slice to the next, as where one lacks its rescale, or series were joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume

LEAST_HU = 100.0  # that all of a slice differs by,
ALIKE = 0.5  # and by how little the middle four fifths of the differences spread, relative to it
_SIDE = 64  # columns and rows that are looked at


def jump(volume: Volume) -> str:
    """Says where all of a slice is brighter or darker than the one before by about the same; empty if nowhere.

    Args:
        volume: The scan; its slices are the planes that lie farthest apart.
    """
    axis = 2 - int(np.argmax(volume.spacing[::-1]))
    steps = [1 if n == axis else max(1, size // _SIDE) for n, size in enumerate(volume.shape)]
    i, j, k = (slice(None, None, step) for step in steps)
    planes = np.moveaxis(volume.hu((i, j, k)), axis, 0).reshape(volume.shape[axis], -1)
    held = planes.max(axis=1) > planes.min(axis=1)  # a slice of one value is padding
    low, middle, high = np.percentile(np.diff(planes, axis=0), (10, 50, 90), axis=1)
    found = (np.minimum(np.abs(low), np.abs(high)) > LEAST_HU) & (high - low < ALIKE * np.abs(middle))
    found &= held[1:] & held[:-1]
    if not found.any():
        return ""
    at = int(np.argmax(found))
    return (
        f"all of slice {at + 2} lies about {abs(middle[at]):.0f} HU {'over' if middle[at] > 0 else 'under'} slice "
        f"{at + 1}: the scale seems to change within the scan (a slice without its rescale, or two series in one)"
    )
