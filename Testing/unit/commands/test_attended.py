"""A command ends with the program that started it, and tells that program how far it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import small_trainings

ROOT = Path(__file__).resolve().parents[3]
# A program that starts a long training and is itself killed; it tells its child's number.
PROGRAM = """
import os, subprocess, sys, time

environment = {**os.environ, "TEXTOMORPH_PARENT": str(os.getpid())}
command = [sys.executable, "-m", "TextoMorphLib", *sys.argv[1:]]
child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
print(child.pid, flush=True)
for line in child.stdout:
    print(line, end="", flush=True)
"""
# Becomes the Python that the arguments ask for, with SIGINT ignored.
IN_BACKGROUND = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_training_whose_program_is_killed_writes_its_checkpoint_and_ends(tmp_path: Path) -> None:
    config, output = tmp_path / "texts.toml", tmp_path / "run"
    config.write_text(small_trainings.texts(steps=1_000_000))
    arguments = ["train", "texts", str(config), "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout
    child = psutil.Process(int(program.stdout.readline()))
    assert json.loads(program.stdout.readline())["step"] == 20
    assert not (output / "checkpoint.pt").exists()
    program.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.1)
    assert (output / "checkpoint.pt").exists()
    program.wait()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="background jobs of a shell")
def test_a_training_of_a_program_in_the_background_can_be_asked_to_end(tmp_path: Path) -> None:
    config, output = tmp_path / "texts.toml", tmp_path / "run"
    config.write_text(small_trainings.texts(steps=1_000_000))
    command = [sys.executable, "-m", "TextoMorphLib", "train", "texts", str(config), "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TEXTOMORPH_PARENT": str(os.getpid())}
    training = subprocess.Popen(
        [sys.executable, "-c", IN_BACKGROUND, *command[1:]], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert training.stdout
    assert json.loads(training.stdout.readline())["step"] == 20
    training.send_signal(signal.SIGINT)
    training.communicate(timeout=60)
    assert training.returncode == 130
    assert (output / "checkpoint.pt").exists()


def test_a_command_whose_program_is_gone_does_nothing(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TEXTOMORPH_PARENT": str(gone.pid)}
    done = subprocess.run(
        [sys.executable, "-m", "TextoMorphLib", "models", "list"], env=environment, capture_output=True
    )
    assert done.returncode == 130
    assert done.stdout == b""


def test_the_program_that_reads_along_is_told_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from TextoMorphLib.commands import common
    from TextoMorphLib.commands.attended import PARENT, attended

    monkeypatch.setenv(PARENT, str(os.getpid()))
    with attended(), common.progress("at work") as step:
        assert PARENT not in os.environ
        assert step(3, 9)
    assert json.loads(capsys.readouterr().err) == {"done": 3, "of": 9}
    with common.progress("at work") as step:
        step(3, 9)
    assert capsys.readouterr().err == ""
