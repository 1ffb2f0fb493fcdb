"""Pieces of work done one after the other, or by several processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from TextoMorphLib.errors import doubt, doubts_kept

Shared = TypeVar("Shared")
Job = TypeVar("Job")
Done = TypeVar("Done")


def in_order(
    work: Callable[[Shared, Job], Done], jobs: Sequence[Job], prepare: Callable[[], Shared], workers: int
) -> Iterator[Done]:
    """What comes of jobs, in their order; who stops asking leaves the rest undone.

    Args:
        work: Does a job. With several workers it and all that goes in and out is pickled.
        jobs: What there is to do.
        prepare: Makes what all jobs of a process need, such as a model; not called where there is nothing to do.
        workers: Processes, which share the processor's cores; with one, or a single job, all is done in this process.
    """
    if not jobs:
        return
    if workers <= 1 or len(jobs) < 2:
        shared = prepare()
        yield from (work(shared, job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (prepare, workers)) as pool:
        try:
            for done, doubts in pool.map(partial(_work, work), jobs):
                for each in doubts:
                    doubt(each)
                yield done
        finally:
            pool.shutdown(cancel_futures=True)


def given(shared: Shared) -> Shared:
    """Prepares nothing, as `partial(given, MODEL)`: what the jobs need is at hand."""
    return shared


_shared: Any  # a worker's


def _start(prepare: Callable[[], Any], workers: int) -> None:
    global _shared
    end_with_parent()
    threads = max(1, (os.cpu_count() or 1) // workers)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for torch, should the work need it: to load it takes a second
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)
    _shared = prepare()


def end_with_parent() -> None:
    """From now on this worker ends, as by SIGTERM, when the process that asks it is gone, killed perhaps.

    It would wait for ever, and hold its memory; and nobody would take what it makes.
    """
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os._exit(143)


def _work(work: Callable[[Any, Job], Done], job: Job) -> tuple[Done, list[str]]:
    """What comes of a job, and its doubts, which are told where the jobs are asked for."""
    with doubts_kept() as doubts:
        done = work(_shared, job)
    return done, doubts
