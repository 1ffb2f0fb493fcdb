"""Cases with tumours, as hospitals have them, made up for the tests of training on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import Case
from TextoMorphLib.io.volume import Volume

HEALTHY_HU, TUMOUR_HU, NOISE_HU = 100.0, 45.0, 15.0


def scan(
    number: int = 0,
    shape: tuple[int, int, int] = (56, 56, 14),
    spacing: tuple[float, float, float] = (0.9, 0.9, 2.5),
    diameters_mm: tuple[float, ...] = (22.0,),
    crop: int = 0,
    noise_hu: float = NOISE_HU,
) -> tuple[Volume, Volume]:
    """A scan with balls for tumours, its outermost `crop` voxels in the plane unknown, and its label map."""
    rng = np.random.default_rng(number)
    at = np.moveaxis(np.indices(shape), 0, -1) * spacing
    middle = (np.array(shape) - 1) / 2 * spacing
    tumour = np.zeros(shape, bool)
    for index, diameter in enumerate(diameters_mm):
        centre = middle + (index - (len(diameters_mm) - 1) / 2) * np.array([30.0, 0, 0])
        tumour |= np.linalg.norm(at - centre, axis=-1) < diameter / 2
    hu = np.where(tumour, TUMOUR_HU, HEALTHY_HU) + rng.normal(0, noise_hu, shape)
    hu[:4] = -1000  # air, as scans in HU have it
    if crop:
        known = np.zeros(shape, bool)
        known[crop:-crop, crop:-crop] = True
        hu[~known] = -1500
    affine = np.diag([*spacing, 1.0])
    return Volume(np.rint(hu).astype(np.int16), affine), Volume((1 + tumour).astype(np.uint8), affine)


def case(folder: Path, number: int = 0, **how: Any) -> Case:
    """Such a scan on disk; `texts`, `report` and the like go to the case, the rest to `scan`."""
    told = {name: how.pop(name) for name in ("texts", "lesion_texts", "patient", "organ", "fold") if name in how}
    report = how.pop("report", None)
    folder.mkdir(parents=True, exist_ok=True)
    ct, label = (folder / f"{number:03d}_{kind}.nii.gz" for kind in ("ct", "label"))
    for image, path in zip(scan(number, **how), (ct, label), strict=True):
        image.write(path)
    if report is not None:
        told["report"] = folder / f"{number:03d}.txt"
        told["report"].write_text(report, encoding="utf-8")
    told = {"organ": "pancreas", "patient": str(number), **told}
    return Case(f"{number:03d}", ct, label=label, values={"organ": (1,), "tumour": (2,)}, **told)
