"""The commands, as a user runs them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import paths
from TextoMorphLib.cli import main
from TextoMorphLib.commands import common
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation import example_ct

TEXT = "hypoattenuating lesion"


@pytest.fixture
def arguments(tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path, tmp_path: Path) -> list[str]:
    """A good `generate` that writes out.nii.gz."""
    return [
        *("generate", str(phantom_ct), "--mask", str(phantom_mask), "--text", TEXT),
        *(
            "--output",
            str(tmp_path / "out.nii.gz"),
            "--model",
            str(tiny_bundle),
            "--device",
            "cpu",
            "--steps",
            "2",
        ),
    ]


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from TextoMorphLib.cli import main; main(['--help']); main(['generate', '--help']);"
        "sys.exit(str([m for m in ('torch', 'transformers', 'monai', 'scipy', 'numpy') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
    for command in ("generate", "batch", "preview", "measure", "demo", "models", "train", "doctor"):
        assert f" {command} " in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("textomorph 0.")


@pytest.mark.parametrize("usage", [["nonsense"], ["generate"], ["generate", "a", "--nonsense"], ["models"], ["batch"]])
def test_wrong_usage_is_one_line_that_points_to_help(usage: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(usage) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "--help" in lines[0]


def test_generate(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--seed", "3", "--picture", str(tmp_path / "out.png")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.nii.gz", "out.png"]

    report = json.loads((tmp_path / "out.json").read_text())
    assert report["synthetic"] is True
    assert report["text"] == TEXT
    assert (report["seed"], report["steps"]) == (3, 2)

    image, ct = nib.Nifti1Image.from_filename(tmp_path / "out.nii.gz"), nib.Nifti1Image.from_filename(arguments[1])
    assert image.get_data_dtype() == ct.get_data_dtype()
    assert np.array_equal(image.affine, ct.affine)
    assert "synthetic: TextoMorph" in str(image.header.extensions[-1].get_content())

    told = capsys.readouterr()
    assert told.err == ""
    assert re.search(r"^asked: hypoattenuating; measured: -?[\d.]+ HU, (yes|no)$", told.out, re.MULTILINE)
    assert f"wrote {tmp_path / 'out.nii.gz'}" in told.out


def test_a_lesion_outside_its_organ_is_told(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = Volume.read(arguments[3])
    near, far = (ndimage.binary_dilation(mask.data > 0, iterations=steps) for steps in (4, 12))
    Volume.from_array((far & ~near).astype(np.uint8), mask.affine).write(tmp_path / "organ.nii.gz")
    assert main([*arguments, "--organ-mask", str(tmp_path / "organ.nii.gz")]) == 0
    told = capsys.readouterr().err
    assert told.count("outside the organ") == 1
    warnings = json.loads((tmp_path / "out.json").read_text())["warnings"]
    assert sum("outside the organ" in warning for warning in warnings) == 1


def test_same_seed_same_bytes(arguments: list[str], tmp_path: Path) -> None:
    made = []
    for seed in ("5", "5", "6"):
        assert main([*arguments, "--seed", seed, "--overwrite"]) == 0
        made.append((tmp_path / "out.nii.gz").read_bytes())
    assert made[0] == made[1] != made[2]


def test_text_without_known_terms_warns_and_runs(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments[arguments.index(TEXT)] = "something quite unheard of"
    assert main(arguments) == 0
    assert capsys.readouterr().err.startswith("warning: nothing in the text")
    assert (tmp_path / "out.nii.gz").is_file()


def test_what_does_not_go_together_is_told_once(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments[arguments.index(TEXT)] = "a 30 cm cyst, isoattenuating"
    assert main(arguments) == 0
    told = capsys.readouterr().err
    assert told.count("hardly go together") == told.count("the text says 300 mm") == 1
    report = json.loads((tmp_path / "out.json").read_text())
    assert any("300 mm" in warning for warning in report["warnings"])
    assert any("hardly go together" in note for note in report["notes"])


def test_ctrl_c_leaves_nothing(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with it ignored

    @contextmanager
    def impatient(label: str) -> Iterator[common.Step]:
        def step(done: int, total: int) -> bool:
            signal.raise_signal(signal.SIGINT)
            return True

        yield step

    monkeypatch.setattr(common, "progress", impatient)
    assert main(arguments) == 130
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == "cancelled\n"


def test_an_import_that_makes_something_else_of_being_ended_is_no_failure(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:  # what torch does when its import of numpy is interrupted
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise ImportError("cannot load module more than once per process")

    monkeypatch.setattr(common, "progress", interrupted)
    assert main(arguments) == 130
    assert capsys.readouterr().err == "cancelled\n"


def test_measure_agrees_with_the_report(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    capsys.readouterr()
    measure = ["measure", arguments[1], str(tmp_path / "out.nii.gz"), "--mask", arguments[3]]
    assert main([*measure, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["lesions"]
    reported = json.loads((tmp_path / "out.json").read_text())["lesions"]
    assert measured == [pytest.approx(lesion, abs=1e-3) for lesion in reported]

    mask = Volume.read(arguments[3])
    organ = str(tmp_path / "organ.nii.gz")
    around = ndimage.binary_dilation(mask.data > 0, iterations=8)
    around &= Volume.read(arguments[1]).data > 60  # not the commonest tissue around, but the brighter part of it
    Volume.from_array(around | (mask.data > 0), mask.affine).write(Path(organ))
    assert main([*arguments, "--organ-mask", organ, "--overwrite"]) == 0
    capsys.readouterr()
    assert main([*measure, "--organ-mask", organ, "--json"]) == 0
    within = json.loads(capsys.readouterr().out)["lesions"]
    assert within == [
        pytest.approx(each, abs=1e-3) for each in json.loads((tmp_path / "out.json").read_text())["lesions"]
    ]
    assert within[0]["parenchyma_hu"] != measured[0]["parenchyma_hu"]
    for told in (measure, ["describe", arguments[1], "--mask", arguments[3]]):
        assert main([*told, "--organ-mask", arguments[3]]) == 2
        assert "give the mask of the whole organ" in capsys.readouterr().err

    assert main(measure) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("contrast to the parenchyma" in row and row.rstrip().endswith("HU") for row in rows)
    assert any("margin" in row and row.rstrip().endswith("mm") for row in rows)


def test_preview(arguments: list[str], tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("cyst\n\nhyperattenuating mass\n")
    arguments[0] = "preview"
    arguments[arguments.index("--text") : arguments.index("--text") + 2] = ["--texts", str(texts)]
    arguments[arguments.index("--output") + 1] = str(tmp_path / "grid.png")
    assert main(arguments) == 0
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_demo_offline_says_that_it_uses_the_phantom_and_runs_twice(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline() -> Path:
        raise OSError("no network")

    monkeypatch.setattr(example_ct, "example_ct", offline)
    for _ in range(2):
        assert main(["demo", "--output-dir", str(tmp_path / "demo"), "--model", str(tiny_bundle)]) == 0
        assert "phantom" in capsys.readouterr().out
    made = sorted(path.name for path in (tmp_path / "demo").iterdir())
    assert made == ["ct.nii.gz", "mask.nii.gz", "picture.png", "synthetic.json", "synthetic.nii.gz"]


def test_models(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", str(tiny_bundle)]) == 0
    assert "SHA-256" in capsys.readouterr().out
    assert main(["models", "info", str(tiny_bundle)]) == 0
    assert "text_encoder" in capsys.readouterr().out


@pytest.fixture
def only_model(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the tiny bundle the `starter` that comes with TextoMorph."""
    (tmp_path / "Models").mkdir()
    starter = tmp_path / "Models" / "starter"
    starter.symlink_to(tiny_bundle, target_is_directory=True)
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    return starter


def test_models_list(only_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.startswith("starter ")


def test_doctor_tells_what_is_missing(only_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "Ready" in capsys.readouterr().out
    only_model.unlink()
    assert main(["doctor"]) == 1
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("MISSING")]
    assert len(missing) == 1
    assert "starter" in missing[0]
