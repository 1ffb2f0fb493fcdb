"""A real scan in the module: as it lies, moved by a transform, and with the transform hardened into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk


@pytest.mark.parametrize("moved", ["as it lies", "in a transform", "hardened"])
def test_a_real_scan_gets_its_tumour_where_the_lesion_was_placed(
    host: Any, logic: Any, real_ct: Path, moved: str
) -> None:
    ct = slicer.modules.volumes.logic().AddArchetypeVolume(str(real_ct), "CT")
    if moved != "as it lies":
        turn = vtk.vtkTransform()
        turn.RotateZ(20)
        turn.Translate(30, -10, 5)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(turn.GetMatrix())
        ct.SetAndObserveTransformNodeID(transform.GetID())
        if moved == "hardened":
            assert ct.HardenTransform()
    before = slicer.util.arrayFromVolume(ct).copy()
    middle = np.array(before.shape[::-1]) / 2
    toRas, place = vtk.vtkMatrix4x4(), [0.0, 0.0, 0.0]
    ct.GetIJKToRASMatrix(toRas)
    ct.TransformPointToWorld(toRas.MultiplyPoint((*middle, 1.0))[:3], place)

    mask = logic.placeLesion(ct, 16.0, position=place)
    (result,) = logic.generate(ct, *mask, "cystic", steps=1)
    after = slicer.util.arrayFromVolume(result)
    assert np.array_equal(slicer.util.arrayFromVolume(ct), before)
    changed = np.argwhere(after != before)
    spacing = np.array(ct.GetSpacing())
    assert np.linalg.norm((changed.mean(0)[::-1] - middle) * spacing) < 6
    assert np.linalg.norm((changed[:, ::-1] - middle) * spacing, axis=1).max() < 24
    assert result.GetTransformNodeID() == ct.GetTransformNodeID()
    itsRas = vtk.vtkMatrix4x4()
    result.GetIJKToRASMatrix(itsRas)
    assert np.array_equal(slicer.util.arrayFromVTKMatrix(itsRas), slicer.util.arrayFromVTKMatrix(toRas))
