"""The machine observer: blind to what is not there, and sharp where twins differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation import observer
from TextoMorphLib.evaluation.observer_features import SETS, measured

SPACING = np.array([0.8, 0.8, 2.5])


def _scan(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A lesion of a few thick slices with slow texture, on a grid whose corners are unknown; and its mask."""
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.standard_normal((44, 40, 5)), (3, 3, 1)) * 60
    hu = 60 + texture + 12 * rng.standard_normal(texture.shape)
    away = np.linalg.norm((np.indices(hu.shape[:2]) - np.array([22, 20])[:, None, None]) * 0.8, axis=0)
    hu[away > 16] = -1500
    return hu.astype(np.float32), np.repeat((away < 10)[:, :, None], 5, axis=2)


def test_texture_does_not_see_density_place_or_the_outside() -> None:
    hu, mask = _scan(0)
    first = measured(hu, mask, SPACING)
    assert first is not None
    assert {name: len(features) for name, features in first.items()} == {"texture": 14, "unseen": 23, "all": 150}
    assert all(np.isfinite(value) for features in first.values() for value in features.values())

    other = np.where(mask, hu + 35, -70).astype(np.float32)
    moved = [
        np.pad(array, ((5, 2), (3, 9), (0, 0)), constant_values=fill) for array, fill in ((other, -3024), (mask, 0))
    ]
    second = measured(moved[0], moved[1].astype(bool), SPACING)
    assert second is not None
    for name in ("texture", "unseen"):
        assert second[name] == pytest.approx(first[name], abs=2e-2), name
    assert second["all"]["firstorder_Mean"] - first["all"]["firstorder_Mean"] == pytest.approx(35, abs=0.1)
    assert second["all"]["border_0.7_to_2mm_hu"] == pytest.approx(first["all"]["border_0.7_to_2mm_hu"], abs=0.1)

    turned = measured(np.transpose(hu, (2, 0, 1)), np.transpose(mask, (2, 0, 1)), SPACING[[2, 0, 1]])
    assert turned is not None
    assert turned["unseen"] == pytest.approx(first["unseen"])


def test_a_patch_without_noise_is_seen_whatever_noise_there_is_elsewhere() -> None:
    hu, mask = _scan(0)
    x, y = np.indices(hu.shape[:2])
    disc = (np.hypot(x - 22, y - 16) * 0.8 < 5)[:, :, None] & (np.arange(5) == 2)
    flat = np.where(disc, ndimage.gaussian_filter(hu, (2, 2, 0)), hu)
    even, patched = (measured(each, mask, SPACING) for each in (hu, flat))
    assert even is not None
    assert patched is not None
    assert even["all"]["noise_least_patch"] > np.log(0.7)
    assert patched["all"]["noise_least_patch"] < np.log(0.6)
    assert patched["all"]["noise_most_patch"] == pytest.approx(even["all"]["noise_most_patch"], abs=0.05)


def test_a_lesion_without_room_for_texture_is_none() -> None:
    hu, mask = _scan(0)
    tiny = mask & (np.arange(44) < 13)[:, None, None]
    assert 0 < np.count_nonzero(tiny) < 200
    assert measured(hu, tiny, SPACING) is None
    assert measured(np.full(hu.shape, -1500.0), mask, SPACING) is None


def _sides(shift: float, count: int = 40) -> tuple[list[observer.Sets], list[observer.Sets], list[str]]:
    """Real lesions and twins that differ in one of three features by so many standard deviations."""
    rng = np.random.default_rng(3)
    sides = []
    for moved in (0.0, shift):
        rows = rng.standard_normal((count, 3)) + np.array([0, moved, 0])
        sides.append([{"set": {"a": row[0], "grain": row[1], "c": row[2]}} for row in rows])
    return sides[0], sides[1], [f"p{number // 2}" for number in range(count)]


def test_observer_finds_what_differs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "TREES", 30)
    monkeypatch.setattr(observer, "FOLDS", 5)
    monkeypatch.setattr(observer, "RESAMPLES", 200)
    alike = observer.judge(*_sides(0.0))["set"]
    for kind in ("logistic", "forest"):
        assert alike[kind]["auc"] < 0.6
        assert alike[kind]["interval"][0] < 0.5
    real, twins, patients = _sides(2.0)
    found = observer.judge(real, twins, patients, held_out={"p0", "p1", "p2", "p3", "p4", "p5"})
    for scores in (found["set"], found["set"]["held_out"]):
        assert min(scores["logistic"]["auc"], scores["forest"]["auc"]) > 0.8
    told = found["set"]["features"][0]
    assert told["feature"] == "grain"
    assert told["twin"] - told["real"] == pytest.approx(2.0, abs=0.6)
    assert found["set"]["held_out"]["pairs"] == 12
    assert "| grain |" in observer.table(found)


def test_a_patient_is_never_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    real, twins, patients = _sides(0.0)
    for number, (one, other) in enumerate(zip(real, twins, strict=True)):
        one["set"]["a"] = other["set"]["a"] = float(number // 2)  # names the patient
    kind, seen = observer._classifier, []

    class Watched:
        def __init__(self, name: str, seed: int) -> None:
            self.inner = kind(name, seed)

        def fit(self, values: np.ndarray, truth: np.ndarray) -> Watched:
            self.patients = set(values[:, 0])
            self.inner.fit(values, truth)
            return self

        def predict_proba(self, values: np.ndarray) -> np.ndarray:
            seen.append(self.patients & set(values[:, 0]))
            return self.inner.predict_proba(values)

    monkeypatch.setattr(observer, "REPEATS", {"logistic": 1})
    monkeypatch.setattr(observer, "_classifier", Watched)
    observer.judge(real, twins, patients, held_out={"p1"})
    assert len(seen) == 11
    assert not set().union(*seen)


def test_bad_pairs_are_refused() -> None:
    real, twins, patients = _sides(0.0)
    with pytest.raises(InputError, match="pair up"):
        observer.judge(real, twins[1:], patients)
    with pytest.raises(InputError, match="too few"):
        observer.judge(real[:4], twins[:4], patients[:4])
    assert set(SETS) == {"texture", "unseen", "all"}


def test_too_few_patients_and_empty_folds_are_refused_before_any_twin_is_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = {"id": "a", "ct": "a.nii.gz", "organ": "liver", "patient": "1", "label": "m.nii.gz", "values": {"pdac": [1]}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case))
    argv = ["benchmark", "observer", str(tmp_path / "cases.jsonl"), "--output", str(tmp_path / "out")]
    assert main(argv) == 2
    assert "1 patients are too few" in capfd.readouterr().err
    lines = [json.dumps({**case, "id": f"{number}", "patient": f"{number}", "fold": 1}) for number in range(20)]
    (tmp_path / "cases.jsonl").write_text("\n".join(lines))
    assert main([*argv, "--fold", "0"]) == 2
    assert "no case is in fold 0; folds there: 1" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
