"""Answers: on the disk before anything goes on, by one program at a time, whatever happens to it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_studies import small_study

from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study.answers import answer_path, read_answers
from TextoMorphLib.reader_study.score import score
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study

KILLS = 50
# Reads on from wherever it is and says which answer it knows to be safe.
ANSWERING = """
import sys, time
from TextoMorphLib.reader_study.session import Session
with Session(sys.argv[1], "anna") as session:
    while not session.done:
        view = session.show()
        session.answer("real", view.number % 5 + 1, comment="x" * 200)
        print(view.number, flush=True)
        time.sleep(0.002)
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path, readers=("anna", "ben"))


def test_a_reading_stops_and_goes_on(study: Study) -> None:
    now = iter(range(0, 1000, 7))
    with Session(study, "Anna", clock=lambda: next(now)) as session:
        view = session.show()
        assert (view.number, view.total, view.organ) == (1, 8, study.cases[session.order[0]].organ)
        session.answer("synthetic", 4, ["hypoattenuating"], "a comment\nof two lines, żółć")
        assert not session.done
    with Session(study.folder, "anna") as session:
        assert session.show().number == 2
        assert session.answers[0].comment == "a comment\nof two lines, żółć"
        assert session.answers[0].seconds == 7
        with pytest.raises(InputError, match="no case is shown"):
            session.answer("real", 3) and session.answer("real", 3)
        for _ in range(6):
            session.show()
            session.answer("real", 5)
        assert session.done
        with pytest.raises(InputError, match="every case is answered"):
            session.show()
    assert [answer.position for answer in read_answers(study, "anna").answers] == list(range(8))
    assert not read_answers(study, "ben").answers


def test_only_the_last_answer_can_be_changed_and_it_counts_once(study: Study) -> None:
    now = iter(range(0, 1000, 5))
    with Session(study, "anna", clock=lambda: next(now)) as session:
        with pytest.raises(InputError, match="right before"):
            session.back()
        for _ in range(2):
            session.show()
            session.answer("real", 1)
        session.back()
        with pytest.raises(InputError, match="right before"):
            session.back()
        view = session.show()
        assert (view.number, view.earlier and view.earlier.call) == (2, "real")
        session.answer("synthetic", 5)
        assert session.show().number == 3
        session.back()
        session.show()
        session.answer("synthetic", 4)
        session.show()
        session.answer("real", 2)
    first, second, third = read_answers(study, "anna").answers
    assert (first.call, second.call, second.revised) == ("real", "synthetic", True)
    assert (first.seconds, second.seconds, third.seconds) == (5, 15, 10), "all looks count, for the case that is seen"


def test_the_clock_starts_when_the_case_is_shown(study: Study) -> None:
    now = [0.0]
    with Session(study, "anna", clock=lambda: now[0]) as session:
        assert session.view().number == 1
        with pytest.raises(InputError, match="no case is shown"):
            session.answer("real", 3)
        now[0] = 30.0  # what loading takes
        session.show()
        now[0] = 34.0
        assert session.view().number == 1
        assert session.answer("real", 3).seconds == 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (("perhaps", 3), "say real or synthetic"),
        (("real", 6), "use 1"),
        (("real", True), "use 1"),
        (("real", 3, ["cystic"]), "'cystic' is no term"),
        (("real", 3, [], "x" * 3000), "too long"),
    ],
)
def test_what_is_no_answer_changes_nothing(study: Study, answer: tuple, message: str) -> None:
    with Session(study, "anna") as session:
        session.show()
        with pytest.raises(InputError, match=message):
            session.answer(*answer)
        assert session.show().number == 1
    assert not read_answers(study, "anna").answers


def test_two_programs_cannot_answer_for_one_reader(study: Study) -> None:
    other = [sys.executable, "-c", ANSWERING, str(study.folder)]
    with Session(study, "anna"):
        with pytest.raises(InputError, match="reading in another window"):
            Session(study, "anna")
        done = subprocess.run(other, capture_output=True, text=True, check=False)
        assert "reading in another window" in done.stderr
        assert not done.stdout
        Session(study, "ben").close()
    assert subprocess.run(other, capture_output=True, check=False).returncode == 0


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    study = small_study(tmp_path, pairs=4, repeats=0)
    longer = json.loads((study.folder / "study.json").read_text())
    longer["readers"]["anna"]["order"] *= 500  # long enough not to end
    (study.folder / "study.json").write_text(json.dumps(longer))
    study = Study.read(study.folder)
    rng, safe = random.Random(0), 0
    command = [sys.executable, "-c", ANSWERING, str(study.folder)]
    for _ in range(KILLS):
        # Unbuffered: what readline would read ahead, communicate would not give.
        process = subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.readline()  # it has started
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        said, errors = process.communicate()
        assert not errors
        told = [int(line) for line in (first + said).split(b"\n") if line]
        assert told == list(range(safe + 1, safe + 1 + len(told))), "goes on at the next case, not before or after"
        kept = read_answers(study, "anna").answers
        # What was said to be safe is there; at most the one answer after it is, too.
        assert 0 <= len(kept) - told[-1] <= 1
        assert [answer.position for answer in kept] == list(range(len(kept)))
        safe = len(kept)
    assert safe >= KILLS
    assert score(study.folder)["readers"]["anna"]["answered"] == safe, "and it still scores"


