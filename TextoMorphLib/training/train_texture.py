"""`textomorph train texture`: learns what real tumours look like inside, from scans with masks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.masks import read_labels
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.bundle import packed
from TextoMorphLib.models.texture import TextureNetwork
from TextoMorphLib.models.texture_field import features
from TextoMorphLib.spatial.region import UNKNOWN_HU
from TextoMorphLib.spatial.slices import slice_axis
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import built, check_tables, table
from TextoMorphLib.training.texture_examples import RealLesion, real_lesion, window

# Of the logistic normal that times are drawn from: slow structure is decided early.
TIME_SPREAD, TIME_CENTRE = 1.2, -0.4
COARSE, COARSE_PIXELS = 8.0, 4  # what counts besides: the error of means over so many pixels, where slow structure is
RIDGE = 1.0  # of the regression of the spread
LEAST_LESIONS = 10
TABLES = {
    "data": ("scan", "label", "tumour", "organ", "validate"),
    **dict.fromkeys(("network", "batch", "bundle", "training")),
}


@dataclass(frozen=True)
class _Batch:
    """[batch]: how many windows, pixels a side, slices, and the share that dropout leaves out."""

    count: int
    side: int
    slices: int
    dropout: float

    def __post_init__(self) -> None:
        """Refuses what is no batch."""
        if min(self.count, self.side, self.slices) < 1 or not 0 <= self.dropout < 1:
            raise ValueError("count, side and slices must be 1 or more, dropout 0 to below 1")


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
    batch = table(_Batch, settings, "batch")
    _check_data(settings)
    chosen = [each for each in real_lesions(settings["data"], data) if not held_out(each[0], settings["data"])]
    lesions = [lesion for _, lesion in chosen]
    if len(lesions) < LEAST_LESIONS:
        raise InputError(f"{data} holds {len(lesions)} usable lesions to train on; {LEAST_LESIONS} are the least")
    torch.manual_seed(loop.seed)
    network = built(TextureNetwork, settings, dropout=batch.dropout)

    def draw(rng: np.random.Generator) -> Batch:
        drawn = [
            window(lesions[int(rng.integers(len(lesions)))], rng, batch.side, batch.slices) for _ in range(batch.count)
        ]
        return {name: torch.from_numpy(np.stack([each[name] for each in drawn])) for name in drawn[0]}

    measured = [f"{name}: {each.mean_hu:.1f}, {each.sd_hu:.2f}, {each.diameter_mm:.2f}" for name, each in chosen]
    told = told_of(settings, patients=[name for name, _ in chosen], lesions=measured)
    average = fit(network, draw, losses, loop, output, resume, told=told)
    path = output / "texture.safetensors"
    if PartialState().is_main_process:
        with replacing(path) as (beside,):
            save_file(packed({name: value.half().contiguous() for name, value in average.state_dict().items()}), beside)
        entry = {**settings.get("bundle", {}), "network": settings["network"], "spread": regression(lesions)}
        outputs.write_bytes(output / "texture.json", (json.dumps(entry, indent=2) + "\n").encode())
    return path


def _check_data(settings: Mapping[str, Any]) -> None:
    """Makes sure that [data] says which files there are, what their numbers mean, and who is kept out."""
    data = settings.get("data", {})
    if missing := [name for name in TABLES["data"] or () if name not in data]:
        raise InputError(f"[data] needs {missing[0]}; Resources/Training/starter-texture.toml shows all that it holds")
    kept, whole = data["validate"], (int, list)
    fits = isinstance(kept, Mapping) and isinstance(kept.get("of"), int) and isinstance(kept.get("is"), whole)
    if not fits or kept["of"] < 1:
        raise InputError(
            "validate in [data] must be such as { of = 5, is = 2 }: of whose numbers this rest is kept out"
        )


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
        volume = Volume.read(ct)
        labels = read_labels(label, volume)
        axis = slice_axis(volume.affine)
        order = [*(number for number in range(3) if number != axis), axis]
        hu, kinds = volume.hu((slice(None),) * 3).transpose(order), labels.transpose(order)
        tumour, organ = np.isin(kinds, data["tumour"]), np.isin(kinds, data["organ"])
        lesion = real_lesion(hu, hu > UNKNOWN_HU, tumour, organ, np.asarray(volume.spacing, float)[order])
        if lesion is not None:
            found.append((name, lesion))
    return found
