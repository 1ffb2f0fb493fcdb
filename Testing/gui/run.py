"""Runs the tests of the Slicer module, each file in a process of its own: `python Testing/gui/run.py [FILE...]`.

The host changes Qt's classes for the whole process, and pictures are drawn with the state of one. As many go on at once
as there are cores, with a thread each, the largest files first. A file that takes longer than its time is ended. With
--strict a skipped test is a failure, but for those that need a real CT where none is at hand; the last line counts all.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
MOST_S = 900.0  # for a file
NO_DATA = "no real CT at hand"  # the one reason to skip that is none to worry about
COUNTED = ("passed", "failed", "errors", "skipped")


def run(file: Path) -> dict[str, int]:
    """Runs a file; how many tests passed, failed, had errors, were skipped, and were skipped for a reason."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "--tb=short", str(file)]
    environment = {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1", **os.environ}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=MOST_S)
        said, code = done.stdout, done.returncode
        if code:
            said += done.stderr[-3000:]
    except subprocess.TimeoutExpired as late:
        said, code = f"{_text(late.stdout)}\nended after {MOST_S:.0f} s", 1
    last = said.strip().splitlines()[-1] if said.strip() else ""
    found = dict.fromkeys((*COUNTED, "excused"), 0)
    dots = re.findall(r"^([.FEsxX]+) *(?:\[ *\d+%\])?$", said, re.MULTILINE)
    for letter, name in zip(".FEs", COUNTED, strict=True):
        found[name] = sum(line.count(letter) for line in dots)
    found["excused"] = sum(int(count) for count in re.findall(rf"^SKIPPED \[(\d+)\].*{NO_DATA}", said, re.MULTILINE))
    if code and not found["failed"] + found["errors"]:
        found["errors"] = 1  # it ended before a test could say anything
    shown = f"{said}\n" if code or found["skipped"] else ""
    print(f"{shown}{file.name}: {last}", flush=True)  # in one go: others print, too
    return found


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def main() -> int:
    """Runs what is asked for; 0 if all is well."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("files", nargs="*", type=Path, default=sorted(HERE.glob("test_*.py")))
    options.add_argument("--strict", action="store_true")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    total = dict.fromkeys((*COUNTED, "excused"), 0)
    began = time.monotonic()
    files = sorted(given.files, key=lambda file: -file.stat().st_size)
    with ThreadPoolExecutor(given.workers) as pool:
        for counts in pool.map(run, files):
            for name, count in counts.items():
                total[name] += count
    bad = total["failed"] + total["errors"]
    unexcused = total["skipped"] - total["excused"]
    print(f"{len(given.files)} files in {time.monotonic() - began:.0f} s")
    if given.strict and unexcused:
        print(f"{unexcused} tests of the Slicer module were skipped: that is a failure here")
    print(f"{total['passed']} passed, {bad} failed, {total['skipped']} skipped")
    return int(bool(bad or not total["passed"] or (given.strict and unexcused)))


if __name__ == "__main__":
    sys.exit(main())
