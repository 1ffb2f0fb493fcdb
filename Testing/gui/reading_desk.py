"""What the tests of the Turing test share: a reading is started, and the screen is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer


def start(panels: Any, folder: Path, reader: str = "anna") -> Any:
    """Opens a study; the widgets of its cases."""
    ui = panels["Turing"].ui
    ui.studyLineEdit.text = str(folder)
    ui.readerComboBox.setCurrentText(reader)
    ui.startButton.click()
    return panels["Case"].ui


def layout() -> int:
    return slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()


def shown(panels: Any) -> list[str]:
    return [name for name, panel in panels.items() if not panel.widget.isHidden()]


def bars() -> list[bool]:
    """Of the main window's toolbars, docks and other parts, which are hidden."""
    window = slicer.util.mainWindow()
    named = [slicer.util.findChild(window, name) for name in ("DataProbeCollapsibleWidget", "LogoLabel")]
    parts = [*window.findChildren("QToolBar"), *window.findChildren("QDockWidget"), *named]
    hidden = [part.isHidden() for part in (*parts, window.menuBar(), window.statusBar())]
    return [*hidden, not slicer.util.findChild(window, "ModulePanel").helpAndAcknowledgmentVisible]


def leftovers() -> list[str]:
    """Nodes that a reading has brought into the scene."""
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLVolumeDisplayNode")
    every = [node for kind in kinds for node in slicer.util.getNodesByClass(kind)]
    return [node.GetName() for node in (*every, *slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode"))]
