"""Between the scene's nodes and the library's arrays. Slicer's arrays count (k, j, i), the library's (i, j, k)."""

from typing import Any

import slicer
import vtk

REPORT = "TextoMorph.report"  # attribute of a result: its report, JSON
LIVE = "TextoMorph.live"  # attribute of the one result that follows the words
# Node references of a result.
CT, MASK, DIFFERENCE = "TextoMorph.ct", "TextoMorph.mask", "TextoMorph.difference"
CHART, TABLE = "TextoMorph.chart", "TextoMorph.table"


def volumeOf(node: Any) -> Any:
    """The library's Volume of a volume node, in the node's own coordinates.

    Raises:
        InputError: The node holds no image.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.volume import Volume

    if node is None or node.GetImageData() is None:
        raise InputError("no CT is chosen; load one and choose it under CT")
    toRas = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(toRas)
    return Volume.from_array(slicer.util.arrayFromVolume(node).transpose(), slicer.util.arrayFromVTKMatrix(toRas))


def maskOf(segmentationNode: Any, segmentId: str, ctNode: Any) -> Any:
    """A segment on the CT's grid, boolean; transforms and other geometry are seen to.

    Raises:
        InputError: There is no such segment, or it cannot be brought onto the CT's grid.
    """
    from TextoMorphLib.errors import InputError

    if segmentationNode is None or segmentationNode.GetSegmentation().GetSegment(segmentId) is None:
        raise InputError("no mask is chosen; paint one or place a lesion")
    if not hasVoxels(segmentationNode, segmentId):
        raise InputError("the mask is empty; paint where the tumour goes")
    try:
        painted = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, ctNode)
    except RuntimeError as error:
        raise InputError("the mask cannot be brought onto the CT's grid; paint it on this CT") from error
    return painted.transpose() > 0


def keptMaskOf(result: Any, ctNode: Any) -> Any:
    """The mask that a result was made with, on the CT's grid (which is the result's own, too), boolean.

    Raises:
        InputError: It was removed or emptied.
    """
    mask = result.GetNodeReference(MASK)
    return maskOf(mask, mask.GetSegmentation().GetNthSegmentID(0) if mask else "", ctNode)


def hasVoxels(segmentationNode: Any, segmentId: str) -> bool:
    """Whether anything is painted in a segment."""
    bounds = [1.0, -1.0] * 3
    segmentationNode.GetSegmentation().GetSegment(segmentId).GetBounds(bounds)
    return bool(bounds[0] <= bounds[1])


def addSegmentation(name: str, ctNode: Any) -> Any:
    """A new segmentation on the CT's grid, under the same transform."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ctNode)
    node.SetAndObserveTransformNodeID(ctNode.GetTransformNodeID())
    return node


def addVolume(voxels: Any, affine: Any, name: str, level: float = 40.0, width: float = 400.0) -> Any:
    """A new volume from HU [i, j, k] and its RAS affine, with a window of its own."""
    import numpy as np

    node = slicer.util.addVolumeFromArray(np.ascontiguousarray(voxels.transpose()), ijkToRAS=affine, name=name)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(width, level)
    return node


def addVolumeLike(ctNode: Any, name: str) -> Any:
    """A new volume, still without voxels, on a CT's grid, with its transform, window and level.

    Slicer's CloneVolume copies all voxels and looks through them for a window: seconds in a large CT.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.CopyOrientation(ctNode)
    node.SetAndObserveTransformNodeID(ctNode.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()
    display, asBefore = node.GetDisplayNode(), ctNode.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    if asBefore:
        display.SetWindowLevel(asBefore.GetWindow(), asBefore.GetLevel())
    return node


def paint(mask: Any, segmentationNode: Any, segmentId: str, ctNode: Any) -> None:
    """Makes a segment what a mask [i, j, k] on the CT's grid is."""
    import numpy as np

    painted = np.ascontiguousarray(mask.transpose(), np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentationNode, segmentId, ctNode)


def placeUnder(node: Any, parent: Any) -> None:
    """Hangs a node under another in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    over, item = (
        hierarchy.GetItemByDataNode(each) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), each)
        for each in (parent, node)
    )
    hierarchy.SetItemParent(item, over)


def inScene(node: Any) -> bool:
    """Whether a node is still in the scene."""
    return node is not None and bool(slicer.mrmlScene.IsNodePresent(node))
