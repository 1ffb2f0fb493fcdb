"""The organ by TotalSegmentator (Wasserthal et al., Radiology AI 2023), where its command is installed.

It runs as a program of its own, so that it may live in another environment. It downloads its weights when it first
runs, and sends its makers anonymous usage statistics unless that is turned off in its settings.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import read_labels
from TextoMorphLib.io.volume import Volume

COMMAND = "TotalSegmentator"
PARTS = {"kidney": ("kidney_left", "kidney_right")}  # what it calls the parts of an organ; others are called as here


def check() -> None:
    """Makes sure that the command is there.

    Raises:
        InputError: It is not.
    """
    if shutil.which(COMMAND) is None:
        raise InputError(f"{COMMAND} is not installed; pip install TotalSegmentator, or give --organ-mask FILE")


def arguments(ct: Path, output: Path, organ: str, device: str) -> list[str]:
    """The command line that finds an organ at 3 mm, in one label map.

    Args:
        ct: A NIfTI file.
        output: A NIfTI file to be made.
        organ: liver, pancreas, kidney or another of its classes.
        device: cpu, cuda, cuda:N or mps.
    """
    kind, _, number = device.partition(":")
    on = {"cuda": f"gpu:{number}" if number else "gpu"}.get(kind, kind)
    parts = PARTS.get(organ, (organ,))
    return [
        COMMAND,
        "-i",
        str(ct),
        "-o",
        str(output),
        "--ml",
        "--fast",
        "--quiet",
        "--device",
        on,
        "--roi_subset",
        *parts,
    ]


def find(ct: Volume, organ: str, device: str) -> np.ndarray:
    """The organ in a scan.

    Args:
        ct: The scan.
        organ: As for `arguments`.
        device: As for `arguments`.

    Returns:
        Boolean, of the scan's shape.

    Raises:
        InputError: It is not installed, it fails, or it finds no such organ.
    """
    check()
    with tempfile.TemporaryDirectory(prefix="textomorph-") as folder:
        scan, made = Path(folder) / "ct.nii.gz", Path(folder) / "organ.nii.gz"
        Volume.from_array(ct.hu().astype(np.float32), ct.affine).write(scan)
        ended = subprocess.run(arguments(scan, made, organ, device), capture_output=True, text=True, check=False)
        if ended.returncode or not made.exists():
            said = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
            raise InputError(f"{COMMAND} failed: {said[-1] if said else f'status {ended.returncode}'}")
        found: np.ndarray = read_labels(made, ct) > 0
    if not found.any():
        raise InputError(f"{COMMAND} found no {organ} in this scan")
    return found
