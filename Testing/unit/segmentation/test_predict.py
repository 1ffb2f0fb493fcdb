"""Whole scans through a segmenter: the scan's own grid, the organ's limits, and what is left out."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import nn

from TextoMorphLib.cli import main
from TextoMorphLib.commands.segment import doubts
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.evaluation.lesions import dice
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation import model, predict, totalsegmentator
from TextoMorphLib.segmentation.components import lesions
from TextoMorphLib.segmentation.networks import NETWORKS, build
from TextoMorphLib.spatial import slabs
from TextoMorphLib.spatial.grids import sampled_hu

CONFIG: dict[str, Any] = {
    "name": "tried",
    "organ": "liver",
    "classes": ["pdac", "cyst"],
    "network": {"name": "unet", "channels": [4, 8], "strides": [2], "num_res_units": 0},
    "patch": [16, 16, 16],
    "spacing_mm": 2.0,
    "window_hu": [-175.0, 250.0],
}
ORGAN, PDAC, CYST = 100.0, 165.0, 235.0  # HU


class ByHu(nn.Module):
    """Calls 100 HU organ, 165 HU the one tumour and 235 HU the other: what a perfect network would."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        hu = seen * 425 - 175
        return torch.cat([-((hu - level) ** 2) / 300 for level in (-150.0, ORGAN, PDAC, CYST)], 1)


@pytest.fixture
def segmenter() -> model.Segmenter:
    return model.Segmenter(ByHu(), CONFIG, "0" * 64, torch.device("cpu"))


def scan() -> tuple[Volume, np.ndarray]:
    """A liver with two tumours on a flipped grid of thick slices, a speck, and a tumour's HU outside; and the truth."""
    affine = np.diag([-1.2, 1.2, 3.0, 1.0])
    affine[:3, 3] = [40, -30, 7]
    truth = np.zeros((60, 56, 30), np.uint8)
    truth[10:50, 10:50, 4:27] = 1
    truth[15:25, 15:25, 8:14] = 2
    truth[32:42, 30:40, 15:22] = 3
    hu = np.choose(truth, [-100.0, ORGAN, PDAC, CYST])  # in fat
    hu[1:7, 1:7, 2:10] = PDAC  # outside the organ
    hu[30, 20, 20] = 400  # a speck, less than 3 mm once it is blurred
    return Volume.from_array(hu.astype(np.int16), affine), truth


def test_labels_on_the_scans_own_grid(segmenter: model.Segmenter) -> None:
    ct, truth = scan()
    found = predict.segment(segmenter, ct, overlap=0.25, probability=True)
    assert found.labels.shape == ct.shape
    for value, least in ((1, 0.9), (2, 0.8), (3, 0.8)):
        assert dice(truth == value, found.labels == value) > least, value
    assert not (found.labels[:8, :8, :12] > 1).any()
    assert found.dropped["outside_organ"] > 0
    assert found.probability is not None
    assert found.probability[20, 20, 11] > 250
    assert found.probability[3, 3, 5] == 0
    anywhere = predict.segment(segmenter, ct, overlap=0.25, restrict=False)
    assert (anywhere.labels[2:6, 2:6, 4:8] == 2).any()


def test_an_organ_mask_is_the_limit(segmenter: model.Segmenter) -> None:
    ct, truth = scan()
    organ = truth > 0
    organ[:30] = False
    found = predict.segment(segmenter, ct, organ, overlap=0.25)
    assert set(np.unique(found.labels[found.labels > 1])) == {3}
    assert found.box[0].start > 5
    with pytest.raises(InputError, match="empty"):
        predict.segment(segmenter, ct, np.zeros(ct.shape, bool))


def test_what_hangs_on_the_organ_by_a_neck_is_none_of_it(segmenter: model.Segmenter) -> None:
    """A network's liver goes on through a vessel into another organ, where it sees a tumour; two kidneys are two."""
    hu = np.full((80, 60, 40), -100, np.int16)
    i, j, k = np.ogrid[:80, :60, :40]
    liver, other = ((((i - at) / size) ** 2 + ((j - 30) / size) ** 2 + ((k - 20) / size) ** 2) < 1
                    for at, size in ((24, 18), (64, 11)))  # fmt: skip
    hu[20:70, 29:32, 19:22] = ORGAN  # of 6 mm
    hu[liver | other] = ORGAN
    hu[20:28, 26:34, 16:24] = PDAC
    hu[62:66, 28:32, 18:22] = PDAC
    found = predict.segment(segmenter, Volume.from_array(hu, np.diag([2.0, 2.0, 2.0, 1.0])), overlap=0.25)
    assert dice(liver, found.labels > 0) > 0.93
    assert not found.labels[56:].any()
    assert (found.labels[22:26, 28:32, 18:22] == 2).all()
    other |= (((i - 64) / 16) ** 2 + ((j - 30) / 16) ** 2 + ((k - 20) / 16) ** 2) < 1  # nearly as large
    hu[other & (hu < 0)] = ORGAN
    found = predict.segment(segmenter, Volume.from_array(hu, np.diag([2.0, 2.0, 2.0, 1.0])), overlap=0.25)
    assert (found.labels[63:65, 29:31, 19:21] == 2).all()


