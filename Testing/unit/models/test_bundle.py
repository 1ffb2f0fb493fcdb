"""A model bundle is used whole and unchanged, or not at all."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle


@pytest.fixture
def copied(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "model"))


def test_loading_gives_frozen_networks_and_a_fingerprint(tiny_bundle: Path) -> None:
    loaded = bundle.load(str(tiny_bundle))
    assert loaded.name == "tiny"
    assert loaded.sha256 == bundle.sha256(tiny_bundle / "manifest.json")
    assert not any(p.requires_grad for p in [*loaded.autoencoder.parameters(), *loaded.denoiser.parameters()])


@pytest.mark.parametrize("name", ["config.json", "denoiser.safetensors", "MODEL_CARD.md"])
def test_changed_file_is_refused(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[-1] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} is damaged"):
        bundle.load(str(copied))


def test_missing_file_is_named(copied: Path) -> None:
    (copied / "autoencoder.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks autoencoder\.safetensors"):
        bundle.load(str(copied))


def test_pickle_beside_the_weights_is_refused(copied: Path) -> None:
    (copied / "denoiser.pt").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match="pickle"):
        bundle.load(str(copied))


def test_pickle_under_a_safetensors_name_is_refused(copied: Path) -> None:
    (copied / "denoiser.safetensors").write_bytes(pickle.dumps({"a": 1}))
    bundle.seal(copied)
    with pytest.raises(InputError, match=r"denoiser\.safetensors cannot be used"):
        bundle.load(str(copied))


def test_weights_of_another_architecture_are_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["denoiser"]["channels"] = [16, 32]
    (copied / "config.json").write_text(json.dumps(config))
    bundle.seal(copied)
    with pytest.raises(InputError, match=r"denoiser\.safetensors cannot be used"):
        bundle.load(str(copied))


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown model 'nothing'"):
        bundle.find("nothing")
