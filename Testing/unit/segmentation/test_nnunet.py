"""Cases for nnU-Net. Its trainer is tried by `make nnunet`, in an environment of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.nnunet import TRAINERS


def test_export_and_bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for number in range(2):
        label = np.zeros((20, 20, 20), np.uint8)
        label[2:18, 2:18, 2:18] = 5
        if number == 0:
            label[8:12, 8:12, 8:12] = 7
        hu = np.where(label > 0, 100, -100).astype(np.int16)
        for name, data in (("ct", hu), ("label", label)):
            Volume.from_array(data, np.diag([2.0, 2.0, 2.0, 1.0])).write(tmp_path / f"{number}_{name}.nrrd")
        known = {"label": "0_label.nrrd", "values": {"organ": [5], "cyst": [7]}}
        if number:
            known = {"organ_mask": ["1_label.nrrd"], "healthy": True}  # type: ignore[dict-item]
        lines.append({"id": f"c{number}", "ct": f"{number}_ct.nrrd", "organ": "liver", "fold": number, **known})
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["nnunet", "export", str(cases), "--output", str(tmp_path), "--dataset", "7"]) == 0
    made = tmp_path / "Dataset007_LiverTumours"
    told = json.loads((made / "dataset.json").read_text())
    assert told["labels"] == {"background": 0, "organ": 1, "cyst": 2}
    assert told["numTraining"] == 2
    assert np.unique(Volume.read(made / "labelsTr/c0.nii.gz").data).tolist() == [0, 1, 2]
    assert Volume.read(made / "imagesTr/c1_0000.nii.gz").shape == (20, 20, 20)
    assert json.loads((made / "splits_final.json").read_text())[1] == {"train": ["c0"], "val": ["c1"]}
    assert main(["nnunet", "export", str(cases), "--output", str(tmp_path), "--dataset", "7"]) == 2
    twice = tmp_path / "twice.jsonl"  # one patient's scans, tested in one fold and trained on in it
    twice.write_text("".join(json.dumps({**line, "patient": "p"}) + "\n" for line in lines))
    capsys.readouterr()
    assert main(["nnunet", "export", str(twice), "--output", str(tmp_path), "--dataset", "8"]) == 2
    assert "patient p is in folds 0 and 1" in capsys.readouterr().err
    mixed, silent = tmp_path / "mixed.jsonl", {"id": "c9", "ct": "0_ct.nrrd", "organ": "liver"}
    mixed.write_text(json.dumps(lines[0]) + "\n" + json.dumps({**lines[1], "organ": "kidney"}) + "\n")
    assert main(["nnunet", "export", str(mixed), "--output", str(tmp_path), "--dataset", "9"]) == 2
    assert "of several organs (kidney, liver)" in capsys.readouterr().err
    mixed.write_text("".join(json.dumps(line) + "\n" for line in (*lines, silent)))
    assert main(["nnunet", "export", str(mixed), "--output", str(tmp_path), "--dataset", "10"]) == 0
    assert "1 of 3 cases are left out" in capsys.readouterr().err

    config = tmp_path / "bank.toml"
    config.write_text(
        "[patches]\npatch = [16, 16, 16]\nspacing_mm = 2.0\n[source]\nkind = 'cells'\ndiameters_mm = [8.0, 12.0]\n"
    )
    bank = ["nnunet", "bank", str(cases), "--config", str(config), "--output", str(tmp_path / "bank"), "--count", "2"]
    assert main(bank) == 0
    facts = json.loads((tmp_path / "bank/bank.json").read_text())
    assert (facts["spacing_mm"], facts["cases"]) == (2.0, ["c1"])
    with np.load(tmp_path / "bank/0000001.npz") as file:
        assert set(np.unique(file["label"])) == {0, 1, 2}
    assert main([*bank, "--fold", "1"]) == 2
    assert "nothing to put tumours in" in capsys.readouterr().err
    assert main(["nnunet", "trainers"]) == 0
    assert capsys.readouterr().out.strip() == str(TRAINERS)
    assert (TRAINERS / "nnUNetTrainerTextoMorph.py").is_file()
