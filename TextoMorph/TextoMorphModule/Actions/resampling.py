"""An image on another grid: only in the box that it comes to lie in, through any transform, a part at a time.

Slicer's own export of a segment goes through the whole grid, up to minutes in a warp, while its window stands still.
Of a mere box it leaves out what the warp moves past the box's corners.
"""

import math
import time
from collections.abc import Iterator
from typing import Any

import slicer
import vtk

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress

SAMPLES = 17  # on each side of an image's box, where it is looked how the transform bends it
FEW = 2**12  # voxels: quickly looked up even where a warp's inverse is searched for
SAME = 1e-4  # of a voxel a voxel


def sampled(image: Any, transform: Any, affine: Any, size: Any, progress: Progress | None = None) -> tuple[Any, Any]:
    """What an image holds at a grid's voxels, the nearest of its own.

    Args:
        image: A vtkOrientedImageData of bytes.
        transform: From the image's RAS mm to the grid's.
        affine: The grid's voxel index to its RAS mm.
        size: Of the grid, voxels.
        progress: As for `background.inParts`.

    Returns:
        The box of the grid that holds the image (three slices of (i, j, k); empty where it lies beside the grid), and
        a boolean array of its size.

    Raises:
        RuntimeError: The transform has no inverse.
        Cancelled: `progress` returned False.
    """
    import numpy as np

    box = _boxOf(image, transform, affine, size)
    toGrid = np.linalg.inv(affine) @ affineOf(image)
    shift = np.rint(toGrid[:3, 3])
    toGrid[:3, 3] -= shift
    if not transform.GetNumberOfConcatenatedTransforms() and np.abs(toGrid - np.eye(4)).max() < SAME:
        return box, _copied(image, shift.astype(int), box)  # painted on the grid itself, as most masks are
    found = np.zeros([part.stop - part.start for part in box], bool, order="F")

    def sample() -> Iterator[None]:
        left, most = [box] * bool(found.size), FEW
        while left:
            part = left.pop()
            if math.prod(each.stop - each.start for each in part) > most:
                left += _halves(part)
                continue
            began = time.monotonic()
            grid, onGrid = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
            grid.SetExtent([end for each in part for end in (each.start, each.stop - 1)])
            grid.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
            if not slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
                image, grid, onGrid, False, False, transform
            ):
                raise RuntimeError("the image cannot be resampled")
            inBox = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, box, strict=True))
            found[inBox] = voxelsOf(onGrid) > 0
            most = background.fitting(most, began)
            yield

    background.inParts(sample(), progress)
    return box, found


def affineOf(image: Any) -> Any:
    """An oriented image's voxel index to RAS mm, 4x4."""
    toRas = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(toRas)
    return slicer.util.arrayFromVTKMatrix(toRas)


def voxelsOf(image: Any) -> Any:
    """An image's voxels [i, j, k]."""
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]).transpose()


def _boxOf(image: Any, transform: Any, affine: Any, size: Any) -> Any:
    """The box of a grid that holds an image; empty where the image lies beside the grid.

    Between the places that are looked at, the transform is taken to be nowhere steeper than from one to the next.
    """
    import numpy as np

    ends = np.reshape(image.GetExtent(), (3, 2)) + np.array([-0.5, 0.5])
    low, high = ends.T
    index = np.meshgrid(*np.linspace(low, high, SAMPLES).T, indexing="ij")
    places = moved(np.stack(index, -1), affineOf(image)).reshape(-1, 3)
    bent = np.array([transform.TransformPoint(place) for place in places]).reshape([SAMPLES] * 3 + [3])
    at = moved(bent, np.linalg.inv(affine))
    # What lies between is at most half a step away from the nearest place, along each side.
    margin = sum(np.abs(np.diff(at, axis=side)).max((0, 1, 2)) for side in range(3)) / 2
    low, high = np.floor(at.min((0, 1, 2)) - margin), np.ceil(at.max((0, 1, 2)) + margin) + 1
    return slices(np.clip(low, 0, size), np.clip(high, 0, size))


def _copied(image: Any, shift: Any, box: Any) -> Any:
    """What an image holds at a grid's voxels which are the image's own, counted from elsewhere."""
    import numpy as np

    start, stop = np.array([(part.start, part.stop) for part in box]).T
    first = shift + image.GetExtent()[::2]
    low, high = (np.clip(end, start, stop) for end in (first, first + image.GetDimensions()))
    found = np.zeros(stop - start, bool, order="F")
    found[slices(low - start, high - start)] = voxelsOf(image)[slices(low - first, high - first)] > 0
    return found


def moved(points: Any, affine: Any) -> Any:
    """Points [..., 3] taken through a 4x4 matrix."""
    return points @ affine[:3, :3].T + affine[:3, 3]


def slices(low: Any, high: Any) -> Any:
    """The box from one corner (i, j, k) up to another."""
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _halves(box: Any) -> list[Any]:
    """A box, cut in two where it is longest."""
    sides = [part.stop - part.start for part in box]
    longest = sides.index(max(sides))
    start, stop = box[longest].start, box[longest].stop
    middle = (start + stop) // 2
    return [(*box[:longest], half, *box[longest + 1 :]) for half in (slice(start, middle), slice(middle, stop))]
