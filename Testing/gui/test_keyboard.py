"""Each panel without a mouse: Tab goes down the panel, and every control says what it does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6 import QtCore, QtWidgets
from test_turing import small_study, start

from host import widgets

CONTROLS = (
    *(QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QAbstractSpinBox, QtWidgets.QLineEdit),
    *(QtWidgets.QPlainTextEdit, QtWidgets.QTextEdit, QtWidgets.QTableWidget, widgets.ctkSliderWidget),
    *(widgets.qMRMLNodeComboBox, widgets.qMRMLSegmentSelectorWidget),
)


@pytest.fixture
def whole(panels: Any) -> Any:
    """The window, high enough for all panels, which are unfolded."""
    for panel in panels.values():
        for folded in panel.widget.findChildren(widgets.ctkCollapsibleButton):
            folded.collapsed = False
    window = panels["Scan"].widget.window()
    window.resize(480, 5000)
    window.show()
    return window


@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_tab_goes_down_each_panel(host: Any, ct: Any, panels: Any, whole: Any, organ: str) -> None:
    panels["Scan"].parameters.ct = ct
    panels["Scan"].ui.organComboBox.setCurrentText(organ)
    del panels["Case"]  # is shown while reading
    for panel in panels.values():
        (tabs,) = panel.widget.findChildren(QtWidgets.QTabWidget) or [None]
        for page in range(tabs.count if tabs else 1):
            if tabs:
                tabs.currentIndex = page
            goes_down(panel, whole)


def test_tab_goes_down_a_case(host: Any, panels: Any, whole: Any, tmp_path: Path) -> None:
    start(panels, small_study(tmp_path / "study", pairs=2, readers=("anna", "ben"), apart=1).folder)
    assert len(panels["Case"]._termButtons) > 1
    panels["Case"].onCall("real")
    panels["Case"].onConfidence(2)
    goes_down(panels["Case"], whole)
    assert all(button.toolTip for button in panels["Case"]._termButtons.values())


def goes_down(panel: Any, whole: Any) -> None:
    """Tab comes to what can be used, and never jumps up."""
    for _ in range(3):
        QtWidgets.QApplication.processEvents()
    stops, widget = [], panel.widget
    for _ in range(10_000):
        widget = widget.nextInFocusChain()
        if widget is panel.widget:
            break
        by_tab = widget.focusPolicy & QtCore.Qt.FocusPolicy.TabFocus and widget.focusProxy() is None
        if panel.widget.isAncestorOf(widget) and widget.isVisible() and widget.isEnabled() and by_tab:
            stops.append((place(widget, whole), widget.objectName))
    assert stops, panel.name
    jumps = [(a, b) for a, b in pairwise(stops) if b[0] < a[0] - 15]  # a row's parts differ a little
    assert jumps == [], panel.name


def place(widget: Any, whole: Any) -> int:
    """How far down a widget's middle is shown; of one that is scrolled out of sight, the edge that it is behind."""
    down: int = widget.mapTo(whole, QtCore.QPoint(0, widget.height // 2)).y()
    around = widget.parentWidget()
    while around is not None and around is not whole:
        if isinstance(around, QtWidgets.QScrollArea):
            top = around.mapTo(whole, QtCore.QPoint(0, 0)).y()
            down = min(max(down, top), top + around.height)
        around = around.parentWidget()
    return down


def test_every_control_says_what_it_does(host: Any, panels: Any) -> None:
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
    return bool(widget.objectName) and not widget.objectName.startswith(("qt_", "Scroll"))
