"""`slicer.parameterNodeWrapper.guiConnectors`: how a widget and a parameter are kept equal, as strict as Slicer 5.12.

What Slicer's connectors write, they write at each change of the parameter node, whether the widget shows it already or
not. Only the line edit's looks first. A module that needs another way registers a connector of its own.
"""

from __future__ import annotations

import abc
import typing
from collections.abc import Callable
from typing import Any

import slicer
from PySide6 import QtWidgets

from host import widgets
from host.limits import Choice, WithinRange


class GuiConnector(abc.ABC):
    """Base of all connectors."""

    @staticmethod
    @abc.abstractmethod
    def canRepresent(widget: Any, datatype: Any) -> bool: ...

    @staticmethod
    @abc.abstractmethod
    def create(widget: Any, datatype: Any) -> Any: ...

    def __init__(self) -> None:
        self._told: Callable[[], None] | None = None

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        self._told = callback
        self._connect() if callback else self._disconnect()

    def changed(self) -> None:
        if self._told:
            self._told()

    @abc.abstractmethod
    def _connect(self) -> None: ...

    @abc.abstractmethod
    def _disconnect(self) -> None: ...

    @abc.abstractmethod
    def widget(self) -> Any: ...

    @abc.abstractmethod
    def read(self) -> Any: ...

    @abc.abstractmethod
    def write(self, value: Any) -> None: ...


_registered: list[type[GuiConnector]] = []


def parameterNodeGuiConnector(classtype: Any = None) -> Any:
    """Class decorator: registers a connector. The first one that can represent a widget takes it."""

    def register(connector: Any) -> Any:
        if not issubclass(connector, GuiConnector):
            raise TypeError("only a GuiConnector can be registered")
        _registered.append(connector)
        return connector

    return register if classtype is None else register(classtype)


def createGuiConnector(widget: Any, datatype: Any) -> GuiConnector:
    """The connector between a widget and a type; RuntimeError if there is none."""
    for connector in _registered:
        if connector.canRepresent(widget, datatype):
            made: GuiConnector = connector.create(widget, datatype)
            return made
    raise RuntimeError(f"no connector from {datatype} to {type(widget).__name__}")


def split(datatype: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations, and those."""
    if typing.get_origin(datatype) is typing.Annotated:
        plain, *notes = typing.get_args(datatype)
        return plain, tuple(notes)
    return datatype, ()


class _Simple(GuiConnector):
    """A property and the signal that tells of its change. Subclasses of the widget's class do not count."""

    widgets: tuple[type, ...] = ()
    types: tuple[type, ...] = ()
    signal = property_ = ""

    @classmethod
    def canRepresent(cls, widget: Any, datatype: Any) -> bool:  # type: ignore[override]
        return type(widget) in cls.widgets and split(datatype)[0] in cls.types

    @classmethod
    def create(cls, widget: Any, datatype: Any) -> Any:  # type: ignore[override]
        return cls(widget, datatype)

    def __init__(self, widget: Any, datatype: Any) -> None:
        super().__init__()
        self._widget, (self._type, self._limits) = widget, split(datatype)
        self.setup()

    def setup(self) -> None: ...

    def limit(self, kind: type) -> Any:
        return next((each for each in self._limits if isinstance(each, kind)), None)

    def _connect(self) -> None:
        if self.signal:
            self._widget.connect(self.signal, self.changed)

    def _disconnect(self) -> None:
        if self.signal:
            self._widget.disconnect(self.signal, self.changed)

    def widget(self) -> Any:
        return self._widget

    def read(self) -> Any:
        return getattr(self._widget, self.property_)

    def write(self, value: Any) -> None:
        setattr(self._widget, self.property_, value)


@parameterNodeGuiConnector
class CheckBox(_Simple):
    widgets, types, signal, property_ = (QtWidgets.QCheckBox,), (bool,), "stateChanged(int)", "checked"


@parameterNodeGuiConnector
class CheckableButton(_Simple):
    widgets, types, signal, property_ = (QtWidgets.QPushButton,), (bool,), "toggled(bool)", "checked"

    def setup(self) -> None:
        self._widget.checkable = True


@parameterNodeGuiConnector
class WholeNumber(_Simple):
    widgets, types, signal, property_ = (QtWidgets.QSlider, QtWidgets.QSpinBox), (int,), "valueChanged(int)", "value"

    def setup(self) -> None:
        within = self.limit(WithinRange)
        if within is None and isinstance(self._widget, QtWidgets.QSlider):
            raise RuntimeError("a slider needs WithinRange")
        self._widget.setRange(*((within.minimum, within.maximum) if within else (-(2**31), 2**31 - 1)))


@parameterNodeGuiConnector
class Number(_Simple):
    widgets, types = (QtWidgets.QDoubleSpinBox, widgets.ctkSliderWidget), (float, int)
    signal, property_ = "valueChanged(double)", "value"

    def setup(self) -> None:
        if self._type is int:
            self._widget.decimals = 0
        within = self.limit(WithinRange)
        if within is None and isinstance(self._widget, widgets.ctkSliderWidget):
            raise RuntimeError("a slider needs WithinRange")
        low, high = (within.minimum, within.maximum) if within else (float("-inf"), float("inf"))
        self._widget.minimum, self._widget.maximum = low, high

    def read(self) -> Any:
        return self._type(self._widget.value)


@parameterNodeGuiConnector
class ChoiceBox(_Simple):
    widgets, types = (QtWidgets.QComboBox,), (int, float, str, bool)
    signal = "currentIndexChanged(int)"

    def setup(self) -> None:
        if self.limit(Choice) is None:
            raise RuntimeError("a combo box needs Choice")
        self._choices = self.limit(Choice).choices
        self._widget.clear()
        self._widget.addItems([str(each) for each in self._choices])

    def read(self) -> Any:
        return self._choices[self._widget.currentIndex]

    def write(self, value: Any) -> None:
        if value not in self._choices:
            raise ValueError(f"{value} is none of {self._choices}")
        self._widget.currentIndex = self._choices.index(value)


@parameterNodeGuiConnector
class Line(_Simple):
    widgets, types, signal, property_ = (QtWidgets.QLineEdit,), (str,), "textChanged(QString)", "text"

    def write(self, value: str) -> None:
        if value != self._widget.text:
            self._widget.text = value


@parameterNodeGuiConnector
class Label(_Simple):
    widgets, types, property_ = (QtWidgets.QLabel,), (str,), "text"


@parameterNodeGuiConnector
class RichText(_Simple):
    """Sets the whole text each time: the cursor goes to the start, also while one types."""

    widgets, types, signal = (QtWidgets.QTextEdit,), (str,), "textChanged()"

    def read(self) -> str:
        text: str = self._widget.toPlainText()
        return text

    def write(self, value: str) -> None:
        self._widget.setPlainText(value)


@parameterNodeGuiConnector
class NodeBox(_Simple):
    widgets, signal = (widgets.qMRMLNodeComboBox,), "currentNodeChanged(vtkMRMLNode*)"

    @classmethod
    def canRepresent(cls, widget: Any, datatype: Any) -> bool:  # type: ignore[override]
        kind = split(datatype)[0]
        return type(widget) in cls.widgets and isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)

    def setup(self) -> None:
        self._widget.nodeTypes = [self._type.__name__]

    def read(self) -> Any:
        return self._widget.currentNode()

    def write(self, value: Any) -> None:
        self._widget.setCurrentNode(value)
