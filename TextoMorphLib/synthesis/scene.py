"""A scan and the places of lesions in it: what is to be known before any text, and is kept for the next one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from TextoMorphLib.io.masks import digest
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.word_structures import rises_or_sinks
from TextoMorphLib.spatial import lying
from TextoMorphLib.spatial.compositing import background, noise_around
from TextoMorphLib.spatial.preparation import prepared
from TextoMorphLib.synthesis.candidates import Place
from TextoMorphLib.synthesis.result import Clock

Encode = Callable[[np.ndarray, np.ndarray], tuple[Tensor, Tensor]]  # filled and depth -> condition and decoded


@dataclass(frozen=True)
class Scene:
    """A scan and where lesions go in it.

    Attributes:
        key: What it was made from, but for the mask.
        mask: Boolean, of the scan's shape.
        healthy: The scan that the lesions are put into: without the tumours that they replace.
        places: One a lesion.
        warnings: What is doubtful about the places, in words.
    """

    key: bytes
    mask: np.ndarray
    healthy: Volume
    places: list[Place]
    warnings: list[str]


def as_lying(scene: Scene, said: Mapping[str, Mapping[str, float]]) -> Scene:
    """A scene that knows which way is up, where something is asked for that rises or sinks."""
    if not rises_or_sinks(said):
        return scene
    regions, doubts = lying.turned(scene.healthy, [place.region for place in scene.places])
    places = [
        place if place.region is region else dataclasses.replace(place, region=region)  # what is known of it stays
        for place, region in zip(scene.places, regions, strict=True)
    ]
    return dataclasses.replace(scene, places=places, warnings=[*scene.warnings, *doubts])


def key_of(ct: Volume, replace: bool, exclude: np.ndarray | None, within: np.ndarray | None) -> bytes:
    """What tells scenes apart, but for the mask; it looks at every voxel of the scan.

    And at all else that a result takes over from it: two scans may share their voxels, and no header.
    """
    told = (sorted(ct.metadata.items()), ct.frame_of_reference, ct.patient_position, ct.header)
    frames = b"".join(name.encode() + affine.tobytes() for name, affine in ct.frames.items())
    masks = bytes([replace, exclude is None, within is None]) + digest(exclude) + digest(within)
    return ct.fingerprint() + masks + frames + repr(told).encode()


def look_at(
    ct: Volume,
    mask: np.ndarray,
    clock: Clock,
    encode: Encode,
    replace: bool = False,
    exclude: np.ndarray | None = None,
    within: np.ndarray | None = None,
    key: bytes = b"",
) -> Scene:
    """A scene; arguments and errors as `Synthesizer.synthesize` has them, `encode` the model's part of it."""
    with clock("regions"):
        healthy, found, warnings = prepared(ct, mask, replace, exclude, within)
    # What was filled in has noise that was made up; under a tumour there is the scan's own.
    tumours = exclude if not replace else mask if exclude is None else mask | exclude
    places = []
    for region in found:
        with clock("background"):
            filled, covariance = background(region), noise_around(ct, region, tumours)
        with clock("encode"):
            places.append(Place(healthy, region, filled, covariance, *encode(filled, region.depth), replace))
    return Scene(key, mask.copy(order="K"), healthy, places, warnings)  # in its own order the next is soon compared
