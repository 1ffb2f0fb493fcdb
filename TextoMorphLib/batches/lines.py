"""A file of jobs, line by line: which are well formed, whose share they are, and which are still to be done."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from TextoMorphLib.batches import claims
from TextoMorphLib.batches.job import Job
from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.batches.shards import WHOLE, Shard
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs


@dataclasses.dataclass(frozen=True)
class Line:
    """A job to be done.

    Attributes:
        number: Its line, counted from 1 as editors do.
        job: What it asks.
        overwrite: Whether its output may be replaced.
        resume: Whether what is there already counts as done.
        before: What its report looked like when the batch began; another look later is another batch's work.
    """

    number: int
    job: Job
    overwrite: bool = False
    resume: bool = False
    before: tuple[int, ...] | None = None

    def made_meanwhile(self, fingerprint: str) -> bool:
        """Whether somebody else has done it since the batch began."""
        return (self.resume or _look(self.job) != self.before) and self.job.is_done(fingerprint)


@dataclasses.dataclass(frozen=True)
class Rules:
    """What counts as to be done.

    Attributes:
        resume: Leave out what an earlier run has finished.
        overwrite: Replace outputs that exist.
        shard: The part of the file that is this batch's.
        store: "scan" or "delta", for jobs that do not say.
    """

    resume: bool = False
    overwrite: bool = False
    shard: Shard = WHOLE
    store: str = "scan"


def todo(
    lines: Iterable[tuple[int, str]], folder: Path, fingerprint: str, rules: Rules, tell: Callable[..., None]
) -> Iterator[Line]:
    """The jobs that are well formed and not yet done, those of one scan and mask after one another.

    Args:
        lines: Number and text of each line of the whole file.
        folder: Where relative paths start.
        fingerprint: The model's.
        rules: What counts as to be done.
        tell: Called with "failed" or "skipped", the line's number and more, for each other line of the shard.
    """
    every = list(lines)
    first, end = rules.shard.bounds(len(every))
    taken: dict[Path, int] = {}
    found = []
    for index, (number, text) in enumerate(every):
        own = first <= index < end
        try:
            job = parse(text, folder, rules.store)
            report = outputs.report_path(job.output).resolve()
            if report in taken:
                raise InputError(f"writes {job.output} or its report, as line {taken[report]} does")
            taken[report] = number
            if own and (line := _line(number, job, fingerprint, rules)) is not None:
                found.append(line)
            elif own:
                claims.clear(job.output)
                tell("skipped", number, output=str(job.output))
        except InputError as error:
            if own:
                tell("failed", number, error=str(error))
    return iter(_by_scan(found))


def _line(number: int, job: Job, fingerprint: str, rules: Rules) -> Line | None:
    """The line, unless it is done already."""
    before = _look(job)
    unlike = job.unlike(fingerprint) if rules.resume else ""
    if rules.resume and not unlike:
        return None
    again = rules.overwrite or (rules.resume and job.is_broken())
    try:
        job.check(again)
    except InputError as error:
        if unlike and not again and (job.stored.exists() or outputs.report_path(job.output).exists()):
            raise InputError(f"{error} ({unlike})") from error
        raise
    return Line(number, job, again, rules.resume, before)


def _by_scan(lines: list[Line]) -> list[Line]:
    """Jobs of one scan, and in these of one mask, after one another, so that either is read once; else as they were."""
    order: dict[Path, dict[tuple[Any, ...], list[Line]]] = {}
    for line in lines:
        job = line.job
        masks = (*((part.mask, part.label) for part in job.parts), job.replace)
        order.setdefault(job.ct, {}).setdefault(masks, []).append(line)
    return [line for masks in order.values() for same in masks.values() for line in same]


def groups(lines: list[Line], workers: int, most: int = 8) -> list[list[Line]]:
    """Lines in portions for workers: one scan's together, small enough that no worker waits for another's last one."""
    size = max(1, min(most, len(lines) // (workers * 4)))
    found: list[list[Line]] = []
    for line in lines:
        if found and found[-1][0].job.ct == line.job.ct and len(found[-1]) < size:
            found[-1].append(line)
        else:
            found.append([line])
    return found


def _look(job: Job) -> tuple[int, ...] | None:
    """What tells one state of a job's report from another, without reading it."""
    try:
        stat = outputs.report_path(job.output).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
