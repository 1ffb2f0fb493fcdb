"""Rendered lesions in organs that are told: the shipped configuration, and what of one is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.paths import resources
from TextoMorphLib.text.concepts import LEARNED, QUALIFIES
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.training import cache, train_diffusion


def _config(folder: Path, start: Path, scan: str, more: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(
        f"""base = "{(resources() / "Training" / "starter-organs-diffusion.toml").as_posix()}"
[model]
start = "{start.as_posix()}"
start_share = 0.0
[data]
train = ["{scan}"]
places = []
[examples]
pairs = {{ 48 = 4, 64 = 2, 96 = 2 }}
few = {{ 48 = 2, 64 = 0 }}
[batch]
count = {{ 48 = 2 }}
[training]
steps = 3
warmup = 1
{more}
"""
    )
    return path


def _shards(folder: Path, start: Path, scan: Path) -> cache.Shards:
    network = bundle.load(str(start)).config["autoencoder"]
    return cache.Shards(network, start / "autoencoder.safetensors", scan.parent, [scan.name], folder / "examples", 1)


@pytest.mark.slow
def test_a_denoiser_is_trained_on_and_learns_of_the_organs_it_is_told(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("TextoMorphLib.training.cache.SHARD_PAIRS", 2)
    organs = "[examples.organs]\nliver = 0.5\nkidney = 0.5\npancreas = 0.0\n[batch.odds]\n48 = 1.0\n64 = 0.0\n96 = 0.0"
    config = _config(tmp_path, tiny_bundle, phantom_ct.name, organs)
    made = bundle.load(str(train_diffusion.main(config, phantom_ct.parent, tmp_path / "run")))
    config.write_text(config.read_text().replace("start_share = 0.0", "start_share = 0.5"))
    half = bundle.load(str(train_diffusion.main(config, phantom_ct.parent, tmp_path / "run", resume=True)))
    start, whole, mean = (each.denoiser.state_dict() for each in (bundle.load(str(tiny_bundle)), made, half))
    for name, weight in whole.items():  # a weight of a bundle is off by 1.6% at the most
        torch.testing.assert_close(mean[name], (weight + start.get(name, weight)) / 2, rtol=0.04, atol=1e-4)
    assert made.choice("noise") == "coupled"
    assert made.denoiser.told_organs == ORGANS
    assert made.denoiser.voxels is None
    assert made.denoiser.organs is not None
    assert made.denoiser.organ_words is not None
    assert made.denoiser.organ_words.weight.any()
    taught = made.denoiser.organs.weight.abs().sum(0) > 0
    seen = {name for name, found in zip(ORGANS, taught.tolist(), strict=True) if found}
    assert seen
    assert seen <= {"liver", "kidney"}


def test_of_some_lesions_no_more_than_one_attribute_is_said(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("TextoMorphLib.training.cache.SHARD_PAIRS", 4)
    few = replace(_shards(tmp_path, tiny_bundle, phantom_ct), few=True)
    cache.make(few, {48: 4}, 1)
    _, descriptions, _ = cache.read(few, 48, 4)
    for one, other in descriptions:
        assert one == {kind: values[0] for kind, values in LEARNED.items()}
        assert sum(one[kind] != other[kind] for kind in one if kind not in QUALIFIES) == 1


def test_pairs_of_other_settings_are_not_taken_from_the_folder(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("TextoMorphLib.training.cache.SHARD_PAIRS", 2)
    one = replace(_shards(tmp_path, tiny_bundle, phantom_ct), few=True)
    other = replace(one, seed=2)
    made = []
    for shards in (one, other):
        cache.make(shards, {48: 2}, 1)
        made.append(cache.read(shards, 48, 2)[0]["noise"])
    assert not torch.equal(*made)
    assert torch.equal(cache.read(one, 48, 2)[0]["noise"], made[0])


@pytest.mark.parametrize(
    ("organs", "message"),
    [("spleen = 0.2", "not spleen"), ("liver = 0.9", "together 1"), ("liver = -0.1", "together 1")],
)
def test_shares_of_organs_that_mean_nothing_are_refused(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, organs: str, message: str
) -> None:
    config = _config(tmp_path, tiny_bundle, phantom_ct.name, f"[examples.organs]\n{organs}")
    with pytest.raises(InputError, match=message):
        train_diffusion.main(config, phantom_ct.parent, tmp_path / "run")


@pytest.mark.parametrize("share", ["1.0", "-0.1", '"half"'])
def test_a_share_of_the_start_that_means_nothing_is_refused(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, share: str
) -> None:
    config = _config(tmp_path, tiny_bundle, phantom_ct.name)
    config.write_text(config.read_text().replace("start_share = 0.0", f"start_share = {share}"))
    with pytest.raises(InputError, match="from 0 to below 1"):
        train_diffusion.main(config, phantom_ct.parent, tmp_path / "run")
