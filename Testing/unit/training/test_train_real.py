"""Training on real lesions: from cases to a model that draws, and what its losses look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from real_cases import case
from torch import nn
from typer.testing import CliRunner

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.cases import write_cases
from TextoMorphLib.cli import app, main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.models import bundle
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.paths import resources
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.diffusion_batches import BatchSettings, RealLesions, Words, shares
from TextoMorphLib.training.diffusion_losses import LossSettings, _times, features, real_losses
from TextoMorphLib.training.diffusion_networks import rescaled
from TextoMorphLib.training.triple_shards import TripleSettings, prepare
from TextoMorphLib.training.triple_texts import TextSettings

TEXTS = ("hypoattenuating, ill-defined", "cystic mass", "hyperattenuating, solid")


def _cases(folder: Path, count: int = 3, **how: Any) -> Path:
    path = folder / "cases.jsonl"
    given = [{"texts": (TEXTS[at % 3],), "fold": at % 2, **how} for at in range(count)]
    write_cases([case(folder / "scans", at, diameters_mm=(16.0,), **each) for at, each in enumerate(given)], path)
    return path


def _config(folder: Path, start: Path, base: str = "real-diffusion.toml", more: str = "") -> Path:
    path = folder / "config.toml"
    wordings = "" if "[texts]" in more or "no-variants" in base else "[texts]\nvariants = 2"
    path.write_text(
        f"""base = "{(resources() / "Training" / base).as_posix()}"
[model]
start = "{start.as_posix()}"
presets = {{ final = {{ candidates = 1 }} }}
{wordings}
[triples]
views = 1
[batch]
count = {{ 48 = 2, 64 = 2 }}
[training]
steps = 2
warmup = 1
{more}
"""
    )
    return path


def _train(*options: str | Path) -> Any:
    return CliRunner().invoke(app, ["train", "diffusion", *map(str, options)])


def test_from_cases_to_a_model_that_draws(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path
) -> None:
    cases, run = _cases(tmp_path), tmp_path / "run"
    done = _train(_config(tmp_path, tiny_bundle), "--cases", cases, "--output", run, "--fold", "0")
    assert done.exit_code == 0, done.output
    assert "1 real lesions of 1 patients (words: texts 1)" in done.output
    assert "held_out" in done.output
    told = json.loads((run / "model" / "config.json").read_text())
    assert (told["conditioning"], told["noise"], told["unsaid"]) == ("attributes+tokens", "independent", "unknown")
    assert told["denoiser"]["told_organs"] == list(ORGANS)
    assert "tiny" in (run / "model" / "MODEL_CARD.md").read_text()
    start, made = (bundle.load(str(folder)) for folder in (tiny_bundle, run / "model"))
    assert not torch.allclose(start.denoiser.latent_scale, made.denoiser.latent_scale)
    assert made.denoiser.organs is not None
    taught = made.denoiser.organs.weight.abs().sum(0) > 0  # none of another organ's lesions was seen
    assert [name for name, seen in zip(ORGANS, taught.tolist(), strict=True) if seen] == ["pancreas"]
    ct = Volume.read(phantom_ct)
    report = Synthesizer.load(str(run / "model"), "cpu").synthesize(ct, read_mask(phantom_mask, ct), "cystic").report
    assert report["steps"] == 12
    assert report["unsaid"]["taken_as"] == "unknown"
    lines = cases.read_text().splitlines()
    assert any("texts" in line for line in lines)
    cases.write_text("".join(line.replace('"texts": ["', '"texts": ["calcified ') + "\n" for line in lines))
    again = _train(tmp_path / "config.toml", "--cases", cases, "--output", run, "--fold", "0", "--resume")
    assert "was trained with lesions 1 (" in str(again.exception)


@pytest.mark.slow
@pytest.mark.parametrize(
    "base",
    [
        "real-diffusion-no-variants.toml",
        "real-diffusion-no-contrast.toml",
        "real-diffusion-mixed.toml",
        "real-diffusion-classes.toml",
    ],
)
def test_every_shipped_configuration_runs(
    tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("TextoMorphLib.training.cache.SHARD_PAIRS", 2)
    more = f'[data]\ntrain = ["{phantom_ct.name}"]\n' if "mixed" in base else ""
    config = _config(tmp_path, tiny_bundle, base, more)
    if more:
        few = "[mix]\nreal = 0.3\n[examples]\npairs = { 48 = 2, 64 = 2 }\nworkers = 1\n[batch]"
        text = config.read_text().replace("[batch]", few)
        config.write_text(text.replace("steps = 2", "steps = 6"))  # enough for both sources to be drawn
    options = ["--data", phantom_ct.parent] if more else []
    done = _train(config, "--cases", _cases(tmp_path, 2), *options, "--output", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert bundle.load(str(tmp_path / "run" / "model")).name in base


# --- Losses ---


class _Recorder(nn.Module):
    """A denoiser that answers with what it was told: its first words' weights times a field."""

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.1, 1, concepts))

    def forward(self, noisy: torch.Tensor, time: Any, place: Any, said: torch.Tensor, *_: Any) -> torch.Tensor:
        return torch.ones_like(noisy) * (said @ self.weight).view(-1, 1, 1, 1, 1)


