"""Evaluate: what a segmenter is worth on many cases, what it fails on, and look-alikes of that to train on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import plainErrors
from TextoMorphModule.Panels.process_panel import ProcessPanel, why

CASES = "Cases (*.jsonl)"


class EvaluatePanel(ProcessPanel):
    """Five steps, each a button that starts a process and, while it goes on, cancels it."""

    name = "Evaluate"
    order = 74

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        ui = self.ui
        self._button: Any = None  # whose process goes on
        self._asked: tuple[str, ...] = ()  # what the status is about
        self._then: Callable[[], None] = lambda: None  # what follows when it has ended well
        self._steps = {
            ui.predictButton: (_("1. Segment the cases"), self.onPredict),
            ui.evaluateButton: (_("2. Evaluate"), self.onEvaluate),
            ui.failuresButton: (_("3. Find the failures"), self.onFailures),
            ui.targetButton: (_("4. Make look-alikes"), self.onTarget),
        }
        for button, (_usual, action) in self._steps.items():
            button.connect("clicked(bool)", lambda checked=False, action=action: action())
        clicks = {
            ui.figuresButton: lambda: self.logic.showFigures(self.parameters.evaluateOutput),
            ui.lesionsButton: lambda: self.logic.showLesions(self.parameters.evaluateOutput),
            ui.pageButton: self.onPage,
            ui.trainButton: self.onTrain,
        }
        for button, shown in clicks.items():
            button.connect("clicked(bool)", lambda checked=False, shown=shown: shown())
        folder, file = qt.QFileDialog.getExistingDirectory, qt.QFileDialog.getOpenFileName
        for button, line, how in (
            (ui.casesButton, ui.casesLineEdit, file),
            (ui.healthyButton, ui.healthyLineEdit, file),
            (ui.predictionsButton, ui.predictionsLineEdit, folder),
            (ui.compareButton, ui.compareLineEdit, folder),
            (ui.outputButton, ui.outputLineEdit, folder),
        ):
            kinds = (CASES,) if how is file else ()
            button.connect("clicked(bool)", lambda checked=False, x=(line, how, *kinds): self.choose(*x))
        ui.evaluateCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Enables what can be used now."""
        wanted, ui = self.parameters, self.ui
        cases = bool(wanted and wanted.evaluateCases and wanted.evaluatePredictions)
        scored = bool(cases and wanted.evaluateOutput)
        page = self.logic.failuresPage(wanted.evaluateOutput) if wanted else None
        planned = self.logic.plannedTargets(wanted.evaluateOutput) if wanted else None
        if wanted and not self.running and self._asked not in ((), self._given()):
            self._asked = ()
            self.say("")  # what was said is of other cases or predictions
        ready = {
            ui.predictButton: cases,
            ui.evaluateButton: scored,
            ui.failuresButton: scored,
            ui.targetButton: bool(planned or (page and scored and wanted.evaluateHealthy)),
        }
        for button, (usual, _action) in self._steps.items():
            own = self.running and button is self._button
            button.text = _("Cancel") if own else usual
            button.enabled = (own and not self._stopping) or (not self.running and ready[button])
        evaluated = bool(wanted and self.logic.evaluation(wanted.evaluateOutput))
        ui.figuresButton.enabled = ui.lesionsButton.enabled = evaluated
        ui.pageButton.enabled = page is not None
        ui.trainButton.enabled = planned is not None and not self.running
        ui.progressBar.visible = self.running
        model = wanted.segmentModel if wanted else ""
        tip = _("Segments each case with the model {model}, chosen under Segment, into the folder of predictions.")
        ui.predictButton.toolTip = tip.format(model=model)
        ui.targetButton.toolTip = (
            _("Goes on with the look-alikes that were planned.")
            if planned
            else _("Tumours like the failures, in healthy scans, by the model and device chosen above.")
        )

    # --- The steps ---

    def onPredict(self) -> None:
        """Segments every case."""
        wanted = self.parameters
        self._start(
            self.ui.predictButton,
            _("Segmenting the cases."),
            lambda: self.logic.segmentCases(
                wanted.evaluateCases,
                wanted.segmentModel,
                wanted.evaluatePredictions,
                wanted.evaluateFold.strip(),
                wanted.device,
                **self._heard(),
            ),
        )

    def onEvaluate(self) -> None:
        """Scores the predictions, and shows the figures."""
        self._start(
            self.ui.evaluateButton,
            _("Evaluating."),
            lambda: self.logic.evaluateCases(*self._given(), self.parameters.evaluateCompare.strip(), **self._heard()),
            lambda: self.logic.showFigures(self.parameters.evaluateOutput) if self.parameters else None,
        )

    def onFailures(self) -> None:
        """Finds the failures, and opens their page."""
        self._start(
            self.ui.failuresButton,
            _("Looking for failures."),
            lambda: self.logic.findFailures(*self._given(), **self._heard()),
            self._onFound,
        )

    def _onFound(self) -> None:
        self.onPage()
        if self.parameters:
            self.parameters.Modified()  # they are listed under Failures

    def onTarget(self) -> None:
        """Plans look-alikes where none are planned, and makes them."""
        wanted = self.parameters
        if wanted and self.logic.plannedTargets(wanted.evaluateOutput):
            self._make()
            return
        self._start(
            self.ui.targetButton,
            _("Placing look-alikes."),
            lambda: self.logic.targetFailures(
                wanted.evaluateCases,
                wanted.evaluateHealthy,
                wanted.evaluateOutput,
                wanted.evaluateCount,
                wanted.seed,
                **self._heard(),
            ),
            self._make,
        )

    def _make(self) -> None:
        wanted = self.parameters
        if wanted:
            self._start(
                self.ui.targetButton,
                _("Making look-alikes."),
                lambda: self.logic.makeTargets(wanted.evaluateOutput, wanted.model, wanted.device, **self._heard()),
            )

    def onTrain(self) -> None:
        """Fills in what is to be trained."""
        wanted = self.parameters
        before = wanted.StartModify()
        wanted.trainKind, wanted.trainFold = "segmentation", ""
        wanted.trainCases = str(self.logic.plannedTargets(wanted.evaluateOutput))
        wanted.trainOutput = str(Path(wanted.evaluateOutput) / "training")
        if "segmentation" not in wanted.trainConfiguration:
            wanted.trainConfiguration = ""
        wanted.EndModify(before)
        self.say(_("Filled in under Train. Use this model there, then segment and evaluate into other folders."))

    def onPage(self) -> None:
        """Opens the failures' page in the browser."""
        page = self.logic.failuresPage(self.parameters.evaluateOutput) if self.parameters else None
        if page:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))

    # --- A step's process ---

    def _given(self) -> tuple[str, str, str, str]:
        wanted = self.parameters
        return wanted.evaluateCases, wanted.evaluatePredictions, wanted.evaluateOutput, wanted.evaluateFold.strip()

    def _heard(self) -> dict[str, Any]:
        return {"onLine": self.hear, "onEvent": self._onEvent, "onEnd": self._onEnd}

    def _start(
        self, button: Any, doing: str, process: Callable[[], Any], then: Callable[[], Any] = lambda: None
    ) -> None:
        if self.cancels():
            return
        with plainErrors(_("It could not be started.")):
            if not self.logic.canSegment():
                return
            self._button, self._then, self._asked = button, then, self._given()
            self.begin(doing, process)

    def _onEvent(self, event: dict[str, Any]) -> None:
        if not self._closed and "done" in event and "of" in event:
            self.step(event["done"], event["of"])

    def _onEnd(self) -> None:
        if self._closed:
            return
        console = self._process
        if console.stopped:
            self.say(_("Cancelled. Pressed again, it goes on with what is there."))
        elif console.status != 0:
            self.say(why(console), wrong=True)
        else:
            self.say(self._outcome(console))
            with plainErrors(_("What came of it cannot be shown.")):
                self._then()
        self.refresh()

    def _outcome(self, console: Any) -> str:
        """What the command said came of it, without where it wrote."""
        told = [line.strip() for line in console.lines if line.strip() and not line.startswith(("{", "wrote "))]
        last: str = told[-1] if told else _("Done.")
        if self._button is self.ui.evaluateButton:
            last = "; ".join(line for line in told if not line.startswith("warning"))
        return last.partition("; look through")[0].partition("; then train")[0]
