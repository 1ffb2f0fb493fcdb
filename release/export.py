"""The extension's repository as it is published: the files of a revision, addresses set, in a single commit.

    python release/export.py --output DIR --homepage https://github.com/OWNER/SlicerTextoMorph

The history stays at home. What Slicer's index would refuse is told; with --strict that is an error.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import index_checks

ROOT = Path(__file__).resolve().parents[1]
DESCRIBED = (
    "CMakeLists.txt",
    "TextoMorph.json",
    "TextoMorph.s4ext",
    "TextoMorphLib/models/download.py",
    "CITATION.cff",
)


@dataclass(frozen=True)
class Addresses:
    """Where it is published.

    Attributes:
        homepage: The repository's page, as it is if empty; the repository is there with `.git` at its end.
        raw: Where single files can be had; `raw/main` under the page if empty.
        category: Slicer's index's; as it is if empty.
    """

    homepage: str = ""
    raw: str = ""
    category: str = ""


def export(folder: Path, addresses: Addresses, revision: str = "HEAD", author: str = "") -> list[str]:
    """Makes the repository.

    Args:
        folder: A new folder.
        addresses: What to set.
        revision: What to export.
        author: "Name <address>" of the commit; TextoMorph contributors if empty.

    Returns:
        What Slicer's index would refuse, in words.
    """
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", revision], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    _set(folder, addresses)
    date = _git(ROOT, "show", "-s", "--format=%aI", revision)
    name, _, address = (author or "TextoMorph contributors <>").partition(" <")
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
           {"NAME": name, "EMAIL": address.rstrip(">") or "nobody@localhost", "DATE": date}.items()}  # fmt: skip
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=TextoMorph", **who)
    _git(folder, "gc", "--quiet", "--aggressive", "--prune=now")
    return index_checks.problems(folder)


def _set(folder: Path, addresses: Addresses) -> None:
    home, raw = described_at(folder)
    new_home = addresses.homepage or home
    new_raw = addresses.raw or (f"{new_home}/raw/main" if addresses.homepage else raw)
    for name in DESCRIBED:
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace(raw, "\0").replace(home, new_home).replace("\0", new_raw)
            path.write_text(text, encoding="utf-8")
    if addresses.category:
        entry = folder / "TextoMorph.json"
        found = json.loads(entry.read_text(encoding="utf-8"))
        before, found["category"] = found["category"], addresses.category
        entry.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        old = folder / "TextoMorph.s4ext"
        text = old.read_text(encoding="utf-8").replace(f"category {before}", f"category {addresses.category}")
        old.write_text(text, encoding="utf-8")


def described_at(folder: Path) -> tuple[str, str]:
    """The homepage that a repository's files name, and where they say that its single files can be had."""
    cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    named = dict(re.findall(r'set\(EXTENSION_(HOMEPAGE|ICONURL) "([^"]+)"\)', cmake))
    return named["HOMEPAGE"], named["ICONURL"].removesuffix("/TextoMorph/Resources/Icons/TextoMorph.png")


def _git(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--homepage", default="", help="https://HOST/OWNER/NAME")
    parser.add_argument("--raw", default="", help="where single files can be had [HOMEPAGE/raw/main]")
    parser.add_argument("--category", default="", help="of Slicer's index")
    parser.add_argument("--revision", default="HEAD")
    parser.add_argument("--author", default="", help="'Name <address>'")
    parser.add_argument("--strict", action="store_true", help="fail where Slicer's index would refuse it")
    given = parser.parse_args()
    if given.output.exists():
        parser.error(f"{given.output} exists; choose another folder")
    addresses = Addresses(given.homepage.rstrip("/"), given.raw.rstrip("/"), given.category)
    found = export(given.output, addresses, given.revision, given.author)
    print(f"{given.output}: one commit, {index_checks.megabytes(given.output):.1f} MB with its history")
    for each in found:
        print(f"Slicer's index would refuse: {each}")
    return int(given.strict and bool(found))


if __name__ == "__main__":
    sys.exit(main())
