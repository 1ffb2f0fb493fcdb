"""Training: from a folder of CTs to weights that a bundle can hold, and an exact resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn

import small_trainings
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import contents
from TextoMorphLib.models import bundle
from TextoMorphLib.simulation.examples import flipped, place, random_description
from TextoMorphLib.text.understanding import find
from TextoMorphLib.text.vocabulary import describe
from TextoMorphLib.training import diffusion_losses, loop, train_autoencoder, train_diffusion, train_texts
from TextoMorphLib.training.loop import LoopConfig, fit
from TextoMorphLib.training.muon import orthogonal

AUTOENCODER = """
[data]
train = ["ct.nii.gz"]
[network]
latent_channels = 4
channels = [8, 8]
residual_units = 1
[batch]
count = 2
size_mm = 32
details = 0.5
latent_noise = 0.05
[training]
steps = 4
learning_rate = 1e-3
seed = 1
"""
TEXTS = small_trainings.texts(count=20)
DIFFUSION = f"""
[model]
name = "tried"
presets = {{ final = {{ steps = 2, guidance = 1.0 }} }}
{small_trainings.networks()}
[data]
train = ["ct.nii.gz"]
[examples]
pairs = {{ 48 = 4 }}
workers = 1
[batch]
odds = {{ 48 = 1.0 }}
count = {{ 48 = 2 }}
text_dropout = 0.1
push = 0.5
pull = 0.1
[training]
steps = 3
learning_rate = 1e-3
seed = 1
"""


@pytest.mark.slow
def test_all_networks_from_a_folder_of_cts(phantom_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("TextoMorphLib.training.cache.SHARD_PAIRS", 4)
    configs = {"autoencoder": AUTOENCODER, "texts": TEXTS, "diffusion": DIFFUSION}
    for name, text in configs.items():
        (tmp_path / f"{name}.toml").write_text(text)
    first = train_autoencoder.main(tmp_path / "autoencoder.toml", phantom_ct.parent, tmp_path / "autoencoder")
    train_texts.main(tmp_path / "texts.toml", tmp_path / "texts")
    second = train_diffusion.main(tmp_path / "diffusion.toml", phantom_ct.parent, tmp_path / "diffusion")
    assert load_file(first)["linear_in.weight"].shape == (4, 1, 4, 4, 4)
    weights = load_file(second / "denoiser.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert (weights["latent_scale"] != 1).all()
    assert bundle.load(str(second)).name == "tried"


def test_the_seed_decides_the_first_weights_too(tmp_path: Path) -> None:
    config = tmp_path / "texts.toml"
    config.write_text(small_trainings.texts(count=8, steps=1))
    one, other = (load_file(train_texts.main(config, tmp_path / run)) for run in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_texts_of_another_configuration_are_not_taken_from_the_folder(tmp_path: Path) -> None:
    config = tmp_path / "texts.toml"
    for count in (8, 12):
        config.write_text(small_trainings.texts(count=count, steps=1))
        train_texts.main(config, tmp_path / "run")
        assert len(load_file(tmp_path / "run/texts.safetensors")["said"]) == count
        (tmp_path / "run/checkpoint.pt").unlink()


def test_texts_of_other_words_are_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "texts.toml"
    config.write_text(small_trainings.texts(count=8, steps=1))
    train_texts.main(config, tmp_path / "run")
    monkeypatch.setattr(contents, "program", lambda: "another")
    with pytest.raises(InputError, match=r"was trained with texts 1 \("):
        train_texts.main(config, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("train", "text", "change", "words"),
    [
        (train_autoencoder, AUTOENCODER, ("[data]", "[date]"), "knows data, network, batch, training, not date"),
        (train_autoencoder, AUTOENCODER, ("train =", "tested ="), "[data] knows train, not tested"),
        (train_autoencoder, AUTOENCODER, ('train = ["ct.nii.gz"]', ""), "[data] needs train"),
        (train_autoencoder, AUTOENCODER, ("count = 2", 'count = "two"'), "count must be a whole number"),
        (train_autoencoder, AUTOENCODER, ("size_mm = 32", "size_mm = 33"), "size_mm a multiple of 4"),
        (train_autoencoder, AUTOENCODER, ("residual_units = 1", "width = 1"), "[network] cannot be used"),
        (train_texts, TEXTS, ("count = 20", "count = 0"), "count must be 1 or more"),
        (train_texts, TEXTS, ("[network]", "[text]"), "no valid TOML"),
        (train_texts, TEXTS, ("width = 8", "width = 9"), "[network] cannot be used"),
        (train_texts, TEXTS, ('encoder = "minilm"', ""), "[text] needs encoder"),
    ],
)
def test_what_a_configuration_lacks_is_one_line(
    train: Any, text: str, change: tuple[str, str], words: str, phantom_ct: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    assert change[0] in text
    config.write_text(text.replace(*change, 1))
    data = () if train is train_texts else (phantom_ct.parent,)
    with pytest.raises(InputError) as caught:
        train.main(config, *data, tmp_path / "run")
    assert words in str(caught.value)


@pytest.mark.parametrize("wrong", ["[batch]\nmargin = 0.5\n", "[contrast]\npush = 0.1\n"])
def test_what_no_training_reads_is_refused(tmp_path: Path, wrong: str) -> None:
    config = tmp_path / "texts.toml"
    text = small_trainings.texts()
    config.write_text(text.replace("[batch]\n", wrong) if "[batch]" in wrong else text + wrong)
    with pytest.raises(InputError, match=r"not (margin|contrast)"):
        train_texts.main(config, tmp_path / "run")


def _line(
    folder: Path, resume: bool = False, stop_at: int | None = None, seed: int = 7, accumulate: int = 1
) -> torch.Tensor:
    """Fits a line; `stop_at` presses Ctrl-C there."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 1))
    seen = 0

    def draw(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.from_numpy(rng.standard_normal((8, 1), dtype=np.float32))}

    def losses(network: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        nonlocal seen
        seen += 1
        if stop_at is not None and seen > stop_at:
            raise KeyboardInterrupt
        noise = torch.randn_like(batch["x"])
        return {"loss": (network(batch["x"]) - 3 * batch["x"] + 0.1 * noise).square().mean()}

    config = LoopConfig(steps=30, learning_rate=0.1, muon_rate=0.05, warmup=5, seed=seed, accumulate=accumulate)
    average = fit(model, draw, losses, config, folder, resume, [model[1].weight])
    return torch.cat([p.detach().flatten() for p in [*model.parameters(), *average.parameters()]])


def test_weights_that_start_as_nothing_have_a_rate_of_their_own(tmp_path: Path) -> None:
    def moved(rate: float) -> torch.Tensor:
        model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1))
        before = torch.cat([each.detach().clone().flatten() for each in model.parameters()])
        config = LoopConfig(steps=3, learning_rate=1e-3, muon_rate=0.01, added_rate=rate, warmup=0, weight_decay=0.0)
        data = {"x": torch.linspace(1, 2, 8)[:, None]}
        losses = lambda network, batch: {"loss": (network(batch["x"]) - 9).square().mean()}  # noqa: E731
        added = list(model[1].parameters())
        fit(
            model,
            lambda rng: data,
            losses,
            config,
            tmp_path / str(rate),
            False,
            [model[0].weight, added[0]],
            added=added,
        )
        return (torch.cat([each.detach().flatten() for each in model.parameters()]) - before).abs()

    hidden, weight, bias = moved(0.1)
    assert min(weight, bias) > 0.1 > 0.03 >= hidden
    hidden, weight, bias = moved(0.0)
    assert 0 < weight <= 0.03  # Muon's, too
    assert bias < 4e-3


