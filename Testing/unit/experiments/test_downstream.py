"""The downstream experiment, and the whole loop from the shell: find, target, make again, train, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import small_trainings
from TextoMorphLib.cases import read_cases
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.experiments.downstream import darkness, load
from TextoMorphLib.failures import read_failures
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.paths import resources
from TextoMorphLib.training.configuration import read_config

SHAPE = (64, 60, 36)
AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
CONFIG = "seeds = [1, 2]\nfalse_alarms = 4\n" + small_trainings.segmentation(
    """
[bank]
size = 2
[validation]
select_on = "last"
[targeting]
of = "round"
lesions = "grown"
patches = 2
seed = 9
share = 0.5
[arms.round]
kind = "ellipsoids"
avoid_vessels = false
diameters_mm = [14.0, 22.0]
[arms.grown]
kind = "cells"
diameters_mm = [14.0, 22.0]
""",
    spacing_mm=3.0,
    real=0.0,
    healthy=0.3,
    steps=30,
    learning_rate=2e-2,
    warmup=5,
    ema=0.8,
)


def _scan(folder: Path, name: str, lesions: bool) -> None:
    organ = np.zeros(SHAPE, bool)
    organ[6:-6, 6:-6, 3:-3] = True
    tumour = np.zeros(SHAPE, bool)
    if lesions:
        for centre in ((20, 20, 12), (42, 38, 22)):
            way = (np.indices(SHAPE) - np.array(centre)[:, None, None, None]) * np.array([1, 1, 2])[:, None, None, None]
            tumour |= np.linalg.norm(way, axis=0) < 7
    noise = 8 * ndimage.gaussian_filter(np.random.default_rng(len(name)).standard_normal(SHAPE), 0.6)
    hu = np.where(organ, 100.0, -90.0) + noise - 60 * ndimage.gaussian_filter(tumour.astype(float), 0.6)
    Volume.from_array(hu.astype(np.int16), AFFINE).write(folder / f"{name}.nii.gz")
    Volume.from_array(np.where(tumour, 2, organ).astype(np.uint8), AFFINE).write(folder / f"{name}_label.nii.gz")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for file, name, lesions in (("healthy", "well", False), ("test", "ill", True)):
        _scan(tmp_path, name, lesions)
        line = {"id": name, "ct": f"{name}.nii.gz", "organ": "liver", "label": f"{name}_label.nii.gz"}
        line |= {"values": {"organ": [1], "tumour": [2]}, "healthy": not lesions}
        (tmp_path / f"{file}.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "tiny.toml").write_text(CONFIG)
    return tmp_path


def _step(data: Path, step: str, *more: str) -> int:
    arguments = ["benchmark", "downstream", str(data / "tiny.toml"), "--healthy", str(data / "healthy.jsonl")]
    arguments += ["--test", str(data / "test.jsonl"), "--output", str(data / "out"), "--step", step]
    return main([*arguments, *more])


@pytest.mark.slow
def test_the_whole_loop(data: Path) -> None:
    for step in ("banks", "train", "develop"):
        assert _step(data, step) == 0
    entries = [[np.load(data / f"out/banks/{arm}/{n:07d}.npz") for n in (0, 1)] for arm in ("round", "grown")]
    assert all(one["ct"].shape == other["ct"].shape for one, other in zip(*entries, strict=True))

    place = data / "out/development"
    cases, failures = str(place / "cases.jsonl"), str(place / "failures.jsonl")
    assert main(["failures", "find", cases, "--predictions", str(place / "predictions"), "--output", failures]) == 0
    assert read_failures(Path(failures))
    arguments = ["failures", "target", failures, "--healthy", str(data / "healthy.jsonl"), "--cases", cases]
    assert main([*arguments, "--count", "2", "--output", str(place / "targets")]) == 0
    assert _step(data, "targeted") == 2  # the batch is not made yet
    assert main(["batch", str(place / "targets/jobs.jsonl")]) == 0
    assert main(["cases", "check", str(place / "targets/cases.jsonl")]) == 0
    assert _step(data, "targeted") == 0
    card = (data / "out/runs/targeted-1/whole/model/MODEL_CARD.md").read_text()
    assert "real 0.38, synthetic 0.38, healthy 0.23" in card
    assert "nothing was looked at" in card

    assert _step(data, "segment") == 0
    before = {path: path.stat().st_mtime_ns for path in (data / "out/runs").rglob("*.safetensors")}
    assert _step(data, "train") == 0  # what is done is not done again
    assert before == {path: path.stat().st_mtime_ns for path in (data / "out/runs").rglob("*.safetensors")}
    assert _step(data, "report") == 0
    made = json.loads((data / "out/downstream.json").read_text())
    assert set(made["arms"]) == {"round", "grown", "threshold", "targeted"}
    assert set(made["pairs"]) == {"grown", "threshold", "targeted"}
    assert made["arms"]["threshold"]["at_false_alarms"]["lesions"]["all"]["found_iou"] == 2
    assert "| FROC, any overlap | <= 0.125 |" in (data / "out/downstream.md").read_text()
    assert (data / "out/downstream.png").read_bytes().startswith(b"\x89PNG")
    evaluation = ["evaluate", str(data / "test.jsonl"), "--predictions", str(data / "out/predictions/targeted")]
    evaluation += ["--compare", str(data / "out/predictions/round"), "--false-alarms", "4"]
    assert main([*evaluation, "--output", str(data / "evaluation")]) == 0


SMALLER = """
base = "{base}"
seeds = [1]
bank = {{ size = 2 }}
patches = {{ patch = [16, 16, 16], spacing_mm = 3.0, count = 2 }}
network = {{ channels = [4, 8], strides = [2], num_res_units = 1 }}
training = {{ steps = 2, warmup = 1, workers = 0 }}
targeting = {{ patches = 2 }}
"""


@pytest.mark.slow
def test_the_papers_ablations_run_for_two_steps_each(data: Path) -> None:
    shipped = resources() / "Training/ablations.toml"
    arms = list(read_config(shipped)["arms"])
    config = SMALLER.format(base=shipped)
    for arm in arms:
        config += f'[arms.{arm}]\nmodel = "starter"\npreset = "preview"\ndevice = "cpu"\ndiameters_mm = [12.0, 20.0]\n'
    (data / "tiny.toml").write_text(config)
    with (data / "healthy.jsonl").open("a") as train:  # real tumours are trained on, too
        train.write((data / "test.jsonl").read_text())
    for step in ("banks", "train", "develop"):
        assert _step(data, step) == 0
    place = data / "out/development"
    cases, failures = str(place / "cases.jsonl"), str(place / "failures.jsonl")
    assert main(["failures", "find", cases, "--predictions", str(place / "predictions"), "--output", failures]) == 0
    arguments = ["failures", "target", failures, "--healthy", str(data / "healthy.jsonl"), "--cases", cases]
    assert main([*arguments, "--count", "2", "--output", str(place / "targets")]) == 0
    assert main(["batch", str(place / "targets/jobs.jsonl")]) == 0
    for step in ("targeted", "segment", "report"):
        assert _step(data, step) == 0
    made = json.loads((data / "out/downstream.json").read_text())
    assert made["steps"] == 2
    assert set(made["arms"]) == {*arms, "threshold", "targeted"}
    card = (data / "out/runs/targeted-1/whole/model/MODEL_CARD.md").read_text()
    assert "real 0.75, synthetic 0.25" in card  # half of the synthetic ones are look-alikes, beside the real ones


def test_what_cannot_be_run_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step, more, said in (
        ("nothing", (), "unknown step"),
        ("report", (), "holds no predictions of round yet"),
        ("banks", ("--steps", "3"), "other settings"),
    ):
        capsys.readouterr()
        assert _step(data, step, *more) == 2
        assert said in capsys.readouterr().err
    (data / "tiny.toml").write_text(CONFIG.replace("false_alarms", "alarms"))
    assert _step(data, "banks") == 2
    assert "has no false_alarms" in capsys.readouterr().err


def test_the_plain_threshold_is_darkness_inside_the_organ(data: Path) -> None:
    case = read_cases(data / "test.jsonl")[0]
    ct = Volume.read(case.ct)
    targets = case.targets(ct)
    found = darkness(ct, targets > 0)
    assert found[20, 20, 12] == pytest.approx(0.6 * 255, abs=0.15 * 255)
    assert found[targets == 0].max() == 0
    assert found[7, 30, 18] == 0  # beside the border, where fat is mixed in


def test_a_table_that_no_step_reads_is_refused(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "misspelt.toml"
    config.write_text(CONFIG.replace("[validation]", "[validaton]"))
    with pytest.raises(InputError, match="holds validaton, which no step reads"):
        load(config, data / "healthy.jsonl", data / "test.jsonl", tmp_path / "out")