class ByPlace(nn.Module):
    """Depends on where in the window a voxel lies, so that it matters how windows are weighed."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(-2, 2, seen.shape[-1])
        return torch.cat([seen * 0, seen + ramp, seen * ramp[:, None], seen - ramp[:, None, None]], 1)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_windows_are_weighed_as_monai_weighs_them(overlap: float) -> None:
    ct, _ = scan()
    segmenter = model.Segmenter(ByPlace(), CONFIG, "0" * 64, torch.device("cpu"))
    box = (slice(0, 60), slice(0, 56), slice(0, 30))
    found, affine = predict._probabilities(segmenter, ct, box, overlap, None)
    seen = model.intensities(sampled_hu(ct, affine, found.shape[1:]), CONFIG["window_hu"])
    with torch.inference_mode():
        right = sliding_window_inference(
            torch.from_numpy(seen)[None, None], (16, 16, 16), 4,
            lambda windows: torch.softmax(segmenter.network(windows), 1)[:, 1:], overlap, "gaussian",
        )[0].numpy()  # fmt: skip
    assert found.shape == right.shape
    assert np.abs(found - right).max() < 2e-3  # half precision


def test_it_can_be_cancelled(segmenter: model.Segmenter) -> None:
    with pytest.raises(Cancelled):
        predict.segment(segmenter, scan()[0], progress=lambda done, of: False)


def test_slabs_change_nothing(segmenter: model.Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    ct, _ = scan()
    whole = predict.segment(segmenter, ct, overlap=0.25, probability=True)
    told = lesions(whole.labels[whole.box], whole.box)
    assert len(told) == 2
    for lesion in told:
        own = whole.labels == lesion.value
        assert lesion.voxels == own.sum()
        assert np.allclose(lesion.centre, np.argwhere(own).mean(0))
    monkeypatch.setattr(slabs, "SLAB_VOXELS", 4000)
    again = lesions(whole.labels[whole.box], whole.box)
    assert sorted(each[1:3] for each in again) == sorted(each[1:3] for each in told)
    in_slabs = predict.segment(segmenter, ct, overlap=0.25, probability=True)
    assert np.mean(in_slabs.labels != whole.labels) < 1e-3  # where two chances are equal, rounding decides
    apart = np.asarray(whole.probability, int) - np.asarray(in_slabs.probability, int)
    assert np.abs(apart).max() <= 1  # of 255
    assert whole.dropped == in_slabs.dropped


def test_a_scan_thinner_than_a_window(segmenter: model.Segmenter) -> None:
    ct, truth = scan()
    thin = Volume.from_array(ct.data[..., 8:13], ct.affine)
    found = predict.segment(segmenter, thin, overlap=0.25)
    assert dice(truth[..., 8:13] == 1, found.labels == 1) > 0.85


def test_a_component_has_one_class(segmenter: model.Segmenter) -> None:
    ct, truth = scan()
    data = ct.data.copy()
    data[15:25, 20:21, 8:14] = CYST  # a slice of the other kind through a tumour
    found = predict.segment(segmenter, Volume.from_array(data, ct.affine), overlap=0.25)
    assert set(np.unique(found.labels[14:26, 14:26, 7:15])) <= {1, 2}
    assert truth.any()


def test_least_size(segmenter: model.Segmenter) -> None:
    ct, _ = scan()
    assert predict.segment(segmenter, ct, overlap=0.25, least_mm=60).dropped["too_small"] > 500


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_by_name(name: str) -> None:
    small: dict[str, dict[str, Any]] = {
        "unet": {"channels": [4, 8], "strides": [2], "num_res_units": 0},
        "segresnet": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]},
        "dynunet": {"filters": [4, 8, 8, 8]},
        "swin_unetr": {"feature_size": 12},
    }
    side = 64 if name == "swin_unetr" else 32
    network = build(name, 3, (side,) * 3, **small[name]).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, side, side, side)).shape == (1, 3, side, side, side)
    with pytest.raises(InputError, match="unknown network"):
        build("nonsense", 3, (32, 32, 32))
    with pytest.raises(InputError, match="cannot be built"):
        build(name, 3, (32, 32, 32), colour="red")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model.save(tmp_path / "model", CONFIG, model.from_config(CONFIG), "# tried\n")
    return tmp_path / "model"


def test_segment_command(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ct, _ = scan()
    ct.write(tmp_path / "ct.nii.gz")
    out = tmp_path / "out.nii.gz"
    arguments = ["segment", str(tmp_path / "ct.nii.gz"), "--model", str(bundle), "--output", str(out)]
    assert main([*arguments, "--probability", "--overlap", "0", "--device", "cpu"]) == 0
    made = Volume.read(out)
    assert made.shape == ct.shape
    assert np.allclose(made.affine, ct.affine)
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["values"] == {"organ": [1], "pdac": [2], "cyst": [3]}
    assert doubts("liver", 5900.0)[0].startswith("what the model calls liver is 5900 ml, more than one has")
    assert not told["notes"]
    assert not doubts("liver", 1500.0)
    assert told["model"]["name"] == "tried"
    assert Volume.read(tmp_path / "out_probability.nii.gz").hu().max() <= 1.001
    first = out.read_bytes()
    assert main([*arguments, "--overwrite", "--overlap", "0", "--device", "cpu"]) == 0
    assert out.read_bytes() == first
    assert main(["models", "verify", str(bundle)]) == 0
    assert main(["generate", arguments[1], "--mask", arguments[1], "--text", "cyst", "--output", "x.nii.gz",
                 "--model", str(bundle)]) == 2  # fmt: skip
    capsys.readouterr()


def test_an_interrupted_segment_leaves_nothing(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan()[0].write(tmp_path / "ct.nii.gz")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "_back", interrupted)
    arguments = ["segment", str(tmp_path / "ct.nii.gz"), "--model", str(bundle), "--overlap", "0", "--device", "cpu"]
    assert main([*arguments, "--output", str(tmp_path / "out.nii.gz")]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct.nii.gz", "model"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--model", "starter"], "one that segments"),
        (["--model", "nowhere"], "unknown model"),
        (["--overlap", "1"], "overlap"),
        (["--organ-mask", "other.nii.gz"], "another grid"),
        (["--output", "ct.nii.gz"], "one of the inputs"),
        (["--output", "out.txt"], "must end in"),
        (["--dicom-seg", "seg.dcm"], "DICOM series"),
        (["--least-mm", "-1"], "out of range"),
        (["--organ-mask", "two.nii.gz"], "choose the organ's with --organ-label N"),
        (["--organ-mask", "two.nii.gz", "--organ-label", "7"], "7"),
        (["--organ-label", "1"], "give that, too"),
        (["--organ-mask", "two.nii.gz", "--organ-label", "²"], "²"),
        (["--organ-by", "luck"], "use totalsegmentator"),
        (["--organ-by", "totalsegmentator"], "is not installed"),
        (["--organ-by", "totalsegmentator", "--organ-mask", "two.nii.gz"], "not both"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    more: list[str], words: str, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    ct, truth = scan()
    ct.write("ct.nii.gz")
    Volume.from_array(truth, ct.affine).write("two.nii.gz")
    Volume.from_array(np.ones((5, 5, 5), np.uint8), np.eye(4)).write("other.nii.gz")
    before = sorted(path.name for path in tmp_path.iterdir())
    usual = {"--model": str(bundle), "--output": "out.nii.gz", "--device": "cpu"}
    usual |= dict(zip(more[::2], more[1::2], strict=True))
    assert main(["segment", "ct.nii.gz", *(part for pair in usual.items() for part in pair)]) == 2
    *warned, line = capsys.readouterr().err.splitlines()
    assert all(each.startswith("warning: ") for each in warned)  # the scan is a crop in nothing but fat
    assert line.startswith("error: ")
    assert words in line
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch": [16, 16]}, "patch = [16, 16], which is none"),
        ({"patch": [16, 16, 100000]}, "patch"),
        ({"patch": None}, "patch = null"),
        ({"spacing_mm": -1}, "spacing_mm = -1"),
        ({"spacing_mm": float("nan")}, "spacing_mm = NaN"),
        ({"spacing_mm": "one"}, "spacing_mm"),
        ({"window_hu": [250.0, -175.0]}, "window_hu"),
        ({"window_hu": [1.0]}, "window_hu"),
        ({"classes": 3}, "classes = 3"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"organ": None}, "organ = null"),
        ({"network": [1]}, "network"),
        ({"network": {"channels": [4, 8]}}, "network"),
        ({}, "its weights hold NaN"),
    ],
)
def test_a_model_that_nobody_can_segment_with_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    network = model.from_config(CONFIG)
    if not change:
        next(network.parameters()).data[:] = torch.nan
    model.save(tmp_path / "m", {**CONFIG, **change}, network, "")
    with pytest.raises(InputError, match=re.escape(words)):
        model.Segmenter.load(str(tmp_path / "m"), "cpu")


# Takes what TotalSegmentator 2.18 takes of these, and nothing else; calls what is above 0 HU organ, on the scan's grid.
STAND_IN = """#!{python}
import argparse
parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("-i", required=True)
parser.add_argument("-o", required=True)
parser.add_argument("-ml", "--ml", action="store_true")
parser.add_argument("-f", "--fast", action="store_true")
parser.add_argument("-q", "--quiet", action="store_true")
parser.add_argument("-d", "--device", default="gpu")
parser.add_argument("-rs", "--roi_subset", nargs="+")
given = parser.parse_args()
assert given.ml and given.fast and given.device == "cpu"
import nibabel, numpy
image = nibabel.load(given.i)
found = (numpy.asarray(image.dataobj) > 0) * numpy.uint8(5)
if given.roi_subset == ["kidney_left", "kidney_right"]:
    found[:] = 0
