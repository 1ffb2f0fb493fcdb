"""Kills a command in the middle of its work, as a machine that goes down would: nothing of it can tidy up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

_SCRIPT = """
import importlib, os, signal, sys
from TextoMorphLib.cli import main
after, (module, _, name) = int(sys.argv[1]), sys.argv[2].rpartition(".")
owner = importlib.import_module(module)
inner, calls = getattr(owner, name), []
def counted(*given, **more):
    if len(calls) == after:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    return inner(*given, **more)
setattr(owner, name, counted)
main(sys.argv[3:])
"""


def killed_after(calls: int, function: str, arguments: Sequence[str]) -> int:
    """Runs the command in a process of its own and kills it as it calls a function once more.

    Args:
        calls: Of the function that still happen.
        function: Its full name, such as "TextoMorphLib.evaluation.lesion_sets.measure".
        arguments: Of `textomorph`.

    Returns:
        The process's status: -9 if it was killed.
    """
    script = [sys.executable, "-c", _SCRIPT, str(calls), function, *arguments]
    return subprocess.run(script, check=False, capture_output=True, timeout=300).returncode
