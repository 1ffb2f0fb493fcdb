"""Slice views rendered by Slicer's own displayable managers, and the panel beside them, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from vtk.util.numpy_support import vtk_to_numpy

MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
GAP = 3


def displayable_managers(logic: Any, renderer: Any, names: Sequence[str]) -> Any:
    """A group of Slicer's displayable managers for a slice view, by their classes' names."""
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    for manager in names:
        if not factory.IsDisplayableManagerRegistered(manager):
            factory.RegisterDisplayableManager(manager)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    group.Initialize(factory, renderer)
    group.SetMRMLDisplayableNode(logic.GetSliceNode())
    return group


def offscreen(name: str, size: tuple[int, int], managers: Sequence[str]) -> tuple[Any, Any, Any, Any, Any]:
    """A window without a screen for a slice view: its logic, renderer, window, interactor and displayable managers."""
    logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
    renderer = vtk.vtkRenderer()
    renderer.GetActiveCamera().ParallelProjectionOn()
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetShowWindow(False)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    window.AddRenderer(renderer)
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())  # its own would grab the mouse
    logic.ResizeSliceNode(*size)
    return logic, renderer, window, interactor, displayable_managers(logic, renderer, managers)


def slice_view(name: str, size: tuple[int, int]) -> QtGui.QImage:
    """A slice view as it would look in Slicer.

    Args:
        name: Of the view, such as "Red".
        size: Width and height in pixels.
    """
    logic, renderer, window, interactor, group = offscreen(name, size, MANAGERS)
    interactor.Initialize()
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    image = vtk.vtkActor2D()
    image.SetMapper(mapper)
    image.GetProperty().SetDisplayLocationToBackground()
    renderer.AddViewProp(image)
    window.Render()
    grabbed = vtk.vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    grabbed.Update()
    output = grabbed.GetOutput()
    width, height, _ = output.GetDimensions()
    pixels = vtk_to_numpy(output.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3]
    group.SetMRMLDisplayableNode(None)
    pixels = np.ascontiguousarray(pixels)
    return QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format.Format_RGB888).copy()


def picture(panel: Any, path: Path, views: tuple[str, ...] = (), width: int = 460, height: int = 0) -> None:
    """Writes the panel, with slice views to its right.

    Args:
        panel: A widget that is in no other.
        path: The PNG file.
        views: Names of slice views, from left to right.
        width: Of the panel, in pixels.
        height: Of the picture; as much as the panel needs if 0.
    """
    panel.resize(width, height or 10)
    panel.show()
    for _ in range(3):
        QtWidgets.QApplication.processEvents()
    tall = height or max(panel.layout().heightForWidth(width), panel.layout().minimumSize().height(), 10)
    panel.resize(width, tall)
    QtWidgets.QApplication.processEvents()
    shown = panel.grab()
    side = min(tall, 1150 // len(views)) if views else 0
    whole = QtGui.QImage(width + len(views) * (side + GAP), tall, QtGui.QImage.Format.Format_RGB888)
    whole.fill(QtGui.QColor("#202225"))
    painter = QtGui.QPainter(whole)
    painter.drawPixmap(QtCore.QPoint(0, 0), shown)
    for number, name in enumerate(views):
        left = width + GAP + number * (side + GAP)
        painter.drawImage(QtCore.QPoint(left, (tall - side) // 2), slice_view(name, (side, side)))
        painter.setPen(QtGui.QColor("#ffffff"))
        painter.drawText(left + 8, (tall - side) // 2 + 18, name.removeprefix("TextoMorph"))
    painter.end()
    panel.hide()
    whole.save(str(path))
