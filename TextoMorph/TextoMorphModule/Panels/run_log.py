"""The lines that panels write down for the log that the user can copy; they go into Slicer's own log, too."""

import logging
from collections.abc import Callable
from datetime import datetime

Take = Callable[[str], None]
_takers: list[Take] = []


def tell(what: str, level: int = logging.INFO) -> None:
    """Writes a line down."""
    logging.log(level, what)
    for take in _takers:
        take(f"{datetime.now():%H:%M:%S}  {what}")


def listen(take: Take) -> None:
    """Has each further line given to a function."""
    _takers.append(take)


def unlisten(take: Take) -> None:
    """Gives it no more."""
    _takers.remove(take)
