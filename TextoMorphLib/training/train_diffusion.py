"""`textomorph train diffusion`: teaches the denoiser what words do to a lesion's latent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file
from torch import Tensor, nn

from TextoMorphLib.diffusion.schedule import Schedule
from TextoMorphLib.networks import bundle
from TextoMorphLib.networks.autoencoder import Autoencoder
from TextoMorphLib.networks.denoiser import Denoiser
from TextoMorphLib.text import encoder as text_encoder
from TextoMorphLib.training import cache
from TextoMorphLib.training.loop import Batch, LoopConfig, fit, read_config

OUTSIDE_WEIGHT = 0.05  # of the loss where the composite takes nothing from the model


@dataclass(frozen=True)
class Texts:
    """Encoded texts, packed: most are much shorter than the encoder's window."""

    hidden: list[Tensor]
    pooled: Tensor
    length: int

    def take(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """The padded tokens [B, L, W] and sentence vectors [B, W] of some texts."""
        padded = torch.zeros(len(rows), self.length, self.pooled.shape[1])
        for row, index in enumerate(rows):
            tokens = self.hidden[index]
            padded[row, : len(tokens)] = tokens
        return padded, self.pooled[rows].float()


@dataclass(frozen=True)
class Pairs:
    """All pairs of one crop size, and where their texts are: [pair, description, wording]."""

    tensors: dict[str, Tensor]
    rows: np.ndarray


def main(config: Path, data: Path, output: Path, resume: bool = False) -> Path:
    """Trains a denoiser.

    Args:
        config: TOML; `Resources/Training/starter-diffusion.toml` shows all that it holds.
        data: Folder of the CTs that the configuration names.
        output: Folder for the run; the model's bundle appears in its folder `model` at the end.
        resume: Go on from the run's checkpoint.

    Returns:
        The bundle's folder.
    """
    settings = read_config(config)
    examples = settings["examples"]
    counts = {int(size): pairs for size, pairs in examples["pairs"].items()}
    shards = cache.Shards(
        autoencoder=settings["autoencoder"]["network"],
        weights=(config.parent / settings["autoencoder"]["weights"]).resolve(),
        data=data,
        names=settings["data"]["train"],
        folder=output / "examples",
        wordings=examples["wordings"],
        seed=settings["training"]["seed"],
    )
    process = PartialState()
    with process.main_process_first():  # the others find the examples made
        cache.make(shards, counts, examples["workers"])
    sizes, texts = _read(shards, counts, settings["text"]["encoder"])
    network = Denoiser(**settings["network"])
    network.latent_scale.copy_(_scale([pairs.tensors for pairs in sizes.values()]))
    schedule = Schedule(**settings["schedule"])
    batch = settings["batch"]

    def draw(rng: np.random.Generator) -> Batch:
        return draw_pairs(sizes, texts, batch, network.latent_scale, rng)

    def losses(model: nn.Module, drawn: Batch) -> dict[str, Tensor]:
        return paired_losses(model, schedule, drawn, batch["text_dropout"], batch["contrast"])

    average = fit(network, draw, losses, LoopConfig(**settings["training"]), output, resume)
    folder = output / "model"
    if not process.is_main_process:
        return folder
    autoencoder = Autoencoder(**settings["autoencoder"]["network"])
    autoencoder.load_state_dict(load_file(shards.weights))
    bundle.save(folder, bundle_config(settings), {"autoencoder": autoencoder, "denoiser": average}, _card(settings))
    return folder


def bundle_config(settings: dict[str, Any]) -> dict[str, Any]:
    """What a bundle says of the model that these settings train."""
    text = text_encoder.load(settings["text"]["encoder"])
    return {
        "name": settings["model"]["name"],
        "spacing_mm": 1.0,
        "autoencoder": settings["autoencoder"]["network"],
        "denoiser": settings["network"],
        "schedule": settings["schedule"],
        "text_encoder": {"name": text.name, "sha256": text.sha256},
        "defaults": settings["model"]["defaults"],
    }


def _card(settings: dict[str, Any]) -> str:
    """What is known of a model when its training ends."""
    scans = "\n".join(f"- {name}" for name in settings["data"]["train"])
    pairs = sum(settings["examples"]["pairs"].values())
    steps = settings["training"]["steps"]
    return f"""# {settings["model"]["name"]}

A text-conditioned 3D latent diffusion model made by `textomorph train`. For research; not validated clinically.

Trained on lesions rendered into crops of these scans, and into procedural anatomy ({pairs} pairs, {steps} steps):

{scans}

Results: none measured yet; see `textomorph benchmark control --help`.
"""


def draw_pairs(
    sizes: dict[int, Pairs], texts: Texts, batch: dict[str, Any], scale: Tensor, rng: np.random.Generator
) -> Batch:
    """A batch of pairs of one crop size; both of a pair follow each other in the second axis.

    Returns:
        lesion [N, 2, C, x, y, z], place [N, C + 4, x, y, z], weight [N, 1, x, y, z], and of the texts
        hidden [N, 2, L, W] and pooled [N, 2, W].
    """
    odds = np.array([batch["odds"][str(size)] for size in sizes], float)
    size = list(sizes)[rng.choice(len(odds), p=odds / odds.sum())]
    pairs, count = sizes[size], batch["count"][str(size)]
    index = rng.integers(len(pairs.rows), size=count)
    wording = rng.integers(pairs.rows.shape[2], size=(count, 2))
    rows = pairs.rows[index[:, None], np.arange(2), wording]
    hidden, pooled = texts.take(rows.ravel())
    depth = pairs.tensors["depth"][index].float()
    near = (depth[:, 1:2] > -0.5).float()  # within 4 mm of the mask
    return {
        "lesion": pairs.tensors["lesions"][index].float() / scale,
        "place": torch.cat([pairs.tensors["filled"][index].float(), depth], 1),
        "weight": near + OUTSIDE_WEIGHT * (1 - near),
        "hidden": hidden.unflatten(0, (count, 2)),
        "pooled": pooled.unflatten(0, (count, 2)),
    }


def paired_losses(
    model: nn.Module, schedule: Schedule, batch: Batch, text_dropout: float, contrast: float
) -> dict[str, Tensor]:
    """The latent diffusion loss (paper, Eq. 1) of both of each pair, and the loss of their difference.

    Both see the same noise at the same time, so that the difference of the predictions is what the words did; its
    error, counted `contrast` times extra, is the push between texts on one scan (paper, section 3.3).

    Args:
        model: The denoiser.
        schedule: Noise levels.
        batch: As `draw_pairs` makes it.
        text_dropout: Share of the pairs that train without text, for classifier-free guidance.
        contrast: Weight of the difference's loss.
    """
    lesion = batch["lesion"]
    count = len(lesion)
    # Noisy times are drawn more often: there the words decide, later the latent itself shows what to draw.
    time = (schedule.timesteps * (1 - torch.rand(count, device=lesion.device).square())).long()
    time = time.clamp(max=schedule.timesteps - 1)
    noise = torch.randn_like(lesion[:, 0])
    kept = (torch.rand(count, device=lesion.device) >= text_dropout).float()
    noisy, wanted = zip(*(schedule.noised(lesion[:, i], noise, time) for i in (0, 1)), strict=True)
    predicted = model(
        torch.cat(noisy),
        time.repeat(2),
        batch["place"].repeat(2, 1, 1, 1, 1),
        torch.cat([batch["hidden"][:, i] * kept[:, None, None] for i in (0, 1)]),
        torch.cat([batch["pooled"][:, i] * kept[:, None] for i in (0, 1)]),
    ).float()
    error = (predicted - torch.cat(wanted)).unflatten(0, (2, count))
    weight = batch["weight"] / batch["weight"].mean(dim=(1, 2, 3, 4), keepdim=True)

    def mean(square: Tensor) -> Tensor:
        return (square * weight).mean()

    diffusion = mean(error.square().mean(0))
    difference = mean((error[0] - error[1]).square() * kept.view(-1, 1, 1, 1, 1))
    return {"loss": diffusion + contrast * difference, "diffusion": diffusion, "difference": difference}


def _read(shards: cache.Shards, counts: dict[int, int], encoder: str) -> tuple[dict[int, Pairs], Texts]:
    """Everything in memory: latents as they are on disk, each distinct text encoded once."""
    sizes: dict[int, Pairs] = {}
    row: dict[str, int] = {}
    for size, pairs in counts.items():
        tensors, texts = cache.read(shards, size, pairs)
        rows = np.array([[[row.setdefault(t, len(row)) for t in words] for words in pair] for pair in texts])
        sizes[size] = Pairs(tensors, rows)
    encode = text_encoder.load(encoder)
    hidden: list[Tensor] = []
    pooled: list[Tensor] = []
    words = list(row)
    for start in range(0, len(words), 256):
        tokens = encode.encode(words[start : start + 256])
        hidden += [h[m].half() for h, m in zip(tokens.hidden, tokens.mask, strict=True)]
        pooled.append(tokens.pooled)
    return sizes, Texts(hidden, torch.cat(pooled), encode.length)


def _scale(tensors: list[dict[str, Tensor]]) -> Tensor:
    """[1, C, 1, 1, 1]: the root mean square of the lesions' latents near the mask, without the few largest values."""
    values = []
    for part in tensors:
        near = part["depth"][:100, 1] > 0
        lesions = part["lesions"][:100, 0].float().movedim(1, -1)[near]
        values.append(lesions)
    every = torch.cat(values)
    limit = every.abs().quantile(0.99, dim=0)
    return every.clamp(-limit, limit).square().mean(0).sqrt().view(1, -1, 1, 1, 1)
