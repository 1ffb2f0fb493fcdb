"""Each panel without a mouse: Tab goes down the panel, and every control says what it does."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from host import widgets
from PySide6 import QtCore, QtWidgets

CONTROLS = (
    *(QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSpinBox, QtWidgets.QLineEdit),
    *(QtWidgets.QTextEdit, QtWidgets.QTableWidget, widgets.ctkSliderWidget),
    *(widgets.qMRMLNodeComboBox, widgets.qMRMLSegmentSelectorWidget),
)
READING = ("Turing", "Case")  # not yet looked through


@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_tab_goes_down_each_panel(host: Any, ct: Any, panels: Any, organ: str) -> None:
    panels["Scan"].parameters.ct = ct
    panels["Scan"].ui.organComboBox.setCurrentText(organ)
    for panel in panels.values():
        for folded in panel.widget.findChildren(widgets.ctkCollapsibleButton):
            folded.collapsed = False
    whole = panels["Scan"].widget.window()
    whole.resize(480, 4000)
    whole.show()
    for _ in range(3):
        QtWidgets.QApplication.processEvents()
    for name in READING:
        del panels[name]
    for panel in panels.values():
        stops, widget = [], panel.widget
        for _ in range(10_000):
            widget = widget.nextInFocusChain()
            if widget is panel.widget:
                break
            by_tab = bool(widget.focusPolicy & QtCore.Qt.FocusPolicy.TabFocus)
            if panel.widget.isAncestorOf(widget) and widget.isVisible() and widget.isEnabled() and by_tab:
                stops.append(widget.mapTo(whole, QtCore.QPoint(0, widget.height // 2)).y())
        assert stops, panel.name
        jumps = [(a, b) for a, b in pairwise(stops) if b < a - 15]  # a row's parts differ a little
        assert jumps == [], panel.name


def test_every_control_says_what_it_does(host: Any, panels: Any) -> None:
    for name in READING:
        del panels[name]
    silent = [
        f"{panel.name}.{child.objectName}"
        for panel in panels.values()
        for child in panel.widget.findChildren(QtWidgets.QWidget)
        if isinstance(child, CONTROLS) and _is_named(child) and not child.toolTip
    ]
    assert silent == []
    assert all(chip.toolTip for chip in panels["Describe"]._chips.values())


def _is_named(widget: Any) -> bool:
    """Whether it is one of the panel's, and no part of another widget."""
    return bool(widget.objectName) and not widget.objectName.startswith("qt_")
