"""A trained denoiser is taught further words: all other weights, and the rest of the bundle, stay to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.word_structures import WORDS
from TextoMorphLib.paths import resources
from TextoMorphLib.text.concepts import ATTRIBUTES, LEARNED, as_drawn
from TextoMorphLib.training import train_diffusion, train_words, word_examples
from TextoMorphLib.training.diffusion_networks import build
from TextoMorphLib.training.loop import Batch


def _config(folder: Path, start: Path, scan: str, steps: int = 2) -> Path:
    path = folder / "config.toml"
    path.write_text(
        f"""base = "{(resources() / "Training" / "starter-words-diffusion.toml").as_posix()}"
[model]
start = "{start.as_posix()}"
[words]
width = 8
[data]
train = ["{scan}"]
places = []
[examples]
places = {{ 48 = 2, 64 = 0, 96 = 0 }}
[batch]
count = {{ 48 = 2 }}
[training]
steps = {steps}
warmup = 1
"""
    )
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("TextoMorphLib.training.word_examples.SHARD_PLACES", 2)


@pytest.mark.usefixtures("few")
def test_only_the_layers_of_the_words_are_trained(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(tmp_path, tiny_bundle, phantom_ct.name)
    folder = train_diffusion.main(config, phantom_ct.parent, tmp_path / "whole")
    made = bundle.load(str(folder))
    assert made.denoiser.told is not None
    assert made.denoiser.told.leave.weight.any()
    before, after = (load_file(each / "denoiser.safetensors") for each in (tiny_bundle, folder))
    assert {name for name in after if name not in before} == {name for name in after if name.startswith("told.")}
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    for name in ("autoencoder.safetensors", "attribute_classifier.safetensors"):
        assert (folder / name).read_bytes() == (tiny_bundle / name).read_bytes()

    whole, seen = train_words.losses, list[int]()

    def stopped(layers: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return whole(layers, batch)

    monkeypatch.setattr(train_words, "losses", stopped)
    with pytest.raises(Cancelled, match="stopped at step 1"):
        train_diffusion.main(config, phantom_ct.parent, tmp_path / "parted")
    monkeypatch.setattr(train_words, "losses", whole)
    resumed = train_diffusion.main(config, phantom_ct.parent, tmp_path / "parted", resume=True)
    again = load_file(resumed / "denoiser.safetensors")
    assert all(torch.equal(again[name], weight) for name, weight in after.items())
    assert len(seen) == 2


def test_layers_begin_from_nothing_whatever_the_start_has_learned(tmp_path: Path) -> None:
    settings = {"model": {"name": "other", "start": "starter"}, "words": {"told": [["fat", "present"]]}}
    layers = build(tmp_path / "config.toml", settings, real=False).denoiser.told
    assert layers is not None
    assert layers.words == (("fat", "present"),)
    assert not layers.drawn.weight.any()


def test_two_lesions_of_an_example_differ_in_the_word_alone() -> None:
    for seed in range(60):
        found = word_examples.asked(WORDS, np.random.default_rng(seed))
        assert sorted(found.words, key=WORDS.index) == list(found.words)
        for words in ({}, *({kind: value} for kind, value in found.words), dict(found.words)):
            told = as_drawn({**found.plain, **words})
            assert {kind: value for kind, value in told.items() if kind in LEARNED} == found.plain
            later = {kind: value for kind, value in told.items() if kind not in LEARNED}
            assert {kind: value for kind, value in later.items() if value != ATTRIBUTES[kind].default} == words


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('[words]\ntold = [["fat", "pink"]]', "no such word to be told: fat pink"),
        ("[words]\nwidht = 8", "not widht"),
        ("[examples.places]\n32 = 2", "crops of 32 mm"),
    ],
)
@pytest.mark.usefixtures("few")
def test_what_cannot_be_taught_is_refused(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, wrong: str, message: str
) -> None:
    base, config = _config(tmp_path, tiny_bundle, phantom_ct.name), tmp_path / "other.toml"
    config.write_text(f'base = "{base.as_posix()}"\n{wrong}\n')
    with pytest.raises(InputError, match=message):
        train_diffusion.main(config, phantom_ct.parent, tmp_path / "run")
