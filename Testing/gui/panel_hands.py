"""What a user's hands do in the panels (unfold, choose, type), and a tumour to do it with."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from PySide6 import QtCore, QtTest, QtWidgets


def opened(panel: Any) -> Any:
    """A panel, unfolded by a click on its title, in a window high enough for all of it."""
    window = panel.widget.window()
    window.resize(480, 2600)
    window.show()
    window.activateWindow()
    QtWidgets.QApplication.processEvents()
    unfold(getattr(panel.ui, f"{panel.name.lower()}CollapsibleButton"))
    return panel


def unfold(section: Any) -> None:
    """Clicks on a section's title."""
    QtTest.QTest.mouseClick(section, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(20, 10))
    QtWidgets.QApplication.processEvents()


def choose(box: Any, words: str) -> None:
    """Goes down a list with the arrow key to an entry."""
    box.setFocus()
    QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Home)
    for _ in range(box.count):
        if box.currentText == words:
            return
        QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Down)
    raise AssertionError(f"{words} is not offered")


def typed(line: Any, words: str) -> None:
    """Types over what a line holds."""
    line.selectAll()
    QtTest.QTest.keyClicks(line, words)


def click_row(table: Any, row: int) -> None:
    """Clicks on a row of a table."""
    place = table.visualItemRect(table.item(row, 0)).center()
    QtTest.QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=place)
    QtWidgets.QApplication.processEvents()


def darken(ct: Any, centre: tuple[float, float, float], diameter: float, by: float) -> Any:
    """Adds to the HU of a ball in a CT; the ball's mask as the library counts voxels."""
    from TextoMorphModule.Actions import nodes

    voxels = slicer.util.arrayFromVolume(ct)
    middle = (np.linalg.inv(nodes.affineOf(ct)) @ [*centre, 1.0])[:3]
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in voxels.shape), indexing="ij"), -1)[..., ::-1]
    ball = np.linalg.norm((grid - middle) * ct.GetSpacing(), axis=-1) < diameter / 2
    voxels[ball] += by
    slicer.util.arrayFromVolumeModified(ct)
    return ball.transpose()
