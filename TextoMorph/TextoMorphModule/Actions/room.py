"""The reading room: a case in three planes and nothing else on the screen; what was there before comes back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import slicer

from TextoMorphModule.Actions import nodes, screen, views

LAYOUT_ID = 7403  # any number that neither Slicer, other extensions nor the comparison (`comparing.LAYOUTS`) use
PLANES = {"TextoMorphAxial": "Axial", "TextoMorphCoronal": "Coronal", "TextoMorphSagittal": "Sagittal"}
OUTLINE = (1.0, 0.85, 0.2)


class ReadingRoom:
    """A reader at work. `end()` brings back what was there.

    The scene never knows more than the reader: every case is shown in the same two nodes, which have neutral names,
    come from no file, are offered in no list and are not saved.

    Attributes:
        session: The library's `Session`: who reads, and how far.
        view: The case that is shown; None while nothing is.
    """

    def __init__(self, folder: str | Path, reader: str) -> None:
        from TextoMorphLib.reader_study.session import Session

        self.session = Session(Path(folder), reader)
        self.view: Any = None
        self._case: Any = None
        self._outline: Any = None
        self._outlined = True
        self._middle = [0.0, 0.0, 0.0]  # of the lesion, RAS mm
        self._mouse = slicer.app.applicationLogic().GetInteractionNode()
        self._mouseBefore = self._mouse.GetCurrentInteractionMode()
        self._mouse.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.AdjustWindowLevel)
        self._layoutBefore = slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()
        self._hidden = [node for node in slicer.util.getNodesByClass("vtkMRMLDisplayNode") if _isOnScreen(node)]
        for node in self._hidden:
            node.SetVisibility(False)
        self._bringBack = screen.clear()
        views.useLayout(LAYOUT_ID, _layout())
        for tag in PLANES:
            slicer.app.layoutManager().sliceWidget(tag).sliceController().visible = False
        self._empty()

    @property
    def done(self) -> bool:
        """Whether every case is answered; the last answer can still be changed."""
        return bool(self.session.done)

    def show(self) -> Any:
        """Shows the case to read now; its clock starts, or goes on.

        Returns:
            The library's `View`; None when every case is answered.

        Raises:
            InputError: A file of the study is missing or has changed.
        """
        from TextoMorphLib.io.masks import read_mask
        from TextoMorphLib.io.volume import Volume

        self._empty()
        if self.done:
            return None
        view = self.session.view()
        ct = Volume.read(view.ct)
        self._fill(ct, read_mask(view.mask, ct))
        self.view = view
        self.resetViews()
        self.session.show()  # the clock starts now that the case is there
        return view

    def answer(self, call: str, confidence: int, terms: Sequence[str] = (), comment: str = "") -> None:
        """Answers the case that is shown: it is on the disk when this returns. `show` goes on."""
        self.session.answer(call, confidence, terms, comment)

    def back(self) -> Any:
        """Shows the case before, to answer it again; returns its `View`.

        Raises:
            InputError: There is none, or it can no longer be changed.
        """
        self.session.back()
        return self.show()

    def pause(self) -> None:
        """Stops the clock and empties the views until `show`."""
        self.session.pause()
        self._empty()

    def outline(self, visible: bool) -> None:
        """Shows or hides the lesion's outline, in this case and the next ones."""
        self._outlined = visible
        if self.view:
            self._outline.GetDisplayNode().SetVisibility(visible)

    def resetViews(self) -> None:
        """Back to the lesion in the middle, the whole field, and the study's window."""
        level, width = self.view.window
        self._case.GetDisplayNode().SetWindowLevel(width, level)
        for tag, plane in PLANES.items():
            logic = views.show(tag, plane, self._case)
            logic.FitSliceToBackground()
            logic.GetSliceNode().JumpSliceByCentering(*self._middle)

    def scroll(self, slices: int) -> None:
        """Moves the axial view, towards the head where positive."""
        logic = _logic("TextoMorphAxial")
        logic.SetSliceOffset(logic.GetSliceOffset() + slices * self._case.GetSpacing()[2])

    def end(self) -> None:
        """Ends the reading; the next one goes on at the first case without an answer."""
        try:
            self.session.close()
        finally:
            self._giveBack()

    def _giveBack(self) -> None:
        """Brings back what was on the screen; nothing of the cases stays in the scene."""
        self._empty()
        for node in (self._outline, self._case):
            if nodes.inScene(node):
                slicer.mrmlScene.RemoveNode(node.GetDisplayNode())
                slicer.mrmlScene.RemoveNode(node)
        for node in self._hidden:
            if nodes.inScene(node):
                node.SetVisibility(True)
        self._mouse.SetCurrentInteractionMode(self._mouseBefore)
        slicer.app.layoutManager().setLayout(self._layoutBefore)
        self._bringBack()

    def _empty(self) -> None:
        self.view = None
        for tag in PLANES:
            composite = _logic(tag).GetSliceCompositeNode()
            composite.SetLinkedControl(False)  # what is emptied here is not emptied elsewhere
            composite.SetBackgroundVolumeID(None)
            composite.SetForegroundVolumeID(None)
            composite.SetLabelVolumeID(None)
        if nodes.inScene(self._outline):
            self._outline.GetDisplayNode().SetVisibility(False)

    def _fill(self, ct: Any, mask: Any) -> None:
        import numpy as np

        if self._case is None:
            self._case = _added(slicer.vtkMRMLScalarVolumeNode(), "Case")
            self._outline = _added(slicer.vtkMRMLSegmentationNode(), "Outline")
            self._outline.GetSegmentation().AddEmptySegment("Lesion", "Lesion", OUTLINE)
            self._outline.GetDisplayNode().SetVisibility2DFill(False)
        slicer.util.updateVolumeFromArray(self._case, np.ascontiguousarray(ct.hu().transpose()))
        self._case.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ct.affine))
        self._case.GetDisplayNode().SetAutoWindowLevel(False)
        self._outline.SetReferenceImageGeometryParameterFromVolumeNode(self._case)
        nodes.paint(mask, self._outline, "Lesion", self._case)
        self._outline.GetDisplayNode().SetVisibility(self._outlined)
        self._middle = (ct.affine @ [*np.argwhere(mask).mean(0), 1.0])[:3].tolist()


def _added(node: Any, name: str) -> Any:
    """Adds a node that was never offered in any list, so that no other panel takes a case for its own."""
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetSaveWithScene(False)
    return node


def _logic(tag: str) -> Any:
    return slicer.app.layoutManager().sliceWidget(tag).sliceLogic()


def _isOnScreen(displayNode: Any) -> bool:
    """Whether a node's display could cover or hint at something in the slice views: segments, points, surfaces."""
    return bool(displayNode.GetVisibility()) and not displayNode.IsA("vtkMRMLVolumeDisplayNode")


def _layout() -> str:
    (axial, first), *others = ((tag, (plane, plane, "#808080")) for tag, plane in PLANES.items())
    side = "".join(views.view(tag, *looks, 500) for tag, looks in others)
    return (
        f'<layout type="horizontal" split="true">{views.view(axial, *first, 640)}'
        f'<item splitSize="360"><layout type="vertical" split="true">{side}</layout></item></layout>'
    )
