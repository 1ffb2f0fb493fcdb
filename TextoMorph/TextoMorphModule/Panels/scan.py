"""Scan and mask: which CT, where the tumour goes."""

from contextlib import suppress
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes
from TextoMorphModule.Actions.lesion_table import insideOf
from TextoMorphModule.Panels.column import Fold
from TextoMorphModule.Panels.painting import Click, Painting
from TextoMorphModule.Panels.panel import RunPanel, hasMask, inColour, later, plainErrors

FIRST_MS = 60  # after the module was opened, when the panels are on the screen
CT_EVENTS = (
    vtk.vtkCommand.ModifiedEvent,
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
MASK, ORGAN = ("segmentation", "segmentId"), ("organSegmentation", "organSegmentId")  # parameters of a selector


class ScanPanel(RunPanel):
    """CT, organ, mask."""

    name = "Scan"
    order = 20
    atOnce = True

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self.ready = False  # until a CT was looked for, and at
        self.ui.paintButton.connect("clicked(bool)", self.onPaint)
        self.ui.placeButton.connect("clicked(bool)", self.onPlace)
        for selector, names in ((self.ui.segmentSelector, MASK), (self.ui.organSelector, ORGAN)):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node, s=selector, n=names: self.onNode(s, n))
            selector.connect("currentSegmentChanged(QString)", lambda name, s=selector, n=names: self.onSegment(s, n))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self._onNodeAdded)
        self._choose = later(0, self.chooseCt)  # a volume is there before what it holds is
        self._first = later(FIRST_MS, self.chooseCt)
        self._again = later(FIRST_MS, self._lookAtCtLate)
        self._ct: Any = None
        self._placed: Any = None  # segmentation and segment that a lesion was placed in
        self._described: Any = None  # what the line about the mask is of
        self._looks = 0  # at masks, so far
        self._painting = Painting(self, self._onPainted)
        self._segments = Painting(self, self._onSegments, "SegmentAdded", "SegmentRemoved")
        self._pressed: Any = None  # the button whose run goes on
        self._seed = 0
        self._click = Click(self, self.onClicked)
        self._showing = False
        self._fold = Fold(self.ui.scanCollapsibleButton)
        self.ui.moreCollapsibleButton.collapsed = True
        self.ui.organButton.connect("clicked(bool)", self.onOrgan)
        self._describe = later(200, self.describeMask)  # painting changes the mask many times a second

    def setParameterNode(self, parameters: Any) -> None:
        """Binds the widgets to a parameter node, or to none; chooses a CT where the scene has one."""
        super().setParameterNode(parameters)
        if self.ready:
            self.chooseCt()
        else:
            self._first.start()  # a large scan takes a moment, and so do the panels to be built and shown

    def refresh(self) -> None:
        """Shows the parameters; looks at the CT and the mask anew where they are others."""
        wanted = self.parameters
        if not wanted:  # the scene closes, or another module opens
            self._click.forget()
        ct = wanted.ct if wanted else None
        if wanted:
            self._showing = True
            self._select(self.ui.segmentSelector, wanted.segmentation, wanted.segmentId)
            self._select(self.ui.organSelector, wanted.organSegmentation, wanted.organSegmentId)
            self._showing = False
        for following in (self._painting, self._segments):
            following.follow(wanted.segmentation if wanted else None)
        if ct is not self._ct:
            self._ct = ct
            self.removeObservers(self._onCt)
            for event in CT_EVENTS if ct else ():
                self.addObserver(ct, event, self._onCt)
            self._lookAtCt()
        hint = wanted.placeHint if wanted else ""
        self.ui.hintLabel.text = _("The report says: {place}.").format(place=hint)
        self.ui.hintLabel.visible = bool(hint)
        self.ui.paintButton.enabled = ct is not None and not self._running
        for button, usual in ((self.ui.placeButton, _("Place a lesion")), (self.ui.organButton, _("Find the organ…"))):
            cancels = self._running and button is self._pressed
            button.text = _("Cancel") if cancels else usual
            button.enabled = not self._cancelled if cancels else ct is not None and not self._running
        organ = (wanted.organSegmentation, wanted.organSegmentId) if wanted else None
        mask = (ct, wanted.segmentation, wanted.segmentId, organ, wanted.organ) if wanted else None
        if mask != self._described:  # for other parameters it stays as it is
            self._described = mask
            self._lookAgain()

    def cleanup(self) -> None:
        """Called when the application closes."""
        self._looks += 1
        for timer in (self._describe, self._choose, self._first, self._again):
            timer.stop()
        super().cleanup()

    def _lookAtCt(self) -> bool:
        """Says what is wrong with the CT, or doubtful: nothing yet, and soon, where what tells it is not imported.

        Returns:
            Whether that is news to the other panels.
        """
        ct, wrong = self._ct, ""
        doubts: list[str] = []
        if ct and self.logic.canTellDoubts():
            self.ready = True
            wrong = self.logic.whatIsWrongWithCt(ct)
            doubts = [] if wrong else self.logic.ctDoubts(ct)
            if not wrong:
                self.logic.useSoftTissueWindow(ct)
        elif ct:
            self._again.start()
        self.ui.ctLabel.text = inColour([wrong] if wrong else doubts)
        self.ui.ctLabel.visible = bool(wrong or doubts)
        return bool(self.logic.tellDoubts("ct", doubts))

    def _onCt(self, caller: Any, event: Any) -> None:
        """The CT got voxels (a scene that is read in chooses it before it has any), or was changed or moved."""
        self._again.start()
        self._lookAgain()

    def _lookAtCtLate(self) -> None:
        if self._lookAtCt() and self.parameters:
            self.parameters.Modified()

    def chooseCt(self) -> None:
        """Chooses a CT where none is chosen: the first in the scene that is one."""
        if not self.logic.canTellDoubts():  # what is imported in a thread would slow down the look at its voxels
            self._first.start()
            return
        if self.parameters and self.parameters.ct is None:
            known = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if _isOffered(node)]
            cts = [node for node in known if not self.logic.whatIsWrongWithCt(node)]
            if known:
                self.parameters.ct = (cts or known)[0]
        if self._ct is None:
            self.ready = True

    def onNode(self, selector: Any, names: tuple[str, str]) -> None:
        """Takes the chosen segmentation, and its segment where there is only one or one of the same ID as before."""
        if not self.parameters or self._showing:
            return
        node, before = selector.currentNode(), getattr(self.parameters, names[1])
        segmentId = ""
        if node:
            segmentation = node.GetSegmentation()
            alone = segmentation.GetNthSegmentID(0) if segmentation.GetNumberOfSegments() == 1 else ""
            segmentId = before if before and segmentation.GetSegment(before) is not None else alone
        self._take(names, node, segmentId)

    def onSegment(self, selector: Any, names: tuple[str, str]) -> None:
        """Takes the chosen segment; not the one that the selector takes by itself when it gets a segmentation."""
        if not self.parameters or self._showing:
            return
        if selector.currentNode() and selector.currentNode() is getattr(self.parameters, names[0]):
            self._take(names, selector.currentNode(), selector.currentSegmentID())

    def _take(self, names: tuple[str, str], node: Any, segmentId: str) -> None:
        before = self.parameters.StartModify()
        setattr(self.parameters, names[0], node)
        setattr(self.parameters, names[1], segmentId)
        self.parameters.EndModify(before)

    def _onNodeAdded(self, caller: Any, event: Any) -> None:
        if self.parameters and self.parameters.ct is None:
            self._choose.start()

    def onPaint(self) -> None:
        """Opens the Segment Editor on a new mask."""
        wanted = self.parameters
        with plainErrors(_("No mask can be painted.")):
            wanted.segmentation, wanted.segmentId = self.logic.paintMask(wanted.ct)

    def onOrgan(self) -> None:
        """Finds the organ and chooses it under Inside, or cancels that."""
        from TextoMorphLib.errors import Cancelled

        if self.cancels():
            return
        wanted, found = self.parameters, None
        self._pressed = self.ui.organButton
        doing = _("Finding the organ…")
        with self.run(doing, _("The organ was not found."), doing), suppress(Cancelled):
            slicer.app.processEvents()
            found = self.logic.findOrgan(wanted.ct, wanted.organ, self.onStep)
        self._lookAgain()
        if found and self.parameters:
            self._take(ORGAN, *found)
        self.refresh()

    def onPlace(self) -> None:
        """Makes a lesion-shaped mask, or cancels that; pressed again, another one."""
        if self.cancels():
            return
        if self.parameters.lesionPlace == "where I click next":
            self._click.wait()
        elif self.parameters.lesionPlace == "at the crosshair":
            with plainErrors(_("No lesion can be placed.")):
                self._place(self.logic.crosshair())
        else:
            self._place(None)

    def onClicked(self, position: tuple[float, float, float]) -> None:
        """Makes the lesion where the user has clicked."""
        if self.parameters and self.parameters.ct and not self._running:
            self._place(position)

    def _place(self, position: tuple[float, float, float] | None) -> None:
        from TextoMorphLib.errors import Cancelled

        wanted, made = self.parameters, None
        inside = insideOf(wanted)
        self._pressed = self.ui.placeButton
        with self.run(_("Placing…"), _("No lesion can be placed."), _("Placing…")), suppress(Cancelled):
            made = self.logic.placeLesion(
                *(wanted.ct, wanted.lesionDiameter, wanted.lesionIrregularity, position, inside, self._seed),
                self.onStep,
                into=self._replaced(),
            )
            self._seed += 1
            self._placed = made
        self._lookAgain()
        if made and self.parameters:
            wanted.segmentation, wanted.segmentId = made
            wanted.placeHint = ""
        self.refresh()

    def _replaced(self) -> tuple[Any, str] | None:
        """The lesion that the next one takes the place of: the one placed last, or the one chosen in the table."""
        mask = self.parameters.segmentation, self.parameters.segmentId
        return mask if mask == self._placed or self.logic.lesionTable.indexOf(mask) >= 0 else None

    def describeMask(self) -> None:
        """Says how large the mask is, or what is wrong with it."""
        from TextoMorphLib.errors import Cancelled

        wanted = self.parameters
        if not (wanted and wanted.ct and hasMask(wanted)):
            self._say(_("No mask yet: paint one, or place a lesion."))
            self._tell([])
            return
        if self._running or self.logic.busy:  # a look in the midst of a run would keep its Cancel waiting
            self._describe.start()
            return
        self._looks += 1
        look = self._looks
        mask = (wanted.segmentation, wanted.segmentId, wanted.ct)
        inside = insideOf(wanted)
        said, doubts = "", []

        def newest(_done: int, _total: int) -> bool:
            return look == self._looks

        with suppress(Cancelled):
            try:
                said = self.logic.describeMask(*mask, newest)
                self._say(said)
                doubts = self.logic.maskDoubts(*mask, inside, newest)
            except (ValueError, ImportError) as error:
                doubts = [str(error)]
            self._say(said, doubts)
            self._tell(doubts if said else [])

    def _say(self, said: str, doubts: list[str] | None = None) -> None:
        """Shows what is known of the mask, and what is doubtful in another colour."""
        self.ui.statusLabel.text = "<br>".join(each for each in (said, inColour(doubts or [])) if each)
        ct = self.parameters.ct.GetName() if self.parameters and self.parameters.ct else ""
        self._fold.say(", ".join(each for each in (ct, self.parameters.organ if ct else "", said) if each))

    def _tell(self, doubts: list[str]) -> None:
        """Lets the other panels know what is doubtful about the mask."""
        if self.logic.tellDoubts("mask", doubts) and self.parameters:
            self.parameters.Modified()

    def _onPainted(self, caller: Any, event: Any) -> None:
        if not self._running:  # the user has painted: the next lesion leaves that alone
            self._placed = None
        self._lookAgain()

    def _onSegments(self, caller: Any, event: Any) -> None:
        self._lookAgain()
        if self.parameters:
            self.parameters.Modified()  # whether something can be generated

    def _lookAgain(self) -> None:
        """Describes the mask soon; a look at an older one, which takes seconds in a warp, ends."""
        self._looks += 1
        self._describe.start()

    @staticmethod
    def _select(selector: Any, node: Any, segmentId: str) -> None:
        if selector.currentNode() is not node:
            selector.setCurrentNode(node)
        if node and selector.currentSegmentID() != segmentId:
            selector.setCurrentSegmentID(segmentId)


def _isOffered(node: Any) -> bool:
    """Whether a volume could be the user's CT."""
    own = node.GetHideFromEditors() or node.GetAttribute(nodes.REPORT)
    return not own and not node.IsA("vtkMRMLLabelMapVolumeNode") and node.GetImageData() is not None
