"""Runs the tests of the Slicer module, each file in a process of its own: `python Testing/gui/run.py [FILE...]`.

The host changes Qt's classes for the whole process, and pictures are drawn with the state of one. As many go on at once
as there are cores, with a thread each, the largest files first. A file that takes longer than its time is ended. With
--strict a skipped test is a failure, but for those that need a real CT where none is at hand; the last line counts all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
MOST_S = 900.0  # for a file
NO_DATA = "no real CT at hand"  # the one reason to skip that is none to worry about
TAGS = {"failed": "failure", "errors": "error", "skipped": "skipped"}  # in pytest's JUnit file
COUNTED = ("passed", *TAGS)


def run(file: Path) -> dict[str, int]:
    """Runs a file; how many tests passed, failed, had errors, were skipped, and were skipped for a reason."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted.xml"
        command = [sys.executable, "-m", "pytest", "-rs", "--tb=short", f"--junit-xml={counted}", str(file)]
        environment = {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1", **os.environ}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=MOST_S)
            said, code = done.stdout, done.returncode
            if code:
                said += done.stderr[-3000:]
        except subprocess.TimeoutExpired as late:
            said, code = f"{_text(late.stdout)}\nended after {MOST_S:.0f} s", 1
        found = _counts(counted)
    if code and not found["failed"] + found["errors"]:
        found["errors"] = 1  # it ended before a test could say anything
    shown = f"{said}\n" if code or found["skipped"] else ""
    print(f"{shown}{file.name}: {found['passed']} passed", flush=True)  # in one go: others print, too
    return found


def _counts(file: Path) -> dict[str, int]:
    """What pytest wrote of its tests; nothing passed where it wrote nothing."""
    found = dict.fromkeys((*COUNTED, "excused"), 0)
    for test in ElementTree.parse(file).iter("testcase") if file.exists() else ():
        found[next((name for name, tag in TAGS.items() if test.find(tag) is not None), "passed")] += 1
        skipped = test.find("skipped")
        found["excused"] += skipped is not None and NO_DATA in skipped.get("message", "")
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
