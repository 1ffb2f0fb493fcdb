"""How masks are shown: as an outline, so that what lies inside can be seen."""

from typing import Any

from TextoMorphModule.Actions import nodes

# What is shown of a segment: anything at all, and its inside. Slicer's own way is to fill it.
OUTLINE, FILLED, HIDDEN = "outline", "filled", "hidden"
WAYS = {OUTLINE: (True, False), FILLED: (True, True), HIDDEN: (False, False)}


class Showing:
    """Masks on the screen.

    Attributes:
        lookedAt: The result whose mask is shown, while one is looked at in the module.
    """

    lookedAt: Any = None

    def showMask(self, segmentationNode: Any, segmentId: str, how: str = OUTLINE) -> None:
        """Shows a segment in the slice views; the segments beside it stay as they are.

        Args:
            segmentationNode: Where the segment is.
            segmentId: The segment.
            how: outline, filled or hidden.

        Example:
            >>> logic.showMask(segmentation, segmentId, "filled")
        """
        visible, filled = WAYS[how]
        if not nodes.inScene(segmentationNode):
            return
        if segmentationNode.GetDisplayNode() is None:
            segmentationNode.CreateDefaultDisplayNodes()
        display = segmentationNode.GetDisplayNode()
        display.SetSegmentVisibility(segmentId, visible)
        display.SetSegmentVisibility2DFill(segmentId, filled)
        display.SetSegmentVisibility2DOutline(segmentId, True)
        if visible:
            display.SetVisibility(True)

    def showIn3D(self, result: Any, visible: bool = True) -> None:
        """Shows the surface of a result's mask in the 3D view.

        Example:
            >>> logic.showIn3D(node)
        """
        mask = result.GetNodeReference(nodes.MASK) if result else None
        if mask:
            if visible:
                mask.CreateClosedSurfaceRepresentation()
            mask.GetDisplayNode().SetVisibility3D(visible)

    def showResultMask(self, result: Any, how: str = OUTLINE) -> None:
        """Shows the mask that a result was made with, and hides those of all other results.

        Args:
            result: One of `generate`'s volumes; None hides them all.
            how: outline, filled or hidden.

        Example:
            >>> logic.showResultMask(node, "outline")
        """
        own = result.GetNodeReference(nodes.MASK) if result else None
        for each in self.results():  # type: ignore[attr-defined]
            mask = each.GetNodeReference(nodes.MASK)
            if mask and mask is not own:
                mask.GetDisplayNode().SetVisibility(False)
        if own:
            for index in range(own.GetSegmentation().GetNumberOfSegments()):
                self.showMask(own, own.GetSegmentation().GetNthSegmentID(index), how)
