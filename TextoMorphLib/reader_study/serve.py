"""Reading in the browser: a small server on this computer, with a secret link for each reader.

A link opens its reader's cases, one at a time, and nothing else: no other reader's answers, no key, no file by its
name. Pages and scripts come from here alone, so that it works without a network.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.paths import resources
from TextoMorphLib.reader_study.session import TERM_KEYS, Session
from TextoMorphLib.reader_study.study import Study, read_json

PAGES = {
    "": ("reader.html", "text/html; charset=utf-8"),
    "reader.css": ("reader.css", "text/css; charset=utf-8"),
    "reader.js": ("reader.js", "text/javascript; charset=utf-8"),
    **{name: (name, "text/javascript; charset=utf-8") for name in ("viewer.js", "paint.js", "wheel.js")},
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # addresses of the documentation: nobody's
LARGEST_REQUEST = 65_536
HEADER_BYTES = 348  # of NIfTI-1
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Seat:
    """A reader's place at the server: the session, and the one window that may answer."""

    def __init__(self, study: Study, reader: str) -> None:
        self.study, self.reader = study, reader
        self.lock = threading.Lock()
        self.window = ""
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """Opened when first needed, so that a reader who reads elsewhere is told so and nobody else is kept waiting."""
        if self._session is None:
            self._session = Session(self.study, self.reader)
        return self._session

    def close(self) -> None:
        """Give the reader's answers free."""
        with self.lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def state(self) -> dict[str, Any]:
        """What the reader's page shows."""
        session = self.session
        state = {"title": self.study.title, "reader": self.reader, "total": len(session.order), "done": session.done}
        if session.done:
            return {**state, "can_go_back": session.can_go_back}
        view = session.view()
        with open(view.ct, "rb") as file:
            shape, spacing, _ = _grid(file.read(HEADER_BYTES))
        earlier = asdict(view.earlier) if view.earlier else None
        return {
            **state,
            "questions": self.study.questions,
            "term_keys": TERM_KEYS,
            "position": view.number - 1,
            "organ": view.organ,
            "text": view.text,
            "terms": view.terms,
            "window": view.window,
            "shape": shape,
            "spacing": spacing,
            "can_go_back": view.can_go_back,
            "earlier": earlier and {name: earlier[name] for name in ("call", "confidence", "terms", "comment")},
        }

    def voxels(self, which: str) -> bytes:
        """The voxels of the case that is to be read now."""
        view = self.session.view()
        content = (view.ct if which == "ct" else view.mask).read_bytes()
        return content[_grid(content)[2] :]

    def post(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        """Carry out what the page asks for, and tell the new state."""
        if action == "open":
            self.window = secrets.token_hex(8)
            return {**self.state(), "seat": self.window}
        seat = given.get("seat")
        if not self.window and isinstance(seat, str):
            self.window = seat  # opened before this server was started: the page goes on
        if not seat or seat != self.window:
            raise InputError("this reading was opened in another window; go on there, or reload this page")
        if given.get("position") != self.session.position:  # the answer's reply was lost on its way to the page
            if action in ("pause", "resume"):
                return {}  # of another case's clock
            raise InputError("this case is answered already; reload this page")
        self.session.took_before(given.get("spent"))
        if action == "pause":
            self.session.pause()
            return {}
        if action == "resume":
            if not self.session.done:
                self.session.show()  # the case is on the screen: the clock starts, or goes on
            return {}
        if action == "back":
            self.session.back()
        else:
            self.session.show()  # the clock may have been stopped
            terms = given.get("terms", [])
            if not isinstance(terms, list):
                raise InputError("the terms must be a list")
            self.session.answer(str(given.get("call")), given.get("confidence", 0), terms, given.get("comment", ""))
        return self.state()


class Server(ThreadingHTTPServer):
    """Serves a study's readings until it is closed."""

    daemon_threads = True

    def __init__(
        self, folder: Path, host: str = "127.0.0.1", port: int = 0, readers: Sequence[str] = (), keep: bool = True
    ) -> None:
        """Check the study and start to listen.

        Args:
            folder: The study's folder.
            host: Address to listen on; the default is reached from this computer alone.
            port: 0 takes a free one.
            readers: Those to give links to; all if empty.
            keep: The links are the same the next time; they are kept beside the study's folder then.

        Raises:
            InputError: The study is damaged, there is no such reader, or the address cannot be had.
        """
        study = Study.read(folder)
        study.check_files()
        names = [study.reader(name) for name in readers] or list(study.readers)
        tokens = _kept_tokens(study) if keep else _tokens(study)
        self.seats = {tokens[name]: Seat(study, name) for name in names}
        self.local_only = host in LOOPBACK
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise InputError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; try another --port"
            ) from error
        shown = _reached_at(host)
        self.links = {
            seat.reader: f"http://{shown}:{self.server_port}/r/{token}/" for token, seat in self.seats.items()
        }

    def server_close(self) -> None:
        """Stop listening and give the readers' answers free."""
        super().server_close()
        for seat in self.seats.values():
            seat.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "TextoMorph", ""
    timeout = 30

    def do_GET(self) -> None:
        found = self._place()
        if found is None:
            return self._send(HTTPStatus.NOT_FOUND, b"Please open the whole link that you were given.", "text/plain")
        seat, name = found
        if name in PAGES:
            file, kind = PAGES[name]
            return self._send(HTTPStatus.OK, (resources() / "Reading" / file).read_bytes(), kind)
        if name not in ("ct", "mask"):
            return self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.", "text/plain")
        try:
            with seat.lock:
                content = seat.voxels(name)
        except InputError as error:
            return self._json(HTTPStatus.CONFLICT, {"error": str(error)})
        return self._send(HTTPStatus.OK, content, "application/octet-stream")

    def do_POST(self) -> None:
        found = self._place()
        stated = self.headers.get("Content-Length") or "0"
        length = int(stated) if stated.isdecimal() and len(stated) < 9 else -1
        if found is None or found[1] not in ("open", "answer", "back", "pause", "resume"):
            return self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.", "text/plain")
        if not 0 <= length <= LARGEST_REQUEST:
            return self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"Too long.", "text/plain")
        try:
            given = _object(self.rfile.read(length) or b"{}")
        except ValueError:
            return self._json(HTTPStatus.BAD_REQUEST, {"error": "the request is no JSON object of plain text"})
        seat, action = found
        try:
            with seat.lock:
                state = seat.post(action, given)
        except (InputError, TypeError) as error:
            return self._json(HTTPStatus.CONFLICT, {"error": str(error)})
        return self._json(HTTPStatus.OK, state)

    def log_message(self, *_: Any) -> None:
        """Keep links out of the terminal's history."""

    def _place(self) -> tuple[Seat, str] | None:
        """The reader's seat and what is asked for, if the link is right."""
        try:
            host = urlsplit("//" + (self.headers.get("Host") or "")).hostname
            parts = urlsplit(self.path).path.split("/")
        except ValueError:  # no address at all
            return None
        if self.server.local_only and host not in LOOPBACK:  # a page elsewhere that points its name here
            return None
        if len(parts) != 4 or parts[:2] != ["", "r"]:
            return None
        for token, seat in self.server.seats.items():
            if hmac.compare_digest(token.encode(), parts[2].encode()):
                return seat, parts[3]
        return None

    def _json(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content, ensure_ascii=False).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _object(content: bytes) -> dict[str, Any]:
    """A request's JSON object.

    Raises:
        ValueError: It is none, is nested too deeply, or holds half characters (lone surrogates) that no file can.
    """
    try:
        given = json.loads(content)
        json.dumps(given, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(given, dict):
        raise ValueError("no object")
    return given


def _reached_at(host: str) -> str:
    """An address that a browser can open; one of this computer's own where the server listens on all of them."""
    if host in EVERYWHERE:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((ELSEWHERE[family], 9))  # chooses the way out; nothing is sent
            host = probe.getsockname()[0]
        if host in EVERYWHERE:  # without a network, this computer alone can reach it
            host = "::1" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def links_path(folder: Path) -> Path:
    """Where the readers' secrets are kept: beside the study, not in it, as readers may be given the folder."""
    folder = folder.resolve()
    return folder.with_name(folder.name + "-links.json")


def _tokens(study: Study) -> dict[str, str]:
    return {name: secrets.token_urlsafe(24) for name in study.readers}


def _kept_tokens(study: Study) -> dict[str, str]:
    """Each reader's secret, the same from one day to the next; drawn anew for another study."""
    path = links_path(study.folder)
    kept = read_json(path, "")[1] if path.is_file() else {}
    if kept.get("study") != study.id:
        kept = {"about": "Secrets of the readers' links.", "study": study.id, "tokens": _tokens(study)}
        outputs.write_bytes(path, json.dumps(kept, indent=1).encode(), private=True)
    tokens: dict[str, str] = kept["tokens"]
    return tokens


def _grid(content: bytes) -> tuple[tuple[int, ...], tuple[float, ...], int]:
    """Shape, spacing (mm) and where the voxels begin, from a case's NIfTI header, which is always of one kind."""
    shape = struct.unpack_from("<3h", content, 42)
    spacing = struct.unpack_from("<3f", content, 80)
    return shape, tuple(round(mm, 4) for mm in spacing), int(struct.unpack_from("<f", content, 108)[0])
