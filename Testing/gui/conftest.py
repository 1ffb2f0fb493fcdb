"""The host, the module loaded as Slicer loads it, and a scene with a CT; whatever Slicer would only print fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]
sys.path += [
    str(ROOT / "Testing" / "unit" / name) for name in ("reader_study", "failures", "text")
]  # what tests are made of

from host import application, problems  # noqa: E402


@pytest.fixture(scope="session")
def loaded() -> tuple[application.Host, Any]:
    """The host, and the module's object."""
    host = application.start()
    return host, host.load(ROOT / "TextoMorph" / "TextoMorph.py")


@pytest.fixture
def host(loaded: tuple[application.Host, Any]) -> Iterator[application.Host]:
    """The host with an empty scene."""
    loaded[0].reset()
    problems.taken()
    yield loaded[0]
    assert not problems.taken()


@pytest.fixture
def logic(host: application.Host) -> Any:
    """The module's logic."""
    return sys.modules["TextoMorph"].TextoMorphLogic()  # type: ignore[attr-defined]


@pytest.fixture
def ct(host: application.Host) -> Any:
    """The phantom as a volume node."""
    from TextoMorphModule.Actions.samples import phantom

    return phantom()


@pytest.fixture
def panels(host: application.Host) -> Iterator[dict[str, Any]]:
    """The opened module's panels by name."""
    widget = host.open("TextoMorph")
    yield {panel.name: panel for panel in widget.panels}
    host.close(widget)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Lets Slicer's events go on until something is so."""
    import time

    from PySide6 import QtWidgets

    def wait(so: Callable[[], bool], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not so():
            assert not (found := problems.taken()), "\n".join(found)
            assert time.monotonic() < end, "it never came about"
            QtWidgets.QApplication.processEvents()
            time.sleep(0.01)

    return wait


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """Four cases."""
    from small_studies import small_study

    return small_study(tmp_path / "é a", pairs=2, readers=("anna", "ben"), apart=1)


@pytest.fixture
def press(panels: Any) -> Callable[..., None]:
    """Presses keys, one after the other, wherever the focus is in the window."""
    from PySide6 import QtTest, QtWidgets
    from PySide6.QtCore import Qt

    window = panels["Case"].widget.window()
    window.show()
    window.activateWindow()
    QtTest.QTest.qWaitForWindowActive(window)

    def keys(*names: str) -> None:
        for name in names:
            QtTest.QTest.keyClick(QtWidgets.QApplication.focusWidget() or window, getattr(Qt.Key, f"Key_{name}"))
            QtTest.QTest.qWait(10)  # no reader is quicker: an answer takes hundredths of a second at the least

    return keys
