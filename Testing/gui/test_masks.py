"""Masks on the CT's grid, whatever grid and transform they come in: linear, warped, shared, and large ones in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

LIVER = (70.0, 10.0, 20.0)


def test_a_scan_in_a_transform_gets_its_tumour_where_the_mask_is(host: Any, ct: Any, logic: Any) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 40.0)
    transform.SetMatrixTransformToParent(matrix)
    ct.SetAndObserveTransformNodeID(transform.GetID())
    mask = logic.placeLesion(ct, 20.0, position=(LIVER[0] + 40, *LIVER[1:]))
    (result,) = logic.generate(ct, *mask, "hyperattenuating", steps=1)
    changed = slicer.util.arrayFromVolume(result) != slicer.util.arrayFromVolume(ct)
    painted = slicer.util.arrayFromSegmentBinaryLabelmap(*mask, ct) > 0
    assert changed[painted].mean() > 0.9
    k, j, i = np.argwhere(painted).mean(0)
    toRas = vtk.vtkMatrix4x4()
    ct.GetIJKToRASMatrix(toRas)
    assert np.allclose(toRas.MultiplyPoint((i, j, k, 1))[:3], LIVER, atol=4)
    assert result.GetTransformNodeID() == transform.GetID()


def in_transform(node: Any, transform: Any) -> None:
    """Puts a node into a transform of its own."""
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    parent.SetAndObserveTransformToParent(transform)
    node.SetAndObserveTransformNodeID(parent.GetID())


def turn() -> Any:
    """Turns and shifts."""
    made = vtk.vtkTransform()
    made.RotateZ(20)
    made.Translate(5, 3, 2)
    return made


def spline() -> Any:
    """Moves by up to 20 mm, another way every 60 mm."""
    made = slicer.vtkOrientedBSplineTransform()
    made.SetCoefficientData(vectors(np.random.default_rng(0).uniform(-20, 20, (9, 9, 9, 3)), 60.0))
    return made


def displacements() -> Any:
    """Waves of 15 mm to the side."""
    made = slicer.vtkOrientedGridTransform()
    at = np.moveaxis(np.indices((41, 41, 41)), 0, -1) * 2 * np.pi / 12  # 120 mm
    made.SetDisplacementGridData(vectors(15 * np.sin(at + np.array([0.1, 0.7, 1.9])), 10.0))
    made.SetInterpolationModeToCubic()
    return made


def thin_plate() -> Any:
    """Pulls five places apart."""
    made = vtk.vtkThinPlateSplineTransform()
    for landmarks, far in ((made.SetSourceLandmarks, 100.0), (made.SetTargetLandmarks, 127.3)):
        points = vtk.vtkPoints()
        for point in ((0, 0, 0), (far, 7, 3), (11, far, 5), (2, 9, far), (-far, 4, 1)):
            points.InsertNextPoint(*point)
        landmarks(points)
    made.SetBasisToR()
    return made


def vectors(at: Any, spacing: float) -> Any:
    """Vectors [k, j, i] on a grid around the origin."""
    image = vtk.vtkImageData()
    image.SetDimensions(at.shape[2::-1])
    image.SetSpacing([spacing] * 3)
    image.SetOrigin([-spacing * (size - 1) / 2 for size in at.shape[2::-1]])
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = at.reshape(-1, 3)
    return image


def coarse_mask(logic: Any, kind: str) -> Any:
    """A block of 20 mm on a grid of 4 mm, in the liver of the phantom, or one across its edge."""
    coarse = slicer.util.addVolumeFromArray(np.zeros((60, 80, 90), np.int16), ijkToRAS=np.diag([-4.0, -4.0, 4.0, 1.0]))
    coarse.SetOrigin(180.0, 160.0, -100.0)
    segmentation, segment_id = logic.newMask(coarse)
    voxels = np.zeros((60, 80, 90), np.uint8)
    voxels[28:33, 35:40, slice(20) if kind == "across the CT's edge" else slice(25, 30)] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, segmentation, segment_id, coarse)
    if kind == "surface":
        segmentation.CreateClosedSurfaceRepresentation()
        segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
        segmentation.RemoveBinaryLabelmapRepresentation()
    return segmentation, segment_id


@pytest.mark.parametrize("how", ["apart", "in the CT's transform", "the CT in one", "the mask in one"])
@pytest.mark.parametrize("kind", ["coarse", "across the CT's edge"])
def test_a_mask_on_another_grid_is_brought_onto_the_ct(host: Any, ct: Any, logic: Any, kind: str, how: str) -> None:
    from TextoMorphModule.Actions import nodes

    segmentation, segment_id = coarse_mask(logic, kind)
    if how in ("in the CT's transform", "the CT in one"):
        in_transform(ct, turn())
    if how == "in the CT's transform":
        segmentation.SetAndObserveTransformNodeID(ct.GetTransformNodeID())
    elif how == "the mask in one":
        in_transform(segmentation, turn())
    found = nodes.maskOf(segmentation, segment_id, ct)
    assert slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode") == []
    assert found.any()
    assert np.array_equal(
        found.transpose(), slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, ct) > 0
    )
    assert "1 lesion" in logic.describeMask(segmentation, segment_id, ct)


def test_a_mask_beside_the_ct_is_said(host: Any, ct: Any, logic: Any) -> None:
    other = slicer.util.addVolumeFromArray(np.zeros((20, 20, 20), np.int16), ijkToRAS=np.eye(4))
    other.SetOrigin(900.0, 0.0, 0.0)
    mask = logic.newMask(other)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((20, 20, 20), np.uint8), *mask, other)
    with pytest.raises(ValueError, match="outside the CT"):
        logic.describeMask(*mask, ct)


def in_mask(segmentation: Any, ct: Any) -> Any:
    """Where each of a CT's voxels [k, j, i] lies in a segmentation's own coordinates, RAS mm, [N, 3]."""
    from TextoMorphModule.Actions import nodes

    toMask = vtk.vtkGeneralTransform()
    between = ct.GetParentTransformNode(), segmentation.GetParentTransformNode()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(*between, toMask)
    voxels = np.indices(slicer.util.arrayFromVolume(ct).shape)[::-1].reshape(3, -1)
    affine = nodes.affineOf(ct)
    return np.array([toMask.TransformPoint(point) for point in (affine[:3, :3] @ voxels).T + affine[:3, 3]])


def looked_up(segmentation: Any, segment_id: str, ct: Any) -> Any:
    """Whether each of a CT's voxels [k, j, i] lies in a segment: all of them are brought to the segment's own grid."""
    from TextoMorphModule.Actions import resampling

    layer, points = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id), in_mask(segmentation, ct)
    toVoxel = np.linalg.inv(resampling.affineOf(layer))
    at = np.floor(toVoxel[:3, :3] @ np.transpose(points) + toVoxel[:3, 3:] + 0.5).astype(int)
    at -= np.reshape(layer.GetExtent()[::2], (3, 1))
    there = ((at >= 0) & (at < np.reshape(layer.GetDimensions(), (3, 1)))).all(0)
    found = np.zeros(len(points), bool)
    found[there] = resampling.voxelsOf(layer)[tuple(at[:, there])] > 0
    return found.reshape(slicer.util.arrayFromVolume(ct).shape)


def small_scan(degrees: float) -> Any:
    """A CT of few voxels around the phantom's liver, turned about the body's axis."""
    turned = vtk.vtkTransform()
    turned.Translate(*LIVER)
    turned.RotateZ(degrees)
    turned.Scale(-3, -3, 5)
    turned.Translate(-20, -22, -13)
    affine = slicer.util.arrayFromVTKMatrix(turned.GetMatrix())
    return slicer.util.addVolumeFromArray(np.zeros((26, 44, 40), np.int16), ijkToRAS=affine)


@pytest.mark.parametrize("warp", [spline, displacements, thin_plate])
@pytest.mark.parametrize("warped", ["the mask", "the CT", "both"])
@pytest.mark.parametrize("kind", ["painted on the CT", "coarse", "across the CT's edge"])
def test_a_mask_in_a_warp_is_that_of_the_whole_grid(host: Any, logic: Any, kind: str, warped: str, warp: Any) -> None:
    from TextoMorphModule.Actions import nodes

    ct = small_scan(0 if kind == "painted on the CT" else 40)
    if kind == "painted on the CT":
        segmentation, segment_id = logic.placeLesion(ct, 45.0, position=LIVER)
    else:
        segmentation, segment_id = coarse_mask(logic, kind)
    if warped in ("the CT", "both"):
        in_transform(ct, warp())
    if warped in ("the mask", "both"):
        in_transform(segmentation, turn() if warped == "both" else warp())
    box, inside = nodes.cutOut(segmentation, segment_id, ct)
    found = nodes.whole(box, inside, ct).transpose()
    assert np.array_equal(found, looked_up(segmentation, segment_id, ct))
    assert all(inside.any((a, b)).all() for a, b in ((0, 1), (0, 2), (1, 2)))  # the box is no larger
    if kind == "painted on the CT":  # Slicer's own export is as exact only there
        assert np.array_equal(found, slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, ct) > 0)


@pytest.mark.parametrize("warp", [None, turn, spline, displacements, thin_plate])
@pytest.mark.parametrize("moved", ["the mask", "the CT"])
def test_a_surface_is_filled(host: Any, logic: Any, moved: str, warp: Any) -> None:
    from TextoMorphModule.Actions import nodes

    ct, (segmentation, segment_id) = small_scan(40), coarse_mask(logic, "surface")
    if warp:
        in_transform(ct if moved == "the CT" else segmentation, warp())
    found = nodes.maskOf(segmentation, segment_id, ct).transpose()
    distance = vtk.vtkImplicitPolyDataDistance()
    distance.SetInput(segmentation.GetClosedSurfaceInternalRepresentation(segment_id))
    depth = np.array([-distance.EvaluateFunction(point) for point in in_mask(segmentation, ct)]).reshape(found.shape)
    clear = np.abs(depth) > (0.5 if warp else 0.01)  # a facet stays flat in a warp, and so is off by a little
    assert np.array_equal(found[clear], depth[clear] > 0)
    assert found.sum() > 40
    assert segmentation.GetBinaryLabelmapInternalRepresentation(segment_id) is None  # nothing was added to the mask
    assert "1 lesion" in logic.describeMask(segmentation, segment_id, ct)


def test_organs_that_share_a_layer_are_told_apart(host: Any, ct: Any, logic: Any) -> None:
    from TextoMorphModule.Actions import nodes

    labels = np.zeros(slicer.util.arrayFromVolume(ct).shape, np.uint8)
    labels[5:50, 20:200, 30:300] = 1
    labels[20:30, 100:120, 150:170] = 2
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    slicer.util.updateVolumeFromArray(volume, labels)
    volume.CopyOrientation(ct)
    organs = nodes.addSegmentation("Organs", ct)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, organs)
    for number in (1, 2):
        box, inside = nodes.cutOut(organs, organs.GetSegmentation().GetNthSegmentID(number - 1), ct)
        own = labels.transpose() == number
        assert np.array_equal(inside, own[box])
        assert inside.sum() == own.sum()
    assert inside.all()


def test_a_result_keeps_its_mask_where_it_was(host: Any, ct: Any, logic: Any) -> None:
    from TextoMorphModule.Actions import nodes

    mask = logic.placeLesion(ct, 20.0, position=LIVER)
    in_transform(mask[0], turn())
    taken = nodes.maskOf(*mask, ct)
    (result,) = logic.generate(ct, *mask, "cystic", steps=1)
    mask[0].SetAndObserveTransformNodeID(None)
    assert np.array_equal(nodes.whole(*nodes.keptMaskOf(result), ct), taken)


@pytest.fixture
def large(ct: Any, logic: Any) -> Any:
    """A mask that takes seconds: a quarter of the CT, in a warp whose inverse has to be searched for."""
    mask = logic.newMask(ct)
    voxels = np.zeros(slicer.util.arrayFromVolume(ct).shape, np.uint8)
    voxels[8:48, 40:200, 60:260] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, *mask, ct)
    in_transform(mask[0], spline())
    return mask


@pytest.mark.parametrize("name", ["Scan", "Generate", "Preview"])
def test_a_large_mask_in_a_warp_can_be_cancelled(
    host: Any, ct: Any, panels: Any, large: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from PySide6 import QtCore

    from TextoMorphModule.Actions import background

    wanted, ui, seen = panels[name].parameters, panels[name].ui, []
    wanted.ct = ct
    if name == "Scan":
        (wanted.organSegmentation, wanted.organSegmentId), wanted.lesionPlace = large, "deep in the organ"
    else:
        wanted.segmentation, wanted.segmentId = large
    button = {"Scan": "placeButton", "Generate": "generateButton", "Preview": "drawButton"}[name]
    button = getattr(ui, button)
    monkeypatch.setattr(background, "run", lambda *_: pytest.fail("it went on"))

    def press() -> None:
        if not ui.progressBar.isHidden():
            timer.stop()
            seen.append(button.text)
            button.click()

    panels["Preview"].ui.previewCollapsibleButton.collapsed = False
    timer, usual = QtCore.QTimer(), button.text
    timer.timeout.connect(press)
    timer.start(20)
    before = slicer.mrmlScene.GetNumberOfNodes()
    button.click()
    assert seen == ["Cancel"]
    assert (button.text, button.enabled, ui.progressBar.isHidden()) == (usual, True, True)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert host.messages == []


@pytest.mark.parametrize("how", ["another is chosen", "the scene is closed"])
def test_a_look_at_a_large_mask_gives_way(
    host: Any, ct: Any, panels: Any, logic: Any, large: Any, wait_until: Any, how: str
) -> None:
    from PySide6 import QtCore

    scan, wanted = panels["Scan"], panels["Scan"].parameters
    wanted.ct, small = ct, logic.placeLesion(ct, 20.0, position=LIVER)
    wanted.segmentation, wanted.segmentId = large

    def act() -> None:
        if how == "the scene is closed":
            slicer.mrmlScene.Clear(0)
        else:
            wanted.segmentation, wanted.segmentId = small

    QtCore.QTimer.singleShot(100, act)
    scan.describeMask()
    assert "lesion," not in scan.ui.statusLabel.text
    wait_until(lambda: ("20 mm" if how == "another is chosen" else "No mask yet") in scan.ui.statusLabel.text)
    assert host.messages == []
