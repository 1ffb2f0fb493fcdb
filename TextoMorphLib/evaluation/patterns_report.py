"""Tables and the map of a radiomics pattern analysis, with the paper's figures and every definition beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from TextoMorphLib.synthesis.pictures import as_png, new_figure

DEFINITIONS = {
    "variance": "Each feature is z-scored over all lesions of an organ, of all sets together. Variance: a feature's "
    "variance within one set, the mean over features +- their SD. 1 is as varied as all sets together. It is the only "
    "reading of Table 3 that can give figures like the paper's; whether it is the paper's own is not known.",
    "cosine": "1 minus the cosine of the angle between two lesions' z-scored features, mean +- SD over all pairs of a "
    "set: 0 for lesions that are all alike, 1 for lesions that have nothing to do with each other.",
    "energy": "Energy distance (Szekely and Rizzo, 2013) between two sets of z-scored features, divided by the root of "
    "their number: 0 for sets of one kind. Beside it the 95% range of what random sets of all their lesions give.",
    "precision_recall": "Kynkaanniemi et al., 2019, k = 5, on the principal components that hold 95% of the variance: "
    "the share of a set's lesions that lie among the reference's (precision), and the reverse (recall).",
    "interval": "95%, bootstrap over lesions (a scan's lesions are drawn one by one).",
}
# Table 3 of the paper: 102 features, 40 tumours an organ and method; mean +- SD.
PAPER = {
    "SynTumor": {"liver": (1.03, 0.84), "pancreas": (0.92, 0.99), "kidney": (0.89, 0.80)},
    "Pixel2Cancer": {"liver": (0.99, 0.92), "pancreas": (0.91, 0.83), "kidney": (1.00, 1.01)},
    "DiffTumor": {"liver": (1.09, 0.89), "pancreas": (0.95, 0.90), "kidney": (0.93, 0.88)},
    "TextoMorph": {"liver": (1.14, 1.02), "pancreas": (0.94, 0.92), "kidney": (1.03, 1.02)},
}


def table(found: Mapping[str, Any], reference: str) -> str:
    """What `analyse` found, as Markdown, in the layout of Table 3, with the paper's figures and the definitions."""
    organs = list(found)
    sets = list(dict.fromkeys(name for part in found.values() for name in part["sets"]))
    lines = ["Variance of the features within a set, mean +- SD over features, [95% interval]; n lesions:", ""]
    lines += [f"| set | {' | '.join(organs)} |", "|---" * (len(organs) + 1) + "|"]
    for name in sets:
        cells = [_variance_cell(found[organ]["sets"].get(name)) for organ in organs]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name, figures in PAPER.items():
        cells = ["{:.2f} +- {:.2f}".format(*figures[organ]) if organ in figures else "-" for organ in organs]
        lines.append(f"| {name}, the paper's figure | {' | '.join(cells)} |")
    lines += ["", f"Each set by itself, and against {reference}:", ""]
    lines += [
        "| organ | set | cosine distance | energy distance (chance) | precision | recall |",
        "|---|---|---|---|---|---|",
    ]
    for organ in organs:
        for name, part in found[organ]["sets"].items():
            cosine = "{:.2f} +- {:.2f} [{:.2f}, {:.2f}]".format(
                part["cosine"], part["cosine_sd"], *part["cosine_interval"]
            )
            against = "- | - | -"
            if "energy" in part:
                chance = "{:.3f} to {:.3f}".format(*part["energy_chance"])
                against = f"{part['energy']:.3f} ({chance}) | {part['precision']:.2f} | {part['recall']:.2f}"
            lines.append(f"| {organ} | {name} | {cosine} | {against} |")
    used = ", ".join(f"{organ} {part['features']}" for organ, part in found.items())
    lines += ["", f"Features used (the same in all lesions, or undefined in one, are left out): {used}.", ""]
    lines += [f"- {text}" for text in DEFINITIONS.values()]
    return "\n".join(lines) + "\n"


def _variance_cell(part: Mapping[str, Any] | None) -> str:
    if part is None:
        return "-"
    if part["variance"] is None:
        return f"needs a second set; n = {part['lesions']}"
    low, high = part["variance_interval"]
    return f"{part['variance']:.2f} +- {part['variance_sd']:.2f} [{low:.2f}, {high:.2f}]; {part['lesions']}"


def picture(found: Mapping[str, Any]) -> bytes:
    """A PNG: each organ's lesions on their two first principal components, a colour a set."""
    note = "radiomics features, principal components"
    figure = new_figure(5.2 * len(found), 4.8, "", note)
    colours = ("#222222", "#d1495b", "#00798c", "#edae49", "#66a182", "#8d5a97")
    for number, (organ, part) in enumerate(found.items(), start=1):
        axes = figure.add_subplot(1, len(found), number)
        for colour, (name, own) in zip(colours * len(part["sets"]), part["sets"].items(), strict=False):
            x, y = np.array(own["points"]).T
            axes.scatter(x, y, s=14, color=colour, alpha=0.65, label=f"{name} ({own['lesions']})", linewidths=0)
        shares = [f"component {k + 1} ({100 * share:.0f}%)" for k, share in enumerate(part["explained"])]
        axes.set_xlabel(shares[0])
        axes.set_ylabel(shares[1])
        axes.set_title(organ)
        axes.legend(fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    return as_png(figure, note)
