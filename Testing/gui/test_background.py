"""Work beside Slicer's events: Cancel waits for nothing that cannot stop, and what comes next waits for that."""

from __future__ import annotations

from threading import Event, Timer
from typing import Any

import pytest


def test_cancel_leaves_work_that_cannot_stop_and_the_next_work_waits_for_it(host: Any) -> None:
    from TextoMorphLib.errors import Cancelled
    from TextoMorphModule.Actions import background

    gate, done = Event(), []

    def stubborn(_step: Any) -> None:
        assert gate.wait(60)
        done.append("first")

    with pytest.raises(Cancelled):
        background.run(stubborn, lambda *_: False)
    assert done == []
    Timer(0.3, gate.set).start()
    background.run(lambda _step: done.append("second"))
    assert done == ["first", "second"]


def test_cancelled_in_the_queue_is_cancelled_however_soon_its_turn_comes(host: Any) -> None:
    from TextoMorphLib.errors import Cancelled
    from TextoMorphModule.Actions import background

    gate, done = Event(), []
    with pytest.raises(Cancelled):
        background.run(lambda _step: gate.wait(60), lambda *_: False)

    def cancel(*_: int) -> bool:
        gate.set()
        return False

    with pytest.raises(Cancelled):
        background.run(lambda _step: done.append("second"), cancel)
    assert done == []


def test_what_waits_in_vain_is_never_begun(host: Any) -> None:
    from TextoMorphLib.errors import Cancelled
    from TextoMorphModule.Actions import background

    gate, done = Event(), []
    for name in ("first", "second"):
        with pytest.raises(Cancelled):
            background.run(lambda _step, name=name: (gate.wait(60), done.append(name)), lambda *_: False)
    gate.set()
    background.run(lambda _step: done.append("third"))
    assert done == ["first", "third"]