@pytest.mark.parametrize("torn", [b'{"position": 2, "ca', b'{"position": 2, "ca\n', b"\x00\x00\x00\n"])
def test_a_torn_last_line_is_set_aside(study: Study, torn: bytes) -> None:
    with Session(study, "anna") as session:
        for _ in range(2):
            session.show()
            session.answer("real", 2)
    path = answer_path(study, "anna")
    with open(path, "ab") as file:
        file.write(torn)
    assert len(read_answers(study, "anna").answers) == 2, "looking changes nothing"
    with Session(study, "anna") as session:
        assert session.show().number == 3
        session.answer("real", 2)
    assert path.with_name("anna.damaged-1.txt").read_bytes() == torn
    assert len(read_answers(study, "anna").answers) == 3


def test_foreign_and_damaged_answers_are_refused(study: Study, tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        with Session(study, name) as session:
            for _ in range(3):
                session.show()
                session.answer("real", 2)
    anna, ben = (answer_path(study, name) for name in ("anna", "ben"))
    content = anna.read_bytes()
    anna.write_bytes(ben.read_bytes())
    with pytest.raises(InputError, match="answers of reader 'ben'"):
        Session(study, "anna")
    other = small_study(tmp_path / "other", seed=2)
    answer_path(other, "anna").parent.mkdir(exist_ok=True)
    answer_path(other, "anna").write_bytes(content)
    with pytest.raises(InputError, match="another study"):
        Session(other, "anna")
    lines = content.split(b"\n")
    anna.write_bytes(b"\n".join([*lines[:2], b"{", *lines[2:]]))
    with pytest.raises(InputError, match="damaged in line 3"):
        Session(study, "anna")
    anna.write_bytes(b"\n".join([*lines[:2], *lines[3:]]))
    with pytest.raises(InputError, match="out of order"):
        Session(study, "anna")
    for name, value in {"seconds": "7", "time": 5, "terms": [1]}.items():  # ended the scoring in a traceback
        anna.write_bytes(b"\n".join([lines[0], json.dumps({**json.loads(lines[1]), name: value}).encode(), b""]))
        with pytest.raises(InputError, match="line 2 is no answer"):
            read_answers(study, "anna")
    anna.write_bytes(content)
    text = (study.folder / "study.json").read_text()
    (study.folder / "study.json").write_text(text.replace("Visual", "visual"))
    with pytest.raises(InputError, match="another version of study"):
        Session(study.folder, "anna")


def test_an_image_that_changes_while_it_is_shown_is_noticed(study: Study) -> None:
    with Session(study, "anna") as session:
        mask = session.show().mask
        assert session.show().mask == mask
        mask.write_bytes(mask.read_bytes()[:-1] + b"\x01")
        with pytest.raises(InputError, match="has changed"):
            session.show()
        mask.unlink()
        with pytest.raises(InputError, match="is missing"):
            session.show()


def test_a_changed_image_is_not_shown(study: Study) -> None:
    with Session(study, "anna") as session:
        path = study.folder / "cases" / f"{session.order[0]}.nii"
        path.write_bytes(path.read_bytes()[:-2] + b"\x00\x05")
        with pytest.raises(InputError, match="has changed"):
            session.show()
        with pytest.raises(InputError, match="no reader 'carla'"):
            Session(study, "carla")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
def test_a_full_disk_loses_nothing(study: Study) -> None:
    """The system refuses to let the file grow, in the middle of a line."""
    code = """
import resource, sys
from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study.answers import answer_path
from TextoMorphLib.reader_study.session import Session
with Session(sys.argv[1], "anna") as session:
    session.show(); session.answer("real", 1)
    size = answer_path(session.study, "anna").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
    session.show()
    try:
        session.answer("synthetic", 5)
    except InputError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert session.show().number == 2
    session.answer("synthetic", 5)
"""
    done = subprocess.run([sys.executable, "-c", code, str(study.folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "make room and answer again" in done.stdout
    assert [answer.call for answer in read_answers(study, "anna").answers] == ["real", "synthetic"]
