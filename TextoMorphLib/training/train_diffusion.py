"""`textomorph train diffusion`: teaches the denoiser what words do to a lesion's latent.

From real lesions with words (`--cases`), from rendered ones (`--data`), or from both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.training import train_words
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.diffusion_batches import (
    REAL,
    RENDERED,
    BatchSettings,
    Mix,
    RealLesions,
    Words,
    draw_pairs,
    real_scale,
    rendered_scale,
    shares,
)
from TextoMorphLib.training.diffusion_data import Data, Sources, settings_of
from TextoMorphLib.training.diffusion_losses import LossSettings, pair_losses, real_losses
from TextoMorphLib.training.diffusion_networks import Networks, build, drawn_back, rescaled, start_share
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import check_tables, table
from TextoMorphLib.training.triple_shards import digest
from TextoMorphLib.training.triple_texts import TextSettings

CHECKS = 8  # batches of held-out lesions
TABLES = {
    "model": ("name", "start", "start_share", "presets", "emphasis", "conditioning", "noise"),
    "data": ("train", "places"),
    "autoencoder": ("weights", "network"),
    bundle.CLASSIFIER: ("weights", "network"),
    "text": ("encoder",),
    "examples": ("pairs", "few", "organs", "invented", "workers"),
    "batch": ("count", "odds", "text_dropout", "pure_noise", "push", "pull"),
    "check": ("every",),
    **dict.fromkeys(("network", "schedule", "mix", "triples", "texts", "contrast", "training")),  # looked at by others
}
CONTRAST = {"push": 0.1, "pull": 0.05, "margin": 0.5}  # of real lesions, where [contrast] says nothing


def main(
    config: Path,
    data: Path | None,
    output: Path,
    resume: bool = False,
    cases: Path | None = None,
    fold: int | None = None,
    say: Callable[[str], Any] = print,
) -> Path:
    """Trains a denoiser.

    Args:
        config: TOML; `starter-diffusion.toml` and `real-diffusion.toml` in Resources/Training show all that it holds.
        data: Folder of the CTs that the configuration names, for rendered lesions.
        output: Folder for the run; the model's bundle appears in its folder `model` at the end.
        resume: Go on from the run's checkpoint.
        cases: cases.jsonl with real lesions.
        fold: Which of its folds is kept out, and looked at as the training goes on.
        say: Told what is trained on, line by line.

    Returns:
        The bundle's folder.

    Raises:
        InputError: A case, a scan or weights that the configuration names are missing, or do not go together.
    """
    settings = read_config(config)
    if "words" in settings:
        return train_words.main(config, settings, data, output, resume, say)
    _check(config, settings)
    loop = table(LoopConfig, settings, "training")
    mix = shares(settings.get("mix", {}), cases is not None, data is not None)
    torch.manual_seed(loop.seed)
    networks = build(config, settings, REAL in mix, bool(settings.get("examples", {}).get("organs")))
    process = PartialState()
    sources = Sources(config, settings, networks, mix, data, cases, fold, output, say)
    with process.main_process_first():  # the others find what is prepared
        found = sources.prepared()
    coupled = _coupled(settings, mix)
    if REAL in mix:
        rescaled(networks.denoiser, real_scale(found.real))
    elif not networks.started:
        networks.denoiser.latent_scale.copy_(rendered_scale([pairs.tensors for pairs in found.pairs.values()]))
    draw, held_out = _draws(settings, networks, found, coupled)
    schedule = Schedule(**networks.config["schedule"])
    losses = _losses(settings, schedule, coupled)
    network, kept = networks.thawed(), start_share(settings["model"])
    start = networks.known() if kept else {}
    check = None if held_out is None else _checked(held_out, losses)
    every = int(settings.get("check", {}).get("every", 200)) if check else 0
    hidden, added = network.hidden_weights(), network.added_weights()
    told = told_of(settings, autoencoder=[digest(networks.autoencoder)], **found.told())
    average = fit(network, draw, losses, loop, output, resume, hidden, check, every, added, told)
    if process.is_main_process:
        drawn_back(average, start, kept)
        parts = {"autoencoder": networks.autoencoder, bundle.CLASSIFIER: networks.classifier, "denoiser": average}
        bundle.save(
            output / "model", bundle_config(settings, networks, coupled), parts, _card(settings, networks, found)
        )
    return output / "model"


def bundle_config(settings: Mapping[str, Any], networks: Networks, coupled: bool) -> dict[str, Any]:
    """What a bundle says of the model that these settings train."""
    model = settings["model"]
    told = {
        "name": model["name"],
        **networks.config,
        "presets": model["presets"],
        "emphasis": model.get("emphasis", {}),
    }
    return told if coupled else {**told, "noise": "independent", "unsaid": "unknown"}


def _check(config: Path, settings: Mapping[str, Any]) -> None:
    for name in ("model", "batch", "training"):
        if name not in settings:
            raise InputError(f"{config} has no [{name}]; Resources/Training holds configurations to start from")
    check_tables(settings, TABLES)
    for name in ("name", "presets"):
        if name not in settings["model"]:
            raise InputError(f"{config} has no {name} in [model]")
    start_share(settings["model"])
    if unknown := set(settings.get("contrast", {})) - set(CONTRAST):
        raise InputError(f"[contrast] knows {', '.join(CONTRAST)}, not {sorted(unknown)[0]}")


def _coupled(settings: Mapping[str, Any], mix: Mapping[str, float]) -> bool:
    """Whether noise and rendered lesions are coupled; never where there are real ones, which no seed made."""
    noise = settings["model"].get("noise", "independent" if REAL in mix else "coupled")
    if noise not in bundle.CHOICES["noise"]:
        raise InputError(f"noise in [model] must be {' or '.join(bundle.CHOICES['noise'])}, not '{noise}'")
    if noise == "coupled" and REAL in mix:
        raise InputError('real lesions have no seed: noise in [model] must be "independent" with them')
    return bool(noise == "coupled")


def _draws(
    settings: Mapping[str, Any], networks: Networks, data: Data, coupled: bool
) -> tuple[Callable[[np.random.Generator], Batch], RealLesions | None]:
    """What draws a batch, and what draws one of held-out lesions."""
    batch = settings["batch"]
    how = BatchSettings(
        {int(size): int(count) for size, count in batch["count"].items()},
        {int(size): float(odds) for size, odds in batch.get("odds", {}).items()},
        settings_of(TextSettings, settings.get("texts", {}), "texts").original,
        coupled,
    )
    scale = networks.denoiser.latent_scale.detach().cpu().clone()
    denoiser = networks.denoiser
    words = Words(networks.classifier, networks.encoder if denoiser.text_width else None, denoiser.organ_vector)
    sources: dict[str, Callable[[np.random.Generator], Batch]] = {}
    if data.real:
        sources[REAL] = RealLesions(data.real, how, scale, words)
    if data.pairs:
        if missing := [size for size in data.pairs if not how.count.get(size) or size not in how.odds]:
            raise InputError(f"[batch] count and odds say nothing of rendered pairs in crops of {missing[0]} mm")
        if odd := [size for size in data.pairs if how.count[size] % 2]:
            raise InputError(f"[batch] count of rendered pairs, in crops of {odd[0]} mm, must be even")
        sources[RENDERED] = lambda rng: draw_pairs(data.pairs, how, scale, words, rng)
    return Mix(sources, data.mix), RealLesions(data.tested, how, scale, words) if data.tested else None


def _losses(
    settings: Mapping[str, Any], schedule: Schedule, coupled: bool
) -> Callable[[nn.Module, Batch], dict[str, Tensor]]:
    batch = settings["batch"]
    usual = {name: batch[name] for name in ("text_dropout", "pure_noise") if name in batch}
    usual = {"pure_noise": 0.8 if coupled else 0.1, **usual, "coupled": coupled}
    pairs = LossSettings(**usual, **{name: batch[name] for name in ("push", "pull") if name in batch})
    real = LossSettings(**usual, **{**CONTRAST, **settings.get("contrast", {})})

    def losses(model: nn.Module, drawn: Batch) -> dict[str, Tensor]:
        if drawn["lesion"].ndim == 6:  # two lesions at each place
            return pair_losses(model, schedule, drawn, pairs)
        return real_losses(model, schedule, drawn, real)

    return losses


def _checked(
    held_out: RealLesions, losses: Callable[[nn.Module, Batch], dict[str, Tensor]]
) -> Callable[[nn.Module, int], Mapping[str, float]]:
    """Looks at the loss of lesions of the fold that is kept out: always the same ones, with the same noise."""

    def check(model: nn.Module, step: int) -> Mapping[str, float]:
        del step
        device = next(model.parameters()).device
        found = []
        with torch.no_grad(), torch.random.fork_rng():
            for number in range(CHECKS):
                torch.manual_seed(number)
                drawn = held_out(np.random.default_rng(number))
                found.append(float(losses(model, {name: each.to(device) for name, each in drawn.items()})["diffusion"]))
        return {"held_out": round(float(np.mean(found)), 5)}

    return check


def _card(settings: Mapping[str, Any], networks: Networks, data: Data) -> str:
    """What is known of a model when its training ends."""
    lines = []
    total = sum(data.mix.values())
    if data.real:
        by = Counter(lesion.source for lesion in data.real)
        where = ", ".join(f"{count} {name}" for name, count in sorted(Counter(x.organ for x in data.real).items()))
        lines.append(
            f"- Real lesions ({data.mix[REAL] / total:.0%} of the batches): {len(data.real)} of "
            f"{len({lesion.patient for lesion in data.real})} patients ({where}); words from "
            + ", ".join(f"{name} ({count})" for name, count in sorted(by.items()))
            + ". Weights may carry what the licence of these scans asks for: add it here."
        )
    if data.pairs:
        pairs = sum(len(each.said) for each in data.pairs.values())
        scans = ", ".join(settings["data"]["train"])
        lines.append(f"- Rendered lesions ({data.mix[RENDERED] / total:.0%}): {pairs} pairs, in crops of {scans}")
    return f"""# {settings["model"]["name"]}

A text-conditioned 3D latent diffusion model made by `textomorph train`. For research; not validated clinically.

{_start(settings["model"])}Words reach it as \
{networks.config["conditioning"]}. Trained for {settings["training"]["steps"]} steps on:

{chr(10).join(lines)}

Results: none measured yet; see `textomorph benchmark control --help`.
"""


def _start(model: Mapping[str, Any]) -> str:
    if not (start := model.get("start")):
        return ""
    kept = start_share(model)
    mean = f"Its weights are the mean of that model's ({kept:.0%}) and the trained ones. " if kept else ""
    return f"Started from the model {start}, whose card says what taught it. {mean}"
