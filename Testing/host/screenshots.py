"""Draws every panel, some beside their slice views, and the path of `strip.py`: `python Testing/host/screenshots.py`.

The digital phantom is shown; a CT can be named. The pictures go to Resources/Screenshots, where a test holds them
against what is drawn anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

from host import application, pictures, problems, screenshots_panels  # noqa: E402

TEXT = "hyperattenuating, ill-defined"
TEXTS = (
    "hypoattenuating, ill-defined",
    "hyperattenuating, well-defined",
    "cystic",
    "no calcification",
    "calcifications",
)
SITE = (70.0, 10.0, 20.0)
LESIONS = (
    ((0.0, 0.0, 0.0), "cystic, thin wall", 30.0),
    ((-40.0, 10.0, 0.0), "hyperattenuating", 18.0),
    ((5.0, 42.0, 0.0), "calcified", 14.0),
)


def draw(folder: Path, ct_path: str = "", site: tuple[float, float, float] = SITE) -> None:
    """Goes the main path and draws it, and then the panels beside it."""
    host = application.start()
    host.load(ROOT / "TextoMorph" / "TextoMorph.py")
    import slicer
    from PySide6 import QtWidgets

    from TextoMorphModule.Actions.samples import phantom

    ct = slicer.modules.volumes.logic().AddArchetypeVolume(ct_path, "CT") if ct_path else phantom()
    widget = host.open("TextoMorph")
    panels = {panel.name: panel for panel in widget.panels}
    alone = {panel.name: panel.widget for panel in widget.panels}
    for each in alone.values():
        each.setParent(None)
    _scan(panels, alone, folder, ct, site)
    _generate(panels, alone, folder)
    panels["Compare"].onShow()
    views = slicer.app.layoutManager().sliceViewNames()
    pictures.picture(alone["Compare"], folder / "compare.png", views, width=420, height=420)
    panels["Compare"].onBack()
    _preview(panels["Preview"], alone["Preview"], folder)
    _batch(panels["Batch"], alone["Batch"], folder)
    panels["Log"].ui.logCollapsibleButton.collapsed = False
    pictures.picture(alone["Log"], folder / "log.png")
    _lesions(panels, alone, folder, site)
    _turing(panels, alone, folder)
    screenshots_panels.draw(panels, alone, folder)
    panels["Describe"].parameters.text = "mildly hypodense gloomy lesion, well-defined, ill-defined"
    pictures.picture(alone["Describe"], folder / "describe-warnings.png")
    for problem in [*host.messages, *problems.taken()]:
        print(problem, file=sys.stderr)
    QtWidgets.QApplication.processEvents()


def _scan(
    panels: dict[str, Any], alone: dict[str, Any], folder: Path, ct: Any, site: tuple[float, float, float]
) -> None:
    import slicer

    wanted = panels["Scan"].parameters
    wanted.ct, wanted.text, wanted.lesionDiameter = ct, TEXT, 30.0
    slicer.util.setSliceViewerLayers(background=ct)
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(site)
    panels["Scan"].ui.placeButton.click()
    panels["Scan"].describeMask()
    for name in ("Red", "Yellow", "Green"):
        view = slicer.app.layoutManager().sliceWidget(name)
        view.sliceLogic().FitSliceToBackground()
        view.mrmlSliceNode().JumpSlice(*site)
    pictures.picture(alone["Scan"], folder / "scan.png", ("Red",))


def _generate(panels: dict[str, Any], alone: dict[str, Any], folder: Path) -> None:
    panels["Generate"].ui.generateButton.click()
    panels["Setup"].ui.setupCollapsibleButton.collapsed = False
    panels["Setup"].ui.checkButton.click()
    panels["Generate"].ui.generateCollapsibleButton.collapsed = False
    for name in ("Setup", "Describe", "Generate"):
        pictures.picture(alone[name], folder / f"{name.lower()}.png")


def _lesions(panels: dict[str, Any], alone: dict[str, Any], folder: Path, site: tuple[float, float, float]) -> None:
    """Three lesions in the table, and beside it the axial view with their outlines and numbers."""
    import slicer

    panel, wanted = panels["Lesions"], panels["Lesions"].parameters
    panel.ui.lesionsCollapsibleButton.collapsed = False
    wanted.result, wanted.segmentation, wanted.segmentId = None, None, ""
    slicer.util.setSliceViewerLayers(background=wanted.ct)
    for shift, text, diameter in LESIONS:
        place = tuple(a + b for a, b in zip(site, shift, strict=True))
        slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(place)
        wanted.lesionDiameter = diameter
        panel.ui.addButton.click()
        wanted.text = text
    panel.lookAtPlaces()
    pictures.picture(alone["Lesions"], folder / "lesions.png", ("Red",), height=330)


def _preview(panel: Any, widget: Any, folder: Path) -> None:
    panel.ui.previewCollapsibleButton.collapsed = False
    panel.parameters.previewTexts = "\n".join(TEXTS)
    panel.parameters.previewWords = True
    panel.ui.drawButton.click()
    pictures.picture(widget, folder / "preview.png")


def _batch(panel: Any, widget: Any, folder: Path) -> None:
    panel.ui.batchCollapsibleButton.collapsed = False
    given = panel.parameters
    given.batchCts, given.batchMasks, given.batchOutput = "/data/ct", "/data/liver", "/data/tumours"
    given.batchMasksAre, given.batchCount = "organs", 40
    pictures.picture(widget, folder / "batch.png")


@contextmanager
def drawn_the_same() -> Iterator[None]:
    """A study with the same order of cases, whatever its scans' bytes, which the number of threads changes, too."""
    with (
        mock.patch("secrets.randbelow", return_value=1),
        mock.patch("secrets.token_hex", lambda size: "0" * 2 * size),
        mock.patch("TextoMorphLib.reader_study.create.chance", lambda seed, paths: Random(seed)),
    ):
        yield


