"""Drawn by rule after decoding, if a text asks for it: dense fluid, fat, gas, levels, nodules, scars, rings, locules.

What is drawn lies where `word_shapes` puts it by the seed's own fields, on the lesion that the denoiser has drawn,
before there is any noise; `contours` does the same for the outline. A denoiser that was told these words
(`word_layers`) draws them, too: what it draws stays where it is near enough, and the rule mends the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from torch import Tensor

from TextoMorphLib.io.patient_position import ON_BACK, Up
from TextoMorphLib.models import structures, word_shapes
from TextoMorphLib.models.structures import LEAST_VOXELS, SURE, thickness_mm
from TextoMorphLib.models.word_shapes import Fields, sigmoid
from TextoMorphLib.spatial.geometry import tight_box

FAT_HU, FAT_VARIES = -88.0, 9.0
GAS_HU = -820.0
DENSE_HU, DENSE_ABOVE, MOST_DENSE_HU = 66.0, 20.0, 88.0  # fluid with blood or protein; above an organ without contrast
FLUID_HU, SEDIMENT_HU = 14.0, (38.0, 62.0)  # of a fluid; of its sediment: above the fluid, and at least
NODULE_HU = (62.0, 1.0, 6.0)  # above the fluid at least; of the organ's HU; how much it varies
GLOBULE_HU, GLOBULE_ABOVE_BODY = 75.0, 90.0  # above the organ, and above the body at least
RING_HU = (40.0, 14.0)  # above the body, and above the organ, at least
RING_FADE = 0.6  # how much darker than the body halo and centre are, of what the ring is brighter
SCAR_HU, SCAR_LEAST_HU = (-46.0, -15.0), 12.0  # below the body and the organ, and how dark it may become
CELL_FLUID_HU = 6.0  # at the most,
CELL_WALL_HU = {"multilocular": 68.0, "microcystic": 66.0}  # what walls are above it,
CELL_HU = {"multilocular": 7.0, "microcystic": 3.0}  # and how much cells differ
SMOOTH_MM = 0.5  # the scanner's blur, sigma

NEAR_HU = 6.0  # what a network has drawn of it stays as far from the rule's; nothing of it twice as far

Said = Mapping[str, Mapping[str, float]]
Word = tuple[str, str]  # kind and value


def drawn(
    delta: np.ndarray,
    filled: np.ndarray,
    depth: np.ndarray,
    noise: Tensor,
    said: Said,
    even: np.ndarray | None = None,
    up: Up = ON_BACK,
    learned: np.ndarray | None = None,
) -> np.ndarray:
    """A lesion with what its text asks for.

    Args:
        delta: Lesion minus healthy tissue on a 1 mm grid with axes to R, A and S, HU, without noise.
        filled: That healthy tissue, HU.
        depth: Signed distance to the lesion's border, mm, positive inside.
        noise: [1, C, x, y, z] the latent noise that it was drawn from.
        said: Kinds, and the probabilities of their values.
        even: How deep each voxel would lie if the wall were even (`walls`); None if it is.
        up: Which way is up in the patient: gas rises, and sediment sinks.
        learned: What a network that has learned these words adds to the lesion for them, HU. It stays where it is near
            what the rule draws; farther off, as in what is finer than its latent, the rule's is taken, so that nothing
            is drawn twice.

    Returns:
        HU, float32, of delta's shape; the same array where nothing is asked for.
    """
    asked = words_of(said)
    if not asked or np.count_nonzero(depth > 0) < LEAST_VOXELS:
        return delta
    box = tight_box(depth > -3.0)
    scene = _scene(delta, filled, depth, noise, said, even, up, box)
    for (kind, value), share in asked.items():
        scene.turn(_DRAW[kind][value](scene), share)
    out = delta.copy()
    out[box] = scene.hu - scene.filled
    if learned is not None:
        off = (delta + learned)[box] - out[box]
        out[box] += np.clip(off, -NEAR_HU, NEAR_HU) * np.clip(2 - np.abs(off) / NEAR_HU, 0, 1)
    return out


def words_of(said: Said) -> dict[Word, float]:
    """What is asked for, in the order in which it is drawn, and how surely."""
    found = {(kind, value): said.get(kind, {}).get(value, 0.0) for kind, value in WORDS}
    return {word: share for word, share in found.items() if share >= SURE}


def shape(word: Word, depth: np.ndarray, noise: Tensor, said: Said, up: Up = ON_BACK) -> np.ndarray:
    """Where what a word asks for lies: the rule's share of each voxel, about 0 to 1; for the rest as `drawn`."""
    found = np.zeros(depth.shape, np.float32)
    if np.count_nonzero(depth > 0) < LEAST_VOXELS:
        return found
    box = tight_box(depth > -3.0)
    scene = _scene(found, found, depth, noise, said, None, up, box)
    kind, value = word
    if kind == "locules":
        found[box] = scene.room * word_shapes.locules(scene.fields, scene.depth, value)[0]
    elif value == "target":
        found[box] = word_shapes.ring(scene.fields, scene.depth)
    else:
        found[box] = _DRAW[kind][value](scene)[0]
    return found


def rises_or_sinks(said: Said) -> bool:
    """Whether what is asked for lies by how the patient lay."""
    return any(said.get(kind, {}).get(value, 0.0) >= SURE for kind, value in _HEAVY)


