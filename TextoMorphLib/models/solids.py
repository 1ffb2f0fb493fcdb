"""Solid tissue that is no fluid: in an organ without contrast medium a dark lesion is not as dark as a cyst.

What "hypoattenuating" takes away is learned in HU, whatever the organ has. Where it has little, nothing would be left
that tells solid tissue from water.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from TextoMorphLib.models.structures import LEAST_VOXELS, SURE, Said

DARKEST_HU = {"mild": 30.0, "plain": 24.0, "marked": 13.0}  # a solid lesion's mean, by its degree,
LEAST_BELOW_HU = {"mild": 15.0, "plain": 23.0, "marked": 32.0}  # unless too little were left of what it is darker by
OTHER = ("cystic", "necrotic")  # than solid
SMOOTH_MM, DEEP_MM = 2.0, 4.0  # texture is left as it is, where the border does not reach


def solid(delta: np.ndarray, filled: np.ndarray, depth: np.ndarray, said: Said) -> np.ndarray:
    """A lesion that is not as dark as fluid, unless the text asks for fluid or necrosis.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        filled: That healthy tissue, HU.
        depth: Signed distance to the lesion's border, mm, positive inside.
        said: Kinds, and the probabilities of their values.

    Returns:
        HU, float32, of delta's shape; the same array where nothing had to be raised.
    """
    if sum(said.get("content", {}).get(value, 0.0) for value in OTHER) >= SURE:
        return delta
    inside = depth > min(3.0, 0.45 * float(depth.max()))
    if np.count_nonzero(inside) < LEAST_VOXELS:
        return delta
    organ, darker = float(np.median(filled[inside])), -float(delta[inside].mean())
    degrees = said.get("degree", {"plain": 1.0})
    most = sum(share * max(organ - DARKEST_HU[value], LEAST_BELOW_HU[value]) for value, share in degrees.items())
    if darker <= most:
        return delta
    kept = np.float32(most / darker)
    texture = (delta - ndimage.gaussian_filter(delta, SMOOTH_MM)) * np.clip(depth - DEEP_MM, 0, 1)
    return np.asarray(kept * delta + (1 - kept) * texture, np.float32)
