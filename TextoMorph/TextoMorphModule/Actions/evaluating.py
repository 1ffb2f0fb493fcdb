"""Evaluate: predictions of many cases scored, their failures found and made again, each a process of its own."""

import json
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from TextoMorphModule.Actions import tables
from TextoMorphModule.Actions.processes import Console

EVALUATION, FAILURES, TARGETS = "evaluation", "failures.jsonl", "targets"  # in an evaluation's output folder
FIGURES = ("group", "metric", "class", "value", "low", "high", "count", "of")
LESIONS = ("case", "number", "class", "diameter_mm", "found", "iou", "predicted_class")


class Evaluating:
    """From cases to what a segmenter is worth, and to what it should learn from.

    The methods that start a process take `onLine`, `onEvent` and `onEnd` of `Console`.
    """

    def segmentCases(
        self, cases: str, model: str, predictions: str, fold: str = "", device: str = "auto", **called: Any
    ) -> Console:
        """Starts to segment every case that has no prediction yet.

        Example:
            >>> logic.segmentCases("/data/cases.jsonl", "liver-small", "/data/predictions")
        """
        _made(str(Path(predictions).parent))
        arguments = ["segment", cases, "--model", model, "--output", predictions, "--device", device]
        return Console([*arguments, *_of(fold)], **called)

    def evaluateCases(
        self, cases: str, predictions: str, output: str, fold: str = "", compare: str = "", **called: Any
    ) -> Console:
        """Starts to score predictions; the tables go to `evaluation` in the output folder, in the place of older ones.

        With another method's predictions in `compare`, both are scored, and held against each other.

        Example:
            >>> logic.evaluateCases("/data/cases.jsonl", "/data/predictions", "/data/out")
        """
        folder = _made(output) / EVALUATION
        arguments = ["evaluate", cases, "--predictions", predictions, "--output", str(folder), "--overwrite"]
        arguments += ["--compare", compare] if compare else []
        return Console([*arguments, *_of(fold)], **called)

    def findFailures(self, cases: str, predictions: str, output: str, fold: str = "", **called: Any) -> Console:
        """Starts to list what was missed, called in vain, or outlined worst; see `failuresPage`.

        Example:
            >>> logic.findFailures("/data/cases.jsonl", "/data/predictions", "/data/out")
        """
        found = _made(output) / FAILURES
        arguments = ["failures", "find", cases, "--predictions", predictions, "--output", str(found)]
        return Console([*arguments, *_of(fold)], **called)

    def targetFailures(
        self, cases: str, healthy: str, output: str, count: int, seed: int = 0, **called: Any
    ) -> Console:
        """Starts to plan look-alikes of the failures in healthy scans: a batch in `targets` in the output folder.

        Where the failures have changed since look-alikes of them were planned, it is in `targets-2` and so on.

        Example:
            >>> logic.targetFailures("/data/cases.jsonl", "/data/healthy.jsonl", "/data/out", 100)
        """
        arguments = ["failures", "target", str(Path(output) / FAILURES), "--healthy", healthy, "--cases", cases]
        arguments += ["--count", str(count), "--seed", str(seed), "--output", str(_next(output))]
        return Console(arguments, **called)

    def makeTargets(self, output: str, model: str = "starter", device: str = "auto", **called: Any) -> Console:
        """Starts, or goes on with, the batch of look-alikes.

        Example:
            >>> logic.makeTargets("/data/out")
        """
        jobs = str((_planned(output) or Path(output) / TARGETS) / "jobs.jsonl")
        return Console(["batch", jobs, "--resume", "--model", model, "--device", device], **called)

    def failuresPage(self, output: str) -> Path | None:
        """The page to look through the failures, where they were found.

        Example:
            >>> logic.failuresPage("/data/out")
            PosixPath('/data/out/failures.html')
        """
        page = (Path(output) / FAILURES).with_suffix(".html")
        return page if output and page.is_file() else None

    def plannedTargets(self, output: str) -> Path | None:
        """The look-alikes as cases to train on, where they were planned, and of the failures as they are now.

        Example:
            >>> logic.plannedTargets("/data/out")
            PosixPath('/data/out/targets/cases.jsonl')
        """
        folder = _planned(output) if output else None
        return folder / "cases.jsonl" if folder else None

    def evaluation(self, output: str) -> dict[str, Any] | None:
        """What `evaluateCases` found, as its evaluation.json says it; None if there is none.

        Example:
            >>> logic.evaluation("/data/out")["lesions"]["all"]["sensitivity"]
        """
        file = Path(output) / EVALUATION / "evaluation.json"
        if not output or not file.is_file():
            return None
        made: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return made

    def showFigures(self, output: str) -> Any:
        """Shows an evaluation's figures in Slicer's table view; the table node.

        Example:
            >>> logic.showFigures("/data/out")
        """
        from TextoMorphLib.evaluation.tables import rows

        made = self.evaluation(output)
        assert made is not None
        listed = [{name: row[name] for name in FIGURES} for row in rows(made)]
        return tables.show(f"{Path(output).name} figures", FIGURES, listed)

    def showLesions(self, output: str) -> Any:
        """Shows the reference's lesions, and whether each was found, in Slicer's table view; the table node.

        Example:
            >>> logic.showLesions("/data/out")
        """
        made = self.evaluation(output)
        assert made is not None
        listed = [{"case": case["id"], **lesion} for case in made["cases"] for lesion in case["lesions"]]
        return tables.show(f"{Path(output).name} lesions", LESIONS, listed)


def _folders(output: str) -> Iterator[Path]:
    """Where look-alikes were or will be planned: `targets`, `targets-2`, and so on."""
    yield Path(output) / TARGETS
    yield from (Path(output) / f"{TARGETS}-{number}" for number in count(2))


def _next(output: str) -> Path:
    """The first of these folders in which none are planned."""
    return next(folder for folder in _folders(output) if not (folder / "jobs.jsonl").is_file())


def _planned(output: str) -> Path | None:
    """The last of these folders, if its plan is of the failures as they are now."""
    last = list(takewhile(lambda folder: (folder / "jobs.jsonl").is_file(), _folders(output)))[-1:]
    failures = Path(output) / FAILURES
    if not last or not (last[0] / "cases.jsonl").is_file():
        return None
    changed = failures.is_file() and failures.stat().st_mtime_ns > (last[0] / "jobs.jsonl").stat().st_mtime_ns
    return None if changed else last[0]


def _of(fold: str) -> list[str]:
    return ["--fold", fold] if fold else []


def _made(folder: str) -> Path:
    from TextoMorphLib.errors import InputError

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from None
    return Path(folder)
