"""Text preview: many texts, one mask and seed; pictures, measurements, and what each word does."""

import html
from contextlib import suppress
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions.lesion_table import healthyOf, rowsOf
from TextoMorphModule.Panels.panel import RunPanel, inColour, linesOf, plainErrors, withNotes

PICTURES_A_ROW = 3
WIDTH = 440  # of the picture in the panel, pixels
ROW, HEADER = 30, 44  # of the table, pixels
COLUMNS = {  # what is shown of the attributes; the CSV has all
    "Contrast\nHU": ("contrast_hu", 0),
    "Texture\nHU": ("texture_hu", 0),
    "Margin\nmm": ("margin_mm", 1),
    "Rim\nHU": ("rim_hu", 0),
    "Core\nHU": ("core_hu", 0),
}
STRONG_HU = 40.0  # a word that changes this much is coloured fully
BRIGHTER, DARKER = "224, 140, 30", "60, 130, 220"


class PreviewPanel(RunPanel):
    """Rows of texts."""

    name = "Preview"
    order = 60

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._made: Any = None
        self._of: tuple[Any, ...] = ()  # what it was made of, and what was said of it
        self._said = ""
        table = self.ui.attributesTable
        table.setColumnCount(1 + len(COLUMNS))
        table.setHorizontalHeaderLabels([_("Text"), *(_(name) for name in COLUMNS)])
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.verticalHeader().setVisible(False)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self.ui.drawButton.connect("clicked(bool)", self.onDraw)
        self.ui.savePictureButton.connect("clicked(bool)", self.onSavePicture)
        self.ui.saveTableButton.connect("clicked(bool)", self.onSaveTable)
        self.refresh()  # what is hidden now stays hidden when the panel is unfolded
        self.ui.previewCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Enables what can be used now."""
        wanted = self.parameters
        ready = bool(wanted and wanted.ct and wanted.segmentation and wanted.segmentId and linesOf(wanted.previewTexts))
        self.ui.drawButton.enabled = (self._running and not self._cancelled) or ready
        self.ui.drawButton.text = _("Cancel") if self._running else _("Draw")
        self.ui.drawButton.toolTip = (
            _("Makes the same lesion under each text; nothing is added to the scene.")
            if ready
            else _("Choose a CT, make a mask, and write one text a line.")
        )
        known = self._made is not None
        if known and wanted and not self._running:
            older = _("CT, mask, organ, seed or model are others now; the pictures are of those chosen before.")
            doubts = [older] if self._asked(wanted) != self._of else []
            self.ui.statusLabel.text = "<br>".join(each for each in (self._said, inColour(doubts)) if each)
        for widget in (self.ui.savePictureButton, self.ui.saveTableButton):
            widget.enabled = known
        for widget in (self.ui.pictureLabel, self.ui.attributesTable, self.ui.wordsLabel):
            widget.visible = known

    def onDraw(self) -> None:
        """Starts a run, or cancels the one that goes on."""
        if self.cancels():
            return
        from TextoMorphLib.errors import Cancelled

        wanted = self.parameters
        made, png, asked = None, None, self._asked(wanted)
        with self.run(_("Drawing…"), _("The texts could not be drawn.")), suppress(Cancelled):
            made = self.logic.previewTexts(
                wanted.ct,
                wanted.segmentation,
                wanted.segmentId,
                linesOf(wanted.previewTexts),
                wanted.organ,
                wanted.seed,
                wanted.previewWords,
                wanted.device,
                wanted.model,
                self.onStep,
                **healthyOf(wanted),
            )
            if made is not None:
                png = self.logic.previewPicture(made, PICTURES_A_ROW, self.onStep)
        said = _("Nothing was drawn.")
        if made is not None and png is not None and not self._cancelled:
            self._made = made
            self._show(png)
            said = withNotes(self._counted(len(made.rows)), made.notes)
            self._of, self._said = asked, said
        self.ui.statusLabel.text = said
        self.refresh()

    @staticmethod
    def _asked(wanted: Any) -> tuple[Any, ...]:
        """What pictures are drawn of, besides the texts, which they show."""
        mask = wanted.segmentation, wanted.segmentId
        return (wanted.ct, *mask, wanted.organ, wanted.seed, wanted.model, healthyOf(wanted))

    def _counted(self, count: int) -> str:
        """What was drawn; of which lesion, where the table has several."""
        rows, wanted = rowsOf(self.parameters), self.parameters
        number = self.logic.lesionTable.indexOf((wanted.segmentation, wanted.segmentId)) + 1 if wanted else 0
        if len(rows) < 2 or not number:
            return _("{count} texts drawn.").format(count=count)
        said = _("{count} texts drawn, of lesion {number} alone: the one that is chosen under Several lesions.")
        return said.format(count=count, number=number)

    def onSavePicture(self) -> None:
        """Writes the grid."""
        if name := self._askName("PNG (*.png)", "texts.png"):
            with plainErrors(_("The picture could not be saved.")):
                self.logic.savePreviewPicture(self._made, name)
                slicer.util.showStatusMessage(_("Saved {name}").format(name=name), 5000)

    def onSaveTable(self) -> None:
        """Writes the tables."""
        if name := self._askName("CSV (*.csv)", "texts.csv"):
            with plainErrors(_("The table could not be saved.")):
                files = self.logic.savePreviewTables(self._made, name)
                saved = _(" and ").join(str(file) for file in files)
                slicer.util.showStatusMessage(_("Saved {name}").format(name=saved), 5000)

    def _askName(self, formats: str, proposed: str) -> str:
        name: str = qt.QFileDialog.getSaveFileName(self.widget, _("Save the text preview"), proposed, formats)
        return name

    def _show(self, png: bytes) -> None:
        pixmap = qt.QPixmap()
        pixmap.loadFromData(qt.QByteArray(png))
        self.ui.pictureLabel.setPixmap(pixmap.scaledToWidth(WIDTH, qt.Qt.SmoothTransformation))
        table, rows = self.ui.attributesTable, self._made.rows
        table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            measured = (_number(getattr(row.lesions[0], name), digits) for name, digits in COLUMNS.values())
            for column, cell in enumerate((row.text, *measured)):
                item = qt.QTableWidgetItem(cell)
                item.setToolTip(row.text)
                table.setItem(number, column, item)
        table.setFixedHeight(ROW * len(rows) + HEADER)
        self.ui.wordsLabel.text = "<br>".join(
            " ".join(_coloured(word) for word in row.words) for row in rows if row.words
        )

    def _onSceneClose(self, caller: Any, event: Any) -> None:
        super()._onSceneClose(caller, event)
        self._made = None


def _number(value: float, digits: int) -> str:
    return "\u2013" if value != value else f"{value:.{digits}f}"


def _coloured(word: Any) -> str:
    """A word on a ground of the direction and strength of its influence, with the figure."""
    strength = min(word.change_hu / STRONG_HU, 1.0)
    ground = f"rgba({BRIGHTER if word.shift_hu > 0 else DARKER}, {strength:.2f})"
    return f'<span style="background-color:{ground}">&nbsp;{html.escape(word.word)} {word.change_hu:.0f}&nbsp;</span>'
