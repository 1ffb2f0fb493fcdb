"""Batch: `textomorph batch` as a process of its own; it goes on while Slicer is used, and can be resumed."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import slicer

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress

# The library may lie in a checkout, where Slicer's own Python would not find it.
COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); from TextoMorphLib.cli import main; sys.exit(main())"
PATIENCE_S = 0.6  # for processes that are asked to end


class BatchRun:
    """A batch that runs, or has ended.

    Attributes:
        jobs: The file of jobs.
        total: How many there are.
        done: How many are finished, earlier runs' included.
        failed: What was wrong with each job that failed.
        notes: What was done about short memory; each once.
        said: The last line of output that was no event: why it ended, if it could not start.
        running: Whether it still goes on.
        stopped: Whether it was told to stop.
    """

    def __init__(self, jobs: Path, device: str, model: str, onChange: Callable[[], None]) -> None:
        import TextoMorphLib

        self.jobs, self.onChange = jobs, onChange
        self.total = sum(1 for line in jobs.read_text(encoding="utf-8").splitlines() if line.strip())
        self.done, self.said = 0, ""
        self.failed: list[str] = []
        self.notes: list[str] = []
        self.running, self.stopped = True, False
        library = str(Path(TextoMorphLib.__file__).resolve().parents[1])
        python = shutil.which("PythonSlicer") or sys.executable
        command = [python, "-c", COMMAND, library, "batch", str(jobs), "--resume", "--device", device, "--model", model]
        self._process = slicer.util.launchConsoleProcess(
            command, blocking=False, logCallback=self._onLine, completedCallback=self._onEnd
        )

    def stop(self) -> None:
        """Ends the process and all that it started, at once; finished tumours stay."""
        from psutil import Error, NoSuchProcess, Process, wait_procs

        if not self.running:
            return
        self.stopped = True
        try:
            first = Process(self._process.pid)
            tree = [first, *first.children(recursive=True)]
        except NoSuchProcess:
            return
        for each in tree:
            with suppress(Error):
                each.send_signal(signal.SIGINT) if os.name == "posix" else each.kill()
        for each in wait_procs(tree, timeout=PATIENCE_S)[1]:
            with suppress(Error):
                each.kill()

    def _onLine(self, line: str) -> None:
        try:
            told = json.loads(line)
            event = told["event"]
        except (ValueError, KeyError, TypeError):
            self.said = line.strip() or self.said
            return
        if event == "failed":
            self.failed.append(told["error"])
        else:  # done now, or by an earlier run
            self.done += 1
            self.notes += [note for note in told.get("notes", []) if note not in self.notes]
        self.onChange()

    def _onEnd(self, status: int) -> None:
        self.running = False
        self.onChange()


class Batching:
    """Many tumours."""

    def planBatch(
        self,
        cts: str | Path,
        masks: str | Path,
        texts: list[str],
        count: int,
        output: str | Path,
        organ: str = "liver",
        seed: int = 0,
        organMasks: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Writes the jobs of a batch. Slicer stays alive meanwhile.

        Args:
            cts: Folder of the CTs: files, or a folder for each DICOM series.
            masks: Folder of their masks, named as the CTs are: case1_mask.nii.gz for case1.nii.gz.
            texts: Descriptions to draw from.
            count: How many tumours.
            output: Folder for the results.
            organ: liver, pancreas or kidney.
            seed: The first tumour's.
            organMasks: The masks are of organs, in which lesions are to be placed.
            progress: Called about twenty times a second with (jobs done, jobs in all); returns False to cancel.

        Returns:
            The file of jobs.

        Raises:
            InputError: A folder is missing or empty, a CT has no mask, the output folder holds a batch already.
            Cancelled: `progress` returned False.

        Example:
            >>> jobs = logic.planBatch("/data/ct", "/data/mask", ["cyst", "hypodense"], 40, "/data/out")
        """
        from TextoMorphLib import jobs

        def make(onStep: Progress) -> Path:
            given = Path(cts), Path(masks), texts, count, Path(output), organ, seed, organMasks
            return jobs.plan(*given, progress=onStep)

        path: Path = background.run(make, progress)
        return path

    def plannedBatch(self, output: str | Path) -> Path | None:
        """The file of jobs in an output folder, if a batch was planned there before; `runBatch` goes on with it.

        Example:
            >>> logic.runBatch(logic.plannedBatch("/data/out"))
        """
        from TextoMorphLib.jobs import JOBS

        jobs = Path(output) / JOBS
        return jobs if str(output) and jobs.is_file() else None

    def runBatch(
        self,
        jobs: str | Path,
        device: str = "auto",
        model: str = "starter",
        onChange: Callable[[], None] = lambda: None,
    ) -> BatchRun:
        """Starts or resumes a batch in the background; what is there already is not made again.

        Args:
            jobs: The file of jobs.
            device: auto, cpu, cuda, cuda:N or mps.
            model: A model's name or folder.
            onChange: Called in Slicer's own thread when a tumour is finished and at the end.

        Returns:
            The run; `stop()` ends it.

        Example:
            >>> run = logic.runBatch(jobs)
            >>> run.done, run.total, run.running
            (3, 40, True)
        """
        return BatchRun(Path(jobs), device, model, onChange)
