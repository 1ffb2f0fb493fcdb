"""Draws the panels whose work is a process, and the report's: filled in, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host import pictures

REPORT = """FINDINGS:
Liver: There is a 3.2 x 2.8 cm hypoattenuating, ill-defined mass in segment VI. No calcification.
A 9 mm well-defined cyst in segment II.
Spleen: Normal.
Kidneys: Simple cyst at the upper pole of the left kidney, 12 mm, well-defined."""


def draw(panels: dict[str, Any], alone: dict[str, Any], folder: Path) -> None:
    """Draws Report, Segment, Evaluate and Train."""
    _report(panels["Report"])
    given = panels["Segment"].parameters
    given.organ = "liver"
    given.evaluateCases, given.evaluatePredictions = "/data/folds.jsonl", "/data/predictions"
    given.evaluateOutput, given.evaluateHealthy = "/data/evaluation", "/data/healthy.jsonl"
    given.trainKind, given.trainConfiguration = "segmentation", "segmentation-laptop"
    given.trainCases, given.trainFold, given.trainOutput = "/data/folds.jsonl", "0", "/data/runs/laptop"
    for name in ("Report", "Segment", "Evaluate", "Train"):
        getattr(panels[name].ui, f"{name.lower()}CollapsibleButton").collapsed = False
        pictures.picture(alone[name], folder / f"{name.lower()}.png")


def _report(panel: Any) -> None:
    panel.ui.reportCollapsibleButton.collapsed = False
    panel.ui.reportEdit.setPlainText(REPORT)
    panel.ui.findButton.click()
    panel.ui.lesionTable.selectRow(0)
    panel.ui.leftCollapsibleButton.collapsed = False
