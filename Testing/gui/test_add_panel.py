"""A panel of one's own is one file and its `.ui`; the module finds it, in its place."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

PANEL = """
from TextoMorphModule.Panels.panel import Panel


class NotesPanel(Panel):
    name = "Notes"
    order = 55  # below Compare, which has 50

    def setup(self):
        self.ui.countButton.connect("clicked(bool)", self.onCount)

    def onCount(self):
        self.ui.countLabel.text = f"{len(self.parameters.text.split())} words"
"""
UI = """<ui version="4.0"><class>Notes</class><widget class="qMRMLWidget" name="Notes">
<layout class="QVBoxLayout" name="all">
<item><widget class="QPushButton" name="countButton"><property name="text"><string>Count</string></property></widget>
</item><item><widget class="QLabel" name="countLabel"/></item></layout></widget></ui>"""


def test_a_panel_is_one_file_and_its_ui(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    package = importlib.import_module("TextoMorphModule.Panels")
    (tmp_path / "notes.py").write_text(PANEL)
    (tmp_path / "Notes.ui").write_text(UI)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    load = slicer.util.loadUI
    monkeypatch.setattr(
        slicer.util, "loadUI", lambda path: load(str(tmp_path / "Notes.ui") if path.endswith("Notes.ui") else path)
    )
    widget = host.open("TextoMorph")
    names = [panel.name for panel in widget.panels]
    at = names.index("Notes")
    assert names[at - 1 : at + 2] == ["Compare", "Notes", "Preview"]
    notes = widget.panels[at]
    assert not notes.widget.isHidden()
    notes.parameters.text = "two words"
    notes.ui.countButton.click()
    assert notes.ui.countLabel.text == "2 words"
    host.close(widget)
