"""A scan made ready for lesions: the tumours that they replace taken out, their places, and what is doubtful there."""

from __future__ import annotations

import dataclasses

import numpy as np

from TextoMorphLib.io.masks import check_mask
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import healing, placement
from TextoMorphLib.spatial.own_range import own_range
from TextoMorphLib.spatial.region import Region, check_finite, regions
from TextoMorphLib.spatial.scan_edges import going_on


def prepared(
    ct: Volume,
    mask: np.ndarray,
    replace: bool,
    exclude: np.ndarray | None,
    within: np.ndarray | None,
    seed: int = 0,
    **grid: float,
) -> tuple[Volume, list[Region], list[str]]:
    """What lesions are put into.

    Args:
        ct: The scan.
        mask: Boolean, of its shape: where they go.
        replace: It holds tumours, which are taken out first.
        exclude: Boolean, of its shape: what else is no healthy tissue.
        within: Likewise, the organ, where it is known.
        seed: Of the noise where tumours were.
        grid: Of the regions, as `regions` takes it.

    Returns:
        The scan, healthy; the neighbourhood of each lesion; doubts in words.

    Raises:
        InputError: The mask does not fit, or the scan has no numbers there.
    """
    check_mask(mask, ct, replace)
    warnings = placement.warnings(ct, mask, within)
    healthy = healing.healed(ct, mask, exclude, seed, within) if replace else ct
    found = regions(healthy, mask, exclude=exclude, within=within, **grid)  # type: ignore[arg-type]
    check_finite(found)
    warnings += healing.ambiguous(found, within) if replace else healing.doubts(found)
    limits = own_range(ct)
    return healthy, [dataclasses.replace(going_on(healthy, region), limits=limits) for region in found], warnings
