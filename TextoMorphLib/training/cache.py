"""Rendered examples as latents on disk: made once, in parallel, and read many times while the denoiser trains.

A shard holds a few dozen pairs of one crop size. Each pair is one place, with the noise that its lesions are made of,
under two descriptions that differ in one kind; two pairs that follow each other have the same two descriptions, on
other scans. Shards are written whole or not at all, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.denoiser import depth_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.parallel import in_order
from TextoMorphLib.simulation.backgrounds import Scan, background_crop, load_scans
from TextoMorphLib.simulation.examples import flipped, place, random_description
from TextoMorphLib.text.concepts import Description

SHARD_PAIRS = 40  # in a shard; even


@dataclass(frozen=True)
class Shards:
    """Which shards to make.

    Attributes:
        autoencoder: Its constructor's arguments.
        weights: Its safetensors file.
        data: Folder of the CTs.
        names: Their file names.
        folder: Where the shards go.
        seed: With a shard's size and number, it decides all that is in it.
    """

    autoencoder: dict[str, object]
    weights: Path
    data: Path
    names: list[str]
    folder: Path
    seed: int

    def path(self, size: int, number: int) -> Path:
        """The file of a shard."""
        return self.folder / f"{size}mm-{number:04d}.safetensors"


def make(shards: Shards, counts: dict[int, int], workers: int) -> None:
    """Makes the shards that are not there yet.

    Args:
        shards: What goes into them.
        counts: Number of pairs for each crop size in mm.
        workers: Processes.
    """
    wanted = [(size, number) for size, pairs in counts.items() for number in range(-(-pairs // SHARD_PAIRS))]
    missing = [job for job in wanted if not shards.path(*job).exists()]
    if not missing:
        return
    shards.folder.mkdir(parents=True, exist_ok=True)
    np.random.default_rng(shards.seed).shuffle(missing)
    made = in_order(_make_shard, missing, partial(_loaded, shards), workers)
    for _ in track(made, "rendering examples", len(missing)):
        pass


_Loaded = tuple[Shards, list[Scan], Autoencoder]


def _loaded(shards: Shards) -> _Loaded:
    network = Autoencoder(**shards.autoencoder)  # type: ignore[arg-type]
    network.load_state_dict(load_file(shards.weights))
    return shards, load_scans(shards.data, shards.names), network.eval()


def _make_shard(loaded: _Loaded, job: tuple[int, int]) -> None:
    shards, scans, network = loaded
    size, number = job
    rng = np.random.default_rng([shards.seed, size, number])
    pairs = []
    for _ in range(SHARD_PAIRS // 2):
        one = random_description(rng)
        both = (one, flipped(one, rng))
        pairs += [(_pair(scans, network, size, both, rng), both) for _ in range(2)]
    tensors = {key: torch.stack([tensor[key] for tensor, _ in pairs]) for key in pairs[0][0]}
    said = json.dumps([descriptions for _, descriptions in pairs])
    path = shards.path(size, number)
    with replacing(path) as (partial,):
        save_file(tensors, partial, {"descriptions": said})


@torch.inference_mode()
def _pair(
    scans: list[Scan],
    network: Autoencoder,
    size: int,
    descriptions: tuple[Description, Description],
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """The latents of one place under two descriptions."""
    example = place(background_crop(scans, size, rng), rng, network.latent_channels)
    images = [example.background, *(example.background + example.render(d) for d in descriptions)]
    with autocast(torch.device("cpu")):
        latents = network.encode(torch.from_numpy(np.stack(images))[:, None]).float()
    return {
        "filled": latents[0].half(),
        "lesions": (latents[1:] - latents[0]).half(),  # [2, C, x, y, z]
        "depth": depth_channels(torch.from_numpy(example.depth)[None, None])[0].half(),
        "deepest": torch.tensor(float(example.depth.max())),
        "noise": example.noise[0].half(),
    }


def read(shards: Shards, size: int, pairs: int) -> tuple[dict[str, Tensor], list[tuple[Description, Description]]]:
    """All pairs of one size: their tensors, stacked, and their descriptions."""
    parts, descriptions = [], []
    for number in range(-(-pairs // SHARD_PAIRS)):
        path = shards.path(size, number)
        parts.append(load_file(path))
        with safe_open(path, "pt") as file:
            descriptions += json.loads(file.metadata()["descriptions"])
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}, descriptions
