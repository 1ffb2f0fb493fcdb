"""A closed surface as voxels of a grid, a part at a time: Slicer's own conversion stands still for seconds."""

import time
from collections.abc import Iterator
from typing import Any

import vtk

from TextoMorphModule.Actions import background, resampling
from TextoMorphModule.Actions.background import Progress

FEW_POINTS = 2**12  # quickly moved even where a warp's inverse is searched for


def filled(surface: Any, transform: Any, affine: Any, size: Any, progress: Progress | None = None) -> tuple[Any, Any]:
    """The voxels of a grid whose centres a closed surface holds.

    Args:
        surface: A vtkPolyData, RAS mm.
        transform: From its RAS mm to the grid's.
        affine: The grid's voxel index to its RAS mm.
        size: Of the grid, voxels.
        progress: As for `background.inParts`.

    Returns:
        The box of the grid that holds the surface (three slices of (i, j, k); empty where it lies beside the grid), and
        a boolean array of its size.

    Raises:
        Cancelled: `progress` returned False.
    """
    import numpy as np
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    points = np.array(vtk_to_numpy(surface.GetPoints().GetData()), float)

    def move() -> Iterator[None]:
        for start in range(0, len(points), FEW_POINTS):
            part, moved = vtk.vtkPoints(), vtk.vtkPoints()
            part.SetDataTypeToDouble()
            moved.SetDataTypeToDouble()
            part.SetData(numpy_to_vtk(points[start : start + FEW_POINTS], deep=True))
            transform.TransformPoints(part, moved)
            points[start : start + FEW_POINTS] = vtk_to_numpy(moved.GetData())
            yield

    background.inParts(move(), progress)
    points = resampling.moved(points, np.linalg.inv(affine))
    low = np.clip(np.floor(points.min(0)), 0, size).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 1, low, size).astype(int)
    box = resampling.slices(low, high)
    inside = np.zeros(high - low, bool, order="F")
    onGrid, corners = vtk.vtkPolyData(), vtk.vtkPoints()
    onGrid.ShallowCopy(surface)
    corners.SetData(numpy_to_vtk(points, deep=True))
    onGrid.SetPoints(corners)

    def fill() -> Iterator[None]:
        start, layers = box[2].start, 1
        while inside.size and start < box[2].stop:
            stop = min(start + layers, box[2].stop)
            began = time.monotonic()
            extent = [end for part in (*box[:2], slice(start, stop)) for end in (part.start, part.stop - 1)]
            inside[..., start - box[2].start : stop - box[2].start] = _stencil(onGrid, extent)
            layers = background.fitting(layers, began)
            start = stop
            yield

    background.inParts(fill(), progress)
    return box, inside


def _stencil(surface: Any, extent: list[int]) -> Any:
    """Which voxels (i, j, k) of an extent lie in a surface that is given in voxels."""
    from vtk.util.numpy_support import vtk_to_numpy

    stencil, image = vtk.vtkPolyDataToImageStencil(), vtk.vtkImageStencilToImage()
    stencil.SetInputData(surface)
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputWholeExtent(extent)
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    made = image.GetOutput()
    return vtk_to_numpy(made.GetPointData().GetScalars()).reshape(made.GetDimensions()[::-1]).transpose() > 0
