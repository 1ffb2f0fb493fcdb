"""Draws docs/images/architecture.png: the library's rooms in the layers of the import contract, and who imports whom.

    make architecture

Both come from the code as it is: layers from pyproject.toml, arrows from the imports.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import grimp
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.patches import FancyArrowPatch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "TextoMorphLib"
UNDER_ALL = {"errors", "parallel", "paths", "version"}  # imported from everywhere: their arrows would hide the others


def layers() -> list[list[str]]:
    """The rooms of each layer, top first, without those that are not there."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = config["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = [re.findall(r"\w+", layer) for layer in contract]
    there = {path.stem for path in (ROOT / PACKAGE).iterdir()}
    return [row for row in ([room for room in row if room in there] for row in rows) if row]


def arrows() -> dict[tuple[str, str], int]:
    """(importing room, imported room) and in how many modules."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True)
    found: dict[tuple[str, str], int] = {}
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            first, second = ((*name.split("."), "")[1] for name in (module, other))
            if first and second and first != second:
                found[first, second] = found.get((first, second), 0) + 1
    return found


def draw(rows: Sequence[Sequence[str]], links: dict[tuple[str, str], int], path: Path) -> None:
    """Writes the picture; arrows that run up would be red."""
    place = {
        room: ((number + 1) / (len(row) + 1) + 0.04 * (-1) ** level, len(rows) - level)
        for level, row in enumerate(rows)
        for number, room in enumerate(row)
    }
    figure, axes = pyplot.subplots(figsize=(11, 11))
    for (first, second), count in sorted(links.items()):
        if first in place and second in place and second not in UNDER_ALL:
            up = place[second][1] >= place[first][1]
            arrow = FancyArrowPatch(
                place[first],
                place[second],
                arrowstyle="-|>",
                mutation_scale=10,
                shrinkA=16,
                shrinkB=16,
                connectionstyle="arc3,rad=0.12",
                linewidth=0.5 + 0.35 * min(count, 8),
                color="crimson" if up else "#5b7c99",
                alpha=0.55,
            )
            axes.add_patch(arrow)
    for room, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.45", "facecolor": "#eef3f8", "edgecolor": "#33526b"}
        axes.text(x, y, room, ha="center", va="center", fontsize=12, bbox=box, zorder=5)
    axes.set_xlim(0, 1)
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.axis("off")
    figure.savefig(path, dpi=90, bbox_inches="tight")


if __name__ == "__main__":
    draw(layers(), arrows(), ROOT / "docs" / "images" / "architecture.png")
