"""Batch: `textomorph batch` as a process of its own; it goes on while Slicer is used, and can be resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.processes import Console


class BatchRun:
    """A batch that runs, or has ended.

    Attributes:
        jobs: The file of jobs.
        total: How many there are.
        done: How many are finished, earlier runs' included.
        failed: What was wrong with each job that failed.
        warnings: What is doubtful about each result and its input, with the name of its file.
        notes: What was done about short memory; each once.
    """

    def __init__(self, jobs: Path, device: str, model: str, onChange: Callable[[], None]) -> None:
        self.jobs, self.onChange = jobs, onChange
        self.total = sum(1 for line in jobs.read_text(encoding="utf-8").splitlines() if line.strip())
        self.done = 0
        self.failed: list[str] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        arguments = ["batch", str(jobs), "--resume", "--device", device, "--model", model]
        self._console = Console(arguments, onEvent=self._onEvent, onEnd=lambda: self.onChange())

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self._console.running

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._console.stopped

    @property
    def said(self) -> str:
        """The last line of output that was no event: why it ended, if it could not start."""
        return self._console.said

    def stop(self) -> None:
        """Ends the process and all that it started; finished tumours stay."""
        self._console.stop()

    def _onEvent(self, told: dict[str, Any]) -> None:
        if "event" not in told:
            return
        if told["event"] == "failed":
            self.failed.append(told["error"])
        elif told["event"] in ("done", "skipped"):  # now, or by an earlier run or another batch
            self.done += 1
            name = Path(told.get("output", "")).name
            self.warnings += [f"{name}: {each}" for each in told.get("warnings", [])]
            self.notes += [note for note in told.get("notes", []) if note not in self.notes]
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
        from TextoMorphLib.batches import paired_jobs

        def make(onStep: Progress) -> Path:
            given = Path(cts), Path(masks), texts, count, Path(output), organ, seed, organMasks
            return paired_jobs.plan(*given, progress=onStep)

        path: Path = background.run(make, progress)
        return path

    def plannedBatch(self, output: str | Path) -> Path | None:
        """The file of jobs in an output folder, if a batch was planned there before; `runBatch` goes on with it.

        Example:
            >>> logic.runBatch(logic.plannedBatch("/data/out"))
        """
        from TextoMorphLib.cases.pairs import JOBS

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
