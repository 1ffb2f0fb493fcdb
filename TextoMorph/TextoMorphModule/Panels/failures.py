"""Failures: what Evaluate has found wrong, one by one: its picture, its words, itself in its scan; and what is kept."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Actions.evaluating import FAILURES
from TextoMorphModule.Actions.segmenting import CODES
from TextoMorphModule.Panels.panel import RunPanel, listsRows, plainErrors

COLUMNS = ("Failure", "Case", "Size", "Words")
WORDS = COLUMNS.index("Words")
MOST_HEIGHT = 240  # of the list, pixels
PICTURE_WIDTH = 430


class FailuresPanel(RunPanel):
    """The list under Evaluate's output folder."""

    name = "Failures"
    order = 75

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        ui = self.ui
        self._failures: list[Any] = []
        self._struck: set[str] = set()
        self._listed: Any = None  # which state of which file is listed
        ui.outputButton.connect("clicked(bool)", self.onFolder)
        ui.seeButton.connect("clicked(bool)", self.onSee)
        ui.strikeButton.connect("clicked(bool)", self.onStrike)
        listsRows(ui.failuresTable, COLUMNS, WORDS)
        ui.failuresTable.connect("itemSelectionChanged()", self.onChosen)
        ui.failuresCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Lists the failures as they are now; enables what can be used."""
        output = self.parameters.evaluateOutput if self.parameters else ""
        if self.parameters and _state(output) != self._listed:
            self._list(output)
        self._enable()

    def onFolder(self) -> None:
        """Asks for the folder."""
        line = self.ui.outputLineEdit
        if found := qt.QFileDialog.getExistingDirectory(self.widget, _("Choose"), line.text):
            line.text = found

    def onChosen(self) -> None:
        """Shows the chosen failure's picture, and of what nothing was said."""
        failure, ui = self._chosen(), self.ui
        if failure:
            picture = qt.QPixmap(str(failure.picture))
            ui.pictureLabel.setPixmap(picture.scaledToWidth(PICTURE_WIDTH, qt.Qt.SmoothTransformation))
        ui.pictureLabel.visible = failure is not None
        unsaid = "; ".join(f"{kind}: {reason}" for kind, reason in failure.unsaid.items()) if failure else ""
        ui.unsaidLabel.text = _("Not said: {reasons}.").format(reasons=unsaid.replace("_", " "))
        ui.unsaidLabel.visible = bool(unsaid)
        self._enable()

    def onSee(self) -> None:
        """Shows the chosen failure in its scan, as CT and mask of all panels; or cancels that."""
        if self.cancels():
            return
        from TextoMorphLib.errors import Cancelled

        wanted, failure, found = self.parameters, self._chosen(), None
        doing, wrong = _("Loading the scan."), _("The failure cannot be shown.")
        with self.run(doing, wrong, doing), suppress(Cancelled):
            given = wanted.evaluateCases, wanted.evaluatePredictions
            found = self.logic.showFailure(failure, *given, self.onStep)
        if found and self.parameters:
            self._take(failure, *found)
            self.ui.statusLabel.text = _("It is the mask now: Describe this lesion, under Describe, measures it.")
        elif self.parameters:
            self.ui.statusLabel.text = _("Nothing was loaded.")
        self._enable()

    def onStrike(self) -> None:
        """Strikes the chosen failure out, or takes it in again."""
        failure, output = self._chosen(), self.parameters.evaluateOutput
        with plainErrors(_("The list cannot be written.")):
            struck = self._struck ^ {failure.id}
            self.logic.keepFailures((each for each in self._failures if each.id not in struck), output)
            self._struck, self._listed = struck, _state(output)
            self._fill()
            self.parameters.Modified()  # what Evaluate does next has changed

    def _take(self, failure: Any, ct: Any, mask: tuple[Any, str], organ: tuple[Any, str]) -> None:
        wanted = self.parameters
        before = wanted.StartModify()
        wanted.ct, (wanted.segmentation, wanted.segmentId) = ct, mask
        wanted.organSegmentation, wanted.organSegmentId = organ
        if failure.organ in CODES:
            wanted.organ = failure.organ
        wanted.EndModify(before)

    def _list(self, output: str) -> None:
        self._failures, self._struck, self._listed = [], set(), _state(output)
        with plainErrors(_("The failures cannot be read.")):
            self._failures = self.logic.failures(output)
        self.ui.failuresTable.setRowCount(0)  # nothing is chosen in another list
        self._fill()
        self.onChosen()

    def _fill(self) -> None:
        ui, table = self.ui, self.ui.failuresTable
        table.setRowCount(len(self._failures))
        for row, each in enumerate(self._failures):
            dice = "" if each.kind != "worst" else _(", Dice {dice:.2f}").format(dice=each.dice)
            size = " x ".join(f"{mm:.0f}" for mm in each.diameters_mm)
            for column, cell in enumerate((f"{_(each.kind)}{dice}", each.case, f"{size} mm", each.text)):
                item = qt.QTableWidgetItem(cell)
                item.setToolTip(cell)
                font = item.font()
                font.setStrikeOut(each.id in self._struck)
                item.setFont(font)
                table.setItem(row, column, item)
        rows = table.horizontalHeader().height + sum(map(table.rowHeight, range(len(self._failures))))
        table.setFixedHeight(min(rows + 4, MOST_HEIGHT))
        table.visible = ui.seeButton.visible = ui.strikeButton.visible = bool(self._failures)
        kept = _("{kept} of {count} are kept for look-alikes.")
        none = _("None yet: Find the failures, under Evaluate, lists them.")
        counts = {"kept": len(self._failures) - len(self._struck), "count": len(self._failures)}
        ui.statusLabel.text = kept.format(**counts) if self._failures else none

    def _chosen(self) -> Any:
        row = self.ui.failuresTable.currentRow()
        return self._failures[row] if 0 <= row < len(self._failures) else None

    def _enable(self) -> None:
        ui, chosen = self.ui, self._chosen()
        ui.seeButton.text = _("Cancel") if self._running else _("See it in its scan")
        ui.seeButton.enabled = not self._cancelled if self._running else bool(chosen and self.parameters)
        ui.strikeButton.text = _("Take it in again") if chosen and chosen.id in self._struck else _("Strike it out")
        ui.strikeButton.enabled = bool(chosen and self.parameters) and not self._running


def _state(output: str) -> Any:
    """Tells whether the list has changed."""
    file = Path(output) / FAILURES
    return (output, file.stat().st_mtime_ns) if output and file.is_file() else (output, None)
