"""`slicer.ScriptedLoadableModule`, `slicer.i18n`, `slicer.packaging`: what the module uses, as documented."""

from __future__ import annotations

import logging
import os
import sys
import types
import unittest
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtWidgets
from PySide6.QtCore import Property


class ModuleParent:
    """qSlicerScriptedLoadableModule: takes the module's description, and nothing that it has no place for."""

    __slots__ = (
        "acknowledgementText",
        "associatedNodeTypes",
        "categories",
        "contributors",
        "dependencies",
        "helpText",
        "hidden",
        "icon",
        "name",
        "path",
        "title",
    )

    def __init__(self, path: Path) -> None:
        self.path, self.name = str(path), path.stem


class WidgetParent(QtWidgets.QWidget):
    """qSlicerScriptedLoadableModuleWidget: the module panel."""

    def __init__(self) -> None:
        super().__init__()
        self.setLayout(QtWidgets.QVBoxLayout())
        self._entered = False

    isEntered = Property(bool, lambda self: self._entered)


class ScriptedLoadableModule:
    """Describes a module."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__

    def resourcePath(self, name: str) -> str:
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", name)


class ScriptedLoadableModuleWidget:
    """A module's panel."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.layout = parent.layout()

    def resourcePath(self, name: str) -> str:
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", name)

    def setup(self) -> None: ...

    def cleanup(self) -> None: ...

    def enter(self) -> None: ...

    def exit(self) -> None: ...


class ScriptedLoadableModuleLogic:
    """A module's work; its parameters are a singleton node of the scene."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        found = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if found is None:
            made = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            made.UnRegister(None)
            made.SetSingletonTag(self.moduleName)
            made.SetModuleName(self.moduleName)
            found = slicer.mrmlScene.AddNode(made)
        return found


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A self-test."""

    def runTest(self) -> None: ...

    def delayDisplay(self, message: str, msec: int = 0) -> None:
        logging.info(message)


class Packages:
    """`slicer.packaging`: what is missing is decided by the test, and installing only takes note."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.installed: list[str] = []
        self.declines = False

    def load_requirements(self, path: Any) -> list[Any]:
        from packaging.requirements import Requirement

        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return [Requirement(line) for line in lines if line and line[0] not in "#-"]

    def pip_check(self, requirement: Any) -> bool:
        asked = requirement if isinstance(requirement, list) else [requirement]
        return not any(getattr(each, "name", each) in self.missing for each in asked)

    def pip_ensure(self, requirements: Any, *, requester: str | None = None, prompt_install: bool = True) -> None:
        wanted = [each.name for each in requirements if each.name in self.missing]
        if wanted and prompt_install and self.declines:
            raise RuntimeError("User declined package installation")
        self.installed += wanted
        self.missing -= set(wanted)


def install() -> Packages:
    """Registers the modules."""
    scripted = types.ModuleType("slicer.ScriptedLoadableModule")
    bases = (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    )
    for base in bases:
        setattr(scripted, base.__name__, base)
    scripted.__all__ = [base.__name__ for base in bases]  # type: ignore[attr-defined]
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text, *_: text  # type: ignore[attr-defined]
    i18n.translate = lambda context, text, *_: text  # type: ignore[attr-defined]
    packages = Packages()
    packaging = types.ModuleType("slicer.packaging")
    for name in ("load_requirements", "pip_check", "pip_ensure"):
        setattr(packaging, name, getattr(packages, name))
    for module in (scripted, i18n, packaging):
        sys.modules[module.__name__] = module
        setattr(slicer, module.__name__.rpartition(".")[2], module)
    return packages
