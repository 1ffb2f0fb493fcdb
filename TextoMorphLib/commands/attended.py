"""A command that another program has started: it tells how far it is line by line, and ends when that program ends.

Slicer may be killed, and its console processes would go on for hours. So who starts a command gives its own process ID;
a thread looks whether that process is still there, and else does what Ctrl-C does: checkpoints are written, nothing
half-made stays.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

PARENT = "TEXTOMORPH_PARENT"  # environment variable: the process ID of who started the command
LOOK_S = 1.0
PATIENCE_S = 60.0  # for what is written when a command is asked to end

_attended = False


def is_attended() -> bool:
    """Whether another program reads what this command tells."""
    return _attended


@contextmanager
def attended() -> Iterator[None]:
    """While a command runs: ends it when the process that `PARENT` names has ended."""
    global _attended
    told = os.environ.pop(PARENT, "")  # processes that this one starts are ended by it
    if not told.isdecimal():
        yield
        return
    import psutil

    try:
        parent = psutil.Process(int(told))
    except psutil.NoSuchProcess:
        raise KeyboardInterrupt from None
    _can_be_asked()
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(parent, done), daemon=True)
    watch.start()
    _attended = True
    try:
        yield
    finally:
        _attended = False
        done.set()
        watch.join()


def _can_be_asked() -> None:
    """Takes SIGINT, by which the parent asks it to end, also where it was inherited as ignored.

    A shell's background jobs ignore it, and so do a Slicer that is started as one and all that this Slicer starts.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _watch(parent: Any, done: threading.Event) -> None:
    """Ends the command, and what it has started, once its parent has ended."""
    import psutil

    while _lives(parent):
        if done.wait(LOOK_S):
            return
    _talk_to_nobody()
    started = psutil.Process().children(recursive=True)
    _interrupt()
    ended = done.wait(PATIENCE_S)
    for each in started:
        with suppress(psutil.Error):
            each.kill()
    if not ended:
        os._exit(130)


def _lives(process: Any) -> bool:
    """Whether a process has not ended; its number may be another's by now."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _interrupt() -> None:
    """What Ctrl-C does."""
    if os.name == "posix":
        os.kill(os.getpid(), signal.SIGINT)  # also ends a wait
    else:
        import _thread

        _thread.interrupt_main()


def _talk_to_nobody() -> None:
    """Nobody reads the pipe any more: who writes to it would stumble."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(nowhere, stream.fileno())
