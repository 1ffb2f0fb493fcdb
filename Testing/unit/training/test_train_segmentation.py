"""Training of segmenters: shares as said, folds apart, an exact resume, and a bundle that segments."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmenter_training
from safetensors.torch import load_file
from segmenter_training import CONFIG, train

from TextoMorphLib.cases import Case, read_cases, write_cases
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.model import Segmenter
from TextoMorphLib.sources import load
from TextoMorphLib.training.patches import Patches, PatchSettings, Prepared, prepare
from TextoMorphLib.training.same_training import check_same, told_of
from TextoMorphLib.training.segmentation_sources import reported, resolved

CONFIGS = Path(__file__).parents[3] / "Resources/Training"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients with a tumour, four without, in two folds."""
    return segmenter_training.write(tmp_path_factory.mktemp("cases"))


def test_every_fold_gives_a_bundle_that_knows_no_tested_case(cases: Path, tmp_path: Path) -> None:
    assert train(cases, tmp_path, "--fold", "all") == 0
    for fold, tested in (("fold0", range(4)), ("fold1", range(4, 8))):
        segmenter = Segmenter.load(str(tmp_path / fold / "model"), "cpu")
        assert segmenter.classes == ("tumour",)
        card = (tmp_path / fold / "model/MODEL_CARD.md").read_text()
        assert not any(f"c{number}" in card for number in tested)
        assert "real 0.40, synthetic 0.40, healthy 0.20" in card
        rows = [json.loads(line) for line in (tmp_path / fold / "validation.jsonl").read_text().splitlines()]
        assert [row["step"] for row in rows] == [2, 4, 6]
        assert (tmp_path / fold / "curves.png").read_bytes().startswith(b"\x89PNG")
    before = (tmp_path / "fold0/model/manifest.json").read_bytes()
    assert train(cases, tmp_path, "--fold", "all", "--resume") == 0  # all is done
    assert (tmp_path / "fold0/model/manifest.json").read_bytes() == before


def test_a_card_says_whose_patches_chose_the_checkpoint(cases: Path, tmp_path: Path) -> None:
    for select_on, said in (("test", "4 of the tested ones looked at"), ("inner", "2 of them looked at")):
        config = tmp_path / f"{select_on}.toml"
        config.write_text(CONFIG.replace("patches = 3", f'patches = 3\nselect_on = "{select_on}"'))
        assert train(cases, tmp_path / select_on, str(config), "--fold", "0") == 0
        assert said in (tmp_path / select_on / "fold0/model/MODEL_CARD.md").read_text()


def test_classes_have_the_same_numbers_in_every_fold(tmp_path: Path) -> None:
    listed = []
    for number in range(8):
        label = np.zeros((28, 28, 28), np.uint8)
        label[4:24, 4:24, 4:24] = 1
        label[10:16, 10:16, 10:16] = 2
        hu = np.choose(label, [-100.0, 100.0, 40.0]) + np.random.default_rng(number).normal(0, 5, label.shape)
        hu[:2] = -1000
        for name, image in (("ct", hu.astype(np.int16)), ("label", label)):
            Volume.from_array(image, np.diag([2.0, 2.0, 2.0, 1.0])).write(tmp_path / f"{number}_{name}.nii.gz")
        files = {"ct": tmp_path / f"{number}_ct.nii.gz", "label": tmp_path / f"{number}_label.nii.gz"}
        kind, fold = ("cyst", 0) if number < 4 else ("solid", 1)
        listed.append(Case(f"c{number}", organ="liver", values={"organ": (1,), kind: (2,)}, fold=fold, **files))
    write_cases(listed, tmp_path / "cases.jsonl")
    (tmp_path / "config.toml").write_text(re.sub("(synthetic|healthy) = .*", "", CONFIG))
    assert train(tmp_path, tmp_path / "run", "--fold", "all") == 0
    for fold in ("fold0", "fold1"):
        assert Segmenter.load(str(tmp_path / "run" / fold / "model"), "cpu").classes == ("cyst", "solid")


