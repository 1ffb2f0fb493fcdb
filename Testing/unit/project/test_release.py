"""What is published: the extension's repository in one commit, and what Slicer's index would say of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import export
import index_checks
import parts

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no repository to export")
HOME = "https://example.org/someone/SlicerTextoMorph"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A clone of the exported repository, and what the index would refuse."""
    folder = tmp_path_factory.mktemp("export")
    refused = export.export(folder / "made", export.Addresses(HOME), author="A B <a@b.org>")
    subprocess.run(["git", "clone", "--quiet", str(folder / "made"), str(folder / "clone")], check=True)
    return folder / "clone", refused


def test_the_export_is_one_commit_that_the_index_would_take(exported: tuple[Path, list[str]]) -> None:
    clone, refused = exported
    assert refused == []
    log = subprocess.run(["git", "-C", str(clone), "log", "--format=%an"], check=True, capture_output=True, text=True)
    assert log.stdout.splitlines() == ["A B"]
    for name in export.DESCRIBED:
        text = (clone / name).read_text()
        assert export.described_at(ROOT)[0] not in text, name
        assert HOME in text, name
    assert (clone / "Resources" / "Models" / "starter" / "denoiser.safetensors").is_file()
    assert index_checks.megabytes(clone) < index_checks.LARGEST_MB


def test_what_the_index_would_refuse_is_told(exported: tuple[Path, list[str]], tmp_path: Path) -> None:
    clone, _ = exported
    bad = Path(shutil.copytree(clone, tmp_path / "bad", ignore=shutil.ignore_patterns(".git", "docs", "Testing")))
    entry = json.loads((bad / "TextoMorph.json").read_text())
    entry |= {"scm_url": "http://example.org/TextoMorph.git", "tier": 2, "colour": "red", "category": "Fun"}
    (bad / "TextoMorph.json").write_bytes(json.dumps(entry, indent=1).replace("\n", "\r\n").encode())
    assert "LF" in "\n".join(index_checks.problems(bad))
    (bad / "TextoMorph.json").write_text(json.dumps(entry))
    (bad / "LICENSE").unlink()
    (bad / "TextoMorph" / "Resources" / "Icons" / "TextoMorph.png").write_bytes(b"no picture")
    said = "\n".join(index_checks.problems(bad))
    for words in (
        "no https",
        "begin with 'Slicer'",
        "tier is 2",
        "colour is unknown",
        "'Fun'",
        "no LICENSE",
        "ICONURL",
    ):
        assert words in said


def test_every_shipped_weight_has_a_licence_and_a_checksum() -> None:
    listed = {each["name"]: each for each in parts.weights()}
    shipped = {f"{path.parent.name}/{path.name}" for path in (ROOT / "Resources" / "Models").glob("*/*.safetensors")}
    assert set(listed) == shipped
    assert listed["starter/texture.safetensors"]["licenses"][0]["license"]["name"] == "CC BY-SA 4.0"
    assert listed["starter/denoiser.safetensors"]["licenses"][0]["license"]["name"] == "Apache-2.0"
    assert "torch" in parts.closure()
