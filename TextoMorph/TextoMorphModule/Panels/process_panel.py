"""A panel whose work is a console process: it goes on while Slicer is used, and can be cancelled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import Panel, inColour
from TextoMorphModule.Panels.time_left import TimeLeft

MOST_LINES = 10000  # of the log that are shown


class ProcessPanel(Panel):
    """It has a progressBar, a statusLabel, a logEdit in a logCollapsibleButton, and a copyLogButton.

    One process at a time; the scene may be closed meanwhile.
    """

    def setup(self) -> None:
        """Connects the widgets."""
        self._process: Any = None  # with running, stop()
        self._doing = ""
        self._time = TimeLeft()
        self._stopping = self._closed = self._busy = False
        self.ui.logEdit.setMaximumBlockCount(MOST_LINES)
        self.ui.logCollapsibleButton.collapsed = True
        self.ui.copyLogButton.connect("clicked(bool)", self.onCopyLog)

    def stop(self) -> None:
        """Called when the user closes Slicer: what is done before and after the process is cancelled."""
        self._closed = True

    def cleanup(self) -> None:
        """Called when the application ends: so does the process."""
        self.stop()
        if self._process:
            self._process.stop()
        super().cleanup()

    @property
    def running(self) -> bool:
        """Whether the process goes on, or what comes before and after it."""
        return self._busy or bool(self._process and self._process.running)

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """While something is done in Slicer before or after the process: Cancel stops that."""
        self._busy, self._stopping = True, False
        self.ui.progressBar.setRange(0, 0)
        self.say(doing)
        self.refresh()
        try:
            with suppress(_cancelled()):
                yield
        finally:
            self._busy = False
            self.refresh()

    def onStep(self, done: int, total: int) -> bool:
        """For what is done in Slicer: whether it may go on."""
        return not (self._stopping or self._closed)

    def begin(self, doing: str, process: Callable[[], Any]) -> None:
        """Starts a process.

        Args:
            doing: What is said while it goes on.
            process: Starts it; raises what is wrong with what it is given.
        """
        self._doing, self._time, self._stopping = doing, TimeLeft(), False
        self.ui.logEdit.clear()
        self.ui.progressBar.setRange(0, 0)
        self.say(doing)
        try:
            self._process = process()
        except BaseException:
            self.say("")
            raise
        self.refresh()

    def cancels(self) -> bool:
        """Asks the process to end; whether there is one."""
        if not self.running:
            return False
        self._stopping = True
        self.say(_("Stopping…"))
        if self._process:
            self._process.stop()
        self.refresh()
        return True

    def say(self, words: str, wrong: bool = False) -> None:
        """Tells what is going on, or what went wrong: then the log opens, which may say more."""
        if wrong:
            self.ui.logCollapsibleButton.collapsed = False
        self.ui.statusLabel.text = inColour([words]) if wrong else words

    def hear(self, line: str) -> None:
        """Adds a line to the log."""
        if not self._closed:
            self.ui.logEdit.appendPlainText(line)

    def step(self, done: int, total: int, more: str = "") -> None:
        """Shows how far it is."""
        if total and not self._stopping:
            self.ui.progressBar.setRange(0, total)
            self.ui.progressBar.value = done
            self.say(f"{self._doing} {more}{self._time.said(done, total)}".strip())

    def onCopyLog(self) -> None:
        """Puts the log on the clipboard."""
        qt.QApplication.clipboard().setText(self.ui.logEdit.toPlainText())

    def showRunning(self, button: Any, usual: str, ready: bool) -> None:
        """Makes the button that starts the process cancel it while it goes on."""
        button.text = _("Cancel") if self.running else usual
        button.enabled = not self._stopping if self.running else ready
        self.ui.progressBar.visible = self.running

    def choose(self, line: Any, how: Callable[..., Any], *kinds: str) -> None:
        """Asks for a file or a folder, and writes it into a line."""
        if found := how(self.widget, _("Choose"), line.text, *kinds):
            line.text = found


def why(console: Any) -> str:
    """Why a process failed, in its own words."""
    said = console.said.removeprefix("error: ").strip() or _("It ended with status {status}.").format(
        status=console.status
    )
    return f"{said[:1].upper()}{said[1:]}"


def _cancelled() -> Any:
    from TextoMorphLib.errors import Cancelled

    return Cancelled
