"""cases.jsonl: made from what others keep, checked to the end, split by patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from TextoMorphLib.cases import read_cases, write_cases
from TextoMorphLib.cases.classes import mean_hu
from TextoMorphLib.cases.folds import parted
from TextoMorphLib.cases.importers import Source, import_cases
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume


def image(path: Path, values: dict[int, tuple[slice, ...]] | None = None, ct: bool = False, seed: int = 0) -> Path:
    """A small CT (air, fat, liver) or a label map with boxes."""
    data = np.zeros((12, 12, 12), np.int16 if ct else np.uint8)
    if ct:
        data += np.random.default_rng(seed).integers(-5, 5, data.shape).astype(np.int16)
        data[:3] -= 1000
        data[3:5] -= 100
        data[5:] += 60
    for value, box in (values or {}).items():
        data[box] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Volume.from_array(data, np.diag([1.0, 1.0, 2.0, 1.0])).write(path)
    return path


BOX = (slice(6, 10),) * 3
INNER = (slice(7, 9),) * 3


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_msd_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        image(tmp_path / f"imagesTr/liver_{number}.nii.gz", ct=True, seed=number)
        image(tmp_path / f"labelsTr/liver_{number}.nii.gz", {1: BOX, 2: INNER})
    training = [{"image": f"./imagesTr/liver_{n}.nii.gz", "label": f"./labelsTr/liver_{n}.nii.gz"} for n in (1, 2)]
    told = {"name": "LIVER", "labels": {"0": "background", "1": "liver", "2": "cancer"}, "training": training}
    (tmp_path / "dataset.json").write_text(json.dumps(told))
    (tmp_path / "out").mkdir()
    out = tmp_path / "out/cases.jsonl"
    assert main(["cases", "import", str(tmp_path), "--output", str(out)]) == 0
    first = json.loads(out.read_text().splitlines()[0])
    assert first == {
        "id": "liver_1",
        "ct": "../imagesTr/liver_1.nii.gz",
        "organ": "liver",
        "patient": "liver_1",
        "label": "../labelsTr/liver_1.nii.gz",
        "values": {"organ": [1], "tumour": [2]},
    }
    assert main(["cases", "check", str(out)]) == 0
    assert "2 cases: 2 with tumours" in capsys.readouterr().out


def test_nnunet_dataset_with_regions(tmp_path: Path) -> None:
    image(tmp_path / "imagesTr/case_00001_0000.nii.gz", ct=True)
    image(tmp_path / "labelsTr/case_00001.nii.gz", {1: BOX, 3: INNER})
    labels = {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".nii.gz"}))
    out = tmp_path / "cases.jsonl"
    assert main(["cases", "import", str(tmp_path / "dataset.json"), "--output", str(out)]) == 0
    (case,) = read_cases(out)
    assert case.organ == "kidney"
    assert case.values == {"organ": (1,), "tumor": (2,), "masses": (3,)}
    assert np.unique(case.targets(Volume.read(case.ct))).tolist() == [0, 1, 3]


def imported(folder: Path, told: Any, *files: str, **given: Any) -> list[Any]:
    """The cases of a dataset.json beside some empty files."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "dataset.json").write_text(json.dumps(told))
    return import_cases(Source(folder, **given))


LABELS = {"background": 0, "liver": 1, "tumor": 2}


