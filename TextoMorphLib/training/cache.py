"""Rendered examples as latents on disk: made once, in parallel, and read many times while the denoiser trains.

A shard holds a few dozen pairs of one crop size. Each pair is one place, with the noise that its lesions are made of,
under two descriptions that differ in one kind; two pairs that follow each other have the same two descriptions, on
other scans. Shards are written whole or not at all, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from TextoMorphLib.io import contents
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.denoiser import depth_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.parallel import in_order
from TextoMorphLib.simulation.backgrounds import OrganPlace, Scan, background_crop, load_scans
from TextoMorphLib.simulation.examples import flipped, place, random_description
from TextoMorphLib.text.concepts import LEARNED, Description

SHARD_PAIRS = 40  # in a shard; even
UNSAID: Description = {kind: values[0] for kind, values in LEARNED.items()}


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
        organs: How many of the places are in which organ; the rest is in any tissue, and in no organ that is known.
        places: Where organs lie in the CTs.
        invented: Share of the places in organs whose anatomy is invented.
        few: Whether at most one attribute of each lesion is said, as in most texts, and not some of all kinds.
        words: Those that examples are of (`word_examples`); pairs of none.
    """

    autoencoder: dict[str, object]
    weights: Path
    data: Path
    names: list[str]
    folder: Path
    seed: int
    organs: Mapping[str, float] = field(default_factory=dict)
    places: Sequence[OrganPlace] = ()
    invented: float = 0.5
    few: bool = False
    words: Sequence[Sequence[str]] = ()

    def path(self, size: int, number: int) -> Path:
        """The file of a shard; another one when it is made from something else."""
        kind = "few-" if self.few else "words-" if self.words else ""
        return self.folder / f"{size}mm-{kind}{number:04d}-{self.key}.safetensors"

    @cached_property
    def key(self) -> str:
        """Of all that shards are made from; what is missing is told of by who reads it."""
        files = [file for file in (self.weights, *(self.data / name for name in self.names)) if file.exists()]
        places, organs = [asdict(place) for place in self.places], sorted(self.organs.items())
        how = [
            SHARD_PAIRS,
            contents.program(),
            self.autoencoder,
            self.names,
            self.seed,
            organs,
            places,
            self.invented,
            contents.looks(files),
            *([list(self.words)] if self.words else []),
        ]
        return hashlib.sha256(json.dumps(how, default=list).encode()).hexdigest()[:12]


def make(
    shards: Shards, counts: dict[int, int], workers: int, job: MakeShard | None = None, each: int | None = None
) -> None:
    """Makes the shards that are not there yet.

    Args:
        shards: What goes into them.
        counts: Number of pairs for each crop size in mm.
        workers: Processes.
        job: What makes one, of its size and number; that of pairs if None.
        each: Pairs in one; as many as usual if None.
    """
    wanted = [(size, number) for size, pairs in counts.items() for number in range(-(-pairs // (each or SHARD_PAIRS)))]
    missing = [job for job in wanted if not shards.path(*job).exists()]
    if not missing:
        return
    shards.folder.mkdir(parents=True, exist_ok=True)
    np.random.default_rng(shards.seed).shuffle(missing)
    made = in_order(job or _make_shard, missing, partial(_loaded, shards), workers)
    for _ in track(made, "rendering examples", len(missing)):
        pass


Loaded = tuple[Shards, list[Scan], Autoencoder]
MakeShard = Callable[[Loaded, tuple[int, int]], None]


def _loaded(shards: Shards) -> Loaded:
    network = Autoencoder(**shards.autoencoder)  # type: ignore[arg-type]
    network.load_state_dict(load_file(shards.weights))
    return shards, load_scans(shards.data, shards.names, shards.places), network.eval()


def _make_shard(loaded: Loaded, job: tuple[int, int]) -> None:
    shards, scans, network = loaded
    size, number = job
    rng = np.random.default_rng([shards.seed, size, number, *([1] if shards.few else [])])
    pairs = []
    for _ in range(SHARD_PAIRS // 2):
        one = dict(UNSAID) if shards.few else random_description(rng)
        both = (one, flipped(one, rng))
        organ = organ_of(shards.organs, rng)
        crops = (crop_in(shards, scans, size, organ, rng) for _ in range(2))
        pairs += [(_pair(crop, network, organ, both, rng), both, organ) for crop in crops]
    tensors = {key: torch.stack([tensor[key] for tensor, *_ in pairs]) for key in pairs[0][0]}
    said = json.dumps([descriptions for _, descriptions, _ in pairs])
    told = json.dumps([organ for *_, organ in pairs])
    path = shards.path(size, number)
    with replacing(path) as (partial,):
        save_file(tensors, partial, {"descriptions": said, "organs": told})


def organ_of(odds: Mapping[str, float], rng: np.random.Generator) -> str | None:
    """In which of the organs a place is."""
    drawn = rng.random() if odds else 1.0
    for organ, share in odds.items():
        if drawn < share:
            return organ
        drawn -= share
    return None


def crop_in(shards: Shards, scans: list[Scan], size: int, organ: str | None, rng: np.random.Generator) -> np.ndarray:
    """A healthy crop in an organ, or in any tissue."""
    if organ is None:
        return background_crop(scans, size, rng)
    return background_crop(scans, size, rng, shards.invented, organ)


@torch.inference_mode()
def _pair(
    crop: np.ndarray,
    network: Autoencoder,
    organ: str | None,
    descriptions: tuple[Description, Description],
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """The latents of one place under two descriptions."""
    example = place(crop, rng, network.latent_channels, organ=organ)
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


def read(
    shards: Shards, size: int, pairs: int
) -> tuple[dict[str, Tensor], list[tuple[Description, Description]], list[str | None]]:
    """All pairs of one size: their tensors, stacked, their descriptions, and their organs."""
    parts, descriptions = [], []
    organs: list[str | None] = []
    for number in range(-(-pairs // SHARD_PAIRS)):
        path = shards.path(size, number)
        parts.append(load_file(path))
        with safe_open(path, "pt") as file:
            told = file.metadata()
        own = json.loads(told["descriptions"])
        descriptions += own
        organs += json.loads(told.get("organs", "null")) or [None] * len(own)
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}, descriptions, organs
