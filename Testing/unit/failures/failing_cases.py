"""A small folder of cases with failures: one lesion missed, one found, one false alarm; and healthy scans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume

SHAPE = (88, 72, 40)
AFFINE = np.array([[-0.9, 0, 0, 30], [0, 0.9, 0, -20], [0, 0, 2.0, 5], [0, 0, 0, 1]])
SPACING = np.array([0.9, 0.9, 2.0])


def ball(centre: tuple[int, int, int], radius_mm: float, stretch: float = 1.0) -> np.ndarray:
    way = (np.indices(SHAPE) - np.array(centre)[:, None, None, None]) * SPACING[:, None, None, None]
    way[0] /= stretch
    return np.linalg.norm(way, axis=0) < radius_mm


MISSED, FOUND, ALARM = ball((25, 22, 18), 8, 1.4), ball((62, 30, 20), 9), ball((30, 56, 24), 6)


def scan_of(seed: int, lesions: tuple[np.ndarray, ...] = ()) -> tuple[Volume, np.ndarray]:
    """A scan and its organ: tissue of 100 HU in fat."""
    organ = np.ones(SHAPE, bool)
    organ[:4], organ[-4:], organ[:, :4], organ[:, -4:] = False, False, False, False
    rng = np.random.default_rng(seed)
    hu = np.where(organ, 100.0, -90.0) + 8 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), 0.5) / 0.45
    for lesion in lesions:
        hu -= 55 * ndimage.gaussian_filter(lesion.astype(float), 0.6)
    return Volume.from_array(hu.astype(np.int16), AFFINE), organ


def write(folder: Path) -> Path:
    """Two cases with predictions and two healthy scans: one lesion missed, one found, one false alarm."""
    scan, organ = scan_of(0, (MISSED, FOUND))
    clean, _ = scan_of(1)
    (folder / "predictions").mkdir()
    lines = []
    for name, volume, tumours, predicted in (
        ("a", scan, MISSED | FOUND, FOUND & ~ball((62, 24, 20), 6)),
        ("b", clean, np.zeros(SHAPE, bool), ALARM),
    ):
        volume.write(folder / f"{name}.nii.gz")
        label = np.where(tumours, 2, organ).astype(np.uint8)
        Volume.from_array(label, AFFINE).write(folder / f"{name}_label.nii.gz")
        Volume.from_array((2 * predicted).astype(np.uint8), AFFINE).write(folder / f"predictions/{name}.nii.gz")
        case = {"id": name, "ct": f"{name}.nii.gz", "organ": "liver", "label": f"{name}_label.nii.gz"}
        lines.append({**case, "values": {"organ": [1], "tumour": [2]}})
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    healthy = [{**line, "id": f"h{n}", "healthy": True} for n, line in enumerate([lines[1], lines[1]])]
    (folder / "healthy.jsonl").write_text("".join(json.dumps(line) + "\n" for line in healthy))
    return folder
