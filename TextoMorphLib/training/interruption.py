"""What must not be cut off halfway: who asks a program to end waits until it is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_held() -> Iterator[None]:
    """While the block runs, SIGINT (Ctrl-C) and SIGTERM wait; one that came takes effect after it.

    The end is often asked for twice: by the pipe that nobody reads any more and by a signal, or by an impatient user.
    The second must not undo the checkpoint that the first is having written.
    """
    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread alone
        yield
        return
    came: list[int] = []
    before = {
        each: signal.signal(each, lambda number, _: came.append(number)) for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in came:
        signal.raise_signal(number)
