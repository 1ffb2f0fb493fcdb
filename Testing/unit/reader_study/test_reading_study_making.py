"""Making a study: killed, cancelled, twice at once, on a full disk; what is damaged, and what is cut out."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_studies import FRAME, TEXT, scan, small_study, write_table

from TextoMorphLib.cli import main
from TextoMorphLib.errors import Cancelled, Doubt, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study import package
from TextoMorphLib.reader_study.create import Plan, create
from TextoMorphLib.reader_study.package import Frame
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study, case_paths

MAKING = """
import sys
from pathlib import Path
from small_studies import FRAME
from TextoMorphLib.reader_study.create import Plan, create
print("started", flush=True)
plan = Plan(("anna", "ben"), twins=(), apart=2, seed=3, frame=FRAME)
create(Path(sys.argv[1]), Path(sys.argv[2]), None, plan, lambda done, total: print(done, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_killed_while_it_is_made_a_study_is_made_by_the_same_command(tmp_path: Path) -> None:
    table = write_table(tmp_path / "scans", 8)
    command = [sys.executable, "-c", MAKING, str(table), str(tmp_path / "study")]
    there = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    rng, unfinished = random.Random(0), 0
    while not (tmp_path / "study").exists():  # all of it, or none
        process = subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, env={**os.environ, **there})
        for _ in range(rng.randint(2, 8)):
            process.stdout.readline()  # it has started, or come to the next case; or it has ended
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        process.communicate()
        if not (tmp_path / "study").exists():
            assert not list(tmp_path.glob("study*.json")) or (tmp_path / "study-key.unfinished").exists()
            unfinished += (tmp_path / "study-key.unfinished").exists()
    assert unfinished >= 2, "was killed at its work"
    study = Study.read(tmp_path / "study")
    study.check_files()
    assert not {path.name for path in study.folder.rglob("*")} & {"begun.json", "lock"}
    with pytest.raises(InputError, match="exists"):  # and clears what a kill left beside
        create(table, study.folder, None, Plan(("anna",)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans", "study", "study-key.json"]
    whole = small_study(tmp_path / "whole", pairs=8, readers=("anna", "ben"), seed=3)
    assert whole.readers == study.readers
    assert {case: entry["source"] for case, entry in whole.read_key()["cases"].items()} == {
        case: entry["source"] for case, entry in study.read_key()["cases"].items()
    }
    assert whole.cases == study.cases


def test_what_is_synthesised_is_kept_until_the_study_is_there(tmp_path: Path, tiny_bundle: Path) -> None:
    table = write_table(tmp_path / "scans", 2, methods=())
    plan = Plan(("anna",), apart=1, frame=FRAME, model=str(tiny_bundle), device="cpu", steps=1)
    done: list[int] = []

    def stop(made: int, total: int) -> bool:
        done.append(made)
        return made < 3

    with pytest.raises(Cancelled):
        create(table, tmp_path / "study", None, plan, stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans", "study-key.unfinished"]
    first = [
        json.loads(path.read_text()).get("synthesis") for path in (tmp_path / "study-key.unfinished").glob("*.json")
    ]
    (seed,) = [made["seed"] for made in first if made]
    with table.open("a") as file:  # another tumour in the table does not undo what is done
        scan(2)[1].write(tmp_path / "scans" / "mask2.nii.gz")
        scan(2, -40)[0].write(tmp_path / "scans" / "real2.nii.gz")
        file.write('real2.nii.gz,mask2.nii.gz,liver,"cyst",real,pair 2\n')
    done.clear()
    study = create(table, tmp_path / "study", None, plan, lambda made, total: done.append(made))
    assert done == [3, 4, 5]
    assert seed in [entry["synthesis"]["seed"] for entry in study.read_key()["cases"].values() if entry["synthesis"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans", "study", "study-key.json"]


def test_two_programs_do_not_make_one_study(tmp_path: Path) -> None:
    table, plan = write_table(tmp_path / "scans", 4), Plan(("anna",), twins=(), apart=2, frame=FRAME)

    def meanwhile(made: int, total: int) -> None:
        with pytest.raises(InputError, match="being made by another program"):
            create(table, tmp_path / "study", None, plan)

    create(table, tmp_path / "study", None, plan, meanwhile).check_files()


def test_a_study_asks_what_it_says(tmp_path: Path) -> None:
    study = small_study(tmp_path, questions=("comment",))
    assert set(study.questions) == {"call", "confidence", "comment"}
    assert {case.terms for case in study.cases.values()} == {()}
    with Session(study, "anna") as session:
        assert session.show().terms == ()
        with pytest.raises(InputError, match="is no term"):
            session.answer("real", 3, ["hypoattenuating"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"ben"', '"anna"'), "'anna' stands in it twice"),
        (('"ben"', '"Anna"'), "two readers are called 'Anna'"),
        (('"cases": {', '"cases": {"c00000000": {}, "c00000000": {},'), "'c00000000' stands in it twice"),
        (('"cases": {', '"cases": {"../key": {},'), "'../key' is no case id"),
        (('"comment": ', '"age": '), "unknown question 'age'"),
        (("}", ""), "not JSON"),
    ],
)
def test_a_damaged_study_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = small_study(tmp_path, readers=("anna", "ben")).folder / "study.json"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(InputError, match=re.escape(message)):
        Study.read(path.parent)


def test_cancelling_before_the_long_work_leaves_nothing(tmp_path: Path) -> None:
    table, plan = write_table(tmp_path / "scans", 4), Plan(("anna",), twins=(), apart=2, frame=FRAME)
    with pytest.raises(Cancelled):
        create(table, tmp_path / "study", None, plan, lambda done, total: done < 3)
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
@pytest.mark.parametrize("largest", [50, 10_000])
def test_a_full_disk_leaves_no_half_made_study(tmp_path: Path, largest: int) -> None:
    table = write_table(tmp_path / "scans", 4)
    full = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest},) * 2)\n"
    command = [sys.executable, "-c", full + MAKING, str(table), str(tmp_path / "study")]
    there = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **there}, check=False)
    assert "DiskError: cannot write" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


def test_status_checks_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = small_study(tmp_path, title="Livers", readers=("anna", "ben"))
    assert main(["vtt", "status", str(study.folder)]) == 0
    told = capsys.readouterr().out
    assert "Livers: 8 cases, every file as it was made" in told
    assert "ben: 0 of 8 answered" in told
    victim = case_paths(study.folder, list(study.cases)[3])[0]
    content = bytearray(victim.read_bytes())
    content[5000] ^= 1
    victim.write_bytes(content)
    assert main(["vtt", "status", str(study.folder)]) == 2
    assert f"{victim.name} has changed" in capsys.readouterr().err
    victim.unlink()
    assert main(["vtt", "status", str(study.folder)]) == 2
    assert f"{victim.name} is missing" in capsys.readouterr().err


def test_what_is_cut_out_lies_where_it_lay(tmp_path: Path) -> None:
    """A voxel's HU is found at the place relative to the lesion, on an oblique scan too."""
    turn = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1.0, 1.0, 1.5])
    affine[:3, 3] = [50, -80, 300]
    i, j, k = np.indices((60, 60, 40))
    place = np.stack([i, j, k], -1) @ affine[:3, :3].T + affine[:3, 3]
    mask = np.zeros((60, 60, 40), bool)
    mask[28:33, 28:33, 18:23] = True
    middle = affine[:3, :3] @ [30, 30, 20] + affine[:3, 3]
    ct = Volume.from_array((place @ [1.0, 2.0, 3.0] - middle @ [1.0, 2.0, 3.0]).astype(np.float32), affine)
    image, where = package.cut(ct, mask, Frame((30.0, 30.0, 26.0), (1.5, 1.5, 2.0)))
    inside = np.argwhere(image.data > -1024)
    expected = (inside @ image.affine[:3, :3].T + image.affine[:3, 3]) @ [1.0, 2.0, 3.0]
    assert np.abs(image.data[tuple(inside.T)] - expected).max() <= 1
    assert np.abs(np.argwhere(where.data).mean(0) @ image.affine[:3, :3].T + image.affine[:3, 3]).max() < 0.6


