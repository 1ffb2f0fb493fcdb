"""Pieces of work done one after the other, or by several processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

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
            yield from pool.map(partial(_work, work), jobs)
        finally:
            pool.shutdown(cancel_futures=True)


def given(shared: Shared) -> Shared:
    """Prepares nothing, as `partial(given, MODEL)`: what the jobs need is at hand."""
    return shared


_shared: Any  # a worker's


def _start(prepare: Callable[[], Any], workers: int) -> None:
    import torch

    global _shared
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    _shared = prepare()


def _end_with_parent() -> None:
    """Ends this process when the one that asks is gone, killed perhaps: nobody would take what it makes."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _work(work: Callable[[Any, Job], Done], job: Job) -> Done:
    return work(_shared, job)