@pytest.mark.parametrize(
    ("told", "files", "expected"),
    [
        # nnU-Net 2: dots in names, other endings, the CT as the second of two channels
        (
            {"labels": LABELS, "file_ending": ".nii", "channel_names": {"0": "CT"}},
            ["imagesTr/a.1.2_0000.nii", "labelsTr/a.1.2.nii"],
            ("a.1.2", "imagesTr/a.1.2_0000.nii", "labelsTr/a.1.2.nii"),
        ),
        (
            {"labels": LABELS, "file_ending": ".nrrd", "channel_names": {"0": "PET", "1": "CT"}},
            ["imagesTr/p_0000.nrrd", "imagesTr/p_0001.nrrd", "labelsTr/p.nrrd"],
            ("p_0001", "imagesTr/p_0001.nrrd", "labelsTr/p.nrrd"),
        ),
        # nnU-Net 2 with files anywhere
        (
            {"labels": LABELS, "dataset": {"x": {"images": ["i/q.nii.gz"], "label": "l/q.nii.gz"}}},
            [],
            ("q", "i/q.nii.gz", "l/q.nii.gz"),
        ),
        # nnU-Net 1 and MSD: the channel is not in the list, resource forks of a Mac, labels as a list or as strings
        (
            {"name": "Liver", "modality": {"0": "CT"}, "labels": ["background", "liver", "cancer"],
             "training": [{"image": "./imagesTr/c.nii.gz", "label": "./labelsTr/c.nii.gz"},
                          {"image": "./imagesTr/._c.nii.gz", "label": "./labelsTr/._c.nii.gz"}]},
            ["imagesTr/c_0000.nii.gz", "labelsTr/c.nii.gz"],
            ("c", "imagesTr/c_0000.nii.gz", "labelsTr/c.nii.gz"),
        ),
        (
            {"labels": {"background": "0", "liver": "1", "tumour": "2"},
             "training": [{"image": "c.nii.gz", "label": "l.nii.gz"}]},
            [],
            ("c", "c.nii.gz", "l.nii.gz"),
        ),
    ],
)  # fmt: skip
def test_odd_dataset_json(told: Any, files: list[str], expected: tuple[str, str, str], tmp_path: Path) -> None:
    (case,) = imported(tmp_path, told, *files)
    assert (case.id, case.ct, case.label) == (expected[0], tmp_path / expected[1], tmp_path / expected[2])
    assert (case.organ, case.values) == ("liver", {"organ": (1,), "tumour": (2,)})


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"labels": {"liver": "one"}}, "no dataset.json"),
        ({"labels": 3}, "no dataset.json"),
        ([], "no dataset.json"),
        ({"labels": LABELS, "training": ["a.nii.gz"]}, "no dataset.json"),
        ({"labels": LABELS, "channel_names": {"0": "T1", "1": "T2"}}, "none of its images is called CT: T1, T2"),
        ({"labels": LABELS, "modality": {"0": "MRI"}}, "none of its images is called CT: MRI"),
        ({"labels": {"background": 0, "vessel": 1, "tumour": 2}, "name": "liver"}, "what is 'vessel'"),
        ({"labels": {"background": 0, "tumour": 1}}, "add --organ"),
        ({"labels": LABELS}, "names no case"),
    ],
)
def test_what_a_dataset_json_does_not_say(told: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(InputError, match=words):
        imported(tmp_path / "set", told)


def test_the_folder_tells_the_organ_where_nothing_else_does(tmp_path: Path) -> None:
    folder = tmp_path / "Dataset501_LiverTumours"
    folder.mkdir()
    told = {"labels": {"background": 0, "tumor": 1}, "training": [{"image": "a.nii.gz", "label": "b.nii.gz"}]}
    (case,) = imported(folder, told)
    assert (case.organ, case.values) == ("liver", {"tumour": (1,)})


def test_kits_21_and_what_is_known_of_the_patients(tmp_path: Path) -> None:
    for name in ("case_00000/imaging.nii.gz", "case_00000/aggregated_MAJ_seg.nii.gz", "case_00300/imaging.nii.gz"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    people = [{"case_id": "case_00000", "age_at_nephrectomy": 49, "gender": "male"}]
    (tmp_path / "data/kits.json").write_text(json.dumps(people))
    (case,) = import_cases(Source(tmp_path))
    assert (case.id, case.age, case.sex) == ("case_00000", 49, "M")
    people[0]["age_at_nephrectomy"] = "old"  # is told before a file is written that nobody can read
    (tmp_path / "data/kits.json").write_text(json.dumps(people))
    with pytest.raises(InputError, match='case case_00000: age must be a number from 0 to 130, not "old"'):
        write_cases(import_cases(Source(tmp_path)), tmp_path / "cases.jsonl")
    assert not (tmp_path / "cases.jsonl").exists()
    (tmp_path / "data/kits.json").write_text("{}x")
    with pytest.raises(InputError, match="does not say whose"):
        import_cases(Source(tmp_path))


def test_published_lists_give_folds_texts_and_two_kidneys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = tmp_path / "kidney_aug_data_fold"
    lists.mkdir()
    real = ["img/a.nii.gz img/a_label.nii.gz", "img/b.nii.gz img/b_label.nii.gz"]
    left_right = "BDMAP_7/segmentations/kidney_left.nii.gz BDMAP_7/segmentations/kidney_right.nii.gz"
    healthy = f"BDMAP_7/ct.nii.gz {left_right} A distinct washout.          Another one."
    (lists / "real_tumor_train_0.txt").write_text(f"{real[0]}\n{healthy}\n")
    (lists / "real_tumor_val_0.txt").write_text(real[1] + "\n")
    (lists / "real_tumor_train_1.txt").write_text(real[1] + "\n")
    (lists / "real_tumor_val_1.txt").write_text(real[0] + "\n")
    out = tmp_path / "cases.jsonl"
    command = ["cases", "import", str(lists), "--data", str(tmp_path), "--output", str(out)]
    assert main(command) == 2  # for none of these files is there
    assert not out.exists()
    image(tmp_path / "img/a.nii.gz", ct=True)
    image(tmp_path / "img/a_label.nii.gz", {1: BOX})
    assert main(command) == 0
    assert "2 of 3 cases name files that are not there" in capsys.readouterr().err
    healthy_case, a, b = read_cases(out)
    assert (healthy_case.id, healthy_case.healthy, healthy_case.fold) == ("BDMAP_7", True, None)
    assert healthy_case.texts == ("A distinct washout.", "Another one.")
    assert [mask.name for mask in healthy_case.organ_mask] == ["kidney_left.nii.gz", "kidney_right.nii.gz"]
    assert (a.id, a.fold, b.id, b.fold) == ("a", 1, "b", 0)
    assert a.label == tmp_path / "img/a_label.nii.gz"


def test_two_scans_of_one_name_are_refused(tmp_path: Path) -> None:
    lists = tmp_path / "liver_aug_data_fold"
    lists.mkdir()
    (lists / "real_train_0.txt").write_text("A/1.nii.gz A/l/1.nii.gz\nB/1.nii.gz B/l/1.nii.gz\n")
    with pytest.raises(InputError, match=r"line 2: .*B/1.nii.gz and .*A/1.nii.gz are both called 1"):
        import_cases(Source(lists))
    training = [{"image": f"{name}/1.nii.gz", "label": f"{name}/l.nii.gz"} for name in "AB"]
    with pytest.raises(InputError, match="both called 1"):
        imported(tmp_path, {"labels": LABELS, "training": training})


def test_kits_and_plain_folders(tmp_path: Path) -> None:
    image(tmp_path / "kits/case_00000/imaging.nii.gz", ct=True)
    image(tmp_path / "kits/case_00000/segmentation.nii.gz", {1: BOX})
    image(tmp_path / "plain/p1_ct.nii.gz", ct=True)
    image(tmp_path / "plain/p1_label.nii.gz", {1: BOX})
    for source, more, expected in (
        ("kits", [], ("case_00000", ("tumour", "cyst"))),
        ("plain", ["--labels", str(tmp_path / "plain"), "--organ", "pancreas"], ("p1", ("tumour",))),
        ("plain", ["--overwrite", "--organ", "pancreas"], ("p1", ("tumour",))),
    ):
        out = tmp_path / f"{source}.jsonl"
        assert main(["cases", "import", str(tmp_path / source), *more, "--output", str(out)]) == 0
        (case,) = read_cases(out)
        assert (case.id, case.classes) == expected


def test_two_label_maps_of_one_scan_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "p1_ct.nii.gz", ct=True)
    for name in ("p1_label", "p1_seg"):  # of two readers
        image(tmp_path / f"{name}.nii.gz", {1: BOX})
    with pytest.raises(InputError, match=r"p1_label.nii.gz and p1_seg.nii.gz are both of p1"):
        import_cases(Source(tmp_path, organ="liver"))


def test_reports_come_to_their_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("p1", "p2"):
        image(tmp_path / f"plain/{name}_ct.nii.gz", ct=True)
        image(tmp_path / f"plain/{name}_label.nii.gz", {1: BOX})
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/p2.txt").write_text("Findings: a cyst of the pancreas.")
    out, plain = tmp_path / "cases.jsonl", str(tmp_path / "plain")
    command = ["cases", "import", plain, "--labels", plain, "--organ", "pancreas", "--output", str(out)]
    assert main([*command, "--reports", str(tmp_path / "reports")]) == 0
    assert "2 cases, 0 of them healthy, 1 with a report" in capsys.readouterr().out
    assert [case.report for case in read_cases(out)] == [None, tmp_path / "reports/p2.txt"]
    (tmp_path / "reports/p3.txt").write_text("Findings: none.")
    assert main([*command, "--reports", str(tmp_path / "reports"), "--overwrite"]) == 2
    assert "p3.txt is the report of no case; name it after one: p1, p2" in capsys.readouterr().err


def test_check_names_every_fault_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ct = image(tmp_path / "ct.nii.gz", ct=True)
    others = [image(tmp_path / f"other{n}.nii.gz", ct=True, seed=1 + n).name for n in range(5)]
    label = image(tmp_path / "label.nii.gz", {1: BOX, 2: INNER})
    image(tmp_path / "none.nii.gz", {1: BOX})
    image(tmp_path / "seven.nii.gz", {7: BOX})
    Volume.from_array(np.ones((12, 12, 11), np.uint8), np.eye(4)).write(tmp_path / "grid.nii.gz")
    image(tmp_path / "mr.nii.gz")
    values = {"organ": [1], "tumour": [2]}
    usual = {"ct": ct.name, "organ": "liver", "label": label.name, "values": values}
    cases = write(
        tmp_path / "cases.jsonl",
        {**usual, "id": "good", "patient": "p", "fold": 0},
        {**usual, "id": "missing", "ct": "nowhere.nii.gz"},
        {**usual, "id": "grid", "ct": others[0], "label": "grid.nii.gz"},
        {**usual, "id": "unknown", "ct": others[1], "label": "seven.nii.gz"},
        {**usual, "id": "empty", "ct": others[2], "label": "none.nii.gz"},
        {**usual, "id": "no_hu", "ct": "mr.nii.gz"},
        {**usual, "id": "both_folds", "ct": others[3], "patient": "p", "fold": 1},
        {**usual, "id": "twin", "fold": 2},
        {**usual, "id": "ill", "ct": others[4], "healthy": True},
    )
    assert main(["cases", "check", str(cases)]) == 2
    told = capsys.readouterr()
    faults = {line.split(": ")[0]: line for line in told.out.splitlines()}
    for name, words in {
        "missing": "does not exist",
        "grid": "another grid",
        "unknown": "holds the value 7",
        "empty": "holds no tumour",
        "no_hu": "not in HU",
        "both_folds": "patient p is in fold 0",
        "twin": "that of good",
        "ill": "called healthy",
    }.items():
        assert words in faults[name], name
    assert "good" not in faults
    assert told.err.splitlines() == ["error: something is wrong with 8 of 9 cases, listed above"]


def test_a_doubt_about_many_scans_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hu = np.random.default_rng(0).normal(60, 8, (24, 24, 24)).astype(np.int16)
    hu[:8] = -1000  # and no fat to show that the scale is HU
    lines = []
    for number in range(5):
        Volume.from_array(hu + np.int16(number), np.eye(4)).write(tmp_path / f"{number}.nii.gz")
        lines.append({"id": f"c{number}", "ct": f"{number}.nii.gz", "organ": "liver", "healthy": True})
    assert main(["cases", "check", str(write(tmp_path / "cases.jsonl", *lines))]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: c0, c1, c2 and 2 more (5 of 5): the HU scale could not be checked")


def test_split_keeps_patients_together_and_is_done_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"id": f"s{n}", "ct": "x", "organ": "liver", "patient": f"p{n // 2}"} for n in range(20)]
    lines += [{"id": f"h{n}", "ct": "x", "organ": "liver", "healthy": True} for n in range(5)]
    cases = write(tmp_path / "cases.jsonl", *lines)
    (tmp_path / "sub").mkdir()
    out = tmp_path / "sub/folds.jsonl"
    assert main(["cases", "split", str(cases), "--output", str(out)]) == 0
    placed = read_cases(out)
    folds_of = {case.patient: {other.fold for other in placed if other.patient == case.patient} for case in placed}
    assert all(len(folds) == 1 for folds in folds_of.values())
    assert sorted(case.fold for case in placed if case.healthy) == [0, 1, 2, 3, 4]  # type: ignore[type-var]
    assert [sum(case.fold == fold for case in placed) for fold in range(5)] == [5] * 5
    assert placed[0].ct.resolve() == tmp_path / "x"
    trained, tested = parted(placed, 3)
    assert len(tested) == 5
    assert not {case.patient for case in trained} & {case.patient for case in tested}

    assert main(["cases", "split", str(out), "--output", str(tmp_path / "again.jsonl")]) == 2
    assert "have folds already" in capsys.readouterr().err
    assert main(["cases", "split", str(cases), "--output", str(cases)]) == 2
    assert main(["cases", "split", str(cases), "--output", str(tmp_path / "again.jsonl"), "--seed", "-1"]) == 2


