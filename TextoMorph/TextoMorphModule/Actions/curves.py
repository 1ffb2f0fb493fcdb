"""A training's losses in Slicer's own plot view."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes

STEP, SMOOTH = "step", "smoothed"
SPAN = 0.05  # of all points, over which the line of the training's loss is smoothed
MOST_POINTS = 2000  # that are drawn of a name
COLOURS = ((0.3, 0.6, 0.9), (0.9, 0.6, 0.1), (0.35, 0.75, 0.4), (0.8, 0.4, 0.7), (0.9, 0.35, 0.3))
GREY = (0.6, 0.6, 0.6)


class LossCurve:
    """A plot chart that follows a training.

    Attributes:
        title: Its title.
        chart: The plot chart node; None before anything is shown, or once the scene was closed.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._tables: dict[str, Any] = {}
        self.chart: Any = None

    def show(self, values: dict[str, list[tuple[int, float]]]) -> None:
        """Makes the chart where there is none, and shows it in Slicer's plot view."""
        if not nodes.inScene(self.chart):
            self._tables = {}
            self.chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", self.title)
            self.chart.SetTitle(self.title)
            self.chart.SetXAxisTitle(_("step"))
            self.chart.SetYAxisTitle(_("loss"))
        self.update(values)
        slicer.modules.plots.logic().ShowChartInLayout(self.chart)

    def update(self, values: dict[str, list[tuple[int, float]]]) -> None:
        """Draws what was logged by now; nothing where nobody looks."""
        if not nodes.inScene(self.chart):
            return
        for name in _drawn(values):
            self._fill(name, values[name][-MOST_POINTS:])

    def _fill(self, name: str, points: list[tuple[int, float]]) -> None:
        import numpy as np

        steps, found = (np.array(each, float) for each in zip(*points, strict=True))
        columns = [steps, found] + ([_smoothed(found)] if name == "loss" else [])
        table = self._tables.get(name)
        if not nodes.inScene(table):
            table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", f"{self.title}: {name}")
            self._tables[name] = table
            slicer.util.updateTableFromArray(table, columns, [STEP, name, SMOOTH][: len(columns)])
            colour = COLOURS[len(self._tables) % len(COLOURS)]
            if name == "loss":
                self._series(table, name, GREY)
                self._series(table, SMOOTH, COLOURS[0], _("loss, smoothed"))
            else:
                self._series(table, name, colour)
        else:
            slicer.util.updateTableFromArray(table, columns, [STEP, name, SMOOTH][: len(columns)])

    def _series(self, table: Any, column: str, colour: tuple[float, float, float], name: str = "") -> None:
        series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name or column)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(STEP)
        series.SetYColumnName(column)
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetColor(*colour)
        self.chart.AddAndObservePlotSeriesNodeID(series.GetID())


def _drawn(values: dict[str, list[tuple[int, float]]]) -> list[str]:
    """The loss, and what validation says; the loss's parts stay in the log."""
    return [name for name, points in values.items() if points and (name == "loss" or name.startswith("validation"))]


def _smoothed(values: Any) -> Any:
    """The mean of the values up to each, over a twentieth of all."""
    import numpy as np

    span = max(round(SPAN * len(values)), 1)
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - span, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
