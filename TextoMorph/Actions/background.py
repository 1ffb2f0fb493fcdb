"""Long work beside Slicer's event loop, so that the window stays alive however long a single step takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import slicer

PUMP_S = 0.05


def run(work: Callable[[], Any]) -> Any:
    """Does the work in a thread and handles Slicer's events until it is done.

    Args:
        work: Must touch neither the scene nor a widget.

    Returns:
        What the work returns; what it raises is raised here.
    """
    with ThreadPoolExecutor(1, "TextoMorph") as executor:
        future = executor.submit(work)
        while wait([future], PUMP_S).not_done:
            slicer.app.processEvents()
    return future.result()
