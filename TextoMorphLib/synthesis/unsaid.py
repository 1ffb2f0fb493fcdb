"""How bright a lesion is where the text leaves that open, and real lesions of the organ tell it.

A model draws what its training took for usual, in every organ alike. How bright tumours are of whose density a text
says nothing depends on the organ: of a pancreatic one that stands out somebody would have said so.
"""

from __future__ import annotations

import numpy as np

from TextoMorphLib.spatial.compositing import smoothstep
from TextoMorphLib.spatial.texturing import interior_mean
from TextoMorphLib.synthesis.candidates import Place, Request
from TextoMorphLib.synthesis.textures import SURE, fits, ruled
from TextoMorphLib.text.concepts import share
from TextoMorphLib.text.organs import organs

UNSAID_SEEDS = 32_452_843  # from a lesion's seed to that of what is not said
MARGIN_MM, FLUID_MARGIN_MM = 3.6, 1.2  # width of a border of which nothing is said, and of a cyst's
# What a lesion must be for its level to be left open: a wall, septa, a core or a border that are spoken of were seen.
SOLID = {"density": "default", "content": "solid", "margin": "default", "wall": "none", "septa": "none"}
FLUID = ("content", "cystic")


def as_usual(delta: np.ndarray, place: Place, request: Request, seed: int) -> np.ndarray:
    """A lesion moved to the level that such lesions have, where the text leaves it open.

    Args:
        delta: Lesion minus healthy tissue on the region's grid, HU.
        place: Where it goes.
        request: What is asked.
        seed: The lesion's, the same for all of its candidates.

    Returns:
        HU, float32, of delta's shape.
    """
    organ = organs[request.organ]
    if _is_open(request):
        level, margin_mm = place.parenchyma_hu + _drawn(organ.unsaid_contrast_hu, seed), MARGIN_MM
    elif organ.fluid_hu and share(request.understood, *FLUID) >= SURE and not ruled(request.understood):
        level, margin_mm = _drawn(organ.fluid_hu, seed), FLUID_MARGIN_MM
    else:
        return delta
    depth = place.region.depth
    now = interior_mean(place.filled + delta, depth)
    return np.asarray(delta + (level - now) * smoothstep(0.5 + depth / margin_mm), np.float32)


def told(request: Request) -> list[str]:
    """A note where a solid lesion's density is not said, and the organ's real lesions decide it."""
    if not _is_open(request):
        return []
    known = organs[request.organ].unsaid_contrast_hu
    return [
        f"the text leaves the density open: the seed draws it as of real tumours of the {request.organ} whose density "
        f"cannot be told ({known[0][1]:.0f} to {known[-1][1]:.0f} HU from the organ), and little may show; "
        "write 'hypoattenuating' or another density to have that"
    ]


def _is_open(request: Request) -> bool:
    """Whether the model would take its default for a density that is not said; models without one draw freely."""
    said, known = request.understood, organs[request.organ].unsaid_contrast_hu
    return bool(known) and "density" in said and fits(said, SOLID) and not ruled(said)


def _drawn(known: tuple[tuple[float, float], ...], seed: int) -> float:
    shares, hu = zip(*known, strict=True)
    return float(np.interp(np.random.Generator(np.random.PCG64(seed + UNSAID_SEEDS)).random(), shares, hu))