def _batch(said: list[list[float]], **more: Any) -> dict[str, torch.Tensor]:
    count, latents, side = len(said), 4, 8
    place = torch.zeros(count, latents + 4 + 96, side, side, side)
    place[:, latents, 2:6, 2:6, 2:6] = 1
    place[:, latents + 2, 3:5, 3:5, 3:5] = 1
    torch.manual_seed(0)
    return {
        "lesion": torch.randn(count, latents, side, side, side),
        "place": place,
        "weight": torch.ones(count, 1, side, side, side),
        "left": torch.zeros(count),
        "said": torch.tensor(said),
        "tokens": torch.zeros(count, 1, 1),
        "voxel_mm": torch.ones(count, 3),
        "organ": torch.zeros(count, 0),
        "apart": torch.ones(count),
        **more,
    }


HOW = LossSettings(text_dropout=0.0, push=1.0, pull=1.0, margin=0.5, pure_noise=1.0, coupled=False)
OPPOSITE = [[1.0, 0.0], [0.0, 1.0]]


def test_other_words_on_a_scan_are_pushed_apart_and_the_same_words_pulled_together() -> None:
    model = _Recorder(2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([0.3, 0.3]))  # both words do the same
    schedule = Schedule(200)
    blind = real_losses(model, schedule, _batch(OPPOSITE), HOW)
    assert blind["push"].item() > 0.9
    assert blind["pull"].item() < 1e-6  # the place has no say in this model
    with torch.no_grad():
        model.weight.copy_(torch.tensor([-1.0, 1.0]))
    assert real_losses(model, schedule, _batch(OPPOSITE), HOW)["push"].item() < 1e-6
    same = real_losses(model, schedule, _batch(OPPOSITE, apart=torch.zeros(2)), HOW)
    assert same["push"].item() == 0  # texts that do not contradict each other are not pushed


def test_push_and_pull_have_gradients() -> None:
    for name in ("push", "pull"):
        model = _Recorder(2)

        def forward(noisy: Any, time: Any, place: torch.Tensor, said: Any, *_: Any, model: Any = model) -> Any:
            scan = torch.arange(len(said)).view(-1, 1, 1, 1, 1)  # this one looks at the scan, too
            return torch.ones_like(noisy) * (0.1 * said @ model.weight).view(-1, 1, 1, 1, 1) * (1 + scan)

        loss = real_losses(forward, Schedule(200), _batch(OPPOSITE), HOW)[name]  # type: ignore[arg-type]
        (gradient,) = torch.autograd.grad(loss, model.weight)
        assert gradient.abs().max() > 1e-4, name


def test_no_contrast_asks_the_model_once() -> None:
    asked = []
    model = _Recorder(2)

    def forward(*given: Any) -> torch.Tensor:
        asked.append(given)
        return model(*given)  # type: ignore[no-any-return]

    for push, calls in ((1.0, 2), (0.0, 1)):
        asked.clear()
        how = LossSettings(push=push, pull=0.0, coupled=False)
        real_losses(forward, Schedule(200), _batch(OPPOSITE), how)  # type: ignore[arg-type]
        assert len(asked) == calls


