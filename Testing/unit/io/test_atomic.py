"""What a killed write leaves behind goes, and nothing that somebody may still be writing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from TextoMorphLib.io.atomic import replacing

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
