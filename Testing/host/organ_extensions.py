"""Stand-ins for the extensions that segment organs, written after their source.

They are held against it by

    python Testing/host/organ_extensions.py /path/to/SlicerTotalSegmentator /path/to/SlicerMONAIAuto3DSeg

They start a process and read its lines, as theirs do; what they find is a block for each part.
"""

from __future__ import annotations

import ast
import enum
import importlib.machinery
import inspect
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

PARTS = {"liver": "Liver", "pancreas": "Pancreas", "kidney_left": "Left Kidney", "kidney_right": "Right Kidney"}


def install(name: str, monkeypatch: Any) -> Any:
    """Has Slicer know an extension; gives its module, whose `seconds` and `status` are those of its process."""
    import slicer

    module: Any = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.seconds, module.status = 0.0, 0
    logic = {"TotalSegmentator": TotalSegmentatorLogic, "MONAIAuto3DSeg": MONAIAuto3DSegLogic}[name]
    own = {"module": module, "processes": [], "DEPENDENCY_HANDLER": _Dependencies()}
    setattr(module, f"{name}Logic", type(f"{name}Logic", (logic,), own))
    module.processes = getattr(module, f"{name}Logic").processes
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(slicer.modules, name.lower(), object(), raising=False)
    return module


class _Logic:
    module: Any
    processes: list[Any]

    def _launch(self) -> Any:
        """A launcher that starts another process and waits for it, as Slicer's does."""
        status = self.module.status
        last = f"print('OSError: no network'); sys.exit({status})" if status else "sys.exit()"
        work = f"print('at work', flush=True); time.sleep({self.module.seconds}); {last}"
        code = f"import sys, time; {work}"
        launcher = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', {code!r}]))"
        self.processes.append(subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True))
        return self.processes[-1]

    def _fill(self, volume: Any, segmentation: Any, names: list[str]) -> None:
        import numpy as np
        import slicer

        for number, name in enumerate(names):
            voxels = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
            voxels[5:9, 9:19, 9 + 20 * number : 19 + 20 * number] = 1
            segmentation.GetSegmentation().AddEmptySegment(name, PARTS.get(name, name))
            slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, segmentation, name, volume)

    def log(self, text):
        if self.logCallback:
            self.logCallback(text)


class InstallError(Exception):
    """Of TotalSegmentator's own: no RuntimeError."""


class TotalSegmentatorLogic(_Logic):
    def __init__(self):
        self.logCallback = None
        self.tasks = {"total": {"qualityModes": ["normal", "fast", "faster"]}}

    def getSupportedQualityModesForTask(self, task):
        return self.tasks.get(task, {}).get("qualityModes", ["normal"])

    def setupPythonRequirements(self, upgrade=False):
        if self.module.status == "not installed":
            raise InstallError("This module requires SlicerNNUNet extension.")

    def logProcessOutput(self, proc, returnOutput=False):
        while line := proc.stdout.readline():
            self.log(line.rstrip())
        if proc.wait():
            raise subprocess.CalledProcessError(proc.returncode, proc.args)

    def process(
        self,
        inputVolume,
        outputSegmentation,
        quality=None,
        cpu=False,
        task=None,
        subset=None,
        interactive=False,
        sequenceBrowserNode=None,
    ):
        assert quality is True
        assert "fast" in self.getSupportedQualityModesForTask(task)  # a mode that a task has not becomes its first one
        self.logProcessOutput(self._launch())
        self._fill(inputVolume, outputSegmentation, subset)


class _Dependencies:
    def __init__(self):
        self.dependenciesInstalled = False


class EventCode(enum.Enum):
    TASK_PROCESSING_STARTED = 2
    TASKLIST_PROCESSING_ENDED = 6


class MONAIAuto3DSegLogic(_Logic):
    DEPENDENCY_HANDLER: _Dependencies

    def __init__(self):
        self.logCallback = None

    @property
    def models(self):
        ct = {"imagingModality": "CT", "inputs": [{"title": "Input volume"}]}
        return [
            {"id": "prostate-v1", "imagingModality": "MR", "inputs": [{}, {}], "segmentNames": ["Liver"]},
            {"id": "lungs-v1", **ct, "segmentNames": None},
            {"id": "cysts-v1", **ct, "segmentNames": ["Cyst in Left Kidney"]},
            {"id": "abdomen-quick-v2", **ct, "segmentNames": [*PARTS.values(), "Cyst in Left Kidney"]},
        ]

    def modelPath(self, modelName):
        assert modelName == "abdomen-quick-v2"
        return Path(modelName)

    def process(
        self,
        inputNodes,
        outputSegmentation,
        model=None,
        cpu=False,
        waitForCompletion=True,
        sequenceBrowserNode=None,
        eventCallback=None,
        customEventCallbackData=None,
    ):
        from PySide6 import QtCore

        assert waitForCompletion is False
        self.DEPENDENCY_HANDLER.dependenciesInstalled = True
        background = types.SimpleNamespace(procReturnCode="did not run", proc=self._launch())
        task = types.SimpleNamespace(
            segmentationTasks=[types.SimpleNamespace(backgroundProcess=background, resultsImported=False)]
        )
        eventCallback(EventCode.TASK_PROCESSING_STARTED, task)

        def look() -> None:
            if background.proc.poll() is None:
                return
            timer.stop()
            background.procReturnCode = background.proc.returncode
            for line in background.proc.stdout:
                self.log(line.rstrip())
            if background.procReturnCode == 0:
                self._fill(inputNodes[0], outputSegmentation, [*PARTS, "kidney_cyst_left"])
                task.segmentationTasks[0].resultsImported = True
            eventCallback(EventCode.TASKLIST_PROCESSING_ENDED, task)

        self._timer = timer = QtCore.QTimer()
        timer.timeout.connect(look)
        timer.start(50)
        return task

    def cancelProcessing(self, segmentationTaskListInfo):
        from psutil import Process

        self._timer.stop()
        for task in segmentationTaskListInfo.segmentationTasks:
            for each in Process(task.backgroundProcess.proc.pid).children(recursive=True):
                each.kill()


def differences(sources: list[Path]) -> list[str]:
    """Methods of the stand-ins that the extensions' source has with other arguments, or has not."""
    real: dict[str, set[str]] = {}
    for file in (each for folder in sources for each in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                real.setdefault(node.name, set()).add(ast.unparse(node.args))
    found = []
    for logic in (TotalSegmentatorLogic, MONAIAuto3DSegLogic):
        for name, method in vars(logic).items():
            function = method.fget if isinstance(method, property) else method
            if not inspect.isfunction(function) or name == "__init__":
                continue
            own = str(inspect.signature(function))[1:-1].replace(" = ", "=")
            if own not in real.get(name, set()):
                found.append(f"{logic.__name__}.{name}({own}): the source has {sorted(real.get(name, ['none']))}")
    return found


if __name__ == "__main__":
    if wrong := differences([Path(each) for each in sys.argv[1:]]):
        sys.exit("\n".join(wrong))
    print("the stand-ins' calls are those of the source")
