"""A trained segmenter: its network and what it needs to know of the scans it sees; kept as a bundle."""

from __future__ import annotations

import json
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
        network = from_config(config)
        try:
            weights = load_file(folder / f"{WEIGHTS}.safetensors")
            network.load_state_dict({key: value.float() for key, value in weights.items()})
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"model {folder}: its weights cannot be used ({reason}); install it again") from None
        return cls(network.eval().requires_grad_(False).to(where), config, fingerprint, where)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the tumour classes, in the order of their values from 2."""
        return tuple(self.config["classes"])

    @property
    def values(self) -> dict[str, list[int]]:
        """What the numbers of its label maps mean."""
        return {ORGAN: [1], **{name: [2 + at] for at, name in enumerate(self.classes)}}


def from_config(config: dict[str, Any]) -> nn.Module:
    """The network that a configuration describes, untrained."""
    settings = dict(config["network"])
    return build(settings.pop("name"), 2 + len(config["classes"]), config["patch"], **settings)


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
