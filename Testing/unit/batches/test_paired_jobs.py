"""A batch's jobs from folders: what is paired with what, and what cannot be."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.batches import paired_jobs
from TextoMorphLib.cli import main
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.phantom import phantom


def folders(tmp_path: Path, cts: list[str], masks: list[str]) -> tuple[Path, Path]:
    for folder, names in ((tmp_path / "cts", cts), (tmp_path / "masks", masks)):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    return tmp_path / "cts", tmp_path / "masks"


def planned(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_masks_meet_their_ct_and_texts_are_used_alike(tmp_path: Path) -> None:
    cts, masks = folders(
        tmp_path,
        ["a_ct.nii.gz", "b.nrrd", "b_2.nii.gz", "notes.txt"],
        ["a.nii.gz", "b_mask.nii.gz", "b_2-lesion.nii.gz", "other.nii"],
    )
    lines = planned(paired_jobs.plan(cts, masks, ["cyst", "dense"], 12, tmp_path / "out", seed=5))
    pairs = Counter((Path(line["ct"]).name, Path(line["mask"]).name) for line in lines)
    assert pairs == {
        ("a_ct.nii.gz", "a.nii.gz"): 4,
        ("b.nrrd", "b_mask.nii.gz"): 4,
        ("b_2.nii.gz", "b_2-lesion.nii.gz"): 4,
    }
    assert Counter(line["text"] for line in lines) == {"cyst": 6, "dense": 6}
    assert [line["seed"] for line in lines] == list(range(5, 17))
    assert len({line["output"] for line in lines}) == 12


def test_cts_and_masks_may_share_a_folder(tmp_path: Path) -> None:
    cts, _ = folders(tmp_path, ["a.nii.gz", "a_mask.nii.gz", "b_ct.nii.gz", "b_mask.nii.gz"], [])
    lines = planned(paired_jobs.plan(cts, cts, ["cyst"], 2, tmp_path / "out"))
    assert [(Path(line["ct"]).name, Path(line["mask"]).name) for line in lines] == [
        ("a.nii.gz", "a_mask.nii.gz"),
        ("b_ct.nii.gz", "b_mask.nii.gz"),
    ]


def test_a_dicom_series_is_a_ct_too(tmp_path: Path) -> None:
    cts, masks = folders(tmp_path, ["b.nii.gz"], ["a_mask.nii.gz", "b_mask.nii.gz"])
    for name in ("a_ct", "notes"):
        (cts / name).mkdir()
        (cts / name / "README").write_text("no image")
    (cts / "a_ct" / "1").write_bytes(bytes(128) + b"DICM")
    for folder, pairs in (
        (cts, {("a_ct", "a_mask.nii.gz"), ("b.nii.gz", "b_mask.nii.gz")}),
        (cts / "a_ct", {("a_ct", "a_mask.nii.gz")}),
    ):
        lines = planned(paired_jobs.plan(folder, masks, ["cyst"], 2, tmp_path / f"out{len(pairs)}"))
        assert {(Path(line["ct"]).name, Path(line["mask"]).name) for line in lines} == pairs
    (masks / "a_mask.nii.gz").unlink()
    with pytest.raises(InputError, match="name it a_mask"):
        paired_jobs.plan(cts, masks, ["cyst"], 2, tmp_path / "out")


def test_lesions_are_placed_in_organs_and_the_batch_runs(tmp_path: Path, tiny_bundle: Path, phantom_ct: Path) -> None:
    ct, organs = phantom()
    for name in ("cts", "organs"):
        (tmp_path / name).mkdir()
    shutil.copy(phantom_ct, tmp_path / "cts" / "p.nii.gz")
    Volume.from_array(organs["liver"], ct.affine).write(tmp_path / "organs" / "p_liver.nii.gz")
    given = (tmp_path / "cts", tmp_path / "organs", ["cyst"], 2, tmp_path / "out")

    with pytest.raises(Cancelled):
        paired_jobs.plan(*given, organ_masks=True, progress=lambda done, total: done < 1)
    assert not (tmp_path / "out").exists()

    path = paired_jobs.plan(*given, organ_masks=True)
    masks = [Volume.read(path.parent / line["mask"]).data > 0 for line in planned(path)]
    assert all(mask.any() and not (mask & ~organs["liver"]).any() for mask in masks)
    assert not np.array_equal(*masks)
    assert main(["batch", str(path), "--model", str(tiny_bundle), "--device", "cpu"]) == 0
    assert (tmp_path / "out" / "0002.nii.gz").is_file()

    with pytest.raises(InputError, match="resume it"):
        paired_jobs.plan(*given)


def test_each_of_a_cts_organ_masks_gets_its_lesions(tmp_path: Path) -> None:
    cts, masks = folders(tmp_path, [], [])
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    Volume.from_array(np.full((60, 60, 30), 50, np.int16), affine).write(cts / "c.nii.gz")
    sides = {"left": np.zeros((60, 60, 30), bool), "right": np.zeros((60, 60, 30), bool)}
    sides["left"][2:28], sides["right"][32:58] = True, True
    for side, mask in sides.items():
        Volume.from_array(mask, affine).write(masks / f"c_{side}.nii.gz")
    path = paired_jobs.plan(cts, masks, ["cyst"], 4, tmp_path / "out", organ_masks=True)
    for number, line in enumerate(planned(path)):
        lesion = Volume.read(path.parent / line["mask"]).data > 0
        assert lesion.any()
        assert not (lesion & ~sides["left" if number % 2 == 0 else "right"]).any()


def test_what_cannot_be_planned_is_said(tmp_path: Path) -> None:
    cts, masks = folders(tmp_path, ["a.nii.gz", "b.nii.gz"], ["a_mask.nii.gz"])
    out = tmp_path / "out"
    attempts = [
        ((cts, masks, ["cyst"], 3, out), "no mask for b.nii.gz"),
        ((cts, tmp_path / "nowhere", ["cyst"], 3, out), "is no folder"),
        ((tmp_path, masks, ["cyst"], 3, out), "holds no images"),
        ((cts, masks, [], 3, out), "no text"),
        ((cts, masks, ["cyst"], 0, out), "1 or more"),
        ((masks, masks, ["cyst"], 1, out), "no mask for a_mask.nii.gz"),
        ((cts, cts, ["cyst"], 1, out), "no mask"),
    ]
    for given, reason in attempts:
        with pytest.raises(InputError, match=reason):
            paired_jobs.plan(*given)
    assert not out.exists()
