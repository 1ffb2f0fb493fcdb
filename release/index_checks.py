"""What Slicer's index of extensions checks of an extension, done on a folder: nothing is fetched.

The checks are those of ExtensionsIndex's `scripts/check_description_files.py` (read at commit 400e86f): JSON after its
schema and with lines that end in LF, category, names of extension and repository, address, CMake project, icon and
screenshots, licence, size. What the index loads from the network (icon, screenshots) is looked for in the folder
instead; the repository's GitHub topic cannot be.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NAME = "TextoMorph"
LARGEST_MB = 60.0
# slicer-extension-catalog-entry-schema-v1.0.1 and 1.0.2: their fields, what they may be, and which are needed.
FIELDS: dict[str, type | tuple[Any, ...]] = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": ("git", "local"),
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": (1, 3, 5),  # the schema allows 2 and 4, which the index keeps for later
    "dicom_support_rule": str,
}
PREFIX = "Slicer"
NEEDED = ("$schema", "category", "scm_url")
# The index takes an extension of another category only after its list was changed.
CATEGORIES = set(
    """Active Learning|Analysis|Auto3dgm|BigImage|Cardiac|Chest Imaging Platform|Conda|Converters|DICOM|DSCI|Developer
    Tools|Diffusion|Examples|Exporter|FTV Segmentation|Filtering|Filtering.Morphology|Filtering.Vesselness|Holographic
    Display|Image Synthesis|IGT|Informatics|Netstim|Neuroimaging|Nuclear Medicine|Orthodontics|Osteotomy Planning|
    Otolaryngology|Photogrammetry|Pipelines|Planning|Printing|Quantification|Radiotherapy|Registration|Remote|Rendering|SPHARM|
    Segmentation|Sequences|Shape Analysis|Shape Regression|Shape Visualization|Simulation|SlicerCMF|SlicerMorph|
    Spectral Imaging|Supervisely|Surface Models|SurfaceLearner|Tomographic Reconstruction|Tracking|Tractography|
    Training|Ultrasound|Utilities|Vascular Modeling Toolkit|Virtual Reality|VisSimTools|Web System Tools|Wizards"""
    .replace("\n", " ").split("|")
)  # fmt: skip
CATEGORIES = {re.sub(r"\s+", " ", each).strip() for each in CATEGORIES}


def problems(folder: Path) -> list[str]:
    """What the index would refuse, in words; nothing where it would take the extension.

    Args:
        folder: The extension's repository, as it is to be published.
    """
    try:
        entry = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{NAME}.json cannot be read: {error}"]
    cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    if b"\r" in (folder / f"{NAME}.json").read_bytes():
        return [f"{NAME}.json: its lines do not end in LF alone"]
    return [*_schema(entry), *_address(entry), *_project(cmake), *_pictures(folder, cmake), *_rest(folder)]


def _schema(entry: dict[str, Any]) -> Iterator[str]:
    for name in NEEDED:
        if not entry.get(name):
            yield f"{NAME}.json: {name} is missing"
    for name, value in entry.items():
        allowed = FIELDS.get(name)
        if allowed is None:
            yield f"{NAME}.json: {name} is unknown to the schema"
        elif value not in allowed if isinstance(allowed, tuple) else not isinstance(value, allowed):
            yield f"{NAME}.json: {name} is {value!r}"
    if entry.get("category") not in CATEGORIES:
        yield f"category '{entry.get('category')}' is not in the index's list; choose one of it, or propose it there"


def _address(entry: dict[str, Any]) -> Iterator[str]:
    address = urlsplit(str(entry.get("scm_url", "")))
    name = address.path.rsplit("/", 1)[-1].removesuffix(".git")
    if address.scheme not in ("https", "git"):
        yield f"scm_url is no https or git address: {entry.get('scm_url')}"
    if (address.hostname or "").endswith(".invalid"):
        yield "scm_url leads nowhere: give the repository's address"
    if not name.startswith(PREFIX):
        yield f"the repository is called {name}; the index wants it to begin with '{PREFIX}', such as {PREFIX}{name}"


def _project(cmake: str) -> Iterator[str]:
    found = re.search(r"project\s*\(\s*(\w+)", cmake)
    if not found or found[1] != NAME:
        yield f"CMakeLists.txt is of project {found[1] if found else 'none'}, not {NAME}"


def _pictures(folder: Path, cmake: str) -> Iterator[str]:
    for variable, square in (("ICONURL", True), ("SCREENSHOTURLS", False)):
        found = re.search(rf'set\s*\(EXTENSION_{variable}\s*"([^"]+)"\s*\)', cmake)
        if not found:
            yield f"CMakeLists.txt sets no EXTENSION_{variable}"
            continue
        for address in found[1].split():
            if not address.startswith("http"):
                yield f"EXTENSION_{variable}: {address} is no address"
            matching = [path for path in folder.rglob("*.png") if address.endswith(path.relative_to(folder).as_posix())]
            size = _png_size(matching[0]) if matching else None
            if size is None:
                yield f"EXTENSION_{variable}: {address} is no PNG of this repository"
            elif square and size != (128, 128):
                yield f"the icon is {size[0]} x {size[1]}, not 128 x 128"


def _png_size(path: Path) -> tuple[int, int] | None:
    start = path.read_bytes()[:24]
    if start[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    width, height = struct.unpack(">II", start[16:24])
    return int(width), int(height)


def _rest(folder: Path) -> Iterator[str]:
    if not (folder / "LICENSE").is_file():
        yield "no LICENSE in the repository's root"
    size = megabytes(folder)
    if size > LARGEST_MB:
        yield f"the repository takes {size:.0f} MB with its history, over {LARGEST_MB:.0f}"


def megabytes(folder: Path) -> float:
    """A folder's files with all that is under them, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
