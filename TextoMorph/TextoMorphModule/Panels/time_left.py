"""How long a run will still take, told from the steps that are done."""

import time

from slicer.i18n import tr as _

KNOWN_S = 2.0  # how long steps must have gone on before one says how long the others take
MINUTE_S, HOUR_S = 60.0, 3600.0


class TimeLeft:
    """Steps of a run, and when they were done."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None  # the first step that was told of, and when
        self._last = (-1, 0.0)  # the last one

    def said(self, done: int, total: int) -> str:
        """How long it will still take, where that can be told: nothing within the first seconds."""
        if done < self._last[0]:  # another part of the run
            self._first = None
        if done != self._last[0]:
            self._last = done, time.monotonic()
        if self._first is None:
            self._first = self._last
        steps, seconds = self._last[0] - self._first[0], self._last[1] - self._first[1]
        if steps <= 0 or seconds < KNOWN_S:
            return ""
        left = max((total - done) * seconds / steps - (time.monotonic() - self._last[1]), 1.0)
        if left < 2 * MINUTE_S:
            return _(" About {seconds:.0f} s left.").format(seconds=left)
        if left < 2 * HOUR_S:
            return _(" About {minutes:.0f} min left.").format(minutes=left / MINUTE_S)
        return _(" About {hours:.1f} h left.").format(hours=left / HOUR_S)
