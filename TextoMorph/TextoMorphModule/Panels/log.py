"""Log: what was done, what came of it and what was doubtful or went wrong, to be copied into a mail or a report."""

import qt

from TextoMorphModule.Panels import run_log
from TextoMorphModule.Panels.panel import Panel

MOST_LINES = 2000  # older ones go


class LogPanel(Panel):
    """The lines that the other panels write down; nothing of it is saved with the scene."""

    name = "Log"
    order = 110

    def setup(self) -> None:
        """Connects the widgets."""
        self.ui.logCollapsibleButton.collapsed = True
        self.ui.logEdit.setMaximumBlockCount(MOST_LINES)
        self.ui.copyButton.connect("clicked(bool)", self.onCopy)
        self.ui.clearButton.connect("clicked(bool)", lambda: self.ui.logEdit.clear())
        run_log.listen(self._take)

    def cleanup(self) -> None:
        """Called when the application closes."""
        run_log.unlisten(self._take)
        super().cleanup()

    def onCopy(self) -> None:
        """Puts all lines on the clipboard."""
        qt.QApplication.clipboard().setText(self.ui.logEdit.toPlainText())

    def _take(self, line: str) -> None:
        self.ui.logEdit.appendPlainText(line)
