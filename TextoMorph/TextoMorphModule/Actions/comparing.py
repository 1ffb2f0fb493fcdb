"""Before and after: linked views, difference map, asked against measured, saving."""

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, dicom, nodes, views
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.histogram import Histogram
from TextoMorphModule.Actions.packages import ensured

LAYOUTS = {False: 7401, True: 7402}  # one plane, three planes: any numbers that Slicer and others do not use
PLANES = ("Axial", "Coronal", "Sagittal")
VIEWS = {"TextoMorphBefore": "Before", "TextoMorphAfter": "After", "TextoMorphDifference": "Difference"}
COLOURS = "TextoMorph difference"
LEAST_RANGE_HU = 60.0
MOST_CHANGED_PERCENT = 2.0  # of what has changed is beyond the colours' ends: else a little calcium dims all the rest
FIELD_MM = 180.0  # that the views show at first


class Comparing(Histogram):
    """A result beside the CT that it was made from."""

    _layoutBefore: int | None = None  # what the comparison took the place of
    _lookedAt: list[float] | None = None  # the place of the lesion that the ordinary views went to last

    def showBeforeAfter(self, result: Any, planes: bool = False) -> None:
        """Shows CT, result and difference side by side in linked views, at the lesion.

        Args:
            result: One of `generate`'s volumes.
            planes: Axial, coronal and sagittal, with the crosshair shown in all of them; else axial alone.

        Raises:
            InputError: It is none, or its CT is no longer in the scene.

        Example:
            >>> logic.showBeforeAfter(node)
        """
        ctNode = self._ctOf(result)
        chosen = PLANES if planes else PLANES[:1]
        before = views.useLayout(LAYOUTS[planes], _layout(chosen))
        if before not in LAYOUTS.values():
            self._layoutBefore = before
        layers = ((ctNode, None), (ctNode, result), (self.difference(result), None))
        each = [(tag, layer) for tag, layer in zip(VIEWS, layers, strict=True)]
        logics = [views.show(_tag(tag, plane), plane, *layer) for plane in chosen for tag, layer in each]
        views.showCrosshair(planes)
        for logic in logics:
            logic.GetSliceCompositeNode().SetForegroundOpacity(1.0)
            logic.FitFOVToBackground(FIELD_MM)
        centre = self._centre(result)
        for logic in logics:
            if centre:
                logic.GetSliceNode().JumpSliceByCentering(*centre)
            logic.GetSliceCompositeNode().SetLinkedControl(True)
            logic.GetSliceCompositeNode().SetHotLinkedControl(True)

    def leaveComparison(self) -> None:
        """Brings back the views that the comparison took the place of.

        Example:
            >>> logic.leaveComparison()
        """
        if self._layoutBefore is not None:
            slicer.app.layoutManager().setLayout(self._layoutBefore)
            views.showCrosshair(False)
            self._layoutBefore = None

    @property
    def comparing(self) -> bool:
        """Whether the comparison has taken the place of other views.

        Example:
            >>> logic.comparing
            False
        """
        return self._layoutBefore is not None

    def showResult(self, result: Any) -> None:
        """Shows a result where one was shown before: in the comparison, or in the ordinary views.

        The ordinary views go to its lesion, if that lies elsewhere than the one before.

        Example:
            >>> logic.showResult(logic.results()[0])
        """
        if self.comparing:
            layout = slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()
            self.showBeforeAfter(result, layout == LAYOUTS[True])
            return
        slicer.util.setSliceViewerLayers(background=result)
        centre = self._centre(result)
        if centre and centre != self._lookedAt:
            self._lookedAt = centre
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *centre)

    def fade(self, opacity: float) -> None:
        """How much of the result the middle view shows: 0 is the CT alone, 1 the result alone.

        Example:
            >>> logic.fade(0.5)
        """
        for plane in PLANES:
            widget = slicer.app.layoutManager().sliceWidget(_tag("TextoMorphAfter", plane))
            if widget:
                widget.sliceLogic().GetSliceCompositeNode().SetForegroundOpacity(opacity)

    def difference(self, result: Any) -> Any:
        """The result minus its CT in HU, as a volume from blue (darker) over black to orange (brighter).

        It covers the lesion and what little around it may change. Made once and kept with the result.

        Example:
            >>> slicer.util.setSliceViewerLayers(background=logic.difference(node))
        """
        found = result.GetNodeReference(nodes.DIFFERENCE)
        if found:
            return found
        name = _("{name} minus CT").format(name=result.GetName())
        made = nodes.addVolumeLike(self._ctOf(result), name)
        made.GetDisplayNode().SetAndObserveColorNodeID(_divergingColours().GetID())
        result.SetNodeReferenceID(nodes.DIFFERENCE, made.GetID())
        nodes.placeUnder(made, result)
        self._updateDifference(result)
        return made

    def differenceRange(self, result: Any) -> float:
        """The HU that the ends of the difference map's colours stand for; 0 while there is no map.

        Example:
            >>> logic.differenceRange(node)
            120.0
        """
        made = result.GetNodeReference(nodes.DIFFERENCE) if result else None
        return made.GetDisplayNode().GetWindow() / 2 if made else 0.0

    def _updateDifference(self, result: Any) -> None:
        """Fills a result's difference map, where it has one."""
        import numpy as np

        from TextoMorphLib.errors import InputError

        made = result.GetNodeReference(nodes.DIFFERENCE)
        if made:
            ctNode = self._ctOf(result)
            box = self._changeable(result)
            if nodes.gridOf(ctNode)[0] != nodes.gridOf(result)[0]:
                raise InputError("the CT of this result was cropped or resampled; load it again, or generate anew")
            change = nodes.volumeOf(result).hu(box) - nodes.volumeOf(ctNode).hu(box)
            nodes.placeOn(made, box, result)
            made.SetAndObserveImageData(nodes.imageOf(change))
            made.GetDisplayNode().SetWindowLevel(2 * _ends(np.abs(change)), 0.0)

    def _changeable(self, result: Any) -> Any:
        """The box of the CT's grid outside of which the result is the CT; all of it if the mask was removed."""
        import numpy as np

        from TextoMorphLib.errors import InputError
        from TextoMorphLib.spatial.geometry import grow
        from TextoMorphLib.spatial.region import REACH_MM

        volume = nodes.volumeOf(result)
        try:
            lesion, _inside = nodes.keptMaskOf(result)
        except InputError:
            return tuple(slice(0, size) for size in volume.shape)
        return grow(lesion, np.ceil(REACH_MM / volume.spacing), volume.shape)

    def askedAgainstMeasured(self, result: Any) -> list[dict[str, Any]]:
        """What the text asked for and what came out: rows with `asked`, `measured`, `unit`, `ok` and `note`.

        Example:
            >>> [(row["asked"], row["ok"]) for row in logic.askedAgainstMeasured(node)]
            [('hypoattenuating', True)]
        """
        lesions = self.report(result).get("asked", [])  # type: ignore[attr-defined]
        return [{**row, "lesion": number} for number, lesion in enumerate(lesions, 1) for row in lesion]

    def save(self, result: Any, path: str | Path, overwrite: bool = False, progress: Progress | None = None) -> None:
        """Writes a result as .nii.gz, .nii, .nrrd or .mha, with its report as JSON beside it; both or none.

        The image's own header says that it is synthetic. Slicer stays alive meanwhile.

        Args:
            result: One of `generate`'s volumes.
            path: Where it goes.
            overwrite: Replace what is there.
            progress: Called about twenty times a second; returns False to cancel.

        Raises:
            InputError: The name has another ending, the folder is not there, the file exists, the disk is full.
            Cancelled: `progress` returned False; nothing was written.

        Example:
            >>> logic.save(node, "/data/tumour.nii.gz")
        """
        from TextoMorphLib.io import outputs
        from TextoMorphLib.io.provenance import provenance

        report = self.report(result)  # type: ignore[attr-defined]
        outputs.check_image(Path(path), overwrite=overwrite)
        given = nodes.volumeOf(result), report, Path(path), provenance(report["seed"])
        background.run(lambda onStep: outputs.write_image(*given, progress=onStep), progress)

    def dicomSource(self, result: Any) -> Path | None:
        """A file of the DICOM series that a result's CT was loaded from; None where it was no DICOM.

        Example:
            >>> logic.dicomSource(node) is None
            True
        """
        return dicom.fileOf(result)

    def exportDicom(
        self,
        result: Any,
        folder: str | Path,
        segmentation: bool = True,
        progress: Progress | None = None,
        keepPatient: bool = False,
    ) -> str:
        """Writes a result as a DICOM series that is marked as derived and synthetic, with its mask; all or nothing.

        Patient and study are made up unless those of the CT are asked for. Slicer stays alive meanwhile.

        Args:
            result: One of `generate`'s volumes.
            folder: New or empty.
            segmentation: Whether the mask is written too (DICOM SEG); needs highdicom.
            progress: Called about twenty times a second with (slices written, slices in all); returns False to cancel.
            keepPatient: Take patient and study from the CT's series; see `dicomSource`.

        Returns:
            Whose patient and study it has, in words.

        Raises:
            InputError: The folder is not empty, the result's CT or mask is gone, there is no series to take a patient
                from, the disk is full.
            Cancelled: `progress` returned False; nothing was written.

        Example:
            >>> logic.exportDicom(node, "/data/tumour-dicom")
        """
        from TextoMorphLib.io import dicom_export

        mask = nodes.whole(*nodes.keptMaskOf(result), result) if segmentation else None
        volume, report = nodes.volumeOf(result), self.report(result)  # type: ignore[attr-defined]
        given = volume, report, Path(folder), self.dicomSource(result), mask
        whose: str = background.run(
            lambda onStep: dicom_export.write(*given, progress=onStep, keep_patient=keepPatient), progress
        )
        return whose

    def canWriteDicomSegmentation(self) -> bool:
        """Whether highdicom is there; if not, Slicer asks whether to install it.

        Example:
            >>> logic.exportDicom(node, folder, segmentation=logic.canWriteDicomSegmentation())
        """
        return ensured("dicom")

    def accept(self, result: Any, accepted: bool = True) -> None:
        """Marks a result as one to keep, or takes that back. It is saved with the scene, and Live leaves it alone.

        Example:
            >>> logic.accept(node)
        """
        if accepted:
            result.SetAttribute(nodes.ACCEPTED, "1")
            result.RemoveAttribute(nodes.LIVE)
        else:
            result.RemoveAttribute(nodes.ACCEPTED)

    def isAccepted(self, result: Any) -> bool:
        """Whether a result is marked as one to keep.

        Example:
            >>> [node.GetName() for node in logic.results() if logic.isAccepted(node)]
        """
        return bool(result and result.GetAttribute(nodes.ACCEPTED))

    def discard(self, result: Any) -> None:
        """Removes a result, its difference map, its histogram and its copy of the mask; what was painted stays.

        Example:
            >>> logic.discard(node)
        """
        chart = result.GetNodeReference(nodes.CHART)
        lines = [chart.GetNthPlotSeriesNode(0), chart.GetNthPlotSeriesNode(1)] if chart else []
        others = [result.GetNodeReference(role) for role in (nodes.DIFFERENCE, nodes.CHART, nodes.TABLE)]
        mask = result.GetNodeReference(nodes.MASK)
        for node in (*lines, *others, result):
            if node:
                slicer.mrmlScene.RemoveNode(node)
        self._forgetMask(mask)  # type: ignore[attr-defined]

    def _ctOf(self, result: Any) -> Any:
        from TextoMorphLib.errors import InputError

        ctNode = result.GetNodeReference(nodes.CT) if result else None
        if ctNode is None:
            raise InputError("the CT of this result is not in the scene any more; load it, or generate anew")
        return ctNode

    def _centre(self, result: Any) -> list[float] | None:
        """The first lesion's middle, RAS mm in the world; None if the mask was removed or emptied."""
        import numpy as np

        from TextoMorphLib.errors import InputError

        try:
            box, inside = nodes.keptMasksOf(result)[0]
        except InputError:
            return None
        voxel = np.argwhere(inside).mean(0) + [part.start for part in box]
        middle = nodes.affineOf(result) @ [*voxel, 1.0]
        centre = [0.0, 0.0, 0.0]
        result.TransformPointToWorld(middle[:3].tolist(), centre)
        return centre


