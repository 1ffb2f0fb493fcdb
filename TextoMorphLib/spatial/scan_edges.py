"""Lesions that the scan's edge cuts: they go on beyond it, as the organ does.

To a mask's signed distance they end there. Their wall, or their soft border, would then lie in the scan's last slices:
a cyst that begins outside the scan would be shown by its wall alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import resample, signed_depth
from TextoMorphLib.spatial.region import Region, cover, lacking

FARTHER_MM = 20.0  # beyond the region, so that its far end is no border either


def going_on(volume: Volume, region: Region) -> Region:
    """A region whose lesion goes on beyond the scan's edge where that cuts it; the same one where it does not.

    Args:
        volume: The scan that the region was cut from.
        region: The neighbourhood of a lesion.
    """
    if not _cut(volume, region):
        return region
    shape = region.ct.shape
    around, matrix = cover(volume, region.affine, shape)
    more = np.ceil(FARTHER_MM / volume.spacing).astype(int)
    at = [np.arange(part.start - each, part.stop + each) for part, each in zip(around, more, strict=True)]
    # Away from the scan's edge no lesion reaches the ends of its box: what is repeated there is nothing.
    in_box = [
        np.clip(index - part.start, 0, part.stop - part.start - 1) for index, part in zip(at, region.box, strict=True)
    ]
    inner = tuple(slice(each, -each) for each in more)
    depth = signed_depth(region.mask[np.ix_(*in_box)], volume.spacing)[inner]
    out = [(index < 0) | (index >= size) for index, size in zip(at, volume.shape, strict=True)]
    outside = (out[0][:, None, None] | out[1][:, None] | out[2])[inner]
    unseen = resample(outside.astype(np.float32), matrix, shape) > 0.5
    depth = resample(np.ascontiguousarray(depth), matrix, shape)
    return replace(region, depth=depth + lacking(depth[~unseen]), unseen=unseen)


def _cut(volume: Volume, region: Region) -> bool:
    """Whether the lesion reaches a face of the scan."""
    return any(
        region.mask.take(side, axis).any()
        for axis, (part, size) in enumerate(zip(region.box, volume.shape, strict=True))
        for side, at_edge in ((0, part.start == 0), (-1, part.stop == size))
        if at_edge
    )
