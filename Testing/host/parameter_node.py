"""`slicer.parameterNodeWrapper`: typed parameters in a node of the scene, bound to widgets by `SlicerParameterName`.

Knows bool, int, float, str and node classes; anything else raises, as it does in Slicer. As there, values are read from
the node once and again when it says that it was modified, and at each change of the node every widget is written to.
"""

from __future__ import annotations

import sys
import types
import typing
import weakref
from dataclasses import dataclass
from typing import Any

import slicer
import slicer.util
import vtk
from PySide6 import QtWidgets

from host import connectors, limits

PLAIN = {bool: False, int: 0, float: 0, str: ""}
PROPERTY = "SlicerParameterName"


@dataclass
class _Kind:
    """A parameter: its type and what limits it."""

    name: str
    hint: Any
    type: Any
    limits: tuple[Any, ...]
    default: Any

    @property
    def is_node(self) -> bool:
        return issubclass(self.type, slicer.vtkMRMLNode)

    def write(self, node: Any, value: Any) -> None:
        if not (self.is_node and value is None) and not isinstance(
            value, (int, float) if self.type is float else self.type
        ):
            raise TypeError(f"{self.name} takes a {self.type.__name__}, not {value!r}")
        for limit in self.limits:
            limit.validate(value)
        node.SetParameter(self.name, "" if self.is_node else str(value))
        if self.is_node:
            node.SetNodeReferenceID(self.name, value.GetID() if value else None)

    def read(self, node: Any) -> Any:
        if not node.HasParameter(self.name):
            self.write(node, self.default)
        if self.is_node:
            return node.GetNodeReference(self.name)
        stored = node.GetParameter(self.name)
        return stored == "True" if self.type is bool else self.type(stored)


class _Value:
    """A parameter's value, kept until the node says that it was modified."""

    def __init__(self, kind: _Kind, node: Any) -> None:
        self.kind, self.node, self.writing = kind, node, False
        self.value = kind.read(node)
        mine = weakref.ref(self)
        self.tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: (it := mine()) and it.look())

    def __del__(self) -> None:
        self.node.RemoveObserver(self.tag)

    def look(self) -> None:
        if not self.writing:
            self.value = self.kind.read(self.node)

    def write(self, value: Any) -> None:
        self.writing = True
        try:
            with slicer.util.NodeModify(self.node):
                self.kind.write(self.node, value)
                self.value = self.kind.read(self.node)
        finally:
            self.writing = False


def parameterNodeWrapper(owner: Any = None) -> Any:
    """Class decorator: typed members become parameters in the node given to the constructor."""
    if owner is None:
        return parameterNodeWrapper
    kinds: dict[str, _Kind] = {}
    for name, hint in typing.get_type_hints(owner, include_extras=True).items():
        kind, notes = connectors.split(hint)
        if kind not in PLAIN and not (isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)):
            raise TypeError(f"no serializer for {name}: {hint}")
        kinds[name] = _Kind(name, hint, kind, notes, getattr(owner, name, PLAIN.get(kind)))
        setattr(owner, name, _member(name))
    for method in METHODS:
        if hasattr(owner, method.__name__):
            raise ValueError(f"{method.__name__} is reserved")
        setattr(owner, method.__name__, method)
    owner.allParameters, owner.__init__ = kinds, _init
    return owner


def _member(name: str) -> property:
    return property(
        lambda self: self._values[name].value,
        lambda self, value: self._values[name].write(value),
    )


def _init(self: Any, parameterNode: Any) -> None:
    self.parameterNode = parameterNode
    self._guis, self._showing, self._tag = {}, False, 0
    self._values = {}
    for name, kind in self.allParameters.items():
        if not parameterNode.HasParameter(name):
            kind.write(parameterNode, kind.default)
        self._values[name] = _Value(kind, parameterNode)


def connectGui(self: Any, gui: Any) -> int:
    """Binds every widget that has the dynamic property SlicerParameterName."""
    is_widget = isinstance(gui, QtWidgets.QWidget)
    found = gui.findChildren(QtWidgets.QWidget) if is_widget else vars(gui).values()
    return int(self.connectParametersToGui({name: each for each in found if (name := each.property(PROPERTY))}))


def connectParametersToGui(self: Any, mapping: dict[str, Any]) -> int:
    for name in mapping:
        if name not in self.allParameters:
            raise ValueError(f"no parameter '{name}'")
    made = {
        name: widget
        if isinstance(widget, connectors.GuiConnector)
        else connectors.createGuiConnector(widget, self.allParameters[name].hint)
        for name, widget in mapping.items()
    }
    tag, self._tag = self._tag, self._tag + 1
    for name, connector in made.items():
        connector.write(getattr(self, name))
        connector.onChanged(lambda name=name, connector=connector: _take(self, name, connector))
    self._guis[tag] = made, self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: _show(self))
    return int(tag)


def _take(self: Any, name: str, connector: Any) -> None:
    """From a widget to the node."""
    with slicer.util.NodeModify(self):
        if not self._showing:
            setattr(self, name, connector.read())


def _show(self: Any) -> None:
    """From the node to all widgets."""
    if self._showing:
        return
    self._showing = True
    try:
        with slicer.util.NodeModify(self):
            for made, _observer in list(self._guis.values()):
                for name, connector in made.items():
                    connector.write(getattr(self, name))
    finally:
        self._showing = False


def disconnectGui(self: Any, tag: int) -> None:
    made, observer = self._guis.pop(tag, ({}, None))
    for connector in made.values():
        connector.onChanged(None)
    if observer is not None:
        self.RemoveObserver(observer)


def AddObserver(self: Any, event: Any, callback: Any, priority: float = 0.0) -> int:
    return int(self.parameterNode.AddObserver(event, callback, priority))


def RemoveObserver(self: Any, tag: int) -> None:
    self.parameterNode.RemoveObserver(tag)


def Modified(self: Any) -> None:
    self.parameterNode.Modified()


def StartModify(self: Any) -> int:
    return int(self.parameterNode.StartModify())


def EndModify(self: Any, before: int) -> int:
    return int(self.parameterNode.EndModify(before))


METHODS = (
    connectGui,
    connectParametersToGui,
    disconnectGui,
    AddObserver,
    RemoveObserver,
    Modified,
    StartModify,
    EndModify,
)
OFFERED = (
    limits.WithinRange,
    limits.Choice,
    connectors.GuiConnector,
    connectors.parameterNodeGuiConnector,
    connectors.createGuiConnector,
    parameterNodeWrapper,
)


def install() -> None:
    """Registers the module."""
    module = types.ModuleType("slicer.parameterNodeWrapper")
    for member in OFFERED:
        setattr(module, member.__name__, member)
    sys.modules[module.__name__] = module
    slicer.parameterNodeWrapper = module
