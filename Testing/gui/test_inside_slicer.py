"""The tests that are meant for Slicer itself, on the host; the network is cut off."""

from __future__ import annotations

import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest


def run(name: str, monkeypatch: pytest.MonkeyPatch) -> unittest.TestResult:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "Python"))
    result = unittest.TestLoader().loadTestsFromName(name).run(unittest.TestResult())
    assert result.testsRun
    assert [trace for _test, trace in [*result.errors, *result.failures]] == []
    return result


def test_its_own_tests(host: Any, real_cts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from TextoMorphLib.simulation import example_ct

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("there is no network")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(example_ct.subprocess, "run", refuse)
    cached = [path for path in real_cts if example_ct._sha256(path.read_bytes()) == example_ct.CT_SHA256]
    if cached:
        (tmp_path / "textomorph").mkdir()
        shutil.copy(cached[0], tmp_path / "textomorph" / "totalsegmentator_example_ct.nii.gz")
    assert len(run("TextoMorphModuleTest", monkeypatch).skipped) == (0 if cached else 1)


def test_reload_and_test(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sys.modules["TextoMorph"].TextoMorphTest.__doc__
    run("TextoMorph.TextoMorphTest", monkeypatch)