def _scene(
    delta: np.ndarray,
    filled: np.ndarray,
    depth: np.ndarray,
    noise: Tensor,
    said: Said,
    even: np.ndarray | None,
    up: Up,
    box: tuple[slice, ...],
) -> _Scene:
    fields = word_shapes.fine_fields(noise, float(depth.max()), box)
    return _Scene(delta[box], filled[box], depth[box], fields, said, (depth if even is None else even)[box], up)


class _Scene:
    """A lesion that is being drawn on: HU without noise, in its box."""

    def __init__(
        self,
        delta: np.ndarray,
        filled: np.ndarray,
        depth: np.ndarray,
        fields: Fields,
        said: Said,
        even: np.ndarray,
        up: Up,
    ) -> None:
        self.filled, self.depth, self.fields, self.said, self.up = filled, depth, fields, said, up
        self.hu = filled + delta
        self.deepest = float(depth.max())
        self.walled = said.get("wall", {}).get("walled", 0.0) >= SURE
        self.wall_mm = thickness_mm(said, self.deepest) if self.walled else min(0.8, 0.2 * self.deepest)
        self.room = sigmoid((even - self.wall_mm) / (word_shapes.EDGE_MM / 2))
        inner = even > min(self.wall_mm + 1.0, 0.6 * self.deepest)
        self.body = float(np.quantile(self.hu[inner], 0.4))
        self.organ = float(np.median(filled[depth > 0]))

    def turn(self, made: tuple[np.ndarray, np.ndarray | float], sure: float) -> None:
        """Puts something of an HU where its share is."""
        share, hu = made
        share = ndimage.gaussian_filter(np.asarray(share, np.float32), SMOOTH_MM) * np.float32(sure)
        self.hu = np.asarray(self.hu + share * (hu - self.hu), np.float32)


Drawing = tuple[np.ndarray, np.ndarray | float]


def _dense(scene: _Scene) -> Drawing:
    """A cyst with all that is in it, so much brighter; to be told from an organ that is about as bright itself."""
    seen = scene.organ + DENSE_ABOVE
    rise = (seen if DENSE_HU < seen <= MOST_DENSE_HU else DENSE_HU) - scene.body
    within = scene.room if scene.walled else sigmoid(scene.depth / (word_shapes.EDGE_MM / 2))
    return within, scene.hu + max(rise, 0.0)


def _fat(scene: _Scene) -> Drawing:
    return word_shapes.fat(scene.fields, scene.depth), FAT_HU + FAT_VARIES * scene.fields["grain"]


def _bubbles(scene: _Scene) -> Drawing:
    return word_shapes.gas(scene.fields, scene.depth, scene.room, False, scene.up), GAS_HU


def _air(scene: _Scene) -> Drawing:
    return word_shapes.gas(scene.fields, scene.depth, scene.room, True, scene.up), GAS_HU


def _layered(scene: _Scene) -> Drawing:
    above, least = SEDIMENT_HU
    return word_shapes.sediment(scene.depth, scene.room, scene.up), max(min(scene.body, FLUID_HU) + above, least)


def _nodule(scene: _Scene) -> Drawing:
    above, share, varies = NODULE_HU
    hu = max(scene.body + above, share * scene.organ)
    return word_shapes.nodule(scene.fields, scene.depth, scene.room), hu + varies * scene.fields["grain"]


def _globules(scene: _Scene) -> Drawing:
    hu = max(scene.organ + GLOBULE_HU, scene.body + GLOBULE_ABOVE_BODY)
    return word_shapes.globules(scene.fields, scene.depth), hu + 4 * scene.fields["grain"]


def _target(scene: _Scene) -> Drawing:
    above_body, above_organ = RING_HU
    rise = max(above_body, scene.organ + above_organ - scene.body)
    ring = word_shapes.ring(scene.fields, scene.depth)
    inside = sigmoid((scene.depth - 1.0) / word_shapes.EDGE_MM)
    return inside, scene.hu + rise * ring - 0.25 * RING_FADE * rise * (1 - ring)


def _scar(scene: _Scene) -> Drawing:
    below = min(scene.body + SCAR_HU[0], scene.organ + SCAR_HU[1])
    return word_shapes.scar(scene.fields, scene.depth), max(below, min(scene.body - 20, SCAR_LEAST_HU))


def _locules(kind: str, scene: _Scene) -> Drawing:
    walls, own = word_shapes.locules(scene.fields, scene.depth, kind)
    fluid = min(scene.body, scene.organ - 25, CELL_FLUID_HU) + CELL_HU[kind] * np.clip(own, -1.5, 1.5)
    rise = max(CELL_WALL_HU[kind], structures.SEPTUM_SHARE * (scene.organ - float(fluid.mean())))
    return scene.room, fluid + walls * rise


# Kinds and values in the order in which they are drawn: what is last lies on top.
_DRAW = {
    "fluid": {"dense": _dense},
    "locules": {
        "multilocular": lambda scene: _locules("multilocular", scene),
        "microcystic": lambda scene: _locules("microcystic", scene),
    },
    "pattern": {"target": _target, "peripheral nodular": _globules},
    "scar": {"central": _scar},
    "layering": {"layered": _layered},
    "nodule": {"mural": _nodule},
    "fat": {"present": _fat},
    "gas": {"bubbles": _bubbles, "level": _air},
}
KINDS = tuple(_DRAW)
WORDS: tuple[Word, ...] = tuple((kind, value) for kind, draw in _DRAW.items() for value in draw)
_HEAVY = (("layering", "layered"), ("gas", "bubbles"), ("gas", "level"))
