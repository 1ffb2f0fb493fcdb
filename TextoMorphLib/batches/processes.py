"""Jobs done on this machine: in this process, or in several that share the cores."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import typing
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from TextoMorphLib.batches.lines import Line, groups
from TextoMorphLib.batches.work import Outcome, Worker
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.parallel import end_with_parent

if typing.TYPE_CHECKING:
    from multiprocessing.synchronize import Event

AHEAD = 3  # portions handed out for each worker, so that none waits and a million of them are not held twice


class Here:
    """Does jobs in this process; the model is loaded with the first."""

    def __init__(self, model: str, device: str) -> None:
        self._given = model, device
        self._worker: Worker | None = None

    def run(self, lines: list[Line]) -> Iterator[tuple[Line, Outcome]]:
        """See `Engine`."""
        for line in lines:
            self._worker = self._worker or Worker.load(*self._given)
            yield line, self._worker.do(line)


class Processes:
    """Does jobs in several processes, which end with the `with` block."""

    def __init__(self, model: str, device: str, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop, self._workers = context.Event(), workers
        threads = max((os.cpu_count() or 1) // workers, 1)
        self._pool = ProcessPoolExecutor(workers, context, _start_worker, (model, device, threads, self._stop))

    def __enter__(self) -> Processes:
        """Starts no process yet: that is the first job's."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Ends them all."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, lines: list[Line]) -> Generator[tuple[Line, Outcome]]:
        """See `Engine`."""
        portions = iter(groups(lines, self._workers))
        running: dict[Future[list[Outcome]], list[Line]] = {}
        try:
            while True:
                while len(running) < AHEAD * self._workers and (portion := next(portions, None)):
                    running[self._pool.submit(_work, portion)] = portion
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield from zip(running.pop(future), future.result(), strict=True)
        except BrokenProcessPool as error:
            raise InputError(
                "a worker died, most likely for lack of memory; use fewer --workers and --resume"
            ) from error


@contextlib.contextmanager
def engine(model: str, device: str, workers: int) -> Iterator[Here | Processes]:
    """What does jobs on this machine, with as many workers."""
    if workers == 1:
        yield Here(model, device)
        return
    with Processes(model, device, workers) as processes:
        yield processes


# What a worker process keeps between its jobs.
_worker: dict[str, Any] = {}


def _start_worker(model: str, device: str, threads: int, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which sets `stop`
    signal.signal(signal.SIGTERM, _end_worker)
    end_with_parent()
    import torch

    torch.set_num_threads(threads)
    _worker.update(worker=Worker.load(model, device), stop=stop)


def _end_worker(*_: Any) -> None:
    """Ends the process: at once when it waits, after its temporary files are gone when it works."""
    _worker["ended"] = True
    raise SystemExit(143)


def _work(lines: list[Line]) -> list[Outcome]:
    stop: Event = _worker["stop"]
    worker: Worker = _worker["worker"]
    found = []
    try:
        for line in lines:
            if stop.is_set():
                raise Cancelled
            found.append(worker.do(line, lambda *_: not stop.is_set()))
        return found
    finally:
        if _worker.get("ended"):
            os._exit(143)  # the pool would go on with the next job
