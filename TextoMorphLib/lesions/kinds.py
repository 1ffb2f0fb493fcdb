"""What a lesion can be like: the kinds of attributes, their values, and the numbers each value stands for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

Description = dict[str, str]  # kind -> value; a kind left out has its default

# The first value of each kind is its default: what a text that does not speak of it means.
KINDS: dict[str, tuple[str, ...]] = {
    "density": ("default", "hypo", "iso", "hyper", "arterial"),
    "degree": ("plain", "mild", "marked"),
    "content": ("solid", "cystic", "necrotic"),
    "texture": ("default", "homogeneous", "heterogeneous"),
    "margin": ("default", "well", "ill"),
    "wall": ("none", "walled"),
    "calcification": ("none", "present"),
}

# HU relative to the parenchyma.
DENSITY_HU = {
    ("default", "plain"): (-45.0, -25.0),
    ("hypo", "mild"): (-30.0, -18.0),
    ("hypo", "plain"): (-65.0, -35.0),
    ("hypo", "marked"): (-90.0, -68.0),
    ("iso", "plain"): (-5.0, 5.0),
    ("hyper", "mild"): (18.0, 30.0),
    ("hyper", "plain"): (35.0, 65.0),
    ("hyper", "marked"): (68.0, 95.0),
    ("arterial", "plain"): (50.0, 95.0),
}
TEXTURE_HU = {"default": (4.0, 7.0), "homogeneous": (0.8, 2.0), "heterogeneous": (16.0, 26.0)}
MARGIN_MM = {"default": (2.5, 3.5), "well": (1.0, 1.8), "ill": (5.5, 7.5)}
FLUID_HU = (2.0, 18.0)
NECROSIS_HU = (8.0, 26.0)
SOLID_AT_LEAST_HU = 8.0


@dataclass(frozen=True)
class Lesion:
    """A lesion's attributes in numbers.

    Attributes:
        density_hu: Body minus parenchyma.
        texture_hu: Standard deviation of the inner texture.
        grain_mm: Its correlation length.
        margin_mm: 10-90% width of the border's rise.
        rim_hu: Wall minus body; 0 for none. A wall enhances more than the parenchyma around it.
        rim_mm: Thickness of the wall.
        core_hu: Core minus body; 0 for none.
        core_fraction: The core's radius relative to the lesion's.
        calcifications: Their number.
        calcification_hu: HU of calcium.
        calcification_mm: Diameter of a calcification.
    """

    density_hu: float
    texture_hu: float
    grain_mm: float
    margin_mm: float
    rim_hu: float
    rim_mm: float
    core_hu: float
    core_fraction: float
    calcifications: int
    calcification_hu: float
    calcification_mm: float


def draw(description: Description, parenchyma_hu: float, diameter_mm: float, seed: int) -> Lesion:
    """Draws a lesion's numbers within the ranges of its kinds.

    Args:
        description: Kinds and values; what is left out takes its default.
        parenchyma_hu: HU of the tissue it replaces.
        diameter_mm: Its diameter; texture is coarser and calcium more in larger lesions.
        seed: Each number has a random stream of its own, so that descriptions which agree in a kind agree in its numbers.
    """
    kind = {name: description.get(name, values[0]) for name, values in KINDS.items()}

    def number(name: str, low: float, high: float) -> float:
        return float(np.random.default_rng([seed, zlib.crc32(name.encode())]).uniform(low, high))

    degree = kind["degree"] if kind["density"] in ("hypo", "hyper") else "plain"
    density = number("density", *DENSITY_HU[kind["density"], degree])
    density = max(density, min(SOLID_AT_LEAST_HU - parenchyma_hu, -18.0))
    texture = number("texture", *TEXTURE_HU[kind["texture"]])
    margin = min(number("margin", *MARGIN_MM[kind["margin"]]), max(1.0, 0.45 * diameter_mm))
    core = 0.0
    if kind["content"] == "cystic":
        density = number("fluid", *FLUID_HU) - parenchyma_hu
        texture = number("texture", 0.3, 1.0)
        if kind["margin"] == "default":
            margin = min(number("margin", 1.2, 2.0), margin)
    elif kind["content"] == "necrotic":
        core = min(number("necrosis", *NECROSIS_HU) - parenchyma_hu - density, -25.0)
    count = 1 + int(number("count", 0.0, 1.0) * min(7.0, 1 + diameter_mm / 8))
    return Lesion(
        density_hu=density,
        texture_hu=texture,
        grain_mm=number("grain", 1.6, 2.4) * (1 + min(diameter_mm, 80) / 80),
        margin_mm=margin,
        rim_hu=max(number("rim", 30.0, 50.0), number("wall", 12.0, 35.0) - density) if kind["wall"] == "walled" else 0.0,
        rim_mm=number("thickness", 1.8, 3.2),
        core_hu=core,
        core_fraction=number("core", 0.5, 0.7),
        calcifications=count if kind["calcification"] == "present" else 0,
        calcification_hu=number("calcium", 400.0, 800.0),
        calcification_mm=min(number("speck", 2.5, 5.0), 0.4 * diameter_mm),
    )
