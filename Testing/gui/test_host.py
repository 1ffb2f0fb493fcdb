"""The host is as strict as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_what_pythonqt_refuses_is_refused(host: Any) -> None:
    import qt

    button = qt.QPushButton("Go")
    assert button.text == "Go"
    with pytest.raises(TypeError):
        button.text()
    with pytest.raises(AttributeError):
        button.nickname = "x"
    with pytest.raises(AttributeError):
        button.click = None
    with pytest.raises(AttributeError):
        button.text = 3
    with pytest.raises(ValueError, match="no signal"):
        button.connect("pressed(bool)", print)


def test_an_exception_in_a_slot_is_kept(host: Any) -> None:
    import qt

    from host import problems

    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in problems.taken()[0]


def test_an_observer_left_behind_is_kept(host: Any) -> None:
    import slicer

    from host import problems

    widget = host.open("TextoMorph")
    widget.removeObservers = lambda: None
    host.close(widget)
    assert "observer left behind" in problems.taken()[0]
    for observed in widget.Observations:
        observed[0].RemoveObserver(observed[4])
    assert slicer.mrmlScene


def test_an_undeclared_property_in_a_ui_file_is_refused(host: Any, tmp_path: Path) -> None:
    import slicer

    path = tmp_path / "panel.ui"
    path.write_text(
        '<ui version="4.0"><class>X</class><widget class="QLabel" name="X"><property name="txt"><string>a</string>'
        "</property></widget></ui>"
    )
    with pytest.raises(ValueError, match="no property 'txt'"):
        slicer.util.loadUI(str(path))
