"""The pictures in docs show the module as it is: the path to a tumour, drawn anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
COARSE = 16  # pixels to one: fonts differ from machine to machine
MOST_GREY = 5.0  # on average
MOST_ANYWHERE = 70.0


def test_the_strip_in_docs_is_what_is_drawn_now(tmp_path: Path) -> None:
    drawn = tmp_path / "path.png"
    command = [sys.executable, str(ROOT / "Testing" / "host" / "strip.py"), "--output", str(drawn)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    now, before = coarse(drawn), coarse(ROOT / "Resources" / "Screenshots" / "path.png")
    assert now.shape == before.shape
    apart = np.abs(now - before)
    said = "draw it again: python Testing/host/strip.py"
    assert apart.mean() < MOST_GREY, said
    assert apart.max() < MOST_ANYWHERE, said


def coarse(path: Path) -> np.ndarray:
    """A picture's grey values, averaged over squares."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), float)
    rows, columns = (size // COARSE for size in grey.shape)
    return grey[: rows * COARSE, : columns * COARSE].reshape(rows, COARSE, columns, COARSE).mean((1, 3))
