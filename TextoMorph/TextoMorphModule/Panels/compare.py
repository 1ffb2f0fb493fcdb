"""Compare: before and after, and what was asked against what was measured."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes
from TextoMorphModule.Panels.panel import RunPanel, plainErrors

BLINK_MS = 500
COLUMNS = ("Asked", "Measured", "Range", "As asked")
# The colours of the difference map, as in the views.
SCALE = "\u2212{ends:.0f} HU or darker          no change          +{ends:.0f} HU or brighter"
FORMATS = "NIfTI (*.nii.gz);;NRRD (*.nrrd)"

ROW, MOST_ROWS = 30, 8  # of the table, pixels; more are scrolled


class ComparePanel(RunPanel):
    """The results, one at a time."""

    name = "Compare"
    order = 50

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._shown: Any = None
        self._button: Any = None  # the button whose run goes on
        self.ui.resultSelector.addAttribute("vtkMRMLScalarVolumeNode", "TextoMorph.report")
        self.ui.askedTable.setColumnCount(len(COLUMNS))
        self.ui.askedTable.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        header = self.ui.askedTable.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self.ui.askedTable.verticalHeader().setVisible(False)
        self.ui.askedTable.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self._fillTable([])
        self.ui.previousButton.connect("clicked(bool)", lambda: self.step(-1))
        self.ui.nextButton.connect("clicked(bool)", lambda: self.step(1))
        self.ui.showButton.connect("clicked(bool)", self.onShow)
        self.ui.planesCheckBox.connect("toggled(bool)", self.onPlanes)
        self.ui.surfaceCheckBox.connect("toggled(bool)", lambda on: self.logic.showIn3D(self._result(), on))
        self.ui.anotherButton.connect("clicked(bool)", self.onAnother)
        self.ui.backButton.connect("clicked(bool)", self.onBack)
        self.ui.histogramButton.connect("clicked(bool)", self.onHistogram)
        self.ui.fadeSlider.connect("valueChanged(double)", self.logic.fade)
        self.ui.blinkCheckBox.connect("toggled(bool)", self.onBlink)
        self.ui.saveButton.connect("clicked(bool)", self.onSave)
        self.ui.dicomButton.connect("clicked(bool)", self.onDicom)
        self.ui.acceptButton.connect("clicked(bool)", self.onAccept)
        self.ui.discardButton.connect("clicked(bool)", self.onDiscard)
        self._blink = qt.QTimer()
        self._blink.setInterval(BLINK_MS)
        self._blink.connect("timeout()", self._onBlinkTime)

    def refresh(self) -> None:
        """Shows the chosen result's table."""
        result = self.parameters.result if self.parameters else None
        known = bool(result and self.logic.report(result))
        own = (self.ui.showButton, self.ui.histogramButton, self.ui.saveButton, self.ui.dicomButton)
        for button in (*own, self.ui.anotherButton, self.ui.acceptButton, self.ui.discardButton):
            button.enabled = not self._cancelled if button is self._button else known and not self._running
        self.ui.backButton.enabled = self.logic.comparing
        ends = self.logic.differenceRange(result)
        self.ui.scaleLabel.text = SCALE.format(ends=ends)
        self.ui.scaleLabel.visible = bool(ends) and self.logic.comparing
        self.ui.acceptButton.checked = known and self.logic.isAccepted(result)
        self.ui.acceptButton.text = _("Accepted") if self.ui.acceptButton.checked else _("Accept")
        if not self._running:
            self.ui.statusLabel.text = self._decided()
        several = len(self.logic.results()) > 1
        self.ui.previousButton.enabled = self.ui.nextButton.enabled = several
        shown = (result.GetID(), result.GetAttribute(nodes.REPORT)) if result and known else None
        if shown != self._shown:  # a live result gets other reports
            self._shown = shown
            if self.ui.surfaceCheckBox.checked:
                self.logic.showIn3D(result)
            self._fillTable(self.logic.askedAgainstMeasured(result) if known else [])
        if not known:
            self.ui.blinkCheckBox.checked = False

    def cleanup(self) -> None:
        """Called when the application closes."""
        self._blink.stop()
        super().cleanup()

    def step(self, forward: int) -> None:
        """Goes to another result."""
        results = self.logic.results()
        at = results.index(self.parameters.result) if self.parameters.result in results else -1
        self.parameters.result = results[(at + forward) % len(results)]
        self.onShow()

    def onShow(self) -> None:
        """Shows before, after and difference."""
        with plainErrors(_("The result cannot be compared.")):
            self.logic.showBeforeAfter(self.parameters.result, bool(self.ui.planesCheckBox.checked))
            self.ui.fadeSlider.value = 1.0
        self.refresh()

    def onPlanes(self) -> None:
        """Shows one plane, or three."""
        if self.logic.comparing and self.parameters and self.parameters.result:
            self.onShow()

    def onAnother(self) -> None:
        """Takes this result for the CT, so that another tumour is added to it."""
        result = self.parameters.result
        self.logic.accept(result)  # Live leaves it alone, as it is a CT now
        if self.logic.comparing:
            self.onBack()
        self.logic.lesionTable.leave()  # its lesions are in this result
        before = self.parameters.StartModify()
        self.parameters.ct, self.parameters.segmentation, self.parameters.segmentId = result, None, ""
        self.parameters.EndModify(before)
        slicer.util.setSliceViewerLayers(background=result)

    def onBack(self) -> None:
        """Brings back the views that there were before, with the result in them."""
        self.ui.blinkCheckBox.checked = False
        self.logic.leaveComparison()
        if self.parameters and self.parameters.result:
            slicer.util.setSliceViewerLayers(background=self.parameters.result)
        self.refresh()

    def onHistogram(self) -> None:
        """Shows the HU of the lesion and of what is around it, or cancels that."""
        if self.cancels():
            return
        with self._pressed(self.ui.histogramButton, _("Counting…"), _("The histogram cannot be shown.")):
            chart = self.logic.histogram(self.parameters.result, self.onStep)
            slicer.modules.plots.logic().ShowChartInLayout(chart)

    def onBlink(self, on: bool) -> None:
        """Starts or stops blinking."""
        if on:
            self._blink.start()
        else:
            self._blink.stop()
            self.ui.fadeSlider.value = 1.0

    def onSave(self) -> None:
        """Writes the result and its report, or cancels that."""
        if self.cancels():
            return
        name = qt.QFileDialog.getSaveFileName(
            self.widget, _("Save the synthetic CT"), f"{_fileName(self.parameters.result)}.nii.gz", FORMATS
        )
        if name:
            with self._pressed(self.ui.saveButton, _("Writing…"), _("The result could not be saved.")):
                self.logic.save(self.parameters.result, name, True, self.onStep)  # the dialog has asked
                slicer.util.showStatusMessage(_("Saved {name} and its report").format(name=name), 5000)

    def onDicom(self) -> None:
        """Writes the result as a DICOM series, in a folder of its own, or cancels that."""
        if self.cancels():
            return
        result = self.parameters.result
        parent = qt.QFileDialog.getExistingDirectory(self.widget, _("Where to put the DICOM series' folder"))
        if not parent:
            return
        with self._pressed(self.ui.dicomButton, _("Writing…"), _("The DICOM series could not be written.")):
            folder = Path(parent) / f"{_fileName(result)} DICOM"
            withMask = self.logic.canWriteDicomSegmentation()
            keepPatient = self.logic.dicomSource(result) is not None and slicer.util.confirmYesNoDisplay(
                _("Patient and study of the DICOM series are made up. Keep the real patient's instead?"),
                windowTitle=_("TextoMorph"),
            )
            whose = self.logic.exportDicom(result, folder, withMask, self.onStep, keepPatient)
            said = _("Wrote {folder}: {whose}") if withMask else _("Wrote {folder}, without the mask: {whose}")
            slicer.util.showStatusMessage(said.format(folder=folder, whose=whose), 5000)

    def onAccept(self) -> None:
        """Keeps the result and goes to the next that is not decided on, or takes that back."""
        result = self.parameters.result
        self.logic.accept(result, self.ui.acceptButton.checked)
        if self.ui.acceptButton.checked:
            self._goOn(self.logic.results().index(result))
        self.refresh()

    def onDiscard(self) -> None:
        """Removes the result, and goes to the next that is not decided on."""
        at = self.logic.results().index(self.parameters.result)
        self.logic.discard(self.parameters.result)
        left = self.logic.results()
        self.parameters.result = left[min(at, len(left) - 1)] if left else None
        self._goOn(at)

    def _goOn(self, at: int) -> None:
        """Shows the first result that is not decided on, from a place in the list of results on."""
        results = self.logic.results()
        left = [each for each in [*results[at:], *results[:at]] if not self.logic.isAccepted(each)]
        if left:
            self.parameters.result = left[0]
            self.onShow()

    def _result(self) -> Any:
        return self.parameters.result if self.parameters else None

    def _decided(self) -> str:
        """How many results are accepted, and how many are not decided on."""
        results = self.logic.results()
        accepted = sum(map(self.logic.isAccepted, results))
        said = _("{accepted} accepted, {left} not decided on.")
        return said.format(accepted=accepted, left=len(results) - accepted) if results else ""

    @contextmanager
    def _pressed(self, button: Any, doing: str, failed: str) -> Iterator[None]:
        """While a button's run goes on: the button cancels it."""
        from TextoMorphLib.errors import Cancelled

        usual, button.text, self._button = button.text, _("Cancel"), button
        try:
            with self.run(doing, failed, doing), suppress(Cancelled):
                yield
        finally:
            button.text, self._button = usual, None
            self.refresh()

    def _onBlinkTime(self) -> None:
        self.ui.fadeSlider.value = 0.0 if self.ui.fadeSlider.value > 0.5 else 1.0

    def _fillTable(self, rows: list[dict[str, Any]]) -> None:
        from TextoMorphLib.measurement.expectations import measured

        table = self.ui.askedTable
        table.setRowCount(len(rows))
        several = len({row["lesion"] for row in rows}) > 1
        often = Counter((row["lesion"], row["asked"]) for row in rows)
        words = {True: _("yes"), False: _("no"), None: "\u2013"}
        for number, row in enumerate(rows):
            asked = f"{row['lesion']}: {row['asked']}" if several else row["asked"]
            if often[row["lesion"], row["asked"]] > 1 and row["attribute"]:  # which of its measures this is
                asked += f" ({row['attribute'].rpartition('_')[0].replace('_', ' ')})"
            cells = (asked, measured(row), _range(row), words[row["ok"]])
            for column, cell in enumerate(cells):
                table.setItem(number, column, qt.QTableWidgetItem(cell))
        table.setFixedHeight(table.horizontalHeader().height + ROW * min(max(len(rows), 2), MOST_ROWS) + 4)


def _fileName(result: Any) -> str:
    """A result's name, which may be the user's own, without what a file's name cannot have or means a folder."""
    return re.sub(r'[\\/:*?"<>|]', " ", result.GetName()).strip(" .") or "result"


def _range(row: dict[str, Any]) -> str:
    """What was asked for, as a range of the measurement."""
    if row["measured"] is None:
        return ""
    scale, unit = (1.0, row["unit"]) if row["unit"] else (100.0, "%")
    low, high = (f"{each * scale:g}" for each in row["range"])
    said = _("not {low} to {high} {unit}") if row["denied"] else _("{low} to {high} {unit}")
    return said.format(low=low, high=high, unit=unit)
