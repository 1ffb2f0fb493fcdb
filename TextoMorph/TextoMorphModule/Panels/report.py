"""Report: a radiology report's lesions, one of which is taken by a click."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Panels.consent import agreesToSend
from TextoMorphModule.Panels.panel import RunPanel, listsRows

KINDS = "Reports (*.txt *.pdf *.dcm);;All files (*)"
ADDRESS, MODEL = "TextoMorph/ChatAddress", "TextoMorph/ChatModel"  # in the settings
COLUMNS = ("Organ", "Words", "Size", "Place")
WORDS = 1
MOST_HEIGHT = 220  # of the list, pixels
SIZES_MM = (4.0, 120.0)  # that a lesion can be placed with


class ReportPanel(RunPanel):
    """Nothing of it goes into the scene but what is taken of a lesion: a report tells who the patient is."""

    name = "Report"
    order = 38

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        ui = self.ui
        self._found: Any = None
        self._agreed: set[str] = set()  # hosts, until Slicer is closed
        ui.openButton.connect("clicked(bool)", self.onOpen)
        ui.findButton.connect("clicked(bool)", self.onFind)
        ui.reportEdit.connect("textChanged()", self._onText)
        for line, key in ((ui.addressLineEdit, ADDRESS), (ui.endpointModelLineEdit, MODEL)):
            line.text = slicer.util.settingsValue(key, "")
            line.connect("textChanged(QString)", lambda text, key=key: qt.QSettings().setValue(key, text))
        listsRows(ui.lesionTable, COLUMNS, WORDS)
        ui.lesionTable.connect("itemSelectionChanged()", self.onLesion)
        ui.leftCollapsibleButton.visible = False  # before the section is folded: else unfolding shows it
        for section in (ui.leftCollapsibleButton, ui.endpointCollapsibleButton, ui.reportCollapsibleButton):
            section.collapsed = True

    def refresh(self) -> None:
        """Takes a report that another panel hands over; enables what can be used now."""
        ui = self.ui
        ui.findButton.text = _("Cancel") if self._running else _("Find its lesions")
        ui.findButton.enabled = not self._cancelled if self._running else bool(self.parameters)
        ui.openButton.enabled = bool(self.parameters) and not self._running
        if self.parameters and self.logic.offeredReport is not None and not self._running:
            report, self.logic.offeredReport = self.logic.offeredReport, None
            ui.reportCollapsibleButton.collapsed = False
            ui.reportEdit.setPlainText(report)
            self.onFind()

    def onOpen(self) -> None:
        """Reads a report from a file, and finds its lesions."""
        path = qt.QFileDialog.getOpenFileName(self.widget, _("Open a report"), "", KINDS)
        if not path:
            return
        text = None
        with self._reading(_("Reading…"), _("The report could not be read.")):
            if self.logic.canReadReport(path):
                text = self.logic.readReport(path, self.onStep)
        if text is not None:
            self.ui.reportEdit.setPlainText(text)
            self.onFind()

    def onFind(self) -> None:
        """Finds the report's lesions, or cancels that."""
        if self.cancels():
            return
        report, address = self.ui.reportEdit.toPlainText(), self.ui.addressLineEdit.text.strip()
        model, found = self.ui.endpointModelLineEdit.text.strip() or "default", None
        self._forget()
        with self._reading(_("Reading the report…"), _("The report could not be used.")):
            host = self.logic.foreignHost(address)
            if host and report.strip() and host not in self._agreed:
                if not agreesToSend(host, self.logic.wouldBeSent(report)):
                    self.ui.statusLabel.text = _("Nothing was sent.")
                    return
                self._agreed.add(host)
            found = self.logic.findLesions(report, address, model, host, self.onStep)
        if found is not None:
            self._show(found)

    def onLesion(self) -> None:
        """Takes the chosen lesion: its organ, words and size; where to put it is said."""
        row, wanted = self.ui.lesionTable.currentRow(), self.parameters
        if not (wanted and self._found and 0 <= row < len(self._found.lesions)):
            return
        lesion = self._found.lesions[row]
        before = wanted.StartModify()
        wanted.organ, wanted.text = lesion["organ"], lesion["description"]
        if lesion["diameter_mm"]:
            wanted.lesionDiameter = min(max(float(lesion["diameter_mm"]), SIZES_MM[0]), SIZES_MM[1])
        wanted.placeHint = _place(lesion)
        wanted.EndModify(before)
        self.ui.takenLabel.text = _taken(lesion)
        self.ui.takenLabel.visible = True

    def _show(self, found: Any) -> None:
        self._found = found
        ui, lesions = self.ui, found.lesions
        several = _("{count} lesions. Press one to take it.")
        said = several.format(count=len(lesions)) if len(lesions) > 1 else _("One lesion; it was taken.")
        none = _("No lesion of the liver, the pancreas or a kidney was found in it.")
        ui.statusLabel.text = " ".join([said if lesions else none, *(f"{note}." for note in found.notes)])
        table = ui.lesionTable
        table.setRowCount(len(lesions))
        for row, lesion in enumerate(lesions):
            for column, cell in enumerate((lesion["organ"], lesion["description"], _size(lesion), _place(lesion))):
                item = qt.QTableWidgetItem(cell)
                item.setToolTip(cell)
                table.setItem(row, column, item)
        table.visible = bool(lesions)
        table.setFixedHeight(
            min(table.horizontalHeader().height + sum(map(table.rowHeight, range(len(lesions)))) + 4, MOST_HEIGHT)
        )
        ui.leftEdit.setPlainText("\n".join(found.leftOut))
        ui.leftCollapsibleButton.text = _("Left out ({count})").format(count=len(found.leftOut))
        ui.leftCollapsibleButton.visible = bool(found.leftOut)
        if len(lesions) == 1:
            table.selectRow(0)

    def _forget(self) -> None:
        """What was found before is of another report."""
        self._found = None
        self.ui.lesionTable.setRowCount(0)
        self.ui.statusLabel.text = ""
        for widget in (self.ui.lesionTable, self.ui.takenLabel, self.ui.leftCollapsibleButton):
            widget.visible = False

    def _onText(self) -> None:
        if self._found is not None:
            self._forget()

    @contextmanager
    def _reading(self, doing: str, failed: str) -> Iterator[None]:
        from TextoMorphLib.errors import Cancelled

        try:
            with self.run(doing, failed, doing), suppress(Cancelled):
                yield
        finally:
            if self.ui.statusLabel.text in (doing, _("Stopping…")):
                self.ui.statusLabel.text = ""
            self.refresh()


