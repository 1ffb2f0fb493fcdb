"""A model with a texture network: what it changes, and what it leaves as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from TextoMorphLib import Synthesizer
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import bundle
from TextoMorphLib.models.texture import TextureNetwork
from TextoMorphLib.text.organs import organs


@pytest.fixture(scope="module")
def textured(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a texture network of random weights, for the pancreas."""
    folder = tmp_path_factory.mktemp("textured") / "model"
    shutil.copytree(tiny_bundle, folder)
    config = json.loads((folder / "config.json").read_text())
    size = {"channels": [8, 8, 8], "condition": 16}
    config["texture"] = {
        "network": size,
        "organs": ["pancreas"],
        "steps": 2,
        "noise": 0.9,
        "liveliness": 0.2,
        "spread": {"weights": [0.0] * 7 + [2.7], "residual": 0.2},
    }
    torch.manual_seed(0)
    network = TextureNetwork(**size)  # type: ignore[arg-type]
    torch.nn.init.normal_(network.leave.weight, std=0.1)
    parts = bundle.load(str(tiny_bundle))
    networks = {"autoencoder": parts.autoencoder, "attribute_classifier": parts.classifier, "denoiser": parts.denoiser}
    bundle.save(folder, config, {**networks, "texture": network}, "# tiny, with texture\n")
    return folder


@pytest.fixture(scope="module")
def scan() -> tuple[Volume, np.ndarray]:
    rng = np.random.default_rng(1)
    volume = Volume(rng.normal(90, 10, (64, 64, 20)).astype(np.float32), np.diag([0.9, 0.9, 2.5, 1.0]))
    away = (np.indices(volume.shape).T - (31, 31, 10)) * (0.9, 0.9, 2.5)
    return volume, (np.linalg.norm(away, axis=-1) < 10).T


def test_texture_comes_in_its_organ_alone_and_can_be_left_out(
    tiny_bundle: Path, textured: Path, scan: tuple[Volume, np.ndarray]
) -> None:
    ct, mask = scan
    old, new = Synthesizer.load(str(tiny_bundle), "cpu"), Synthesizer.load(str(textured), "cpu")
    said = {"text": "hypoattenuating", "seed": 3, "preset": "preview"}
    before = old.synthesize(ct, mask, organ="pancreas", **said)  # type: ignore[arg-type]
    without = new.synthesize(ct, mask, organ="pancreas", texture=False, **said)  # type: ignore[arg-type]
    elsewhere = new.synthesize(ct, mask, organ="liver", **said)  # type: ignore[arg-type]
    liver = old.synthesize(ct, mask, organ="liver", **said)  # type: ignore[arg-type]
    assert (without.volume.data == before.volume.data).all()
    assert (elsewhere.volume.data == liver.volume.data).all()
    made = [new.synthesize(ct, mask, organ="pancreas", **said) for _ in range(2)]  # type: ignore[arg-type]
    assert [each.report["texture"] for each in (*made, without, elsewhere)] == [True, True, False, False]
    assert (made[0].volume.data == made[1].volume.data).all()
    assert not (made[0].volume.data == before.volume.data).all()
    far = np.argwhere(made[0].volume.data != ct.data) - (31, 31, 10)
    assert np.linalg.norm(far * (0.9, 0.9, 2.5), axis=1).max() < 10 + 4 + 1.5


@pytest.mark.parametrize("text", ["a cyst with calcifications", "well-defined", "walled, septated"])
def test_structures_take_the_texture_without_its_margin(
    textured: Path, scan: tuple[Volume, np.ndarray], text: str
) -> None:
    ct, mask = scan
    model = Synthesizer.load(str(textured), "cpu")
    made = model.synthesize(ct, mask, text, organ="pancreas", preset="preview")
    plain = model.synthesize(ct, mask, text, organ="pancreas", preset="preview", texture=False)
    assert np.isfinite(made.volume.data).all()
    assert made.lesions[0].mean_hu == pytest.approx(plain.lesions[0].mean_hu, abs=12)


def test_a_bundle_that_lacks_its_texture_is_refused(textured: Path, tmp_path: Path) -> None:
    shutil.copytree(textured, tmp_path / "model")
    (tmp_path / "model" / "texture.safetensors").unlink()
    bundle.seal(tmp_path / "model")
    with pytest.raises(InputError, match=r"texture\.safetensors"):
        bundle.verify(tmp_path / "model")


TOLD_DENSITY = ("solid", "isoattenuating")


def test_density_that_is_not_said_is_that_of_the_organs_tumours(
    textured: Path, scan: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    ct, mask = scan
    model = Synthesizer.load(str(textured), "cpu")

    def contrast(text: str, seed: int, organ: str = "pancreas") -> float:
        return model.synthesize(ct, mask, text, organ, seed, preset="preview").lesions[0].contrast_hu

    known = dataclasses.replace(organs["pancreas"], unsaid_contrast_hu=((0.0, -40.0), (1.0, 60.0)))
    monkeypatch.setitem(organs, "pancreas", known)
    left_open = [contrast("solid", seed) for seed in (1, 3)]
    notes = [model.synthesize(ct, mask, text, "pancreas", 1, preset="preview").report["notes"] for text in TOLD_DENSITY]
    assert ["density open" in " ".join(told) for told in notes] == [True, False]
    assert left_open[0] - left_open[1] > 30
    said = [("isoattenuating", "pancreas"), ("cystic", "pancreas"), ("solid", "liver")]
    before = [contrast(text, 1, organ) for text, organ in said]
    known = dataclasses.replace(organs["pancreas"], unsaid_contrast_hu=())
    monkeypatch.setitem(organs, "pancreas", known)
    assert before == [contrast(text, 1, organ) for text, organ in said]
    assert abs(contrast("solid", 1) - left_open[0]) > 3


def test_heterogeneous_is_more_than_what_nothing_is_said_of(textured: Path, scan: tuple[Volume, np.ndarray]) -> None:
    ct, mask = scan
    model = Synthesizer.load(str(textured), "cpu")
    spreads = []
    for text in ("hypoattenuating, homogeneous", "hypoattenuating", "hypoattenuating, heterogeneous"):
        made = model.synthesize(ct, mask, text, organ="pancreas", preset="preview", seed=5)
        spreads.append(made.volume.data[mask].std())
    assert spreads[0] < spreads[1] < spreads[2]


def test_what_is_called_homogeneous_has_the_noise_around_it_as_even(scan: tuple[Volume, np.ndarray]) -> None:
    """Real tumours' noise is less even than their surroundings': so is a lesion's that is not called homogeneous."""
    ct, mask = scan
    model = Synthesizer.load("starter", "cpu")
    apart = []
    for text in ("isoattenuating, homogeneous", "isoattenuating, cystic"):
        uneven = []
        for seed in range(3):
            made = model.synthesize(ct, mask, text, organ="pancreas", seed=seed, preset="preview").volume.hu()
            fine = made - ndimage.gaussian_filter(made, (1.5, 1.5, 0))
            strength = ndimage.gaussian_filter(fine**2, (4, 4, 0.5))[ndimage.binary_erosion(mask, iterations=3)]
            uneven.append(float(strength.std() / strength.mean()))
        apart.append(np.mean(uneven))
    assert apart[1] > 1.15 * apart[0]