def _tag(view: str, plane: str) -> str:
    """A view's name; the axial ones have that of their column."""
    return view if plane == "Axial" else view + plane


def _layout(planes: tuple[str, ...]) -> str:
    """A column each for before, after and difference, a row for each plane."""
    columns = []
    for (tag, name), colour in zip(VIEWS.items(), ("#4b9cd3", "#e0a030", "#b0b0b0"), strict=True):
        labels = {plane: name[0] if plane == "Axial" else f"{name[0]}{plane[0]}" for plane in planes}
        items = (views.view(_tag(tag, plane), plane, labels[plane], colour) for plane in planes)
        columns.append("".join(items))
    if len(planes) > 1:
        columns = [f'<item><layout type="vertical" split="true">{items}</layout></item>' for items in columns]
    return f'<layout type="horizontal" split="true">{"".join(columns)}</layout>'


def _divergingColours() -> Any:
    """Blue over black to orange: no change is black, as the CT's air is."""
    found = slicer.mrmlScene.GetFirstNodeByName(COLOURS)
    if found:
        return found
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", COLOURS)
    table.SetTypeToUser()
    table.SetHideFromEditors(True)
    table.SetNumberOfColors(256)
    for index in range(256):
        strength = (index - 127.5) / 127.5
        red, green, blue = (1.0, 0.6, 0.15) if strength > 0 else (0.2, 0.6, 1.0)
        table.SetColor(index, *(abs(strength) * part for part in (red, green, blue)), 1.0)
    table.SetNamesFromColors()
    return table


def _ends(change: Any) -> float:
    """The HU that the ends of the colours stand for, of how far each voxel has changed."""
    import numpy as np

    changed = change[change >= 1.0]
    far = float(np.percentile(changed, 100.0 - MOST_CHANGED_PERCENT)) if changed.size else 0.0
    return max(LEAST_RANGE_HU, far)
