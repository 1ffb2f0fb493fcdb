"""Short memory: the work in smaller parts, then on the CPU, with the same result and a word about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.errors import InputError
from TextoMorphLib.masks import read_mask
from TextoMorphLib.memory import in_parts
from TextoMorphLib.networks.autoencoder import STRIDE, Autoencoder


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
    real, left = Autoencoder.decode, [failures]

    def short(self: Autoencoder, latent: torch.Tensor) -> torch.Tensor:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, latent)

    monkeypatch.setattr(Autoencoder, "decode", short)
    if failures == 3:
        with pytest.raises(InputError, match=said):
            synthesizer.synthesize(ct, mask, "cystic", guidance=2.0)
        return
    made = synthesizer.synthesize(ct, mask, "cystic", guidance=2.0)
    assert [said in note for note in made.report["notes"]] == ([True] if said else [])
    change = made.volume.data.astype(float) - usual.volume.data
    assert np.abs(change).max() <= 2
    assert synthesizer.synthesize(ct, mask, "cystic").report["notes"] == []  # the next has all the memory again
