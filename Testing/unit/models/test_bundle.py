"""A model bundle is used whole and unchanged, or not at all."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

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


def change_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    bundle.seal(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config["denoiser"].update(depth=3), "does not describe the denoiser"),
        (lambda config: config["denoiser"].pop("channels"), "denoiser"),
        (lambda config: config["attribute_classifier"].update(kinds=3), "does not describe the attribute_classifier"),
        (lambda config: config.pop("autoencoder"), "does not describe the autoencoder"),
        (lambda config: config["autoencoder"].update(channels="many"), "does not describe the autoencoder"),
        (lambda config: config.pop("name"), "has no name"),
        (lambda config: config["schedule"].pop("timesteps"), "has no timesteps"),
        (lambda config: config["schedule"].update(new=1), "no schedule that is known"),
        (lambda config: config["text_encoder"].pop("sha256"), "has no sha256"),
        (lambda config: config["presets"].pop("final"), "has no final"),
        (lambda config: config["presets"]["preview"].update(steps=0), "out of range"),
        (lambda config: config["presets"]["final"].update(guidance="strong"), "has no guidance"),
        (lambda config: config.update(presets=[]), "has no presets"),
    ],
)
def test_a_config_with_keys_too_many_too_few_or_of_another_kind(
    copied: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    change_config(copied, change)
    with pytest.raises(InputError, match=words) as refused:
        bundle.load(str(copied))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(copied: Path, value: float) -> None:
    weights = load_file(copied / "denoiser.safetensors")
    next(iter(weights.values())).view(-1)[0] = value
    save_file(weights, copied / "denoiser.safetensors")
    bundle.seal(copied)
    with pytest.raises(InputError, match=r"denoiser\.safetensors holds NaN or infinite weights"):
        bundle.load(str(copied))


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "sub/file", "..", "a\\b"])
def test_a_manifest_reaches_nothing_outside_its_folder(copied: Path, name: str) -> None:
    sums = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps({**sums, name: "0" * 64}))
    with pytest.raises(InputError, match="outside"):
        bundle.verify(copied)


@pytest.mark.parametrize("content", ["3", "[1, 2]", '"text"', "null", "{"])
def test_a_manifest_of_another_kind(copied: Path, content: str) -> None:
    (copied / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"no readable manifest\.json"):
        bundle.verify(copied)


def test_a_bundle_of_an_earlier_version_loads_and_draws(tmp_path: Path, phantom_ct: Path, phantom_mask: Path) -> None:
    """Written before 0.1.0, when configurations had no kind, structures or texture; its weights only count."""
    import zipfile

    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesizer

    with zipfile.ZipFile(Path(__file__).parent / "bundles" / "before-0.1.0.zip") as packed:
        packed.extractall(tmp_path / "old")
    assert bundle.read_config(tmp_path / "old")["kind"] == "synthesis"
    ct, mask = Volume.read(phantom_ct), Volume.read(phantom_mask).data > 0
    made = Synthesizer.load(str(tmp_path / "old"), "cpu").synthesize(ct, mask, "cyst", preset="preview")
    assert made.report["model"]["name"] == "old"
    assert (made.volume.data != ct.data).any()
