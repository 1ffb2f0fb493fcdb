"""`slicer.ScriptedLoadableModule` and `slicer.i18n`: what the module uses, as Slicer 5.12 has it."""

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
        self.title = ""


class WidgetParent(QtWidgets.QWidget):
    """qSlicerScriptedLoadableModuleWidget: the module panel."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setLayout(QtWidgets.QVBoxLayout())
        self._name, self._entered = name, False

    isEntered = Property(bool, lambda self: self._entered)

    def reload(self) -> None:
        """Makes the module's widget anew, from its class as it is now."""
        self._widget = getattr(sys.modules[self._name], f"{self._name}Widget")(self)
        setattr(slicer.modules, f"{self._name}Widget", self._widget)
        self._widget.setup()


class ScriptedLoadableModule:
    """Describes a module."""

    def __init__(self, parent: Any) -> None:
        super().__init__()
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title, parent.categories, parent.dependencies, parent.contributors = "", [], [], ["Slicer"]
        slicer.selfTests = {**getattr(slicer, "selfTests", {}), self.moduleName: self.runTest}

    def resourcePath(self, name: str) -> str:
        return os.path.join(os.path.dirname(self.parent.path), "Resources", name)

    def runTest(self, msec: int = 100, **kwargs: Any) -> None:
        getattr(sys.modules[type(self).__module__], f"{self.moduleName}Test")().runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """A module's panel."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.parent = parent
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = False
        self.layout = parent.layout()

    def resourcePath(self, name: str) -> str:
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", name)

    def setup(self) -> None: ...

    def cleanup(self) -> None: ...

    def onReload(self) -> None:
        """What the developer's button "Reload" does: the module's own file alone is read again."""
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    """A module's work; its parameters are a singleton node of the scene."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        found = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if found is not None:
            found.SetAttribute("ModuleName", self.moduleName)
        else:
            made = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            made.UnRegister(None)
            made.SetSingletonTag(self.moduleName)
            made.SetAttribute("ModuleName", self.moduleName)
            made.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
            found = slicer.mrmlScene.AddNode(made)
        return found


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A self-test."""

    def runTest(self) -> None: ...

    def delayDisplay(self, message: str, msec: int = 0) -> None:
        logging.info(message)


def tr(text: str) -> str:
    """Slicer's: takes the literal alone."""
    return text


def translate(context: str, text: str) -> str:
    """Slicer's."""
    return text


def install() -> None:
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
    i18n.tr, i18n.translate = tr, translate  # type: ignore[attr-defined]
    for module in (scripted, i18n):
        sys.modules[module.__name__] = module
        setattr(slicer, module.__name__.rpartition(".")[2], module)
