"""Draws the path from a scan to a saved tumour in eight frames, as its user sees it: `python Testing/host/strip.py`.

Panel and view are drawn in the state that each action leaves them in: nothing is hidden, moved or chosen for the
picture. What Slicer itself does beside the module is done here: a loaded scan is shown and fitted, and Shift moves the
slices. `strip.py CT R A S` goes the path on another scan, with the lesion at a place of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

from host import application, mainpath, pictures, problems  # noqa: E402

FRAMES = (2, 3, 4, 5, 6, 7, 8, 10)  # of the ten actions, those that change what is seen
PANEL, VIEW, ACROSS = (460, 780), 500, 4
SCALE = 0.5
CAPTION = 26  # pixels


def frames(ct: str = "", site: tuple[float, float, float] = mainpath.SITE) -> list[Any]:
    """Goes the path; a picture after each action that changes what is seen."""
    import slicer
    from PySide6 import QtWidgets

    host = application.start()
    host.load(ROOT / "TextoMorph" / "TextoMorph.py")
    drawn = []
    with TemporaryDirectory() as temporary:
        file = Path(ct) if ct else _phantom(Path(temporary))
        path = mainpath.walk(host, file, Path(temporary) / "tumour.nii.gz", site, PANEL)
        for number, (action, panels) in enumerate(path, start=1):
            if number == 2:
                slicer.util.setSliceViewerLayers(background=slicer.util.getNode("CT"), fit=True)
            if number == 4:
                slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().JumpSliceByOffsetting(*site)
            if panels and panels["Scan"].parameters.segmentation:
                panels["Scan"].describeMask()  # which Slicer does a moment later
            for _ in range(5):
                QtWidgets.QApplication.processEvents()
            if number in FRAMES:
                window = panels["Scan"].widget.window() if panels else None
                drawn.append(_frame(f"{len(drawn) + 1}. {action}", window))
    assert not host.messages, host.messages
    assert not (found := problems.taken()), found
    return drawn


def strip(drawn: list[Any]) -> Any:
    """The frames in rows, as one picture."""
    from PySide6 import QtGui

    width, height = drawn[0].width(), drawn[0].height()
    rows = -(-len(drawn) // ACROSS)
    whole = QtGui.QImage(ACROSS * width, rows * height, QtGui.QImage.Format.Format_RGB888)
    whole.fill(QtGui.QColor("#ffffff"))
    painter = QtGui.QPainter(whole)
    for number, frame in enumerate(drawn):
        painter.drawImage(number % ACROSS * width, number // ACROSS * height, frame)
    painter.end()
    return whole


def _frame(caption: str, window: Any) -> Any:
    """The panel, the axial view beside it, and what was done above them."""
    from PySide6 import QtCore, QtGui

    size = round((PANEL[0] + VIEW) * SCALE), round(PANEL[1] * SCALE) + CAPTION
    frame = QtGui.QImage(*size, QtGui.QImage.Format.Format_RGB888)
    frame.fill(QtGui.QColor("#202225"))
    painter = QtGui.QPainter(frame)
    painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
    painter.fillRect(0, 0, size[0], CAPTION, QtGui.QColor("#ffffff"))
    painter.drawText(4, CAPTION - 8, caption)
    left = 0
    if window:
        left = round(PANEL[0] * SCALE)
        painter.drawPixmap(QtCore.QRect(0, CAPTION, left, size[1] - CAPTION), window.grab())
    view = pictures.slice_view("Red", (VIEW, VIEW))
    side = round(VIEW * SCALE)
    top = CAPTION + (size[1] - CAPTION - side) // 2
    painter.drawImage(QtCore.QRect(left + (size[0] - left - side) // 2, top, side, side), view)
    painter.end()
    return frame


def _phantom(folder: Path) -> Path:
    from TextoMorphLib.simulation.phantom import phantom

    phantom()[0].write(folder / "phantom.nii.gz")
    return folder / "phantom.nii.gz"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("ct", nargs="?", default="")
    options.add_argument("site", nargs="*", type=float, default=mainpath.SITE)
    options.add_argument("--output", type=Path, default=ROOT / "Resources" / "Screenshots" / "path.png")
    given = options.parse_args()
    strip(frames(given.ct, tuple(given.site))).save(str(given.output))
