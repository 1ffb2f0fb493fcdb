"""Long work that leaves Slicer's window alive: beside its event loop, or part by part in between its events."""

import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import slicer

Progress = Callable[[int, int], bool]
PUMP_S = 0.05
PATIENCE_S = 0.5  # with work that is asked to stop

_left: Future[Any] | None = None  # cancelled work that has not stopped yet
_prepared: dict[Hashable, Future[Any]] = {}


def run(work: Callable[[Progress], Any], progress: Progress | None = None) -> Any:
    """Does the work in a thread and handles Slicer's events until it is done.

    Args:
        work: Must touch neither the scene nor a widget. Is given a function to call with (steps done, steps in all),
            which returns False once the work should stop.
        progress: Called here, in Slicer's own thread, about twenty times a second with the latest steps, (0, 0)
            before the first; returns False to cancel.

    Returns:
        What the work returns; what it raises is raised here.

    Raises:
        Cancelled: It was cancelled and has not begun, or is still in the middle of a step, such as loading a model. It
            stops after that step; what is run next waits for it.
    """
    from TextoMorphLib.errors import Cancelled

    global _left
    latest, cancelled, before, patience = (0, 0), Event(), _left, 0.0

    def onStep(done: int, total: int) -> bool:
        nonlocal latest
        latest = done, total
        return not cancelled.is_set()

    def inTurn() -> Any:
        if before is not None:
            wait([before])
        if cancelled.is_set():
            raise Cancelled("cancelled")
        return work(onStep)

    executor = ThreadPoolExecutor(1, "TextoMorph")
    future = executor.submit(inTurn)
    executor.shutdown(wait=False)
    while wait([future], PUMP_S).not_done:
        slicer.app.processEvents()
        if progress is not None and progress(*latest) is False and not cancelled.is_set():
            cancelled.set()
            patience = time.monotonic() + PATIENCE_S
        if cancelled.is_set() and time.monotonic() > patience:
            _left = future
            raise Cancelled("cancelled")
    return future.result()


def isPrepared(what: Hashable, work: Callable[[], Any], begin: bool = True) -> bool:
    """Whether something has been done that is done once and takes a moment, in a thread.

    Args:
        what: Stands for it.
        work: Does it; must touch neither the scene nor a widget. What it raises is left to who does it again.
        begin: Begin with it where it has not been begun.
    """
    if begin and what not in _prepared:
        executor = ThreadPoolExecutor(1, "TextoMorph")
        _prepared[what] = executor.submit(work)
        executor.shutdown(wait=False)
    return what in _prepared and _prepared[what].done()


def untilSo(so: Callable[[], bool], progress: Progress | None = None) -> None:
    """Handles Slicer's events until something is so, which a process or a timer brings about.

    Args:
        so: Whether it is.
        progress: Called about twenty times a second with (0, 0); returns False to cancel.

    Raises:
        Cancelled: `progress` returned False.
    """
    from TextoMorphLib.errors import Cancelled

    while not so():
        slicer.app.processEvents()
        if progress is not None and progress(0, 0) is False:
            raise Cancelled("cancelled")
        time.sleep(PUMP_S)


def inOneGo(work: Callable[[], Any]) -> Callable[[Progress], Any]:
    """For `run`: work that does not ask whether it should stop. What it gives after a cancel does not count."""
    from TextoMorphLib.errors import Cancelled

    def asking(onStep: Progress) -> Any:
        given = work()
        if not onStep(0, 0):
            raise Cancelled("cancelled")
        return given

    return asking


def inParts(parts: Iterable[Any], progress: Progress | None = None) -> None:
    """Does work that must stay in Slicer's own thread, part by part, and handles Slicer's events in between.

    Args:
        parts: Does a part each time it is asked for the next.
        progress: Called about twenty times a second with (0, 0); returns False to cancel. If None, no events are
            handled: who calls is not prepared for what the user may do meanwhile.

    Raises:
        Cancelled: `progress` returned False.
    """
    from TextoMorphLib.errors import Cancelled

    handled = time.monotonic()
    for _ in parts:
        if progress is not None and time.monotonic() > handled + PUMP_S:
            slicer.app.processEvents()
            if progress(0, 0) is False:
                raise Cancelled("cancelled")
            handled = time.monotonic()


def fitting(size: int, began: float) -> int:
    """How large the next part should be, after one of a size that began at `time.monotonic()`: events wait for it."""
    return size * 2 if time.monotonic() < began + PUMP_S / 2 else max(size // 2, 1)


def importTorch() -> None:
    """Imports torch; call it in a thread. On Linux its largest library is loaded first, with Python's lock let go of.

    A plain import holds the lock for a third of a second, longer from a slow disk, and Slicer would stand still.
    """
    import importlib.util
    import os
    import sys
    from ctypes import CDLL, c_char_p, c_int, c_void_p
    from pathlib import Path

    found = importlib.util.find_spec("torch")
    if sys.platform == "linux" and "torch" not in sys.modules and found and found.origin:
        load = CDLL(None).dlopen  # what fails here is told of by the import
        load.argtypes, load.restype = (c_char_p, c_int), c_void_p
        libraries = Path(found.origin).with_name("lib")
        load(os.fsencode(libraries / "libtorch_global_deps.so"), os.RTLD_NOW | os.RTLD_GLOBAL)  # first, as torch does
        load(os.fsencode(libraries / "libtorch_python.so"), os.RTLD_NOW)
    import torch  # noqa: F401
