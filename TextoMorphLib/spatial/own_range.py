"""Between which HU a scan was stored, where a window cut it off: what is drawn keeps to that, or looks impossible."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

Range = tuple[float, float]  # from and to, HU
WHOLE: Range = (-np.inf, np.inf)
SAMPLED_VOXELS = 1e6
LEAST_VOXELS, HEAPED, BESIDE_HU = 8, 2.0, 20.0  # at an end, and how much commoner than each of the HU beside it
MOST_EQUAL = 0.5  # share of neighbours that are equal in a scan with noise: an image without any ends as it was drawn


def own_range(volume: Volume) -> Range:
    """The ends at which a scan was cut off; infinite where it was not.

    Values heap up there, as what was beyond has become them, where noise leaves each scan's own extremes alone.
    """
    step = max(1, round((volume.data.size / SAMPLED_VOXELS) ** (1 / 3)))
    hu = volume.hu((slice(None, None, step),) * 3)
    known = hu[hu > UNKNOWN_HU]
    if not known.size:
        return WHOLE
    low, high = float(known.min()), float(known.max())
    within = (hu > low) & (hu < high)
    axis = int(np.argmax(hu.shape))
    pairs = np.moveaxis(within, axis, 0)[1:] & np.moveaxis(within, axis, 0)[:-1]
    if not pairs.any() or np.mean(np.moveaxis(np.diff(hu, axis=axis), axis, 0)[pairs] == 0) > MOST_EQUAL:
        return WHOLE
    return low if _heaped(known, low, 1) else -np.inf, high if _heaped(known, high, -1) else np.inf


def _heaped(known: np.ndarray, end: float, inwards: int) -> bool:
    count = np.count_nonzero(known == end)
    apart = inwards * (known - end)
    beside = np.count_nonzero((apart > 0) & (apart <= BESIDE_HU)) / BESIDE_HU
    return bool(count >= LEAST_VOXELS and count > HEAPED * beside)
