"""The report's plots, as SVG that goes into its page."""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from TextoMorphLib.reader_study.score import ALL
from TextoMorphLib.reader_study.study import SIZES
from TextoMorphLib.reader_study.table import REAL

Scores = Mapping[str, Any]
SIZE_NAMES = {SIZES[0]: "d < 20", SIZES[1]: "20 ≤ d < 50", SIZES[2]: "d ≥ 50", ALL: "all"}


# Names are shown as they are ("$" is no formula), in the reader's own fonts; the same scores give the same bytes.
STYLE: dict[Any, Any] = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "textomorph"}


def _plot(draw: Callable[[Scores], str]) -> Callable[[Scores], str]:
    """A plot in the report's style, whatever letters its names have."""

    @functools.wraps(draw)
    def drawn(scores: Scores) -> str:
        import matplotlib

        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the browser has it
            return draw(scores)

    return drawn


def _legend(name: str) -> str:
    """A name that a legend shows; Matplotlib leaves out those that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def _svg(figure: Any) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", file.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :]


def _bars(axes: Any, place: Sequence[float], rows: Sequence[Mapping[str, Any]], label: str) -> None:
    """Rates in percent with their intervals; rows without readings are left out."""
    kept = [(x, row) for x, row in zip(place, rows, strict=True) if row["readings"]]
    rate = np.array([100 * row["rate"] for _, row in kept])
    ends = np.array([[100 * row["low"], 100 * row["high"]] for _, row in kept]).reshape(-1, 2).T
    axes.errorbar([x for x, _ in kept], rate, np.abs(ends - rate), fmt="o", capsize=3, label=_legend(label))
    axes.set_ylim(-3, 103)


@_plot
def plot_errors(scores: Scores) -> str:
    """Error rates by organ and size, with Wilson's intervals; published ones as crosses."""
    rates = [row for row in scores["error_rates"] if row["readings"] and (row["organ"] != ALL or row["size"] == ALL)]
    places = list(dict.fromkeys((row["organ"], row["size"]) for row in rates))
    figure = _figure(max(1.1 * len(places) + 2, 5), 3.4)
    axes = figure.subplots()
    methods = list(dict.fromkeys(row["method"] for row in rates))
    for number, method in enumerate(methods):
        own = [row for row in rates if row["method"] == method]
        shift = (number - (len(methods) - 1) / 2) * 0.15
        _bars(axes, [places.index((row["organ"], row["size"])) + shift for row in own], own, method)
    beside = [row for row in scores["beside"] if (row["organ"], row["size"]) in places]
    for marker, method in zip("x+1234", dict.fromkeys(row["method"] for row in beside), strict=False):
        own = [row for row in beside if row["method"] == method]
        at = [places.index((row["organ"], row["size"])) + 0.25 for row in own]
        axes.plot(at, [100 * row["rate"] for row in own], marker, color="dimgrey", label=_legend(method))
    axes.axhline(50, color="grey", linestyle=":", label="cannot be told apart")
    axes.set_xticks(
        range(len(places)), [organ if organ == ALL else f"{organ}\n{SIZE_NAMES[size]}" for organ, size in places]
    )
    axes.set_ylabel("error rate, %")
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


@_plot
def plot_roc(scores: Scores) -> str:
    """ROC curves, a panel a method, a line a reader."""
    first = [row for row in scores["readings"] if not row["repeat"]]
    methods = list(dict.fromkeys(row["method"] for row in scores["auc"]))
    figure = _figure(3.6 * len(methods), 3.6)
    for axes, method in zip(np.ravel(figure.subplots(1, len(methods), squeeze=False)), methods, strict=True):
        pairs = {row["pair"] for row in first if row["source"] == method}
        every = [row for row in first if row["source"] == REAL]
        twins = [row for row in every if row["pair"] in pairs] or every  # as the area is of, too
        for reader in scores["readers"]:
            synthetic = [row["rating"] for row in first if row["reader"] == reader and row["source"] == method]
            real = [row["rating"] for row in twins if row["reader"] == reader]
            if synthetic and real:
                steps = np.arange(11.5, 0, -1)
                x, y = ([np.mean(np.array(values) > step) for step in steps] for values in (real, synthetic))
                axes.plot(x, y, marker=".", label=_legend(reader))
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        axes.set(title=method, xlabel="real called synthetic", ylabel="synthetic called synthetic", aspect="equal")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


@_plot
def plot_terms(scores: Scores) -> str:
    """How often each term was said to fit."""
    terms = list(dict.fromkeys(row["term"] for row in scores["terms"]))
    sources = list(dict.fromkeys(row["source"] for row in scores["terms"]))
    figure = _figure(max(0.9 * len(terms) + 2, 5), 3.2)
    axes = figure.subplots()
    for number, source in enumerate(sources):
        own = [row for row in scores["terms"] if row["source"] == source]
        shift = (number - (len(sources) - 1) / 2) * 0.15
        _bars(axes, [terms.index(row["term"]) + shift for row in own], own, source)
    axes.set_xticks(range(len(terms)), [term.replace(" ", "\n", 1) for term in terms], fontsize=8)
    axes.set_ylabel("said to fit, %")
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


@_plot
def plot_time(scores: Scores) -> str:
    """Seconds a case, in the order of reading."""
    figure = _figure(6.5, 2.8)
    axes = figure.subplots()
    for reader in scores["readers"]:
        own = [row for row in scores["readings"] if row["reader"] == reader]
        axes.plot([row["position"] for row in own], [row["seconds"] for row in own], ".", label=reader)
    axes.set(xlabel="case, in the order of reading", ylabel="seconds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)
