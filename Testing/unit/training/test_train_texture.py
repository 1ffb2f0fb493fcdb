"""Training a texture network: from files to a part of a bundle, and what hides a patient from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from TextoMorphLib.cli import app
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.bundle import unpacked
from TextoMorphLib.models.texture import TextureNetwork
from TextoMorphLib.training.texture_examples import RealLesion, real_lesion, window
from TextoMorphLib.training.train_texture import held_out, losses, real_lesions

CONFIG = """
[data]
scan = "_ct.nii.gz"
label = "_label.nii.gz"
tumour = [2]
organ = [1]
validate = { of = 5, is = 2 }
[network]
channels = [8, 8, 8]
condition = 16
[batch]
count = 2
side = 16
slices = 3
dropout = 0.1
[bundle]
organs = ["pancreas"]
steps = 2
[training]
steps = 2
learning_rate = 1e-3
"""


def scan(number: int) -> tuple[Volume, Volume]:
    """A small crop with a tumour, its edge unknown, and the labels."""
    rng = np.random.default_rng(number)
    away = (np.indices((32, 32, 5)).T - (15, 15, 2)) * (0.9, 0.9, 2.5)
    tumour = (np.linalg.norm(away, axis=-1) < 6).T
    hu = np.where(tumour, 60, 100) + rng.normal(0, 12, tumour.shape)
    hu[:3] = -1500
    affine = np.diag([0.9, 0.9, 2.5, 1.0])
    return Volume(hu.astype(np.float32), affine), Volume((1 + tumour).astype(np.uint8), affine)


def test_from_scans_to_a_part_of_a_bundle(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(14):
        for image, kind in zip(scan(number), ("ct", "label"), strict=True):
            image.write(data / f"case_{number:03d}_{kind}.nii.gz")
    (tmp_path / "texture.toml").write_text(CONFIG)
    output = tmp_path / "run"
    result = CliRunner().invoke(
        app, ["train", "texture", str(tmp_path / "texture.toml"), "--data", str(data), "--output", str(output)]
    )
    assert result.exit_code == 0, result.output
    entry = json.loads((output / "texture.json").read_text())
    TextureNetwork(**entry["network"]).load_state_dict(unpacked(load_file(output / "texture.safetensors")))
    assert entry["organs"] == ["pancreas"]
    # Low-passed noise of 12 HU: about 6 HU, whatever else the place says.
    assert np.exp(entry["spread"]["weights"][-1]) < 60


def _trained(folder: Path, change: tuple[str, str] = ("", ""), *more: str) -> Any:
    (folder / "texture.toml").write_text(CONFIG.replace(*change) if change[0] else CONFIG)
    arguments = ["--data", str(folder / "data"), "--output", str(folder / "run"), *more]
    return CliRunner().invoke(app, ["train", "texture", str(folder / "texture.toml"), *arguments])


def _data(folder: Path, labels_affine: np.ndarray | None = None, count: int = 13) -> None:
    (folder / "data").mkdir()
    for number in range(count):
        ct, label = scan(number)
        ct.write(folder / f"data/case_{number:03d}_ct.nii.gz")
        affine = label.affine if labels_affine is None else labels_affine
        Volume(label.data, affine).write(folder / f"data/case_{number:03d}_label.nii.gz")


def test_labels_that_lie_elsewhere_than_their_scan_are_refused(tmp_path: Path) -> None:
    _data(tmp_path, np.array([[0.9, 0, 0, 40.0], [0, 0.9, 0, 0], [0, 0, 2.5, 0], [0, 0, 0, 1]]))
    done = _trained(tmp_path)
    assert isinstance(done.exception, InputError)
    assert "on another grid" in str(done.exception)


def test_labels_on_flipped_axes_are_put_in_their_place(tmp_path: Path) -> None:
    ct, label = scan(0)
    (tmp_path / "data").mkdir()
    ct.write(tmp_path / "data/a_ct.nii.gz")
    flipped = np.diag([-0.9, 0.9, 2.5, 1.0])
    flipped[0, 3] = 31 * 0.9
    Volume(np.ascontiguousarray(label.data[::-1]), flipped).write(tmp_path / "data/a_label.nii.gz")
    told = {"scan": "_ct.nii.gz", "label": "_label.nii.gz", "tumour": [2], "organ": [1]}
    ((_, lesion),) = real_lesions(told, tmp_path / "data")
    assert np.array_equal(lesion.depth > 0, label.data == 2)


def test_a_tumour_of_one_value_has_no_texture_to_learn(tmp_path: Path) -> None:
    ct, labels = scan(1)
    tumour = labels.data == 2
    made = real_lesion(np.full(ct.shape, 60.0, np.float32), ct.data > -1024, tumour, ~tumour, np.array([0.9, 0.9, 2.5]))
    assert made is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("validate = { of = 5, is = 2 }", ""), "[data] needs validate"),
        (("of = 5", "of = 0"), "validate in [data] must be such as"),
        (("side = 16", ""), "[batch] needs side"),
        (("condition = 16", 'condition = "many"'), "[network] cannot be used"),
    ],
)
def test_what_a_configuration_lacks_is_one_line(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    _data(tmp_path)
    done = _trained(tmp_path, change)
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)


@pytest.fixture
def lesion() -> RealLesion:
    ct, labels = scan(1)
    tumour = labels.data == 2
    made = real_lesion(ct.data, ct.data > -1024, tumour, ~tumour, np.array([0.9, 0.9, 2.5]))
    assert made is not None
    return made


def test_unknown_voxels_are_in_no_loss_and_in_no_view(lesion: RealLesion) -> None:
    seen = window(lesion, None, 32, 5)
    unknown = seen["place"][2] + seen["place"][0] == 0
    assert (seen["weight"][unknown] == 0).all()
    assert (seen["place"][1][seen["place"][2] == 0] == 0).all()
    assert np.abs(seen["place"][1]).max() <= 3  # nothing of -1500 HU
    assert lesion.contrast_hu == pytest.approx(-40, abs=4)


def test_windows_differ_and_hide_their_surroundings_at_times(lesion: RealLesion) -> None:
    rng = np.random.default_rng(0)
    drawn = [window(lesion, rng, 24, 3) for _ in range(40)]
    shown = [each["place"][2].sum() for each in drawn]
    assert 2 < sum(view == 0 for view in shown) < 22
    assert len({each["field"].tobytes() for each in drawn}) == 40
    assert all(np.abs(each["field"]).max() <= 4 for each in drawn)


def test_an_error_that_is_slow_counts_more_than_one_that_is_not() -> None:
    inside = torch.ones(2, 3, 8, 8)
    rows = torch.arange(8).view(1, 1, 8, 1).expand_as(inside)

    class Wrong(torch.nn.Module):
        """Estimates a velocity that is off by the same everywhere, or by turns."""

        def __init__(self, error: torch.Tensor) -> None:
            super().__init__()
            self.error = error

        def forward(self, noisy: torch.Tensor, time: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return -noisy / (1 - time[:, None, None, None]) + self.error

    batch = {"field": 0 * inside, "weight": inside, "place": inside[:, None], "numbers": inside}
    slow, quick = (losses(Wrong(error), batch) for error in (inside, inside * (1 - 2 * (rows % 2))))
    assert float(slow["fine"]) == pytest.approx(1, abs=1e-3)
    assert float(quick["loss"]) == pytest.approx(1, abs=1e-3)
    assert float(slow["loss"]) > 5


def test_a_patient_is_kept_out_by_number() -> None:
    kept = {"validate": {"of": 5, "is": 2}}
    assert held_out("pancreas_012", kept)
    assert held_out("pancreas_012", {"validate": {"of": 5, "is": [1, 2]}})
    assert not held_out("pancreas_013", kept)
    assert not held_out("nameless", kept)
