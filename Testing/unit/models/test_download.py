"""Published models: fetched, gone on with after a cut, checked, from servers and folders."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import assets
from TextoMorphLib.cli import main
from TextoMorphLib.models import bundle, download


@pytest.fixture
def release(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release's folder with one model, and a home of one's own."""
    monkeypatch.setenv("TEXTOMORPH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(download.VARIABLE, raising=False)
    monkeypatch.setattr(download, "ADDRESS", "https://nowhere.invalid/models")
    (tmp_path / "release").mkdir()
    assets.models([tiny_bundle], tmp_path / "release")
    return tmp_path / "release"


class Server(ThreadingHTTPServer):
    """Serves a folder; the first archive breaks off in its middle."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.asked = folder, list[str]()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = (self.server.folder / self.path.strip("/")).read_bytes()
        given = self.headers.get("Range", "")
        self.server.asked.append(given)
        start = int(given[len("bytes=") : -1]) if given else 0
        self.send_response(206 if given else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = self.path.endswith(".zip") and not given
        self.wfile.write(content[start : len(content) // 2 if cut else None])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server(release: Path) -> Iterator[Server]:
    made = Server(release)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()


def test_a_download_that_was_cut_goes_on(
    server: Server, tiny_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = ["models", "download", "tiny", "--from", f"http://127.0.0.1:{server.server_port}"]
    assert main(argv) == 2
    assert "it goes on" in capfd.readouterr().err
    assert not (tmp_path / "home" / "Models" / "tiny").exists()
    assert main(argv) == 0
    assert server.asked[-1].startswith("bytes=")
    assert bundle.verify(bundle.find("tiny")) == bundle.verify(tiny_bundle)
    assert not list((tmp_path / "home" / "Downloads").iterdir())
    assert main(argv) == 0  # it is there already


def test_a_folder_is_a_source_too(release: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "--from", release.as_uri()]) == 0
    assert capfd.readouterr().out.startswith("tiny  ")
    assert main(["models", "download", "tiny", "--from", str(release), "--as", "mine"]) == 0
    assert bundle.load("mine").name == "tiny"


def test_what_is_not_as_published_is_not_installed(
    release: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = next(release.glob("*.zip"))
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    for name, options, reason in (
        ("tiny", [], "damaged"),
        ("other", [], "has no model 'other'; it has: tiny"),
        ("tiny", ["--as", "../tiny"], "no plain name"),
        ("tiny", ["--as", "starter"], "comes with TextoMorph"),
    ):
        assert main(["models", "download", name, "--from", str(release), *options]) == 2
        assert reason in capfd.readouterr().err
    assert not list((tmp_path / "home" / "Models").iterdir())


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "no address of models"),
        ("http://example.org/models", "not encrypted"),
        ("nowhere", "no folder and no address"),
    ],
)
def test_sources_that_are_none(
    release: Path, source: str | None, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "download", "tiny", *(["--from", source] if source else [])]) == 2
    assert reason in capfd.readouterr().err


def test_a_list_that_names_files_elsewhere_is_refused(release: Path, capfd: pytest.CaptureFixture[str]) -> None:
    listed = json.loads((release / "models.json").read_text())
    shutil.copy(next(release.glob("*.zip")), release.parent / "outside.zip")
    listed["models"]["tiny"]["file"] = "../outside.zip"
    (release / "models.json").write_text(json.dumps(listed))
    assert main(["models", "download", "tiny", "--from", str(release)]) == 2
    assert "no plain name" in capfd.readouterr().err
