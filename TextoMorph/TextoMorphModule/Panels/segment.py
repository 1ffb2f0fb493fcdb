"""Segment: organ and tumours of the CT by a trained model, in the background, and a list of what was found."""

from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Panels.panel import inColour, plainErrors
from TextoMorphModule.Panels.process_panel import ProcessPanel, why

MOST_HEIGHT = 240  # of the list, pixels
COLUMNS = ("Tumour", "Diameter", "Volume", "Centre (R, A, S)")


class SegmentPanel(ProcessPanel):
    """Model, organ, run, result."""

    name = "Segment"
    order = 72

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        ui = self.ui
        self._models: list[Any] = []
        self._lesions: list[dict[str, Any]] = []
        self._shown: Any = None  # the result whose tumours are listed
        self._told: Any = None  # that result, and the CT that was chosen when its summary was told
        self._ct: Any = None  # the CT that is being looked at
        self._showing = False
        ui.modelComboBox.connect("activated(int)", self.onModel)
        ui.cardButton.connect("toggled(bool)", ui.cardTextEdit.setVisible)
        ui.organSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: self.onOrgan())
        ui.organSelector.connect("currentSegmentChanged(QString)", lambda name: self.onOrgan())
        ui.runButton.connect("clicked(bool)", self.onRun)
        ui.maskButton.connect("clicked(bool)", self.onMask)
        table = ui.lesionTable
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        table.verticalHeader().setVisible(False)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        table.connect("itemSelectionChanged()", self.onLesion)
        ui.moreCollapsibleButton.collapsed = ui.segmentCollapsibleButton.collapsed = True

    def setParameterNode(self, parameters: Any) -> None:
        """When the module is opened, looks which models there are now."""
        if parameters:
            self._showModels()
        super().setParameterNode(parameters)

    def cleanup(self) -> None:
        """Called when the application closes: the process ends, and its files go."""
        super().cleanup()
        if self._process:
            self._process.forget()

    def refresh(self) -> None:
        """Shows the model and what was found; enables what can be used now."""
        wanted, ui = self.parameters, self.ui
        if wanted:
            if wanted.segmentModel not in [model.name for model in self._models]:
                self._showModels()
            ui.modelComboBox.setCurrentText(wanted.segmentModel)
            self._showOrgan()
        self._showModel()
        ready = bool(wanted and wanted.ct and self._model())
        self.showRunning(ui.runButton, _("Segment"), ready)
        usual = _("Looks for organ and tumours in the CT, in the background; or stops that.")
        ui.runButton.toolTip = usual if ready else _("Choose a CT and a model first.")
        self._showLesions(wanted.segmentResult if wanted else None)
        of = (self._shown, wanted.ct) if wanted and self._shown else None
        if of != self._told and not self.running:
            self._told = of
            self.say(self._summary(wanted.ct) if of else "")

    def onModel(self, index: int) -> None:
        """Takes a model."""
        if self.parameters and index >= 0:
            self.parameters.segmentModel = self._models[index].name

    def onOrgan(self) -> None:
        """Takes the organ: the same segment that new tumours are kept inside of."""
        selector = self.ui.organSelector
        if self._showing or not self.parameters:
            return
        node = selector.currentNode()
        before = self.parameters.StartModify()
        self.parameters.organSegmentation = node
        self.parameters.organSegmentId = selector.currentSegmentID() if node else ""
        self.parameters.EndModify(before)

    def onRun(self) -> None:
        """Starts to segment, or cancels that."""
        if self.cancels():
            return
        wanted, ui, model = self.parameters, self.ui, self._model()
        for box in (ui.leastSpinBox, ui.overlapSpinBox):
            box.interpretText()
        self._ct, started = wanted.ct, None
        organ = (wanted.organSegmentation, wanted.organSegmentId)
        settings = (ui.overlapSpinBox.value, ui.leastSpinBox.value, bool(ui.anywhereCheckBox.checked), wanted.device)
        with plainErrors(_("The CT could not be segmented.")):
            if not self.logic.canSegment():
                return
            self.ui.logEdit.clear()
            with self.busy(_("Writing the CT for the process…")):
                started = self.logic.segment(
                    wanted.ct, model.name, organ, *settings, self.hear, self._onChange, self.onStep
                )
        if started:
            self.begin(_("Looking for tumours."), lambda: started)
        else:
            self.say(_("Nothing was made."))

    def onLesion(self) -> None:
        """Shows the chosen tumour."""
        lesion = self._lesion()
        self.ui.maskButton.enabled = lesion is not None and not self.running
        if lesion:
            self.logic.jumpToLesion(self._shown, lesion)

    def onMask(self) -> None:
        """Takes the chosen tumour as the mask."""
        wanted, lesion = self.parameters, self._lesion()
        with plainErrors(_("The tumour cannot be taken as the mask.")):
            mask = self.logic.lesionAsMask(self._shown, lesion, wanted.ct)
            before = wanted.StartModify()
            wanted.segmentation, wanted.segmentId = mask
            wanted.EndModify(before)

    def _onChange(self) -> None:
        """Called when the process has come further, and at its end."""
        run = self._process
        if self._closed or run is None:
            return
        if run.running:
            self.step(run.done, run.of)
            return
        if run.console.status == 0 and not run.console.stopped:
            self._take(run)
        elif run.console.stopped:
            self.say(_("Cancelled; nothing was made."))
        else:
            self.say(why(run.console), wrong=True)
        self.refresh()

    def _take(self, run: Any) -> None:
        node = None
        with plainErrors(_("What was found cannot be shown.")), self.busy(_("Showing what was found…")):
            node = self.logic.takeSegmentation(run, self._ct, self.onStep)
        if node is None:
            self.say(_("Nothing was made."))
            return
        if self.parameters:
            self.parameters.segmentResult = node

    # --- What the widgets show ---

    def _model(self) -> Any:
        index = self.ui.modelComboBox.currentIndex
        return self._models[index] if 0 <= index < len(self._models) else None

    def _lesion(self) -> dict[str, Any] | None:
        row = self.ui.lesionTable.currentRow()
        return self._lesions[row] if 0 <= row < len(self._lesions) and self._shown else None

    def _showModels(self) -> None:
        models = self.logic.segmenters()
        if models != self._models:
            self._models = models
            self.ui.modelComboBox.clear()
            self.ui.modelComboBox.addItems([model.name for model in models])

    def _showModel(self) -> None:
        """What the model is for, and a warning where that is another organ than the chosen one."""
        model, organ = self._model(), self.parameters.organ if self.parameters else ""
        said = model.summary if model else ""
        if model and organ and model.organ != organ:
            other = _("This model knows the {model}; the organ chosen under Scan is the {organ}.")
            said = f"{inColour([other.format(model=model.organ, organ=organ)])}<br>{said}"
        if self.ui.modelLabel.text != said:
            self.ui.modelLabel.text = said
            self.ui.cardTextEdit.setMarkdown(model.card if model else "")

    def _showOrgan(self) -> None:
        self._showing = True
        selector, wanted = self.ui.organSelector, self.parameters
        if selector.currentNode() is not wanted.organSegmentation:
            selector.setCurrentNode(wanted.organSegmentation)
        if wanted.organSegmentation and selector.currentSegmentID() != wanted.organSegmentId:
            selector.setCurrentSegmentID(wanted.organSegmentId)
        self._showing = False

    def _summary(self, ct: Any) -> str:
        """How many tumours are listed, and of which CT where that is not the chosen one."""
        found, own = self._lesions, self.logic.segmentedCt(self._shown)
        volume = sum(lesion["volume_ml"] for lesion in found)
        several = _("{count} tumours, {ml:.1f} ml in all.") if len(found) > 1 else _("One tumour, {ml:.1f} ml.")
        said = several.format(count=len(found), ml=volume) if found else _("No tumour was found.")
        if own is ct:
            return said
        other = _("This is of {name}, which is not the CT chosen now.") if own else _("The CT is no longer there.")
        return f"{said}<br>{inColour([other.format(name=own.GetName() if own else '')])}"

    def _showLesions(self, node: Any) -> None:
        if node is not self._shown:
            self._shown = node
            self._lesions = self.logic.foundLesions(node) if node else []
            table = self.ui.lesionTable
            table.setRowCount(len(self._lesions))
            for row, lesion in enumerate(self._lesions):
                place = ", ".join(f"{mm:.0f}" for mm in lesion["centre_ras_mm"])
                cells = (
                    lesion["class"],
                    _("{mm:.1f} mm").format(mm=lesion["diameter_mm"]),
                    _("{ml:.2f} ml").format(ml=lesion["volume_ml"]),
                    place,
                )
                for column, cell in enumerate(cells):
                    table.setItem(row, column, qt.QTableWidgetItem(cell))
            rows = table.horizontalHeader().height + sum(table.rowHeight(row) for row in range(len(self._lesions)))
            table.setFixedHeight(min(rows + 4, MOST_HEIGHT))
            table.visible = self.ui.maskButton.visible = bool(self._lesions)
        self.ui.maskButton.enabled = self._lesion() is not None and not self.running
