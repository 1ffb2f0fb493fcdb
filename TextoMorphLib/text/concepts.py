"""The schema of a lesion's attributes: what a text can say of each of them."""

from __future__ import annotations

from collections.abc import Mapping

Description = dict[str, str]  # kind -> value; a kind left out has its default
# The first value of each kind is its default: what a text that does not speak of it means.
KINDS: dict[str, tuple[str, ...]] = {
    "density": ("default", "hypo", "iso", "hyper", "arterial"),
    "degree": ("plain", "mild", "marked"),
    "content": ("solid", "cystic", "necrotic", "haemorrhagic"),
    "texture": ("default", "homogeneous", "heterogeneous"),
    "margin": ("default", "well", "ill"),
    "wall": ("none", "walled"),
    "septa": ("none", "septated"),
    "calcification": ("none", "present"),
    "wall_thickness": ("plain", "thin", "thick"),
    "calcium_grain": ("plain", "punctate", "coarse"),
}
# Kinds that say more of another one, and mean nothing without it.
QUALIFIES = {"wall_thickness": "wall", "calcium_grain": "calcification"}


def sharpness(said: Mapping[str, Mapping[str, float]]) -> float:
    """How surely a lesion's border is sharp: it is called so, or nothing is said of it and it is a cyst's or a wall's.

    Args:
        said: Kinds, and the probabilities of their values.

    Returns:
        0 to 1.
    """

    def share(kind: str, value: str) -> float:
        return said.get(kind, {}).get(value, 0.0)

    return share("margin", "well") + share("margin", "default") * max(
        share("content", "cystic"), share("wall", "walled")
    )
