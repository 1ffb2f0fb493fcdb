"""The layout manager: Slicer's own layout logic makes the view nodes; slice views have Slicer's own slice logics."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtWidgets

ORIENTATIONS = {"Green": "Coronal", "Yellow": "Sagittal"}  # of Slicer's own views; all others are axial


class SliceWidget:
    """qMRMLSliceWidget: a view's nodes and logic."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._controller = QtWidgets.QWidget()  # qMRMLSliceControllerWidget: the bar above the view

    def sliceController(self) -> Any:
        return self._controller

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()


class LayoutManager:
    """qSlicerLayoutManager."""

    def __init__(self, application_logic: Any) -> None:
        self._application_logic = application_logic
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._slices: dict[str, SliceWidget] = {}
        self.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def layoutLogic(self) -> Any:
        return self._logic

    def setLayout(self, layout: int) -> None:
        self._logic.GetLayoutNode().SetViewArrangement(layout)
        self._update()

    def sliceViewNames(self) -> tuple[str, ...]:
        self._update()
        views = self._logic.GetViewNodes()
        nodes = [views.GetItemAsObject(index) for index in range(views.GetNumberOfItems())]
        return tuple(node.GetLayoutName() for node in nodes if node.IsA("vtkMRMLSliceNode"))

    def sliceWidget(self, name: str) -> SliceWidget | None:
        self._update()
        return self._slices.get(name)

    def mrmlSliceLogics(self) -> Any:
        return self._application_logic.GetSliceLogics()

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.sliceLogic().FitSliceToBackground()

    def _update(self) -> None:
        """A slice logic for each slice node in the scene."""
        count = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSliceNode")
        for index in range(count):
            node = slicer.mrmlScene.GetNthNodeByClass(index, "vtkMRMLSliceNode")
            if node.GetLayoutName() not in self._slices:
                logic = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(self._application_logic)
                self._application_logic.GetSliceLogics().AddItem(logic)
                logic.SetMRMLScene(slicer.mrmlScene)
                logic.SetSliceNode(node)
                node.SetOrientation(ORIENTATIONS.get(node.GetLayoutName(), "Axial"))
                self._slices[node.GetLayoutName()] = SliceWidget(logic)
