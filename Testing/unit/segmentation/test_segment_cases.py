"""`textomorph segment CASES.jsonl`: a prediction for each case, gone on with, never mixed with another model's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_predict import CONFIG, ByHu, scan

from TextoMorphLib.cli import main
from TextoMorphLib.commands import segment_cases
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation import model
from TextoMorphLib.segmentation.networks import build


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three cases in two folds, and a model that segments by HU."""
    settings = dict(CONFIG["network"])
    network = build(settings.pop("name"), 4, CONFIG["patch"], **settings)
    model.save(tmp_path / "model", CONFIG, network, "# tried")
    loaded = model.Segmenter.load

    def by_hu(name: str, device: str = "auto") -> model.Segmenter:
        given = loaded(name, device)
        return model.Segmenter(ByHu(), given.config, given.sha256, given.device)

    monkeypatch.setattr(model.Segmenter, "load", by_hu)
    lines = []
    for number in range(3):
        ct, truth = scan()
        ct.write(tmp_path / f"c{number}.nii.gz")
        Volume.from_array(truth, ct.affine).write(tmp_path / f"l{number}.nii.gz")
        lines.append(
            {
                "id": f"c{number}",
                "ct": f"c{number}.nii.gz",
                "organ": "liver",
                "patient": str(number),
                "label": f"l{number}.nii.gz",
                "values": {"organ": [1], "pdac": [2], "cyst": [3]},
                "fold": number % 2,
            }
        )
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(cases: Path, *more: str) -> int:
    folder = cases.parent
    usual = ["--model", str(folder / "model"), "--output", str(folder / "predictions"), "--overlap", "0.25"]
    return main(["segment", str(cases), *usual, "--device", "cpu", *more])


def test_predictions_are_made_once_and_evaluated(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = cases.parent / "predictions"
    assert run(cases, "--fold", "0", "--case-organ") == 0
    assert sorted(path.name for path in made.glob("*.nii.gz")) == ["c0.nii.gz", "c2.nii.gz"]
    assert json.loads((made / "c0.json").read_text())["request"]["restricted_to"] == "organ mask"
    first = (made / "c0.nii.gz").stat().st_mtime_ns
    assert run(cases, "--case-organ") == 0
    assert "1 cases segmented, 2 were there already" in capsys.readouterr().out
    assert (made / "c0.nii.gz").stat().st_mtime_ns == first
    found = Volume.read(made / "c1.nii.gz").data
    assert set(np.unique(found)) == {0, 1, 2, 3}
    assert main(["evaluate", str(cases), "--predictions", str(made), "--output", str(cases.parent / "e")]) == 0
    assert "lesions found: 6 of 6" in capsys.readouterr().out


def test_predictions_made_otherwise_or_from_another_scan_are_not_taken_for_these(
    cases: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(cases) == 0
    for more, said in ((("--least-mm", "9"), "with another least_mm"), (("--case-organ",), "with another organ_mask")):
        assert run(cases, *more) == 2
        assert said in capsys.readouterr().err
    with monkeypatch.context() as updated:
        updated.setattr(segment_cases, "__version__", "0.2.0")
        assert run(cases) == 2
        assert "with another version" in capsys.readouterr().err
    ct = Volume.read(cases.parent / "c2.nii.gz")
    Volume.from_array(np.roll(ct.data, 1, axis=0), ct.affine).write(cases.parent / "c2.nii.gz")
    assert run(cases) == 2
    assert "c2.nii.gz has changed since" in capsys.readouterr().err
    assert run(cases, "--overwrite") == 0
    assert run(cases) == 0


def test_predictions_of_another_model_are_not_taken_for_this_ones(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = cases.parent / "predictions"
    assert run(cases, "--fold", "1") == 0
    report = json.loads((made / "c1.json").read_text())
    report["model"]["sha256"] = "0" * 64
    (made / "c1.json").write_text(json.dumps(report))
    assert run(cases) == 2
    assert "no prediction of this model" in capsys.readouterr().err
    assert not (made / "c0.nii.gz").exists()
    assert run(cases, "--overwrite", "--fold", "1") == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--organ-mask", "m.nii.gz"), "for one CT"),
        (("--fold", "7"), "no case of fold 7"),
        (("--overlap", "1"), "out of range"),
    ],
)
def test_what_cannot_be_done_is_said(
    cases: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert run(cases, *more) == 2
    assert said in capsys.readouterr().err
    assert not (cases.parent / "predictions").exists()
    assert main(["segment", "ct.nii.gz", "--model", "m", "--output", "o.nii.gz", "--case-organ"]) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [({"organ": "kidney"}, "is of the kidney, the model of the liver"), ({"ct": "no.nii.gz"}, "does not exist")],
)
def test_a_wrong_case_is_told_before_others_are_segmented(
    cases: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], said: str
) -> None:
    lines = [json.loads(line) for line in cases.read_text().splitlines()]
    lines[2] |= change
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(cases) == 2
    assert "case c2" in (told := capsys.readouterr().err)
    assert said in told
    assert not (cases.parent / "predictions").exists()