def _size(lesion: dict[str, Any]) -> str:
    sizes = [" x ".join(f"{mm:g}" for mm in size) for size in lesion["sizes_mm"]]
    return _("{sizes} mm").format(sizes="; ".join(sizes)) if sizes else ""


def _place(lesion: dict[str, Any]) -> str:
    segments = [_("segment {number}").format(number=number) for number in lesion["segments"]]
    return ", ".join([*segments, *lesion["places"]])


def _taken(lesion: dict[str, Any]) -> str:
    """What was filled in, and what of the lesion's own words will not be seen in a tumour."""
    mm = lesion["diameter_mm"]
    said = [
        _("Taken: organ, words and a diameter of {mm:g} mm.").format(mm=mm)
        if mm
        else _("Taken: organ and words; no size is given.")
    ]
    if mm and not SIZES_MM[0] <= mm <= SIZES_MM[1]:
        said.append(_("A lesion is placed with {low:g} to {high:g} mm.").format(low=SIZES_MM[0], high=SIZES_MM[1]))
    if lesion["several"]:
        count = lesion["count"] or _("several")
        said.append(_("The report speaks of {count} lesions together.").format(count=count))
    if lesion["not_understood"]:
        said.append(_("Not understood: {words}.").format(words=", ".join(lesion["not_understood"])))
    return " ".join(said)
