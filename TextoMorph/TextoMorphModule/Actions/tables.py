"""Rows in Slicer's own table view."""

from collections.abc import Mapping, Sequence
from typing import Any

import slicer
import vtk

DIGITS = 3


def show(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Shows rows in Slicer's table view, in the table node of this name, which is made where there is none.

    Args:
        name: Of the node.
        columns: What is shown of each row, from left to right.
        rows: What is missing in one is left empty.

    Returns:
        The table node.
    """
    known = [node for node in slicer.util.getNodesByClass("vtkMRMLTableNode") if node.GetName() == name]
    node = known[0] if known else slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.RemoveAllColumns()
    node.SetUseColumnTitleAsColumnHeader(True)
    for column in columns:
        cells = vtk.vtkStringArray()
        cells.SetName(column)
        for row in rows:
            cells.InsertNextValue(_cell(row.get(column)))
        node.AddColumn(cells)
    node.SetLocked(True)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveTableID(node.GetID())
    logic.PropagateTableSelection()
    return node


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
