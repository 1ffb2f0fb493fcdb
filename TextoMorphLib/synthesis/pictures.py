"""Figures of a lesion: before, after and difference in three planes; one lesion under many texts."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from nibabel import orientations
from scipy import ndimage

from TextoMorphLib.spatial.geometry import Box, grow, tight_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from TextoMorphLib.io.volume import Volume

WINDOW_HU = (40.0, 400.0)  # level and width: the abdomen's usual window,
ORGAN_WIDTH_HU = 250.0  # and how wide one is that shows what differs within an organ
LINE_IN = 0.17  # the height of a line of a caption
LEAST_DIFFERENCE_HU = 20.0  # the colours never stretch to less, or noise would look like a lesion

Plane = Literal["sagittal", "coronal", "axial"]
PLANES: tuple[Plane, ...] = ("sagittal", "coronal", "axial")  # the plane across each axis, in R, A, S order
# Top row first; what lies on the left and on the top of each.
SHOWN: dict[Plane, tuple[str, str]] = {"axial": ("R", "A"), "coronal": ("R", "S"), "sagittal": ("A", "S")}


@dataclass(frozen=True)
class View:
    """The part of a scan that is shown: around the largest lesion of a mask.

    Attributes:
        box: That part, on the scan's grid.
        to_ras: How its axes are reordered and flipped to be nearest to R, A, S (nibabel's orientation array).
        spacing: mm along R, A, S.
        mask: The mask in the box, in R, A, S order.
        centre: The index in R, A, S order where each plane cuts most of the lesion.
        window: Level and width, HU.
    """

    box: Box
    to_ras: np.ndarray
    spacing: np.ndarray
    mask: np.ndarray
    centre: tuple[int, int, int]
    window: tuple[float, float] = WINDOW_HU

    @classmethod
    def around(cls, volume: Volume, mask: np.ndarray, least_mm: float, window: tuple[float, float] = WINDOW_HU) -> View:
        """Show the largest lesion with twice its size around it, and never less than `least_mm`."""
        lesion = _largest(mask)
        size = [part.stop - part.start for part in lesion]
        pad = [
            int(np.ceil(max(extent, (least_mm / mm - extent) / 2)))
            for extent, mm in zip(size, volume.spacing, strict=True)
        ]
        box = grow(lesion, np.array(pad), mask.shape)
        to_ras = orientations.io_orientation(volume.affine)
        order = np.argsort(to_ras[:, 0])
        shown = orientations.apply_orientation(mask[box], to_ras)
        inside = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(lesion, box, strict=True))
        alone = np.zeros_like(mask[box])
        alone[inside] = mask[lesion]
        alone = orientations.apply_orientation(alone, to_ras)
        x, y, z = (int(alone.sum(axis=axes).argmax()) for axes in ((1, 2), (0, 2), (0, 1)))
        return cls(box, to_ras, np.asarray(volume.spacing)[order], shown, (x, y, z), window)

    def cut(self, volume: Volume, plane: Plane) -> np.ndarray:
        """HU of a plane through the lesion: rows count from below, columns from the left."""
        return self._slice(self.whole(volume), plane)

    def whole(self, volume: Volume) -> np.ndarray:
        """HU of all that is shown, in R, A, S order."""
        return np.asarray(orientations.apply_orientation(volume.hu(self.box), self.to_ras))

    def at(self, axial: int) -> View:
        """The same, cut at another axial slice."""
        return replace(self, centre=(*self.centre[:2], axial))

    def draw(self, axes: Axes, flat: np.ndarray, plane: Plane, **how: Any) -> Any:
        """Draw a plane, in the view's window unless told otherwise."""
        level, width = self.window
        how = {"cmap": "gray", "vmin": level - width / 2, "vmax": level + width / 2, **how}
        axes.set_axis_off()
        return axes.imshow(flat, origin="lower", aspect=self._aspect(plane), **how)

    def outline(self, axes: Axes, plane: Plane, colour: str = "#ffd400") -> None:
        """Draw the mask's border over a plane."""
        border = self._slice(self.mask, plane).astype(float)
        if min(border.shape) > 1 and 0 < border.mean() < 1:
            axes.contour(border, levels=[0.5], colors=colour, linewidths=0.8)

    @property
    def grey(self) -> str:
        """The window in words."""
        level, width = self.window
        return f"level {level:g} HU, width {width:g} HU"

    def _slice(self, array: np.ndarray, plane: Plane) -> np.ndarray:
        axis = PLANES.index(plane)
        # As radiologists look at it: right, or front in the sagittal plane, is drawn on the left.
        return np.take(array, self.centre[axis], axis=axis)[::-1].T

    def _aspect(self, plane: Plane) -> float:
        across, up = np.delete(self.spacing, PLANES.index(plane))
        return float(up / across)


def before_after(before: Volume, after: Volume, mask: np.ndarray, title: str, note: str) -> bytes:
    """A PNG of a lesion before, after and as their difference, in three planes.

    Args:
        before: The healthy scan.
        after: The synthetic scan, on the same grid.
        mask: Boolean, of the scans' shape.
        title: What was asked for.
        note: Provenance: shown below, and kept in the file.
    """
    box = tight_box(mask)
    level = round(float(np.median(before.hu(box)[mask[box]])) / 10) * 10.0  # as one would set it to look at the organ
    view = View.around(before, mask, 160.0, (level, ORGAN_WIDTH_HU))
    note = f"{view.grey}; {note}"
    planes = {plane: (view.cut(before, plane), view.cut(after, plane)) for plane in SHOWN}
    limit = max(LEAST_DIFFERENCE_HU, *(float(np.abs(new - old).max()) for old, new in planes.values()))

    figure = new_figure(10.4, 10.0, title, note)
    edges = {"left": 0.04, "right": 0.9, "top": 0.9, "bottom": 0.03}
    grid = figure.subplots(3, 3, gridspec_kw={**edges, "wspace": 0.03, "hspace": 0.03})
    for row, (plane, (left, top)) in zip(grid, SHOWN.items(), strict=True):
        healthy, synthetic = planes[plane]
        view.draw(row[0], healthy, plane)
        view.outline(row[0], plane)
        view.draw(row[1], synthetic, plane)
        colours = view.draw(row[2], synthetic - healthy, plane, cmap="RdBu_r", vmin=-limit, vmax=limit)
        row[0].text(-0.04, 0.5, plane, transform=row[0].transAxes, rotation=90, va="center", ha="right")
        row[0].text(0.02, 0.5, left, transform=row[0].transAxes, color="white", va="center")
        row[0].text(0.5, 0.98, top, transform=row[0].transAxes, color="white", va="top", ha="center")
    for axes, name in zip(grid[0], ("before, with the mask", "after", "difference"), strict=True):
        axes.set_title(name, fontsize=11)
    bar = figure.colorbar(colours, cax=figure.add_axes((0.915, 0.03, 0.018, 0.87)))
    bar.set_label("after minus before, HU")
    return as_png(figure, note)


def text_grid(
    view: View, healthy: np.ndarray, variants: Sequence[tuple[str, np.ndarray]], note: str, columns: int = 4
) -> bytes:
    """A PNG of one lesion's central axial slice under many texts, the healthy scan first.

    Args:
        view: What is shown of the scan.
        healthy: The healthy scan's slice, `view.cut(scan, "axial")`.
        variants: A caption and a slice each.
        note: Provenance: shown below and kept in the file, with the window.
        columns: Pictures a row.
    """
    cells = [("healthy, with the mask", healthy), *variants]
    rows = -(-len(cells) // columns)
    columns = min(columns, len(cells))
    titles = [
        "\n".join(part for line in caption.splitlines() for part in textwrap.wrap(line, 34)) for caption, _ in cells
    ]
    lines = max(3, *(title.count("\n") + 1 for title in titles))  # a row must not run into the one above it
    each = 2.4 + LINE_IN * lines
    height = each * rows + 0.3
    note = f"{view.grey}; {note}"
    figure = new_figure(2.7 * columns, height, "", note)
    edges = {"left": 0.02, "right": 0.98, "top": 1 - (LINE_IN * lines + 0.25) / height, "bottom": 0.3 / height}
    spaces = {"hspace": LINE_IN * lines / 2.2, "wspace": 0.06}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={**edges, **spaces})
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title, (_caption, flat) in zip(grid.flat, titles, cells, strict=False):
        view.draw(axes, flat, "axial")
        axes.set_title(title, fontsize=8, parse_math=False)
    view.outline(grid.flat[0], "axial")
    return as_png(figure, note)


def _largest(mask: np.ndarray) -> Box:
    """The box of the mask's largest component."""
    whole = tight_box(mask)
    labels, _ = ndimage.label(mask[whole])
    found = ndimage.find_objects(labels)[int(np.bincount(labels.ravel())[1:].argmax())]
    i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(whole, found, strict=True))
    return i, j, k


def new_figure(width: float, height: float, title: str, note: str) -> Figure:
    """A figure of so many inches, with a title and, small below it, a note."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=12, parse_math=False)
    figure.text(0.99, 0.008, note, ha="right", va="bottom", fontsize=7, color="#555555", parse_math=False)
    return figure


def as_png(figure: Figure, note: str) -> bytes:
    """The figure as a PNG with the note in the file, too; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Description": note, "Software": None})
    return buffer.getvalue()
