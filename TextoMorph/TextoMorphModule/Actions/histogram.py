"""The HU of a lesion against those around it, in Slicer's own plot."""

from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress

NEAR_MM, FAR_MM = 4.0, 10.0  # nothing farther than the first from the mask is changed
BIN_HU = 10.0
MOST_BINS = 80
COLUMNS = ("HU", "Lesion", "Around")
COLOURS = ((0.9, 0.6, 0.1), (0.3, 0.6, 0.9))


class Histogram:
    """Part of the comparison."""

    def histogram(self, result: Any, progress: Progress | None = None) -> Any:
        """How often each HU occurs in the lesion, and in the tissue 4 to 10 mm outside it, in percent.

        Made once and kept with the result. Slicer stays alive meanwhile.

        Args:
            result: One of `generate`'s volumes.
            progress: Called about twenty times a second; returns False to cancel.

        Returns:
            A plot chart node with two series; their table has the columns HU, Lesion and Around.

        Raises:
            InputError: The result's mask is no longer in the scene.
            Cancelled: `progress` returned False, or the scene was closed; nothing was made.

        Example:
            >>> slicer.modules.plots.logic().ShowChartInLayout(logic.histogram(node))
        """
        from TextoMorphLib.errors import Cancelled

        found = result.GetNodeReference(nodes.CHART)
        if found:
            return found
        columns = background.run(background.inOneGo(partial(_columns, *self._given(result))), progress)
        if not nodes.inScene(result):
            raise Cancelled("the scene was closed")
        name = _("Histogram of {name}").format(name=result.GetName())
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
        chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", name)
        slicer.util.updateTableFromArray(table, columns, COLUMNS)
        for column, colour in zip(COLUMNS[1:], COLOURS, strict=True):
            series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", column)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetXColumnName(COLUMNS[0])
            series.SetYColumnName(column)
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
            series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
            series.SetColor(*colour)
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetTitle(result.GetName())
        chart.SetXAxisTitle("HU")
        chart.SetYAxisTitle(_("% of voxels"))
        result.SetNodeReferenceID(nodes.CHART, chart.GetID())
        result.SetNodeReferenceID(nodes.TABLE, table.GetID())
        return chart

    def _updateHistogram(self, result: Any) -> None:
        """Fills a result's histogram anew, where it has one. Slicer stays alive meanwhile."""
        if not result.GetNodeReference(nodes.CHART):
            return
        columns = background.run(background.inOneGo(partial(_columns, *self._given(result))))
        table, chart = result.GetNodeReference(nodes.TABLE), result.GetNodeReference(nodes.CHART)
        if nodes.inScene(result) and table and chart:  # still
            slicer.util.updateTableFromArray(table, columns, COLUMNS)
            chart.SetTitle(result.GetName())

    def _given(self, result: Any) -> tuple[Any, Any, Any]:
        """HU around the lesion, which of them are in it, and the voxels' size in mm."""
        import numpy as np

        from TextoMorphLib.spatial.geometry import grow, placed

        volume, (tight, lesion) = nodes.volumeOf(result), nodes.keptMaskOf(result)
        box = grow(tight, np.ceil(FAR_MM / volume.spacing), volume.shape)
        return volume.hu(box), placed(lesion, tight, box), volume.spacing


def _columns(hu: Any, inside: Any, spacing: Any) -> list[Any]:
    """HU, percent of the lesion's voxels and percent of those around it: three arrays."""
    import numpy as np
    from scipy import ndimage

    away = ndimage.distance_transform_edt(~inside, sampling=spacing)  # half a second for the largest lesions
    groups = hu[inside], hu[(away > NEAR_MM) & (away <= FAR_MM)]
    low, high = np.percentile(np.concatenate(groups), (0.5, 99.5))
    count = int(np.clip((high - low) / BIN_HU, 5, MOST_BINS))
    edges = np.linspace(low, high, count + 1)
    shares = [100 * np.histogram(group, edges)[0] / max(group.size, 1) for group in groups]
    return [(edges[1:] + edges[:-1]) / 2, *shares]
