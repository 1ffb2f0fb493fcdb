"""Jobs done by actors of a Ray cluster, each with a model of its own; needs `ray` (the extra of that name).

Scans, masks and outputs lie where every node sees them, under the same paths. An actor that is lost, with its node or
without, gives its jobs back: they go to another, and a new actor is asked for. Jobs are handed out as actors become
free, so that none waits in a queue that a dead one held.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from TextoMorphLib.batches.lines import Line, groups
from TextoMorphLib.batches.work import Outcome, Worker
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.version import __version__

TRIES = 3  # how often the death of a worker is forgiven a job
LOST_BEFORE_WORK = 5  # workers in a row that die before they are ready: the cluster is at fault
GRACE_S = 20.0  # for workers to end what they do when the batch is stopped


class Actor:
    """A worker in the cluster; it starts with its model's weights verified and loaded."""

    def __init__(self, model: str, device: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._threads, self._stop = threads, threading.Event()
        self._worker = Worker.load(model, device)

    def ready(self) -> tuple[str, str]:
        """The version of TextoMorph there, and the model's fingerprint."""
        return __version__, self._worker.fingerprint

    def work(self, lines: list[Line]) -> list[Outcome]:
        """See `Worker.do`; those left when it is told to stop are not done."""
        import torch

        torch.set_num_threads(self._threads)  # of this thread
        found = []
        with contextlib.suppress(Cancelled):
            for line in lines:
                if self._stop.is_set():
                    break
                found.append(self._worker.do(line, lambda *_: not self._stop.is_set()))
        return found

    def stop(self) -> None:
        """Ends `work` soon."""
        self._stop.set()


class RayActors:
    """Does jobs on a cluster; the actors end with the `with` block."""

    def __init__(self, address: str, model: str, device: str, workers: int | None, gpus: float | None) -> None:
        """Connects.

        Args:
            address: A head node's host:port, or auto for the one that this machine belongs to.
            model: A model's name or folder, as the nodes know it.
            device: auto, cpu or cuda.
            workers: How many actors; as many as the cluster has room for if None.
            gpus: How much of a GPU each takes; if None, one where the cluster has any and `device` is not cpu.

        Raises:
            InputError: Ray is not installed, or no cluster answers.
        """
        self._ray = _connected(address)
        there = self._ray.cluster_resources()
        has_gpus = there.get("GPU", 0) > 0 and device != "cpu"
        self._gpus = float(has_gpus) if gpus is None else gpus
        room = int(there.get("GPU", 0) / self._gpus) if self._gpus else int(there.get("CPU", 1))
        if room < 1:
            raise InputError(f"the Ray cluster has room for no worker with {self._gpus:g} GPUs; ask for fewer --gpus")
        self._given, self._count = (model, device), min(workers or room, room)
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}  # what an actor will say of itself, and the actor
        self._working: dict[Any, tuple[Any, list[Line]]] = {}
        self._lost = 0
        self._said: tuple[str, str] | None = None

    def __enter__(self) -> RayActors:
        """Starts no actor yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        """Lets actors end their steps, then ends them."""
        actors = [*self._idle, *self._starting.values(), *(actor for actor, _ in self._working.values())]
        if kind is not None and self._working:
            for busy, _portion in self._working.values():
                busy.stop.remote()
            with contextlib.suppress(Exception):
                self._ray.wait(list(self._working), num_returns=len(self._working), timeout=GRACE_S)
        for actor in actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._ray.shutdown()

    def run(self, lines: list[Line]) -> Iterator[tuple[Line, Outcome]]:
        """See `Engine`."""
        todo = deque(groups(lines, self._count))
        tries: dict[int, int] = {}
        while todo or self._working:
            self._hand_out(todo)
            pending = [*self._starting, *self._working]
            for reference in self._ray.wait(pending, num_returns=1, timeout=None)[0]:
                if reference in self._starting:
                    self._started(reference)
                    continue
                actor, portion = self._working.pop(reference)
                try:
                    outcomes = self._ray.get(reference)
                except self._ray.exceptions.RayActorError:
                    yield from _given_back(portion, todo, tries)
                    continue
                self._idle.append(actor)
                yield from zip(portion, outcomes, strict=True)

    def _hand_out(self, todo: deque[list[Line]]) -> None:
        """Gives work to who is free, and asks for actors where some are missing."""
        while todo and self._idle:
            actor, portion = self._idle.pop(), todo.popleft()
            self._working[actor.work.remote(portion)] = (actor, portion)
        missing = min(len(todo), self._count - len(self._idle) - len(self._working)) - len(self._starting)
        for _ in range(missing):
            options = {"num_cpus": 1, "num_gpus": self._gpus, "max_restarts": 0, "max_concurrency": 2}
            actor = self._ray.remote(Actor).options(**options).remote(*self._given, 1)
            self._starting[actor.ready.remote()] = actor

    def _started(self, reference: Any) -> None:
        """An actor is ready, or was lost before.

        Raises:
            InputError: Actors cannot start there, or differ in version or model.
        """
        actor = self._starting.pop(reference)
        try:
            said = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._lost += 1
            if self._lost >= LOST_BEFORE_WORK or "creation task" in str(error):
                reason = str(error).strip().splitlines()[-1]
                raise InputError(f"Ray's workers cannot start: {reason}") from None
            return
        self._lost = 0
        self._said = self._said or said
        if said != self._said or said[0] != __version__:
            raise InputError(
                f"the Ray nodes differ: TextoMorph {said[0]} with model {said[1][:12]} on one, {__version__} here and "
                f"model {self._said[1][:12]} on another; install the same on all"
            )
        self._idle.append(actor)


def _given_back(portion: list[Line], todo: deque[list[Line]], tries: dict[int, int]) -> Iterator[tuple[Line, Outcome]]:
    """Jobs of a lost worker go back, one by one, so that one that kills its workers is found and given up."""
    for line in portion:
        tries[line.number] = tries.get(line.number, 0) + 1
        if tries[line.number] < TRIES:
            todo.append([line])
        else:
            error = f"its worker died {TRIES} times, most likely for lack of memory; run it alone, with --resume"
            yield line, Outcome("failed", error=error)


def _connected(address: str) -> Any:
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        import ray
    except ImportError:
        raise InputError("--ray needs Ray; install it with: pip install 'ray>=2.50'") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"no Ray cluster answers at {address} ({reason}); start one with: ray start --head") from None
    return ray
