"""The pictures in docs show the module as it is: all of them, drawn anew by one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "Resources" / "Screenshots"
COMMAND = "python Testing/host/screenshots.py"
COARSE = 16  # pixels to one: fonts differ from machine to machine
MOST_GREY = 5.0  # on average
MOST_ANYWHERE = 70.0
MOST_LARGER = 0.04  # of a side


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(ROOT / "Testing" / "host" / "screenshots.py"), "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_picture_is_drawn_and_every_drawn_one_is_kept(drawn: Path) -> None:
    names = [sorted(path.name for path in folder.glob("*.png")) for folder in (drawn, KEPT)]
    assert names[0] == names[1]


@pytest.mark.parametrize("name", sorted(path.name for path in KEPT.glob("*.png")))
def test_the_picture_in_docs_is_what_is_drawn_now(drawn: Path, name: str) -> None:
    with Image.open(drawn / name) as now, Image.open(KEPT / name) as before:
        for new, old in zip(now.size, before.size, strict=True):
            assert abs(new - old) <= MOST_LARGER * old, COMMAND
        apart = np.abs(coarse(now.resize(before.size)) - coarse(before))
    assert apart.mean() < MOST_GREY, COMMAND
    assert apart.max() < MOST_ANYWHERE, COMMAND


def coarse(image: Image.Image) -> np.ndarray:
    """A picture's grey values, averaged over squares."""
    grey = np.asarray(image.convert("L"), float)
    rows, columns = (size // COARSE for size in grey.shape)
    return grey[: rows * COARSE, : columns * COARSE].reshape(rows, COARSE, columns, COARSE).mean((1, 3))
