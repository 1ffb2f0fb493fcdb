"""Describe: terms to press, a text to write, and what is understood of it."""

from itertools import pairwise
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Panels.column import Fold
from TextoMorphModule.Panels.lesion_words import LesionWords
from TextoMorphModule.Panels.live import Live
from TextoMorphModule.Panels.panel import Panel, inColour, later

COLUMNS = 3
WIDE = 24  # letters of a term from which on it takes two columns
RECENT = "TextoMorph/RecentDescriptions"
FAVOURITES = "TextoMorph/FavouriteDescriptions"
MOST_RECENT = 12
LOOK_MS = 30  # between looks whether words can be understood


class DescribePanel(Panel):
    """The description; its text alone counts, and the term buttons show and change it."""

    name = "Describe"
    order = 30
    atOnce = True

    def setup(self) -> None:
        """Connects the widgets."""
        self.ready = False
        self._again = later(LOOK_MS, self._refreshWhenReady)
        self._organ = ""
        self._chips: dict[str, Any] = {}
        self._searched: dict[str, str] = {}  # what a term is found by
        self._boxes: list[Any] = []  # of the groups
        self._result: Any = None
        qt.QVBoxLayout(self.ui.termsWidget).setContentsMargins(0, 0, 0, 0)
        self.ui.searchLineEdit.connect("textChanged(QString)", self.onSearch)
        self._fold = Fold(self.ui.describeCollapsibleButton)
        self.ui.clearButton.connect("clicked(bool)", self.onClear)
        self.ui.recentComboBox.connect("activated(int)", self.onRecent)
        self.ui.reportButton.connect("clicked(bool)", self.onReport)
        self.ui.favouriteButton.connect("clicked(bool)", self.onFavourite)
        self._showRecent()
        self._live, self._words = Live(self), LesionWords(self)

    def refresh(self) -> None:
        """Shows which terms the text holds, and what is not understood."""
        wanted = self.parameters
        self._live.refresh()
        self._words.refresh()
        if not wanted:
            return
        if wanted.result is not self._result:  # a new one has been generated: its description is worth keeping
            self._result = wanted.result
            report = self.logic.report(wanted.result)
            for each in report.get("each", [report])[::-1]:
                self.remember(each.get("text", wanted.text))
        if wanted.organ != self._organ:
            self._organ = wanted.organ
            self._buildChips()
        self._fold.say(_line(wanted.text))
        self.ui.favouriteButton.checked = _line(wanted.text) in _kept(FAVOURITES)
        self.ui.favouriteButton.enabled = bool(wanted.text.strip())
        self.ready = self.logic.canUnderstand(wanted.organ, prepare=False)
        if self.ready:
            self._showUnderstood()
        else:
            self._again.start()

    def _refreshWhenReady(self) -> None:
        """Makes ready what understanding an organ's words takes, which Slicer's thread does not wait for."""
        if self.parameters and self.logic.canUnderstand(self.parameters.organ):
            self.refresh()
        elif self.parameters:
            self._again.start()

    def _showUnderstood(self) -> None:
        wanted = self.parameters
        understood = self.logic.understand(wanted.text, wanted.organ)
        for name, chip in self._chips.items():
            chip.checked = name in understood.terms
        self.ui.understoodLabel.text = understood.marked or _("Press terms, or write a description.")
        warnings = [_("{a} and {b} contradict each other.").format(a=a, b=b) for a, b in understood.contradictions]
        if understood.unknown:
            warnings.append(_("No known term: {words}.").format(words=", ".join(understood.unknown)))
        self.ui.warningLabel.text = inColour(warnings)
        self.ui.warningLabel.visible = bool(warnings)

    def stop(self) -> None:
        """Called when the user closes Slicer: what goes on is cancelled."""
        self._live.stop()
        self._words.stop()

    def cleanup(self) -> None:
        """Called when the application ends."""
        self._again.stop()
        self.stop()
        super().cleanup()

    def onChip(self, name: str) -> None:
        """Puts a term into the text, or takes it out."""
        change = self.logic.withTerm if self._chips[name].checked else self.logic.withoutTerm
        self.parameters.text = change(self.parameters.text, self.parameters.organ, name)
        self.refresh()

    def onSearch(self, letters: str = "") -> None:
        """Shows the terms that hold these letters, in their name, their meaning or another wording."""
        wanted = letters.strip().lower()
        for name, chip in self._chips.items():
            chip.setVisible(wanted in self._searched[name])
        for box in self._boxes:
            box.setVisible(any(not chip.isHidden() for chip in box.findChildren(qt.QPushButton)))

    def onClear(self) -> None:
        """Empties the description."""
        self.parameters.text = ""

    def onReport(self) -> None:
        """Hands the report on the clipboard to the section Report, which finds its lesions."""
        self.logic.offeredReport = qt.QApplication.clipboard().text()
        self.parameters.Modified()

    def onFavourite(self) -> None:
        """Puts the description among the favourites, or takes it out."""
        text = _line(self.parameters.text)
        others = [each for each in _kept(FAVOURITES) if each != text]
        _keep(FAVOURITES, [text, *others] if self.ui.favouriteButton.checked else others)
        self._showRecent()

    def onRecent(self, index: int) -> None:
        """Takes a description used before."""
        if index > 0:
            self.parameters.text = self._offered[index - 1]
        self.ui.recentComboBox.currentIndex = 0

    def remember(self, text: str) -> None:
        """Puts a description on top of the recent ones."""
        text = _line(text)
        _keep(RECENT, [text, *(each for each in _kept(RECENT) if each != text)][:MOST_RECENT])
        self._showRecent()

    def _showRecent(self) -> None:
        """Favourites first."""
        favourites = _kept(FAVOURITES)
        self._offered = [*favourites, *(each for each in _kept(RECENT) if each not in favourites)]
        self.ui.recentComboBox.clear()
        self.ui.recentComboBox.addItem(_("Used before…"))
        for text in self._offered:
            self.ui.recentComboBox.addItem(f"★ {text}" if text in favourites else text)

    def _buildChips(self) -> None:
        """Buttons for the organ's terms."""
        layout = self.ui.termsWidget.layout()
        while layout.count():
            box = layout.takeAt(0).widget()
            box.setParent(None)  # at once, so that nothing of it shows or answers meanwhile
            box.deleteLater()
        self._chips, self._searched, self._boxes = {}, {}, []
        for group, terms in self.logic.termGroups(self._organ).items():
            if not terms:
                continue
            drawn = any(term.claims for term in terms)
            box = qt.QGroupBox(group if drawn else _("{group} (in reports; not drawn)").format(group=group))
            self._boxes.append(box)
            grid = qt.QGridLayout(box)
            grid.setContentsMargins(4, 2, 4, 4)
            grid.setSpacing(3)
            place = 0
            for term in terms:
                chip = qt.QPushButton(term.name)
                chip.checkable = True
                chip.toolTip = term.explanation
                chip.connect("clicked(bool)", lambda checked=False, name=term.name: self.onChip(name))
                wide = 2 if len(term.name) > WIDE else 1
                if place % COLUMNS + wide > COLUMNS:
                    place += COLUMNS - place % COLUMNS
                grid.addWidget(chip, place // COLUMNS, place % COLUMNS, 1, wide)
                place += wide
                self._chips[term.name] = chip
                other = (each for wordings in term.wordings.values() for each in wordings)
                self._searched[term.name] = " ".join((term.name, term.explanation, *other)).lower()
            layout.addWidget(box)
        self.onSearch(self.ui.searchLineEdit.text)
        below = (self.ui.wordsButton, self.ui.reportButton, self.ui.recentComboBox)
        order = [self.ui.liveCheckBox, *self._chips.values(), *below]  # as they lie
        for before, after in pairwise(order):
            qt.QWidget.setTabOrder(before, after)


def _line(text: str) -> str:
    """A description as one line, as it is kept."""
    return " ".join(text.split())


def _kept(key: str) -> list[str]:
    """Descriptions in Slicer's settings."""
    return [each for each in slicer.util.settingsValue(key, "").split("\n") if each]


def _keep(key: str, descriptions: list[str]) -> None:
    qt.QSettings().setValue(key, "\n".join(descriptions))