@pytest.fixture
def half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 with scaled gradients, as on a graphics card, on the CPU, for which accelerate has it not."""

    def accelerator(cpu: bool, mixed_precision: str) -> Accelerator:
        made = Accelerator(cpu=cpu)
        made.state._mixed_precision, made.native_amp = mixed_precision, True
        made.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=100)
        return made

    monkeypatch.setattr(loop, "Accelerator", accelerator)
    monkeypatch.setattr(loop, "_precision", lambda config: "fp16")


def test_scaled_gradients_go_on_exactly(tmp_path: Path, half_precision: None) -> None:
    whole = _line(tmp_path / "whole")
    with pytest.raises(Cancelled):
        _line(tmp_path / "parts", stop_at=13)
    saved = torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)
    assert 0 < saved["scaler"]["scale"] < 2.0**20  # gradients times that are beyond float16: it was lowered
    torch.testing.assert_close(_line(tmp_path / "parts", resume=True), whole, atol=0, rtol=0)
    assert float((whole[:4] * whole[8:12]).sum()) == pytest.approx(3, abs=1.5)  # it learns


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_float16_without_a_graphics_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs an NVIDIA graphics card"):
        fit(nn.Linear(1, 1), lambda rng: {}, lambda *_: {}, LoopConfig(1, 0.1, fp16=True), tmp_path, False)


def test_resume_goes_on_exactly(tmp_path: Path) -> None:
    whole = _line(tmp_path / "whole")
    with pytest.raises(Cancelled, match="stopped at step 13"):
        _line(tmp_path / "parts", stop_at=13)
    torch.testing.assert_close(_line(tmp_path / "parts", resume=True), whole, atol=0, rtol=0)


def test_batches_are_gathered_for_a_step(tmp_path: Path) -> None:
    """Stopped within a step's batches, it goes on from the step's beginning."""
    whole = _line(tmp_path / "whole", accumulate=3)
    with pytest.raises(Cancelled, match="stopped at step 4"):
        _line(tmp_path / "parts", stop_at=14, accumulate=3)
    with pytest.raises(InputError, match="accumulate 3, not 1"):
        _line(tmp_path / "parts", resume=True)
    torch.testing.assert_close(_line(tmp_path / "parts", resume=True, accumulate=3), whole, atol=0, rtol=0)
    assert not torch.equal(whole, _line(tmp_path / "one"))


def test_every_seed_that_numpy_takes_is_taken(tmp_path: Path) -> None:
    ends = [_line(tmp_path / str(seed), seed=seed) for seed in (2**24, 2**31 - 1)]
    assert all(end.isfinite().all() for end in ends)
    assert not torch.equal(*ends)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_muon_moves_every_direction_alike(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    even = torch.linalg.svdvals(orthogonal(left @ torch.logspace(0, -1.3, 6).diag() @ right))
    assert 0.5 < even.min() < even.max() < 1.4


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    _line(tmp_path / "run")
    with pytest.raises(InputError, match="--resume"):
        _line(tmp_path / "run")
    with pytest.raises(InputError, match="does not exist"):
        _line(tmp_path / "none", resume=True)


def test_missing_weights_are_named(phantom_ct: Path, tmp_path: Path) -> None:
    (tmp_path / "diffusion.toml").write_text(DIFFUSION)
    with pytest.raises(InputError, match=r"attribute_classifier\.safetensors.*train it first"):
        train_diffusion.main(tmp_path / "diffusion.toml", phantom_ct.parent, tmp_path / "run")


def test_missing_scan_is_named(tmp_path: Path) -> None:
    (tmp_path / "autoencoder.toml").write_text(AUTOENCODER)
    with pytest.raises(InputError, match=r"ct\.nii\.gz"):
        train_autoencoder.main(tmp_path / "autoencoder.toml", tmp_path, tmp_path / "run")


def test_pairs_differ_in_what_was_flipped_alone() -> None:
    rng = np.random.default_rng(0)
    example = place(np.full((48, 48, 48), 110, np.float32) + rng.normal(0, 12, (48, 48, 48)).astype(np.float32), rng)
    one = {
        **random_description(rng),
        "content": "solid",
        "density": "hypo",
        "degree": "plain",
        "calcification": "none",
    }
    np.testing.assert_array_equal(example.render(one), example.render(dict(one)))
    with_calcium = example.render({**one, "calcification": "present"}) - example.render(one)
    assert with_calcium.max() > 100
    assert (np.abs(with_calcium) > 1).mean() < 0.1 * (example.depth > 0).mean() + 0.02


def test_flipping_changes_something_and_stays_consistent() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        one = random_description(rng)
        other = flipped(one, rng)
        assert other != one
        assert not (other["content"] == "cystic" and other["texture"] == "heterogeneous")


def test_texts_say_what_was_rendered() -> None:
    from TextoMorphLib.simulation.captions import write

    rng = np.random.default_rng(2)
    description = {"density": "hyper", "wall": "walled"}
    said = describe(find(write(description, rng)))
    assert said.get("density") == "hyper"
    assert said.get("wall") == "walled"


def test_the_pull_asks_that_the_same_words_do_the_same_on_other_scans() -> None:
    torch.manual_seed(0)
    count, latents = 4, 4
    place = torch.zeros(count, latents + 4 + 64, 8, 8, 8)
    place[:, latents, 2:6, 2:6, 2:6] = 1  # inside
    place[:, latents + 2, 3:5, 3:5, 3:5] = 1  # deep inside
    weight = torch.ones(count, 1, 8, 8, 8)
    scans = torch.randn(count, latents, 8, 8, 8)
    words = torch.tensor([1.0, 1.0, -2.0, -2.0]).view(-1, 1, 1, 1, 1)

    def pull(effect: torch.Tensor) -> float:
        kept = torch.ones(count)
        return float(
            diffusion_losses.unlike(torch.stack([scans + effect, scans]), {"place": place, "weight": weight}, kept)
        )

    other_way = words * torch.tensor([1.0, -1.0, 1.0, -1.0]).view(-1, 1, 1, 1, 1)
    assert pull(words) < 1e-6
    assert pull(other_way) > 1
