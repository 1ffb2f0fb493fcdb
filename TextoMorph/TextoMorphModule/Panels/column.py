"""The panels above each other: what scrolls, and below it what always stays in sight."""

from typing import Any

import qt
from slicer.i18n import tr as _

LEAST_HEIGHT = 300  # of what scrolls, pixels
MOST_LETTERS = 58  # of a folded section's title: more is cut off at the side
BAR = 20  # what the scroll bar takes of the width


class Column:
    """Panels in a scrolled area, and the pinned ones at its foot.

    Attributes:
        widget: All of it.
    """

    def __init__(self) -> None:
        self.widget = qt.QWidget()
        whole = qt.QVBoxLayout(self.widget)
        whole.setContentsMargins(0, 0, 0, 0)
        self._area = area = qt.QScrollArea()
        area.objectName = "panelsArea"
        area.widgetResizable = True
        area.setFrameShape(qt.QFrame.NoFrame)
        area.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        area.setMinimumHeight(LEAST_HEIGHT)
        scrolled = qt.QWidget()
        self._scrolled = qt.QVBoxLayout(scrolled)
        self._scrolled.setContentsMargins(0, 0, 0, 0)
        self._scrolled.addStretch(1)
        area.setWidget(scrolled)
        whole.addWidget(area)
        self._pinned = qt.QVBoxLayout()
        whole.addLayout(self._pinned)

    def add(self, panel: Any, place: int) -> None:
        """Puts a panel at its place among those that scroll, or below the others at the foot."""
        if panel.pinned:
            self._pinned.addWidget(panel.widget)
        else:
            self._scrolled.insertWidget(place, panel.widget)

    def fit(self) -> None:
        """Makes room for the panels that are shown now: nothing is cut off at the side."""
        self._area.setMinimumWidth(self._scrolled.minimumSize().width() + BAR)


class Fold:
    """A section whose title, while it is folded, says in one line what it holds, in place of what it is for."""

    def __init__(self, button: Any) -> None:
        self._button, self._title, self._summary = button, button.text, ""
        button.connect("contentsCollapsed(bool)", lambda collapsed: self._show())

    def say(self, summary: str) -> None:
        """What the title says while the section is folded."""
        self._summary = summary
        self._show()

    def _show(self) -> None:
        title = self._title
        if self._button.collapsed and self._summary:
            title = _("{title}: {summary}").format(title=title.partition(":")[0], summary=self._summary)
        cut = title if len(title) <= MOST_LETTERS else title[: MOST_LETTERS - 1].rstrip(" ,") + "\u2026"
        if self._button.text != cut:
            self._button.text = cut
            self._button.toolTip = title if cut != title else ""
