"""Whether `generate` makes the same images in two versions of TextoMorph: for moves that must change nothing.

    python Testing/same_bytes.py OLD_COMMIT [NEW_COMMIT] --scan CT MASK [--scan CT MASK ...]

Every scan meets five texts and two seeds, through the command as a user calls it. Exit status 1 where an image differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
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


def images(checkout: Path, ct: str, mask: str, folder: Path) -> dict[tuple[str, int], str]:
    """The SHA-256 of the image of each text and seed, made by the code of a checkout."""
    found = {}
    for text, seed in product(TEXTS, SEEDS):
        output = folder / "out.nii.gz"
        command = [sys.executable, "-m", "TextoMorphLib", "generate", ct, "--mask", mask, "--text", text]
        command += [
            "--seed",
            str(seed),
            "--device",
            "cpu",
            "--preset",
            "preview",
            "--output",
            str(output),
            "--overwrite",
        ]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{checkout}: {done.stderr}")
        found[text, seed] = hashlib.sha256(output.read_bytes()).hexdigest()
    return found


def main() -> int:
    """Compares the versions and prints a line an image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+", help="old, and new (HEAD if left out)")
    parser.add_argument("--scan", nargs=2, action="append", required=True, metavar=("CT", "MASK"))
    given = parser.parse_args()
    commits = [*given.commits, "HEAD"][:2]
    differ = 0
    with tempfile.TemporaryDirectory() as temporary:
        checkouts = [Path(temporary, str(number)) for number in range(2)]
        for commit, checkout in zip(commits, checkouts, strict=True):
            subprocess.run(["git", "worktree", "add", "--quiet", "--detach", checkout, commit], cwd=ROOT, check=True)
        try:
            for ct, mask in ([str(Path(path).resolve()) for path in scan] for scan in given.scan):
                old, new = (images(checkout, ct, mask, Path(temporary)) for checkout in checkouts)
                for (text, seed), expected in old.items():
                    same = expected == new[text, seed]
                    differ += not same
                    print("same  " if same else "DIFFER", Path(ct).name, seed, text, flush=True)
        finally:
            for checkout in checkouts:
                subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=ROOT, check=False)
    print(f"{differ} images differ" if differ else "all images are the same")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
