"""Tumours by hand-made rules, after "Label-Free Liver Tumor Segmentation" (Hu et al., CVPR 2023), from its description.

An uneven ellipsoid, away from vessels, filled with blurred noise darker than the organ, with a soft edge. Deviations:
the scan's own noise stays (what is added is a difference), there is no mass effect, and sizes are drawn evenly on a log
scale. A baseline to hold others against: it knows no words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from TextoMorphLib.sources import Insertion, span
from TextoMorphLib.sources.placement import DIAMETERS_MM, Placement
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU


class Ellipsoids:
    """Darker, blurred ellipsoids.

    Attributes:
        contrast_hu: Between which the lesion's mean difference to the organ is drawn.
        edge_mm: Between which the width of its edge is drawn (sigma of a Gaussian).
        avoid_vessels: Whether tumours keep to the organ's homogeneous part; without, masks are those of other sources.
    """

    def __init__(
        self,
        spacing_mm: float = 1.0,
        diameters_mm: Sequence[float] = DIAMETERS_MM,
        shapes: str | None = None,
        contrast_hu: tuple[float, float] = (-80.0, -20.0),
        edge_mm: tuple[float, float] = (0.6, 1.5),
        avoid_vessels: bool = True,
    ) -> None:
        self.spacing_mm = spacing_mm
        self.contrast_hu, self.edge_mm = span("contrast_hu", contrast_hu), span("edge_mm", edge_mm, least=0.0)
        self.avoid_vessels = avoid_vessels
        self.placement = Placement(spacing_mm, diameters_mm, shapes)

    def insert(self, patch: np.ndarray, organ: np.ndarray, rng: np.random.Generator) -> Insertion:
        """See `TumourSource.insert`."""
        mask = self.placement.masks(_without_vessels(patch, organ) if self.avoid_vessels else organ, rng)
        ct = patch + self.change(patch, mask, rng)
        return Insertion(ct.astype(np.float32), np.where(mask, 2, organ).astype(np.uint8), "")

    def change(self, patch: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What is added to a patch to put a tumour into a mask, HU, of its shape."""
        edge = rng.uniform(*self.edge_mm) / self.spacing_mm
        grain = ndimage.gaussian_filter(rng.standard_normal(patch.shape, np.float32), rng.uniform(0.8, 2.5))
        grain *= rng.uniform(3, 12) / max(float(grain.std()), 1e-6)
        share = ndimage.gaussian_filter(mask.astype(np.float32), edge)
        return np.asarray(share * (np.float32(rng.uniform(*self.contrast_hu)) + grain), np.float32)


def _without_vessels(patch: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """The organ's homogeneous part, where there is one."""
    smooth = ndimage.gaussian_filter(patch, 1.0)
    inside = smooth[organ]
    middle, spread = np.median(inside), max(1.5 * float(np.median(np.abs(inside - np.median(inside)))), 10.0)
    calm = organ & (np.abs(smooth - middle) < 2 * spread) & (smooth > SOFT_TISSUE_HU[0])
    return calm if calm.any() else organ
