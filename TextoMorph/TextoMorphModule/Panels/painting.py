"""What panels do with the mouse's work in slice views: what is painted, and where is clicked."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import later

POINTED_MS = 10000  # how long Slicer's status bar asks for the click


class Painting:
    """Follows what is painted in a segmentation, whichever it is at the time."""

    def __init__(self, owner: Any, onPainted: Callable[[Any, Any], None], *events: str) -> None:
        """Args are who observes (a VTKObservationMixin), its method that is called, and at what if not painting."""
        self._owner, self._onPainted = owner, onPainted
        self._events = events or ("SourceRepresentationModified",)
        self._segmentation: Any = None

    def follow(self, segmentation: Any) -> None:
        """Turns to a segmentation, or to none."""
        if segmentation is self._segmentation:
            return
        self._owner.removeObservers(self._onPainted)
        self._segmentation = segmentation
        if segmentation:  # the node tells on what happens in it, also after a file has put another in its place
            for event in self._events:
                self._owner.addObserver(segmentation, getattr(slicer.vtkSegmentation, event), self._onPainted)


class Click:
    """Waits for a click in a slice view."""

    def __init__(self, owner: Any, onClicked: Callable[[tuple[float, float, float]], None]) -> None:
        """Args are who observes (a panel), and what is called with the place, RAS mm in the world."""
        self._owner, self._onClicked = owner, onClicked
        self._points: Any = None  # what is being clicked
        self._taken = later(0, self._take)  # not while the point list is still at work

    def wait(self) -> None:
        """Waits for the next click; one that was waited for before is forgotten."""
        self.forget()
        self._points = self._owner.logic.pickPoint()
        event = slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent
        self._owner.addObserver(self._points, event, self._onPointDefined)
        slicer.util.showStatusMessage(_("Click in a slice view where the lesion goes."), POINTED_MS)

    def forget(self) -> tuple[float, float, float] | None:
        """Waits no longer; where the click was, if there was one."""
        points, self._points = self._points, None
        self._taken.stop()
        self._owner.removeObservers(self._onPointDefined)
        place: tuple[float, float, float] | None = self._owner.logic.takePoint(points)
        return place

    def _onPointDefined(self, caller: Any, event: Any) -> None:
        self._taken.start()

    def _take(self) -> None:
        place = self.forget()
        if place:
            self._onClicked(place)
