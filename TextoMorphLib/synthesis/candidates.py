"""The best of several: a seed's candidates for one lesion, held against the text until all of it holds or none can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes
from TextoMorphLib.measurement.expectations import Row, beside, compare
from TextoMorphLib.measurement.surroundings import Surroundings
from TextoMorphLib.models import samplers
from TextoMorphLib.models.texture_field import Site
from TextoMorphLib.spatial.borders import beyond_organ, neighbours
from TextoMorphLib.spatial.compositing import MARGIN_MM, vessels
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.synthesis import room, textures
from TextoMorphLib.synthesis.result import plain
from TextoMorphLib.text import vocabulary
from TextoMorphLib.text.concepts import evenness, sharpness

# Candidates are given for a region of this side: smaller ones, where more fails, get more, in these bounds.
USUAL_MM, BOUNDS = 96.0, (2, 16)
# Guidance of the candidates in turn, relative to the first's: of what is asked there may be too little or too much.
LEANING = (1.0, 1.5, 0.8)
LOBULATED_ORGANS = ("pancreas",)  # fat lies between the lobules: what is darker there is no other organ
MOTTLED_ORGANS = ("kidney",)  # cortex is brighter than medulla: what is bright there is no vessel
LEAST_LEFT = 0.05  # share of a mask in which nothing is drawn, from which on it is said
ENOUGH = 4  # candidates after which it can be said that something is out of reach:
HOPELESS = 1.5  # all miss it by more than this many times what they differ by


@dataclass(frozen=True)
class Request:
    """What is asked of every lesion.

    Attributes:
        said: [1, concepts], probabilities of what the text says.
        understood: The likely ones of these.
        mentions: The vocabulary's terms, which are held against the measurements.
        organ: What the lesion is in.
        sampler: Takes the steps.
        steps: Sampling steps.
        guidance: Guidance scale.
        candidates: How many may be drawn in a region of `USUAL_MM`.
        textured: Whether the lesion's texture is the texture network's.
        tokens: [1, L, width], the text encoder's; None where the model's words are attributes alone.
    """

    said: Tensor
    understood: dict[str, dict[str, float]]
    mentions: list[vocabulary.Mention]
    organ: str
    sampler: samplers.Sampler
    steps: int
    guidance: float
    candidates: int
    textured: bool = False
    tokens: Tensor | None = None

    @property
    def sharp(self) -> float:
        """How surely the border is sharp."""
        return sharpness(self.understood)

    @property
    def even(self) -> float:
        """How surely nothing varies inside."""
        return evenness(self.understood)

    @property
    def vessels(self) -> bool:
        """Whether the scan's own vessels go on through the lesion."""
        return vocabulary.vessels_pass(self.mentions)

    @property
    def no_fluid(self) -> bool:
        """Whether the lesion is called solid, or no cyst."""
        return vocabulary.no_fluid(self.mentions)

    @property
    def invades(self) -> bool:
        """Whether the lesion grows beyond its organ."""
        return vocabulary.invades(self.mentions)

    def most(self, region: Region) -> int:
        """How many candidates may be drawn, so that it takes about as long in a region of any size."""
        usual = self.candidates
        return int(np.clip(round(usual * USUAL_MM**3 / region.ct.size), *BOUNDS)) if usual > 1 else 1