def test_what_is_doubtful_is_told_once_with_the_tables_lines(tmp_path: Path, tiny_bundle: Path) -> None:
    table = write_table(tmp_path / "scans", 3, methods=())
    plan = Plan(("anna",), apart=1, seed=1, frame=FRAME, model=str(tiny_bundle), device="cpu", steps=1)
    with pytest.warns(Doubt) as doubts:
        create(table, tmp_path / "study", None, plan)
    told = [str(each.message) for each in doubts]
    (scale,) = [message for message in told if "the HU scale could not be checked" in message]
    assert scale.startswith("table line 2, table line 3, table line 4 (3 of 3): ")
    # A model that has learned nothing draws none of the words.
    words = [message for message in told if "its twin is not all that its text says: asked: hypoattenuating" in message]
    assert words
    assert all(message.startswith("table line ") for message in told)


def test_a_twin_of_the_mask_alone_has_nothing_of_the_text(tmp_path: Path) -> None:
    """What words draw by rule (gas, septa, an outline) is drawn whatever the guidance scale is."""
    made = {}
    for text in ("gas bubbles, cystic", "homogeneous, solid"):
        folder = tmp_path / text
        table = write_table(folder, 1, methods=())
        table.write_text(table.read_text().replace(TEXT, text))
        plan = Plan(("anna",), twins=("mask",), apart=1, seed=1, frame=FRAME, device="cpu", steps=1)
        study = create(table, folder / "study", None, plan)
        (twin,) = [case for case, entry in study.read_key()["cases"].items() if entry["synthetic"]]
        made[text] = study.cases[twin].ct_sha256
    assert len(set(made.values())) == 1


def test_what_another_model_made_is_not_gone_on_with(tmp_path: Path, tiny_bundle: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_bundle, model)
    table = write_table(tmp_path / "scans", 2, methods=())
    plan = Plan(("anna",), apart=1, frame=FRAME, model=str(model), device="cpu", steps=1)
    with pytest.raises(Cancelled):
        create(table, tmp_path / "study", None, plan, lambda made, total: made < 3)
    card = model / "MODEL_CARD.md"
    card.write_text("trained on since")
    sums = json.loads((model / "manifest.json").read_text())
    sums[card.name] = hashlib.sha256(card.read_bytes()).hexdigest()
    (model / "manifest.json").write_text(json.dumps(sums))
    key = create(table, tmp_path / "study", None, plan).read_key()
    assert len({entry["synthesis"]["model"]["sha256"] for entry in key["cases"].values() if entry["synthesis"]}) == 1
