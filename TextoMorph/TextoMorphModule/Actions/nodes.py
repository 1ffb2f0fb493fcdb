"""Between the scene's nodes and the library's arrays. Slicer's arrays count (k, j, i), the library's (i, j, k)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import slicer
import vtk

from TextoMorphModule.Actions import dicom, resampling, surfaces
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.doubting import told

REPORT = "TextoMorph.report"  # attribute of a result: its report, JSON
LIVE = "TextoMorph.live"  # attribute of the one result that follows the words
ACCEPTED = "TextoMorph.accepted"  # attribute of a result that the user wants to keep
# Node references of a result.
CT, MASK, DIFFERENCE = dicom.CT, "TextoMorph.mask", "TextoMorph.difference"
CHART, TABLE = "TextoMorph.chart", "TextoMorph.table"
LEVEL, WIDTH = 40.0, 400.0  # HU: the window of soft tissue
SEGMENT = "Tumour"
# Of the lesions in turn, red, green, blue: told apart by those who do not tell red from green.
COLOURS = ((0.9, 0.6, 0.1), (0.35, 0.7, 0.9), (0.8, 0.47, 0.65), (0.95, 0.9, 0.25), (0.0, 0.62, 0.45))
# What a segment is, in SNOMED CT: a morphologically abnormal structure, a neoplasm.
TERMINOLOGY = (
    "Segmentation category and type - DICOM master list~SCT^49755003^Morphologically Altered Structure"
    "~SCT^108369006^Neoplasm~^^~Anatomic codes - DICOM master list~^^~^^"
)


_checked: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # what `checkCt` found, and in which state of a CT


def volumeOf(node: Any) -> Any:
    """The library's Volume of a volume node, in the node's own coordinates; how the patient lay comes from DICOM.

    Raises:
        InputError: The node holds no image.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.io.volume import Volume

    if node is None or node.GetImageData() is None:
        raise InputError("no CT is chosen; load one and choose it under CT")
    volume = Volume.from_array(slicer.util.arrayFromVolume(node).transpose(), affineOf(node))
    return replace(volume, patient_position=dicom.lyingOf(node))


def checkCt(ctNode: Any) -> list[str]:
    """Makes sure that a volume node can be a CT, and gives what is doubtful about it.

    All its voxels are looked at; it is done once for as long as they stay as they are.

    Raises:
        InputError: It cannot be one.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.io.volume import check_ct

    volume = volumeOf(ctNode)
    state = ctNode.GetImageData().GetMTime(), volume.affine.tobytes()
    known = _checked.get(ctNode)
    if known is None or known[0] != state:
        try:
            known = state, told(lambda: check_ct(volume))
        except InputError as error:
            known = state, error
        _checked[ctNode] = known
    if isinstance(known[1], Exception):
        raise known[1]
    return list(known[1])


def maskOf(segmentationNode: Any, segmentId: str, ctNode: Any, progress: Progress | None = None) -> Any:
    """A segment on the CT's grid, boolean; transforms and other geometry are seen to.

    Raises:
        InputError: There is no such segment, it is empty, or it cannot be brought onto the CT's grid.
        Cancelled: `progress` returned False.
    """
    return whole(*cutOut(segmentationNode, segmentId, ctNode, progress), ctNode)


def cutOut(segmentationNode: Any, segmentId: str, ctNode: Any, progress: Progress | None = None) -> tuple[Any, Any]:
    """As `maskOf`, but only the box of the CT's grid that the segment fills, and the segment in it.

    A large segment in a warp takes seconds: give `progress` (see `background.inParts`), and Slicer stays alive.

    Returns:
        Three slices of (i, j, k), and a boolean array of their size.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.spatial.geometry import tight_box

    if segmentationNode is None or segmentationNode.GetSegmentation().GetSegment(segmentId) is None:
        raise InputError("no mask is chosen; paint one or place a lesion")
    toCt = _between(segmentationNode, ctNode), affineOf(ctNode), ctNode.GetImageData().GetDimensions()
    surface = _onlySurface(segmentationNode, segmentId)
    image = surface or _painted(segmentationNode, segmentId)
    if image is None:
        raise InputError("the mask is empty; paint where the tumour goes")
    try:
        around, painted = (surfaces.filled if surface else resampling.sampled)(image, *toCt, progress)
    except RuntimeError as error:
        raise InputError("the mask cannot be brought onto the CT's grid; paint it on this CT") from error
    if not painted.size:
        raise InputError("the mask lies outside the CT; paint it on this CT")
    if not painted.any():
        raise InputError("the mask holds no voxel of the CT; paint where the tumour goes")
    tight = tight_box(painted)
    box = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(around, tight, strict=True))
    return tuple(box), painted[tight]


