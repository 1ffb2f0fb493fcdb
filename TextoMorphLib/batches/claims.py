"""Who works on which job, told by files alone, so that batches on one folder share its work.

A claim is a file that only one process can create. Its owner touches it while it works and removes it afterwards. A
claim is dead when its owner is a process of this machine that no longer runs, or, for owners elsewhere, when it was
not touched for `STALE_S`, by the clock of the file system. A dead claim is taken over. Should a machine that slept
come back to a job that was taken over, it finds the output there: results are never moved over one another.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError

FOLDER = "batch-state"  # beside the outputs
SUFFIX = ".claim"
BEAT_S = 20.0
STALE_S = 300.0


class Claims:
    """The claims of this process; a thread touches those that it holds."""

    def __init__(self) -> None:
        self._held: set[Path] = set()
        self._wake = threading.Event()

    @contextmanager
    def on(self, output: Path) -> Iterator[str | None]:
        """Claims a job while the block runs.

        Args:
            output: What the job writes; its folder exists.

        Yields:
            None where the job is ours; the name of the machine that works on it where it is not.

        Raises:
            InputError: No claim can be written there.
        """
        path = place(output)
        try:
            path.parent.mkdir(exist_ok=True)
            owner = self._take(path, output)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        if owner is not None:
            yield owner
            return
        self._held.add(path)
        self._beat()
        try:
            yield None
        finally:
            self._held.discard(path)
            with suppress(OSError):
                path.unlink()

    def _take(self, path: Path, output: Path) -> str | None:
        """None once the claim is ours; else its owner."""
        claim = {**_self(), "output": output.name, "token": secrets.token_hex(8)}
        for _ in range(3):
            try:
                with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "w") as file:
                    json.dump(claim, file)
                return None
            except FileExistsError:
                there = read(path)
                if there is not None and is_dead(path, there):
                    _discard(path, there)
                elif there is not None:
                    return str(there.get("machine", "another machine"))
        return "another machine"

    def _beat(self) -> None:
        if not self._wake.is_set():
            self._wake.set()
            threading.Thread(target=self._beats, daemon=True).start()

    def _beats(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT_S):
            for path in tuple(self._held):
                with suppress(OSError):
                    os.utime(path)


def place(output: Path) -> Path:
    """Where the claim of a job lies; a short name, however long the output's is."""
    mark = hashlib.sha256(os.fsencode(output.name)).hexdigest()[:20]
    return output.parent / FOLDER / f"{mark}{SUFFIX}"


def read(path: Path) -> dict[str, Any] | None:
    """What a claim says; {} where it is not written yet, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}


def is_dead(path: Path, claim: dict[str, Any]) -> bool:
    """Whether the owner of a claim is gone; see above for the rule."""
    if claim.get("place") == _self()["place"]:
        return not _lives(claim)
    try:
        return _now(path.parent) - path.stat().st_mtime > STALE_S
    except OSError:
        return False


def clear(output: Path) -> None:
    """Takes away the claim that a killed process has left on a job that is done; one of the living stays."""
    path = place(output)
    there = read(path)
    if there is not None and is_dead(path, there):
        with suppress(OSError):
            _discard(path, there)


def machine() -> str:
    """The name of this machine for people: TEXTOMORPH_MACHINE, or the host's."""
    return os.environ.get("TEXTOMORPH_MACHINE") or socket.gethostname()


def _discard(path: Path, dead: dict[str, Any]) -> None:
    """Takes a dead claim away; one that somebody else has made meanwhile is put back."""
    aside = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        os.rename(path, aside)
        if read(aside) != dead:
            with suppress(OSError):
                os.link(aside, path)
        aside.unlink()


def _lives(claim: dict[str, Any]) -> bool:
    import psutil

    try:
        started = psutil.Process(int(claim["process"])).create_time()
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
    return abs(started - float(claim.get("started", started))) < 2


def _now(folder: Path) -> float:
    """The time by the clock that stamps the files of a folder, which may be another machine's."""
    probe = folder / f"now-{secrets.token_hex(4)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        with suppress(OSError):
            probe.unlink()


def _self() -> dict[str, Any]:
    """This process, as claims name it."""
    return {"machine": machine(), **_process(os.getpid())}


@lru_cache(maxsize=2)
def _process(number: int) -> dict[str, Any]:
    """Where process numbers are this one's: the same host since it was started, the same container; and its own."""
    import psutil

    parts = [socket.gethostname()]
    for name in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            parts.append(os.readlink(name) if name.endswith("pid") else Path(name).read_text(encoding="ascii"))
    where = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
    return {"place": where, "process": number, "started": psutil.Process(number).create_time()}
