"""The ctk and qMRML widgets that the module uses: only their documented members, and those only as far as used.

Members come from the headers' Q_PROPERTY, signals, slots and Q_INVOKABLE; nothing else is visible from PythonQt.
Import after `pythonqt.install()`. Names that start with an underscore are the host's own.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from host.pythonqt import stands_for_cxx

_SCENE_EVENTS = ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent", "EndImportEvent", "EndBatchProcessEvent")


# --- ctk ---


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


# --- qMRML ---


class _SceneWidget(QtWidgets.QWidget):
    """What widgets of the scene share: they follow it."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._tags: list[int] = []

    def mrmlScene(self) -> Any:
        return self._scene

    def _leave(self) -> None:
        """Follows the scene no longer: what the C++ widgets do when they are destroyed."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags = []

    def setMRMLScene(self, scene: Any) -> None:
        self._leave()
        self._scene = scene
        self._tags = [scene.AddObserver(getattr(scene, name), self._changed) for name in _SCENE_EVENTS]
        self._refresh()

    def _changed(self, *_: Any) -> None:
        if not self._scene.IsBatchProcessing():
            self._refresh()

    def _refresh(self) -> None:
        """Shows what the scene holds now."""


@stands_for_cxx
class qMRMLWidget(_SceneWidget):
    """The root of a panel: hands the scene to the widgets in it."""

    mrmlSceneChanged = Signal(object)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@stands_for_cxx
class qMRMLNodeComboBox(_SceneWidget):
    """Chooses a node of some classes."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._types: list[str] = []
        self._attributes: dict[str, str] = {}
        self._flags = dict.fromkeys(("noneEnabled",), False)
        self._flags |= dict.fromkeys(("addEnabled", "removeEnabled", "editEnabled", "renameEnabled"), True)
        self._current: Any = None
        self._box = QtWidgets.QComboBox()
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        expanding, fixed = QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed
        self._box.setSizePolicy(expanding, fixed)
        self.setSizePolicy(expanding, fixed)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.currentIndexChanged.connect(self._picked)

    def _flag(name: str) -> Any:  # noqa: N805 - makes properties
        def write(self: Any, value: bool) -> None:
            self._flags[name] = value
            self._refresh()

        return Property(bool, lambda self: self._flags[name], write)

    noneEnabled = _flag("noneEnabled")
    addEnabled = _flag("addEnabled")
    removeEnabled = _flag("removeEnabled")
    editEnabled = _flag("editEnabled")
    renameEnabled = _flag("renameEnabled")
    del _flag

    def _get_types(self) -> list[str]:
        return self._types

    def _set_types(self, types: list[str]) -> None:
        self._types = list(types)
        self._refresh()

    nodeTypes = Property("QStringList", _get_types, _set_types)

    def currentNode(self) -> Any:
        return self._current

    def currentNodeID(self) -> str:
        return self._current.GetID() if self._current else ""

    def setCurrentNode(self, node: Any) -> None:
        if node is not self._current:
            self._current = node
            self._refresh(announce=True)

    def setCurrentNodeID(self, identifier: str) -> None:
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if identifier else None)

    def addAttribute(self, node_type: str, name: str, value: Any = None) -> None:
        self._attributes[node_type] = name
        self._refresh()

    def nodeCount(self) -> int:
        return len(self._nodes())

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        found = [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())]
        return [node for node in found if self._offered(node)]

    def _offered(self, node: Any) -> bool:
        kind = node.GetClassName()
        wanted = self._attributes.get(kind)
        return kind in self._types and not node.GetHideFromEditors() and (not wanted or bool(node.GetAttribute(wanted)))

    def _refresh(self, announce: bool = False) -> None:
        nodes = self._nodes()
        before = self._current
        if self._current not in nodes:
            self._current = None
        if self._current is None and nodes and not self._flags["noneEnabled"]:
            self._current = nodes[0]
        self._box.blockSignals(True)
        self._box.clear()
        if self._flags["noneEnabled"]:
            self._box.addItem("None", None)
        for node in nodes:
            self._box.addItem(node.GetName(), node.GetID())
        self._box.currentIndex = self._box.findData(self.currentNodeID() or None)
        self._box.blockSignals(False)
        if announce or before is not self._current:
            self.currentNodeChanged.emit(self._current)
            self.currentNodeIDChanged.emit(self.currentNodeID())

    def _picked(self, index: int) -> None:
        self.setCurrentNodeID(self._box.itemData(index) or "")


@stands_for_cxx
class qMRMLSegmentSelectorWidget(_SceneWidget):
    """Chooses a segmentation and a segment in it."""

    currentNodeChanged = Signal(object)
    currentSegmentChanged = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._nodes_box = qMRMLNodeComboBox()
        self._nodes_box.noneEnabled = True
        self._nodes_box.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._segments = QtWidgets.QComboBox()
        column.addWidget(self._nodes_box)
        column.addWidget(self._segments)
        self._observed: tuple[Any, list[int]] = (None, [])
        self._shown = ""
        self._nodes_box.currentNodeChanged.connect(self._node_changed)
        self._segments.currentIndexChanged.connect(self._announce)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._nodes_box.setMRMLScene(scene)

    def currentNode(self) -> Any:
        return self._nodes_box.currentNode()

    def currentNodeID(self) -> str:
        return self._nodes_box.currentNodeID()

    def setCurrentNode(self, node: Any) -> None:
        self._nodes_box.setCurrentNode(node)

    def currentSegmentID(self) -> str:
        return self._segments.currentData or ""

    def setCurrentSegmentID(self, identifier: str) -> None:
        self._segments.currentIndex = self._segments.findData(identifier)

    def _leave(self) -> None:
        segmentation, tags = self._observed
        for tag in tags:
            segmentation.RemoveObserver(tag)
        self._observed = (None, [])

    def _node_changed(self, node: Any) -> None:
        self._leave()
        if node:
            segmentation = node.GetSegmentation()
            events = ("SegmentAdded", "SegmentRemoved", "SegmentModified")
            tags = [segmentation.AddObserver(getattr(segmentation, name), self._list) for name in events]
            self._observed = (segmentation, tags)
        self._list()
        self.currentNodeChanged.emit(node)

    def _list(self, *_: Any) -> None:
        chosen = self.currentSegmentID()
        self._segments.blockSignals(True)
        self._segments.clear()
        if node := self.currentNode():
            names = vtk.vtkStringArray()
            node.GetSegmentation().GetSegmentIDs(names)
            for index in range(names.GetNumberOfValues()):
                identifier = names.GetValue(index)
                self._segments.addItem(node.GetSegmentation().GetSegment(identifier).GetName(), identifier)
            self._segments.currentIndex = max(self._segments.findData(chosen), 0)
        self._segments.blockSignals(False)
        self._announce()

    def _announce(self, *_: Any) -> None:
        if self.currentSegmentID() != self._shown:
            self._shown = self.currentSegmentID()
            self.currentSegmentChanged.emit(self._shown)


CTK = (ctkCollapsibleButton, ctkSliderWidget)
QMRML = (qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentSelectorWidget)


def install(ctk: Any) -> None:
    """Makes the widgets known under the names that Slicer gives them."""
    for owner, widgets in ((ctk, CTK), (slicer, QMRML)):
        for widget in widgets:
            setattr(owner, widget.__name__, widget)
