"""`textomorph` as a process of its own: it goes on while Slicer is used, can be ended, and never outlives Slicer."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import qt
import slicer

# The library may lie in a checkout, where Slicer's own Python would not find it.
COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); from TextoMorphLib.cli import main; sys.exit(main())"
AT_ONCE_S, WITH_CHECKPOINT_S = 0.6, 30.0  # how long a process that is asked to end may take
MOST_LINES = 10000  # that are kept
CANCELLED = 130  # the command's exit status


class Console:
    """A command that runs, or has ended.

    Attributes:
        arguments: What follows `textomorph`.
        lines: What it wrote, the last 10000 lines.
        said: The last line that is for people: what came of it, or why it ended.
        running: Whether it still goes on.
        stopped: Whether it was told to stop.
        status: How it ended: 0 well, 2 bad input, 130 cancelled; None while it runs.
    """

    def __init__(
        self,
        arguments: list[str],
        onLine: Callable[[str], None] = lambda line: None,
        onEvent: Callable[[dict[str, Any]], None] = lambda event: None,
        onEnd: Callable[[], None] = lambda: None,
        log: Path | None = None,
        patience: float = AT_ONCE_S,
    ) -> None:
        """Starts it.

        Args:
            arguments: What follows `textomorph`.
            onLine: Called in Slicer's own thread with each line that it writes.
            onEvent: Called likewise with each line that is an object in JSON, which is not among `said`.
            onEnd: Called when it has ended.
            log: A file that gets the command, the time and each line, after what is in it.
            patience: Seconds that it may take to end, in which it writes what is to be kept.
        """
        import TextoMorphLib

        self.arguments, self.said = arguments, ""
        self.status: int | None = None
        self.lines: list[str] = []
        self.running, self.stopped = True, False
        self.onLine, self.onEvent, self.onEnd = onLine, onEvent, onEnd
        self._log, self._patience = log, patience
        library = str(Path(TextoMorphLib.__file__).resolve().parents[1])
        python = shutil.which("PythonSlicer") or sys.executable
        self._write(f"{datetime.now():%Y-%m-%d %H:%M:%S}  textomorph {' '.join(arguments)}")
        self._process = slicer.util.launchConsoleProcess(
            [python, "-c", COMMAND, library, *arguments],
            updateEnvironment={"TEXTOMORPH_PARENT": str(os.getpid()), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            blocking=False,
            logCallback=self._hear,
            completedCallback=self._end,
        )

    def stop(self) -> None:
        """Asks the process and all that it started to end, as Ctrl-C does, and ends by force what then remains.

        Returns at once. On Windows, where a process cannot be asked, it is by force from the start.
        """
        from psutil import Error, NoSuchProcess, Process

        if not self.running:
            return
        self.stopped = True
        try:
            first = Process(self._process.pid)
            tree = [first, *first.children(recursive=True)]
        except NoSuchProcess:
            return
        for each in tree:
            with suppress(Error):
                each.send_signal(signal.SIGINT) if os.name == "posix" else each.kill()
        qt.QTimer.singleShot(int(1000 * self._patience), lambda: _kill(tree))

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        del self.lines[:-MOST_LINES]
        self._write(line)
        self.onLine(line)
        event = _event(line)
        if event is not None:
            self.onEvent(event)
        else:
            self.said = line.strip() or self.said

    def _end(self, status: int) -> None:
        self.running, self.status = False, status
        self.onEnd()

    def _write(self, line: str) -> None:
        if self._log:
            with suppress(OSError), self._log.open("a", encoding="utf-8") as file:  # a full disk stops no training
                file.write(line + "\n")


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _kill(tree: list[Any]) -> None:
    from psutil import Error

    for each in tree:
        with suppress(Error):
            each.kill()