def _turing(panels: dict[str, Any], alone: dict[str, Any], folder: Path) -> None:
    """A study of stand-ins that simulated readers have read, then one of its cases in the reader's three planes."""
    from TextoMorphLib.reader_study.demo import demo

    with TemporaryDirectory() as work:
        with drawn_the_same():
            study, _key = demo(Path(work) / "demo", 4, "starter", "cpu")
        ui = panels["Turing"].ui
        ui.turingCollapsibleButton.collapsed = ui.moreCollapsibleButton.collapsed = False
        ui.turingTabs.currentIndex = 0
        ui.tableLineEdit.text, ui.readersLineEdit.text = "/data/tumours.csv", "anna, ben, carla"
        ui.outputLineEdit.text = "/data/liver-study"
        pictures.picture(alone["Turing"], folder / "turing-create.png")
        ui.studyLineEdit.text, ui.turingTabs.currentIndex = str(study.folder), 2
        ui.scoreButton.click()
        pictures.picture(alone["Turing"], folder / "turing-score.png")
        for answers in (study.folder / "answers").glob("*"):
            answers.unlink()
        ui.startButton.click()
        panels["Case"].onCall("synthetic")
        panels["Case"].onConfidence(4)
        views = ("TextoMorphAxial", "TextoMorphCoronal", "TextoMorphSagittal")
        pictures.picture(alone["Case"], folder / "turing.png", views, width=490)
        panels["Case"].onEnd()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("ct", nargs="?", default="")
    options.add_argument("--output", type=Path, default=ROOT / "Resources" / "Screenshots")
    given = options.parse_args()
    given.output.mkdir(exist_ok=True)
    strip = [sys.executable, str(Path(__file__).with_name("strip.py")), "--output", str(given.output / "path.png")]
    subprocess.run(strip, check=True)  # a host of its own
    draw(given.output, given.ct)
