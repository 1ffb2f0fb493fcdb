"""Rendered lesions with and without a word that the denoiser is taught later, as latents on disk.

Two lesions share a place, a mask and all random fields, and differ in one word alone. Some have another such word
already: what is drawn first, the next is drawn on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models import word_structures
from TextoMorphLib.models.denoiser import Denoiser, depth_channels, field_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.models.word_layers import shape_channels
from TextoMorphLib.models.word_structures import Word
from TextoMorphLib.simulation.examples import consistent, place, random_description
from TextoMorphLib.text.concepts import LEARNED, Description, as_drawn
from TextoMorphLib.training.cache import UNSAID, Loaded, Shards, crop_in, make, organ_of
from TextoMorphLib.training.diffusion_batches import OUTSIDE_WEIGHT
from TextoMorphLib.training.diffusion_networks import Networks
from TextoMorphLib.training.loop import Batch

SHARD_PLACES = 10
LEAST_MM = 10.0  # smaller lesions have no room for such a word
BARE = 0.5  # of the places: nothing else is said there
AT_ONCE = 8


@dataclass(frozen=True)
class Asked:
    """What is rendered at a place.

    Attributes:
        plain: What is said besides such words.
        words: One, or two that go together, in the order in which they are drawn.
    """

    plain: Description
    words: Sequence[Word]


def asked(words: Sequence[Word], rng: np.random.Generator) -> Asked:
    """A word, what else is said, and perhaps a word that goes with both."""
    word = words[int(rng.integers(len(words)))]
    base = {} if rng.random() < BARE else random_description(rng)
    base = {kind: value for kind, value in base.items() if value != LEARNED[kind][0]}
    plain = plain_of({**base, word[0]: word[1]})
    others = [each for each in words if each[0] != word[0] and _together(plain, (word, each))]
    found = {word, others[int(rng.integers(len(others)))]} if others else {word}
    return Asked(plain, sorted(found, key=word_structures.WORDS.index))


def plain_of(description: Description) -> Description:
    """What a description, with what its words imply, says in words that were learned before."""
    told = as_drawn(description)
    return consistent({**UNSAID, **{kind: value for kind, value in told.items() if kind in LEARNED}})


def _together(plain: Description, words: Sequence[Word]) -> bool:
    said = {**{kind: value for kind, value in plain.items() if value != UNSAID[kind]}, **dict(words)}
    told = as_drawn(said)
    return plain_of(said) == plain and all(told.get(kind) == value for kind, value in words)


def _make_shard(loaded: Loaded, job: tuple[int, int]) -> None:
    shards, scans, network = loaded
    size, number = job
    rng = np.random.default_rng([shards.seed, size, number, 2])
    tensors: list[dict[str, Tensor]] = []
    told = []
    for _ in range(SHARD_PLACES):
        organ = organ_of(shards.organs, rng)
        found = asked([(kind, value) for kind, value in shards.words], rng)
        example = place(crop_in(shards, scans, size, organ, rng), rng, network.latent_channels, LEAST_MM, organ)
        sets: list[Sequence[Word]] = [(), *((word,) for word in found.words)]
        if len(found.words) > 1:
            sets.append(found.words)
        lesions = [example.render({**found.plain, **dict(words)}) for words in sets]
        images = torch.from_numpy(np.stack([example.background, *(example.background + each for each in lesions)]))
        with torch.inference_mode(), autocast(torch.device("cpu")):
            latents = torch.cat([network.encode(image[None, None]) for image in images]).float()
        made = (latents[1:] - latents[0]).half()
        depth = torch.from_numpy(example.depth)[None, None]
        for before, after, word in ((0, 1, 0), (0, 2, 1), (1, 3, 1))[: 3 if len(found.words) > 1 else 1]:
            kind, value = found.words[word]
            said = {key: {each: 1.0} for key, each in {**found.plain, kind: value}.items()}
            shape = word_structures.shape((kind, value), example.depth, example.noise, said)
            tensors.append(
                {
                    "filled": latents[0].half(),
                    "plain": made[0],
                    "before": made[before],
                    "after": made[after],
                    "depth": depth_channels(depth)[0].half(),
                    "deepest": depth.amax(),
                    "noise": example.noise[0].half(),
                    "shape": shape_channels(shape).half(),
                }
            )
            told.append({"plain": found.plain, "organ": organ, "word": [kind, value]})
    with replacing(shards.path(size, number)) as (partial,):
        stacked = {key: torch.stack([each[key] for each in tensors]) for key in tensors[0]}
        save_file(stacked, partial, {"told": json.dumps(told)})


def prepared(shards: Shards, counts: dict[int, int], workers: int, networks: Networks) -> dict[int, dict[str, Tensor]]:
    """Examples by the side of their crops, with what the denoiser draws without the word as `lesion`.

    Args:
        shards: What they are made from.
        counts: Places by the side of the crop, mm.
        workers: Processes.
        networks: The denoiser and the classifier are asked.

    Returns:
        lesion, change [N, C, x, y, z], place [N, C + 4, x, y, z], weight [N, 1, x, y, z], shape [N, 8, x, y, z], word
        [N, words], and scale [N, C, 1, 1, 1]: what latents are divided by.
    """
    make(shards, counts, workers, _make_shard, SHARD_PLACES)
    return {size: _read(shards, size, -(-count // SHARD_PLACES), networks) for size, count in counts.items() if count}


def _read(shards: Shards, size: int, number: int, networks: Networks) -> dict[str, Tensor]:
    parts, told = [], []
    for path in (shards.path(size, each) for each in range(number)):
        parts.append(load_file(path))
        with safe_open(path, "pt") as file:
            told += json.loads(file.metadata()["told"])
    whole = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    denoiser = networks.denoiser
    assert denoiser.told is not None
    said = networks.classifier.vectors([each["plain"] for each in told])
    organs = torch.stack([denoiser.organ_vector(each["organ"]) for each in told])
    last = int(networks.config["schedule"]["timesteps"]) - 1
    place = [0]  # the first example of each one's place: it looks the same at all of them
    for one, other in pairwise(whole["noise"]):
        place.append(place[-1] if torch.equal(one, other) else len(place))
    alone = torch.tensor(sorted(set(place)))
    looks = torch.cat([first_look(denoiser, whole, said, organs, last, at) for at in alone.split(AT_ONCE)])
    drawn = looks[torch.searchsorted(alone, torch.tensor(place))]
    near = (whole["depth"][:, 1:2] > -0.5).float()
    return {
        "lesion": (drawn + whole["before"].float() - whole["plain"].float()).half(),
        "change": (whole["after"].float() - whole["before"].float()).half(),
        "place": torch.cat([whole["filled"], whole["depth"]], 1),
        "weight": near + OUTSIDE_WEIGHT * (1 - near),
        "shape": whole["shape"],
        "scale": denoiser.latent_scale.expand(len(told), -1, -1, -1, -1),
        "word": torch.stack([denoiser.told.vector((kind, value)) for kind, value in (each["word"] for each in told)]),
    }


@torch.no_grad()
def first_look(
    denoiser: Denoiser, whole: dict[str, Tensor], said: Tensor, organs: Tensor, last: int, at: Tensor
) -> Tensor:
    """[B, C, x, y, z]: what the denoiser draws of places from noise alone, without such words."""
    noise, depth = whole["noise"][at].float(), whole["depth"][at].float()
    fields = field_channels(noise, depth, whole["deepest"][at], denoiser.prior_numbers)
    where = torch.cat([whole["filled"][at].float(), depth, fields], 1)
    with autocast(torch.device("cpu")):
        found = denoiser(noise, torch.full((len(at),), last), where, said[at], organ=organs[at])
    return found.float() * denoiser.latent_scale  # type: ignore[no-any-return]


def draw(
    examples: dict[int, dict[str, Tensor]], count: dict[int, int], odds: dict[int, float], rng: np.random.Generator
) -> Batch:
    """A batch of one crop size, in which each word is as likely as another."""
    share = np.array([odds[size] for size in examples], float)
    size = list(examples)[int(rng.choice(len(share), p=share / share.sum()))]
    own = (examples[size]["word"] / examples[size]["word"].sum(0).clamp(min=1)).sum(1).numpy()
    at = rng.choice(len(own), size=count[size], p=own / own.sum())
    return {name: tensor[at].float() for name, tensor in examples[size].items()}
