"""A scan of a few centimetres with places for lesions: jobs on it take a fraction of a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.simulation.phantom import phantom

SIDE_MM = 64.0
TEXTS = ("hypoattenuating", "hyperattenuating, well-defined", "cystic lesion", "ill-defined, heterogeneous")


def write(folder: Path, places: int = 4, diameter_mm: float = 10.0) -> None:
    """Writes `ct.nii.gz`, a piece of the phantom's liver, and masks `1.nii.gz` on in `masks`."""
    ct, organs = phantom()
    middle = np.argwhere(organs["liver"]).mean(0)
    half = SIDE_MM / 2 / ct.spacing
    box = tuple(slice(max(int(c - h), 0), min(int(c + h), n)) for c, h, n in zip(middle, half, ct.shape, strict=True))
    affine = ct.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([part.start for part in box])
    piece = Volume(ct.data[box].copy(), affine, ct.slope, ct.intercept)
    piece.write(folder / "ct.nii.gz")
    (folder / "masks").mkdir()
    for place in range(1, places + 1):
        mask = lesion_mask(piece, organs["liver"][box], diameter_mm, seed=place)
        Volume.from_array(mask, affine).write(folder / "masks" / f"{place}.nii.gz")


def jobs(count: int, places: int, **more: Any) -> str:
    """Lines of jobs on it, each with a seed of its own, into `out`."""
    lines = [
        {
            "ct": "ct.nii.gz",
            "mask": f"masks/{number % places + 1}.nii.gz",
            "text": TEXTS[number % len(TEXTS)],
            "output": f"out/{number + 1:05d}.nii.gz",
            "seed": number,
            "preset": "preview",
            **more,
        }
        for number in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)
