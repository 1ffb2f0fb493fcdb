"""`textomorph train texts`: learns what texts say, from texts alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from TextoMorphLib.io import contents
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models import bundle
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.simulation import captions
from TextoMorphLib.simulation.examples import consistent, random_description
from TextoMorphLib.text import encoders as text_encoder
from TextoMorphLib.text.concepts import LEARNED, QUALIFIES, Description
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.loop import Batch, LoopConfig, fit
from TextoMorphLib.training.same_training import told_of
from TextoMorphLib.training.settings import built, check_tables, table

TABLES = dict.fromkeys(("network", "text", "batch", "training"))
SPARSE = 0.5  # share of the texts that say one to three things, as users do


@dataclass(frozen=True)
class _Text:
    """[text]: who encodes the texts, and how many there are."""

    encoder: str
    count: int

    def __post_init__(self) -> None:
        """Refuses what are no texts."""
        if self.count < 1:
            raise ValueError("count must be 1 or more")


@dataclass(frozen=True)
class _Batch:
    """[batch]: how many texts are in one."""

    count: int

    def __post_init__(self) -> None:
        """Refuses what is no batch."""
        if self.count < 1:
            raise ValueError("count must be 1 or more")


def main(config: Path, output: Path, resume: bool = False) -> Path:
    """Trains an attribute classifier.

    Args:
        config: TOML; `Resources/Training/starter-texts.toml` shows all that it holds.
        output: Folder for the run; `texts.safetensors` appears in it at the start, `attribute_classifier.safetensors`
            at the end.
        resume: Go on from the run's checkpoint.

    Returns:
        The weights' path.
    """
    settings = read_config(config)
    check_tables(settings, TABLES)
    loop = table(LoopConfig, settings, "training")
    torch.manual_seed(loop.seed)
    text, batch = table(_Text, settings, "text"), table(_Batch, settings, "batch")
    network = built(partial(AttributeClassifier, LEARNED), settings)
    with PartialState().main_process_first():
        texts, made_from = _texts(output, text.encoder, text.count, loop.seed)

    def draw(rng: np.random.Generator) -> Batch:
        rows = rng.integers(len(texts["said"]), size=batch.count)
        return {name: values[rows] for name, values in texts.items()}

    def losses(model: nn.Module, drawn: Batch) -> dict[str, Tensor]:
        longest = int(drawn["mask"].sum(1).max())
        predicted = model(drawn["hidden"][:, :longest].float(), drawn["mask"][:, :longest]).clamp_min(1e-6).log()
        return {"loss": -(predicted * drawn["said"]).sum(1).mean() / len(LEARNED)}

    average = fit(network, draw, losses, loop, output, resume, told=told_of(settings, texts=[made_from]))
    path = output / f"{bundle.CLASSIFIER}.safetensors"
    if PartialState().is_main_process:
        with replacing(path) as (beside,):
            save_file({name: value.contiguous() for name, value in average.state_dict().items()}, beside)
    return path


def sparse_description(rng: np.random.Generator) -> Description:
    """A description with one to three kinds that are not at their default."""
    full = {k: v for k, v in random_description(rng).items() if k != "degree" or rng.random() < 0.5}
    kept = set(rng.permutation([kind for kind in LEARNED if kind not in QUALIFIES])[: rng.integers(1, 4)])
    kept |= {kind for kind, other in QUALIFIES.items() if other in kept}
    return consistent({kind: full[kind] if kind in kept and kind in full else LEARNED[kind][0] for kind in LEARNED})


def written(count: int, seed: int, held_out: bool = False) -> tuple[list[str], list[Description]]:
    """Texts and what they say."""
    rng = np.random.default_rng([seed, held_out])
    descriptions = [sparse_description(rng) if rng.random() < SPARSE else random_description(rng) for _ in range(count)]
    return [captions.write(d, rng, held_out) for d in descriptions], descriptions


def encoded(texts: list[str], encoder: str) -> dict[str, Tensor]:
    """Tokens of texts, half precision: hidden [N, L, W] and mask [N, L], L being the longest text's."""
    encode = text_encoder.load(encoder)
    hidden, mask = [], []
    for start in range(0, len(texts), 256):
        tokens = encode.encode(texts[start : start + 256])
        hidden.append(tokens.hidden.half())
        mask.append(tokens.mask)
    longest = max(int(each.sum(1).max()) for each in mask)
    parts = {"hidden": hidden, "mask": mask}
    return {name: torch.cat([part[:, :longest] for part in each]) for name, each in parts.items()}


def _texts(folder: Path, encoder: str, count: int, seed: int) -> tuple[Batch, str]:
    """The training texts, encoded once and kept on disk, and what they were made from."""
    path = folder / "texts.safetensors"
    told = json.dumps([contents.program(), encoder, count, seed])
    if not path.exists() or _made_from(path) != told:
        folder.mkdir(parents=True, exist_ok=True)
        texts, descriptions = written(count, seed)
        tensors = {**encoded(texts, encoder), "said": AttributeClassifier(LEARNED).vectors(descriptions)}
        with replacing(path) as (beside,):
            save_file(tensors, beside, {"made_from": told})
    return load_file(path), told


def _made_from(path: Path) -> str:
    with safe_open(path, "pt") as file:
        return str((file.metadata() or {}).get("made_from", ""))
