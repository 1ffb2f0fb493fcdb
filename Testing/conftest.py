"""Fixtures shared by the tests: a small untrained model, the phantom on disk; real scans and a browser, where there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NO_BROWSER = "needs Playwright (pip install playwright) and Chrome, Chromium or Edge (or: playwright install chromium)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests come first: where processes share the tests, none is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with small random weights: everything works, the lesions mean nothing."""
    import torch

    from TextoMorphLib.models import bundle
    from TextoMorphLib.models.attribute_classifier import AttributeClassifier
    from TextoMorphLib.models.autoencoder import Autoencoder
    from TextoMorphLib.models.denoiser import Denoiser
    from TextoMorphLib.text import encoders
    from TextoMorphLib.text.concepts import LEARNED

    torch.manual_seed(0)
    text = encoders.load("minilm")
    parts = {
        "autoencoder": {"latent_channels": 4, "channels": [8, 8], "residual_units": 1},
        "attribute_classifier": {"kinds": LEARNED, "text_width": text.width, "width": 16, "layers": 1},
        "denoiser": {"latent_channels": 4, "channels": [16, 16], "head_channels": 16},
    }
    classifier = AttributeClassifier(**parts["attribute_classifier"])  # type: ignore[arg-type]
    networks = {
        "autoencoder": Autoencoder(**parts["autoencoder"]),  # type: ignore[arg-type]
        "attribute_classifier": classifier,
        "denoiser": Denoiser.told_by(classifier, **parts["denoiser"]),  # type: ignore[arg-type]
    }
    networks["autoencoder"].start_linear_path(torch.randn(500, 64))  # type: ignore[operator]
    for parameter in networks["denoiser"].parameters():  # its last layer starts at zero
        torch.nn.init.normal_(parameter, std=0.05)
    config = {
        "name": "tiny",
        **parts,
        "schedule": {"timesteps": 200},
        "text_encoder": {"name": text.name, "sha256": text.sha256},
        "presets": {"preview": {"steps": 1, "guidance": 1.0}, "final": {"steps": 2, "guidance": 2.0}},
    }
    folder = tmp_path_factory.mktemp("models") / "tiny"
    bundle.save(folder, config, networks, "# tiny\n\nRandom weights, for tests alone.\n")
    return folder


@pytest.fixture
def tiny_clip(tmp_path: Path) -> Path:
    """A folder with a CLIP text model of small random weights and a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPTextConfig, CLIPTextModel

    words = ["<|startoftext|>", "<|endoftext|>", "<unk>", "cystic", "solid", "mass"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=[(words[0], 0), (words[1], 1)]
    )
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(words),
        max_position_embeddings=10,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    CLIPTextModel(config).save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.fixture(scope="session")
def phantom_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digital phantom as a NIfTI file."""
    from TextoMorphLib.simulation.phantom import phantom

    path = tmp_path_factory.mktemp("phantom") / "ct.nii.gz"
    phantom()[0].write(path)
    return path


@pytest.fixture(scope="session")
def phantom_mask(phantom_ct: Path) -> Path:
    """A 16 mm lesion mask in the phantom's liver."""
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.lesion_masks import lesion_mask
    from TextoMorphLib.simulation.phantom import phantom

    ct, organs = phantom()
    mask = lesion_mask(ct, organs["liver"], 16.0, seed=1)
    path = phantom_ct.with_name("mask.nii.gz")
    Volume.from_array(mask.astype(np.uint8), ct.affine).write(path)
    return path


@pytest.fixture(scope="session")
def real_cts() -> list[Path]:
    """Real CTs: those in the folder $TEXTOMORPH_CT_DATA names, or in `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TEXTOMORPH_CT_DATA", beside))
    found = sorted(folder.glob("*_ct.nii.gz")) + sorted(folder.glob("*_ct_small.nii.gz"))
    if not found:
        pytest.skip("no real CT at hand; set TEXTOMORPH_CT_DATA to a folder of CTs")
    return found


@pytest.fixture(scope="session")
def real_ct(real_cts: list[Path]) -> Path:
    """One real CT, the smallest."""
    return min(real_cts, key=lambda path: path.stat().st_size)


@pytest.fixture
def browser() -> Iterator[Any]:
    """A browser without a window, driven by Playwright."""
    missing = pytest.fail if os.environ.get("TEXTOMORPH_NEEDS_BROWSER") else pytest.skip
    try:
        from playwright import sync_api
    except ImportError:
        missing(NO_BROWSER)
    from TextoMorphLib.reader_study import pdf

    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        program = pdf.browser() or (own if Path(own).exists() else None)
        if program is None:
            missing(NO_BROWSER)
        quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *quiet])
        yield browser
        browser.close()
