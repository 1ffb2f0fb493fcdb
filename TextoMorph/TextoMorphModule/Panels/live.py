"""Live: quick tumours follow the words."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions.lesion_table import askedOf, healthyOf
from TextoMorphModule.Panels.painting import Painting
from TextoMorphModule.Panels.panel import later, whatIsMissing, withNotes

PAUSE_MS = 300  # after the last change: one who types is not finished yet


class Live:
    """Makes what Generate would make anew, at preview quality, whenever that has changed: words, masks, organs.

    The newest request wins: a run that goes on for an older one is stopped. The old tumour stays until the new one is
    there.
    """

    def __init__(self, panel: Any) -> None:
        self.panel, self.ui = panel, panel.ui
        self._made: Any = None  # what was last asked for and made, or could not be
        self._timer = later(PAUSE_MS, self._follow)
        self._running = False
        self._painted = 0  # how often a mask has changed
        self._painting = [Painting(panel, lambda caller, event: self._onPainted()) for _each in range(2)]
        self.ui.liveCheckBox.connect("toggled(bool)", self._onToggle)

    def refresh(self) -> None:
        """Looks whether there is something to do."""
        wanted = self.panel.parameters
        for painting, name in zip(self._painting, ("segmentation", "lesionsSegmentation"), strict=True):
            painting.follow(getattr(wanted, name) if wanted else None)
        if not self.panel.parameters:
            self._made = None  # the scene is closed, or the mask is being painted over in another module
        elif self.ui.liveCheckBox.checked and self._asked() != self._made:
            self._timer.start()

    def stop(self) -> None:
        """Stops for good."""
        self.ui.liveCheckBox.checked = False
        self._timer.stop()

    def _onToggle(self) -> None:
        self._made = None
        self._say("")
        self.refresh()

    def _onPainted(self) -> None:
        self._painted += 1
        self.refresh()

    def _request(self) -> Any:
        """What is asked for now, by the names of `liveSeveral`'s arguments; None if something is missing."""
        wanted = self.panel.parameters
        if whatIsMissing(wanted):
            return None
        asked = {"ctNode": wanted.ct, "lesions": askedOf(wanted), "seed": wanted.seed, **healthyOf(wanted)}
        return {**asked, "device": wanted.device, "model": wanted.model}

    def _asked(self) -> Any:
        """What the tumours follow: scan, masks, texts, organs, what is healthy; another seed alone is for Generate."""
        request = self._request()
        followed = ("ctNode", "lesions", "replace", "inside")
        return request and (*(request[name] for name in followed), self._painted)

    def _follow(self) -> None:
        """Makes the newest tumour."""
        request, asked = self._request(), self._asked()
        if self._running or not self.ui.liveCheckBox.checked or asked == self._made:
            return
        if request is None:
            self._say(whatIsMissing(self.panel.parameters))
            return
        if self.panel.logic.busy:
            self._timer.start()
            return
        self._running = True
        self._say(_("Following…"))
        said, node = "", None
        try:
            node = self.panel.logic.liveSeveral(**request, progress=lambda done, total: self._isNewest(asked))
            said = withNotes("", self.panel.logic.report(node)["notes"]) if node else ""
        except (ValueError, RuntimeError, OSError, ImportError) as error:  # said here: no box at each change
            said = str(error)
        finally:
            self._running = False
        self._say(f"{said[:1].upper()}{said[1:]}")
        if self._isNewest(asked):  # else it was stopped for a newer one
            self._made = asked
        if node and self.panel.parameters:
            self._show(node)
        self.refresh()

    def _show(self, node: Any) -> None:
        wanted = self.panel.parameters
        if wanted.result is node:
            wanted.Modified()  # for the table
            return
        wanted.result = node
        slicer.util.setSliceViewerLayers(background=node)

    def _say(self, what: str) -> None:
        self.ui.liveLabel.text = what
        self.ui.liveLabel.visible = bool(what)

    def _isNewest(self, asked: Any) -> bool:
        return bool(self.ui.liveCheckBox.checked) and self._asked() == asked
