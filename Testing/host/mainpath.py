"""The main path, as a user goes it by hand: from an empty scene to a saved tumour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

SITE = (70.0, 10.0, 20.0)  # in the digital phantom's liver
TERM = "hyperattenuating"


def walk(
    host: Any, ct: Path, saved: Path, site: tuple[float, float, float] = SITE, size: tuple[int, int] = (480, 3200)
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Does one action after another; Slicer's own windows, which the host has not, answer as they would.

    Args:
        host: The host, with an empty scene and the module loaded.
        ct: The scan's file.
        saved: Where the tumour goes.
        site: Its place, RAS mm in the world.
        size: Of the panel; by itself so high that nothing has to be scrolled to.

    Yields:
        What was done, and the module's panels by name (none before the module is open).
    """
    import slicer

    yield "drop the CT's file onto Slicer's window", {}
    slicer.util.loadVolume(ct, {"name": "CT"})
    yield "OK in Slicer's dialog 'Add data'", {}
    widget = host.open("TextoMorph")
    widget.parent.resize(*size)
    widget.parent.show()
    panels = {panel.name: panel for panel in widget.panels}
    yield "open the module in Slicer's menu", panels
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(site)
    yield "hold Shift and point at a place in a slice view", panels
    click(panels["Scan"].ui.placeButton)
    yield "press 'Place a lesion'", panels
    click(panels["Describe"].ui.clearButton)
    yield "press 'Clear'", panels
    click(panels["Describe"]._chips[TERM])
    yield f"press the term '{TERM}'", panels
    click(panels["Generate"].ui.generateButton)
    yield "press 'Generate'", panels
    host.file = str(saved)
    click(panels["Compare"].ui.saveButton)
    yield "press 'Save…'", panels
    yield "press 'Save' in the file dialog, which proposes a name", panels


def click(button: Any) -> None:
    """A click with the mouse on a button that the user can see."""
    from PySide6 import QtCore, QtTest, QtWidgets

    QtWidgets.QApplication.processEvents()  # what is laid out later has its place now
    assert button.isVisible(), f"{button.objectName} is hidden"
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
