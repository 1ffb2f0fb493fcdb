"""Turing test: makes a study, opens it for a reader, and scores the answers."""

import html
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import RunPanel, plainErrors

TWINS = (("text",), ("mask",), ("text", "mask"), ())  # in the order in which they are offered
STUDY = "TextoMorph/ReadingStudy"  # in the settings: the folder last read


class TuringPanel(RunPanel):
    """What surrounds a reading. Nothing of it goes into the scene, which readers may get: it would name the key."""

    name = "Turing"
    order = 80

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._room: Any = None  # the reading that goes on, or the last one
        self._scores: Any = None
        ui = self.ui
        self._asks = {"terms": ui.askTermsCheckBox, "comment": ui.askCommentCheckBox}
        clicks = {
            ui.tableButton: lambda: self._ask(ui.tableLineEdit, qt.QFileDialog.getOpenFileName, _("Tables (*.csv)")),
            ui.keyButton: lambda: self._ask(ui.keyLineEdit, qt.QFileDialog.getOpenFileName, _("Keys (*.json)")),
            ui.outputButton: lambda: self._ask(ui.outputLineEdit, qt.QFileDialog.getSaveFileName),
            ui.studyButton: lambda: self._ask(ui.studyLineEdit, qt.QFileDialog.getExistingDirectory),
            ui.createButton: self.onCreate,
            ui.startButton: self.onStart,
            ui.scoreButton: self.onScore,
            ui.exportButton: self.onExport,
        }
        for button, action in clicks.items():
            button.connect("clicked(bool)", lambda checked=False, action=action: action())
        for line in (ui.tableLineEdit, ui.readersLineEdit, ui.outputLineEdit):
            line.connect("textChanged(QString)", self.refresh)
        ui.studyLineEdit.connect("textChanged(QString)", self.onStudy)
        ui.keyLineEdit.connect("textChanged(QString)", self._forgetScores)
        ui.studyLineEdit.text = slicer.util.settingsValue(STUDY, "")
        ui.moreCollapsibleButton.collapsed = ui.turingCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Enables what can be used now."""
        ui = self.ui
        given = (ui.tableLineEdit.text, ui.readersLineEdit.text, ui.outputLineEdit.text)
        ready = bool(self.parameters) and all(text.strip() for text in given)
        ui.createButton.text = _("Cancel") if self._running else _("Create")
        ui.createButton.enabled = (self._running and not self._cancelled) or ready
        ui.startButton.enabled = bool(ui.readerComboBox.count)
        ui.scoreButton.enabled = bool(ui.studyLineEdit.text)
        ui.scoreEdit.visible = ui.exportButton.enabled = self._scores is not None
        if self._room and not self.logic.reading:
            left = len(self._room.session.order) - len(self._room.session.answers)
            done = _("Every case is answered. Thank you.")
            ui.readLabel.text = _("{count} cases left; reading goes on there.").format(count=left) if left else done
            self._room = None

    # --- create ---

    def onCreate(self) -> None:
        """Makes a study, or cancels the one that is being made."""
        if self.cancels() or not self.logic.canRead():
            return
        from TextoMorphLib.errors import Cancelled
        from TextoMorphLib.io.textfile import listed

        ui, wanted, study = self.ui, self.parameters, None
        with self.run(_("Making the study…"), _("The study could not be made.")), suppress(Cancelled):
            study = self.logic.createStudy(
                ui.tableLineEdit.text,
                ui.outputLineEdit.text,
                listed(ui.readersLineEdit.text),
                TWINS[ui.twinsComboBox.currentIndex],
                ui.repeatsSpinBox.value,
                ui.apartSpinBox.value,
                wanted.model,
                wanted.device,
                self.onStep,
                ui.titleLineEdit.text,
                ui.fieldLineEdit.text,
                ui.spacingLineEdit.text,
                _seed(ui.seedLineEdit.text),
                ui.newKeyLineEdit.text,
                [name for name, box in self._asks.items() if box.checked],
            )
            # Where it is scored the key is looked for there; empty means beside the study.
            ui.keyLineEdit.text = ui.newKeyLineEdit.text
        said = _("Nothing was made.")
        if study:
            said = _("{count} cases for {readers}. Keep the key from the readers.").format(
                count=len(study.cases), readers=", ".join(study.readers)
            )
            ui.studyLineEdit.text = str(study.folder)
        ui.statusLabel.text = said
        self.refresh()

    # --- read ---

    def onStudy(self) -> None:
        """Offers the readers of the chosen study."""
        self.ui.readLabel.text = ""
        self.ui.readerComboBox.clear()
        self.ui.readerComboBox.addItems(self.logic.readersOf(self.ui.studyLineEdit.text))
        self._forgetScores()

    def onStart(self) -> None:
        """Opens the study for the reader; the case's questions take the place of all panels."""
        if not self.logic.canRead():
            return
        folder = self.ui.studyLineEdit.text
        with plainErrors(_("The study cannot be read.")):
            self._room = self.logic.startReading(folder, self.ui.readerComboBox.currentText)
            qt.QSettings().setValue(STUDY, folder)
        self.parameters.Modified()

    # --- score ---

    def onScore(self) -> None:
        """Shows the results so far."""
        if not self.logic.canRead():
            return
        self._scores = None
        with plainErrors(_("The study could not be scored.")):
            self._scores = self.logic.scoreStudy(self.ui.studyLineEdit.text, self.ui.keyLineEdit.text)
            tables = self.logic.scoreTables(self._scores)
            self.ui.scoreEdit.setHtml("<br>".join(_table(*table) for table in tables))
        self.refresh()

    def onExport(self) -> None:
        """Writes readings, scores and report."""
        if folder := qt.QFileDialog.getExistingDirectory(self.widget, _("Choose a folder"), ""):
            self.ui.exportButton.enabled = False  # the browser that prints takes seconds
            with plainErrors(_("The report could not be written.")):
                files, whyNoPdf = self.logic.exportScores(self._scores, folder)
                saved = _("Saved {names}.").format(names=", ".join(file.name for file in files))
                slicer.util.showStatusMessage(f"{saved} {whyNoPdf}", 8000)
            self.refresh()

    def _forgetScores(self) -> None:
        self._scores = None
        self.refresh()

    def _ask(self, line: Any, dialog: Any, *files: str) -> None:
        """Asks for a file or folder, by the button beside a line."""
        if found := dialog(self.widget, _("Choose"), line.text, *files):
            line.text = found


def _seed(text: str) -> int | None:
    """The seed that is written, or none."""
    try:
        return int(text) if text.strip() else None
    except ValueError:
        raise RuntimeError(_("The seed must be a whole number, or nothing.")) from None


def _table(headings: list[str], rows: list[list[str]]) -> str:
    """A table of words as HTML; on its side where it would be wider than tall, as the panel is narrow."""

    def row(kind: str, cells: Iterable[str]) -> str:
        return f"<tr>{''.join(f'<{kind} align=left>{html.escape(cell)}</{kind}>' for cell in cells)}</tr>"

    lines: list[Iterable[str]] = [headings, *rows]
    first, *others = zip(*lines, strict=True) if len(headings) > len(lines) else lines
    body = row("th", first) + "".join(row("td", line) for line in others)
    return f'<table cellspacing="0" cellpadding="3">{body}</table>'
