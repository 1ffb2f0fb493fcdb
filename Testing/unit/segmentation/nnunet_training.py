"""nnU-Net trains two iterations with our trainer, in an environment of its own: `make nnunet`.

Not among the unit tests: it needs nnU-Net's commands in the folder that $NNUNET_BIN names.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.nnunet import TRAINERS

BIN = str(Path(os.environ["NNUNET_BIN"]).resolve()) if os.environ.get("NNUNET_BIN") else ""
SHORT = f"""
import sys
sys.path.insert(0, {str(TRAINERS)!r})
from nnUNetTrainerTextoMorph import nnUNetTrainerTextoMorph as Ours

class nnUNetTrainerTwoIterations(Ours):
    def initialize(self):
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1, 2, 1
        super().initialize()

    def perform_actual_validation(self, *args, **kwargs):
        pass  # whole cases take long on a CPU

"""


@pytest.mark.skipif(not BIN, reason="set NNUNET_BIN to the folder with nnUNetv2_train")
def test_two_iterations(tmp_path: Path) -> None:
    lines = []
    for number in range(6):
        rng = np.random.default_rng(number)
        label = np.zeros((40, 40, 40), np.uint8)
        label[4:36, 4:36, 4:36] = 1
        if number % 2 == 0:
            label[14:22, 14:22, 14:22] = 2
        hu = np.choose(label, [-100.0, 100.0, 40.0]) + rng.normal(0, 5, label.shape)
        for name, data in (("ct", hu.astype(np.int16)), ("label", label)):
            Volume.from_array(data, np.diag([1.5, 1.5, 1.5, 1.0])).write(tmp_path / f"{number}_{name}.nii.gz")
        known = {"label": f"{number}_label.nii.gz", "values": {"organ": [1], "tumour": [2]}}
        line = {"id": f"c{number}", "ct": f"{number}_ct.nii.gz", "organ": "liver", "fold": number % 3, **known}
        lines.append({**line, "healthy": True} if number % 2 else line)
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = tmp_path / "bank.toml"
    config.write_text(
        "[patches]\npatch = [32, 32, 32]\nspacing_mm = 1.5\n[source]\nkind = 'cells'\ndiameters_mm = [8.0, 16.0]\n"
    )
    folders = {name: tmp_path / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results", "trainers")}
    for folder in folders.values():
        folder.mkdir()
    (folders["trainers"] / "nnUNetTrainerTwoIterations.py").write_text(SHORT)
    assert main(["nnunet", "export", str(cases), "--output", str(folders["nnUNet_raw"]), "--dataset", "7"]) == 0
    bank = ["nnunet", "bank", str(cases), "--config", str(config), "--output", str(tmp_path / "bank"), "--count", "4"]
    assert main([*bank, "--fold", "0"]) == 0
    environment = {
        **os.environ,
        **{name: str(folder) for name, folder in folders.items()},
        "nnUNet_extTrainer": os.pathsep.join([str(folders["trainers"]), str(TRAINERS)]),
        "nnUNet_n_proc_DA": "1",
        "nnUNet_compile": "f",
        "TEXTOMORPH_BANK": str(tmp_path / "bank"),
        "TEXTOMORPH_SHARE": "0.7",
        "PYTHONPATH": os.environ.get("NNUNET_PYTHONPATH", ""),
    }

    def run(*command: str) -> str:
        done = subprocess.run([f"{BIN}/{command[0]}", *command[1:]], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    run("nnUNetv2_plan_and_preprocess", "-d", "7", "-c", "3d_fullres", "-np", "1", "-npfp", "1")
    raw = folders["nnUNet_raw"] / "Dataset007_LiverTumours"
    made = folders["nnUNet_preprocessed"] / "Dataset007_LiverTumours"
    (made / "splits_final.json").write_text((raw / "splits_final.json").read_text())
    environment["nnUNet_n_proc_DA"] = "0"  # draws in the training process; planning cannot take a 0
    told = run("nnUNetv2_train", "7", "3d_fullres", "0", "-device", "cpu", "-tr", "nnUNetTrainerTwoIterations")
    assert "4 patches in the bank, 0.70 of the samples" in told
    assert "train_loss" in told
    assert list(folders["nnUNet_results"].rglob("checkpoint_final.pth"))
