"""`textomorph batch`: many tumours from a file of jobs, over several processes."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import typing
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated, Any

import typer

from TextoMorphLib.batches.job import Job, make
from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.commands import common
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import outputs

if typing.TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from TextoMorphLib.synthesis import Synthesizer

Line = tuple[int, Job, bool]  # its number, counted from 1 as editors do, and whether its output may be replaced


def batch(
    jobs: Annotated[Path, typer.Argument(metavar="JOBS.jsonl", help="One job a line, as JSON.")],
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes, which share the cores.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what an earlier run has finished.")] = False,
    device: common.Device = "auto",
    model: common.Model = "starter",
    overwrite: common.Overwrite = False,
) -> None:
    """Make many tumours, from a file of jobs.

    A line of JOBS.jsonl is {"ct", "mask", "text", "output"}, and may hold "organ", "seed", "steps", "guidance",
    "preset", "replace" (true where the mask holds a tumour already), "label", "resample_mask", "assume_hu" and
    "texture" (false: without that of real tumours). In the place of "mask" and "text", "lesions" may be a list of
    {"mask", "text"}, each with its own "organ", "label" and "seed" if need be: all go into the one output. Relative
    paths start at the folder of JOBS.jsonl. A bad job is named by its line; the others still run, and the status is 2
    at the end. Each job that ends prints a line of JSON on stdout, unless that is a terminal; its "warnings" say what
    is doubtful about the input and the result, its "notes" what the model could not take up and what was done about
    short memory.
    """
    lines = common.read_lines(jobs)
    from TextoMorphLib.models import bundle
    from TextoMorphLib.models import device as devices

    devices.resolve(device)
    fingerprint = bundle.verify(bundle.find(model))
    failed = False

    def tell(event: str, number: int, **more: Any) -> None:
        nonlocal failed
        failed |= event == "failed"
        if event == "failed":
            typer.echo(f"error: {jobs.name} line {number}: {more['error']}", err=True)
        if not sys.stdout.isatty():
            typer.echo(json.dumps({"event": event, "line": number, **more}, ensure_ascii=False))
            sys.stdout.flush()

    todo = list(_todo(lines, jobs.parent, fingerprint, resume, overwrite, tell))
    results = _in_processes(todo, model, device, workers) if workers > 1 else _here(todo, model, device)
    with common.progress("batch") as step, contextlib.closing(results):
        step(0, len(todo))
        for done, ((number, job, _), result) in enumerate(results, start=1):
            if isinstance(result, InputError):
                tell("failed", number, error=str(result))
            else:
                for said in (*result.warnings, *result.notes):
                    common.warn(f"{jobs.name} line {number}: {said}")
                tell("done", number, output=str(job.output), **result._asdict())
            step(done, len(todo))
    if failed:
        raise typer.Exit(2)


def _todo(
    lines: Iterable[tuple[int, str]],
    folder: Path,
    fingerprint: str,
    resume: bool,
    overwrite: bool,
    tell: Callable[..., None],
) -> Iterator[Line]:
    """The jobs that are well formed and not yet done; the others are told of."""
    claimed: dict[Path, int] = {}
    for number, line in lines:
        try:
            job = parse(line, folder)
            report = outputs.report_path(job.output).resolve()
            if report in claimed:
                raise InputError(f"writes {job.output} or its report, as line {claimed[report]} does")
            claimed[report] = number
            if resume and job.is_done(fingerprint):
                tell("skipped", number, output=str(job.output))
                continue
            again = overwrite or (resume and job.is_broken())
            job.check(again)
            yield number, job, again
        except InputError as error:
            tell("failed", number, error=str(error))


class Made(typing.NamedTuple):
    """What is told of a job that is done: how long it took, and what its report says beside the result."""

    seconds: float
    warnings: list[str]
    notes: list[str]


Result = tuple[Line, "Made | InputError"]  # or what is wrong with the job


def _here(todo: list[Line], model: str, device: str) -> Generator[Result]:
    from TextoMorphLib.synthesis import Synthesizer

    if todo:
        synthesizer = Synthesizer.load(model, device)
    for line in todo:
        yield line, _attempt(line, model, synthesizer, lambda *_: True)


def _in_processes(todo: list[Line], model: str, device: str, workers: int) -> Generator[Result]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    workers = min(workers, len(todo)) or 1
    threads = max((os.cpu_count() or 1) // workers, 1)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (model, device, threads, stop))
    try:
        running: dict[Future[Made | InputError], Line] = {pool.submit(_work, line, model): line for line in todo}
        for future in as_completed(running):
            yield running[future], future.result()
    except BrokenProcessPool as error:
        raise InputError("a worker died, most likely for lack of memory; use fewer --workers and --resume") from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(line: Line, model: str, synthesizer: Synthesizer, step: Callable[[int, int], bool]) -> Made | InputError:
    _, job, again = line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubts go into the report's warnings, which are told with the job
            ct, lesions, doubts = job.read()
        made = make(job, model, synthesizer, ct, lesions, step, doubts, again)
    except InputError as error:
        return error
    seconds = round(float(sum(made.report["seconds"].values())), 2)
    return Made(seconds, list(made.report["warnings"]), list(made.report["notes"]))


# What a worker process keeps between its jobs.
_worker: dict[str, Any] = {}


def _start_worker(model: str, device: str, threads: int, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which sets `stop`
    signal.signal(signal.SIGTERM, _end_worker)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    from TextoMorphLib.synthesis import Synthesizer

    _worker.update(synthesizer=Synthesizer.load(model, device), stop=stop)


def _end_worker(*_: Any) -> None:
    """Ends the process: at once when it waits, after its temporary files are gone when it works."""
    _worker["ended"] = True
    raise SystemExit(143)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever, and hold its model's memory."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os._exit(143)


def _work(line: Line, model: str) -> Made | InputError:
    stop: Event = _worker["stop"]
    try:
        if stop.is_set():
            raise Cancelled
        return _attempt(line, model, _worker["synthesizer"], lambda *_: not stop.is_set())
    finally:
        if _worker.get("ended"):
            os._exit(143)  # the pool would go on with the next job
