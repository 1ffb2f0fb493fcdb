"""Batch: folders in, many tumours out, in the background."""

import logging
from html import escape
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import Panel, inColour, linesOf, plainErrors, withNotes
from TextoMorphModule.Panels.run_log import tell
from TextoMorphModule.Panels.time_left import TimeLeft


class BatchPanel(Panel):
    """Planning, then a process that goes on while Slicer is used."""

    name = "Batch"
    order = 70

    def setup(self) -> None:
        """Connects the widgets."""
        self._run: Any = None
        self._planning = self._cancelled = False
        self._time, self._told = TimeLeft(), 0
        self.ui.runButton.connect("clicked(bool)", self.onRun)
        folders = {
            self.ui.ctsButton: self.ui.ctsLineEdit,
            self.ui.masksButton: self.ui.masksLineEdit,
            self.ui.outputButton: self.ui.outputLineEdit,
        }
        for button, line in folders.items():
            button.connect("clicked(bool)", lambda checked=False, line=line: self.onChoose(line))
        self.ui.batchCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Enables what can be used now, and says how far it is."""
        wanted = self.parameters
        running = self._planning or bool(self._run and self._run.running)
        planned = bool(wanted and self.logic.plannedBatch(wanted.batchOutput))
        if running:
            self.ui.runButton.text = _("Cancel")
        else:
            self.ui.runButton.text = _("Resume") if planned else _("Run")
        ready = bool(wanted and wanted.batchOutput and (planned or (wanted.batchCts and wanted.batchMasks)))
        self.ui.runButton.enabled = not (running and self._cancelled) and (running or ready)
        self.ui.runButton.toolTip = (
            _("The output folder holds a batch; it goes on as it was planned.")
            if planned
            else _("Choose the folders and write the texts first.")
            if not ready
            else _("Plans the tumours and makes them in the background.")
        )
        self.ui.progressBar.visible = running

    def stop(self) -> None:
        """Called when the user closes Slicer: planning is cancelled."""
        self._cancelled = True

    def cleanup(self) -> None:
        """Called when the application ends: the process ends, too; the batch can be resumed."""
        self.stop()
        if self._run:
            self._run.onChange = lambda: None
            self._run.stop()
        super().cleanup()

    def onChoose(self, line: Any) -> None:
        """Asks for a folder."""
        if folder := qt.QFileDialog.getExistingDirectory(self.widget, _("Choose a folder"), line.text):
            line.text = folder

    def onRun(self) -> None:
        """Starts or resumes a batch, or cancels the one that goes on."""
        if self._planning:
            self._cancelled = True
        elif self._run and self._run.running:
            self._cancelled = True
            self.ui.statusLabel.text = _("Stopping…")
            self.refresh()
            self._run.stop()
        else:
            self._start()

    def _start(self) -> None:
        wanted = self.parameters
        device, model = wanted.device, wanted.model
        self._cancelled = False
        self.ui.progressBar.setRange(0, 0)
        with plainErrors(_("The batch could not be run.")):
            jobs = self.logic.plannedBatch(wanted.batchOutput) or self._plan()
            if jobs:
                self._time, self._told = TimeLeft(), 0
                self._run = self.logic.runBatch(jobs, device, model, self._onChange)
                self.ui.statusLabel.text = _("Loading the model…")
        self.refresh()

    def _plan(self) -> Any:
        """The file of jobs; None if cancelled."""
        from TextoMorphLib.errors import Cancelled

        wanted = self.parameters
        self._planning = True
        self.ui.statusLabel.text = _("Planning…")
        self.refresh()
        try:
            return self.logic.planBatch(
                wanted.batchCts,
                wanted.batchMasks,
                linesOf(wanted.batchTexts),
                wanted.batchCount,
                wanted.batchOutput,
                wanted.organ,
                wanted.seed,
                wanted.batchMasksAre == "organs",
                self._onStep,
            )
        except Cancelled:
            return None
        finally:
            self._planning = False
            self.ui.statusLabel.text = _("Nothing was made.")

    def _onStep(self, done: int, total: int) -> bool:
        if total:
            self.ui.progressBar.setRange(0, total)
            self.ui.progressBar.value = done
        return not self._cancelled

    def _onChange(self) -> None:
        """Called when a tumour is finished, and at the end."""
        run = self._run
        self.ui.progressBar.setRange(0, run.total)
        self.ui.progressBar.value = run.done + len(run.failed)
        said = _("{done} of {total} finished.").format(done=run.done, total=run.total)
        if run.failed:
            said += _(" {count} failed; the first: {error}.").format(count=len(run.failed), error=run.failed[0])
        elif not run.running and not run.stopped and run.done < run.total:
            said += f" {run.said}"
        if run.running and not run.stopped:
            said += self._time.said(run.done + len(run.failed), run.total)
        if run.stopped:
            said = _("Stopped. {said} Resume goes on.").format(said=said)
        for each in run.warnings[self._told :]:
            tell(each, logging.WARNING)
        self._told = len(run.warnings)
        doubts = _("{count} doubts, all in the log; the last: {doubt}")
        doubtful = [doubts.format(count=len(run.warnings), doubt=run.warnings[-1])] if run.warnings else []
        said = withNotes(said, run.notes)
        self.ui.statusLabel.text = f"{escape(said)}<br>{inColour(doubtful)}" if doubtful else said
        if not run.running:
            tell(said)
        self.refresh()
