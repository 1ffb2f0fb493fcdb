"""A small segmenter's training: four patients with a tumour, four without, and the command that trains on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import small_trainings
from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume

CONFIG = small_trainings.segmentation("""
[source]
kind = "ellipsoids"
diameters_mm = [8.0, 14.0]
[validation]
patches = 3
every = 2
""")


def write(folder: Path) -> Path:
    """Four patients with a tumour, four without, in two folds."""
    lines = []
    for number in range(8):
        rng = np.random.default_rng(number)
        label = np.zeros((28, 28, 28), np.uint8)
        label[4:24, 4:24, 4:24] = 1
        healthy = number % 2 == 1
        if not healthy:
            label[10:16, 10:16, 10:16] = 2
        hu = np.choose(label, [-100.0, 100.0, 40.0]) + rng.normal(0, 5, label.shape)
        hu[:2] = -1000
        affine = np.diag([2.0, 2.0, 2.0, 1.0])
        Volume.from_array(hu.astype(np.int16), affine).write(folder / f"{number}.nii.gz")
        Volume.from_array(label, affine).write(folder / f"{number}_label.nii.gz")
        known: dict[str, Any] = {"label": f"{number}_label.nii.gz", "values": {"organ": [1], "tumour": [2]}}
        if healthy:
            known = {"organ_mask": [f"{number}_label.nii.gz"], "healthy": True}
        lines.append({"id": f"c{number}", "ct": f"{number}.nii.gz", "organ": "liver", "fold": number // 4, **known})
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "config.toml").write_text(CONFIG)
    return folder


def train(cases: Path, output: Path, *more: str) -> int:
    config = next((word for word in more if word.endswith(".toml")), str(cases / "config.toml"))
    rest = [word for word in more if not word.endswith(".toml")]
    return main(
        ["train", "segmentation", config, "--cases", str(cases / "cases.jsonl"), "--output", str(output), *rest]
    )
