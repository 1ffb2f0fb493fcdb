"""Draws the panels whose work is a process, and the report's: filled in, before anything is started."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy import ndimage

from host import pictures

REPORT = """FINDINGS:
Liver: There is a 3.2 x 2.8 cm hypoattenuating, ill-defined mass in segment VI. No calcification.
A 9 mm well-defined cyst in segment II.
Spleen: Normal.
Kidneys: Simple cyst at the upper pole of the left kidney, 12 mm, well-defined."""
# In the digital phantom: middle (RAS mm), diameter, HU more than the liver, and how much of it is predicted.
LESIONS = (
    ((70.0, 10.0, 20.0), 26.0, -60.0, "a part"),
    ((40.0, 40.0, 5.0), 14.0, 20.0, "nothing"),
    ((85.0, -15.0, -10.0), 12.0, 0.0, "all"),
)


def draw(panels: dict[str, Any], alone: dict[str, Any], folder: Path) -> None:
    """Draws Report, Segment, Evaluate, Failures and Train."""
    _report(panels["Report"])
    _failures(panels["Failures"], alone["Failures"], folder)
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


def _failures(panel: Any, widget: Any, folder: Path) -> None:
    """A lesion outlined badly, one missed, and a false alarm, found in the phantom."""
    with TemporaryDirectory() as work:
        panel.parameters.evaluateOutput = _found(Path(work))
        panel.ui.failuresCollapsibleButton.collapsed = False
        panel.ui.failuresTable.selectRow(0)
        panel.ui.outputLineEdit.blockSignals(True)
        panel.ui.outputLineEdit.text = "/data/evaluation"
        pictures.picture(widget, folder / "failures.png")
        panel.ui.outputLineEdit.blockSignals(False)


def _found(work: Path) -> str:
    from TextoMorphLib.cases import Case
    from TextoMorphLib.failures.find import find
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.phantom import phantom

    ct, organs = phantom()
    hu, label, predicted = ct.hu(), organs["liver"].astype(np.uint8), np.zeros(ct.shape, np.uint8)
    grid = np.stack(np.meshgrid(*map(np.arange, ct.shape), indexing="ij"), -1) @ ct.affine[:3, :3].T + ct.affine[:3, 3]
    for centre, diameter, more, called in LESIONS:
        away = np.linalg.norm(grid - centre, axis=-1)
        ball = (away < diameter / 2) & (label > 0)
        hu = hu + more * ndimage.gaussian_filter(ball.astype(np.float32), 0.7)
        label[ball & (more != 0)] = 2
        predicted[ball & (away < diameter / (2 if called == "all" else 3.5)) & (called != "nothing")] = 2
    files = {"ct": hu.astype(np.int16), "label": label, "case7": predicted}
    for name, voxels in files.items():
        Volume.from_array(voxels, ct.affine).write(work / f"{name}.nii.gz")
    case = Case("case7", work / "ct.nii.gz", "liver", "case7", work / "label.nii.gz", {"organ": (1,), "tumour": (2,)})
    find([case], work, work / "failures.jsonl", worst=1.0)
    return str(work)
