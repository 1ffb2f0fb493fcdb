"""The networks of a diffusion training: new ones, trained ones that the configuration names, or those of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.bundle import CLASSIFIER
from TextoMorphLib.models.denoiser import ATTRIBUTES, Denoiser
from TextoMorphLib.text import encoders
from TextoMorphLib.text.concepts import LEARNED
from TextoMorphLib.text.encoders import TextEncoder
from TextoMorphLib.text.organs import ORGANS

# Weights that a denoiser may lack to start from: they are nothing at first.
ADDED = ("voxels.", "organs.", "organ_words.", "unet.words.", "told.")
CARRIED = ("structures", "drawn_after")  # what a bundle's config says of what is drawn without a network


@dataclass(frozen=True)
class Networks:
    """What is trained, what it is trained with, and how a bundle describes both.

    Attributes:
        autoencoder: Frozen.
        classifier: Frozen.
        denoiser: To be trained.
        encoder: Of texts.
        config: Entries of the bundle's `config.json`.
        started: Whether the denoiser is trained already, and
        lacked: its weights that what it started from has not.
    """

    autoencoder: Autoencoder
    classifier: AttributeClassifier
    denoiser: Denoiser
    encoder: TextEncoder
    config: dict[str, Any]
    started: bool
    lacked: frozenset[str] = frozenset()

    def thawed(self) -> Denoiser:
        """The denoiser, to be trained but for the layers of words that are told later, which no text here asks for."""
        network = self.denoiser.requires_grad_(True)
        if network.told is not None:
            network.told.requires_grad_(False)
        return network

    def known(self) -> dict[str, Tensor]:
        """A copy of the weights that it started from."""
        weights = self.denoiser.state_dict().items()
        return {name: weight.detach().clone() for name, weight in weights if name not in self.lacked}


def build(config: Path, settings: Mapping[str, Any], real: bool, organs: bool = False) -> Networks:
    """The networks that a configuration describes.

    What it leaves out is that of the bundle that it starts from.

    Args:
        config: The configuration's file; weights that it names lie relative to it.
        settings: What it says.
        real: Whether real lesions are trained on, whose scans' voxels and organs are told.
        organs: Whether the organs of rendered ones are.

    Raises:
        InputError: Weights or a bundle are not there, or do not go together.
    """
    model = settings["model"]
    start = bundle.load(model["start"]) if model.get("start") else None
    for part in ("autoencoder", CLASSIFIER, "network", "schedule"):
        if start is None and part not in settings:
            raise InputError(f"{config} has no [{part}], and no start in [model] to take it from")
    told = dict(start.config) if start else {}
    encoder = encoders.load(
        settings.get("text", {}).get("encoder") or told.get("text_encoder", {}).get("name", "minilm")
    )
    classifier, autoencoder = _classifier(config, settings, start), _autoencoder(config, settings, start)
    if classifier.text_width != encoder.width:
        raise InputError(
            f"[{CLASSIFIER}] reads tokens of width {classifier.text_width}, and the text encoder '{encoder.name}' "
            f"makes {encoder.width}; train one with it (train texts), and name it in [{CLASSIFIER}]"
        )
    conditioning = str(model.get("conditioning", told.get("conditioning", ATTRIBUTES)))
    network = dict(settings.get("network") or told["denoiser"])
    if real:
        network.setdefault("told_voxels", True)
    if real or organs:
        network.setdefault("told_organs", list(ORGANS))
    if organs:
        network.setdefault("organ_words", True)
    if later := settings.get("words"):
        network |= {"told_words": later["told"], "word_width": later.get("width", 32)}
    words = {"conditioning": conditioning, "text_width": encoder.width}
    denoiser = Denoiser.told_by(classifier, **words, **network)
    lacked = frozenset[str]()
    if start is not None:
        lacked = _take(denoiser, start, classifier, str(model["start"]), ("told.",) if later else ())
    described = {
        "spacing_mm": 1.0,
        "autoencoder": settings["autoencoder"]["network"] if "autoencoder" in settings else told["autoencoder"],
        CLASSIFIER: _described(settings, classifier, told),
        "denoiser": network,
        "conditioning": conditioning,
        "schedule": settings.get("schedule") or told["schedule"],
        "text_encoder": {"name": encoder.name, "sha256": encoder.sha256},
        **{name: told[name] for name in CARRIED if name in told},
    }
    return Networks(autoencoder, classifier, denoiser, encoder, described, start is not None, lacked)


def rescaled(denoiser: Denoiser, scale: Tensor) -> None:
    """Divides latents by another scale from now on; what is drawn from noise alone stays as it was.

    Args:
        denoiser: Changed in place.
        scale: [1, C, 1, 1, 1].
    """
    ratio = (denoiser.latent_scale / scale).flatten()
    with torch.no_grad():
        for layer in (denoiser.unet.leave, denoiser.drawn):
            layer.weight.mul_(ratio.view(-1, 1, 1, 1, 1))
        denoiser.unet.leave.bias.mul_(ratio)  # type: ignore[union-attr]
        denoiser.latent_scale.copy_(scale)


def start_share(model: Mapping[str, Any]) -> float:
    """How much of the bundle that a training starts from is kept in its weights (`start_share` in [model]).

    Raises:
        InputError: No share, or there is no start.
    """
    share = model.get("start_share", 0.0)
    if not isinstance(share, (int, float)) or not 0 <= share < 1:
        raise InputError(f"start_share in [model] must be from 0 to below 1, not {share!r}")
    if share and not model.get("start"):
        raise InputError("start_share in [model] needs a start")
    return float(share)


def drawn_back(network: nn.Module, start: Mapping[str, Tensor], share: float) -> None:
    """Averages trained weights with those that they started from (Wortsman et al., 2022).

    What was learned in new places stays, and what the training lost elsewhere comes back.

    Args:
        network: Changed in place.
        start: Weights by their names; what is not among them stays as it was trained.
        share: Of the start's.
    """
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            if name in start:
                weight.lerp_(start[name].to(weight), share)


def trained(config: Path, name: str) -> Path:
    """The weights that a configuration names, relative to it.

    Raises:
        InputError: They are not there.
    """
    path = (config.parent / name).resolve()
    if not path.is_file():
        raise InputError(f"{config} names weights that are not there: {path}; train it first")
    return path


def _autoencoder(config: Path, settings: Mapping[str, Any], start: bundle.Bundle | None) -> Autoencoder:
    if "autoencoder" not in settings:
        assert start is not None
        return start.autoencoder
    network = Autoencoder(**settings["autoencoder"]["network"])
    network.load_state_dict(load_file(trained(config, settings["autoencoder"]["weights"])))
    return network.eval().requires_grad_(False)


def _classifier(config: Path, settings: Mapping[str, Any], start: bundle.Bundle | None) -> AttributeClassifier:
    if CLASSIFIER not in settings:
        assert start is not None
        return start.classifier
    network = AttributeClassifier(LEARNED, **settings[CLASSIFIER]["network"])
    weights = load_file(trained(config, settings[CLASSIFIER]["weights"]))
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise InputError(
            f"the weights that [{CLASSIFIER}] names in {config} are of another network; train it anew"
        ) from None
    return network.eval().requires_grad_(False)


def _described(settings: Mapping[str, Any], classifier: AttributeClassifier, told: Mapping[str, Any]) -> dict[str, Any]:
    if CLASSIFIER not in settings:
        return dict(told[CLASSIFIER])
    kinds = {kind: list(values) for kind, values in classifier.kinds.items()}
    return {"kinds": kinds, **settings[CLASSIFIER]["network"]}


def _take(
    denoiser: Denoiser, start: bundle.Bundle, classifier: AttributeClassifier, name: str, anew: tuple[str, ...]
) -> frozenset[str]:
    """Takes the weights of the bundle's denoiser; those that it lacks, which are returned, and `anew` stay nothing."""
    other = InputError(f"model '{name}' has other networks than the configuration; start without it")
    if start.classifier.kinds != classifier.kinds or start.denoiser.prior_numbers != denoiser.prior_numbers:
        raise other
    try:
        known = {key: value for key, value in start.denoiser.state_dict().items() if not key.startswith(anew)}
        missing, unexpected = denoiser.load_state_dict(known, strict=False)
    except RuntimeError:
        raise other from None
    if unexpected or any(not each.startswith(ADDED) for each in missing):
        raise other
    return frozenset(missing)
