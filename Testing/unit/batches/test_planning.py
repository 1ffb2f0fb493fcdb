"""Sets of tumours in scans with organ masks: what is planned, and what the finished set says of itself."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.batches import manifest, wishes
from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.cases import read_cases
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.spatial.geometry import grow, tight_box

AWAY_MM = 6.0


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cases as the data sets keep them; one has a pancreatic lesion already."""
    ct, organs = phantom()
    folder = tmp_path_factory.mktemp("atlas")
    for name in ("a", "b", "c"):
        (folder / name / "segmentations").mkdir(parents=True)
        ct.write(folder / name / "ct.nii.gz")
        for organ in ("liver", "pancreas", "spleen", "aorta"):
            Volume.from_array(organs[organ], ct.affine).write(folder / name / "segmentations" / f"{organ}.nii.gz")
    lesion = np.zeros(ct.shape, bool)
    lesion[tuple(np.argwhere(organs["pancreas"])[100])] = True
    Volume.from_array(lesion, ct.affine).write(folder / "b" / "segmentations" / "pancreatic_lesion.nii.gz")
    return folder


def test_a_set_is_planned_made_and_described(scans: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    out = tmp_path / "set"
    texts = tmp_path / "texts.csv"
    texts.write_text("organ,text,frequency\nliver,cyst,3\nliver,ill-defined,1\npancreas,hypoattenuating,1\n")
    argv = ["jobs", "plan", str(scans), "--count", "12", "--output", str(out), "--organs", "liver=2,pancreas=1"]
    argv += ["--sizes", "uniform:8,12", "--texts", str(texts), "--away-mm", str(AWAY_MM), "--seed", "4"]
    assert main(argv) == 0
    lines = [json.loads(line) for line in (out / "jobs.jsonl").read_text().splitlines()]
    assert Counter(line["text"] for line in lines) == {"cyst": 6, "ill-defined": 2, "hypoattenuating": 4}
    cts = [line["ct"] for line in lines]
    assert cts == sorted(cts), "one scan's jobs stand together"
    assert len({line["seed"] for line in lines}) == 12
    told = json.loads((out / "plan.json").read_text())
    assert "not healthy" in told["left_out"]["b, pancreas"]
    assert not [each for each in lines if each["organ"] == "pancreas" and "/b/" in each["ct"]]
    assert all(each["mm"] <= 12.5 for each in told["placed"])

    for line in lines:
        mask = Volume.read(out / line["mask"])
        segmentations = (out / line["ct"]).parent / "segmentations"
        organ = Volume.read(segmentations / f"{line['organ']}.nii.gz").data > 0
        names = [path for path in segmentations.glob("*.nii.gz") if line["organ"] not in path.name]
        others = [Volume.read(path).data > 0 for path in names]
        near = np.any([other for other in others if other.sum() > 1], axis=0)  # not the lesion
        inside = mask.data > 0
        assert inside.any()
        assert not (inside & ~organ).any()
        around = grow(tight_box(inside), np.ceil(AWAY_MM / mask.spacing) + 1, inside.shape)
        away = ndimage.distance_transform_edt(~inside[around], sampling=mask.spacing)
        assert not (near[around] & (away <= AWAY_MM)).any()

    batch = ["batch", str(out / "jobs.jsonl"), "--model", str(tiny_bundle), "--device", "cpu", "--store", "delta"]
    assert main([*batch, "--shard", "1/4"]) == 0
    described = ["jobs", "manifest", str(out), "--name", "Try", "--licence", "CC BY 4.0", "--creator", "Us"]
    assert main([*described, "--source", "a phantom"]) == 0
    croissant = json.loads((out / "croissant.json").read_text())
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    records = croissant["recordSet"][0]["data"]
    assert len(records) == 3
    for record in records:
        content = (out / record["tumours/output"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["tumours/sha256"]
    card = (out / "DATA_CARD.md").read_text()
    assert "synthetic" in card
    assert "12; 3" in card

    done = next(case for case in read_cases(out / "cases.jsonl") if case.ct.name == Path(lines[0]["output"]).name)
    assert main(["apply", str(out / records[0]["tumours/output"]), "--output", str(done.ct)]) == 0
    targets = done.targets(Volume.read(done.ct))
    assert set(np.unique(targets)) == {0, 1, 2}


def test_real_shapes_and_their_sizes(scans: Path, tmp_path: Path) -> None:
    ball = np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0) <= 4
    stick = np.zeros((5, 5, 21), bool)
    stick[1:4, 1:4, 1:20] = True
    shapes = {f"{n}_{key}": value for n, shape in enumerate((ball, stick)) for key, value in _packed(shape).items()}
    diameters = [(6 / np.pi * shape.sum()) ** (1 / 3) for shape in (ball, stick)]
    np.savez(tmp_path / "shapes.npz", diameter_mm=np.array(diameters), **shapes)
    out = tmp_path / "set"
    argv = ["jobs", "plan", str(scans), "--count", "6", "--output", str(out), "--organs", "liver"]
    assert main([*argv, "--sizes", "shapes", "--shapes", str(tmp_path / "shapes.npz")]) == 0
    told = json.loads((out / "plan.json").read_text())
    assert told["shapes"] == "real: shapes.npz"
    assert {each["asked_mm"] for each in told["placed"]} <= {round(d, 1) for d in diameters}
    assert all(abs(each["mm"] / each["asked_mm"] - 1) < 0.25 for each in told["placed"])


def _packed(shape: np.ndarray) -> dict[str, np.ndarray]:
    return {"tumour": np.packbits(shape), "shape": np.array(shape.shape)}


def test_what_cannot_be_planned_is_said(scans: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = ["jobs", "plan", str(scans), "--count", "2", "--output", str(tmp_path / "set")]
    for more, reason in (
        (["--organs", "lung"], "unknown organ 'lung'"),
        (["--organs", "kidney"], "no case"),
        (["--organs", "liver=none"], "is no share"),
        (["--organs", "liver", "--sizes", "uniform:40,5"], "out of range"),
        (["--organs", "liver", "--sizes", "normal:4,5"], "no distribution"),
        (["--organs", "liver", "--sizes", "shapes"], "--shapes"),
        (["--organs", "pancreas", "--away-mm", "50"], "no scan has room"),
        (["--organs", "liver", "--away-from", "bones"], "--away-from"),
    ):
        assert main([*good, *more]) == 2
        assert reason in capfd.readouterr().err
        assert not (tmp_path / "set" / "jobs.jsonl").exists()
        assert not (tmp_path / "set" / "masks").exists()


def test_frequencies_and_sizes_are_kept() -> None:
    rng = np.random.default_rng(0)
    assert Counter(wishes.allocated({"a": 2, "b": 1}, 7, rng)) == {"a": 5, "b": 2}
    sizes = wishes.Sizes.parse("lognormal:18,0.6,5,60")
    drawn = np.array([sizes.draw(rng) for _ in range(4000)])
    assert drawn.min() >= 5
    assert drawn.max() <= 60
    assert np.median(drawn) == pytest.approx(18, rel=0.05)
    with pytest.raises(InputError):
        wishes.Sizes.parse("lognormal:80,0.6,5,60")


def test_a_table_of_texts_says_all_of_them(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text('organ,text\nliver,cyst\nliver,"cystic, septated"\nliver,cyst\n')
    assert wishes.read_texts(table, ["liver"]) == {"liver": {"cyst": 2, "cystic, septated": 1}}
    table.write_bytes(b'\xef\xbb\xbforgan;text;frequency\r\nliver;"ill-defined\r\ncyst";1,5\r\n')  # a spreadsheet's
    assert wishes.read_texts(table, ["liver"]) == {"liver": {"ill-defined\ncyst": 1.5}}
    table.write_text("organ,text\nliver,cystic, septated\n")  # would be a plain cyst
    with pytest.raises(InputError, match="put a text with commas in quotes"):
        wishes.read_texts(table, ["liver"])


def test_a_manifest_counts_each_lesion_of_a_job_and_lists_no_masks(tmp_path: Path) -> None:
    lesions = [{"mask": "masks/a.nii.gz", "text": "cyst"}, {"mask": "/b.nii.gz", "text": "necrotic", "organ": "kidney"}]
    line = json.dumps({"ct": "ct.nii.gz", "output": "made/1.nii", "lesions": lesions})
    (tmp_path / "jobs.jsonl").write_text(line)
    job = parse(line, tmp_path)
    job.output.parent.mkdir()
    job.output.write_bytes(b"an image")
    report = {"request": job.request(), "image": {"sha256": outputs.sha256(job.output)}}
    outputs.report_path(job.output).write_text(json.dumps(report))
    assert manifest.write(tmp_path, "n", "l", "c", "s") == {"jobs": 1, "done": 1, "tumours": 2}
    told = json.loads((tmp_path / "croissant.json").read_text())
    assert told["description"].startswith("2 synthetic tumours")
    assert told["distribution"][1]["includes"] == "made/*.nii"
    (record,) = told["recordSet"][0]["data"]
    assert (record["tumours/text"], record["tumours/organ"]) == ("cyst; necrotic", "liver, kidney")
    assert (record["tumours/ct"], record["tumours/mask"]) == ("ct.nii.gz", "masks/a.nii.gz, /b.nii.gz")
    assert "| necrotic | 1 |" in (tmp_path / "DATA_CARD.md").read_text()