@dataclass(frozen=True)
class Place:
    """Where a lesion goes, and all of it that no text changes.

    Attributes:
        healthy: The scan.
        region: The neighbourhood, on a 1 mm grid.
        filled: The region with healthy tissue in the mask, HU.
        covariance: The autocovariance of the scan's noise around the mask.
        condition: [1, C + 4, x, y, z]: the filled region's latent and the depth channels.
        decoded: [1, 1, X, Y, Z]: what the decoder makes of the filled region's latent, HU.
        replaces: Whether a tumour was there before: what was bright in it is none of the scan's vessels.
    """

    healthy: Volume
    region: Region
    filled: np.ndarray
    covariance: np.ndarray
    condition: Tensor
    decoded: Tensor
    replaces: bool = False

    @cached_property
    def vessels(self) -> np.ndarray:
        """The share of each of the region's voxels that is the scan's own vessel; for texts that ask for them."""
        return vessels(self.region, self.filled)

    @cached_property
    def site(self) -> Site:
        """The place as a texture network sees it."""
        return textures.look(self.healthy, self.region)

    @cached_property
    def parenchyma_hu(self) -> float:
        """HU of the healthy tissue."""
        return self.region.parenchyma_hu

    @cached_property
    def surroundings(self) -> Surroundings:
        """What lesions here are measured against."""
        return Surroundings.of(self.region)

    @cached_property
    def beyond(self) -> np.ndarray:
        """The share of each of the region's voxels that is fat, gas or bone beside the organ."""
        return beyond_organ(self.region, MARGIN_MM)

    @cached_property
    def trunks(self) -> np.ndarray:
        """The share of each of the region's voxels that is a large vessel, or a brighter organ beside this one."""
        return neighbours(self.region, MARGIN_MM, darker=False)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """The same of any other organ beside this one."""
        return neighbours(self.region, MARGIN_MM)

    def kept(self, request: Request) -> np.ndarray:
        """The share of each of the region's voxels that stays the scan's own, whatever is drawn.

        A tumour that is replaced took fat's place where it bulged: what of fat the healed scan shows is still there.
        """
        if request.invades:
            return np.zeros_like(self.filled)
        if self.replaces or request.organ in MOTTLED_ORGANS:
            return self.beyond
        others = self.trunks if request.organ in LOBULATED_ORGANS else self.neighbours
        return np.maximum(self.beyond, others)

    def doubts(self, request: Request) -> list[str]:
        """What the user should know of a lesion here, in words."""
        return [*room.told(request.understood, request.no_fluid, self.region), *self.left_alone(request)]

    def left_alone(self, request: Request) -> list[str]:
        """Whether much of the mask stays the scan's own for what lies beside the organ, in words.

        Fat, gas and bone under a mask are told by `placement`.
        """
        inside = self.region.depth > 0
        share = float(np.mean((self.kept(request) - self.beyond)[inside] > 0.5)) if inside.any() else 0.0
        if request.invades or share < LEAST_LEFT:
            return []
        return [
            f"{share:.0%} of the mask stays as it is: something brighter or darker than the organ goes on there "
            "outside the mask (a large vessel, muscle, bile, another organ); write 'invading the surroundings' if the "
            "lesion grows into it"
        ]


@dataclass(frozen=True)
class Candidate:
    """One lesion as it was drawn.

    Attributes:
        volume: The scan with it.
        number: Which of a seed's candidates it is.
        look: Measures it.
        mentions: The terms that were asked for.
    """

    volume: Volume
    number: int
    look: Callable[[], Attributes]
    mentions: list[vocabulary.Mention]

    @cached_property
    def lesion(self) -> Attributes:
        """What is measured of it, once it is asked for."""
        return self.look()

    @cached_property
    def asked(self) -> list[Row]:
        """What of the text holds."""
        return compare(self.mentions, asdict(self.lesion))

    @property
    def misses(self) -> int:
        """How much of what was asked does not hold."""
        return sum(row["ok"] is False for row in self.asked)


def best(draw: Callable[[int, float], Candidate], guidance: float, most: int) -> tuple[Candidate, list[str]]:
    """The first of a seed's candidates in which all that was asked holds, or the one in which most does.

    Args:
        draw: Makes a candidate from its number, which counts from 1, and a guidance scale.
        guidance: The first candidate's.
        most: How many may be drawn.

    Returns:
        The best, and what is out of reach for this mask, in words.
    """
    if most == 1:  # nothing to choose from
        return draw(1, LEANING[0] * guidance), []
    drawn: list[Candidate] = []
    found, hopeless = None, []
    for number in range(1, most + 1):
        drawn.append(draw(number, LEANING[(number - 1) % len(LEANING)] * guidance))
        found = min(drawn, key=lambda each: each.misses)
        hopeless = out_of_reach([each.asked for each in drawn]) if number >= min(ENOUGH, most) else []
        if found.misses <= len(hopeless):
            break
    assert found is not None
    return found, [_in_words(row, len(drawn), found.lesion.diameter_mm) for row in hopeless]


def out_of_reach(candidates: Sequence[Sequence[Row]]) -> list[Row]:
    """What no candidate reaches, or comes near: further ones would not either.

    Args:
        candidates: The rows of each, in the same order: what was asked, held against what was measured.

    Returns:
        Those rows of the last candidate.
    """
    if len(candidates) < 2:
        return []
    found = []
    for rows in zip(*candidates, strict=True):
        if any(row["ok"] is not False for row in rows):
            continue
        apart = [beside(row) for row in rows]
        if min(apart) > HOPELESS * (max(apart) - min(apart)):
            found.append(rows[-1])
    return found


def _in_words(row: Row, tries: int, diameter_mm: float) -> str:
    return (
        f"'{row['asked']}' is out of reach in a lesion of {diameter_mm:.0f} mm here: "
        f"none of {tries} candidates comes near it; no more were drawn for it"
    )


def told(found: Sequence[Candidate]) -> dict[str, Any]:
    """What a report says of the candidates that were kept, one a lesion."""
    return {
        "candidates": [best.number for best in found],
        "lesions": [plain(best.lesion) for best in found],
        "asked": [best.asked for best in found],
    }
