"""Words that a denoiser was told after all others: layers of their own draw them, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.models.denoiser import Denoiser
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.models.word_structures import NEAR_HU, drawn

WORDS = [["fat", "present"], ["fluid", "dense"]]
SHAPE = (48, 48, 48)
DEPTH = np.float32(12 - np.linalg.norm(np.indices(SHAPE).T - 23.5, axis=-1).T)


def _told(folder: Path, tiny_bundle: Path, words: Any = WORDS) -> Path:
    """The small model with layers for words; they add nothing yet."""
    config = bundle.read_config(tiny_bundle)
    config["denoiser"] = {**config["denoiser"], "told_words": words, "word_width": 8}
    config["drawn_after"] = ["fat", "fluid"]
    model = bundle.load(str(tiny_bundle))
    network = Denoiser.told_by(model.classifier, **{**config["denoiser"], "told_words": WORDS})
    network.load_state_dict(model.denoiser.state_dict(), strict=False)
    shutil.copytree(tiny_bundle, folder)
    bundle.save(folder, config, {"denoiser": network}, "")
    return folder


@pytest.fixture
def told(tmp_path: Path, tiny_bundle: Path) -> Synthesizer:
    return Synthesizer.load(str(_told(tmp_path / "told", tiny_bundle)), "cpu")


def _runs(model: Synthesizer) -> list[int]:
    """Gets an entry for each time that the layers are run."""
    assert model.denoiser.told is not None
    runs: list[int] = []
    model.denoiser.told.register_forward_hook(lambda *_: runs.append(1))
    return runs


@pytest.mark.parametrize("preset", ["preview", "final"])
def test_a_text_without_these_words_is_drawn_as_before(
    told: Synthesizer, tiny: Synthesizer, ct: Volume, mask: np.ndarray, preset: str
) -> None:
    runs = _runs(told)
    torch.nn.init.ones_(told.denoiser.told.leave.bias)  # type: ignore[union-attr]  # whatever they have learned
    one, other = (model.synthesize(ct, mask, "cystic, walled", seed=2, preset=preset) for model in (told, tiny))
    np.testing.assert_array_equal(one.volume.data, other.volume.data)
    assert runs == []


def test_layers_that_have_learned_nothing_add_nothing(told: Synthesizer) -> None:
    layers, lesion = told.denoiser.told, torch.randn(1, told.denoiser.latent_channels, 4, 4, 4)
    assert layers is not None
    place, shape = torch.randn(1, lesion.shape[1] + 4, 4, 4, 4), torch.rand(1, 8, 4, 4, 4)
    assert not layers(lesion, place, shape, layers.vector(("fat", "present"))[None]).any()


def test_what_they_have_learned_is_drawn(told: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    before = told.synthesize(ct, mask, "fat-containing", seed=2)
    runs = _runs(told)
    torch.nn.init.constant_(told.denoiser.told.leave.bias, 0.5)  # type: ignore[union-attr]
    after = told.synthesize(ct, mask, "fat-containing", seed=2)
    assert runs
    assert (before.volume.data != after.volume.data)[mask].any()


def test_a_networks_drawing_stays_where_it_is_near_the_rules() -> None:
    noise, said = latent_noise(SHAPE, 1), {"fat": {"present": 1.0}}
    body = np.asarray(-40.0 * (DEPTH > 0), np.float32)
    filled = np.full(SHAPE, 100, np.float32)
    rule = drawn(body, filled, DEPTH, noise, said)
    near = drawn(body, filled, DEPTH, noise, said, learned=rule - body + 0.5 * NEAR_HU)
    far = drawn(body, filled, DEPTH, noise, said, learned=rule - body - 100)
    inside = DEPTH > 0
    np.testing.assert_allclose(near[inside], rule[inside] + 0.5 * NEAR_HU, atol=1e-3)
    np.testing.assert_allclose(far[inside], rule[inside], atol=1e-3)


@pytest.mark.parametrize("words", [[["fat", "pink"]], ["fat"], [["density", "hypo"]]])
def test_a_word_that_nobody_draws_is_refused_in_a_line(tmp_path: Path, tiny_bundle: Path, words: Any) -> None:
    folder = _told(tmp_path / "told", tiny_bundle)
    config = json.loads((folder / "config.json").read_text())
    config["denoiser"]["told_words"] = words
    (folder / "config.json").write_text(json.dumps(config))
    bundle.seal(folder)
    with pytest.raises(InputError, match="no such word to be told") as refused:
        bundle.load(str(folder))
    assert "\n" not in str(refused.value)
