"""What a person adds is one file: written as docs/extending.md shows it, found by its name, and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from TextoMorphLib import Volume
from TextoMorphLib.io import formats
from TextoMorphLib.models import samplers
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.segmentation import networks
from TextoMorphLib.text import encoders

SPLEEN = {
    "name": "spleen",
    "words": ["spleen", "splenic parenchyma"],
    "places": ["in the upper pole of the spleen"],
    "in_reports": r"spleen|splenic",
    "terms_of": "liver",
}
TERM = {
    "name": "sunken",
    "adjectives": ["sunken"],
    "held_out": [],
    "explanation": "Darker than what lies around it, as some call it.",
    "organs": ["liver"],
    "about": "lesion",
    "sets": {"density": "hypo", "shape": "spiculated"},
    "measured": [{"attribute": "contrast_hu", "low": -150, "high": -10}],
}
USE = """
from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.text import vocabulary
import json, sys
ct = Volume.read(sys.argv[1])
model, mask = Synthesizer.load(sys.argv[3]), read_mask(sys.argv[2], ct)
made = model.synthesize(ct, mask, "sunken", organ="spleen", preset="preview")
print(json.dumps([made.report["terms"], made.report["organ"], made.report["notes"]]))
"""


def test_an_organ_and_a_term_in_the_users_folder(
    tmp_path: Path, phantom_ct: Path, phantom_mask: Path, tiny_bundle: Path
) -> None:
    for name, content in (("Organs/spleen.json", SPLEEN), ("Vocabulary/terms/mine.json", {"terms": [TERM]})):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-c", USE, str(phantom_ct), str(phantom_mask), str(tiny_bundle)]
    environment = {**os.environ, "TEXTOMORPH_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    terms, organ, notes = json.loads(done.stdout.splitlines()[-1])
    assert (terms, organ) == (["sunken"], "spleen")
    assert any("does not know shape 'spiculated'" in note for note in notes), notes


def test_a_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def sample(denoise, noise, schedule, steps, on_step):\n    on_step(1)\n    return 0 * noise\n"
    (tmp_path / "nothing.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(tmp_path)])

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        return noisy

    done: list[int] = []
    found = samplers.load("nothing")(denoise, torch.ones(1, 1, 2, 2, 2), Schedule(), 1, done.append)
    assert (float(found.sum()), done) == (0.0, [1])


def test_a_text_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import torch
from TextoMorphLib.text.encoders import Tokens

class Letters:
    name, width, length, sha256 = "letters", 1, 4, "none"

    def encode(self, texts):
        hidden = torch.tensor([[[float(ord(letter))] for letter in text[:4].ljust(4)] for text in texts])
        return Tokens(hidden, hidden[..., 0] != 32, hidden.mean(1))

def load(device, path):
    return Letters()
"""
    (tmp_path / "letters.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path)])
    assert encoders.load("letters").encode(["cyst"]).hidden.flatten().tolist() == [99.0, 121.0, 115.0, 116.0]


def test_a_file_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import numpy as np
from TextoMorphLib.io.formats import Format
from TextoMorphLib.io.volume import Volume

def read(path):
    return Volume(np.load(path), np.eye(4))

def write(volume, path, note):
    with open(path, "wb") as file:
        np.save(file, volume.data)

FORMAT = Format(read, write, (".npy",))
"""
    (tmp_path / "array.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    formats.known.cache_clear()
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    try:
        Volume(voxels, np.eye(4)).write(tmp_path / "scan.npy")
        assert np.array_equal(Volume.read(tmp_path / "scan.npy").data, voxels)
    finally:
        formats.known.cache_clear()


def test_a_segmentation_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(outputs: int, patch: tuple[int, ...], **settings: int) -> torch.nn.Module:
        return torch.nn.Conv3d(1, outputs, **settings)

    monkeypatch.setitem(networks.NETWORKS, "flat", flat)
    network = networks.build("flat", outputs=3, patch=(8, 8, 8), kernel_size=1)
    assert network(torch.zeros(1, 1, 8, 8, 8)).shape == (1, 3, 8, 8, 8)