def test_what_is_unknown_changes_no_loss_and_no_feature() -> None:
    known = torch.ones(2, 1, 8, 8, 8)
    known[:, :, 4:] = 0
    batch = _batch(OPPOSITE, weight=known)
    spoilt = {**batch, "lesion": batch["lesion"] + 100 * (1 - known)}
    losses = []
    for each in (batch, spoilt):
        torch.manual_seed(3)
        losses.append(float(real_losses(_Recorder(2), Schedule(200), each, HOW)["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(*(features(each["lesion"], batch) for each in (batch, spoilt)))


def test_noise_that_is_left_in_a_target_is_not_learnt() -> None:
    schedule = Schedule(200)
    how = LossSettings(pure_noise=0.0, coupled=False)
    torch.manual_seed(0)
    times = _times(schedule, torch.tensor([0.0, 0.4]).repeat_interleave(500), how)
    clean, noisy = times[:500], times[500:]
    ratio = schedule.sigma / schedule.alpha
    assert clean.min() < 5
    assert ratio[noisy.min()] >= 0.4
    assert noisy.max() > 190


# --- Batches ---


def test_batches_are_of_several_patients_with_their_own_words(tmp_path: Path, tiny_bundle: Path) -> None:
    model = bundle.load(str(tiny_bundle))
    cases = [case(tmp_path, at, diameters_mm=(16.0,), texts=(TEXTS[at],)) for at in range(3)]
    lesions, _ = prepare(cases, model.autoencoder, TripleSettings((48,), 2), TextSettings(variants=0), tmp_path / "t")
    words = Words(model.classifier, None, lambda organ: torch.tensor([float(organ == "pancreas"), 0.0]))
    draw = RealLesions(lesions, BatchSettings({48: 3}), torch.ones(1, 4, 1, 1, 1), words)
    one, again, other = (draw(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["lesion"], other["lesion"])
    assert len({tuple(row.tolist()) for row in one["said"]}) == 3
    assert one["organ"].tolist() == [[1.0, 0.0]] * 3
    assert one["place"][:, 8:].abs().max() == 0  # no seed's fields or hints beside real lesions
    margin = slice(model.classifier.index("margin", "default"), model.classifier.index("margin", "ill") + 1)
    assert sorted(one["said"][:, margin].sum(1).tolist()) == [0, 0, 1]  # what is not said is not known
    density = words.said(["hypoattenuating", "hyperattenuating", "cystic"], ["pancreas"] * 3)
    assert words.apart(density, density.roll(-1, 0)).tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(InputError, match="says nothing of lesions in crops of 48 mm"):
        RealLesions(lesions, BatchSettings({64: 3}), torch.ones(1, 4, 1, 1, 1), words)


def test_another_scale_draws_the_same_from_noise(tiny_bundle: Path) -> None:
    denoiser = bundle.load(str(tiny_bundle)).denoiser
    noise, time = torch.randn(1, 4, 8, 8, 8), torch.tensor([199])
    place, said = torch.randn(1, 4 + 4 + 96, 8, 8, 8), torch.rand(1, denoiser.words[0].in_features)
    before = denoiser(noise, time, place, said) * denoiser.latent_scale
    rescaled(denoiser, torch.tensor([0.2, 0.5, 1.0, 3.0]).view(1, -1, 1, 1, 1))
    torch.testing.assert_close(denoiser(noise, time, place, said) * denoiser.latent_scale, before)


# --- Bad input ---


def test_shares_of_what_is_not_there_are_refused() -> None:
    assert shares({}, cases=True, scans=False) == {"real": 1.0}
    assert shares({}, cases=False, scans=True) == {"rendered": 1.0}
    for given, message in (
        ({"real": 1.0, "rendered": 1.0}, "add --data DIR"),
        ({"painted": 1.0}, "not painted"),
        ({"real": 0.0}, "one of them above 0"),
    ):
        with pytest.raises(InputError, match=message):
            shares(given, cases=True, scans=False)
    with pytest.raises(InputError, match="add --cases"):
        shares({"real": 1.0}, cases=False, scans=True)


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ("[mix]\nrendered = 0.5", [], "add --data DIR"),
        ('[texts]\nsilent = "guess"', [], "silent must be refuse or measure"),
        ("[contrast]\nshove = 1.0", [], "[contrast] knows push, pull, margin, not shove"),
        ("[texts]\nvariant = 3", [], "[texts] knows variants, original, silent, not variant"),
        ("", ["--fold", "7"], "no case is in fold 7"),
    ],
)
def test_configurations_that_cannot_be_used_are_refused(
    tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str], more: str, options: list[str], message: str
) -> None:
    config, cases = _config(tmp_path, tiny_bundle, more=more), _cases(tmp_path, 1)
    status = main(["train", "diffusion", str(config), "--cases", str(cases), "--output", str(tmp_path / "r"), *options])
    assert status == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_an_organ_without_cases_is_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    config = _config(tmp_path, tiny_bundle)
    config.write_text(config.read_text().replace("[triples]", '[triples]\norgans = ["liver"]'))
    assert "no case of the liver" in str(_train(config, "--cases", _cases(tmp_path, 1), "--output", tmp_path).exception)


def test_a_base_is_gone_on_from_and_no_circle(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("[batch]\npush = 1.0\npull = 0.1\n[training]\nsteps = 9\n")
    (tmp_path / "own.toml").write_text('base = "base.toml"\n[batch]\npush = 0.0\n')
    assert read_config(tmp_path / "own.toml") == {"batch": {"push": 0.0, "pull": 0.1}, "training": {"steps": 9}}
    (tmp_path / "net.toml").write_text(
        '[network]\nname = "unet"\nstrides = [2]\n[source]\nkind = "words"\norgan = "liver"\n'
    )
    (tmp_path / "other.toml").write_text(
        'base = "net.toml"\n[network]\nname = "swin_unetr"\n[source]\nkind = "words"\npreset = "final"\n'
    )
    assert read_config(tmp_path / "other.toml") == {
        "network": {"name": "swin_unetr"},  # strides are the U-Net's
        "source": {"kind": "words", "organ": "liver", "preset": "final"},
    }
    (tmp_path / "former.toml").write_text('[reader]\nweights = "reader.safetensors"\n')
    assert read_config(tmp_path / "former.toml") == {"attribute_classifier": {"weights": "reader.safetensors"}}
    (tmp_path / "self.toml").write_text('base = "self.toml"')
    with pytest.raises(InputError, match="names itself"):
        read_config(tmp_path / "self.toml")
