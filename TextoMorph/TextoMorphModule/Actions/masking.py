"""Where the tumour goes: painting, placing a lesion-shaped mask, and what there is to say of a mask."""

from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.doubting import told


class Masking:
    """CT and mask."""

    def whatIsWrongWithCt(self, ctNode: Any) -> str:
        """Why a volume cannot be used as a CT, in one sentence; empty if it can.

        Example:
            >>> logic.whatIsWrongWithCt(slicer.util.getNode("MRHead"))
            'the scan is not in HU: ...'
        """
        from TextoMorphLib.errors import InputError

        try:
            nodes.checkCt(ctNode)
        except InputError as error:
            return str(error)
        return ""

    def canTellDoubts(self) -> bool:
        """Whether `ctDoubts` tells at once.

        The first time, what reads headers is imported, which takes a quarter of a second: it is done in a thread.

        Example:
            >>> logic.canTellDoubts()
            False
        """
        return background.isPrepared("headers", lambda: import_module("TextoMorphLib.io.formats.nifti"))

    def ctDoubts(self, ctNode: Any) -> list[str]:
        """What is doubtful about a CT that can be used, such as its HU or its grid.

        Returns:
            Sentences without a full stop; none where all seems well.

        Example:
            >>> logic.ctDoubts(ctNode)
            []
        """
        from TextoMorphLib.errors import InputError

        doubts = nodes.checkCt(ctNode)
        try:
            from TextoMorphLib.io.formats import nifti
        except ImportError:  # nibabel is not installed yet: Setup tells
            return doubts
        storage = ctNode.GetStorageNode()
        file = Path(storage.GetFileName() or "") if storage else Path()
        if file.name.lower().endswith(nifti.FORMAT.suffixes) and file.is_file():
            with suppress(InputError):  # Slicer has read it, whatever it is
                for doubt in told(lambda: nifti.tell_doubts(file)):
                    said, _of, _used = doubt.partition("; ")  # which of them the library would take
                    doubts.append(f"{said}; Slicer has taken {nifti.described(nodes.affineOf(ctNode))}")
        return doubts

    def useSoftTissueWindow(self, ctNode: Any) -> None:
        """Shows a CT in the window of soft tissue (400 HU around 40) where nobody has chosen one.

        Slicer's own first choice spans air to metal: a tumour cannot be told from the organ in it.

        Example:
            >>> logic.useSoftTissueWindow(ctNode)
        """
        display = ctNode.GetDisplayNode()
        if display and display.GetAutoWindowLevel():
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(nodes.WIDTH, nodes.LEVEL)

    def newMask(self, ctNode: Any) -> tuple[Any, str]:
        """An empty segment "Tumour" on the CT's grid, in a segmentation of its own.

        Returns:
            Segmentation node and segment ID.

        Raises:
            InputError: There is no CT.

        Example:
            >>> segmentation, segmentId = logic.newMask(ctNode)
        """
        nodes.volumeOf(ctNode)
        segmentation = nodes.addSegmentation(nodes.SEGMENT, ctNode)
        return segmentation, nodes.addSegment(segmentation)

    def paintMask(self, ctNode: Any) -> tuple[Any, str]:
        """Opens the Segment Editor's brush on a new, empty mask.

        Returns:
            Segmentation node and segment ID.

        Raises:
            InputError: There is no CT.

        Example:
            >>> segmentation, segmentId = logic.paintMask(ctNode)
        """
        segmentation, segmentId = self.newMask(ctNode)
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(ctNode)
        editor.setCurrentSegmentID(segmentId)
        editor.setActiveEffectByName("Paint")
        return segmentation, segmentId

    def crosshair(self) -> tuple[float, float, float]:
        """Where the crosshair is, RAS mm in the world. Hold Shift over a slice view to move it.

        Raises:
            InputError: It was never moved.

        Example:
            >>> logic.crosshair()
            (70.0, 10.0, 20.0)
        """
        from TextoMorphLib.errors import InputError

        right, anterior, superior = slicer.util.getNode("vtkMRMLCrosshairNode*").GetCrosshairRAS()
        if not (right or anterior or superior):  # where it lies until it is moved
            raise InputError("the crosshair has not been moved yet; hold Shift and point at a place in a slice view")
        return right, anterior, superior

    def pickPoint(self) -> Any:
        """Lets the user click a point in a slice view.

        Returns:
            A point list node. Its point is there when it announces `PointPositionDefinedEvent`; then `takePoint`.

        Example:
            >>> points = logic.pickPoint()
        """
        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Lesion's place"))
        points.SetHideFromEditors(True)
        points.SetSaveWithScene(False)
        points.CreateDefaultDisplayNodes()
        points.GetDisplayNode().SetSaveWithScene(False)
        slicer.modules.markups.logic().SetActiveList(points)
        slicer.modules.markups.logic().StartPlaceMode(False)  # one point
        return points

    def takePoint(self, points: Any) -> tuple[float, float, float] | None:
        """Where the user clicked, RAS mm in the world; None if nowhere. The point list is removed.

        A click still waited for is waited for no longer: the next one moves the views again.

        Example:
            >>> logic.takePoint(points)
            (70.0, 10.0, 20.0)
        """
        if not nodes.inScene(points):
            return None
        if slicer.modules.markups.logic().GetActiveListID() == points.GetID():  # else something else is being placed
            slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
        at = [0.0, 0.0, 0.0]
        placed = points.GetNumberOfDefinedControlPoints() > 0
        if placed:
            points.GetNthControlPointPositionWorld(0, at)
        slicer.mrmlScene.RemoveNode(points)
        return (at[0], at[1], at[2]) if placed else None

    def placeLesion(
        self,
        ctNode: Any,
        diameter: float = 25.0,
        irregularity: float = 0.5,
        position: tuple[float, float, float] | None = None,
        inside: tuple[Any, str] | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        into: tuple[Any, str] | None = None,
    ) -> tuple[Any, str]:
        """Makes a lesion-shaped mask: an ellipsoid with an uneven surface. Slicer stays alive meanwhile.

        Args:
            ctNode: The CT.
            diameter: Of the ball with the lesion's volume, mm.
            irregularity: 0 for a smooth ellipsoid to 1 for a lobulated one.
            position: Its middle, RAS mm in the world; somewhere deep in `inside` if None.
            inside: Segmentation node and segment ID of an organ; what would lie outside is cut off.
            seed: Decides the shape, and the place where none is given.
            progress: Called about twenty times a second; returns False to cancel.
            into: Segmentation node and segment ID of a lesion that this one replaces; a new segmentation if None.

        Returns:
            Segmentation node and segment ID.

        Raises:
            InputError: Neither place nor organ is given, or nothing of the lesion would lie in the CT or organ.
            Cancelled: `progress` returned False, or the scene was closed; nothing was made.

        Example:
            >>> segmentation, segmentId = logic.placeLesion(ctNode, diameter=30, position=logic.crosshair())
        """
        box, found = self.lesionShape(
            ctNode, diameter, irregularity, position, inside, seed, progress or (lambda _done, _total: True)
        )
        segmentation, segmentId = into if into and _canTake(into, ctNode) else self.newMask(ctNode)
        nodes.paintIn(box, found, segmentation, segmentId, ctNode)
        return segmentation, segmentId

    def lesionShape(
        self,
        ctNode: Any,
        diameter: float,
        irregularity: float,
        position: tuple[float, float, float] | None,
        inside: tuple[Any, str] | None,
        seed: int,
        progress: Progress,
    ) -> tuple[Any, Any]:
        """The mask that `placeLesion` would make, as `nodes.cutOut` gives it; the scene is left alone.

        Args and errors are those of `placeLesion`.

        Example:
            >>> box, mask = logic.lesionShape(ctNode, 30.0, 0.5, logic.crosshair(), None, 0, lambda done, total: True)
        """
        from TextoMorphLib.errors import InputError

        ct, grid, centre = nodes.volumeOf(ctNode), nodes.gridOf(ctNode), [0.0, 0.0, 0.0]
        organ = nodes.organOf(inside, ctNode, progress)
        if position is not None:
            ctNode.TransformPointFromWorld(position, centre)
        elif organ is None:
            raise InputError("no place is given; choose the crosshair's place, or an organ's segment")

        middle = None if position is None else centre
        shape = partial(_shapeOf, ct, organ, middle, diameter, seed, irregularity)
        found: tuple[Any, Any] | None = background.run(background.inOneGo(shape), progress)
        nodes.checkGrid(ctNode, grid)
        if found is None:
            raise InputError(
                "the lesion would lie outside the CT or the organ; hold Shift over a slice view to move the crosshair"
            )
        return found

    def maskDoubts(
        self,
        segmentationNode: Any,
        segmentId: str,
        ctNode: Any,
        inside: tuple[Any, str] | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """What is doubtful about where a mask lies, told by HU: in air, on bone, outside the body or the organ.

        Args:
            segmentationNode: Where the segment is.
            segmentId: The segment.
            ctNode: The CT.
            inside: Segmentation node and segment ID of the organ that it should lie in.
            progress: Called about twenty times a second; returns False to cancel. Slicer stays alive meanwhile.

        Returns:
            Sentences without a full stop; none where all seems well.

        Raises:
            InputError: What is wrong with the mask.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.maskDoubts(segmentation, segmentId, ctNode)
            ['72% of the mask lies in air']
        """
        from TextoMorphLib.spatial.placement import warnings

        progress = progress or (lambda _done, _total: True)
        ct = nodes.volumeOf(ctNode)
        mask = nodes.maskOf(segmentationNode, segmentId, ctNode, progress)
        organ = nodes.organOf(inside, ctNode, progress)
        doubts: list[str] = background.run(background.inOneGo(lambda: warnings(ct, mask, organ)), progress)
        return doubts

    def describeMask(self, segmentationNode: Any, segmentId: str, ctNode: Any, progress: Progress | None = None) -> str:
        """How large a mask is.

        Args:
            segmentationNode: Where the segment is.
            segmentId: The segment.
            ctNode: The CT.
            progress: Called about twenty times a second if it takes long, for a large segment in a warp; Slicer stays
                alive then. Returns False to cancel.

        Raises:
            InputError: What is wrong with it.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.describeMask(segmentation, segmentId, ctNode)
            '1 lesion, 14.1 ml, 34 mm at its longest, as a ball 30 mm across'
        """
        import numpy as np
        from scipy import ndimage

        from TextoMorphLib.io.masks import check_count
        from TextoMorphLib.spatial.geometry import ball_mm, longest_mm

        ct = nodes.volumeOf(ctNode)
        _box, inside = nodes.cutOut(segmentationNode, segmentId, ctNode, progress)
        check_count(int(np.count_nonzero(inside)), ct)
        millilitres = np.count_nonzero(inside) * float(np.prod(ct.spacing)) / 1000
        count = ndimage.label(inside.T)[1]  # as it lies in memory: half the time
        across = ball_mm(1000 * millilitres / count)
        if count == 1:
            said = _("1 lesion, {ml:.1f} ml, {longest:.0f} mm at its longest, as a ball {mm:.0f} mm across")
            return said.format(ml=millilitres, longest=longest_mm(inside, ct.spacing), mm=across)
        return _("{count} lesions, {ml:.1f} ml, on average {mm:.0f} mm across").format(
            count=count, ml=millilitres, mm=across
        )


def _shapeOf(ct: Any, organ: Any, middle: list[float] | None, diameter: float, seed: int, irregularity: float) -> Any:
    """A lesion around its middle, RAS mm, or somewhere deep in the organ; cut off at the organ.

    It comes as its box, and the mask in that; None if nothing is left.
    """
    import numpy as np

    from TextoMorphLib.simulation.lesion_masks import lesion_at, lesion_mask
    from TextoMorphLib.spatial.geometry import tight_box

    if middle is None:
        mask = lesion_mask(ct, organ, diameter, seed, irregularity)
    else:
        mask = lesion_at(ct, np.array(middle), diameter, np.random.default_rng(seed), irregularity)
        if organ is not None:
            mask &= organ
    if not mask.any():
        return None
    box = tight_box(mask)
    return box, mask[box]


def _canTake(into: tuple[Any, str], ctNode: Any) -> bool:
    """Whether a lesion placed before is still there, for this CT where it is, so that another may replace it."""
    if not nodes.inScene(into[0]) or into[0].GetParentTransformNode() is not ctNode.GetParentTransformNode():
        return False
    reference = into[0].GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
    return reference is ctNode and into[0].GetSegmentation().GetSegment(into[1]) is not None
