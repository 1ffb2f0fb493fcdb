"""`textomorph train autoencoder`: learns to carry 1 mm CT through a small latent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import save_file
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models.autoencoder import STRIDE, Autoencoder
from TextoMorphLib.simulation.anatomy_fields import smooth_field
from TextoMorphLib.simulation.backgrounds import Scan, background_crop, load_scans
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import built, check_tables, table

TABLES = dict.fromkeys(("data", "network", "batch", "training"))


@dataclass(frozen=True)
class _Data:
    """[data]: the scans' names."""

    train: tuple[str, ...]


@dataclass(frozen=True)
class _Batch:
    """[batch]: how many crops, their side, the share of them with details, and the jitter of their latents."""

    count: int
    size_mm: int
    details: float
    latent_noise: float

    def __post_init__(self) -> None:
        """Refuses what is no batch."""
        if self.count < 1 or self.size_mm < STRIDE or self.size_mm % STRIDE or min(self.details, self.latent_noise) < 0:
            raise ValueError(f"count must be 1 or more, size_mm a multiple of {STRIDE}, the others 0 or more")


def main(config: Path, data: Path, output: Path, resume: bool = False) -> Path:
    """Trains an autoencoder.

    Args:
        config: TOML with [data], [network], [training] and [batch].
        data: Folder of the CTs that the configuration names.
        output: Folder for the run; `autoencoder.safetensors` appears in it at the end.
        resume: Go on from the run's checkpoint.

    Returns:
        The weights' path.
    """
    settings = read_config(config)
    check_tables(settings, TABLES)
    loop = table(LoopConfig, settings, "training")
    batch = table(_Batch, settings, "batch")
    scans = load_scans(data, list(table(_Data, settings, "data").train))
    torch.manual_seed(loop.seed)
    network = built(Autoencoder, settings)
    if not resume:
        rng = np.random.default_rng(loop.seed)
        first = _batch(scans, rng, 32, batch.size_mm, batch.details)
        network.start_linear_path(_patches(network.scale(first)))

    def draw(rng: np.random.Generator) -> Batch:
        return {"hu": _batch(scans, rng, batch.count, batch.size_mm, batch.details)}

    def losses(model: nn.Module, drawn: Batch) -> dict[str, Tensor]:
        return reconstruction_losses(model, network, drawn["hu"], batch.latent_noise)

    average = fit(network, draw, losses, loop, output, resume, told=told_of(settings))
    path = output / "autoencoder.safetensors"
    if PartialState().is_main_process:
        with replacing(path) as (beside,):
            save_file({name: value.contiguous() for name, value in average.state_dict().items()}, beside)
    return path


def reconstruction_losses(model: nn.Module, network: Autoencoder, hu: Tensor, latent_noise: float) -> dict[str, Tensor]:
    """L1 at 1, 2 and 4 mm and of the gradient; the latent is jittered, so that its neighbours decode alike.

    Args:
        model: The network as the loop wraps it; called on HU and latent noise.
        network: The network itself, for its scaling.
        hu: [B, 1, X, Y, Z].
        latent_noise: Standard deviation of the jitter, in units of the latent.
    """
    target = network.scale(hu)
    output = network.scale(model(hu, latent_noise)).float()
    terms = {f"l1_{width}mm": functional.l1_loss(_pool(output, width), _pool(target, width)) for width in (1, 2, 4)}
    slopes = [functional.l1_loss(output.diff(dim=axis), target.diff(dim=axis)) for axis in (2, 3, 4)]
    terms["gradient"] = torch.stack(slopes).mean()
    window = network.window_hu[1] - network.window_hu[0]
    return {
        "loss": terms["l1_1mm"] + terms["l1_2mm"] + terms["l1_4mm"] + 0.5 * terms["gradient"],
        "l1_hu": terms["l1_1mm"].detach() * window / 2,
        "l1_hu_at_4mm": terms["l1_4mm"].detach() * window / 2,
    }


def _pool(x: Tensor, width: int) -> Tensor:
    return functional.avg_pool3d(x, width) if width > 1 else x


def _batch(scans: list[Scan], rng: np.random.Generator, count: int, size: int, details: float) -> Tensor:
    """[count, 1, size, size, size] HU; `details` of them with what lesions are made of."""
    crops = [background_crop(scans, size, rng) for _ in range(count)]
    crops = [with_details(crop, rng) if rng.random() < details else crop for crop in crops]
    return torch.from_numpy(np.stack(crops))[:, None]


def with_details(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds nodules with sharp and soft borders, texture and specks of calcium, so that the latent learns to hold them.

    Args:
        crop: HU on a 1 mm grid.
        rng: Source of randomness.
    """
    for _ in range(rng.integers(1, 4)):
        height = smooth_field(crop.shape, rng.uniform(1.5, 6), rng) - rng.uniform(0.8, 2.0)
        nodules = 1 / (1 + np.exp(-np.clip(height / rng.uniform(0.03, 0.5), -30, 30)))
        crop = crop + rng.uniform(-90, 90) * nodules
    if rng.random() < 0.5:
        crop = crop + rng.uniform(5, 25) * smooth_field(crop.shape, rng.uniform(1, 3), rng)
    if rng.random() < 0.5:
        specks = smooth_field(crop.shape, rng.uniform(0.7, 1.6), rng) > rng.uniform(2.6, 3.6)
        crop = crop + rng.uniform(150, 700) * ndimage.gaussian_filter(specks.astype(np.float32), 0.6)
    return crop.astype(np.float32)


def _patches(intensity: Tensor) -> Tensor:
    """[N, 64]: the 4x4x4 patches of a batch."""
    for axis in (2, 3, 4):
        intensity = intensity.unfold(axis, STRIDE, STRIDE)
    return intensity.reshape(-1, STRIDE**3)