def organOf(inside: tuple[Any, str] | None, ctNode: Any, progress: Progress | None = None) -> Any:
    """The organ's segment on the CT's grid, as `maskOf` gives it; None where none is chosen.

    Raises:
        InputError: It is gone or empty, or lies beside the CT.
        Cancelled: `progress` returned False.
    """
    from TextoMorphLib.errors import InputError

    try:
        return maskOf(*inside, ctNode, progress) if inside and all(inside) else None
    except InputError as error:
        raise InputError(
            "the organ under Inside is gone, empty or beside the CT; choose another one or none"
        ) from error


def whole(box: Any, inside: Any, ctNode: Any) -> Any:
    """The mask on a CT's whole grid, of which a box is given."""
    import numpy as np

    mask = np.zeros(ctNode.GetImageData().GetDimensions(), bool, order="F")
    mask[box] = inside
    return mask


def keptMaskOf(result: Any) -> tuple[Any, Any]:
    """The mask that a result was made with, on the result's own grid (its CT may have been moved), as of `cutOut`.

    Raises:
        InputError: It was removed or emptied.
    """
    parts = keptMasksOf(result)
    if len(parts) == 1:
        return parts[0]
    import numpy as np

    start = np.min([[part.start for part in box] for box, _inside in parts], 0)
    stop = np.max([[part.stop for part in box] for box, _inside in parts], 0)
    found = np.zeros(stop - start, bool, order="F")
    for box, inside in parts:
        found[tuple(slice(part.start - low, part.stop - low) for part, low in zip(box, start, strict=True))] |= inside
    return resampling.slices(start, stop), found


def keptMasksOf(result: Any) -> list[tuple[Any, Any]]:
    """As `keptMaskOf`, of each lesion that was asked for.

    Raises:
        InputError: They were removed or emptied.
    """
    from TextoMorphLib.errors import InputError

    mask = result.GetNodeReference(MASK)
    count = mask.GetSegmentation().GetNumberOfSegments() if mask else 0
    if not count:
        raise InputError("the result's mask was removed; generate anew")
    return [cutOut(mask, mask.GetSegmentation().GetNthSegmentID(index), result) for index in range(count)]


def affineOf(node: Any) -> Any:
    """A volume's voxel index to RAS mm in its own coordinates, 4x4."""
    toRas = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(toRas)
    return slicer.util.arrayFromVTKMatrix(toRas)


def gridOf(node: Any) -> tuple[Any, bytes]:
    """Changes when a volume gets another grid: other sizes, or another place in its own coordinates.

    Raises:
        InputError: The node holds no image.
    """
    volume = volumeOf(node)
    return volume.shape, volume.affine.tobytes()


def checkGrid(node: Any, grid: tuple[Any, bytes]) -> None:
    """Makes sure that a volume, in which something was worked out beside Slicer's events, is still as it was.

    Args:
        node: The volume.
        grid: What `gridOf` said when the work began.

    Raises:
        Cancelled: The scene was closed, or the volume removed.
        InputError: It was cropped, resampled or moved.
    """
    from TextoMorphLib.errors import Cancelled, InputError

    if not inScene(node):
        raise Cancelled("the scene was closed")
    if gridOf(node) != grid:
        raise InputError("the CT was changed meanwhile; do it anew")


def _between(node: Any, other: Any) -> Any:
    """From a node's own coordinates to another's."""
    between = vtk.vtkGeneralTransform()
    transforms = node.GetParentTransformNode(), other.GetParentTransformNode()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(*transforms, between)
    return between


def _onlySurface(segmentationNode: Any, segmentId: str) -> Any:
    """A segment's closed surface, where there is one and nothing is painted; else None."""
    if segmentationNode.GetBinaryLabelmapInternalRepresentation(segmentId) is not None:
        return None
    surface = segmentationNode.GetClosedSurfaceInternalRepresentation(segmentId)
    return surface if surface is not None and surface.GetNumberOfPoints() else None


