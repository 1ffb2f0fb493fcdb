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

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.denoiser import Denoiser, field_channels
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.text import encoders as text_encoder
from TextoMorphLib.text.concepts import LEARNED
from TextoMorphLib.training import cache
from TextoMorphLib.training.loop import Batch, LoopConfig, fit, read_config

OUTSIDE_WEIGHT = 0.05  # of the loss where the composite takes nothing from the model
# Losses are relative to what is to be learnt, so that faint attributes (a margin's width) count as much as strong ones
# (calcium); these keep the quotients finite, in units of the latent's variance.
LEAST_POWER, LEAST_CHANGE = 0.1, 0.02
PURE_NOISE = 0.8  # share of the pairs seen at the last time alone
LEAST_EFFECT = 0.02  # what words do to a lesion's features, relative to those of the latent; likewise
MOST_UNSURE = 0.15  # a classifier is never quite sure; how much of its probability may go to other values


@dataclass(frozen=True)
class Pairs:
    """All pairs of one crop size, and what the classifier makes of their texts: said [N, 2, concepts].

    Pairs 2k and 2k + 1 have the same texts on different scans.
    """

    tensors: dict[str, Tensor]
    said: Tensor


def main(config: Path, data: Path, output: Path, resume: bool = False) -> Path:
    """Trains a denoiser.

    Args:
        config: TOML; `Resources/Training/starter-diffusion.toml` shows all that it holds.
        data: Folder of the CTs that the configuration names.
        output: Folder for the run; the model's bundle appears in its folder `model` at the end.
        resume: Go on from the run's checkpoint.

    Returns:
        The bundle's folder.

    Raises:
        InputError: A scan or the weights that the configuration names are missing.
    """
    settings = read_config(config)
    classifier = AttributeClassifier(LEARNED, **settings["reader"]["network"])
    classifier.load_state_dict(load_file(_trained(config, settings["reader"]["weights"])))
    examples = settings["examples"]
    counts = {int(size): pairs for size, pairs in examples["pairs"].items()}
    shards = cache.Shards(
        autoencoder=settings["autoencoder"]["network"],
        weights=_trained(config, settings["autoencoder"]["weights"]),
        data=data,
        names=settings["data"]["train"],
        folder=output / "examples",
        seed=settings["training"]["seed"],
    )
    process = PartialState()
    with process.main_process_first():  # the others find the examples made
        cache.make(shards, counts, examples["workers"])
    sizes = {size: _read(shards, size, pairs, classifier) for size, pairs in counts.items()}
    if start := settings["model"].get("start"):
        network = _started(start, classifier.size, settings["network"])
    else:
        network = Denoiser.told_by(classifier, **settings["network"])
        network.latent_scale.copy_(_scale([pairs.tensors for pairs in sizes.values()]))
    schedule = Schedule(**settings["schedule"])
    batch = settings["batch"]

    def draw(rng: np.random.Generator) -> Batch:
        return draw_pairs(sizes, batch, network.latent_scale, rng)

    def losses(model: nn.Module, drawn: Batch) -> dict[str, Tensor]:
        return paired_losses(model, schedule, drawn, batch["text_dropout"], batch["push"], batch["pull"])

    loop = LoopConfig(**settings["training"])
    average = fit(network, draw, losses, loop, output, resume, network.hidden_weights())
    folder = output / "model"
    if not process.is_main_process:
        return folder
    autoencoder = Autoencoder(**settings["autoencoder"]["network"])
    autoencoder.load_state_dict(load_file(shards.weights))
    networks = {"autoencoder": autoencoder, "reader": classifier, "denoiser": average}
    bundle.save(folder, bundle_config(settings), networks, _card(settings))
    return folder


def _started(name: str, concepts: int, network: dict[str, Any]) -> Denoiser:
    """The denoiser of a bundle, to train on.

    Raises:
        InputError: There is no such bundle, or its networks are other ones than the configuration's.
    """
    found = bundle.load(name)
    if found.classifier.size != concepts or found.config["denoiser"] != network:
        raise InputError(f"model '{name}' has other networks than the configuration; start without it")
    return found.denoiser.requires_grad_(True)


def _trained(config: Path, name: str) -> Path:
    """The weights that a configuration names, relative to it.

    Raises:
        InputError: They are not there.
    """
    path = (config.parent / name).resolve()
    if not path.is_file():
        raise InputError(f"{config} names weights that are not there: {path}; train it first")
    return path


