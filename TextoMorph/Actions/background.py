"""Long work beside Slicer's event loop, so that the window stays alive however long a single step takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import slicer

Progress = Callable[[int, int], bool]
PUMP_S = 0.05


def run(work: Callable[[Progress], Any], progress: Progress | None = None) -> Any:
    """Does the work in a thread and handles Slicer's events until it is done.

    Args:
        work: Must touch neither the scene nor a widget. Is given a function to call with (steps done, steps in all),
            which returns False once the work should stop.
        progress: Called here, in Slicer's own thread, about twenty times a second with the latest steps, (0, 0)
            before the first; returns False to cancel.

    Returns:
        What the work returns; what it raises is raised here.
    """
    latest, cancelled = (0, 0), Event()

    def onStep(done: int, total: int) -> bool:
        nonlocal latest
        latest = done, total
        return not cancelled.is_set()

    with ThreadPoolExecutor(1, "TextoMorph") as executor:
        future = executor.submit(work, onStep)
        while wait([future], PUMP_S).not_done:
            slicer.app.processEvents()
            if progress is not None and progress(*latest) is False:
                cancelled.set()
    return future.result()
