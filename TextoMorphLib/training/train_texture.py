"""`textomorph train texture`: learns what real tumours look like inside, from scans with masks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.bundle import packed
from TextoMorphLib.models.texture import TextureNetwork
from TextoMorphLib.models.texture_field import features
from TextoMorphLib.spatial.region import UNKNOWN_HU
from TextoMorphLib.spatial.slices import slice_axis
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import check_tables, table
from TextoMorphLib.training.texture_examples import RealLesion, real_lesion, window

# Of the logistic normal that times are drawn from: slow structure is decided early.
TIME_SPREAD, TIME_CENTRE = 1.2, -0.4
COARSE, COARSE_PIXELS = 8.0, 4  # what counts besides: the error of means over so many pixels, where slow structure is
RIDGE = 1.0  # of the regression of the spread
LEAST_LESIONS = 10
TABLES = {
    "data": ("scan", "label", "tumour", "organ", "validate"),
    "network": None,
    "batch": ("count", "side", "slices", "dropout"),
    "bundle": None,
    "training": None,
}


def main(config: Path, data: Path, output: Path, resume: bool = False) -> Path:
    """Trains a texture network.

    Args:
        config: TOML; `Resources/Training/starter-texture.toml` shows all that it holds.
        data: Folder with the scans and labels that the configuration's patterns name.
        output: Folder for the run; `texture.safetensors` and `texture.json`, a bundle's entry, appear in it.
        resume: Go on from the run's checkpoint.

    Returns:
        The weights' path.

    Raises:
        InputError: There are too few lesions.
    """
    settings = read_config(config)
    check_tables(settings, TABLES)
    loop = table(LoopConfig, settings, "training")
    chosen = [each for each in real_lesions(settings["data"], data) if not held_out(each[0], settings["data"])]
    lesions = [lesion for _, lesion in chosen]
    if len(lesions) < LEAST_LESIONS:
        raise InputError(f"{data} holds {len(lesions)} usable lesions to train on; {LEAST_LESIONS} are the least")
    torch.manual_seed(loop.seed)
    network = TextureNetwork(**settings["network"], dropout=settings["batch"]["dropout"])
    count, side, slices = (settings["batch"][name] for name in ("count", "side", "slices"))

    def draw(rng: np.random.Generator) -> Batch:
        drawn = [window(lesions[int(rng.integers(len(lesions)))], rng, side, slices) for _ in range(count)]
        return {name: torch.from_numpy(np.stack([each[name] for each in drawn])) for name in drawn[0]}

    told = told_of(settings, patients=[name for name, _ in chosen])
    average = fit(network, draw, losses, loop, output, resume, told=told)
    path = output / "texture.safetensors"
    save_file(packed({name: value.half().contiguous() for name, value in average.state_dict().items()}), path)
    entry = {**settings["bundle"], "network": settings["network"], "spread": regression(lesions)}
    (output / "texture.json").write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
    return path


def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The squared error of the velocity, where the field is; that of its coarse part counts extra."""
    real, inside = batch["field"], batch["place"][:, 0]
    time = torch.sigmoid(TIME_CENTRE + TIME_SPREAD * torch.randn(len(real), device=real.device))
    noise = torch.randn_like(real) * inside
    at = time[:, None, None, None]
    velocity = model(at * real + (1 - at) * noise, time, batch["place"], batch["numbers"]).float()
    error, weight = velocity - (real - noise), batch["weight"]
    fine = (error.square() * weight).sum() / weight.sum().clamp(min=1)
    means = functional.avg_pool2d(error * weight, COARSE_PIXELS)
    coarse = means.square().sum() / functional.avg_pool2d(weight, COARSE_PIXELS).sum().clamp(min=1)
    return {"loss": fine + COARSE * coarse, "fine": fine, "coarse": coarse}


def regression(lesions: list[RealLesion]) -> dict[str, Any]:
    """How a tumour's spread follows from its place: ridge regression of its logarithm, and what that leaves."""
    shown = np.array([features(lesion, lesion.contrast_hu, lesion.mean_hu) for lesion in lesions])
    spread = np.log([lesion.sd_hu for lesion in lesions])
    penalty = RIDGE * np.diag([*np.ones(shown.shape[1] - 1), 0.0])
    weights = np.linalg.solve(shown.T @ shown + penalty, shown.T @ spread)
    left = float((spread - shown @ weights).std())
    return {"weights": [round(float(weight), 4) for weight in weights], "residual": round(left, 4)}


def held_out(name: str, data: Mapping[str, Any]) -> bool:
    """Whether a patient is kept for validation: the last number in a name decides, so that it is always the same."""
    number = re.findall(r"\d+", name)
    kept = data["validate"]
    return bool(number) and int(number[-1]) % int(kept["of"]) in np.atleast_1d(kept["is"])


def real_lesions(data: Mapping[str, Any], folder: Path) -> list[tuple[str, RealLesion]]:
    """Every usable tumour by its patient."""
    found = []
    for ct in sorted(folder.glob("*" + data["scan"])):
        name = ct.name.removesuffix(data["scan"])
        label = ct.with_name(name + data["label"])
        if not label.is_file():
            raise InputError(f"{ct} has no label beside it; {label.name} is expected")
        volume, labels = Volume.read(ct), Volume.read(label)
        if volume.shape != labels.shape:
            raise InputError(f"{label} has the shape {labels.shape}, its scan {volume.shape}")
        axis = slice_axis(volume.affine)
        order = [*(number for number in range(3) if number != axis), axis]
        hu, kinds = (each.hu((slice(None),) * 3).transpose(order) for each in (volume, labels))
        kinds = np.rint(kinds)
        tumour, organ = np.isin(kinds, data["tumour"]), np.isin(kinds, data["organ"])
        lesion = real_lesion(hu, hu > UNKNOWN_HU, tumour, organ, np.asarray(volume.spacing, float)[order])
        if lesion is not None:
            found.append((name, lesion))
    return found
