"""Two versions of TextoMorph side by side: whether `generate` makes the same images, and what it costs.

    python Testing/two_versions.py images OLD_COMMIT [NEW_COMMIT] --scan CT MASK [--scan CT MASK ...]
    python Testing/two_versions.py speed OLD_COMMIT [NEW_COMMIT] --scan CT MASK [--rounds N]

`images`: every scan meets five texts and two seeds, through the command as a user calls it, in one process a version;
exit status 1 where an image differs. `speed`: CPU seconds on one thread, of the whole command (cold) and of one more
lesion in a process that has made one (warm), in turns; what else the machine does hardly changes these, as it would
seconds on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXTS = (
    "hypoattenuating, ill-defined",
    "cystic, well-defined, walled",
    "heterogeneous with coarse calcification",
    "arterial enhancement, septated",
    "necrotic, vessels passing through",
)
SEEDS = (0, 5)
WARM = """
import json, sys, time
from TextoMorphLib import Synthesizer, Volume
ct, mask = Volume.read(sys.argv[1]), Volume.read(sys.argv[2]).data > 0
model = Synthesizer.load("starter", device="cpu")
model.synthesize(ct, mask, sys.argv[3])
began = time.process_time()
model.synthesize(ct, mask, sys.argv[3], seed=1)
print(json.dumps(time.process_time() - began))
"""
IMAGES = """
import hashlib, json, sys
from pathlib import Path
from TextoMorphLib.cli import main
found = []
for asked in json.loads(sys.argv[1]):
    if status := main(asked):
        sys.exit(status)
    found.append(hashlib.sha256(Path(asked[-2]).read_bytes()).hexdigest())
Path(sys.argv[2]).write_text(json.dumps(found))
"""


@contextmanager
def checkouts(commits: list[str]) -> Iterator[list[Path]]:
    """The code of commits, in folders that are gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, str(number)) for number in range(len(commits))]
        for commit, folder in zip(commits, folders, strict=True):
            subprocess.run(["git", "worktree", "add", "--quiet", "--detach", folder, commit], cwd=ROOT, check=True)
        try:
            yield folders
        finally:
            for folder in folders:
                subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=False)


def run(checkout: Path, *command: str, threads: str | None = None) -> tuple[str, float]:
    """What a program of a checkout prints, and the CPU seconds that it took."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once, not at each start
    if threads:
        environment |= {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    before = os.times()
    done = subprocess.run([sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{checkout}: {done.stderr}")
    after = os.times()
    return done.stdout, after.children_user - before.children_user


def generate(ct: str, mask: str, text: str, seed: int, output: Path) -> list[str]:
    """The command as a user calls it."""
    asked = ["generate", ct, "--mask", mask, "--text", text, "--seed", str(seed)]
    return [*asked, "--device", "cpu", "--preset", "preview", "--output", str(output), "--overwrite"]


def images(folders: list[Path], scans: list[list[str]], scratch: Path) -> int:
    """Prints a line an image; 1 if one differs."""
    wanted = list(product(scans, TEXTS, SEEDS))
    asked = json.dumps([generate(*scan, text, seed, scratch) for scan, text, seed in wanted])
    hashes = scratch.with_name("hashes.json")
    found = []
    for folder in folders:
        run(folder, "-c", IMAGES, asked, str(hashes))
        found.append(json.loads(hashes.read_text()))
    differ = 0
    for (scan, text, seed), old, new in zip(wanted, *found, strict=True):
        differ += old != new
        print("same  " if old == new else "DIFFER", Path(scan[0]).name, seed, text)
    print(f"{differ} images differ" if differ else f"all {len(wanted)} images are the same")
    return int(bool(differ))


def speed(folders: list[Path], scan: list[str], scratch: Path, rounds: int) -> int:
    """Prints the medians of either version, and the median of the pairs' ratios."""
    cold: list[list[float]] = [[], []]
    warm: list[list[float]] = [[], []]
    for folder in folders:
        run(folder, "-m", "TextoMorphLib", *generate(*scan, TEXTS[0], 0, scratch))  # compiles both
    for _ in range(rounds):
        for number, folder in enumerate(folders):
            command = "-m", "TextoMorphLib", *generate(*scan, TEXTS[0], 0, scratch)
            cold[number].append(run(folder, *command, threads="1")[1])
            warm[number].append(json.loads(run(folder, "-c", WARM, *scan, TEXTS[0], threads="1")[0]))
    for name, (old, new) in (("cold", cold), ("warm", warm)):
        ratio = statistics.median(b / a for a, b in zip(old, new, strict=True))
        print(f"{name}: {statistics.median(old):.2f} and {statistics.median(new):.2f} s CPU, {ratio:.3f} times")
    return 0


def main() -> int:
    """Compares the versions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("images", "speed"))
    parser.add_argument("commits", nargs="+", help="old, and new (HEAD if left out)")
    parser.add_argument("--scan", nargs=2, action="append", required=True, metavar=("CT", "MASK"))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    scans = [[str(Path(path).resolve()) for path in scan] for scan in given.scan]
    with checkouts([*given.commits, "HEAD"][:2]) as folders, tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary, "out.nii.gz")
        if given.what == "images":
            return images(folders, scans, scratch)
        return speed(folders, scans[0], scratch, given.rounds)


if __name__ == "__main__":
    sys.exit(main())
