"""`textomorph batch`: many tumours from a file of jobs, over several processes and machines."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import typing
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from TextoMorphLib.batches.job import STORES
from TextoMorphLib.batches.shards import WHOLE
from TextoMorphLib.batches.shards import parse as parse_shard
from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

if typing.TYPE_CHECKING:
    from TextoMorphLib.batches.lines import Line
    from TextoMorphLib.batches.work import Engine, Outcome


class RunsByDefault(typer.core.TyperGroup):
    """`batch JOBS.jsonl` is short for `batch run JOBS.jsonl`; a file named as a command is written ./status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With the command that is left out."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["run", *args])


app = typer.Typer(cls=RunsByDefault, help="Make many tumours, from a file of jobs.")
Shard = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N|auto", help="Only the I-th of N parts; auto: as Slurm or Kubernetes say."),
]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS|auto", help="Do the work on a Ray cluster (host:port of its head)."),
]
Gpus = Annotated[
    float | None, typer.Option("--gpus", min=0, help="With --ray: GPUs for each worker. [default: 1 if any]")
]
Jobs = Annotated[Path, typer.Argument(metavar="JOBS.jsonl", help="One job a line, as JSON.")]


@app.command(epilog="Examples:\n\ntextomorph batch jobs.jsonl --workers 4 --resume\n\ntextomorph batch status out/")
def run(
    jobs: Jobs,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes, which share the cores. [default: 1; with --ray, all]"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what an earlier run has finished.")] = False,
    shard: Shard = None,
    ray: Ray = None,
    gpus: Gpus = None,
    store: Annotated[
        str,
        typer.Option("--store", metavar="scan|delta", help="delta keeps only what changes: see textomorph apply."),
    ] = "scan",
    device: common.Device = "auto",
    source: common.Source = "words",
    model: common.Model = "starter",
    overwrite: common.Overwrite = False,
) -> None:
    """Make many tumours, from a file of jobs.

    A line of JOBS.jsonl is {"ct", "mask", "text", "output"}, and may hold "organ", "seed", "steps", "guidance",
    "preset", "replace" (true where the mask holds a tumour already), "label", "resample_mask", "assume_hu",
    "texture" (false: without that of real tumours), "hedges" (what doubt in the text counts for: "marked", "said" or
    "ignored"), "organ_mask" (in which healthy tissue is judged) and "store". In the place of "mask" and "text",
    "lesions" may be a list of {"mask", "text"}, each with its own "organ", "label" and "seed" if need be: all go into
    the one output.
    Relative paths start at the folder of JOBS.jsonl. A bad job is named by its line; the others still run, and the
    status is 2 at the end. Each job that ends prints a line of JSON on stdout, unless that is a terminal; its
    "warnings" say what is doubtful about the input and the result, its "notes" what the model could not take up and
    what was done about short memory. Several batches on the same jobs share them (with --resume): none is made twice.
    `textomorph batch status FOLDER` tells how far they are.
    """
    lines = common.read_lines(jobs)
    rules_shard = parse_shard(shard) if shard else WHOLE
    if store not in STORES:
        raise InputError(f"unknown --store '{store}'; use one of: {', '.join(STORES)}")
    if gpus is not None and ray is None:
        raise InputError("--gpus goes with --ray ADDRESS; use --device cuda on one machine")
    from TextoMorphLib.batches.lines import Rules, todo
    from TextoMorphLib.batches.work import finished
    from TextoMorphLib.models import device as devices
    from TextoMorphLib.sources import scans

    if ray is None:
        devices.resolve(device)
    model = scans.named(source, model)
    fingerprint = scans.fingerprint(model)
    told = _Told(jobs.name)
    left = list(todo(lines, jobs.parent, fingerprint, Rules(resume, overwrite, rules_shard, store), told.event))
    alone = told.alone() if ray else contextlib.nullcontext()
    with alone, common.progress("batch") as step, _engine(left, model, device, workers, ray, gpus) as engine:
        step(0, len(left))
        results = finished(engine, left, told.waiting)
        with contextlib.closing(typing.cast("typing.Generator[Any]", results)):
            for done, (line, outcome) in enumerate(results, start=1):
                told.ended(line, outcome, told.pace(done, len(left)))
                step(done, len(left))
    if told.failed:
        raise typer.Exit(2)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER|JOBS.jsonl", help="A file of jobs, or its folder.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read each output and hold it against its report (slow).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell how many jobs are done, failed, under way and left, and on which machine; nothing is changed."""
    from TextoMorphLib.batches import status as batch_status
    from TextoMorphLib.io import outputs

    with common.progress("looking") as step:
        found = batch_status.status(folder, verify, step)
    typer.echo(outputs.to_json(found.as_dict()) if as_json else batch_status.table(found))


@contextlib.contextmanager
def _engine(
    left: list[Any], model: str, device: str, workers: int | None, ray: str | None, gpus: float | None
) -> typing.Iterator[Engine]:
    """What does the jobs that are left."""
    if ray is not None and left:
        from TextoMorphLib.batches.ray_cluster import RayActors

        with RayActors(ray, model, device, workers, gpus) as actors:
            yield actors
        return
    from TextoMorphLib.batches import processes

    with processes.engine(model, device, min(workers or 1, max(len(left), 1))) as engine:
        yield engine


class _Told:
    """What the user is told of a batch: failures on stderr, and all that ends as JSON on stdout for programs."""

    def __init__(self, name: str) -> None:
        self.name, self.failed, self.start, self.out = name, False, time.monotonic(), sys.stdout

    @contextlib.contextmanager
    def alone(self) -> typing.Iterator[None]:
        """Keeps stdout for events: what else a library writes there, from whatever thread, goes to stderr."""
        sys.stdout.flush()
        own = os.dup(1)
        os.dup2(2, 1)
        try:
            with open(own, "w", encoding="utf-8", closefd=False) as self.out:
                yield
        finally:
            os.dup2(own, 1)
            os.close(own)
            self.out = sys.stdout

    def event(self, event: str, number: int, **more: Any) -> None:
        """A job has ended."""
        self.failed |= event == "failed"
        if event == "failed":
            typer.echo(f"error: {self.name} line {number}: {more['error']}", err=True)
        if not self.out.isatty():
            self.out.write(json.dumps({"event": event, "line": number, **more}, ensure_ascii=False) + "\n")
            self.out.flush()

    def ended(self, line: Line, outcome: Outcome, pace: dict[str, float | int]) -> None:
        """A job was done, has failed, or was somebody else's."""
        if outcome.event == "failed":
            self.event("failed", line.number, error=outcome.error, progress=pace)
        elif outcome.event == "skipped":
            self.event("skipped", line.number, output=str(line.job.output), progress=pace)
        else:
            for said in (*outcome.warnings, *outcome.notes):
                common.warn(f"{self.name} line {line.number}: {said}")
            made = {"output": str(line.job.stored), "seconds": round(outcome.seconds, 2)}
            doubts = {"warnings": list(outcome.warnings), "notes": list(outcome.notes)}
            self.event("done", line.number, **made, **doubts, progress=pace)

    def waiting(self, jobs: int, machine: str) -> None:
        """What is left is other batches' work; said once."""
        if not self.__dict__.setdefault("waited", False):
            self.waited = True
            typer.echo(f"waiting for {jobs} jobs that {machine} works on; Ctrl-C ends only the waiting", err=True)

    def pace(self, done: int, total: int) -> dict[str, float | int]:
        """How far the batch is, how fast, and how long it will take."""
        seconds = max(time.monotonic() - self.start, 1e-3)
        left = round(seconds / done * (total - done))
        return {"done": done, "of": total, "per_hour": round(3600 * done / seconds), "seconds_left": left}
