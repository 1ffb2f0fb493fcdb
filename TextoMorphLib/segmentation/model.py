"""A trained segmenter: its network and what it needs to know of the scans it sees; kept as a bundle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from TextoMorphLib.cases import ORGAN
from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.device import resolve
from TextoMorphLib.segmentation.networks import build

KIND, WEIGHTS = "segmentation", "network"
MOST_CLASSES = 250  # labels are bytes
SIDES = (8, 512)  # of a patch, voxels


@dataclass(frozen=True)
class Segmenter:
    """A loaded model.

    Attributes:
        network: On its device, in evaluation mode.
        config: name, organ, classes (of tumours, in order), network (name and settings), patch (voxels a side),
            spacing_mm, window_hu.
        sha256: Of the bundle's manifest: the model's fingerprint.
        device: Where the network is.
    """

    network: nn.Module
    config: dict[str, Any]
    sha256: str
    device: torch.device

    @classmethod
    def load(cls, name: str, device: str = "auto") -> Segmenter:
        """Loads a bundle after verifying it.

        Raises:
            InputError: No such model, one of another kind, or a damaged one.
        """
        where = resolve(device)
        folder = bundle.find(name)
        fingerprint = bundle.verify(folder)
        config = bundle.read_config(folder)
        if config["kind"] != KIND:
            raise InputError(f"model {folder} is of kind {config['kind']}; one that segments is wanted here")
        if wrong := _wrong(config):
            raise InputError(f"model {folder}: its config.json says {wrong}; install it again")
        network = from_config(config)
        try:
            weights = load_file(folder / f"{WEIGHTS}.safetensors")
            network.load_state_dict({key: value.float() for key, value in weights.items()})
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"model {folder}: its weights cannot be used ({reason}); install it again") from None
        if not all(torch.isfinite(value).all() for value in network.state_dict().values()):
            raise InputError(f"model {folder}: its weights hold NaN or infinite values; train or install it again")
        return cls(network.eval().requires_grad_(False).to(where), config, fingerprint, where)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the tumour classes, in the order of their values from 2."""
        return tuple(self.config["classes"])

    @property
    def values(self) -> dict[str, list[int]]:
        """What the numbers of its label maps mean."""
        return {ORGAN: [1], **{name: [2 + at] for at, name in enumerate(self.classes)}}


def _wrong(config: Mapping[str, Any]) -> str:
    """What in a bundle's configuration nobody can segment with; empty if nothing."""

    def numbers(name: str, count: int, kinds: Any = (int, float)) -> bool:
        listed: Any = config.get(name)
        fits = isinstance(listed, list) and len(listed) == count
        return fits and all(isinstance(n, kinds) and not isinstance(n, bool) and math.isfinite(n) for n in listed)

    spacing, network, classes = (config.get(name) for name in ("spacing_mm", "network", "classes"))
    named = isinstance(classes, list) and all(isinstance(name, str) and name for name in classes)
    checks = {
        "name": isinstance(config.get("name"), str),
        "organ": isinstance(config.get("organ"), str),
        "classes": named and 0 < len(set(classes)) == len(classes) <= MOST_CLASSES,  # type: ignore[arg-type]
        "network": isinstance(network, Mapping) and isinstance(network.get("name"), str),
        "patch": numbers("patch", 3, int) and SIDES[0] <= min(config["patch"]) <= max(config["patch"]) <= SIDES[1],
        "spacing_mm": isinstance(spacing, int | float) and 0.1 <= spacing <= 20,
        "window_hu": numbers("window_hu", 2) and config["window_hu"][0] < config["window_hu"][1],
    }
    wrong = next((name for name, fine in checks.items() if not fine), "")
    return f"{wrong} = {json.dumps(config.get(wrong))[:60]}, which is none" if wrong else ""


def from_config(config: dict[str, Any]) -> nn.Module:
    """The network that a configuration describes, untrained."""
    settings = dict(config["network"])
    return build(str(settings.pop("name", "unet")), 2 + len(config["classes"]), config["patch"], **settings)


def intensities(hu: np.ndarray, window_hu: Any) -> np.ndarray:
    """HU to what networks see: the window to 0 to 1, float32."""
    low, high = window_hu
    return np.clip((np.asarray(hu, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)


def save(folder: Path, config: dict[str, Any], network: nn.Module, card: str) -> None:
    """Writes a bundle: config.json, weights in half precision, MODEL_CARD.md, manifest.json.

    Args:
        folder: Made if it is not there.
        config: See `Segmenter.config`.
        network: The trained one.
        card: Text of the model card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = {
        name: (value.to(torch.float16) if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(half, folder / f"{WEIGHTS}.safetensors")
    (folder / "config.json").write_text(json.dumps({"kind": KIND, **config}, indent=2) + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    bundle.seal(folder)
