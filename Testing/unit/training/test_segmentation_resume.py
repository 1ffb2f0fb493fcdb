"""A segmenter's training that is stopped, killed, or asked for again: what it goes on from, and what is done."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import segmenter_training
import torch
from safetensors.torch import load_file
from segmenter_training import CONFIG, train
from torch import nn

from killing import killed_after
from TextoMorphLib.cases import read_cases, write_cases
from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.networks import NETWORKS
from TextoMorphLib.training.checkpoint_choice import Validation


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients with a tumour, four without, in two folds."""
    return segmenter_training.write(tmp_path_factory.mktemp("cases"))


def test_a_resumed_training_ends_bit_equal(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(cases, tmp_path / "whole") == 0
    usual = Validation.__call__

    def interrupted(self: Validation, network: Any, step: int) -> Any:
        found = usual(self, network, step)
        if step == 4:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Validation, "__call__", interrupted)
    assert train(cases, tmp_path / "broken") == 130
    monkeypatch.setattr(Validation, "__call__", usual)
    assert train(cases, tmp_path / "broken") == 2  # --resume was left out
    assert train(cases, tmp_path / "broken", "--resume") == 0
    for name in ("model/network.safetensors", "best.safetensors"):
        whole, broken = (load_file(tmp_path / run / "whole" / name) for run in ("whole", "broken"))
        assert all((whole[key] == broken[key]).all() for key in whole)
    histories = [(tmp_path / run / "whole/validation.jsonl").read_text() for run in ("whole", "broken")]
    assert histories[0] == histories[1]


def test_what_is_kept_of_a_look_is_of_weights_that_a_killed_training_goes_on_from(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graphics card takes other steps the second time: a look that the history has lost must not keep its weights."""
    arguments = ["train", "segmentation", str(cases / "config.toml"), "--cases", str(cases / "cases.jsonl")]
    assert killed_after(2, "TextoMorphLib.training.loop._checked", [*arguments, "--output", str(tmp_path)]) == -9
    known = [row["step"] for row in map(json.loads, (tmp_path / "whole/validation.jsonl").read_text().splitlines())]
    assert known == [2, 4]
    at = torch.load(tmp_path / "whole/checkpoint.pt", weights_only=True)["step"]
    assert at >= known[-1]


def test_where_no_look_finds_a_tumour_the_last_weights_are_kept_and_that_is_told(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def blind(outputs: int, patch: Any) -> nn.Module:
        layer = nn.Conv3d(1, outputs, 1)
        nn.init.zeros_(layer.weight)
        layer.bias.data = torch.tensor([9.0, *[0.0] * (outputs - 1)])
        return layer

    monkeypatch.setitem(NETWORKS, "blind", blind)
    config = tmp_path / "blind.toml"
    config.write_text(re.sub(r'name = "unet"\n(.*\n)*?(?=\[mix)', 'name = "blind"\n', CONFIG))
    assert train(cases, tmp_path / "run", str(config)) == 0
    assert "step 6 of 6" in (tmp_path / "run/whole/model/MODEL_CARD.md").read_text()
    assert "no look has found any of the tumours" in capsys.readouterr().err
    kept, last = (load_file(tmp_path / "run/whole/best.safetensors"), torch.load(tmp_path / "run/whole/checkpoint.pt"))
    assert torch.equal(kept["bias"], last["average"]["module.bias"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("real = 1.0", "real = 3.0"), "was trained with mix.real 1.0, not 3.0"),
        (("steps = 6", "steps = 9"), "was trained with steps 6, not 9"),
        (("", ""), "was trained with cases "),
    ],
)
def test_a_fold_that_is_done_with_other_settings_or_cases_is_not_this_one(
    change: tuple[str, str], words: str, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(cases, tmp_path / "run", "--fold", "0") == 0
    listed = read_cases(cases / "cases.jsonl")
    write_cases(listed if change[0] else listed[:-1], tmp_path / "cases.jsonl")
    (tmp_path / "config.toml").write_text(CONFIG.replace(*change) if change[0] else CONFIG)
    arguments = ["--cases", str(tmp_path / "cases.jsonl"), "--output", str(tmp_path / "run"), "--fold", "0"]
    assert main(["train", "segmentation", str(tmp_path / "config.toml"), *arguments, "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_label_map_that_has_changed_is_not_gone_on_with(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = read_cases(cases / "cases.jsonl")
    label = Volume.read(listed[0].label)  # type: ignore[arg-type]
    larger = label.data.copy()
    larger[12:20, 10:16, 10:16] = 2
    label.write(tmp_path / "label.nii.gz")
    listed[0] = replace(listed[0], label=tmp_path / "label.nii.gz")
    write_cases(listed, tmp_path / "cases.jsonl")
    arguments = ["train", "segmentation", str(cases / "config.toml"), "--cases", str(tmp_path / "cases.jsonl")]
    arguments += ["--output", str(tmp_path / "run")]
    with monkeypatch.context() as patched:
        patched.setattr(Validation, "__call__", Mock(side_effect=KeyboardInterrupt))
        assert main(arguments) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "cancelled: stopped at step 2; go on with --resume"
    Volume.from_array(larger, label.affine).write(tmp_path / "label.nii.gz")
    assert main([*arguments, "--resume"]) == 2
    assert "was trained with marked " in capsys.readouterr().err


def test_a_checkpoint_that_cannot_be_read_is_one_line(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole/checkpoint.pt").write_bytes(b"half a checkpoint")
    assert train(cases, tmp_path, "--resume") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "checkpoint.pt cannot be read" in line
