"""The mouse in a slice view, through Slicer's own interactor style and displayable managers."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from host.pictures import offscreen

SIZE = 500  # pixels
MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager")


def drag(name: str, start: tuple[float, float, float], end: tuple[float, float, float]) -> None:
    """Drags what lies at a place of a slice view to another place.

    Args:
        name: Of the view, such as "Red".
        start: RAS mm, in the slice that the view shows.
        end: RAS mm, in the same slice.
    """
    logic, _renderer, window, interactor, group = offscreen(name, (SIZE, SIZE), MANAGERS)
    style = slicer.vtkMRMLSliceViewInteractorStyle()
    style.SetSliceLogic(logic)
    style.SetDisplayableManagers(group)
    style.SetInteractor(interactor)
    interactor.Initialize()
    window.Render()
    first, last = (_pixel(logic.GetSliceNode(), place) for place in (start, end))
    _move(interactor, first)
    interactor.InvokeEvent("LeftButtonPressEvent")
    for part in (0.25, 0.5, 0.75, 1.0):
        _move(interactor, tuple(round(a + part * (b - a)) for a, b in zip(first, last, strict=True)))
    interactor.InvokeEvent("LeftButtonReleaseEvent")
    QtWidgets.QApplication.processEvents()
    group.SetMRMLDisplayableNode(None)
    style.SetDisplayableManagers(None)
    style.SetInteractor(None)


def _move(interactor: Any, pixel: tuple[int, ...]) -> None:
    interactor.SetEventInformation(*pixel, 0, 0)
    interactor.InvokeEvent("MouseMoveEvent")


def _pixel(node: Any, place: tuple[float, float, float]) -> tuple[int, ...]:
    """Where a place is seen in a view, from the lower left."""
    to_view = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), to_view)
    across, up, _, _ = to_view.MultiplyPoint((*place, 1.0))
    return round(across), round(up)
