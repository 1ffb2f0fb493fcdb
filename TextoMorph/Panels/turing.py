"""Turing test: makes a study, shows its cases to a reader one by one, and scores the answers."""

import html
from contextlib import suppress
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorph.Panels.panel import RunPanel, plainErrors

TERM_KEYS = "QWETYUIP"  # letters that no other question has; the browser has others
CREATE, READ, SCORE = range(3)  # the tabs


class TuringPanel(RunPanel):
    """The Visual Turing Test. While a reader reads, the views show the case and nothing else."""

    name = "Turing"

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._room: Any = None
        self._scores: Any = None
        self._terms: list[Any] = []
        ui = self.ui
        self._confidences = [getattr(ui, f"confidence{grade}Button") for grade in range(1, 6)]
        qt.QVBoxLayout(ui.termsBox).setContentsMargins(0, 0, 0, 0)
        clicks = {
            ui.tableButton: lambda: self._choose(ui.tableLineEdit, _("Tables (*.csv)")),
            ui.keyButton: lambda: self._choose(ui.keyLineEdit, _("Keys (*.json)")),
            ui.outputButton: lambda: self._choose(ui.outputLineEdit),
            ui.studyButton: lambda: self._choose(ui.studyLineEdit),
            ui.createButton: self.onCreate,
            ui.startButton: self.onStart,
            ui.realButton: lambda: self.call("real"),
            ui.syntheticButton: lambda: self.call("synthetic"),
            ui.allButton: self.onAllFit,
            ui.backButton: self.onBack,
            ui.nextButton: self.onNext,
            ui.stopButton: self.endReading,
            ui.scoreButton: self.onScore,
            ui.exportButton: self.onExport,
        }
        for button, action in clicks.items():
            button.connect("clicked(bool)", lambda checked=False, action=action: action())
        for grade, button in enumerate(self._confidences, start=1):
            button.connect("clicked(bool)", lambda checked=False, grade=grade: self.confidence(grade))
        ui.outlineCheckBox.connect("toggled(bool)", self._onOutline)
        keys = {
            "R": lambda: self.call("real"),
            "S": lambda: self.call("synthetic"),
            "X": self.onAllFit,
            "O": lambda: ui.outlineCheckBox.setChecked(not ui.outlineCheckBox.checked),
            "B": self.onBack,
            "C": lambda: ui.commentLineEdit.setFocus(),
            "Return": self.onNext,
            "Enter": self.onNext,
            **{str(grade): lambda grade=grade: self.confidence(grade) for grade in range(1, 6)},
            **{key: lambda number=number: self._toggle(number) for number, key in enumerate(TERM_KEYS)},
        }
        self._shortcuts = [self._shortcut(key, action) for key, action in keys.items()]
        ui.turingCollapsibleButton.collapsed = True

    def setParameterNode(self, parameters: Any) -> None:
        """Binds the widgets to a parameter node, or to none: a reading ends when the module is left."""
        if parameters is None:
            self.endReading()
        super().setParameterNode(parameters)

    def cleanup(self) -> None:
        """Called when the application closes."""
        self.endReading()
        super().cleanup()

    def refresh(self) -> None:
        """Enables what can be used now."""
        wanted, ui = self.parameters, self.ui
        reading = self._room is not None
        ui.createButton.text = _("Cancel") if self._running else _("Create")
        ready = bool(wanted and wanted.studyTable and wanted.studyReaders and wanted.studyOutput)
        ui.createButton.enabled = (self._running and not self._cancelled) or ready
        ui.openBox.visible, ui.caseBox.visible = not reading, reading
        for tab in (CREATE, SCORE):
            ui.turingTabs.setTabEnabled(tab, not reading)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(reading)
        readers = self.logic.readersOf(wanted.studyFolder) if wanted and wanted.studyFolder and not reading else None
        box = ui.readerComboBox
        if readers is not None and readers != [box.itemText(index) for index in range(box.count)]:
            box.clear()
            box.addItems(readers)
        ui.startButton.enabled = bool(box.count)
        ui.scoreButton.enabled = bool(wanted and wanted.studyFolder)
        ui.nextButton.enabled = bool(self._called() and self._sure())
        ui.backButton.enabled = reading and self._room.session.can_go_back

    # --- create ---

    def onCreate(self) -> None:
        """Makes a study, or cancels the one that is being made."""
        if self.cancels() or not self.logic.canRead():
            return
        from TextoMorphLib.errors import Cancelled

        wanted, study = self.parameters, None
        with self.run(_("Making the study…"), _("The study could not be made.")), suppress(Cancelled):
            study = self.logic.createStudy(
                wanted.studyTable,
                wanted.studyOutput,
                [name.strip() for name in wanted.studyReaders.split(",") if name.strip()],
                tuple(wanted.studyTwins.split(" and ")),
                wanted.studyRepeats,
                wanted.studyApart,
                wanted.model,
                wanted.device,
                self.onStep,
            )
        said = _("Nothing was made.")
        if study:
            said = _("{count} cases for {readers}. The key lies beside the folder: keep it from the readers.").format(
                count=len(study.cases), readers=", ".join(study.readers)
            )
            wanted.studyFolder = str(study.folder)
        self.ui.statusLabel.text = said
        self.refresh()

    # --- read ---

    def onStart(self) -> None:
        """Opens the study for the reader."""
        if not self.logic.canRead():
            return
        with plainErrors(_("The study cannot be read.")):
            self._room = self.logic.startReading(self.parameters.studyFolder, self.ui.readerComboBox.currentText)
        self._next()

    def call(self, call: str) -> None:
        """Real or synthetic."""
        self.ui.realButton.checked, self.ui.syntheticButton.checked = call == "real", call == "synthetic"
        self.refresh()

    def confidence(self, grade: int) -> None:
        """How sure, 1 to 5."""
        for number, button in enumerate(self._confidences, start=1):
            button.checked = number == grade
        self.refresh()

    def onAllFit(self) -> None:
        """Every word fits; or none, if all did."""
        every = all(button.checked for button in self._terms)
        for button in self._terms:
            button.checked = not every

    def onNext(self) -> None:
        """Saves the answer; once it is on the disk, shows the next case."""
        if self._room is None or not self.ui.nextButton.enabled:
            return
        fitting = [term for term, button in zip(self._room.view.terms, self._terms, strict=True) if button.checked]
        saved = False
        with plainErrors(_("The answer was not saved.")):
            self._room.answer(self._called(), self._sure(), fitting, self.ui.commentLineEdit.text)
            saved = True
        if saved:
            self._next()

    def onBack(self) -> None:
        """To the case before."""
        if self._room is not None and self._room.session.can_go_back:
            self._room.back()
            self._next()

    def endReading(self) -> None:
        """Gives back the screen; answers are on the disk."""
        room, self._room = self._room, None
        if room:
            left = len(room.session.order) - len(room.session.answers)
            room.end()
            done = _("Every case is answered. Thank you.")
            self.ui.readLabel.text = (
                _("{count} cases left; reading goes on there.").format(count=left) if left else done
            )
            self.refresh()

    def _next(self) -> None:
        """Shows the case to read now; ends the reading when there is none, or when it cannot be shown."""
        if self._room is None:
            return
        view = None
        with plainErrors(_("The case cannot be shown. Every answer so far is saved.")):
            view = self._room.show()
        if view is None:
            self.endReading()
            return
        ui, earlier = self.ui, view.earlier
        ui.readLabel.text = ""
        ui.caseBox.title = _("Case {number} of {total}").format(number=view.number, total=view.total)
        ui.textLabel.text = f"<b>{html.escape(view.organ)}</b>: {html.escape(view.text)}"
        self._showTerms(view.terms, earlier.terms if earlier else ())
        ui.commentLineEdit.text = earlier.comment if earlier else ""
        self.call(earlier.call if earlier else "")
        self.confidence(earlier.confidence if earlier else 0)
        ui.outlineCheckBox.checked = True
        ui.caseBox.setFocus()

    def _showTerms(self, terms: tuple[str, ...], fitting: tuple[str, ...]) -> None:
        for button in self._terms:
            button.setParent(None)
        self._terms = []
        for number, term in enumerate(terms):
            key = f" ({TERM_KEYS[number]})" if number < len(TERM_KEYS) else ""
            button = qt.QPushButton(term + key)
            button.checkable, button.checked = True, term in fitting
            self.ui.termsBox.layout().addWidget(button)
            self._terms.append(button)
        for widget in (self.ui.termsLabel, self.ui.allButton):
            widget.visible = bool(terms)

    def _toggle(self, number: int) -> None:
        if number < len(self._terms):
            self._terms[number].checked = not self._terms[number].checked

    def _called(self) -> str:
        return "real" if self.ui.realButton.checked else "synthetic" if self.ui.syntheticButton.checked else ""

    def _sure(self) -> int:
        return next((grade for grade, button in enumerate(self._confidences, start=1) if button.checked), 0)

    def _onOutline(self, visible: bool) -> None:
        if self._room is not None:
            self._room.outline(visible)

    # --- score ---

    def onScore(self) -> None:
        """Shows the results so far."""
        if not self.logic.canRead():
            return
        with plainErrors(_("The study could not be scored.")):
            self._scores = self.logic.scoreStudy(self.parameters.studyFolder, self.parameters.studyKey)
            tables = self.logic.scoreTables(self._scores)
            self.ui.scoreEdit.setHtml("<br>".join(_table(*table) for table in tables))
        self.ui.scoreEdit.visible = self.ui.exportButton.enabled = self._scores is not None

    def onExport(self) -> None:
        """Writes readings, scores and report."""
        if folder := qt.QFileDialog.getExistingDirectory(self.widget, _("Choose a folder"), ""):
            with plainErrors(_("The report could not be written.")):
                files = self.logic.exportScores(self._scores, folder)
                slicer.util.showStatusMessage(_("Saved {name}").format(name=", ".join(map(str, files))), 5000)

    # --- shared ---

    def _onSceneClose(self, caller: Any, event: Any) -> None:
        super()._onSceneClose(caller, event)
        self.endReading()

    def _choose(self, line: Any, files: str = "") -> None:
        """Asks for a file or, where there is no ending to look for, a folder."""
        if files:
            found = qt.QFileDialog.getOpenFileName(self.widget, _("Choose a file"), line.text, files)
        else:
            found = qt.QFileDialog.getExistingDirectory(self.widget, _("Choose a folder"), line.text)
        if found:
            line.text = found

    def _shortcut(self, key: str, action: Any) -> Any:
        shortcut = qt.QShortcut(self.widget)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.connect("activated()", action)
        shortcut.setEnabled(False)
        return shortcut


def _table(headings: list[str], rows: list[list[str]]) -> str:
    """A table of words as HTML."""
    lines = [
        [f"<b>{html.escape(cell)}</b>" for cell in headings],
        *([html.escape(cell) for cell in row] for row in rows),
    ]
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f'<table cellspacing="0" cellpadding="3" border="0">{cells}</table>'
