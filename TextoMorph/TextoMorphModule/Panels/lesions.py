"""Several lesions: a table of them, each with its own words; Generate makes all in one run."""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Actions.centres import Centres, Place
from TextoMorphModule.Actions.lesion_table import Row, insideOf
from TextoMorphModule.Panels.column import Fold
from TextoMorphModule.Panels.painting import Click, Painting
from TextoMorphModule.Panels.panel import RunPanel, inColour, later

COLUMNS = ("Description", "Organ", "Size")
DESCRIPTION, ORGAN, SIZE = range(3)
SIZES_MM = (4.0, 120.0)
LOOK_MS = 300  # after the last change, where the lesions lie is looked at anew


class LesionsPanel(RunPanel):
    """The table. The chosen lesion is the one that *Scan and mask* and *Describe* show and change."""

    name = "Lesions"
    order = 35

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._table = self.logic.lesionTable
        self._chosen = ""  # segment of the chosen lesion
        self._looks = 0  # at where the lesions lie, so far
        self._looked: Any = None
        self._centres = Centres(self.onDragged)
        self._click = Click(self, self._add)
        self._painting = Painting(self, self._onPainted)
        self._painted, self._look = later(LOOK_MS, self.onPainted), later(LOOK_MS, self.lookAtPlaces)
        self._fold = Fold(self.ui.lesionsCollapsibleButton)
        self.ui.lesionsCollapsibleButton.collapsed = True
        table = self.ui.lesionsTable
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(DESCRIPTION, qt.QHeaderView.Stretch)
        table.connect("itemSelectionChanged()", self.onChosen)
        table.connect("cellChanged(int,int)", self.onCell)
        self.ui.addButton.connect("clicked(bool)", self.onAdd)
        self.ui.takeButton.connect("clicked(bool)", self.onTake)
        self.ui.removeButton.connect("clicked(bool)", self.onRemove)
        self.ui.undoButton.connect("clicked(bool)", lambda: self._back(self._table.undo))
        self.ui.redoButton.connect("clicked(bool)", lambda: self._back(self._table.redo))

    def refresh(self) -> None:
        """Shows the lesions; what is chosen here and changed above goes into the table."""
        wanted = self.parameters
        self._table.use(wanted)
        self._painting.follow(wanted.lesionsSegmentation if wanted else None)
        rows = self._table.rows
        if not wanted:
            self._chosen, self._looked = "", None
            self._click.forget()
        elif not self._running:
            self._follow(rows)
            rows = self._table.rows
        self._fill(rows)
        self._centres.show([] if self.logic.reading else [row.centre for row in rows])
        places = [(row.segment, row.centre, row.diameter) for row in rows]
        if places != self._looked:
            self._looked = places
            self._lookAgain()
        self._enable(rows)

    def cleanup(self) -> None:
        """Called when the application closes."""
        self._looks += 1
        self._painted.stop()
        self._look.stop()
        self._centres.hide()
        super().cleanup()

    def onAdd(self) -> None:
        """Adds a lesion where *Scan and mask* says that one is placed, or cancels that."""
        if self.cancels():
            return
        place = self.parameters.lesionPlace
        if place == "where I click next":
            self._click.wait()
        elif place == "at the crosshair":
            self._change(lambda: self._table.add(self.logic.crosshair(), *self._given()), last=True)
        else:
            self._add(None)

    def onTake(self) -> None:
        """Adds a copy of the mask that is chosen above, which is hidden then."""
        wanted = self.parameters
        mask, words = (wanted.segmentation, wanted.segmentId), (wanted.text, wanted.organ)
        self._change(lambda: self._table.addMask(mask, *words, self.onStep), last=True)
        if self._table.rows and self.parameters:
            self.logic.showMask(*mask, "hidden")

    def onRemove(self) -> None:
        """Takes the chosen lesion out."""
        number = self._number()
        if number >= 0:
            self._change(lambda: self._table.remove(number))

    def onChosen(self) -> None:
        """Shows the lesion that was chosen in the table in the panels above."""
        number, rows = self.ui.lesionsTable.currentRow(), self._table.rows
        if 0 <= number < len(rows) and rows[number].segment != self._chosen:
            self._adopt(rows[number])

    def onCell(self, number: int, column: int) -> None:
        """Takes a description that was written in the table."""
        rows = self._table.rows
        if column == DESCRIPTION and number < len(rows):
            text = self.ui.lesionsTable.item(number, column).text()
            self._table.describe(number, text, rows[number].organ)
            self._adopt(self._table.rows[number])

    def onResize(self, segment: str, diameter: float) -> None:
        """Gives a lesion another size."""
        number = self._table.indexOf((self.parameters.lesionsSegmentation, segment))
        if number >= 0:
            self._change(lambda: self._table.resize(number, diameter, insideOf(self.parameters), self.onStep))

    def onDragged(self, number: int, place: Place) -> None:
        """Moves a lesion to where its point was dragged."""
        self._change(lambda: self._table.move(number, place, insideOf(self.parameters), self.onStep))

    def onPainted(self) -> None:
        """Takes up what was painted in a lesion."""
        if self.parameters and not self._running and self._table.notice():
            self.refresh()

    def lookAtPlaces(self) -> None:
        """Says what is doubtful about where the lesions lie."""
        from TextoMorphLib.errors import Cancelled

        wanted = self.parameters
        if not wanted or not wanted.ct:
            return
        if self._running or self.logic.busy:  # a look in the midst of a run would keep its Cancel waiting
            self._look.start()
            return
        self._looks += 1
        look = self._looks
        masks = [(wanted.lesionsSegmentation, row.segment) for row in self._table.rows]
        with suppress(Cancelled, ImportError):
            given = wanted.ct, masks, insideOf(wanted), lambda _done, _total: look == self._looks
            doubts = self.logic.lesionsDoubts(*given) if masks else []
            self.ui.statusLabel.text = inColour(doubts)
            if self.logic.tellDoubts("lesions", doubts) and self.parameters:
                self.parameters.Modified()

    def _follow(self, rows: list[Row]) -> None:
        """Keeps the chosen lesion and the panels above the same: newly chosen, they show it; changed, it follows."""
        wanted = self.parameters
        number = self._table.indexOf((wanted.segmentation, wanted.segmentId))
        chosen = rows[number].segment if number >= 0 else ""
        if chosen != self._chosen:
            self._chosen = chosen
            if chosen:
                self._adopt(rows[number])
        elif chosen and (rows[number].text, rows[number].organ) != (wanted.text, wanted.organ):
            self._table.describe(number, wanted.text, wanted.organ)

    def _adopt(self, row: Row) -> None:
        wanted = self.parameters
        self._chosen = row.segment
        before = wanted.StartModify()
        wanted.segmentation, wanted.segmentId = wanted.lesionsSegmentation, row.segment
        wanted.text, wanted.organ = row.text, row.organ
        wanted.lesionDiameter = min(max(row.diameter, SIZES_MM[0]), SIZES_MM[1])
        wanted.EndModify(before)

    def _number(self) -> int:
        """Of the chosen lesion; -1 if none is."""
        segments = [row.segment for row in self._table.rows]
        return segments.index(self._chosen) if self._chosen in segments else -1

    def _given(self) -> tuple[Any, ...]:
        """What `add` takes beside the place."""
        wanted = self.parameters
        return insideOf(wanted), wanted.text, wanted.organ, self.onStep

    def _add(self, place: Place | None) -> None:
        if self.parameters and self.parameters.ct and not self._running:
            self._change(lambda: self._table.add(place, *self._given()), last=True)

    def _change(self, change: Callable[[], Any], last: bool = False) -> None:
        """Changes the table, in a run that can be cancelled; a lesion that was added is chosen then."""
        from TextoMorphLib.errors import Cancelled

        if self._running or not (self.parameters and self.parameters.ct):
            self.refresh()  # a point that was dragged meanwhile goes back
            return
        doing, done = _("Changing the lesion…"), False
        with self._atOnce(), self.run(doing, _("The lesion could not be changed."), doing), suppress(Cancelled):
            change()
            done = True
        self._lookAgain()
        rows = self._table.rows
        if self.parameters and done and last and rows:
            self._adopt(rows[-1])
        elif self.parameters and 0 <= self._number() < len(rows):
            self._adopt(rows[self._number()])
        self.refresh()

    @contextmanager
    def _atOnce(self) -> Any:
        """While the table changes, the panels hear of it once, at the end."""
        wanted = self.parameters
        before = wanted.StartModify()
        try:
            yield
        finally:
            wanted.EndModify(before)

    def _back(self, go: Callable[[], None]) -> None:
        """Takes a change back, or makes it again."""
        if self._running or not (self.parameters and self.parameters.ct):
            return
        with self._atOnce():
            go()
            if self._number() >= 0:
                self._adopt(self._table.rows[self._number()])
        self._lookAgain()
        self.refresh()

    def _enable(self, rows: list[Row]) -> None:
        wanted, ui = self.parameters, self.ui
        idle = bool(wanted and wanted.ct) and not self._running
        ui.addButton.text = _("Cancel") if self._running else _("Add a lesion")
        ui.addButton.enabled = not self._cancelled if self._running else idle
        mask = (wanted.segmentation, wanted.segmentId) if wanted else (None, "")
        ui.takeButton.enabled = idle and bool(mask[0] and mask[1]) and self._table.indexOf(mask) < 0
        ui.removeButton.enabled = idle and self._number() >= 0
        ui.undoButton.enabled, ui.redoButton.enabled = idle and self._table.canUndo, idle and self._table.canRedo
        ui.lesionsTable.enabled = not self._running
        ui.hintLabel.visible = bool(rows)
        together = bool(wanted and wanted.lesionsTogether)
        said = _("{count}, generated together") if together else _("{count}, not generated")
        self._fold.say(said.format(count=len(rows)) if rows else _("none"))

    def _fill(self, rows: list[Row]) -> None:
        """Shows the lesions; what is already shown is left, so that nothing that is being edited is lost."""
        table, number = self.ui.lesionsTable, self._number()
        blocked = table.blockSignals(True)
        if table.rowCount != len(rows):
            table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            for column, said in ((DESCRIPTION, row.text), (ORGAN, row.organ)):
                item = table.item(place, column)
                if item is None:
                    item = qt.QTableWidgetItem()
                    if column == ORGAN:
                        item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
                    table.setItem(place, column, item)
                if item.text() != said:
                    item.setText(said)
            self._fillSize(place, row)
        table.setCurrentCell(number, DESCRIPTION) if number >= 0 else table.clearSelection()
        table.blockSignals(blocked)
        table.setFixedHeight(table.horizontalHeader().height + 30 * min(max(len(rows), 1), 4) + 6)

    def _fillSize(self, place: int, row: Row) -> None:
        table = self.ui.lesionsTable
        box = table.cellWidget(place, SIZE)
        if box is None or box.property("segment") != row.segment:
            box = qt.QDoubleSpinBox()
            box.setProperty("segment", row.segment)
            box.setRange(*SIZES_MM)
            box.setDecimals(0)
            box.setSuffix(" mm")
            box.setKeyboardTracking(False)
            box.toolTip = _("Of the ball with the lesion's volume.")
            box.connect("valueChanged(double)", lambda value, segment=row.segment: self.onResize(segment, value))
            table.setCellWidget(place, SIZE, box)
        blocked = box.blockSignals(True)
        if round(box.value) != round(row.diameter):
            box.value = row.diameter
        box.blockSignals(blocked)

    def _lookAgain(self) -> None:
        """Looks at where the lesions lie soon; a look that goes on ends."""
        self._looks += 1
        self._look.start()

    def _onPainted(self, caller: Any, event: Any) -> None:
        if not self._running:
            self._painted.start()
