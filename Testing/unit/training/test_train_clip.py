"""The paper's text encoder, named in a configuration: from texts and a case to a model that draws by its tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from real_cases import case
from safetensors.torch import save_file

import small_trainings
from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.cases import write_cases
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.models import bundle
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.text import encoders
from TextoMorphLib.training import train_diffusion, train_texts

TEXTS = small_trainings.texts(encoder="clip", text_width=32, count=8, steps=2)
DIFFUSION = f"""
[model]
name = "with-clip"
conditioning = "attributes+tokens"
presets = {{ final = {{ steps = 2, guidance = 1.0 }} }}
{small_trainings.networks(autoencoder="autoencoder.safetensors", encoder="clip", text_width=32)}
[triples]
views = 1
[texts]
variants = 1
[batch]
count = {{ 48 = 1, 64 = 1 }}
[training]
steps = 2
learning_rate = 1e-3
seed = 1
"""


@pytest.fixture
def cached_clip(tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLIP where the Hugging Face cache has it."""
    place = tmp_path / "hub" / "models--openai--clip-vit-base-patch32"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    shutil.copytree(tiny_clip, place / "snapshots" / ("0" * 40), ignore=shutil.ignore_patterns("hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    encoders.load.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("cached_clip")
def test_clip_from_texts_to_a_lesion(tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path) -> None:
    (tmp_path / "texts.toml").write_text(TEXTS)
    train_texts.main(tmp_path / "texts.toml", tmp_path / "texts")
    network = Autoencoder(4, (8, 8), 1)
    network.start_linear_path(torch.randn(500, 64))
    save_file(network.state_dict(), tmp_path / "autoencoder.safetensors")
    write_cases([case(tmp_path / "scans", diameters_mm=(16.0,), texts=("cystic mass",))], tmp_path / "cases.jsonl")
    (tmp_path / "diffusion.toml").write_text(DIFFUSION)
    run = tmp_path / "run"
    model = train_diffusion.main(tmp_path / "diffusion.toml", None, run, cases=tmp_path / "cases.jsonl")
    made = bundle.load(str(model))
    assert made.config["text_encoder"]["name"] == "clip"
    assert made.denoiser.text_width == 32
    ct = Volume.read(phantom_ct)
    report = Synthesizer.load(str(model), "cpu").synthesize(ct, read_mask(phantom_mask, ct), "cystic mass").report
    assert report["synthetic"]
    # A model reads with the encoder that it was trained with, and with no other.
    start = f'[model]\nname = "x"\nstart = "{tiny_bundle.as_posix()}"\npresets = {{}}\n[text]\nencoder = "clip"\n'
    training = "[batch]\n[training]\nsteps = 2\nlearning_rate = 1e-3\nseed = 1\n"
    (tmp_path / "start.toml").write_text(start + training)
    with pytest.raises(InputError, match=r"width 384, and the text encoder 'clip' makes 32; train one with it"):
        train_diffusion.main(tmp_path / "start.toml", None, tmp_path / "other", cases=tmp_path / "cases.jsonl")