def test_the_scans_of_patient_0_stay_together(tmp_path: Path) -> None:
    whose = [0, " 0", "0 ", 1, "1", "2", "2"]
    lines = [{"id": f"s{n}", "ct": "x", "organ": "liver", "patient": each} for n, each in enumerate(whose)]
    cases = write(tmp_path / "cases.jsonl", *lines)
    assert [case.patient for case in read_cases(cases)] == ["0", "0", "0", "1", "1", "2", "2"]
    out = tmp_path / "folds.jsonl"
    assert main(["cases", "split", str(cases), "--folds", "3", "--output", str(out)]) == 0
    folds = [case.fold for case in read_cases(out)]
    assert len({*folds[:3]}) == 1
    assert len({folds[0], folds[3], folds[5]}) == 3


def test_tumours_get_classes_by_their_density(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dark, bright = (slice(6, 9), slice(6, 9), slice(1, 4)), (slice(6, 9), slice(6, 9), slice(8, 11))
    image(tmp_path / "ct.nii.gz", {5: dark, 80: bright}, ct=True)
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[5:] = 1
    labels[dark] = labels[bright] = 2
    Volume.from_array(labels, np.diag([1.0, 1.0, 2.0, 1.0])).write(tmp_path / "label.nii.gz")
    known = {"label": "label.nii.gz", "values": {"organ": [1], "tumour": [2]}, "patient": "p", "fold": 1}
    cases = write(tmp_path / "cases.jsonl", {"id": "a", "ct": "ct.nii.gz", "organ": "pancreas", **known})
    made = tmp_path / "classes"
    assert main(["cases", "classes", str(cases), "--below", "25", "--output", str(made)]) == 0
    assert "1 solid, 1 cystic" in capsys.readouterr().out
    (case,) = read_cases(made / "cases.jsonl")
    assert case.classes == ("solid", "cystic")
    assert (case.fold, case.patient) == (1, "p")
    assert case.lesion_texts[1] == ("a cystic lesion in the pancreas is present",)
    assert case.lesion_texts[2] == ("a solid lesion in the pancreas is present",)
    told = case.targets(Volume.read(case.ct))
    assert (told[dark] == 3).all()
    assert (told[bright] == 2).all()
    assert np.count_nonzero(told > 1) == 54
    assert main(["cases", "classes", str(made / "cases.jsonl"), "--below", "25", "--output", str(tmp_path / "b")]) == 2
    assert "has the classes solid, cystic already" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert main(["cases", "classes", str(cases), "--below", "25", "--output", str(tmp_path / "no/b")]) == 2
    odd = ["--dark", "a/b", "--output", str(tmp_path / "b")]
    assert main(["cases", "classes", str(cases), "--below", "25", *odd]) == 2
    assert "no name of a class" in capsys.readouterr().err
    healthy = write(tmp_path / "healthy.jsonl", {"id": "a", "ct": "ct.nii.gz", "organ": "pancreas", "healthy": True})
    assert main(["cases", "classes", str(healthy), "--below", "25", "--output", str(tmp_path / "b")]) == 2
    assert "no case whose label map shows tumours" in capsys.readouterr().err


def test_a_tumours_density_is_the_same_in_any_order_of_axes_and_unknown_where_there_is_no_image() -> None:
    ct = Volume.from_array(np.full((12, 12, 8), 100, np.int16), np.diag([1.0, 1.0, 5.0, 1.0]))
    tumour = np.zeros(ct.shape, bool)
    tumour[3:8, 3:8, 2:4] = True
    ct.data[4:7, 4:7, 2:4] = 10  # its edge, in each slice, is half surroundings
    turned = Volume(ct.data.transpose(2, 0, 1), ct.affine[:, [2, 0, 1, 3]])
    assert mean_hu(ct, tumour) == mean_hu(turned, tumour.transpose(2, 0, 1)) == 10
    assert np.isnan(mean_hu(Volume.from_array(np.full(ct.shape, -2000, np.int16), ct.affine), tumour))
