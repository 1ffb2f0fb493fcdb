"""The module opens without a long gap, and its sections' titles fit."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import slicer
from PySide6 import QtWidgets

from host.scripted import WidgetParent


def test_the_panels_open_bit_by_bit(host: Any, ct: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen first is there when the module has opened; the rest, and the words, come in parts or in a thread."""
    from TextoMorphLib.text import understanding
    from TextoMorphModule.Actions import background

    threads, real = [], understanding.understand

    def understand(text: str, organ: str) -> Any:
        threads.append(threading.current_thread().name)
        return real(text, organ)

    monkeypatch.setattr(understanding, "understand", understand)
    background._prepared.clear()
    parent: Any = WidgetParent("TextoMorph")
    slicer.modules.textomorph._representation = parent
    parent.reload()
    parent._entered = True
    widget = parent._widget
    widget.enter()
    assert [panel.name for panel in widget.panels] == ["Setup", "Scan", "Describe", "Generate"]
    assert not widget.complete
    shown = {panel.name: panel for panel in widget.panels}
    assert shown["Scan"].parameters.ct is None  # not looked for yet
    shown["Describe"].parameters.text = "cystic"
    assert not shown["Describe"]._chips["cystic"].checked  # not understood yet
    while not widget.complete:
        before = len(widget.panels)
        QtWidgets.QApplication.processEvents()
        assert len(widget.panels) - before <= 2
    assert threads[0].startswith("TextoMorph")  # what takes long is done there; Slicer's own thread is quick then
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
