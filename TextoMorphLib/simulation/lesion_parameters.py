"""The numbers that each value of an attribute stands for in a rendered lesion."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from TextoMorphLib.spatial.geometry import smallness
from TextoMorphLib.text.concepts import ATTRIBUTES, KINDS, LEARNED, Description, as_drawn, sharpness
from TextoMorphLib.text.organs import organs

DENSITY_HU = ATTRIBUTES["density"].rendered["hu"]  # relative to the parenchyma, by density and degree
TEXTURE_HU = ATTRIBUTES["texture"].rendered["hu"]
DRAWN_MARGIN_MM = ATTRIBUTES["margin"].rendered["mm"]
DRAWN_WALL_MM = ATTRIBUTES["wall_thickness"].rendered["mm"]
CALCIUM_SHARE = ATTRIBUTES["calcium_grain"].rendered["share"]  # of a lesion's volume,
LEAST_CALCIUM_ML = 0.006  # or as much of it as can be seen,
MOST_CALCIUM_SHARE = 0.1  # as long as it is still a part

SOLID_HU = 22.0  # solid tissue is hardly darker than this,
DARK_SOLID_HU = {"plain": 14.0, "marked": 7.0}  # unless it is called hypoattenuating
LEAST_HYPO_HU = -15.0  # unless a dark parenchyma would leave no contrast
LEAST_LAG_HU = -12.0  # of a lesion of whose density nothing is said, in organs that say how far it lags behind
DRAWN_FLUID_HU = (1.0, 16.0)
NECROSIS_HU = (8.0, 30.0)
LEAST_NECROSIS_HU = -30.0  # core minus body
CLOT_HU = (72.0, 92.0)
LEAST_CLOT_HU = 50.0  # clot minus body
SEPTA_HU = (0.0, 25.0)  # relative to the parenchyma,
LEAST_SEPTA_HU = (56.0, 76.0)  # and above the body
WALL_HU = (20.0, 45.0)  # above the parenchyma
DRAWN_WALL_HU = (36.0, 56.0)  # and above the body
SMALL_TEXTURE = 1.5  # how much stronger a small lesion's texture is drawn, to be seen


@dataclass(frozen=True)
class Lesion:
    """A lesion's attributes in numbers.

    Attributes:
        density_hu: Body minus parenchyma.
        texture_hu: Standard deviation of the inner texture.
        margin_mm: 10-90% width of the border's rise, the scanner's blur and the border's unevenness included.
        rim_hu: Wall minus body; 0 for none. A wall enhances more than the parenchyma around it, too.
        rim_mm: Thickness of the wall.
        core_hu: Core minus body; 0 for none.
        clots_hu: Clots minus body; 0 for none.
        septa_hu: Septa minus body; 0 for none.
        core_fraction: Radius of a ball of the core's volume, relative to that of one of the lesion's.
        calcium_fraction: Share of its volume that is calcium.
        calcium_hu: HU of calcium.
        calcium_grain: How large its grains are: plain, punctate or coarse.
        after: What is drawn on all of this by rule, as on a model's lesions (`models/word_structures.py`).
    """

    density_hu: float
    texture_hu: float
    margin_mm: float
    rim_hu: float
    rim_mm: float
    core_hu: float
    core_fraction: float
    clots_hu: float
    septa_hu: float
    calcium_fraction: float
    calcium_hu: float
    calcium_grain: str
    after: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def sample_lesion(
    description: Description, parenchyma_hu: float, diameter_mm: float, seed: int, organ: str | None = None
) -> Lesion:
    """Draw a lesion's numbers within the ranges of its kinds.

    Each number has a random stream of its own: descriptions that agree in a kind agree in its numbers. What
    kinds have to do with each other is anatomy: a cyst holds water whatever its density is called, and the
    living part of a necrotic lesion enhances.

    Args:
        description: Kinds and values; what is left out takes its default.
        parenchyma_hu: HU of the tissue it replaces.
        diameter_mm: Its diameter.
        seed: Decides all numbers.
        organ: In which it is; as in any tissue if None.

    Returns:
        The lesion.
    """
    told = as_drawn(description)
    kind = {name: told.get(name, values[0]) for name, values in KINDS.items()}
    content = kind["content"]

    def number(name: str, low: float, high: float) -> float:
        return float(np.random.default_rng([seed, zlib.crc32(name.encode())]).uniform(low, high))

    call, degree = _density(kind)
    density = number("density", *_range(call, degree, organ, parenchyma_hu))
    darkest = DARK_SOLID_HU.get(degree, SOLID_HU) if call == "hypo" else SOLID_HU
    density = max(density, min(darkest - parenchyma_hu, LEAST_HYPO_HU))
    texture = number("texture", *TEXTURE_HU[kind["texture"]])
    if kind["texture"] == "heterogeneous":
        texture *= 1 + SMALL_TEXTURE * smallness(diameter_mm)
    sharp = sharpness({name: {value: 1.0} for name, value in kind.items()})
    margin = number("margin", *DRAWN_MARGIN_MM["well" if sharp else kind["margin"]])
    if content == "cystic":
        density = number("fluid", *DRAWN_FLUID_HU) - parenchyma_hu
        texture *= 0.15

    rim = max(number("rim", *DRAWN_WALL_HU), number("wall", *WALL_HU) - density)
    core = min(number("necrosis", *NECROSIS_HU) - parenchyma_hu - density, LEAST_NECROSIS_HU)
    volume_ml = np.pi / 6 * (diameter_mm / 10) ** 3
    calcium = calcium_share(number("calcium share", *CALCIUM_SHARE[kind["calcium_grain"]]), volume_ml)
    return Lesion(
        density_hu=density,
        texture_hu=texture,
        margin_mm=min(margin, 0.8 * diameter_mm),
        rim_hu=rim if kind["wall"] == "walled" else 0.0,
        rim_mm=number("thickness", *DRAWN_WALL_MM[kind["wall_thickness"]]),
        core_hu=core if content == "necrotic" else 0.0,
        core_fraction=number("core", 0.5, 0.7),
        clots_hu=max(number("clots", *CLOT_HU) - parenchyma_hu - density, LEAST_CLOT_HU) * (content == "haemorrhagic"),
        septa_hu=max(number("septa", *SEPTA_HU) - density, number("least septa", *LEAST_SEPTA_HU))
        if kind["septa"] == "septated"
        else 0.0,
        calcium_fraction=calcium if kind["calcification"] == "present" else 0.0,
        calcium_hu=number("calcium", 500, 900),
        calcium_grain=kind["calcium_grain"],
        after={name: {value: 1.0} for name, value in kind.items() if name not in LEARNED},
    )


def _range(call: str, degree: str, organ: str | None, parenchyma_hu: float) -> tuple[float, float]:
    """Body minus parenchyma, from and to."""
    low, high = DENSITY_HU[f"{call} {degree}"]
    if call != "default" or organ is None or not (lags := organs[organ].lags):
        return low, high
    enhancement = max(parenchyma_hu - organs[organ].unenhanced_hu, 0.0)
    low, high = (min(-share * enhancement, LEAST_LAG_HU) for share in reversed(lags))
    return low, high


def calcium_share(share: float, volume_ml: float) -> float:
    """A share of a lesion's volume for calcium, within what can be seen and what is still a part."""
    return min(max(share, LEAST_CALCIUM_ML / volume_ml), MOST_CALCIUM_SHARE)


def _density(kind: Description) -> tuple[str, str]:
    """Density and degree, where kinds have to do with each other."""
    if kind["density"] == "default" and kind["content"] == "necrotic":
        return "hypo", "mild"
    return kind["density"], kind["degree"] if kind["density"] in ("hypo", "hyper") else "plain"
