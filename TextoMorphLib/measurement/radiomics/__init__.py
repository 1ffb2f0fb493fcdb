"""Radiomics of a lesion: 93 first-order and texture features, and 14 of its shape.

The definitions are those of the Image Biomarker Standardisation Initiative (Zwanenburg et al., Radiology 2020; manual
at arXiv 1612.07003), with PyRadiomics' names (van Griethuysen et al., Cancer Research 2017) and its conventions where
the two differ: grey levels start at a multiple of the bin width, a Gaussian's kurtosis is 3, entropies are in bits, and
features of matrices with a direction are the mean over the 13 directions of a voxel's 26 neighbours.
"""

from __future__ import annotations

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.measurement.radiomics import cooccurrence, first_order, shape, tone_difference, zones
from TextoMorphLib.measurement.radiomics.levels import BIN_WIDTH_HU, GreyLevels

# What a preset holds, by the first part of the features' names.
FEATURE_PRESETS = {
    "texture": ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"),  # 18 + 24 + 16 + 16 + 14 + 5 = 93
    "paper": ("firstorder", "shape", "glcm", "glrlm", "glszm", "gldm"),  # all 107 of PyRadiomics less ngtdm: 102
    "all": ("firstorder", "shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm"),  # 107
}


def features(
    hu: np.ndarray,
    mask: np.ndarray,
    spacing: np.ndarray,
    bin_width: float = BIN_WIDTH_HU,
    preset: str = "texture",
) -> dict[str, float]:
    """The radiomics features of one lesion.

    Args:
        hu: A scan, HU, 3D.
        mask: Boolean, of the same shape, not empty: the lesion.
        spacing: Voxel size along the three axes, mm. Only volumes, energies and shape depend on it: neighbours are
            voxels, so texture compares between scans only on one grid.
        bin_width: Of the grey levels, HU.
        preset: texture (93 features), paper (102) or all (107).

    Returns:
        Values by name ("glcm_Contrast"), always the same names in the same order for a preset. NaN where a feature is
        not defined, as the texture of a single voxel.

    Raises:
        InputError: An empty mask, another shape, an unknown preset, voxels in the mask that are not finite.
    """
    if preset not in FEATURE_PRESETS:
        raise InputError(f"unknown preset '{preset}': choose {', '.join(FEATURE_PRESETS)}")
    if hu.shape != mask.shape or hu.ndim != 3:
        raise InputError(f"the mask has {mask.shape} voxels and the scan {hu.shape}; draw it on this scan")
    if not mask.any():
        raise InputError("the mask is empty; paint the lesion")
    if not np.isfinite(hu[mask]).all():
        raise InputError("the lesion holds NaN or infinite voxels; replace them")
    levels = GreyLevels.of(hu, mask, bin_width)
    asked = FEATURE_PRESETS[preset]
    found = first_order.features(hu[mask], levels, float(np.prod(spacing)))
    if "shape" in asked:
        found |= shape.features(mask, np.asarray(spacing, float))
    found |= cooccurrence.features(levels) | zones.features(levels)
    if "ngtdm" in asked:
        found |= tone_difference.features(levels)
    return found