def _painted(segmentationNode: Any, segmentId: str) -> Any:
    """What is painted in a segment, as an oriented image of its own that is no larger; None if nothing is."""
    import numpy as np

    from TextoMorphLib.spatial.geometry import tight_box

    layer = segmentationNode.GetBinaryLabelmapInternalRepresentation(segmentId)
    if layer is None and segmentationNode.CreateBinaryLabelmapRepresentation():  # of contours, for example
        layer = segmentationNode.GetBinaryLabelmapInternalRepresentation(segmentId)
    if layer is None or layer.GetPointData().GetScalars() is None:
        return None
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    inside = resampling.voxelsOf(layer) == segment.GetLabelValue()  # others may share the layer
    if not inside.any():
        return None
    box, first = tight_box(inside), layer.GetExtent()[::2]
    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(imageOf(inside[box].view(np.uint8)))
    image.SetExtent([at + end for at, part in zip(first, box, strict=True) for end in (part.start, part.stop - 1)])
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(resampling.affineOf(layer)))
    return image


@contextmanager
def _grid(box: Any, ctNode: Any) -> Iterator[Any]:
    """A volume on a box of a CT's grid, in the scene for a moment."""
    import numpy as np

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "__box__")
    try:
        placeOn(node, box, ctNode)
        slicer.util.updateVolumeFromArray(node, np.zeros([part.stop - part.start for part in box[::-1]], np.uint8))
        yield node
    finally:
        slicer.mrmlScene.RemoveNode(node)


def placeOn(node: Any, box: Any, ctNode: Any) -> None:
    """Gives a volume the geometry of a box of a CT's grid."""
    affine = affineOf(ctNode)
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
    node.SetAndObserveTransformNodeID(ctNode.GetTransformNodeID())


def addSegmentation(name: str, ctNode: Any) -> Any:
    """A new segmentation on the CT's grid, under the same transform."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ctNode)
    node.SetAndObserveTransformNodeID(ctNode.GetTransformNodeID())
    return node


def addSegment(segmentationNode: Any, name: str = SEGMENT, number: int = 0, segmentId: str = SEGMENT) -> str:
    """A new, empty segment; its ID, which may differ from the one that is asked for."""
    segmentation = segmentationNode.GetSegmentation()
    segmentId = segmentation.AddEmptySegment(segmentId, name, COLOURS[number % len(COLOURS)])
    segmentation.GetSegment(segmentId).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TERMINOLOGY)
    return segmentId


def addVolume(voxels: Any, affine: Any, name: str, level: float = LEVEL, width: float = WIDTH) -> Any:
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


def imageOf(voxels: Any) -> Any:
    """Voxels [i, j, k] as an image that a volume node can take; may be called in a thread."""
    import numpy as np
    from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

    image = vtk.vtkImageData()
    image.SetDimensions(voxels.shape)
    image.AllocateScalars(get_vtk_array_type(voxels.dtype), 1)
    np.copyto(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(voxels.shape[::-1]), voxels.transpose())
    return image


def paint(mask: Any, segmentationNode: Any, segmentId: str, ctNode: Any) -> None:
    """Makes a segment what a mask [i, j, k] on the CT's grid is; something must be in it."""
    from TextoMorphLib.spatial.geometry import tight_box

    box = tight_box(mask)
    paintIn(box, mask[box], segmentationNode, segmentId, ctNode)


def paintIn(box: Any, inside: Any, segmentationNode: Any, segmentId: str, ctNode: Any) -> None:
    """As `paint`, from the box of the CT's grid that holds the mask, and the mask in it."""
    import numpy as np

    painted = np.ascontiguousarray(inside.transpose(), np.uint8)
    with _grid(box, ctNode) as grid:
        if segmentationNode.GetParentTransformNode() is not ctNode.GetParentTransformNode():
            painted = _carryOver(grid, painted, segmentationNode)
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentationNode, segmentId, grid)


def _carryOver(grid: Any, painted: Any, segmentationNode: Any) -> Any:
    """Takes a volume into a segmentation's own coordinates, as Slicer's import goes through a transform twice.

    Args:
        grid: The volume; it lies on the voxels that are given then, under the segmentation's transform.
        painted: Its voxels [k, j, i], bytes.
        segmentationNode: The segmentation.

    Returns:
        Voxels [k, j, i].

    Raises:
        InputError: None of them is painted there.
    """
    import numpy as np

    from TextoMorphLib.errors import InputError

    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(imageOf(painted.transpose()))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affineOf(grid)))
    slicer.vtkOrientedImageDataResample.TransformOrientedImage(image, _between(grid, segmentationNode))
    found = resampling.voxelsOf(image)
    if not found.any():
        raise InputError("nothing of the mask is left in the segmentation's transform; paint it in another one")
    affine = resampling.affineOf(image)
    affine[:3, 3] += affine[:3, :3] @ image.GetExtent()[::2]
    grid.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
    grid.SetAndObserveTransformNodeID(segmentationNode.GetTransformNodeID())
    return np.ascontiguousarray(found.transpose())


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
