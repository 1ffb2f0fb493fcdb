"""The module opens without a long gap, and its sections' titles fit."""

from __future__ import annotations

import time
from typing import Any

import slicer
from PySide6 import QtWidgets

from host.scripted import WidgetParent


def test_the_panels_open_bit_by_bit(host: Any, ct: Any) -> None:
    """What is seen first is there when the module has opened; the rest, and the words, come without a long gap."""
    from TextoMorphModule.Actions import describing

    describing._prepared.clear()
    parent: Any = WidgetParent("TextoMorph")
    slicer.modules.textomorph._representation = parent
    parent.reload()
    parent._entered = True
    widget = parent._widget
    widget.enter()
    assert [panel.name for panel in widget.panels] == ["Setup", "Scan", "Describe", "Generate"]
    assert not widget.complete
    shown = {panel.name: panel for panel in widget.panels}
    shown["Describe"].parameters.text = "cystic"
    assert not shown["Describe"]._chips["cystic"].checked  # not understood yet
    longest = 0.0
    while not widget.complete:
        before = time.thread_time()
        QtWidgets.QApplication.processEvents()
        longest = max(longest, time.thread_time() - before)
    assert longest < 0.3
    assert shown["Describe"]._chips["cystic"].checked
    assert shown["Scan"].parameters.ct is ct
    assert len(widget.panels) > 10
    rows = [panel.widget for panel in sorted(widget.panels, key=lambda each: each.order) if not panel.pinned]
    column = widget.column._scrolled
    assert [column.itemAt(number).widget() for number in range(len(rows))] == rows
    host.close(widget)


def test_a_module_that_is_closed_at_once_leaves_nothing_behind(host: Any) -> None:
    parent: Any = WidgetParent("TextoMorph")
    slicer.modules.textomorph._representation = parent
    parent.reload()
    parent._entered = True
    parent._widget.enter()
    host.close(parent._widget)
    for _ in range(20):
        QtWidgets.QApplication.processEvents()
    assert len(parent._widget.panels) == 4


def test_a_long_summary_is_cut_and_told_as_a_whole(host: Any, panels: Any) -> None:
    describe, generate = panels["Describe"], panels["Generate"]
    describe.ui.describeCollapsibleButton.collapsed = True
    describe.parameters.text = "hypoattenuating lesion with an enhancing rim, septa and calcifications"
    button = describe.ui.describeCollapsibleButton
    assert len(button.text) <= 58
    assert button.text.endswith("\u2026")
    assert button.toolTip == f"Describe: {describe.parameters.text}"
    describe.parameters.text = "cystic"
    assert (button.text, button.toolTip) == ("Describe: cystic", "")
    generate.parameters.seed = 7
    assert generate.ui.generateCollapsibleButton.text == "Options: seed 7, device auto"
