"""Several lesions: the table by clicks, a drag in a slice view, undo, and one run of Generate for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtTest, QtWidgets

from host import mainpath, mouse

LIVER, BESIDE = (70.0, 10.0, 20.0), (30.0, 10.0, 20.0)


@pytest.fixture
def shown(panels: dict[str, Any], ct: Any) -> dict[str, Any]:
    """The panels in a window that is high enough for all, with the table unfolded and a CT in the views."""
    window = panels["Scan"].widget.window()
    window.resize(480, 4000)
    window.show()
    panels["Lesions"].ui.lesionsCollapsibleButton.collapsed = False
    panels["Lesions"].parameters.ct = ct
    slicer.util.setSliceViewerLayers(background=ct, fit=True)
    QtWidgets.QApplication.processEvents()
    return panels


def add(shown: Any, place: tuple[float, float, float], text: str, diameter: float = 20.0) -> None:
    """A lesion at the crosshair, with a description of its own, by clicks."""
    wanted = shown["Lesions"].parameters
    wanted.lesionDiameter = diameter
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(place)
    mainpath.click(shown["Lesions"].ui.addButton)
    shown["Describe"].ui.textEdit.setPlainText(text)


def voxels(shown: Any, number: int) -> Any:
    """A lesion of the table on the CT's grid [k, j, i]."""
    panel = shown["Lesions"]
    row, wanted = panel._table.rows[number], panel.parameters
    return slicer.util.arrayFromSegmentBinaryLabelmap(wanted.lesionsSegmentation, row.segment, wanted.ct) > 0


def middle(shown: Any, number: int) -> Any:
    """Its middle, RAS mm."""
    affine = slicer.util.arrayFromVTKMatrix(_matrix(shown["Lesions"].parameters.ct))
    return affine[:3, :3] @ np.argwhere(voxels(shown, number)).mean(0)[::-1] + affine[:3, 3]


