"""Which mask is on the screen, and how: the result's own while a result is looked at, else the one being made."""

from typing import Any

from slicer.util import VTKObservationMixin

from TextoMorphModule.Actions import nodes
from TextoMorphModule.Actions.lesion_table import rowsOf
from TextoMorphModule.Actions.showing import HIDDEN, OUTLINE
from TextoMorphModule.Panels.painting import Painting


class MaskView(VTKObservationMixin):
    """Follows the parameters. It changes what is shown only when something of it changes, not what the user does."""

    def __init__(self, logic: Any) -> None:
        VTKObservationMixin.__init__(self)
        self.logic = logic
        self._result: Any = None  # the one being looked at
        self._known: Any = (None, None)  # the result and mask seen last
        self._shown: Any = None
        self._painting = Painting(self, self._onPainted)

    def refresh(self, wanted: Any) -> None:
        """Shows what the parameters say; with none, the module is left, and the mask can be painted."""
        if wanted is None:
            self._painting.follow(None)
            if self._shown and nodes.inScene(self._shown[0]):
                self.logic.showResultMask(None)
                self.logic.showMask(*self._shown[:3])
            self._result, self._known, self._shown = None, (None, None), None
            self.logic.lookedAt = None
            return
        mask, result = (wanted.segmentation, wanted.segmentId), wanted.result
        if result is not self._known[0]:
            self._result = result
        elif mask != self._known[1]:
            self._result = None
        self._known = result, mask
        self.logic.lookedAt = self._result
        self._painting.follow(wanted.segmentation)
        self._show(wanted)

    def cleanup(self) -> None:
        """Called when the application closes."""
        self.removeObservers()

    def _show(self, wanted: Any) -> None:
        how, organ = wanted.maskDisplay, (wanted.organSegmentation, wanted.organSegmentId)
        kept = self._result.GetNodeReference(nodes.MASK) if nodes.inScene(self._result) else None
        others = tuple(row.segment for row in rowsOf(wanted))
        state = (wanted.segmentation, wanted.segmentId, how, organ, self._result, kept, others)
        if state == self._shown:
            return
        self._shown = state
        self.logic.showResultMask(self._result if kept else None, how)
        if wanted.segmentation and wanted.segmentId:
            self.logic.showMask(wanted.segmentation, wanted.segmentId, HIDDEN if kept else how)
        for segment in others:
            self.logic.showMask(wanted.lesionsSegmentation, segment, HIDDEN if kept else how)
        if organ[0] and organ[1]:
            self.logic.showMask(*organ, HIDDEN if how == HIDDEN else OUTLINE)

    def _onPainted(self, caller: Any, event: Any) -> None:
        if self._result is not None and self._shown:
            how = self._shown[2]
            self._result, self._shown = None, None
            self.logic.lookedAt = None
            self.logic.showResultMask(None)
            self.logic.showMask(self._known[1][0], self._known[1][1], how)
