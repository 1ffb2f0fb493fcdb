"""The Segment Editor: its widget's documented setters, and painting through Slicer's own Segment Editor logic."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy


class SegmentEditor:
    """`slicer.modules.segmenteditor.widgetRepresentation().self()`; its `editor` is a qMRMLSegmentEditorWidget."""

    def __init__(self) -> None:
        self.editor = SegmentEditorWidget()


class SegmentEditorWidget:
    """qMRMLSegmentEditorWidget: what modules call to prepare an edit."""

    def __init__(self) -> None:
        self._node: Any = None
        self._segmentation: Any = None
        self._source: Any = None
        self._segment = ""
        self._effect = ""

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._node = node

    def setSegmentationNode(self, node: Any) -> None:
        self._segmentation = node

    def setSourceVolumeNode(self, node: Any) -> None:
        self._source = node

    def setCurrentSegmentID(self, identifier: str) -> None:
        self._segment = identifier

    def setActiveEffectByName(self, name: str) -> None:
        self._effect = name


def paint_ball(widget: SegmentEditorWidget, ras: tuple[float, float, float], diameter_mm: float) -> None:
    """What the user does next: paints a ball with the brush, in the prepared segment.

    Args:
        widget: A prepared editor.
        ras: Centre in the segmentation's coordinates, mm.
        diameter_mm: Of the ball.
    """
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    node.SetAndObserveSegmentationNode(widget._segmentation)
    node.SetAndObserveSourceVolumeNode(widget._source)
    node.SetSelectedSegmentID(widget._segment)
    logic.SetSegmentEditorNode(node)
    logic.UpdateReferenceGeometryImage()
    logic.ResetModifierLabelmapToDefault()
    image = logic.GetModifierLabelmap()
    shape = tuple(reversed(image.GetDimensions()))
    to_world = slicer.vtkOrientedImageData.GetImageToWorldMatrix
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    to_world(image, matrix)
    affine = slicer.util.arrayFromVTKMatrix(matrix)
    low = image.GetExtent()[::2]
    k, j, i = np.ogrid[tuple(slice(start, start + size) for start, size in zip(low[::-1], shape, strict=True))]
    axes = (affine[row, 0] * i + affine[row, 1] * j + affine[row, 2] * k + affine[row, 3] for row in range(3))
    away = sum((axis - centre) ** 2 for axis, centre in zip(axes, ras, strict=True))
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)
    voxels[away <= (diameter_mm / 2) ** 2] = 1
    image.Modified()
    add = slicer.vtkSlicerSegmentEditorLogic.ModificationModeAdd
    logic.ModifySegmentByLabelmap(widget._segmentation, widget._segment, image, add, False, False)
    logic.SetSegmentEditorNode(None)
    slicer.mrmlScene.RemoveNode(node)
