"""Where what a rare word asks for would lie: septa, walls of a thickness, calcium of a grain.

The denoiser is shown it for texts that ask for it, and for those alone. Thin sheets, shells and specks are learnt
in minutes so, and of what other texts draw nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from TextoMorphLib.models.seed_fields import FIELD_MM, FIELDS, away_mm, calcium_height, wall_mm

HINTS = (  # kinds and their values
    ("septa", "septated"),
    ("wall_thickness", "thin"),
    ("wall_thickness", "thick"),
    ("calcium_grain", "punctate"),
    ("calcium_grain", "coarse"),
)
SHEET_MM = 2.0  # how far from a septum's middle its hint reaches
EDGE_MM = 0.7  # how softly a wall begins and ends
EDGE = 0.25  # of a field of unit variance: likewise for calcium
ROOM_MM = 1.5  # how deep calcium lies at least


@dataclass(frozen=True)
class PriorNumbers:
    """What the drawing of a hint takes for given; a bundle's config.json holds those that its denoiser was shown.

    Attributes:
        wall_mm: Thickness of a wall that is called so.
        calcium_share: Calcium's share of a lesion's volume, by its grain,
        least_calcium_ml: or as much as can be seen,
        most_calcium_share: as long as it is still a part.
    """

    wall_mm: Mapping[str, float] = field(default_factory=lambda: {"thin": 1.5, "thick": 6.0})
    calcium_share: Mapping[str, float] = field(default_factory=lambda: {"punctate": 0.0075, "coarse": 0.027})
    least_calcium_ml: float = 0.006
    most_calcium_share: float = 0.1


def hints(fields: Tensor, depth: Tensor, deepest: Tensor, numbers: PriorNumbers | None = None) -> Tensor:
    """Where what each of `HINTS` draws would lie.

    Args:
        fields: [B, 8, x, y, z], as `lesion_fields` makes them.
        depth: [B, x, y, z] signed distance to the mask's border on the fields' grid, mm, positive inside; true to 8 mm.
        deepest: [B] the mask's deepest point, mm.
        numbers: The model's; today's if None.

    Returns:
        [B, 5, x, y, z], 0 to 1.
    """
    numbers = numbers or PriorNumbers()
    named = dict(zip(FIELDS, fields.unbind(1), strict=True))
    found = []
    for kind, value in HINTS:
        if kind == "septa":
            found.append(_septa(named["septa"]))
        elif kind == "wall_thickness":
            walls = [_wall(at, most, numbers.wall_mm[value]) for at, most in zip(depth, deepest.tolist(), strict=True)]
            found.append(torch.stack(walls))
        else:
            heights = calcium_height(named, value)
            found.append(torch.stack([_calcium(*both, value, numbers) for both in zip(heights, depth, strict=True)]))
    return torch.stack(found, 1)


def _septa(height: Tensor) -> Tensor:
    """1 in the middle of a septum to 0 a few mm away."""
    return torch.exp(-((away_mm(height, FIELD_MM) / SHEET_MM) ** 2))


def _wall(depth: Tensor, deepest_mm: float, thickness_mm: float) -> Tensor:
    """1 in the wall, 0 elsewhere."""
    inner = wall_mm(thickness_mm, deepest_mm)
    return torch.sigmoid(depth / EDGE_MM) * torch.sigmoid((inner - depth) / EDGE_MM)


def _calcium(height: Tensor, depth: Tensor, grain: str, numbers: PriorNumbers) -> Tensor:
    """1 in the grains, 0 elsewhere."""
    inside = depth > 0
    room = inside & (depth > ROOM_MM)
    room = room if room.any() else inside
    volume = max(float(inside.sum()), 1.0)
    least = numbers.least_calcium_ml / (volume * FIELD_MM**3 / 1000)
    share = min(max(numbers.calcium_share[grain], least), numbers.most_calcium_share)
    level = height[room].quantile(1 - min(share * volume / max(float(room.sum()), 1.0), 0.5)) if room.any() else 9.0
    return torch.sigmoid((height - level) / EDGE) * torch.sigmoid((depth - 0.5) / EDGE_MM)
