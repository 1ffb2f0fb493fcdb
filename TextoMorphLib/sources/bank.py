"""Patches with tumours made ahead into a folder; a training only reads them.

Entries are numbered 0, 1, 2, ...; entry n is decided by the bank's seed and n alone. At a training step the window of
entries `first .. first + size - 1` is drawn from, and `first` moves on by `refresh` entries a step. So a training that
is resumed meets the same entries, whatever was made or deleted in between.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.textfile import from_json, read_text
from TextoMorphLib.sources import Insertion, from_settings

Healthy = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]  # a patch in HU, and its organ
FAILED, FACTS = "failed.txt", "bank.json"
POLL_S = 0.02


@dataclass(frozen=True)
class BankSettings:
    """Tumours that are made ahead.

    Attributes:
        size: Patches to draw from.
        refresh: New ones a step.
        workers: Processes that make them.
    """

    size: int = 200
    refresh: float = 0.0
    workers: int = 1

    def __post_init__(self) -> None:
        """Refuses what is no bank."""
        if min(self.size, self.workers) < 1 or self.refresh < 0:
            raise ValueError("size and workers must be 1 or more, refresh 0 or more")


class Bank:
    """Draws ready patches.

    Attributes:
        folder: Of the entries.
        size: Of the window; 0 takes all that are in the folder, which stays as it is.
        refresh: Entries by which the window moves on a step.
    """

    def __init__(
        self, spacing_mm: float = 1.0, folder: str | Path = "bank", size: int = 0, refresh: float = 0.0
    ) -> None:
        self.folder, self.refresh, self.first = Path(folder), float(refresh), 0
        # Of one that moved on with a training, the first entries are gone.
        self.there = [] if size else sorted(int(path.stem) for path in self.folder.glob("*.npz") if path.stem.isdigit())
        self.size = size or len(self.there)
        if not self.size:
            raise InputError(f"{self.folder} holds no bank of tumours")
        facts = self.folder / FACTS
        made_at = from_json(read_text(facts)).get("spacing_mm", spacing_mm) if facts.is_file() else spacing_mm
        if made_at != spacing_mm:
            raise InputError(
                f"the bank in {self.folder} was made at {made_at:g} mm, not at {spacing_mm:g}; make another"
            )

    def at(self, step: int) -> None:
        """Moves the window to where it is at a step of the training."""
        self.first = first_at(step, self.refresh)

    def insert(self, patch: np.ndarray, organ: np.ndarray, rng: np.random.Generator) -> Insertion:
        """A ready patch; the one that is given is not looked at."""
        drawn = int(rng.integers(self.size))
        return self.entry(self.there[drawn] if self.there else self.first + drawn)

    def entry(self, number: int) -> Insertion:
        """An entry; waits until it is there.

        Raises:
            InputError: Making it failed.
        """
        path = _path(self.folder, number)
        while not path.exists():
            if (self.folder / FAILED).exists():
                raise InputError(f"the bank of tumours stopped: {(self.folder / FAILED).read_text(encoding='utf-8')}")
            time.sleep(POLL_S)
        with np.load(path, allow_pickle=False) as file:
            return Insertion(file["ct"].astype(np.float32), file["label"], str(file["text"]))


class Maker:
    """Makes a bank's entries, in order, and deletes those that the window has left behind.

    By processes that go on beside a training; by this one where the window stands still and only one would make it.
    """

    def __init__(
        self,
        folder: Path,
        size: int,
        refresh: float,
        seed: int,
        healthy: Healthy,
        source: Mapping[str, Any],
        spacing_mm: float,
        workers: int = 1,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.facts = {"spacing_mm": spacing_mm, "seed": seed, "source": dict(source), **(facts or {})}
        self.folder, self.size, self.refresh, self.workers = folder, size, refresh, max(workers, 1)
        self.task = (folder, seed, healthy, dict(source), spacing_mm)
        context = multiprocessing.get_context("spawn")
        self.first: Synchronized[int] = context.Value("q", 0)
        self.processes: list[Any] = []
        self.context = context

    def start(self, step: int = 0, progress: Callable[[int, int], Any] | None = None) -> None:
        """Starts to make entries and returns once the window of a step is there.

        Args:
            step: Of the training that begins.
            progress: Called with (entries there, entries in all); may return False to cancel.

        Raises:
            InputError: Making them failed.
            Cancelled: `progress` returned False.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_facts()
        (self.folder / FAILED).unlink(missing_ok=True)
        if not self.refresh and self.workers == 1:
            self._make_all(progress or (lambda _there, _all: None))
            return
        first = first_at(step, self.refresh)
        self.first.value = first
        ahead = self.size if self.refresh else 0
        for worker in range(self.workers):
            share = (first + worker, self.workers, self.size + ahead)
            process = self.context.Process(
                target=_make, args=(*self.task, self.first, share, bool(self.refresh), os.getpid()), daemon=True
            )
            process.start()
            self.processes.append(process)
        wanted = [_path(self.folder, number) for number in range(first, first + self.size)]
        while (there := sum(path.exists() for path in wanted)) < self.size:
            if progress is not None and progress(there, self.size) is False:
                raise Cancelled("cancelled")
            alive = any(process.is_alive() for process in self.processes)  # first: one that ends now has told why
            if (self.folder / FAILED).exists():
                raise InputError((self.folder / FAILED).read_text(encoding="utf-8"))
            if not alive:
                raise InputError("the processes that make the bank of tumours died, most likely for lack of memory")
            time.sleep(0.1)

    def _make_all(self, progress: Callable[[int, int], Any]) -> None:
        """Makes the whole bank here, with one thread, as every worker does: the same entries, bit by bit."""
        folder, seed, healthy, settings, spacing_mm = self.task
        with _one_thread():
            source = None
            for number in range(self.size):
                if progress(number, self.size) is False:
                    raise Cancelled("cancelled")
                if not _path(folder, number).exists():
                    source = source or from_settings(settings, spacing_mm)
                    write_entry(folder, number, make_entry(number, seed, healthy, source))
        progress(self.size, self.size)

    def _check_facts(self) -> None:
        """Makes sure that what is there already was made from the same; says in `bank.json` from what."""
        path, told = self.folder / FACTS, (outputs.to_json(self.facts) + "\n").encode()
        if any(self.folder.glob("*.npz")) and not (path.is_file() and path.read_bytes() == told):
            raise InputError(
                f"the bank in {self.folder} was made from other settings; delete it or choose another folder"
            )
        outputs.write_bytes(path, told)

    def at(self, step: int) -> None:
        """Lets the processes go on to what the window of a step needs."""
        self.first.value = first_at(step, self.refresh)

    def stop(self) -> None:
        """Ends the processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        self.processes = []


def first_at(step: int, refresh: float) -> int:
    """The number of the window's first entry at a step."""
    return int(step * refresh)


