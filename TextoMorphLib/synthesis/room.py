"""Whether a scan has room for what a text asks of a lesion there: septa within a wall, HU below the organ's, calcium.

Told by the scan and the mask alone, before the work.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import solids, structures
from TextoMorphLib.models.structures import SURE, Said
from TextoMorphLib.spatial.own_range import Range, own_range
from TextoMorphLib.spatial.region import Region, regions
from TextoMorphLib.spatial.scan_edges import going_on
from TextoMorphLib.text.concepts import as_drawn, share
from TextoMorphLib.text.understanding import Understanding
from TextoMorphLib.text.vocabulary import no_fluid

LEAST_MM = 4.2  # from the middle to the wall: septa were measured in all seeds from there on, in no more than half at 3
SOLID_HU, FLUID_HU = 30.0, 10.0  # what is measured for "solid", at least; what is darker is like fluid
DARKEST_HU = -5.0  # of what is no fat
# What is drawn so bright or so dark at the most: above the organ; of calcium, gas and fat.
BRIGHT_HU, CALCIUM_HU, GAS_HU, FAT_HU = 95.0, 500.0, -820.0, -110.0


def before(
    meant: Understanding, ct: Volume, mask: np.ndarray, replace: bool = False, within: np.ndarray | None = None
) -> list[str]:
    """What is said of the lesions of a mask before they are drawn, in words.

    Args:
        meant: What is understood of the text.
        ct: The scan.
        mask: Boolean, of its shape.
        replace: The mask holds tumours that are to be replaced.
        within: The organ, where it is known: boolean, of the scan's shape.
    """
    said = {kind: {value: 1.0} for kind, value in as_drawn(meant.description).items()}
    limits = own_range(ct)
    cut = regions(ct, mask, exclude=mask if replace else None, within=within)
    found = [dataclasses.replace(going_on(ct, region), limits=limits) for region in cut]
    return list(dict.fromkeys(each for region in found for each in told(said, no_fluid(meant.mentions), region)))


def told(said: Said, named_solid: bool, region: Region) -> list[str]:
    """What a lesion has no room for in a place, in words.

    Args:
        said: Kinds, and the probabilities of their values.
        named_solid: Whether the text says that it is no fluid.
        region: The place.
    """
    return [
        *_septa(said, float(region.depth.max())),
        *_darkness(said, named_solid, region),
        *_range(said, region.parenchyma_hu, region.limits),
    ]


def _septa(said: Said, deepest_mm: float) -> list[str]:
    """Whether a wall leaves too little room for septa."""
    crowded = structures.enclosing_mm(said, 1.0) > 0 and structures.divided(said)
    if not crowded or deepest_mm - structures.thickness_mm(said, deepest_mm) >= LEAST_MM:
        return []
    return [
        f"the wall leaves less than {LEAST_MM:g} mm to the middle of the lesion: septa hardly have room there, and may "
        "not show; make the mask larger, or leave out the wall or its thickness"
    ]


def _darkness(said: Said, named_solid: bool, region: Region) -> list[str]:
    """Whether an organ is so dark that nothing solid is darker."""
    dark = share(said, "density", "hypo") >= SURE
    if not (dark or named_solid) or solids.fluid(said) or share(said, "fat", "present") >= SURE:
        return []
    organ_hu = region.parenchyma_hu
    level = max(organ_hu - solids.most_below_hu(organ_hu, said, named_solid), DARKEST_HU)
    if named_solid and level < SOLID_HU:
        also = "a solid lesion is hardly darker than that" if dark else "the lesion may not be told from fluid"
        return [f"the organ has {organ_hu:.0f} HU here, and what is called solid {SOLID_HU:.0f} or more: {also}"]
    if dark and level < FLUID_HU:
        return [
            f"the organ has {organ_hu:.0f} HU here, as little as a fatty one: what is darker is like fluid or fat, and "
            f"is drawn at about {level:.0f} HU; most solid lesions are brighter than such an organ"
        ]
    return []


def _range(said: Said, organ_hu: float, limits: Range) -> list[str]:
    """Whether a scan was cut off by a window that something asked for lies beyond."""
    low, high = limits
    bright = max(share(said, "density", value) for value in ("hyper", "arterial")) >= SURE
    gas = max(share(said, "gas", value) for value in ("bubbles", "level")) >= SURE
    over = ["calcium"] * (share(said, "calcification", "present") >= SURE and high < CALCIUM_HU)
    over += ["what is hyperattenuating"] * (bright and high < organ_hu + BRIGHT_HU)
    under = ["gas"] * (gas and low > GAS_HU) + ["fat"] * (share(said, "fat", "present") >= SURE and low > FAT_HU)
    return [
        f"the scan's HU were cut off at {end:g} (a window?): {' and '.join(what)} is drawn no {way} than that, and may "
        "not be told from what else is"
        for end, what, way in ((high, over, "brighter"), (low, under, "darker"))
        if what
    ]
