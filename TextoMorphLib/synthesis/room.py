"""Whether a lesion has room for the septa that a text asks for: told by its mask alone, before the work."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import structures
from TextoMorphLib.spatial.geometry import signed_depth
from TextoMorphLib.spatial.region import lesions
from TextoMorphLib.text.concepts import as_drawn
from TextoMorphLib.text.understanding import Understanding

LEAST_MM = 4.2  # from the middle to the wall: septa were measured in all seeds from there on, in no more than half at 3


def before(meant: Understanding, ct: Volume, mask: np.ndarray) -> list[str]:
    """What is said of the lesions of a mask before they are drawn, in words."""
    said = {kind: {value: 1.0} for kind, value in as_drawn(meant.description).items()}
    if not _crowded(said):
        return []
    depths = [float(signed_depth(lesion, ct.spacing).max()) for _, lesion in lesions(mask, ct.spacing)]
    return list(dict.fromkeys(each for depth in depths for each in told(said, depth)))


def told(said: structures.Said, deepest_mm: float) -> list[str]:
    """Whether a wall leaves too little room for septa, in words.

    Args:
        said: Kinds, and the probabilities of their values.
        deepest_mm: The mask's deepest point.
    """
    if not _crowded(said) or deepest_mm - structures.thickness_mm(said, deepest_mm) >= LEAST_MM:
        return []
    return [
        f"the wall leaves less than {LEAST_MM:g} mm to the middle of the lesion: septa hardly have room there, and may "
        "not show; make the mask larger, or leave out the wall or its thickness"
    ]


def _crowded(said: structures.Said) -> bool:
    """Whether septa are to lie within a wall."""
    return structures.enclosing_mm(said, 1.0) > 0 and structures.divided(said)
