"""The qMRML widgets that the module uses, as strict as Slicer 5.12's: what they choose by themselves, they choose here.

A box that is not allowed None (which is how one begins) takes the first node there is. The segment selector remembers a
segment's ID when its segmentation goes, and says nothing then; allowed None, it stays at None when a node is picked.
Import after `pythonqt.install()`. Names that start with an underscore are the host's own.
"""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal

from host.pythonqt import stands_for_cxx

_SCENE_EVENTS = ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent", "EndImportEvent", "EndBatchProcessEvent")
NONE = "None"
_LEFT_TO_RIGHT = QtWidgets.QBoxLayout.Direction.LeftToRight


class SceneWidget(QtWidgets.QWidget):
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
class qMRMLWidget(SceneWidget):
    """The root of a panel: hands the scene to the widgets in it."""

    mrmlSceneChanged = Signal(object)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@stands_for_cxx
class qMRMLNodeComboBox(SceneWidget):
    """Chooses a node of some classes."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._types: list[str] = []
        self._attributes: dict[str, str] = {}
        self._flags = dict.fromkeys(("noneEnabled",), False)
        self._flags |= dict.fromkeys(
            ("addEnabled", "removeEnabled", "editEnabled", "renameEnabled", "showChildNodeTypes"), True
        )
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
    showChildNodeTypes = _flag("showChildNodeTypes")
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
        children = self._flags["showChildNodeTypes"]
        if not any(node.IsA(each) if children else kind == each for each in self._types):
            return False
        wanted = self._attributes.get(kind)
        return not node.GetHideFromEditors() and (not wanted or bool(node.GetAttribute(wanted)))

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
            self._box.addItem(NONE, None)
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
class qMRMLSegmentSelectorWidget(SceneWidget):
    """Chooses a segmentation and a segment in it."""

    currentNodeChanged = Signal(object)
    currentSegmentChanged = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._nodes_box = qMRMLNodeComboBox()
        self._nodes_box.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._segments = QtWidgets.QComboBox()
        self._message = QtWidgets.QLabel()
        for part in (self._nodes_box, self._segments, self._message):
            column.addWidget(part)
        self._observed: tuple[Any, list[int]] = (None, [])
        self._node: Any = None
        self._segment = ""  # is kept when there is no segmentation
        self._nodes_box.currentNodeChanged.connect(self._node_changed)
        self._nodes_box.currentNodeChanged.connect(self.currentNodeChanged)
        self._segments.currentIndexChanged.connect(self._picked)
        self._list()

    def _get_none(self) -> bool:
        return bool(self._nodes_box.noneEnabled)

    def _set_none(self, enabled: bool) -> None:
        self._nodes_box.noneEnabled = enabled
        self._list()

    def _get_horizontal(self) -> bool:
        return bool(self.layout().direction() == _LEFT_TO_RIGHT)

    def _set_horizontal(self, horizontal: bool) -> None:
        self.layout().setDirection(_LEFT_TO_RIGHT if horizontal else QtWidgets.QBoxLayout.Direction.TopToBottom)

    noneEnabled = Property(bool, _get_none, _set_none)
    horizontalLayout = Property(bool, _get_horizontal, _set_horizontal)

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
        return self._segment

    def setCurrentSegmentID(self, identifier: str) -> None:
        if not identifier and self._get_none():
            self._segments.currentIndex = 0
            return
        index = self._segments.findData(identifier)
        if index != -1:
            self._segments.currentIndex = index

    def _leave(self) -> None:
        segmentation, tags = self._observed
        for tag in tags:
            segmentation.RemoveObserver(tag)
        self._observed = (None, [])

    def _node_changed(self, node: Any) -> None:
        if node is self._node:
            return
        self._leave()
        self._node = node
        if node:
            segmentation = node.GetSegmentation()
            events = ("SegmentAdded", "SegmentRemoved", "SegmentModified")
            tags = [segmentation.AddObserver(getattr(segmentation, name), self._list) for name in events]
            self._observed = (segmentation, tags)
        self._list()

    def _list(self, *_: Any) -> None:
        self._segments.blockSignals(True)
        self._segments.clear()
        self._segments.blockSignals(False)
        names = vtk.vtkStringArray()
        if self._node:
            self._node.GetSegmentation().GetSegmentIDs(names)
        known = [names.GetValue(index) for index in range(names.GetNumberOfValues())]
        self._segments.setVisible(bool(known))
        self._message.setVisible(not known)
        self._message.setText("No segments in segmentation" if self._node else "No node is selected")
        if not known:
            return
        none = self._get_none()
        self._segments.blockSignals(True)
        if none:
            self._segments.addItem(NONE, NONE)
        for identifier in known:
            self._segments.addItem(self._node.GetSegmentation().GetSegment(identifier).GetName(), identifier)
        if self._segment in known or (none and not self._segment):
            self.setCurrentSegmentID(self._segment)
            self._segments.blockSignals(False)
        else:
            self._segments.currentIndex = -1
            self._segments.blockSignals(False)
            self._segments.currentIndex = 1 if none else 0

    def _picked(self, index: int) -> None:
        if self._node:
            data = self._segments.itemData(index)
            self._segment = "" if data in (None, NONE) else data
            self.currentSegmentChanged.emit(self._segment)
