"""Describe: terms to press, a text to write, and what is understood of it."""

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from TextoMorph.Panels.live import Live
from TextoMorph.Panels.panel import Panel

COLUMNS = 3
RECENT = "TextoMorph/RecentDescriptions"
MOST_RECENT = 12
WARNING = "#b26a00"


class DescribePanel(Panel):
    """The description; its text alone counts, and the term buttons show and change it."""

    name = "Describe"

    def setup(self) -> None:
        """Connects the widgets."""
        self._organ = ""
        self._chips: dict[str, Any] = {}
        self._result: Any = None
        qt.QVBoxLayout(self.ui.termsWidget).setContentsMargins(0, 0, 0, 0)
        self.ui.clearButton.connect("clicked(bool)", self.onClear)
        self.ui.recentComboBox.connect("activated(int)", self.onRecent)
        self._showRecent()
        self._live = Live(self)

    def refresh(self) -> None:
        """Shows which terms the text holds, and what is not understood."""
        wanted = self.parameters
        self._live.refresh()
        if not wanted:
            return
        if wanted.result is not self._result:  # a new one has been generated: its description is worth keeping
            self._result = wanted.result
            self.remember(self.logic.report(wanted.result).get("text", wanted.text))
        if wanted.organ != self._organ:
            self._organ = wanted.organ
            self._buildChips()
        understood = self.logic.understand(wanted.text, wanted.organ)
        for name, chip in self._chips.items():
            chip.checked = name in understood.terms
        self.ui.understoodLabel.text = understood.marked or _("Press terms, or write a description.")
        warnings = [_("{a} and {b} contradict each other.").format(a=a, b=b) for a, b in understood.contradictions]
        if understood.unknown:
            warnings.append(_("No known term: {words}.").format(words=", ".join(understood.unknown)))
        self.ui.warningLabel.text = f'<span style="color:{WARNING}">{"<br>".join(warnings)}</span>'
        self.ui.warningLabel.visible = bool(warnings)

    def cleanup(self) -> None:
        """Called when the application closes."""
        self._live.stop()
        super().cleanup()

    def onChip(self, name: str) -> None:
        """Puts a term into the text, or takes it out."""
        change = self.logic.withTerm if self._chips[name].checked else self.logic.withoutTerm
        self.parameters.text = change(self.parameters.text, self.parameters.organ, name)
        self.refresh()

    def onClear(self) -> None:
        """Empties the description."""
        self.parameters.text = ""

    def onRecent(self, index: int) -> None:
        """Takes a description used before."""
        if index > 0:
            self.parameters.text = self.ui.recentComboBox.itemText(index)
        self.ui.recentComboBox.currentIndex = 0

    def remember(self, text: str) -> None:
        """Puts a description on top of the recent ones."""
        recent = [text, *(each for each in self._recent() if each != text)][:MOST_RECENT]
        qt.QSettings().setValue(RECENT, "\n".join(each.replace("\n", " ") for each in recent))
        self._showRecent()

    def _recent(self) -> list[str]:
        return [each for each in slicer.util.settingsValue(RECENT, "").split("\n") if each]

    def _showRecent(self) -> None:
        self.ui.recentComboBox.clear()
        self.ui.recentComboBox.addItem(_("Recent descriptions…"))
        for text in self._recent():
            self.ui.recentComboBox.addItem(text)

    def _buildChips(self) -> None:
        """Buttons for the organ's terms."""
        layout = self.ui.termsWidget.layout()
        while layout.count():
            box = layout.takeAt(0).widget()
            box.setParent(None)  # at once, so that nothing of it shows or answers meanwhile
            box.deleteLater()
        self._chips = {}
        for group, terms in self.logic.termGroups(self._organ).items():
            if not terms:
                continue
            box = qt.QGroupBox(group)
            grid = qt.QGridLayout(box)
            grid.setContentsMargins(4, 2, 4, 4)
            grid.setSpacing(3)
            for place, term in enumerate(terms):
                chip = qt.QPushButton(term.name)
                chip.checkable = True
                chip.toolTip = term.explanation
                chip.connect("clicked(bool)", lambda checked=False, name=term.name: self.onChip(name))
                grid.addWidget(chip, place // COLUMNS, place % COLUMNS)
                self._chips[term.name] = chip
            layout.addWidget(box)
