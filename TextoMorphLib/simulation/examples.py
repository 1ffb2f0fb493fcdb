"""The data engine: (healthy crop, mask, text, lesion) examples that are true by construction.

No annotated tumours can be shipped, so lesions whose attributes are known are rendered into healthy crops, and the
text is written from those attributes. One example can be rendered under several descriptions with everything else
equal: the pairs that teach the model what one word changes (paper, section 3.3, the "push").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.simulation.shapes import lesion_depth
from TextoMorphLib.spatial.compositing import background
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import parenchyma_hu
from TextoMorphLib.text.concepts import ATTRIBUTES, LEARNED, QUALIFIES, Description

CONTEXT_MM = 12.0
LEAST_MM = 4.5


@dataclass(frozen=True)
class Example:
    """A place for a lesion, and what one would look like under a description.

    Attributes:
        background: Healthy crop with the mask's inside filled by smooth parenchyma, HU.
        depth: Signed distance to the mask's border, mm.
        diameter_mm: The mask's.
        parenchyma: HU.
        seed: Decides the lesion's numbers within their kinds' ranges.
        noise: [1, C, X/4, Y/4, Z/4] standard normal: the latent noise that the diffusion starts from, and that the
            lesion's random fields are made of.
        organ: In which it is; None where that is not known.
    """

    background: np.ndarray
    depth: np.ndarray
    diameter_mm: float
    parenchyma: float
    seed: int
    noise: torch.Tensor
    organ: str | None = None

    def render(self, description: Description) -> np.ndarray:
        """The lesion minus the background in HU, noise free; descriptions that agree in a kind share its numbers."""
        lesion = sample_lesion(description, self.parenchyma, self.diameter_mm, self.seed, self.organ)
        return render(self.depth, lesion, self.parenchyma, self.noise)


def place(
    crop: np.ndarray,
    rng: np.random.Generator,
    latent_channels: int = 8,
    least_mm: float = LEAST_MM,
    organ: str | None = None,
    diameter_mm: float | None = None,
) -> Example:
    """Chooses a mask in a crop; its centre lies near the crop's, its size leaves room for the surroundings.

    Args:
        crop: HU on a 1 mm grid, a cube.
        rng: Source of randomness.
        latent_channels: Of the noise.
        least_mm: No smaller mask, however small the crop.
        organ: What is in the crop's middle, if that is known.
        diameter_mm: The mask's; drawn if None.
    """
    largest = len(crop) - 2 * CONTEXT_MM
    drawn = float(np.exp(rng.uniform(np.log(max(least_mm, largest / 5)), np.log(largest))))
    diameter = drawn if diameter_mm is None else diameter_mm
    depth = lesion_depth(crop.shape, diameter, float(rng.uniform(0, 1)), rng)
    whole = tuple(slice(0, n) for n in crop.shape)
    region = Region(crop, depth, np.eye(4), whole, depth > 0)  # type: ignore[arg-type]
    seed = int(rng.integers(2**31))
    noise = latent_noise(crop.shape, int(rng.integers(2**31)), latent_channels)
    return Example(background(region), depth, diameter, parenchyma_hu(crop, depth), seed, noise, organ)


def random_description(rng: np.random.Generator) -> Description:
    """Attributes drawn independently of each other, as far as they can go together."""
    drawn = {kind: _pick(kind, rng) for kind in LEARNED}
    return consistent(drawn)


def flipped(description: Description, rng: np.random.Generator) -> Description:
    """The description with one kind changed."""
    while True:
        kind = str(rng.choice([k for k in LEARNED if k != "degree" or description["density"] in ("hypo", "hyper")]))
        changed = consistent({**description, kind: _pick(kind, rng)})
        if changed != description:
            return changed


def consistent(description: Description) -> Description:
    """Removes what cannot go together: a cyst's density and texture are a fluid's; degrees need a density."""
    fixed = dict(description)
    if fixed["content"] == "cystic":
        fixed["density"] = fixed["density"] if fixed["density"] == "hypo" else "default"
        fixed["degree"] = "plain"
        fixed["texture"] = fixed["texture"] if fixed["texture"] == "homogeneous" else "default"
    if fixed["density"] not in ("hypo", "hyper"):
        fixed["degree"] = "plain"
    for kind, other in QUALIFIES.items():
        if fixed[other] == LEARNED[other][0]:
            fixed[kind] = LEARNED[kind][0]
    return fixed


def _pick(kind: str, rng: np.random.Generator) -> str:
    return str(rng.choice(ATTRIBUTES[kind].values, p=ATTRIBUTES[kind].odds))
