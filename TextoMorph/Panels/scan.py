"""Scan and mask: which CT, where the tumour goes."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorph.Panels.panel import Panel, later, plainErrors

WARNING = "#b26a00"


class ScanPanel(Panel):
    """CT, organ, mask."""

    name = "Scan"

    def setup(self) -> None:
        """Connects the widgets."""
        self.ui.placeComboBox.addItems([_("At the crosshair"), _("Anywhere deep in the organ's segment")])
        self.ui.paintButton.connect("clicked(bool)", self.onPaint)
        self.ui.placeButton.connect("clicked(bool)", self.onPlace)
        for selector, pick in ((self.ui.segmentSelector, self.onSegment), (self.ui.organSelector, self.onOrganSegment)):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", pick)
            selector.connect("currentSegmentChanged(QString)", pick)
        self._ct: Any = None
        self._segmentation: Any = None
        self._seed = 0
        self._showing = False
        self._describe = later(200, self.describeMask)  # painting changes the mask many times a second

    def refresh(self) -> None:
        """Shows the parameters; looks at the CT and the mask anew where they are others."""
        wanted = self.parameters
        ct = wanted.ct if wanted else None
        if wanted and ct is None and self._ct is None:
            first = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if first:
                wanted.ct = first
                return
        if wanted:
            self._showing = True
            self._select(self.ui.segmentSelector, wanted.segmentation, wanted.segmentId)
            self._select(self.ui.organSelector, wanted.organSegmentation, wanted.organSegmentId)
            self._showing = False
        self._observe(wanted.segmentation if wanted else None)
        if ct is not self._ct:
            self._ct = ct
            wrong = self.logic.whatIsWrongWithCt(ct) if ct else ""
            self.ui.ctLabel.text = f'<span style="color:{WARNING}">{_("Look again")}: {wrong}</span>' if wrong else ""
            self.ui.ctLabel.visible = bool(wrong)
        self.ui.paintButton.enabled = self.ui.placeButton.enabled = ct is not None
        self._describe.start()

    def cleanup(self) -> None:
        """Called when the application closes."""
        self._describe.stop()
        super().cleanup()

    def onSegment(self) -> None:
        """Takes the chosen segment."""
        if self.parameters and not self._showing:
            self.parameters.segmentation = self.ui.segmentSelector.currentNode()
            self.parameters.segmentId = self.ui.segmentSelector.currentSegmentID()

    def onOrganSegment(self) -> None:
        """Takes the chosen organ's segment."""
        if self.parameters and not self._showing:
            self.parameters.organSegmentation = self.ui.organSelector.currentNode()
            self.parameters.organSegmentId = self.ui.organSelector.currentSegmentID()

    def onPaint(self) -> None:
        """Opens the Segment Editor on a new mask."""
        wanted = self.parameters
        with plainErrors(_("No mask can be painted.")):
            wanted.segmentation, wanted.segmentId = self.logic.paintMask(wanted.ct)

    def onPlace(self) -> None:
        """Makes a lesion-shaped mask; pressed again, another one."""
        wanted = self.parameters
        inside = (wanted.organSegmentation, wanted.organSegmentId) if wanted.organSegmentId else None
        position = self.logic.crosshair() if self.ui.placeComboBox.currentIndex == 0 else None
        with plainErrors(_("No lesion can be placed.")):
            wanted.segmentation, wanted.segmentId = self.logic.placeLesion(
                wanted.ct, wanted.lesionDiameter, wanted.lesionIrregularity, position, inside, self._seed
            )
            self._seed += 1

    def describeMask(self) -> None:
        """Says how large the mask is, or what is wrong with it."""
        wanted = self.parameters
        if not (wanted and wanted.ct and wanted.segmentation):
            self.ui.maskLabel.text = _("No mask yet: paint one, or place a lesion.")
            return
        try:
            self.ui.maskLabel.text = self.logic.describeMask(wanted.segmentation, wanted.segmentId, wanted.ct)
        except ValueError as error:
            self.ui.maskLabel.text = f'<span style="color:{WARNING}">{error}</span>'

    def _observe(self, segmentation: Any) -> None:
        """Follows what is painted in a segmentation."""
        if segmentation is self._segmentation:
            return
        self.removeObservers(self._onPainted)
        self._segmentation = segmentation
        if segmentation:
            event = slicer.vtkSegmentation.SourceRepresentationModified
            self.addObserver(segmentation.GetSegmentation(), event, self._onPainted)

    def _onPainted(self, caller: Any, event: Any) -> None:
        self._describe.start()

    @staticmethod
    def _select(selector: Any, node: Any, segmentId: str) -> None:
        if selector.currentNode() is not node:
            selector.setCurrentNode(node)
        if segmentId and selector.currentSegmentID() != segmentId:
            selector.setCurrentSegmentID(segmentId)
