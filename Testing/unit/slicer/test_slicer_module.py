"""The Slicer module on the test host: `Testing/gui`, in a process of its own, for the host changes Qt's classes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED = {"slicer_core": "slicer-core", "PySide6": "PySide6-Essentials"}


def test_the_slicer_module_works_on_the_host() -> None:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; pip install -e '.[slicer]'")
    tests = Path(__file__).resolve().parents[2] / "gui"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tests)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
