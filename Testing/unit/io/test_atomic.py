"""What a killed write leaves behind goes, and nothing that somebody may still be writing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from TextoMorphLib.errors import DiskError, InputError
from TextoMorphLib.io.atomic import making, replacing

DIES = """
import os, sys
from pathlib import Path
from TextoMorphLib.io.atomic import replacing
with replacing(Path(sys.argv[1])) as (beside,):
    beside.write_text("half")
    os._exit(9)
"""


def left_by_a_killed_write(folder: Path, name: str) -> Path:
    subprocess.run([sys.executable, "-c", DIES, str(folder / name)], check=False)
    (left,) = folder.glob(".textomorph-*")
    return left


def write(place: Path) -> None:
    with replacing(place) as (beside,):
        beside.write_text("whole")


def test_the_same_output_takes_the_place_of_what_a_killed_write_left(tmp_path: Path) -> None:
    left = left_by_a_killed_write(tmp_path, "one.txt")
    write(tmp_path / "one.txt")
    assert not left.exists()
    assert (tmp_path / "one.txt").read_text() == "whole"


def test_another_outputs_rest_goes_when_it_is_a_day_old(tmp_path: Path) -> None:
    left = left_by_a_killed_write(tmp_path, "one.txt")
    write(tmp_path / "two.txt")
    assert left.exists()
    os.utime(left, (time.time() - 90_000,) * 2)
    write(tmp_path / "two.txt")
    assert not left.exists()


def test_folders_that_were_made_in_vain_go_again(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    new, kept = tmp_path / "new", tmp_path / "kept"
    for folders, content in (
        ((tmp_path / "there", new / "below", new / "beside"), None),
        ((kept,), kept / "done.json"),
    ):
        with suppress(InputError), making(*folders):
            assert all(folder.is_dir() for folder in folders)
            if content:  # with which a run goes on that is resumed
                content.write_text("{}")
            raise InputError("the disk is full")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "there"]
    with pytest.raises(DiskError, match="cannot make the folder"), making(kept / "done.json" / "below"):
        pass
