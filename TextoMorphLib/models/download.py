"""Models that are published as files of a release: fetched when the user asks, checked, put into the user's folder.

A source is an address, a `file://` address or a folder with `models.json` and the archives that it names:

    {"models": {"starter": {"file": "x.zip", "sha256": "...", "bytes": 1, "manifest": "...", "licence": "..."}}}

Proxies and certificates are those of the environment (HTTPS_PROXY, SSL_CERT_FILE). Without a network, take the folder
of a release along and name it.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from TextoMorphLib import paths
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.outputs import sha256
from TextoMorphLib.models import bundle

ADDRESS = "https://not-published-yet.invalid/TextoMorph/releases/latest/download"
VARIABLE = "TEXTOMORPH_MODELS"
INDEX = "models.json"
HERE = ("localhost", "127.0.0.1", "::1")
CHUNK = 1 << 20
MOST_INDEX_BYTES = 1 << 20
TIMEOUT_S = 30
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Published:
    """A model that can be had.

    Attributes:
        name: What it is called there.
        file: Its archive.
        sha256: The archive's.
        bytes: The archive's size.
        manifest: SHA-256 of the bundle's manifest: its fingerprint.
        licence: In words.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    manifest: str
    licence: str


def source(given: str | None = None) -> str:
    """Where models are looked for: what is given, `TEXTOMORPH_MODELS`, or where TextoMorph is published.

    Raises:
        InputError: It is published nowhere yet, or the address is none.
    """
    found = given or os.environ.get(VARIABLE) or ADDRESS
    if ".invalid/" in found:
        raise InputError("this TextoMorph has no address of models; name a release's address or folder with --from")
    parts = urllib.parse.urlsplit(found)
    if parts.scheme == "file":
        return urllib.request.url2pathname(parts.path)
    if parts.scheme == "http" and parts.hostname not in HERE:
        raise InputError(f"{found} is not encrypted; use https, or a folder")
    if parts.scheme not in ("http", "https") and not Path(found).is_dir():
        raise InputError(f"{found} is no folder and no address (https://...)")
    return found.rstrip("/")


def published(where: str) -> dict[str, Published]:
    """The models of a source, by name.

    Raises:
        InputError: There is no such source, or no list of models in it.
    """
    try:
        with _opened(where, INDEX) as file:
            listed = json.loads(file.read(MOST_INDEX_BYTES))["models"]
        return {
            name: Published(
                name,
                _plain(each["file"]),
                str(each["sha256"]),
                int(each["bytes"]),
                str(each["manifest"]),
                str(each["licence"]),
            )
            for name, each in listed.items()
        }
    except (OSError, HTTPException) as error:
        raise InputError(f"cannot read {where}/{INDEX}: {_reason(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}/{INDEX} is no list of models ({error})") from None


def fetch(name: str, where: str, own_name: str = "", progress: Progress | None = None) -> Path:
    """Puts a published model into the user's folder; what an earlier try has fetched of it is not fetched again.

    Args:
        name: What it is called there.
        where: The source.
        own_name: What it is to be called here; the same if empty.
        progress: Called with (bytes there, bytes in all); may return False to cancel.

    Returns:
        The bundle's folder.

    Raises:
        InputError: No such model, another one of that name here, or it arrives damaged.
        Cancelled: `progress` returned False; what was fetched is kept for the next try.
    """
    known = published(where)
    if name not in known:
        raise InputError(f"{where} has no model '{name}'; it has: {', '.join(sorted(known)) or 'none'}")
    model, own = known[name], _plain(own_name or name)
    place = paths.user() / "Models" / own
    if (paths.resources() / "Models" / own).exists():
        raise InputError(f"a model '{own}' comes with TextoMorph; give this one another name with --as")
    if place.exists():
        if bundle.verify(place) == model.manifest:
            return place
        raise InputError(f"{place} holds another model; remove it, or give this one another name with --as")
    part = paths.user() / "Downloads" / f"{model.sha256[:16]}-{model.file}.part"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        _fetch(model, where, part, progress or (lambda *_: True))
        _unpack(part, model, place)
    except (OSError, HTTPException) as error:
        raise InputError(f"cannot fetch {model.file} from {where}: {_reason(error)}; try again, it goes on") from error
    part.unlink(missing_ok=True)
    return place


def _fetch(model: Published, where: str, part: Path, progress: Progress) -> None:
    """Appends to a file what is missing of an archive, and checks the whole."""
    there = part.stat().st_size if part.exists() else 0
    if there < model.bytes:
        with _opened(where, model.file, there) as file, open(part, "ab") as kept:
            if there and getattr(file, "status", 206) == 200:  # the server sends all of it again
                kept.truncate(0)
                there = 0
            while content := file.read(CHUNK):
                kept.write(content)
                there += len(content)
                if there > model.bytes:
                    break
                if progress(there, model.bytes) is False:
                    raise Cancelled("cancelled; the same command goes on")
    if there < model.bytes:
        raise OSError(f"the connection ended after {there} of {model.bytes} bytes")
    if sha256(part) != model.sha256:
        part.unlink()
        raise InputError(f"{model.file} arrived damaged (wrong SHA-256) and was removed; try again")


def _unpack(archive: Path, model: Published, place: Path) -> None:
    """Makes the bundle's folder, checked, or nothing."""
    with zipfile.ZipFile(archive) as packed, replacing(place) as (beside,):
        if sum(entry.file_size for entry in packed.infolist()) > 8 * model.bytes + CHUNK:
            raise InputError(f"{model.file} holds far more than it says; it was not unpacked")
        beside.mkdir()
        for entry in packed.infolist():
            with packed.open(entry) as content, open(beside / _plain(entry.filename), "xb") as file:
                shutil.copyfileobj(content, file)
        if bundle.verify(beside) != model.manifest:
            raise InputError(f"{model.file} holds another model than {INDEX} says; it was not installed")


def _opened(where: str, file: str, start: int = 0) -> Any:
    """A file of a source, from a byte on."""
    if urllib.parse.urlsplit(where).scheme not in ("http", "https"):
        found = open(Path(where) / file, "rb")  # noqa: SIM115 - the caller's
        found.seek(start)
        return found
    request = urllib.request.Request(f"{where}/{urllib.parse.quote(file)}")
    if start:
        request.add_header("Range", f"bytes={start}-")
    answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    arrived = urllib.parse.urlsplit(answer.geturl())
    if arrived.scheme != "https" and arrived.hostname not in HERE:
        answer.close()
        raise OSError(f"it was redirected to {answer.geturl()}, which is not encrypted")
    return answer


def _plain(name: str) -> str:
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set("/\\:\0"):
        raise InputError(f"{name!r} is no plain name")
    return name


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error)
