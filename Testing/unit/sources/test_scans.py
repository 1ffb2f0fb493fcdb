"""The sources for whole scans: called as a model is, and held against it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.sources import scans
from TextoMorphLib.synthesis.result import Synthesis

AFFINE = np.diag([-0.8, -0.8, 2.5, 1.0])
SPACING = (0.8, 0.8, 2.5)


def _scan() -> tuple[Volume, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (80, 76, 28)
    hu = 100 + 8 * ndimage.gaussian_filter(rng.standard_normal(shape), 0.6) / 0.4
    hu[:8] = -100
    away = (np.indices(shape) - np.array([42, 38, 14])[:, None, None, None]) * np.array(SPACING)[:, None, None, None]
    return Volume.from_array(hu.astype(np.int16), AFFINE), np.linalg.norm(away, axis=0) < 10


def _made(name: str, text: str = "hypoattenuating, well-defined", seed: int = 1) -> Synthesis:
    volume, mask = _scan()
    return scans.load(name, "cpu").synthesize(volume, mask, text, seed=seed)


@pytest.mark.parametrize("name", ["rendered", "ellipsoids", "cells", "mask-only"])
def test_a_baseline_is_called_as_a_model_is(name: str, tiny_bundle: Path) -> None:
    volume, mask = _scan()
    name = scans.named(name, str(tiny_bundle))
    made, again, other = _made(name), _made(name), _made(name, seed=2)
    assert np.array_equal(made.volume.data, again.volume.data)
    assert not np.array_equal(made.volume.data, other.volume.data)
    far = ndimage.distance_transform_edt(~mask, sampling=SPACING) > 4
    assert np.array_equal(made.volume.data[far], volume.data[far])
    assert not np.array_equal(made.volume.data[mask], volume.data[mask])
    assert made.report["synthetic"]
    assert made.report["model"]["sha256"] == scans.fingerprint(name)
    assert len(made.lesions) == len(made.report["lesions"]) == len(made.report["asked"]) == 1
    opposite = _made(name, "hyperattenuating")
    if name == "rendered":
        assert opposite.lesions[0].contrast_hu > 20 > -20 > made.lesions[0].contrast_hu
    else:
        assert np.array_equal(opposite.volume.data, made.volume.data)  # no words steer,
        assert scans.NO_WORDS in made.report["notes"]  # and it is said
        assert {row["attribute"] for row in opposite.report["asked"][0]} == {"contrast_hu"}


@pytest.mark.parametrize(("position", "way"), [("HFS", 1), ("HFP", -1)])
def test_the_renderers_sediment_sinks_as_the_patient_lay(position: str, way: int) -> None:
    volume, mask = _scan()
    ct = replace(volume, patient_position=position)
    made = scans.load("rendered", "cpu").synthesize(ct, mask, "cystic, fluid-fluid level", seed=1)
    hu, up = made.volume.hu(), -way * (np.indices(ct.shape)[1] - 38)  # its second axis runs to the back
    assert hu[mask & (up < -5)].mean() > hu[mask & (up > 5)].mean() + 15
    assert made.lesions[0].level_hu > 15
    assert not [each for each in made.report["warnings"] if "lay" in each]


def test_unknown_sources_are_refused() -> None:
    with pytest.raises(InputError, match="mask-only, rendered, ellipsoids, cells"):
        scans.named("spheres", "starter")


def test_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume, mask = _scan()
    volume.write(tmp_path / "ct.nii.gz")
    Volume.from_array(mask, AFFINE).write(tmp_path / "mask.nii.gz")
    arguments = ["generate", str(tmp_path / "ct.nii.gz"), "--mask", str(tmp_path / "mask.nii.gz"), "--text", "cyst"]
    assert main([*arguments, "--output", str(tmp_path / "one.nii.gz"), "--source", "ellipsoids"]) == 0
    assert scans.NO_WORDS in capsys.readouterr().err
    job = {"ct": "ct.nii.gz", "mask": "mask.nii.gz", "text": "cyst", "output": "two.nii.gz"}
    (tmp_path / "jobs.jsonl").write_text(json.dumps(job))
    assert main(["batch", str(tmp_path / "jobs.jsonl"), "--source", "ellipsoids"]) == 0
    one, two = (Volume.read(tmp_path / f"{name}.nii.gz") for name in ("one", "two"))
    assert np.array_equal(one.data, two.data)
    assert main(["batch", str(tmp_path / "jobs.jsonl"), "--source", "ellipsoids", "--resume"]) == 0
    assert "skipped" in capsys.readouterr().out
    assert main([*arguments, "--output", str(tmp_path / "no.nii.gz"), "--source", "spheres"]) == 2
    assert not (tmp_path / "no.nii.gz").exists()
