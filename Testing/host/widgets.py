"""The ctk widgets that the module uses: only their documented members, and those only as far as used.

Members come from the headers' Q_PROPERTY, signals, slots and Q_INVOKABLE; nothing else is visible from PythonQt.
Import after `pythonqt.install()`. Names that start with an underscore are the host's own.
"""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from host.pythonqt import stands_for_cxx
from host.qmrml import qMRMLNodeComboBox, qMRMLSegmentSelectorWidget, qMRMLWidget


@stands_for_cxx
class ctkCollapsibleButton(QtWidgets.QWidget):
    """A titled box that folds."""

    contentsCollapsed = Signal(bool)
    clicked = Signal(bool)
    _HEADER = 26

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self._folded: list[Any] = []
        self.setContentsMargins(0, self._HEADER, 0, 0)

    def _get_text(self) -> str:
        return self._text

    def _set_text(self, text: str) -> None:
        self._text = text
        self.update()

    def _get_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        if collapsed:
            inside = [child for child in self.children() if child.isWidgetType()]
            self._folded = [child for child in inside if not child.isHidden()]
        for child in self._folded:
            child.setVisible(not collapsed)
        self.setMaximumHeight(self._HEADER if collapsed else 16777215)
        self.contentsCollapsed.emit(collapsed)

    text = Property(str, _get_text, _set_text)
    collapsed = Property(bool, _get_collapsed, _set_collapsed)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.position().y() < self._HEADER:
            self._set_collapsed(not self._collapsed)
            self.clicked.emit(not self._collapsed)

    def paintEvent(self, event: Any) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(0, 0, self.width, self._HEADER - 3, self.palette.button())
        painter.drawText(8, 17, ("\u25b8 " if self._collapsed else "\u25be ") + self._text)


@stands_for_cxx
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box."""

    valueChanged = Signal(float)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._box = QtWidgets.QDoubleSpinBox()
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        self._slider.setRange(0, 1000)
        self._slider.valueChanged.connect(self._slid)
        self._box.valueChanged.connect(self._typed)

    def _slid(self, position: int) -> None:
        low, high = self._box.minimum, self._box.maximum
        self._box.value = low + (high - low) * position / 1000

    def _typed(self, value: float) -> None:
        low, high = self._box.minimum, self._box.maximum
        self._slider.blockSignals(True)
        self._slider.value = round(1000 * (value - low) / ((high - low) or 1))
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    def _forwarded(name: str, kind: type) -> Any:  # noqa: N805 - makes properties
        def read(self: Any) -> Any:
            return getattr(self._box, name)

        def write(self: Any, value: Any) -> None:
            setattr(self._box, name, value)

        return Property(kind, read, write)

    value = _forwarded("value", float)
    minimum = _forwarded("minimum", float)
    maximum = _forwarded("maximum", float)
    singleStep = _forwarded("singleStep", float)
    decimals = _forwarded("decimals", int)
    suffix = _forwarded("suffix", str)
    del _forwarded


CTK = (ctkCollapsibleButton, ctkSliderWidget)
QMRML = (qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentSelectorWidget)


def install(ctk: Any) -> None:
    """Makes the widgets known under the names that Slicer gives them."""
    for owner, widgets in ((ctk, CTK), (slicer, QMRML)):
        for widget in widgets:
            setattr(owner, widget.__name__, widget)
