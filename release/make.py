"""Everything of a release into one folder: `make release`.

Wheel and sdist, checked; models as files with `models.json`; the extension's repository in one commit; bill of
materials and licences; SHA-256 of all. Nothing is uploaded or signed: that is the publisher's.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import assets
import export
import index_checks
import parts
from TextoMorphLib import paths
from TextoMorphLib.models import bundle
from TextoMorphLib.version import __version__

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL_MB = 40.0
DATA = ("Models/starter/denoiser.safetensors", "Vocabulary/attributes.json", "Organs/liver.json", "requirements.txt")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--homepage", default="")
    parser.add_argument("--raw", default="")
    parser.add_argument("--category", default="")
    parser.add_argument("--author", default="")
    given = parser.parse_args()
    if subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True).stdout.strip():
        print("error: there are changes that are not committed; a release is of a commit", file=sys.stderr)
        return 2
    out: Path = given.output.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    packages(out)
    for name, model in assets.models(sorted((paths.resources() / "Models").iterdir()), out).items():
        print(f"model {name}: {model['file']}, {int(str(model['bytes'])) / 1e6:.1f} MB, {model['licence']}")
    found = parts.bill(out / "sbom.cdx.json")
    parts.licences(found, out / "licences.md")
    print(f"bill of materials: {len(found['components'])} parts")
    addresses = export.Addresses(given.homepage.rstrip("/"), given.raw.rstrip("/"), given.category)
    refused = export.export(out / "extension", addresses, author=given.author)
    print(f"extension: one commit, {index_checks.megabytes(out / 'extension'):.1f} MB with its history")
    for each in refused:
        print(f"  Slicer's index would refuse: {each}")
    files = sorted(path for path in out.iterdir() if path.is_file())
    sums = "".join(f"{bundle.sha256(path)}  {path.name}\n" for path in files)
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    print(f"TextoMorph {__version__}: {out}")
    return 0


def packages(out: Path) -> None:
    """Builds wheel and sdist, and makes sure that the data are in them."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wheel, sdist = next(out.glob("*.whl")), next(out.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    with tarfile.open(sdist) as files:
        sources = {name.split("/", 1)[-1] for name in files.getnames()}
    lacking = [name for name in DATA if f"TextoMorphLib/Resources/{name}" not in inside]
    lacking += [
        name for name in (*(f"Resources/{each}" for each in DATA), "LICENSE", "README.md") if name not in sources
    ]
    if lacking:
        raise SystemExit(f"error: the packages lack {', '.join(lacking)}")
    for path in (wheel, sdist):
        size = path.stat().st_size / 1e6
        print(f"{path.name}: {size:.1f} MB")
        if size > LARGEST_WHEEL_MB:
            raise SystemExit(f"error: {path.name} takes {size:.0f} MB, over {LARGEST_WHEEL_MB:.0f}")


if __name__ == "__main__":
    sys.exit(main())
