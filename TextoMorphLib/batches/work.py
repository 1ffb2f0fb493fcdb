"""What one process does with jobs: claims each, makes it, notes what became of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from TextoMorphLib.batches import journal
from TextoMorphLib.batches.claims import Claims
from TextoMorphLib.batches.job import make
from TextoMorphLib.batches.lines import Line
from TextoMorphLib.errors import InputError, doubt, doubts_told
from TextoMorphLib.io import contents

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesizer

PAUSE_S = 5.0  # between looks at jobs that others work on


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        event: done; failed; skipped (somebody else has made it meanwhile); taken (somebody else works on it).
        seconds: How long it took.
        warnings: What is doubtful about input and result.
        notes: What the model could not take up, and what was done about short memory.
        error: Why it failed.
        owner: The machine that works on it.
    """

    event: str
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    owner: str = ""


Step = Callable[[int, int], bool]


class Engine(Protocol):
    """Does jobs, wherever."""

    def run(self, lines: list[Line]) -> Iterator[tuple[Line, Outcome]]:
        """What became of each, in the order in which they end."""
        ...


class Scans:
    """Reads scans; the last one is kept, with what was doubtful of it, for all its jobs."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._known: tuple[Volume, list[str]] | None = None

    def read(self, path: Path) -> Volume:
        """The scan; read again where its file has changed.

        Raises:
            InputError: What is wrong with it.
        """
        from TextoMorphLib.io.volume import Volume

        key = _key(path)
        if self._known is None or key != self._key:
            self._known = None  # its memory, before the next one takes as much
            with doubts_told() as doubts:
                volume = Volume.read(path)
            self._key, self._known = key, (volume, doubts)
            return volume
        for each in self._known[1]:
            doubt(each)
        return self._known[0]


def _key(path: Path) -> tuple[object, ...]:
    try:
        return path.resolve(), contents.looks([path])
    except (OSError, ValueError):
        return (path,)


class Worker:
    """A loaded model and what it keeps between jobs."""

    def __init__(self, model: str, synthesizer: Synthesizer, fingerprint: str) -> None:
        self.model, self.synthesizer, self.fingerprint = model, synthesizer, fingerprint
        self.claims, self.scans = Claims(), Scans()

    @classmethod
    def load(cls, model: str, device: str) -> Worker:
        """A worker with a model, or another source of tumours; see `scans.load`."""
        from TextoMorphLib.sources import scans

        return cls(model, scans.load(model, device), scans.fingerprint(model))

    def do(self, line: Line, step: Step = lambda *_: True) -> Outcome:
        """Makes one job's tumour, unless somebody else does or has.

        Args:
            line: The job.
            step: Called with (done, total); returns False to cancel.

        Raises:
            Cancelled: `step` returned False.
        """
        try:
            with self.claims.on(line.job.output) as owner:
                if owner is not None:
                    return Outcome("taken", owner=owner)
                if line.made_meanwhile(self.fingerprint):
                    return Outcome("skipped")
                return self._make(line, step)
        except InputError as error:
            if line.made_meanwhile(self.fingerprint):  # our claim was taken over while this machine slept
                return Outcome("skipped")
            journal.note(line.job.output, "failed", line=line.number, error=str(error))
            return Outcome("failed", error=str(error))

    def _make(self, line: Line, step: Step) -> Outcome:
        job, start = line.job, time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubts go into the report's warnings, which are told with the job
            ct, lesions, doubts = job.read(self.scans.read)
        report = make(job, self.model, self.synthesizer, ct, lesions, step, doubts, line.overwrite).report
        seconds = float(sum(report["seconds"].values()))
        cpu = round(time.process_time() - start, 3)
        journal.note(job.output, "done", line=line.number, seconds=round(seconds, 3), cpu_seconds=cpu)
        return Outcome("done", seconds, tuple(report["warnings"]), tuple(report["notes"]))


def finished(
    engine: Engine,
    lines: Iterable[Line],
    waiting: Callable[[int, str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Line, Outcome]]:
    """What became of each job, once it is done or failed, here or in another batch.

    Args:
        engine: Does them.
        lines: The jobs.
        waiting: Told how many are left that others work on, and one machine that does, whenever there is nothing else.
        pause: Waits.
    """
    left = list(lines)
    while left:
        taken: list[Line] = []
        owner = ""
        for line, outcome in engine.run(left):
            if outcome.event == "taken":
                taken.append(line)
                owner = outcome.owner
            else:
                yield line, outcome
        if taken and len(taken) == len(left):
            waiting(len(taken), owner)
            pause(PAUSE_S)
        left = taken