def test_texts_from_the_reports_of_the_cases(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("Liver: 2 cm hypoattenuating, ill-defined lesion in segment 7. Spleen normal.")
    ct, organ = tmp_path / "ct.nii.gz", "liver"
    cases = [Case("a", ct, organ, report=tmp_path / "report.txt"), Case("b", ct, organ, texts=("cyst",))]
    found = reported(cases)
    assert len(found) == 2
    assert "hypoattenuating" in found[0]
    assert found[1] == "cyst"
    with pytest.raises(InputError, match="a report that describes a lesion"):
        reported([Case("c", ct, organ)])
    with pytest.raises(InputError, match="needs cases with reports"):
        load("words", 2.0, texts="reports")


def test_with_a_bank_made_ahead(cases: Path, tmp_path: Path) -> None:
    config = tmp_path / "bank.toml"
    config.write_text(CONFIG + "[bank]\nsize = 3\nrefresh = 0.5\n")
    assert train(cases, tmp_path / "run", str(config)) == 0
    assert len(list((tmp_path / "run/whole/bank").glob("*.npz"))) >= 5


def test_a_lesion_between_the_voxels_of_the_grid_is_no_healthy_tissue(tmp_path: Path) -> None:
    label = np.ones((40, 40, 40), np.uint8)
    label[21, 21, 21] = label[21, 8, 21:23] = 2  # two lesions, smaller than a voxel of 6 mm
    Volume.from_array(label, np.eye(4)).write(tmp_path / "label.nii.gz")
    hu = np.where(np.arange(40) < 20, -100, 100).astype(np.int16) * np.ones_like(label, np.int16)
    Volume.from_array(hu, np.eye(4)).write(tmp_path / "ct.nii.gz")
    line = {"id": "a", "ct": "ct.nii.gz", "organ": "liver", "label": "label.nii.gz"}
    (tmp_path / "cases.jsonl").write_text(json.dumps({**line, "values": {"organ": [1], "tumour": [2]}}))
    (made,) = prepare(read_cases(tmp_path / "cases.jsonl"), ("tumour",), 6.0, tmp_path / "cache")
    assert len(made.tumour) == 2


def test_patches_hold_what_their_shares_say(cases: Path, tmp_path: Path) -> None:
    prepared = prepare(read_cases(cases / "cases.jsonl"), ("tumour",), 2.0, tmp_path)
    settings = PatchSettings(patch=(16, 16, 16), spacing_mm=2.0, foreground=1.0)
    seen = {}
    for kind in ("real", "synthetic", "healthy"):
        how = PatchSettings(**{**settings.__dict__, "mix": {kind: 1.0}})
        patches = Patches(prepared, how, load("ellipsoids", 2.0, diameters_mm=(8, 14)))
        drawn = [patches.one(np.random.default_rng(seed)) for seed in range(6)]
        assert all(image.shape == (16, 16, 16) and image.dtype == np.float32 for image, _ in drawn)
        seen[kind] = [int((label == 2).sum()) for _, label in drawn]
    assert min(seen["real"]) > 100
    assert min(seen["synthetic"]) > 10
    assert max(seen["healthy"]) == 0
    batch = patches(np.random.default_rng(0))
    assert batch["image"].shape == (4, 1, 16, 16, 16)
    only_ill = [case for case in prepared if len(case.tumour)]
    with pytest.raises(InputError, match="free of tumours"):
        Patches(only_ill, settings, load("cells", 2.0))
    with pytest.raises(InputError, match="has a tumour; set real = 0"):
        Patches([case for case in prepared if not len(case.tumour)], settings, load("cells", 2.0))


def test_patches_from_anywhere_show_the_body_far_from_the_organ(tmp_path: Path) -> None:
    label = np.zeros((48, 48, 48), np.uint8)
    label[4:8, 4:8, 4:8] = 1
    hu = np.where(np.arange(48) < 36, 50, -1000).astype(np.int16) * np.ones_like(label, np.int16)
    for name, data in (("ct", hu), ("label", label)):
        Volume.from_array(data, np.diag([3.0, 3.0, 3.0, 1.0])).write(tmp_path / f"{name}.nii.gz")
    case = Case("a", tmp_path / "ct.nii.gz", "liver", organ_mask=(tmp_path / "label.nii.gz",), healthy=True)
    (near,) = prepare([case], ("tumour",), 3.0, tmp_path / "cache")
    (whole,) = prepare([case], ("tumour",), 3.0, tmp_path / "cache", whole=True)
    assert max(near.ct.shape) < 24
    assert whole.ct.shape == (48, 48, 48)
    patches = Patches([whole], PatchSettings((8, 8, 8), 3.0, mix={"anywhere": 1.0}, rotate=0, shift_chance=0), None)
    drawn = [patches.one(np.random.default_rng(seed)) for seed in range(100)]
    assert sum(label.any() for _, label in drawn) < 20
    assert all(image[4, 4, 4] > 0 for image, label in drawn if not label.any())  # centred on the body, not on air
    sent = pickle.dumps(whole)  # to a process that makes tumours
    assert len(sent) < 2000
    assert (pickle.loads(sent).label == whole.label).all()
    with pytest.raises(InputError, match="marks the organ; set anywhere = 0"):
        Patches([replace(whole, organ=whole.organ[:0])], replace(patches.settings, mix={"anywhere": 1.0}), None)


def test_a_training_goes_on_from_a_bundle(cases: Path, tmp_path: Path) -> None:
    assert train(cases, tmp_path / "first") == 0
    config, start = tmp_path / "on.toml", tmp_path / "first/whole/model"
    still = CONFIG.replace("learning_rate = 1e-3", "learning_rate = 1e-9").replace("steps = 6", "steps = 1")
    config.write_text(f'start = "{start}"\n' + still.replace("healthy = 0.5", "anywhere = 0.5"))
    assert train(cases, tmp_path / "second", str(config)) == 0
    first, second = (load_file(tmp_path / run / "whole/model/network.safetensors") for run in ("first", "second"))
    assert all(np.allclose(first[key], second[key], atol=1e-3) for key in first)
    card = (tmp_path / "second/whole/model/MODEL_CARD.md").read_text()
    assert f"Started from the model {start}" in card
    assert "real 0.40, synthetic 0.40, anywhere 0.20" in card


def test_a_class_that_few_have_is_shown_as_often_as_the_others() -> None:
    def prepared(name: str, *values: int) -> Prepared:
        label = np.ones((20, 20, 20), np.uint8)
        for at, value in enumerate(values):
            label[2:5, 2:5, 2 + 10 * at : 5 + 10 * at] = value
        flat = label.ravel()
        case = Case(name, Path(name), "liver")
        return Prepared(
            case, np.zeros(label.shape, np.int16), label, np.flatnonzero(flat == 1), np.flatnonzero(flat > 1)
        )

    cases = [*(prepared(f"solid{n}", 2) for n in range(18)), prepared("both", 2, 3)]
    shown = {}
    for even in (True, False):
        how = PatchSettings((8, 8, 8), 2.0, mix={"real": 1.0}, foreground=1.0, even_classes=even)
        patches = Patches(cases, how, None)
        drawn = [patches.one(np.random.default_rng(seed))[1] for seed in range(200)]
        shown[even] = np.mean([(label == 3).any() for label in drawn])
    assert 0.4 < shown[True] < 0.6
    assert shown[False] < 0.1


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        (('name = "unet"', 'name = "magic"'), [], "unknown network"),
        (("rotate", "spin"), [], "[patches] knows"),
        (("real = 1.0", "unreal = 1.0"), [], "mix knows real, synthetic, healthy, anywhere, not unreal"),
        (("real = 1.0", "real = -1.0"), [], "must be 0 or more"),
        (("real = 1.0", 'real = "all"'), [], "real must be a number, not 'all'"),
        (("[mix]", "[[mix]]"), [], "mix must be a table"),
        (("[16, 16, 16]", "[16, 16]"), [], "patch must be a list of 3 values"),
        (("[16, 16, 16]", "[17, 17, 17]"), [], "cannot take patches of 17 x 17 x 17"),
        (("spacing_mm = 2.0", 'spacing_mm = "two"'), [], "spacing_mm must be a number"),
        (("spacing_mm = 2.0", "spacing_mm = 0"), [], "spacing_mm from 0.1 to 20"),
        (("count = 2", "count = true"), [], "count must be a whole number, not True"),
        (("rotate = 0.5", "rotate = 1.5"), [], "chances, from 0 to 1"),
        (("flip = 0.5", "window_hu = [100.0, 100.0]"), [], "window_hu must rise"),
        (("channels = [4, 8]", 'channels = "many"'), [], "cannot be built so"),
        (("steps = 6", "step = 6"), [], "[training] knows steps"),
        (("steps = 6\n", ""), [], "[training] needs steps"),
        (("steps = 6", "steps = 0"), [], "1 or more"),
        (("steps = 6", 'steps = "six"'), [], "steps must be a whole number, not 'six'"),
        (("ema = 0.9", "ema = 1.0"), [], "ema from 0 to below 1"),
        (("patches = 3", "share = 0.0"), [], "share must lie between 0 and 1"),
        (("diameters_mm = [8.0, 14.0]", 'diameters_mm = "large"'), [], "must be two numbers, such as"),
        (('kind = "ellipsoids"', 'kind = "ellipsoids"\ncolour = 3'), [], "cannot take these settings"),
        (("[training]", "[bank]\nsize = 0\n[training]"), [], "size and workers must be 1 or more"),
        (('kind = "ellipsoids"', 'kind = "magic"'), [], "unknown source"),
        (("", ""), ["--fold", "7"], "no fold '7'"),
        (("", ""), ["--shard", "2/2"], "no shard"),
        (("patches = 3", 'select_on = "luck"'), [], "not possible here"),
        (("[mix]", "[mix]\nanywhere = -1.0"), [], "must be 0 or more"),
        (('name = "tried"', 'name = "tried"\nstart = "no such"'), [], "unknown model 'no such'"),
        (('name = "tried"', 'name = "tried"\nstart = "starter"'), [], "one that segments is wanted"),
        (('name = "tried"', 'name = "tried"\nstart = "liver-small"'), [], "has another network or other classes"),
        (("[mix]", "[trainning]\nsteps = 3\n[mix]"), [], "the configuration knows name, start, patches"),
        (('name = "tried"', 'name = "tried"\nbase = 3'), [], "base must be the name of a file, not 3"),
        (('name = "tried"', 'name = "tried"\nbase = "bad.toml"'), [], "names itself as its base"),
        (('name = "tried"', 'name = "tried"\nbank = true'), [], "bank must be a table"),
        (("learning_rate = 1e-3", "learning_rate = inf"), [], "learning_rate must be a finite number"),
        (("real = 1.0", "real = nan"), [], "mix.real must be a finite number"),
        (("flip = 0.5", "window_hu = [nan, 100.0]"), [], "window_hu must be a finite number"),
        (("seed = 1", "seed = 99999999999"), [], "seed must be from 0 to"),
        (("[16, 16, 16]", "[16384, 16384, 16384]"), [], "patch must be 8 to 512 voxels"),
        (("channels = [4, 8]", "channels = [-4, 8]"), [], "cannot be built so"),
        (("[8.0, 14.0]", "[14.0, 8.0]"), [], "diameters_mm must be two rising numbers above 0"),
        (("[8.0, 14.0]", "[8.0, 14.0]\ncontrast_hu = [nan, 3.0]"), [], "contrast_hu must be two rising numbers"),
        (("[8.0, 14.0]", '[8.0, 14.0]\nshapes = "bad.toml"'), [], "no such file of shapes"),
        (('"ellipsoids"', '"words"\ntexts = [3]'), [], "texts must be descriptions, not 3"),
        (('"ellipsoids"', '"words"\nmodel = "no such"'), [], "unknown model"),
        (('"ellipsoids"', '"words"\norgan = "brain"'), [], "unknown organ"),
        (('"ellipsoids"', '"words"\npreset = "slow"'), [], "unknown preset"),
        (('"ellipsoids"', '"words"\ndevice = "tpu"'), [], "unknown device"),
        (("", ""), ["--fold", "²"], "no fold '²'"),
        (("", ""), ["--shard", "²/³"], "no shard"),
    ],
)
def test_bad_input_is_one_line(
    change: tuple[str, str],
    more: list[str],
    words: str,
    cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(CONFIG.replace(*change) if change[0] else CONFIG)
    assert train(cases, tmp_path / "run", str(config), *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label": np.full((28, 28, 28), 255, np.uint8)}, "holds the value 255"),
        ({"label": np.zeros((5, 5, 5), np.uint8)}, "another grid"),
        ({"hu": np.full((28, 28, 28), np.nan, np.float32)}, "NaN"),
        ({"label": np.zeros((28, 28, 28), np.uint8)}, "its liver is empty"),
        ({}, "no case to train on has a tumour"),
    ],
)
def test_a_bad_case_is_named_and_nothing_is_left(
    wrong: dict[str, Any], words: str, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = read_cases(cases / "cases.jsonl")
    if wrong:
        for name, array in wrong.items():
            Volume.from_array(array, np.diag([2.0, 2.0, 2.0, 1.0])).write(tmp_path / f"{name}.nii.gz")
        field = {"label": "label", "hu": "ct"}[next(iter(wrong))]
        listed[2] = replace(listed[2], **{field: tmp_path / f"{next(iter(wrong))}.nii.gz"})
    else:
        listed = [case for case in listed if case.healthy]
    write_cases(listed, tmp_path / "cases.jsonl")
    arguments = ["--cases", str(tmp_path / "cases.jsonl"), "--output", str(tmp_path / "run")]
    assert main(["train", "segmentation", str(cases / "config.toml"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "run").exists()


def test_a_training_that_runs_away_ends_and_leaves_no_model(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "wild.toml"
    config.write_text(CONFIG.replace("learning_rate = 1e-3", "learning_rate = 1e30"))
    assert train(cases, tmp_path / "run", str(config)) == 2
    assert "the training ran away: at step 2" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model"))


def test_a_run_below_a_file_and_a_configuration_that_is_no_text(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert train(cases, tmp_path / "file/run", str(cases / "config.toml")) == 2
    assert "is a file; name another" in capsys.readouterr().err
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe\x00")
    assert train(cases, tmp_path / "run", str(tmp_path / "odd.toml")) == 2
    assert "not UTF-8 text" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_words_are_those_of_the_cases_organ(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = read_cases(cases / "cases.jsonl")
    settings = {"source": {"kind": "words"}}
    pancreas = [replace(case, organ="pancreas") for case in listed]
    assert resolved(settings, ["tumour"], pancreas)["source"]["organ"] == "pancreas"
    assert resolved({"source": {"kind": "words", "organ": "liver"}}, [], pancreas)["source"]["organ"] == "liver"
    assert "organ" not in resolved({"source": {"kind": "cells"}}, [], pancreas)["source"]
    with pytest.raises(InputError, match="no terms are known for the colon"):
        resolved(settings, [], [replace(case, organ="colon") for case in listed])


def test_a_file_of_texts_decides_a_training_by_what_it_says(cases: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    settings = {"source": {"kind": "words", "texts": str(texts)}}
    said = []
    for line in ("cyst", "ill-defined"):
        texts.write_text(line)
        said.append(told_of(resolved(settings, ["tumour"], read_cases(cases / "cases.jsonl"))))
    with pytest.raises(InputError, match="would not be the same training"):
        check_same("checkpoint.pt", *said)


SHIPPED = {  # what is missing in a training whose scans are not there
    "segmentation-laptop": "p0.nii.gz",
    "segmentation-paper": "p0.nii.gz",
    "segmentation-liver-small": "p0.nii.gz",
    "segmentation-liver-small-body": "runs/liver/whole/model",
    "segmentation-pancreas-classes": "p0.nii.gz",
    "segmentation-pancreas-classes-real": "p0.nii.gz",
    "segmentation-pancreas-classes-tuned": "runs/tuned/model",
}


def test_shipped_configurations_are_whole_and_their_networks_take_their_patches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = {path.stem: path for path in CONFIGS.glob("segmentation-*.toml")}
    assert sorted(shipped) == sorted(SHIPPED)
    monkeypatch.chdir(tmp_path)
    values = {"organ": (1,), "solid": (2,), "cystic": (3,)}
    for number in range(4):  # networks are built and tried before any scan is read
        (tmp_path / f"p{number}_label.nii.gz").touch()
    missing = [
        Case(f"p{n}", tmp_path / f"p{n}.nii.gz", "pancreas", label=tmp_path / f"p{n}_label.nii.gz", values=values)
        for n in range(4)
    ]
    write_cases(missing, tmp_path / "cases.jsonl")
    for name, words in SHIPPED.items():
        assert train(tmp_path, tmp_path / "run", str(shipped[name])) == 2
        assert words in capsys.readouterr().err, name
    assert not (tmp_path / "run").exists()
    assert main(["train", "segmentation", "--cases", "x.jsonl", "--output", "y"]) == 2
    assert "--preset laptop" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_of_a_prepared_case(
    cases: Path, tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_disk(3000), pytest.raises(InputError, match=r"cannot write .* the disk is full"):
        prepare(read_cases(cases / "cases.jsonl"), ("tumour",), 2.0, tmp_path)
    assert list(tmp_path.iterdir()) == []