elif given.roi_subset != ["liver"]:
    raise SystemExit("ValueError: no such class: " + " ".join(given.roi_subset))
nibabel.save(nibabel.Nifti1Image(found, image.affine), given.o)
"""


def test_the_organ_by_totalsegmentator(
    segmenter: model.Segmenter, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct, truth = scan()
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "TotalSegmentator").write_text(STAND_IN.format(python=sys.executable))
    (programs / "TotalSegmentator").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    found = totalsegmentator.find(ct, "liver", "cpu")
    assert np.array_equal(found, ct.data > 0)
    assert totalsegmentator.arguments(Path("a"), Path("b"), "liver", "cuda:1").count("gpu:1") == 1
    with pytest.raises(InputError, match="found no kidney"):
        totalsegmentator.find(ct, "kidney", "cpu")
    with pytest.raises(InputError, match="failed: ValueError: no such class: heart"):
        totalsegmentator.find(ct, "heart", "cpu")
    ct.write(tmp_path / "ct.nii.gz")
    arguments = ["segment", str(tmp_path / "ct.nii.gz"), "--model", str(bundle), "--output", str(tmp_path / "o.nii.gz")]
    assert main([*arguments, "--organ-by", "totalsegmentator", "--overlap", "0", "--device", "cpu"]) == 0
    told = json.loads((tmp_path / "o.json").read_text())
    assert (told["request"]["organ_mask"], told["request"]["restricted_to"]) == ("totalsegmentator", "organ mask")
    assert not (Volume.read(tmp_path / "o.nii.gz").data[truth == 0] > 1).all()


def test_a_scan_is_read_as_it_is_needed(segmenter: model.Segmenter, tmp_path: Path) -> None:
    """A scan read from a file as it is needed gives what one in memory gives."""
    ct, _ = scan()
    for name in ("ct.nii", "ct.nii.gz"):
        ct.write(tmp_path / name)
        mapped = Volume.read(tmp_path / name, mapped=True)
        assert isinstance(mapped.data, np.memmap)
        assert not mapped.data.flags.writeable
        assert np.array_equal(mapped.data, ct.data)
        (tmp_path / name).unlink()  # nobody else's file any more
        one, other = (predict.segment(segmenter, each, overlap=0.25) for each in (ct, mapped))
        assert isinstance(other.labels, np.memmap)
        assert np.array_equal(one.labels, other.labels)


def test_what_fails_late_leaves_nothing(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan()[0].write(tmp_path / "ct.nii.gz")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "to_json", full)
    arguments = ["segment", str(tmp_path / "ct.nii.gz"), "--model", str(bundle), "--overlap", "0", "--device", "cpu"]
    assert main([*arguments, "--probability", "--output", str(tmp_path / "out.nii.gz")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct.nii.gz", "model"]
