"""Slice views side by side: layouts of the module's own, and what each view shows."""

from typing import Any

import slicer


def view(tag: str, plane: str, label: str, colour: str, share: int = 0) -> str:
    """A slice view as an item of a layout.

    Args:
        tag: Its name.
        plane: Axial, Coronal or Sagittal.
        label: What stands in its corner.
        colour: Of its bar, #rrggbb.
        share: Of the layout's room, in thousandths; as much as the others have if 0.
    """
    item = f'<item splitSize="{share}">' if share else "<item>"
    return (
        f'{item}<view class="vtkMRMLSliceNode" singletontag="{tag}">'
        f'<property name="orientation" action="default">{plane}</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{colour}</property></view></item>'
    )


def useLayout(number: int, description: str) -> int:
    """Arranges the views by a layout, which Slicer learns when it is first used.

    Args:
        number: Any that Slicer and other extensions do not use.
        description: Slicer's XML.

    Returns:
        The layout that there was before.
    """
    manager = slicer.app.layoutManager()
    layoutNode = manager.layoutLogic().GetLayoutNode()
    if not layoutNode.IsLayoutDescription(number):
        layoutNode.AddLayoutDescription(number, description)
    before: int = layoutNode.GetViewArrangement()
    manager.setLayout(number)
    return before


def show(tag: str, plane: str, background: Any, foreground: Any = None) -> Any:
    """Shows volumes in a view, which is linked to no other from now on; returns its slice logic."""
    logic = slicer.app.layoutManager().sliceWidget(tag).sliceLogic()
    composite = logic.GetSliceCompositeNode()
    composite.SetLinkedControl(False)  # linked views would take each other's volumes while they are set
    composite.SetBackgroundVolumeID(background.GetID())
    composite.SetForegroundVolumeID(foreground.GetID() if foreground else None)
    logic.GetSliceNode().SetOrientation(plane)
    return logic


def showCrosshair(visible: bool) -> None:
    """Shows the crosshair in all slice views, or in none."""
    crosshair = slicer.util.getNode("vtkMRMLCrosshairNode*")
    modes = slicer.vtkMRMLCrosshairNode
    crosshair.SetCrosshairMode(modes.ShowBasic if visible else modes.NoCrosshair)
