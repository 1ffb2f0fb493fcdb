"""Model bundles as files of a release: an archive each, and `models.json`, which `textomorph models download` reads."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from TextoMorphLib import paths
from TextoMorphLib.models import bundle
from TextoMorphLib.models.download import INDEX

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same archive


def models(bundles: Sequence[Path], folder: Path) -> dict[str, dict[str, object]]:
    """Writes archives and index of bundles, each checked first.

    Args:
        bundles: Their folders.
        folder: Where the files go.

    Returns:
        What stands in the index, by name.
    """
    listed: dict[str, dict[str, object]] = {}
    for each in bundles:
        fingerprint = bundle.verify(each)
        archive = folder / f"{each.name}-{fingerprint[:12]}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(each.iterdir()):
                entry = zipfile.ZipInfo(path.name, EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                packed.writestr(entry, path.read_bytes())
        listed[each.name] = {
            "file": archive.name,
            "sha256": bundle.sha256(archive),
            "bytes": archive.stat().st_size,
            "manifest": fingerprint,
            "licence": licence(each),
        }
    (folder / INDEX).write_text(json.dumps({"models": listed}, indent=2) + "\n", encoding="utf-8")
    return listed


def licence(folder: Path) -> str:
    """A bundle's licence in words: that of the whole, and of files with one of their own."""
    config = bundle.read_config(folder)
    own = "Apache-2.0" if folder.parent == paths.resources() / "Models" else "see MODEL_CARD.md"
    whole = str(config.get("licence", own))
    parts = {name: part["licence"] for name, part in config.items() if isinstance(part, dict) and "licence" in part}
    return "; ".join([whole, *(f"{name}.safetensors: {words}" for name, words in parts.items())])
