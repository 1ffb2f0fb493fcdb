"""The extensions that segment organs, and how each is asked; none of them is needed by anything else."""

import importlib.util
import re
from contextlib import suppress
from subprocess import CalledProcessError
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress

SIDES = {"left", "right"}
MOST_LETTERS = 200  # of what an extension's process said last


class TotalSegmentator:
    """Runs in its fast mode, which gives what is asked for alone. It asks before it installs anything."""

    name = "TotalSegmentator"
    parts = {"liver": ["liver"], "pancreas": ["pancreas"], "kidney": ["kidney_left", "kidney_right"]}

    def agreed(self) -> bool:
        """Whether it may begin: it asks by itself."""
        return True

    def segment(self, ctNode: Any, into: Any, organ: str, progress: Progress | None) -> None:
        """Fills a segmentation node with the organ's parts.

        Raises:
            Cancelled: `progress` returned False.
        """
        from TotalSegmentator import TotalSegmentatorLogic

        class Logic(TotalSegmentatorLogic):  # type: ignore[misc]
            """Its own waits for each line of its process; Slicer would stand still, and nothing could be cancelled."""

            def logProcessOutput(self, proc: Any, *given: Any, **named: Any) -> Any:
                wait = super().logProcessOutput
                try:
                    return background.run(background.inOneGo(lambda: wait(proc, *given, **named)), progress)
                except BaseException:
                    _end(proc)
                    raise

        logic, said = Logic(), list[str]()
        logic.setupPythonRequirements()
        logic.logCallback = said.append
        try:  # third: `fast` until 5.8, now `quality`, which only a named task has
            logic.process(ctNode, into, True, task="total", subset=self.parts[organ])
        except CalledProcessError as error:
            raise RuntimeError(_failed(said)) from error


class MONAIAuto3DSeg:
    """Runs the first of its models that knows the organ in a CT: today its quick one of the abdomen."""

    name = "MONAIAuto3DSeg"

    def agreed(self) -> bool:
        """Whether it may begin: of what it installs, which it looks after once a session, it asks for PyTorch alone."""
        from MONAIAuto3DSeg import MONAIAuto3DSegLogic

        if MONAIAuto3DSegLogic.DEPENDENCY_HANDLER.dependenciesInstalled:
            return True
        question = _(
            "The extension MONAIAuto3DSeg looks after its Python packages first: what is missing is installed into "
            "Slicer, and a model is downloaded. That can take minutes, in which Slicer does not answer, and needs the "
            "network."
        )
        return bool(slicer.util.confirmOkCancelDisplay(question, windowTitle=_("TextoMorph")))

    def segment(self, ctNode: Any, into: Any, organ: str, progress: Progress | None) -> None:
        """Fills a segmentation node with all that the model knows.

        Raises:
            RuntimeError: No model of it knows the organ, or its process failed.
            Cancelled: `progress` returned False.
        """
        from MONAIAuto3DSeg import MONAIAuto3DSegLogic

        from TextoMorphLib.errors import Cancelled

        logic = MONAIAuto3DSegLogic()
        known = (
            model["id"]
            for model in logic.models
            if model["imagingModality"] == "CT"
            and len(model["inputs"]) == 1
            and any(isPartOf(organ, name) for name in model["segmentNames"] or [])
        )
        model = next(known, None)
        if model is None:
            raise RuntimeError(_("It has no model of this organ in a CT."))
        try:
            background.run(background.inOneGo(lambda: logic.modelPath(model)), progress)  # downloads it where needed
        except OSError as error:
            raise RuntimeError(_failed([str(error)])) from error
        ended, said = list[Any](), list[str]()
        logic.logCallback = said.append

        def hear(event: Any, task: Any) -> None:
            if event.name == "TASKLIST_PROCESSING_ENDED":
                ended.append(task)

        task = logic.process([ctNode], into, model, waitForCompletion=False, eventCallback=hear)
        try:
            background.untilSo(
                lambda: bool(ended) or any(each.resultsImported for each in task.segmentationTasks), progress
            )
        except Cancelled:
            logic.cancelProcessing(task)
            raise
        status = [each.backgroundProcess.procReturnCode for each in task.segmentationTasks]
        if status != [0]:
            raise RuntimeError(_failed(said))


FINDERS = (TotalSegmentator(), MONAIAuto3DSeg())


def installed() -> Any:
    """The first that is installed in this Slicer; None if none is."""
    for finder in FINDERS:
        if hasattr(slicer.modules, finder.name.lower()) and importlib.util.find_spec(finder.name):
            return finder
    return None


def isPartOf(organ: str, segment: str) -> bool:
    """Whether a segment is the organ, or one of a pair: "Left Kidney", "kidney_left", not "Cyst in Left Kidney"."""
    return set(re.findall(r"[a-z]+", segment.lower())) - SIDES == {organ}


def _failed(said: list[str]) -> str:
    """The last line of what a process said before it failed (of Python's, the error itself), and what may help."""
    line = next((each.strip() for each in reversed(said) if each.strip()), _("it did not say why"))
    cut = f"{line.rstrip('.')}." if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS].rstrip()}\u2026"
    return _(
        "{line} Its models are downloaded when they are used for the first time: see that this computer has a network "
        "then"
    ).format(line=cut)


def _end(process: Any) -> None:
    """Ends a process and what it started: a launcher ends alone."""
    from psutil import Error, Process

    with suppress(Error):
        for each in (*Process(process.pid).children(recursive=True), Process(process.pid)):
            with suppress(Error):
                each.kill()