def bundle_config(settings: dict[str, Any]) -> dict[str, Any]:
    """What a bundle says of the model that these settings train."""
    text = text_encoder.load(settings["text"]["encoder"])
    return {
        "name": settings["model"]["name"],
        "spacing_mm": 1.0,
        "autoencoder": settings["autoencoder"]["network"],
        "reader": {"kinds": {kind: list(values) for kind, values in LEARNED.items()}, **settings["reader"]["network"]},
        "denoiser": settings["network"],
        "schedule": settings["schedule"],
        "text_encoder": {"name": text.name, "sha256": text.sha256},
        "presets": settings["model"]["presets"],
        "emphasis": settings["model"].get("emphasis", {}),
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


def draw_pairs(sizes: dict[int, Pairs], batch: dict[str, Any], scale: Tensor, rng: np.random.Generator) -> Batch:
    """A batch of pairs of one crop size; both of a pair follow each other in the second axis.

    Pairs 2k and 2k + 1 of the batch have the same texts.

    Returns:
        lesion [N, 2, C, x, y, z], noise [N, C, x, y, z], place [N, C + 4 + 96, x, y, z], weight [N, 1, x, y, z] and
        said [N, 2, concepts].
    """
    odds = np.array([batch["odds"][str(size)] for size in sizes], float)
    size = list(sizes)[rng.choice(len(odds), p=odds / odds.sum())]
    pairs, count = sizes[size], batch["count"][str(size)]
    index = (2 * rng.integers(len(pairs.said) // 2, size=(count // 2, 1)) + [[0, 1]]).ravel()
    depth = pairs.tensors["depth"][index].float()
    noise = pairs.tensors["noise"][index].float()
    fields = field_channels(noise, depth, pairs.tensors["deepest"][index])
    near = (depth[:, 1:2] > -0.5).float()  # within 4 mm of the mask
    said = pairs.said[index]
    unsure = torch.from_numpy(rng.uniform(0, MOST_UNSURE, (count, 1, 1)).astype(np.float32))
    other = pairs.said[rng.integers(len(pairs.said), size=count)][:, :1]
    return {
        "lesion": pairs.tensors["lesions"][index].float() / scale,
        "noise": noise,
        "place": torch.cat([pairs.tensors["filled"][index].float(), depth, fields], 1),
        "weight": near + OUTSIDE_WEIGHT * (1 - near),
        "said": said + unsure * (other - said),
    }


def paired_losses(
    model: nn.Module, schedule: Schedule, batch: Batch, text_dropout: float, push: float, pull: float
) -> dict[str, Tensor]:
    """The latent diffusion loss (paper, Eq. 1) of both of each pair, on the clean latent, with a push and a pull.

    Both see the same noise at the same time, so that the difference of the predictions is what the words did. Its
    error is the push between texts on one scan (paper, section 3.3): how far apart, and in what, is known. The pull
    is between scans: the same two texts must change the same features of the lesion there, whatever the scans and the
    masks themselves bring. The noise is the one that the lesions' random fields are made of.

    Args:
        model: The denoiser.
        schedule: Noise levels.
        batch: As `draw_pairs` makes it.
        text_dropout: Share of the pairs that train without text, for classifier-free guidance.
        push: Weight of the difference's loss.
        pull: Weight of the loss of what differs between scans in the differences.
    """
    lesion = batch["lesion"]
    count = len(lesion)
    # Most pairs are pure noise: there the words alone decide, later the latent itself shows what to draw.
    time = schedule.timesteps * (1 - torch.rand(count, device=lesion.device).square())
    time = torch.where(torch.rand(count, device=lesion.device) < PURE_NOISE, schedule.timesteps, time)
    time = time.long().clamp(max=schedule.timesteps - 1)
    noise = batch["noise"]
    kept = (torch.rand(count, device=lesion.device) >= text_dropout).float()
    clean = lesion.transpose(0, 1).flatten(0, 1)
    estimate = model(
        schedule.noised(clean, noise.repeat(2, 1, 1, 1, 1), time.repeat(2)),
        time.repeat(2),
        batch["place"].repeat(2, 1, 1, 1, 1),
        torch.cat([batch["said"][:, i] * kept[:, None] for i in (0, 1)]),
    ).float()
    error = (estimate - clean).unflatten(0, (2, count))
    weight = batch["weight"] / batch["weight"].sum(dim=(1, 2, 3, 4), keepdim=True)

    def power(values: Tensor) -> Tensor:
        """[N]: the weighted mean square of each pair."""
        return (values.square() * weight).sum(dim=(1, 2, 3, 4)) / values.shape[1]

    size = (power(lesion[:, 0]) + power(lesion[:, 1])) / 2
    diffusion = ((power(error[0]) + power(error[1])) / 2 / (size + LEAST_POWER)).mean()
    change = power(lesion[:, 0] - lesion[:, 1])
    difference = (kept * power(error[0] - error[1]) / (change + LEAST_CHANGE)).mean()
    unlike = _unlike(estimate.unflatten(0, (2, count)), batch, kept)
    found = {"diffusion": diffusion, "push": difference, "pull": unlike}
    return {"loss": diffusion + push * found["push"] + pull * found["pull"], **found}


def _unlike(estimate: Tensor, batch: Batch, kept: Tensor) -> Tensor:
    """How much two scans differ in what the same two texts change there, relative to what they change.

    Args:
        estimate: [2, N, C, x, y, z] one-step estimates of the clean latent (paper, Eq. 2) under either text; 2k and
            2k + 1 of the second axis are of one pair of texts.
        batch: What they were made from.
        kept: [N] 1 where the model was told the texts.
    """
    latents = estimate.shape[2]
    inside, _, relative = batch["place"][:, latents : latents + 3].split(1, dim=1)
    features = []
    for zone in (inside * (relative < 0.5), inside * (relative >= 0.5)):  # the border, and the core
        share = zone / zone.sum(dim=(2, 3, 4), keepdim=True).clamp(min=1e-3)
        mean = (estimate * share).sum(dim=(3, 4, 5), keepdim=True)
        spread = ((estimate - mean).square() * share).sum(dim=(3, 4, 5))
        features += [mean.flatten(2), (spread + 1e-4).sqrt()]
    first, second = torch.cat(features, 2)
    one, other = (first - second).unflatten(0, (-1, 2)).unbind(1)
    told = kept.unflatten(0, (-1, 2)).prod(1)
    size = one.square().mean(1) + other.square().mean(1)
    return (told * (one - other).square().mean(1) / (size + LEAST_EFFECT)).mean()


def _read(shards: cache.Shards, size: int, pairs: int, classifier: AttributeClassifier) -> Pairs:
    """All pairs of a size in memory; latents as they are on disk."""
    tensors, descriptions = cache.read(shards, size, pairs)
    return Pairs(tensors, torch.stack([classifier.vectors(both) for both in descriptions]))


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
