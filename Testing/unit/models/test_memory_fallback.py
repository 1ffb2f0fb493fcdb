"""Short memory: the work in smaller parts, then on the CPU, with the same result and a word about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.models.autoencoder import STRIDE, Autoencoder
from TextoMorphLib.models.memory_fallback import in_parts

DECODE = Autoencoder.decode


@pytest.mark.parametrize("units", [1, 2])
def test_parts_make_the_same_as_the_whole(units: int) -> None:
    torch.manual_seed(0)
    network = Autoencoder(2, (4, 4), units).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    hu = 100 * torch.randn(2, 1, 132, 24, 80, dtype=torch.float64)
    with torch.inference_mode():
        latent = network.encode(hu)
        torch.testing.assert_close(in_parts(network.encode, hu, network.reach, STRIDE, 1), latent)
        image = network.decode(latent)
        torch.testing.assert_close(in_parts(network.decode, latent, network.reach, 1, STRIDE), image)


def shorten(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    """The memory is short at the next decodings."""
    left = [failures]

    def short(self: Autoencoder, latent: torch.Tensor) -> torch.Tensor:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return DECODE(self, latent)

    monkeypatch.setattr(Autoencoder, "decode", short)


@pytest.mark.parametrize(
    ("failures", "said"), [(0, None), (1, "in smaller parts"), (2, "the CPU was used"), (3, "does not suffice")]
)
def test_short_memory_is_got_by_with(
    tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, monkeypatch: pytest.MonkeyPatch, failures: int, said: Any
) -> None:
    synthesizer = Synthesizer.load(str(tiny_bundle), "cpu")
    ct = Volume.read(phantom_ct)
    mask = read_mask(phantom_mask, ct)
    usual = synthesizer.synthesize(ct, mask, "cystic", guidance=2.0)
    shorten(monkeypatch, failures)
    if failures == 3:
        with pytest.raises(InputError, match=said):
            synthesizer.synthesize(ct, mask, "cystic", guidance=2.0)
        return
    made = synthesizer.synthesize(ct, mask, "cystic", guidance=2.0)
    assert [said in note for note in made.report["notes"]] == ([True] if said else [])
    change = made.volume.data.astype(float) - usual.volume.data
    assert np.abs(change).max() <= 2
    assert synthesizer.synthesize(ct, mask, "cystic").report["notes"] == []  # the next has all the memory again


def test_memory_that_ends_while_the_networks_are_moved_leaves_none_behind(
    tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesizer = Synthesizer.load(str(tiny_bundle), "cpu")
    moved: list[bool] = []

    def short(device: torch.device) -> None:
        moved.append(len(moved) > 0)
        if not moved[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(synthesizer.denoiser, "to", short)
    ct = Volume.read(phantom_ct)
    synthesizer.synthesize(ct, read_mask(phantom_mask, ct), "cystic", steps=1)
    assert moved == [False, True]


def test_the_commands_say_what_was_done_about_it(
    tmp_path: Path,
    tiny_bundle: Path,
    phantom_ct: Path,
    phantom_mask: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "texts.txt").write_text("cystic\nsolid\n")
    job = {"ct": str(phantom_ct), "mask": str(phantom_mask), "text": "cystic", "output": "1.nii.gz"}
    (tmp_path / "jobs.jsonl").write_text(json.dumps(job))
    preview = ["preview", str(phantom_ct), "--mask", str(phantom_mask), "--texts", str(tmp_path / "texts.txt")]
    preview += ["--output", str(tmp_path / "grid.png")]
    for command in (preview, ["batch", str(tmp_path / "jobs.jsonl")]):
        shorten(monkeypatch, 1)
        assert main([*command, "--model", str(tiny_bundle), "--device", "cpu"]) == 0
        said = capfd.readouterr()
        assert said.err.count("in smaller parts") == 1
    assert "in smaller parts" in json.loads(said.out)["notes"][0]
