"""A numbered point at the middle of each lesion in the slice views, to be dragged."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

Place = tuple[float, float, float]  # RAS mm in the world
GLYPH_PERCENT, TEXT_PERCENT = 2.0, 3.0  # of the view's height
LEAST_MM = 0.1  # what is less is no drag


class Centres(VTKObservationMixin):
    """Points that are in the scene as long as they are shown, and saved with no scene."""

    def __init__(self, onDragged: Callable[[int, Place], None]) -> None:
        """Args are what is called with a point's number, from 0, and its new place, once it is let go of."""
        VTKObservationMixin.__init__(self)
        self._onDragged = onDragged
        self._points: Any = None
        self._places: list[Place] = []

    def show(self, places: list[Place]) -> None:
        """Shows points at these places, numbered from 1; none hides them all."""
        if not places:
            self.hide()
            return
        if self._points is None or not slicer.mrmlScene.IsNodePresent(self._points):
            self._points = self._new()
        self._places = places
        self._points.SetFixedNumberOfControlPoints(False)
        with slicer.util.NodeModify(self._points):
            while self._points.GetNumberOfControlPoints() > len(places):
                self._points.RemoveNthControlPoint(self._points.GetNumberOfControlPoints() - 1)
            for number, place in enumerate(places):
                if number == self._points.GetNumberOfControlPoints():
                    self._points.AddControlPointWorld(place, str(number + 1))
                elif self._at(number) != place:
                    self._points.SetNthControlPointPositionWorld(number, place)
        self._points.SetFixedNumberOfControlPoints(True)  # Delete on the keyboard removes no lesion

    def hide(self) -> None:
        """Takes the points out of the scene."""
        self.removeObservers()
        points, self._points, self._places = self._points, None, []
        if points is not None and slicer.mrmlScene.IsNodePresent(points):
            slicer.mrmlScene.RemoveNode(points)

    def _new(self) -> Any:
        self.removeObservers()
        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Lesions' middles"))
        points.SetHideFromEditors(True)
        points.SetSaveWithScene(False)
        points.CreateDefaultDisplayNodes()
        display = points.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetGlyphType(slicer.vtkMRMLMarkupsDisplayNode.Cross2D)  # a ball would hide what a small lesion is like
        display.SetGlyphScale(GLYPH_PERCENT)
        display.SetTextScale(TEXT_PERCENT)
        display.SetPointLabelsVisibility(True)
        self.addObserver(points, slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, self._onEnd)
        return points

    def _at(self, number: int) -> Place:
        at = [0.0, 0.0, 0.0]
        self._points.GetNthControlPointPositionWorld(number, at)
        return at[0], at[1], at[2]

    def _onEnd(self, caller: Any, event: Any) -> None:
        for number, before in enumerate(self._places):
            now = self._at(number)
            if max(abs(a - b) for a, b in zip(now, before, strict=True)) > LEAST_MM:
                self._onDragged(number, now)
                return
