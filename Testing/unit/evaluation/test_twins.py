"""Twins of real tumours: same place and mask, the tumour replaced; made once, and from nothing but its words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.cases import read_cases
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation import twins
from TextoMorphLib.evaluation.observer_features import SETS
from TextoMorphLib.evaluation.twins import stored_alike
from TextoMorphLib.io.volume import Volume

SHAPE = (60, 56, 6)  # a crop of a few thick slices, as real data come
AFFINE = np.diag([-0.8, 0.8, 2.5, 1.0])


def _case(folder: Path, name: str, seed: int, shift: int = 0) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    away = np.linalg.norm((np.indices(SHAPE[:2]) - np.array([30 + shift, 28])[:, None, None]) * 0.8, axis=0)
    mask = np.repeat((away < 9)[:, :, None], SHAPE[2], axis=2)
    hu = np.where(mask, 50, 105) + 10 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), (0.6, 0.6, 0)) / 0.47
    known = np.repeat((away < 20)[:, :, None], SHAPE[2], axis=2)
    hu = np.where(known, hu, -1500)
    Volume.from_array(hu.astype(np.int16), AFFINE).write(folder / f"{name}.nii.gz")
    Volume.from_array(np.where(mask, 2, known).astype(np.uint8), AFFINE).write(folder / f"{name}_label.nii.gz")
    case = {"id": name, "ct": f"{name}.nii.gz", "label": f"{name}_label.nii.gz", "organ": "pancreas", "fold": seed}
    return {**case, "values": {"organ": [1], "tumour": [2]}}


def test_twins_replace_the_tumour_and_are_made_once(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [_case(tmp_path, "a", 0), {**_case(tmp_path, "b", 1, 3), "texts": ["hyperattenuating cystic lesion"]}]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    cases = read_cases(tmp_path / "cases.jsonl")
    settings = twins.Settings(str(tiny_bundle), "cpu", "preview")
    found = twins.pairs(cases, settings, tmp_path / "out")
    assert [pair.case for pair in found] == ["a", "b"]
    assert found[0].text.startswith("hypoattenuating")
    assert found[1].text == "hyperattenuating cystic lesion"
    for pair in found:
        assert set(pair.real) == set(pair.twin) == set(SETS)
        assert pair.real["texture"] != pair.twin["texture"]
        assert pair.fold == int(pair.case == "b")
        twin = Volume.read(tmp_path / "out" / "twins" / f"{pair.case}.nii.gz")
        scan = Volume.read(tmp_path / f"{pair.case}.nii.gz")
        mask = Volume.read(tmp_path / f"{pair.case}_label.nii.gz").data == 2
        far = ndimage.distance_transform_edt(~mask, sampling=scan.spacing) > 4
        assert np.array_equal(twin.data[far], scan.data[far])
        assert not np.array_equal(twin.data[mask], scan.data[mask])
        assert np.array_equal(twin.data <= -1200, scan.data <= -1200)

    listed = read_cases(tmp_path / "out" / "twins.jsonl")
    assert [case.texts for case in listed] == [(pair.text,) for pair in found]
    assert all(case.targets(Volume.read(case.ct)).max() == 2 for case in listed)

    made: list[str] = []
    inner = twins.pair
    monkeypatch.setattr(twins, "pair", lambda case, *rest: made.append(case.id) or inner(case, *rest))
    assert twins.pairs(cases, settings, tmp_path / "out") == found
    assert not made
    twins.pairs(cases, twins.Settings(str(tiny_bundle), "cpu", "preview", seed=5), tmp_path / "out")
    assert made == ["a", "b"]

    # Folds are those of today, and what is told or shown of a case now is what a twin is made from.
    told = twins.Settings(str(tiny_bundle), "cpu", "preview", seed=5)
    made.clear()
    folded = [cases[0].with_fold(1), replace(cases[1], fold=0, texts=("cyst",))]
    assert [pair.fold for pair in twins.pairs(folded, told, tmp_path / "out")] == [1, 0]
    assert made == ["b"]
    Volume.from_array(Volume.read(cases[0].ct).data + 1, AFFINE).write(cases[0].ct)
    twins.pairs(folded, told, tmp_path / "out")
    assert made == ["b", "a"]


def test_cases_without_tumours_are_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    healthy = {**_case(tmp_path, "a", 0), "healthy": True}
    (tmp_path / "cases.jsonl").write_text(json.dumps(healthy) + "\n")
    with pytest.raises(InputError, match="no case has a tumour"):
        twins.pairs(read_cases(tmp_path / "cases.jsonl"), twins.Settings(str(tiny_bundle)), tmp_path / "out")


def test_rendered_twins_need_no_model(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text(json.dumps(_case(tmp_path, "a", 0)) + "\n")
    cases = read_cases(tmp_path / "cases.jsonl")
    (found,) = twins.pairs(cases, twins.Settings(source="rendered"), tmp_path / "out")
    real, made = found.real["all"]["firstorder_Mean"], found.twin["all"]["firstorder_Mean"]
    assert abs(made - real) < 40  # hypoattenuating, as the real one was called
    with pytest.raises(InputError, match="unknown source"):
        twins.pairs(cases, twins.Settings(source="drawn"), tmp_path / "other")


def test_a_twin_is_stored_in_the_steps_of_its_scan() -> None:
    rng = np.random.default_rng(0)
    hu = np.clip(rng.normal(60, 90, (40, 40, 6)), -150, 250)
    coarse = np.rint(np.rint((hu + 150) / 1.57) * 1.57 - 150)
    drawn = hu + np.where(hu > 0, rng.normal(0, 30, hu.shape), 0)
    scans = [Volume.from_array(each.astype(np.int16), np.eye(4)) for each in (coarse, rng.normal(60, 90, hu.shape))]
    for scan, steps in zip(scans, (True, False), strict=True):
        changed = hu > 0
        made = scan.with_hu((slice(None),) * 3, drawn, changed)
        alike = stored_alike(made, scan).hu()
        np.testing.assert_array_equal(alike[~changed], scan.hu()[~changed])
        if steps:
            assert set(np.unique(alike)) <= set(np.unique(scan.hu()))
            assert alike.max() == 250 < made.hu().max()
            assert np.abs(alike - made.hu())[made.hu() < 250].max() <= 1
        else:
            np.testing.assert_array_equal(alike, made.hu())