def make_entry(number: int, seed: int, healthy: Healthy, source: Any) -> Insertion:
    """Entry `number` of a bank."""
    rng = np.random.default_rng([seed, number, 0xBA])
    patch, organ = healthy(rng)
    made: Insertion = source.insert(patch, organ, rng)
    return made


def write_entry(folder: Path, number: int, made: Insertion) -> None:
    """Writes an entry, whole or not at all."""
    path = _path(folder, number)
    ct = np.clip(np.rint(made.ct), -32768, 32767).astype(np.int16)
    with replacing(path) as (beside,), open(beside, "wb") as file:
        np.savez(file, ct=ct, label=made.label, text=np.array(made.text))


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:07d}.npz"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch with one thread, as a worker has it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _make(
    folder: Path,
    seed: int,
    healthy: Healthy,
    settings: dict[str, Any],
    spacing_mm: float,
    first: Synchronized[int],
    share: tuple[int, int, int],
    goes_on: bool,
    parent: int,
) -> None:
    """What a process does: its share of the entries, as far ahead as is wanted."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _one_thread():
            source = from_settings(settings, spacing_mm)
            number, step, ahead = share
            while os.getppid() == parent:
                if number >= first.value + ahead:
                    if not goes_on:
                        return
                    time.sleep(POLL_S)
                    continue
                if not _path(folder, number).exists():
                    write_entry(folder, number, make_entry(number, seed, healthy, source))
                number += step
                if goes_on:
                    _path(folder, number - step - 3 * ahead).unlink(missing_ok=True)
    except Exception as error:  # told by the process that waits
        (folder / FAILED).write_text(" ".join(f"{error}".split()) or repr(error), encoding="utf-8")
