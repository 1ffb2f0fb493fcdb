"""Solid tissue that is no fluid: in an organ without contrast medium a dark lesion is not as dark as a cyst.

What "hypoattenuating" takes away is learned in HU, whatever the organ has. Where it has little, nothing would be left
that tells solid tissue from water.
"""

from __future__ import annotations

import numpy as np

from TextoMorphLib.models.structures import LEAST_VOXELS, SURE, Said
from TextoMorphLib.spatial.geometry import mean_at_depth

DARKEST_HU = {"mild": 30.0, "plain": 24.0, "marked": 13.0}  # a solid lesion's mean, by its degree,
LEAST_BELOW_HU = {"mild": 15.0, "plain": 23.0, "marked": 32.0}  # unless too little were left of what it is darker by
# What is called solid, or no cyst, is brighter than any fluid; and darker than the organ, if it is called that.
NAMED_HU, NAMED_BELOW_HU = 33.0, 13.0
OTHER = ("cystic", "necrotic")  # than solid
BORDER_MM = 1.0  # what lies no deeper than this, or outside, becomes no brighter than the organ


def solid(delta: np.ndarray, filled: np.ndarray, depth: np.ndarray, said: Said, named: bool = False) -> np.ndarray:
    """A lesion that is not as dark as fluid, unless the text asks for fluid or necrosis.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid, HU, without noise.
        filled: That healthy tissue, HU.
        depth: Signed distance to the lesion's border, mm, positive inside.
        said: Kinds, and the probabilities of their values.
        named: Whether the text says that it is no fluid.

    Returns:
        HU, float32, of delta's shape; the same array where nothing had to be raised.
    """
    if fluid(said):
        return delta
    deepest = float(depth.max())
    inside = depth > min(3.0, 0.45 * deepest)
    if np.count_nonzero(inside) < LEAST_VOXELS:
        return delta
    organ, darker = float(np.median(filled[inside])), -float(delta[inside].mean())
    most = most_below_hu(organ, said, named)
    if darker <= most:
        return delta
    raised = np.float32(most / darker - 1) * mean_at_depth(delta, depth)  # what varies at a depth is texture, and stays
    shallow = depth <= BORDER_MM
    raised[shallow] = np.minimum(raised, np.maximum(-delta, 0))[shallow]
    return np.asarray(delta + raised, np.float32)


def fluid(said: Said) -> bool:
    """Whether a text asks for fluid or necrosis."""
    return sum(said.get("content", {}).get(value, 0.0) for value in OTHER) >= SURE


def most_below_hu(organ_hu: float, said: Said, named: bool) -> float:
    """How much darker than its organ a solid lesion may be, HU.

    Args:
        organ_hu: The organ's.
        said: Kinds, and the probabilities of their values.
        named: Whether the text says that the lesion is no fluid.
    """
    degrees = said.get("degree", {"plain": 1.0})
    most = sum(share * max(organ_hu - DARKEST_HU[value], LEAST_BELOW_HU[value]) for value, share in degrees.items())
    if not named:
        return most
    dark = said.get("density", {}).get("hypo", 0.0) >= SURE
    return min(most, max(organ_hu - NAMED_HU, NAMED_BELOW_HU if dark else 0.0))
