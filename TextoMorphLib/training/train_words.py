"""Teaches a trained denoiser further words: layers of their own are trained, all other weights stay as they are.

`textomorph train diffusion` with a configuration that has a table [words].
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.training import word_examples
from TextoMorphLib.training.cache import Shards
from TextoMorphLib.training.diffusion_data import organs_of
from TextoMorphLib.training.diffusion_losses import LEAST_CHANGE, power, weight_shares
from TextoMorphLib.training.diffusion_networks import Networks, build
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import check_tables, table

TABLES = {
    "model": ("name", "start"),
    "words": ("told", "width"),
    "data": ("train", "places"),
    "examples": ("places", "organs", "invented", "workers"),
    "batch": ("count", "odds"),
    "training": None,
}


def main(
    config: Path,
    settings: Mapping[str, Any],
    data: Path | None,
    output: Path,
    resume: bool,
    say: Callable[[str], Any],
) -> Path:
    """Trains the layers; for the rest as `train_diffusion.main`.

    Args:
        config: TOML; `starter-words-diffusion.toml` in Resources/Training shows all that it holds.
        settings: What it says.
        data: Folder of the CTs that it names.
        output: Folder for the run; the model's bundle appears in its folder `model` at the end.
        resume: Go on from the run's checkpoint.
        say: Told what is trained.

    Returns:
        The bundle's folder.
    """
    check_tables(settings, TABLES)
    missing = [f"[{name}] {each}" for name, each in NEEDED if each not in settings.get(name, {})]
    if missing:
        raise InputError(f"{config} has no {missing[0]}")
    if data is None:
        raise InputError("lesions with these words are rendered: add --data DIR with the scans of [data]")
    places, count, odds = (_by_size(settings, *each) for each in NEEDED[-3:])
    if unsaid := [size for size, wanted in places.items() if wanted and not (size in odds and count.get(size))]:
        raise InputError(f"[batch] count and odds say nothing of crops of {unsaid[0]} mm")
    loop = table(LoopConfig, settings, "training")
    torch.manual_seed(loop.seed)
    networks = build(config, settings, real=False)
    layers = networks.denoiser.requires_grad_(False).told
    assert layers is not None
    layers.requires_grad_(True).latent_scale.copy_(networks.denoiser.latent_scale)
    say(f"{sum(weight.numel() for weight in layers.parameters()):,} weights are trained; all others stay as they are")
    process = PartialState()
    with process.main_process_first():
        shards = _shards(settings, networks, data, output / "examples", loop.seed)
        examples = word_examples.prepared(shards, places, int(settings["examples"].get("workers", 1)), networks)
    average = fit(
        layers,
        lambda rng: word_examples.draw(examples, count, odds, rng),
        losses,
        loop,
        output,
        resume,
        layers.hidden_weights(),
        added=list(layers.drawn.parameters()),
        told=told_of(settings, start=[bundle.sha256(_start(settings) / "manifest.json")], examples=[shards.key]),
    )
    if process.is_main_process:
        networks.denoiser.told.load_state_dict(average.state_dict())  # type: ignore[union-attr]
        _save(settings, networks, output / "model", loop.steps)
    return output / "model"


NEEDED = (
    *(("model", each) for each in TABLES["model"] or ()),
    *(("words", "told"), ("data", "train")),
    *(("examples", "places"), ("batch", "count"), ("batch", "odds")),
)


def losses(layers: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The error of what a word changes in the lesion's latent, relative to that change.

    Args:
        layers: The denoiser's `told`.
        batch: As `word_examples.draw` makes it.
    """
    made = layers(batch["lesion"], batch["place"], batch["shape"], batch["word"]).float()
    change, weight = batch["change"] / batch["scale"], weight_shares(batch["weight"])
    error = made / batch["scale"] - change
    return {"loss": (power(error, weight) / (power(change, weight) + LEAST_CHANGE)).mean()}


def _start(settings: Mapping[str, Any]) -> Path:
    return bundle.find(settings["model"]["start"])


def _by_size(settings: Mapping[str, Any], name: str, entry: str) -> dict[int, Any]:
    return {int(size): value for size, value in settings[name][entry].items()}


def _shards(settings: Mapping[str, Any], networks: Networks, data: Path, folder: Path, seed: int) -> Shards:
    return Shards(
        autoencoder=networks.config["autoencoder"],
        weights=_start(settings) / "autoencoder.safetensors",
        data=data,
        names=settings["data"]["train"],
        folder=folder,
        seed=seed,
        words=settings["words"]["told"],
        **organs_of(settings),
    )


def _save(settings: Mapping[str, Any], networks: Networks, folder: Path, steps: int) -> None:
    """The bundle that it started from, with these layers."""
    start = _start(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for file in start.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    name, words = settings["model"]["name"], ", ".join(" ".join(word) for word in settings["words"]["told"])
    config = {**bundle.read_config(start), "name": name, "denoiser": networks.config["denoiser"]}
    card = (start / "MODEL_CARD.md").read_text(encoding="utf-8") if (start / "MODEL_CARD.md").is_file() else ""
    card += f"\n## Further words\n\nTrained for {steps} steps, by layers of their own alone: {words}.\n"
    bundle.save(folder, config, {"denoiser": networks.denoiser}, card)
