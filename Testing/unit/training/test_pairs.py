"""The renderer alone, in pairs: one attribute flipped, everything else equal, must be measured so.

If the renderer were not measured right, no model trained on it could be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, measure_in
from TextoMorphLib.measurement.surroundings import Surroundings
from TextoMorphLib.simulation.backgrounds import Scan, background_crop, load_scans
from TextoMorphLib.simulation.examples import Example, place
from TextoMorphLib.spatial.compositing import noise_around, paste
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.text.concepts import Description

pytestmark = pytest.mark.slow

# more of it, less of it, the attribute that tells, at least this large
FLIPS: list[tuple[Description, Description, str, float]] = [
    ({"density": "hyper"}, {"density": "hypo"}, "contrast_hu", 8),
    ({"density": "arterial"}, {"density": "hypo"}, "contrast_hu", 8),
    ({"density": "iso"}, {"density": "hypo"}, "contrast_hu", 8),
    ({"density": "hyper", "degree": "marked"}, {"density": "hyper", "degree": "mild"}, "contrast_hu", 8),
    ({"density": "hypo", "degree": "mild"}, {"density": "hypo", "degree": "marked"}, "contrast_hu", 8),
    ({"content": "solid"}, {"content": "cystic"}, "mean_hu", 8),
    ({"texture": "heterogeneous"}, {"texture": "homogeneous"}, "texture_hu", 8),
    ({"margin": "ill", "density": "hypo"}, {"margin": "well", "density": "hypo"}, "margin_mm", 8),
    ({"wall": "walled"}, {"wall": "none"}, "rim_hu", 8),
    ({"wall": "walled", "wall_thickness": "thick"}, {"wall": "walled", "wall_thickness": "thin"}, "wall_mm", 10),
    ({"content": "solid"}, {"content": "necrotic"}, "core_hu", 12),
    ({"calcification": "present"}, {"calcification": "none"}, "bright_fraction", 8),
    (
        {"calcification": "present", "calcium_grain": "coarse"},
        {"calcification": "present", "calcium_grain": "punctate"},
        "calcium_mm",
        20,
    ),
]


@dataclass(frozen=True)
class Place:
    """Where a lesion may go, and what it is measured against, looked at once."""

    example: Example
    scan: Volume
    region: Region
    covariance: np.ndarray
    around: Surroundings


class Places:
    """Healthy crops of one size with a place for a lesion, each made, and measured under a description, once."""

    def __init__(self, scans: list[Scan], side: int, least_mm: float) -> None:
        self.scans, self.side, self.least_mm = scans, side, least_mm
        self.rng = np.random.default_rng(11)
        self.made: list[Place] = []
        self.known: dict[tuple[int, str], Attributes] = {}

    def at_least(self, least_mm: float, count: int) -> Iterator[int]:
        """The numbers of so many places of a diameter."""
        for number in itertools.count():
            if number == len(self.made):
                self.made.append(self._next())
            if self.made[number].example.diameter_mm >= least_mm:
                yield number
                count -= 1
            if not count:
                return

    def measured(self, number: int, description: Description) -> Attributes:
        """As the product does it: composited with noise like that around it, then held against the healthy crop."""
        key = number, str(description)
        if key not in self.known:
            at = self.made[number]
            delta = at.example.render(description)
            made = paste(at.scan, at.region, at.example.background, delta, at.example.seed, at.covariance)
            self.known[key] = measure_in(at.around, made.hu())
        return self.known[key]

    def _next(self) -> Place:
        while True:
            crop = background_crop(self.scans, self.side, self.rng)
            example = place(crop, self.rng, least_mm=self.least_mm)
            # Words such as "hypoattenuating" have no meaning in tissue that is itself as dark as fluid.
            if 40 < example.parenchyma < 160:
                everywhere = tuple(slice(0, size) for size in crop.shape)
                region = Region(crop, example.depth, np.eye(4), everywhere, example.depth > 0)
                scan = Volume.from_array(crop, np.eye(4))
                around = Surroundings(crop, example.depth, None, example.parenchyma)
                return Place(example, scan, region, noise_around(scan, region), around)


@pytest.fixture(scope="module")
def places(phantom_ct: Path) -> dict[float, Places]:
    """By their least diameter: large lesions need large crops."""
    scans = load_scans(phantom_ct.parent, [phantom_ct.name])
    return {least: Places(scans, side, least) for least, side in ((8, 40), (20, 56))}


@pytest.mark.parametrize(("more", "less", "attribute", "least_mm"), FLIPS, ids=lambda value: str(value))
def test_flipped_attribute_is_measured(
    places: dict[float, Places], more: Description, less: Description, attribute: str, least_mm: float
) -> None:
    here = places[20 if least_mm >= 20 else 8]
    right = [
        getattr(here.measured(number, more), attribute) > getattr(here.measured(number, less), attribute)
        for number in here.at_least(least_mm, count=20)
    ]
    assert np.mean(right) >= 0.95