def _matrix(ct: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    ct.GetIJKToRASMatrix(matrix)
    return matrix


def cells(shown: Any, column: int) -> list[str]:
    table = shown["Lesions"].ui.lesionsTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def test_lesions_with_words_of_their_own_are_generated_in_one_run(host: Any, ct: Any, shown: Any, logic: Any) -> None:
    wanted = shown["Lesions"].parameters
    add(shown, LIVER, "hyperattenuating, well-defined")
    add(shown, BESIDE, "hypoattenuating")
    assert cells(shown, 0) == ["hyperattenuating, well-defined", "hypoattenuating"]
    button = shown["Generate"].ui.generateButton
    assert button.text == "Generate 2 lesions"
    mainpath.click(button)
    report = logic.report(wanted.result)
    assert [each["text"] for each in report["each"]] == cells(shown, 0)
    change = slicer.util.arrayFromVolume(wanted.result).astype(float) - slicer.util.arrayFromVolume(ct)
    assert change[voxels(shown, 0)].mean() > 10
    assert change[voxels(shown, 1)].mean() < -10
    kept = wanted.result.GetNodeReference("TextoMorph.mask").GetSegmentation()
    assert [kept.GetNthSegment(n).GetName() for n in range(2)] == [
        "1: hyperattenuating, well-defined",
        "2: hypoattenuating",
    ]
    table = shown["Compare"].ui.askedTable
    assert {table.item(row, 0).text()[:3] for row in range(table.rowCount)} == {"1: ", "2: "}
    assert host.messages == []


def test_choosing_a_lesion_shows_it_above_and_changes_there_go_into_it(host: Any, shown: Any) -> None:
    wanted, table = shown["Lesions"].parameters, shown["Lesions"].ui.lesionsTable
    add(shown, LIVER, "cystic", 30.0)
    add(shown, BESIDE, "calcified")
    table.setCurrentCell(0, 0)
    assert (wanted.text, wanted.lesionDiameter) == ("cystic", 30.0)
    assert wanted.segmentId == shown["Lesions"]._table.rows[0].segment
    mainpath.click(shown["Describe"]._chips["ill-defined"])
    assert cells(shown, 0) == ["cystic, ill-defined", "calcified"]
    table.setCurrentCell(1, 0)
    assert shown["Describe"].ui.textEdit.toPlainText() == "calcified"
    table.item(0, 0).setText("solid")
    assert cells(shown, 0) == ["solid", "calcified"]
    assert wanted.text == "solid"


def test_a_lesion_is_dragged_by_its_middle(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().JumpSliceByCentering(*LIVER)
    count = voxels(shown, 0).sum()
    mouse.drag("Red", LIVER, BESIDE)
    assert np.allclose(middle(shown, 0), BESIDE, atol=3)
    assert voxels(shown, 0).sum() == pytest.approx(count, rel=0.1)
    mainpath.click(shown["Lesions"].ui.undoButton)
    assert np.allclose(middle(shown, 0), LIVER, atol=3)
    assert voxels(shown, 0).sum() == count
    mainpath.click(shown["Lesions"].ui.redoButton)
    assert np.allclose(middle(shown, 0), BESIDE, atol=3)


def test_a_lesion_dragged_out_of_the_scan_goes_back(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    before = voxels(shown, 0)
    shown["Lesions"].onDragged(0, (900.0, 0.0, 0.0))
    assert "outside the CT" in host.messages[0]
    assert np.array_equal(voxels(shown, 0), before)
    points = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    at = [0.0, 0.0, 0.0]
    points[0].GetNthControlPointPositionWorld(0, at)
    assert np.allclose(at, LIVER)


def test_size_is_changed_in_the_table(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic", 20.0)
    box = shown["Lesions"].ui.lesionsTable.cellWidget(0, 2)
    count = voxels(shown, 0).sum()
    box.selectAll()
    QtTest.QTest.keyClicks(box, "30")
    QtTest.QTest.keyClick(box, QtCore.Qt.Key.Key_Return)
    assert voxels(shown, 0).sum() == pytest.approx(count * 1.5**3, rel=0.1)
    mainpath.click(shown["Lesions"].ui.undoButton)
    assert voxels(shown, 0).sum() == count
    assert shown["Lesions"].ui.lesionsTable.cellWidget(0, 2).value == 20.0


def test_what_was_removed_comes_back(host: Any, shown: Any) -> None:
    ui = shown["Lesions"].ui
    add(shown, LIVER, "cystic")
    add(shown, BESIDE, "calcified")
    before = voxels(shown, 0)
    ui.lesionsTable.setCurrentCell(0, 0)
    mainpath.click(ui.removeButton)
    assert cells(shown, 0) == ["calcified"]
    mainpath.click(ui.undoButton)
    assert cells(shown, 0) == ["cystic", "calcified"]
    assert np.array_equal(voxels(shown, 0), before)
    for _word in range(2):  # the words, and then the lesion itself
        mainpath.click(ui.undoButton)
    assert cells(shown, 0) == ["cystic"]


def test_a_painted_mask_is_added_moved_and_resized_as_it_is(host: Any, ct: Any, shown: Any, logic: Any) -> None:
    from host.editor import paint_ball

    panel, wanted = shown["Lesions"], shown["Lesions"].parameters
    mainpath.click(shown["Scan"].ui.paintButton)
    paint_ball(host.editor.editor, LIVER, 16.0)
    paint_ball(host.editor.editor, (LIVER[0] + 12, LIVER[1], LIVER[2]), 10.0)
    wanted.text = "cystic"
    mainpath.click(panel.ui.takeButton)
    assert cells(shown, 0) == ["cystic"]
    count, at = voxels(shown, 0).sum(), middle(shown, 0)
    panel.onDragged(0, tuple(at - (30, 0, 0)))
    assert voxels(shown, 0).sum() == count
    assert np.allclose(middle(shown, 0), at - (30, 0, 0), atol=1)
    panel.ui.lesionsTable.cellWidget(0, 2).value *= 1.5
    assert voxels(shown, 0).sum() == pytest.approx(count * 1.5**3, rel=0.15)


def test_what_is_painted_in_a_lesion_is_kept_and_can_be_undone(host: Any, ct: Any, shown: Any, wait_until: Any) -> None:
    from host.editor import paint_ball

    panel = shown["Lesions"]
    add(shown, LIVER, "cystic", 20.0)
    before = voxels(shown, 0)
    editor = host.editor.editor
    editor.setSegmentationNode(panel.parameters.lesionsSegmentation)
    editor.setSourceVolumeNode(ct)
    editor.setCurrentSegmentID(panel._table.rows[0].segment)
    paint_ball(editor, (LIVER[0] + 14, LIVER[1], LIVER[2]), 14.0)
    wait_until(lambda: panel._table.rows[0].made == 0)
    count = voxels(shown, 0).sum()
    assert count > before.sum()
    panel.onDragged(0, tuple(middle(shown, 0) - (20, 0, 0)))
    assert voxels(shown, 0).sum() == count
    for _change in range(2):
        mainpath.click(panel.ui.undoButton)
    assert np.array_equal(voxels(shown, 0), before)


def test_lesions_that_overlap_are_said_before_generate(host: Any, shown: Any, wait_until: Any) -> None:
    add(shown, LIVER, "cystic")
    add(shown, (LIVER[0] + 5, *LIVER[1:]), "calcified")
    label = shown["Generate"].ui.doubtLabel
    wait_until(lambda: "overlap" in label.text)
    assert not label.isHidden()
    mainpath.click(shown["Generate"].ui.generateButton)
    assert "Lesions 1 and 2 overlap" in host.messages[0]
    assert shown["Generate"].parameters.result is None


def test_a_lesion_without_words_is_named(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    add(shown, BESIDE, "")
    ui = shown["Generate"].ui
    assert not ui.generateButton.enabled
    assert ui.statusLabel.text == "Describe lesion 2 first."


def test_the_table_can_be_left_out(host: Any, shown: Any, logic: Any) -> None:
    wanted = shown["Lesions"].parameters
    add(shown, LIVER, "cystic")
    add(shown, BESIDE, "calcified")
    mainpath.click(shown["Lesions"].ui.togetherCheckBox)
    assert shown["Generate"].ui.generateButton.text == "Generate"
    wanted.ownSettings, wanted.steps = True, 1
    mainpath.click(shown["Generate"].ui.generateButton)
    assert logic.report(wanted.result)["text"] == "calcified"
    assert "each" not in logic.report(wanted.result)


def test_placing_anew_replaces_the_chosen_lesion(host: Any, shown: Any, wait_until: Any) -> None:
    panel = shown["Lesions"]
    add(shown, LIVER, "cystic")
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(BESIDE)
    mainpath.click(shown["Scan"].ui.placeButton)
    assert len(panel._table.rows) == 1
    assert np.allclose(middle(shown, 0), BESIDE, atol=3)
    wait_until(lambda: np.allclose(panel._table.rows[0].centre, BESIDE, atol=3))


def test_the_table_is_saved_with_the_scene(host: Any, ct: Any, shown: Any, tmp_path: Any) -> None:
    add(shown, LIVER, "cystic")
    add(shown, BESIDE, "calcified")
    before = voxels(shown, 1)
    scene = str(tmp_path / "scene.mrb")
    slicer.mrmlScene.SetURL(scene)
    assert slicer.mrmlScene.WriteToMRB(scene)
    slicer.mrmlScene.Clear(0)
    assert cells(shown, 0) == []
    slicer.mrmlScene.ReadFromMRB(scene)
    QtWidgets.QApplication.processEvents()
    assert cells(shown, 0) == ["cystic", "calcified"]
    assert np.array_equal(voxels(shown, 1), before)
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1
    shown["Lesions"].onDragged(1, (25.0, 10.0, 20.0))
    assert np.allclose(middle(shown, 1), (25.0, 10.0, 20.0), atol=3)


def test_points_are_there_only_while_the_module_is_open(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1
    slicer.modules.TextoMorphWidget.exit()
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
    slicer.modules.TextoMorphWidget.enter()
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1


def test_another_tumour_in_a_result_begins_with_an_empty_table(host: Any, shown: Any, logic: Any) -> None:
    wanted = shown["Lesions"].parameters
    add(shown, LIVER, "cystic")
    wanted.ownSettings, wanted.steps = True, 1
    mainpath.click(shown["Generate"].ui.generateButton)
    mainpath.click(shown["Compare"].ui.anotherButton)
    assert cells(shown, 0) == []
    assert not shown["Lesions"].ui.undoButton.enabled
    add(shown, BESIDE, "calcified")
    mainpath.click(shown["Generate"].ui.generateButton)
    assert logic.report(wanted.result)["text"] == "calcified"


def test_masks_removed_elsewhere_can_be_brought_back(host: Any, shown: Any) -> None:
    add(shown, LIVER, "cystic")
    before = voxels(shown, 0)
    slicer.mrmlScene.RemoveNode(shown["Lesions"].parameters.lesionsSegmentation)
    QtWidgets.QApplication.processEvents()
    shown["Lesions"].parameters.Modified()
    assert cells(shown, 0) == []
    for _change in range(2):
        shown["Lesions"].ui.undoButton.click()
    for _change in range(2):
        shown["Lesions"].ui.redoButton.click()
    assert np.array_equal(voxels(shown, 0), before)
