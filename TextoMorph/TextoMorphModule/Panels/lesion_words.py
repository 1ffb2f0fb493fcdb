"""The button "Describe this lesion": what is painted, in words, into the text box."""

import html
from contextlib import suppress
from typing import Any

from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes
from TextoMorphModule.Actions.lesion_table import insideOf
from TextoMorphModule.Panels.panel import plainErrors


class LesionWords:
    """Part of the panel Describe: its wordsButton and its wordsLabel."""

    def __init__(self, panel: Any) -> None:
        self.panel, self.ui = panel, panel.ui
        self._running = self._cancelled = False
        self._of: Any = None  # what the label is about
        self.ui.wordsButton.connect("clicked(bool)", self.onWords)

    def refresh(self) -> None:
        """Enables the button where there is a lesion; what was said of another one goes."""
        asked = self._asked()
        self.ui.wordsButton.text = _("Cancel") if self._running else _("Describe this lesion")
        self.ui.wordsButton.enabled = not self._cancelled if self._running else asked is not None
        if not self._running and self._of != asked:
            self._say("")

    def stop(self) -> None:
        """Stops for good."""
        self._cancelled = True

    def onWords(self) -> None:
        """Describes the lesion that the mask shows, or cancels that."""
        if self._running:
            self._cancelled = True
            self.refresh()
            return
        asked, found = self._asked(), None
        if asked is None or self.panel.logic.busy:
            self._say(_("Another run has to end first.") if asked else "")
            return
        from TextoMorphLib.errors import Cancelled

        self._running, self._cancelled = True, False
        self._say(_("Measuring…"))
        self.refresh()
        try:
            with plainErrors(_("The lesion could not be described.")), suppress(Cancelled):
                found = self.panel.logic.describeLesions(*asked, lambda done, total: not self._cancelled)
        finally:
            self._running = False
        self._of = asked
        self._say(_told(found, asked[0].GetName()) if found else "")
        if found and self.panel.parameters and self._asked() == asked:
            self.panel.parameters.text = found[0].text
        if self.panel.parameters:
            self.refresh()

    def _asked(self) -> Any:
        """CT, mask, organ and the organ's segment: of the result that is looked at; None where something is missing."""
        wanted = self.panel.parameters
        if not (wanted and wanted.ct):
            return None
        inside = insideOf(wanted)
        result = self.panel.logic.lookedAt
        kept = result.GetNodeReference(nodes.MASK) if nodes.inScene(result) else None
        if kept and result.GetNodeReference(nodes.CT) is wanted.ct and kept.GetSegmentation().GetNumberOfSegments():
            chosen = self.panel.logic.lesionTable.indexOf((wanted.segmentation, wanted.segmentId))
            number = chosen if 0 <= chosen < kept.GetSegmentation().GetNumberOfSegments() else 0
            return result, kept, kept.GetSegmentation().GetNthSegmentID(number), wanted.organ, inside
        if not (wanted.segmentation and wanted.segmentId):
            return None
        return wanted.ct, wanted.segmentation, wanted.segmentId, wanted.organ, inside

    def _say(self, words: str) -> None:
        self.ui.wordsLabel.text = words
        self.ui.wordsLabel.visible = bool(words)


def _told(found: list[Any], ct: str) -> str:
    told = [
        _("In {name}:").format(name=html.escape(ct)),
        found[0].details,
        _("One scan tells neither phases and washout, nor what the lesion is."),
    ]
    if len(found) > 1:
        others = "; ".join(each.text for each in found[1:])
        told.append(
            _("The mask holds {count} lesions; the largest was taken. The others: {others}.").format(
                count=len(found), others=others
            )
        )
    return "<br>".join(told)
