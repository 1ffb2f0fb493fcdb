"""`slicer.parameterNodeWrapper`: typed parameters in a node of the scene, bound to widgets by `SlicerParameterName`.

Knows bool, int, float, str and node classes, `Annotated` with WithinRange and Choice, and the widgets that Slicer
binds them to; anything else raises, as it does in Slicer.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from host import widgets


@dataclass
class WithinRange:
    """The least and the greatest value."""

    minimum: float
    maximum: float

    def check(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} to {self.maximum}")


@dataclass
class Choice:
    """The values that there are."""

    choices: list[Any]

    def check(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value} is none of {self.choices}")


@dataclass
class _Kind:
    """A parameter: its type and what limits it."""

    type: Any
    limits: tuple[Any, ...]
    default: Any

    def write(self, node: Any, name: str, value: Any) -> None:
        if issubclass(self.type, slicer.vtkMRMLNode):
            if value is not None and not isinstance(value, self.type):
                raise TypeError(f"{name} takes a {self.type.__name__}, not {value!r}")
            node.SetNodeReferenceID(name, value.GetID() if value else None)
            return
        if not isinstance(value, (int, float) if self.type is float else self.type):
            raise TypeError(f"{name} takes a {self.type.__name__}, not {value!r}")
        for limit in self.limits:
            limit.check(value)
        node.SetParameter(name, str(value))

    def read(self, node: Any, name: str) -> Any:
        if issubclass(self.type, slicer.vtkMRMLNode):
            return node.GetNodeReference(name)
        stored = node.GetParameter(name)
        return stored == "True" if self.type is bool else self.type(stored)

    def is_in(self, node: Any, name: str) -> bool:
        return issubclass(self.type, slicer.vtkMRMLNode) or bool(node.HasParameter(name))


# Widget class and type -> signal, property; as Slicer's connectors have them. Subclasses do not count.
_BINDINGS: dict[tuple[type, type], tuple[str, str]] = {
    (QtWidgets.QCheckBox, bool): ("toggled(bool)", "checked"),
    (QtWidgets.QPushButton, bool): ("toggled(bool)", "checked"),
    (QtWidgets.QSpinBox, int): ("valueChanged(int)", "value"),
    (QtWidgets.QSlider, int): ("valueChanged(int)", "value"),
    (QtWidgets.QDoubleSpinBox, float): ("valueChanged(double)", "value"),
    (widgets.ctkSliderWidget, float): ("valueChanged(double)", "value"),
    (QtWidgets.QLineEdit, str): ("textChanged(QString)", "text"),
    (QtWidgets.QTextEdit, str): ("textChanged()", "plainText"),
    (QtWidgets.QComboBox, str): ("currentIndexChanged(int)", "currentText"),
}


class _Connector:
    """Keeps a widget and a parameter equal."""

    def __init__(self, widget: Any, kind: _Kind, changed: Callable[[Any], None]) -> None:
        self.widget, self.choices = widget, ()
        self.is_node = issubclass(kind.type, slicer.vtkMRMLNode) and type(widget) is widgets.qMRMLNodeComboBox
        if self.is_node:
            self.signal, self.property = "currentNodeChanged(vtkMRMLNode*)", ""
            widget.nodeTypes = [kind.type.__name__]
        elif (type(widget), kind.type) in _BINDINGS:
            self.signal, self.property = _BINDINGS[type(widget), kind.type]
        else:
            raise RuntimeError(f"no connector from {kind.type.__name__} to {type(widget).__name__}")
        for limit in kind.limits:
            if isinstance(limit, WithinRange):
                widget.minimum, widget.maximum = limit.minimum, limit.maximum
            elif isinstance(limit, Choice):
                widget.clear()
                widget.addItems(limit.choices)
        self.slot = lambda: changed(self.read())

    def read(self) -> Any:
        return self.widget.currentNode() if self.is_node else getattr(self.widget, self.property)

    def write(self, value: Any) -> None:
        if self.is_node:
            self.widget.setCurrentNode(value)
        elif self.property == "currentText":
            self.widget.currentIndex = self.widget.findText(value)
        elif self.read() != value:
            setattr(self.widget, self.property, value)


def parameterNodeWrapper(owner: Any) -> Any:
    """Class decorator: typed members become parameters in the node given to the constructor."""
    kinds: dict[str, _Kind] = {}
    for name, hint in typing.get_type_hints(owner, include_extras=True).items():
        kind, *limits = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
        plain = {bool: False, int: 0, float: 0.0, str: ""}
        kinds[name] = _Kind(kind, tuple(limits), getattr(owner, name, plain.get(kind)))
        setattr(owner, name, _member(name, kinds[name]))
    for method in (_init, connectGui, disconnectGui, AddObserver, RemoveObserver, Modified, StartModify, EndModify):
        setattr(owner, "__init__" if method is _init else method.__name__, method)
    owner.allParameters = kinds
    return owner


def _member(name: str, kind: _Kind) -> property:
    return property(
        lambda self: kind.read(self.parameterNode, name),
        lambda self, value: kind.write(self.parameterNode, name, value),
    )


def _init(self: Any, parameterNode: Any) -> None:
    self.parameterNode = parameterNode
    self._guis = {}
    for name, kind in self.allParameters.items():
        if not kind.is_in(parameterNode, name):
            kind.write(parameterNode, name, kind.default)


def connectGui(self: Any, gui: Any) -> int:
    """Binds every widget that has the dynamic property SlicerParameterName."""
    found = gui.findChildren(QtWidgets.QWidget) if isinstance(gui, QtWidgets.QWidget) else vars(gui).values()
    bound = [(widget.property("SlicerParameterName"), widget) for widget in found]
    connectors = {}
    for name, widget in bound:
        if not name:
            continue
        if name not in self.allParameters:
            raise ValueError(f"no parameter '{name}'")
        connectors[name] = _Connector(widget, self.allParameters[name], lambda value, n=name: setattr(self, n, value))

    def show(*_: Any) -> None:
        for name, connector in connectors.items():
            connector.write(getattr(self, name))

    show()
    for connector in connectors.values():
        connector.widget.connect(connector.signal, connector.slot)
    tag = len(self._guis)
    self._guis[tag] = connectors, self.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, show)
    return tag


def disconnectGui(self: Any, tag: int) -> None:
    connectors, observer = self._guis[tag]
    self._guis[tag] = {}, 0
    self.parameterNode.RemoveObserver(observer)
    for connector in connectors.values():
        connector.widget.disconnect(connector.signal, connector.slot)


def AddObserver(self: Any, *arguments: Any) -> int:
    return int(self.parameterNode.AddObserver(*arguments))


def RemoveObserver(self: Any, tag: int) -> None:
    self.parameterNode.RemoveObserver(tag)


def Modified(self: Any) -> None:
    self.parameterNode.Modified()


def StartModify(self: Any) -> int:
    return int(self.parameterNode.StartModify())


def EndModify(self: Any, before: int) -> int:
    return int(self.parameterNode.EndModify(before))


def install() -> None:
    """Registers the module."""
    module = types.ModuleType("slicer.parameterNodeWrapper")
    for member in (WithinRange, Choice, parameterNodeWrapper):
        setattr(module, member.__name__, member)
    sys.modules[module.__name__] = module
    slicer.parameterNodeWrapper = module
