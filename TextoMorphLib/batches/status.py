"""How far a batch has come, from its files alone: outputs and their reports, claims, journals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from TextoMorphLib.batches import claims, journal
from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.cases.pairs import JOBS
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text


@dataclass
class Machine:
    """What one machine has done.

    Attributes:
        done: Jobs that it made and that are there.
        failed: Jobs that failed there, and are not done elsewhere.
        working: Jobs that it works on now.
        gone: Jobs that a process of it began, and left when it was killed; not done elsewhere.
        first: When it finished its first one, in seconds since 1970.
        last: When its last.
    """

    done: int = 0
    failed: int = 0
    working: int = 0
    gone: int = 0
    first: float = float("inf")
    last: float = 0.0

    @property
    def per_hour(self) -> float | None:
        """Jobs an hour between its first and its last."""
        span = self.last - self.first
        return 3600 * (self.done - 1) / span if self.done > 1 and span > 0 else None


@dataclass
class Status:
    """How far a batch has come.

    Attributes:
        jobs: The file of jobs.
        total: How many jobs there are.
        done: Made, as asked.
        failed: Failed when last tried, or no job at all.
        working: Somebody works on them.
        left: None of these.
        machines: By name; jobs made by versions that kept no journal are "not known".
        errors: By line, what was wrong.
    """

    jobs: Path
    total: int = 0
    done: int = 0
    failed: int = 0
    working: int = 0
    left: int = 0
    machines: dict[str, Machine] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    def machine(self, name: object) -> Machine:
        """The one of a name."""
        return self.machines.setdefault(str(name or "not known"), Machine())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: getattr(self, name) for name in ("total", "done", "failed", "working", "left")}
        machines = {
            name: {"done": m.done, "failed": m.failed, "working": m.working, "gone": m.gone, "per_hour": m.per_hour}
            for name, m in sorted(self.machines.items())
        }
        return {"jobs": str(self.jobs), **counts, "machines": machines, "errors": self.errors}


def jobs_file(given: Path) -> Path:
    """The file of jobs: itself, or the one in a folder, or in that of a folder of outputs.

    Raises:
        InputError: There is none, or it cannot be told which.
    """
    if not given.is_dir():
        return given
    found = [given / JOBS] if (given / JOBS).is_file() else sorted(given.glob("*.jsonl"))
    if not found and (given / claims.FOLDER).is_dir() and any(given.absolute().parent.glob("*.jsonl")):
        return jobs_file(given.absolute().parent)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{given} has no {JOBS}, and of other .jsonl files: {names}; name the file of jobs")
    return found[0]


def status(given: Path, verify: bool = False, step: Callable[[int, int], Any] = lambda *_: None) -> Status:
    """Counts the jobs of a batch.

    Args:
        given: Its file of jobs, or the folder that holds it, or that of the outputs beside it.
        verify: Read each output, and hold it against its report's SHA-256; else it counts that both are there.
        step: Called with (lines looked at, lines in all).

    Raises:
        InputError: No such file.
    """
    path = jobs_file(given)
    lines = [(n, line) for n, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]
    found = Status(path, total=len(lines))
    notes: dict[Path, dict[str, dict[str, Any]]] = {}
    for count, (number, line) in enumerate(lines, 1):
        step(count, len(lines))
        try:
            job = parse(line, path.parent)
        except InputError as error:
            found.failed += 1
            found.errors[number] = str(error)
            continue
        folder = job.output.parent
        if folder not in notes:
            notes[folder] = _last_notes(folder)
        _count(found, number, job.output, job.is_there(verify), notes[folder].get(job.output.name))
    found.left = found.total - found.done - found.failed - found.working
    return found


def _last_notes(folder: Path) -> dict[str, dict[str, Any]]:
    """The latest note of each output: of those that are done, that of the making."""
    found: dict[str, dict[str, Any]] = {}
    for note in sorted(journal.read(folder), key=lambda note: float(note["time"])):
        found[note["output"]] = note
    return found


def _count(found: Status, number: int, output: Path, there: bool, note: dict[str, Any] | None) -> None:
    claim = claims.read(claims.place(output))
    gone = claim is not None and not there and claims.is_dead(claims.place(output), claim)
    if claim is not None and gone:
        found.machine(claim.get("machine")).gone += 1
    if there:
        found.done += 1
        machine = found.machine(note["machine"] if note and note["event"] == "done" else None)
        machine.done += 1
        if note and note["event"] == "done":
            machine.first, machine.last = min(machine.first, note["time"]), max(machine.last, note["time"])
    elif claim is not None and not gone:
        found.working += 1
        found.machine(claim.get("machine")).working += 1
    elif note and note["event"] == "failed":
        found.failed += 1
        found.machine(note["machine"]).failed += 1
        found.errors[number] = str(note.get("error", ""))


def table(found: Status) -> str:
    """Counts, by machine, and the first errors, as text."""
    rows = [
        f"{found.total} jobs: {found.done} done, {found.failed} failed, {found.working} under way, {found.left} left"
    ]
    for name, machine in sorted(found.machines.items()):
        rate = f", {machine.per_hour:.0f} an hour" if machine.per_hour else ""
        gone = f", {machine.gone} begun by a process that is gone" if machine.gone else ""
        rows.append(f"  {name}: {machine.done} done{rate}, {machine.failed} failed, {machine.working} under way{gone}")
    if any(machine.gone for machine in found.machines.values()):
        rows.append("what a process that is gone has begun, the next batch with --resume makes")
    rows += [f"line {number}: {error}" for number, error in list(found.errors.items())[:10]]
    if len(found.errors) > 10:
        rows.append(f"and {len(found.errors) - 10} more that failed")
    return "\n".join(rows)
