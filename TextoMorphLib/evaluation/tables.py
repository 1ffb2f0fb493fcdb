"""An evaluation as tables (Markdown, CSV) and as a picture, with published figures beside one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.markdown import table as _table
from TextoMorphLib.io.textfile import read_table

COLUMNS = ("method", "organ", "class", "metric", "size", "value")
METRICS = ("sensitivity", "specificity", "ppv", "dsc", "nsd")
RATES = ("sensitivity", "specificity", "ppv")  # of patients
COLOURS = (("#9bb8d3", "#e3b47d"), ("#1f77b4", "#c46a13"))  # of bars and lines, here and there
Figures = Mapping[str, Any]


def read_beside(path: Path) -> list[dict[str, str]]:
    """Published figures, from a CSV table with the columns method, organ, class, metric, size and value (percent).

    Raises:
        InputError: What is wrong, with the line.
    """
    rows = []
    for where, row in read_table(path, COLUMNS):
        if row["metric"] not in METRICS:
            raise InputError(f"{where}: the metric must be one of {', '.join(METRICS)}")
        try:
            fits = 0 <= float(row["value"]) <= 100
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError(f"{where}: value '{row['value']}' is no percentage")
        rows.append({name: str(row[name] or "") for name in COLUMNS})
    return rows


def rows(made: Figures) -> Iterator[dict[str, Any]]:
    """Every figure of an evaluation, one a row: group, metric, class, value, low, high, count, of.

    What it was compared with is a group of its own, "compared".
    """
    yield from _rows("all", made)
    if "comparison" in made:
        yield from _rows("compared", made["comparison"]["summary"])
    for fold, figures in made.get("folds", {}).items():
        yield from _rows(f"fold {fold}", figures)
    for by, members in made.get("groups", {}).items():
        for name, figures in members.items():
            yield from _rows(f"{by} {name}", figures)


def to_csv(made: Figures) -> bytes:
    """The rows as CSV."""
    return _csv(list(rows(made)))


def lesions_csv(made: Figures) -> bytes:
    """A line a lesion of the reference."""
    listed = [{"case": case["id"], **lesion} for case in made["cases"] for lesion in case["lesions"]]
    return _csv(listed)


def to_markdown(made: Figures, beside: Sequence[Mapping[str, str]] = ()) -> str:
    """Tables to read, with the rules that they follow."""
    parts = [f"# Evaluation\n\n{made['scans']} scans, {made['healthy_scans']} of them without a tumour."]
    named = [("all", made)]
    named += [(f"fold {fold}", figures) for fold, figures in made.get("folds", {}).items()]
    for by, members in made.get("groups", {}).items():
        named += [(f"{by} {name}", figures) for name, figures in members.items()]
    parts.append("## Sensitivity by lesion diameter (mm)\n\n" + _sensitivities(named))
    parts.append("## Patients and scans\n\n" + _patients(named))
    if "classes" in made:
        parts.append("## Classes\n\n" + _classes(made["classes"]))
        parts.append("Lesions by class (rows: reference; columns: predicted)\n\n" + _confusion(made["confusion"]))
    if "froc" in made:
        at = made["froc"]["sensitivity_at"]
        header = ["false positives a scan", *(f"<= {name}" for name in at)]
        parts.append("## FROC\n\n" + _table(header, [["sensitivity", *(_percent(value) for value in at.values())]]))
    if "at_false_alarms" in made:
        parts.append(equal_alarms([("here", made["at_false_alarms"])]))
    if "comparison" in made:
        parts.append(f"## Against {made['comparison']['folder']}\n\n" + _comparison(made))
    if beside:
        header = ["method", "organ", "class", "metric", "size, mm", "%"]
        listed = [[row[name] for name in COLUMNS] for row in beside]
        parts.append("## Published figures (other cases, other rules)\n\n" + _table(header, listed))
    parts.append("## Rules\n\n" + "\n".join(f"- {rule}" for rule in made["rules"]))
    return "\n\n".join(parts) + "\n"


def equal_alarms(named: Sequence[tuple[str, Figures]]) -> str:
    """What several methods find with the same number of false positives a scan."""
    allowed = named[0][1]["allowed"]
    header = ["%", "threshold", "false positives a scan", *named[0][1]["lesions"]]
    header += [f"{name}, at IoU 0.1" for name in named[0][1]["lesions"]]
    body = []
    for name, figures in named:
        cells = ["-" if figures["threshold"] is None else f"{figures['threshold']:g}"]
        cells.append(f"{figures['false_positives_per_scan']:.2f}")
        each = figures["lesions"].values()
        cells += [_share(e["sensitivity"], e["interval"], e["found"], e["of"]) for e in each]
        cells += [_share(e["sensitivity_iou"], e["interval_iou"], e["found_iou"], e["of"]) for e in each]
        body.append([name, *cells])
    return f"## At no more than {allowed:g} false positives a scan\n\n" + _table(header, body)


def picture(made: Figures) -> bytes:
    """Sensitivity by size, scores by case, and FROC or patients, as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure((12, 3.8), layout="constrained", dpi=110)
    sizes, scores, last = figure.subplots(1, 3)
    other = made["comparison"]["summary"] if "comparison" in made else None
    both = [made] if other is None else [made, other]
    _bars(sizes, [list(each["lesions"].values()) for each in both], list(made["lesions"]))
    sizes.set(title="Lesions found, by diameter (mm)", ylabel="sensitivity")
    ill = sorted((case for case in made["cases"] if not case["healthy"]), key=lambda case: case["dsc"])
    for name, style in (("dsc", "o-"), ("nsd", "x")):
        scores.plot(range(1, len(ill) + 1), [case[name] for case in ill], style, markersize=4, label=name.upper())
    scores.set(title="Scans with a tumour, by DSC", xlabel="scan", ylim=(-0.03, 1.03))
    scores.xaxis.get_major_locator().set_params(integer=True)
    scores.legend(frameon=False)
    if all("froc" in each for each in both):
        for each, colour in zip(both, COLOURS[1], strict=False):
            points = each["froc"]["points"]
            found = [point["sensitivity"] or 0 for point in points]
            last.plot([point["false_positives_per_scan"] for point in points], found, "o-", color=colour)
        last.set(title="FROC", xlabel="false positives a scan", ylabel="sensitivity", ylim=(-0.03, 1.03))
    else:
        _bars(last, [_patient_shares(each["patients"]) for each in both], list(RATES))
        last.set(title="Patients")
    if other is not None:
        hands = [Patch(color=colour, label=name) for colour, name in zip(COLOURS[0], ("here", "there"), strict=True)]
        sizes.legend(handles=hands, loc="lower left", framealpha=0.9)
        scores.set(title="Scans with a tumour, by DSC, here")
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "TextoMorph"})
    return file.getvalue()


def _patient_shares(patients: Figures) -> list[dict[str, Any]]:
    return [
        {"sensitivity": patients[name], "interval": patients["intervals"][name], "of": patients["counts"][name][1]}
        for name in RATES
    ]


def _bars(axes: Any, methods: Sequence[Sequence[Mapping[str, Any]]], names: Sequence[str]) -> None:
    """Shares with their intervals; of two methods side by side."""
    width = 0.6 / len(methods)
    for number, shares in enumerate(methods):
        for at, share in enumerate(shares):
            if share["of"]:
                value, (low, high) = share["sensitivity"], share["interval"]
                place = at + (number - (len(methods) - 1) / 2) * width
                axes.bar(place, value, width, color=COLOURS[0][number])
                axes.errorbar(place, value, [[max(value - low, 0)], [max(high - value, 0)]], color="black", capsize=4)
    counts = [" and ".join(dict.fromkeys(str(share["of"]) for share in each)) for each in zip(*methods, strict=True)]
    axes.set_xticks(range(len(names)), [f"{name}\nn = {count}" for name, count in zip(names, counts, strict=True)])
    axes.set_ylim(0, 1.03)


def _rows(group: str, figures: Figures) -> Iterator[dict[str, Any]]:
    def row(
        metric: str, value: Any, interval: Any = (None, None), count: Any = None, of: Any = None, kind: str = ""
    ) -> Any:
        names = ("group", "metric", "class", "value", "low", "high", "count", "of")
        return dict(zip(names, (group, metric, kind, value, *interval, count, of), strict=True))

    for name, each in (*figures["lesions"].items(), ("small, apart", figures["small_lesions_apart"])):
        yield row(f"sensitivity {name}", each["sensitivity"], each["interval"], each["found"], each["of"])
        yield row(
            f"sensitivity at IoU 0.1 {name}",
            each["sensitivity_iou"],
            each["interval_iou"],
            each["found_iou"],
            each["of"],
        )
    components = figures["components"]
    yield row("lesion PPV", components["ppv"], components["interval"], components["true"], components["of"])
    yield from (row(f"patient {name}", *rest) for name, rest in _rate_rows(figures["patients"]))
    for name in ("dsc", "nsd"):
        for part, each in ((name, figures[name]), (f"{name} with tumour", figures[name]["with_tumour"])):
            yield row(part, each["mean"], each["interval"], None, each["of"])
    for name in ("false_positives_per_scan", "false_positives_per_healthy_scan"):
        yield row(name, figures[name])
    for kind, each in figures.get("classes", {}).items():
        of = each["lesions"]
        yield row("lesion sensitivity", of["sensitivity"], of["interval"], of["found"], of["of"], kind)
        yield row("lesion PPV", of["ppv"], of["ppv_interval"], of["true"], of["predicted"], kind)
        yield from (row(f"patient {name}", *rest, kind) for name, rest in _rate_rows(each["patients"]))
        for name in ("dsc", "nsd"):
            yield row(name, each[name]["mean"], each[name]["interval"], None, each[name]["of"], kind)


def _rate_rows(rates: Figures) -> Iterator[tuple[str, tuple[Any, Any, int, int]]]:
    for name in RATES:
        count, of = rates["counts"][name]
        yield name, (rates[name], rates["intervals"][name], count, of)


def _csv(listed: Sequence[Mapping[str, Any]]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(listed[0]) if listed else ["case"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return file.getvalue().encode()


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _share(value: float | None, interval: Sequence[float | None], count: int, of: int) -> str:
    if value is None:
        return f"- (0/{of})"
    return f"{_percent(value)} ({count}/{of}; {_percent(interval[0])} to {_percent(interval[1])})"


def _mean(figures: Figures) -> str:
    if figures["mean"] is None:
        return "-"
    low, high = figures["interval"]
    return _percent(figures["mean"]) + ("" if low is None else f" ({_percent(low)} to {_percent(high)})")


def _sensitivities(named: Sequence[tuple[str, Figures]]) -> str:
    header = ["%", *named[0][1]["lesions"], "all, at IoU 0.1", "small, apart"]
    body = []
    for name, figures in named:
        cells = [_share(e["sensitivity"], e["interval"], e["found"], e["of"]) for e in figures["lesions"].values()]
        every, small = figures["lesions"]["all"], figures["small_lesions_apart"]
        cells.append(_share(every["sensitivity_iou"], every["interval_iou"], every["found_iou"], every["of"]))
        cells.append(_share(small["sensitivity"], small["interval"], small["found"], small["of"]))
        body.append([name, *cells])
    return _table(header, body)


def _patients(named: Sequence[tuple[str, Figures]]) -> str:
    header = ["%", "patient sensitivity", "patient specificity", "patient PPV", "lesion PPV", "DSC (with tumour)"]
    header += ["NSD (with tumour)", "DSC (all)", "NSD (all)", "false positives a scan"]
    body = []
    for name, figures in named:
        cells = [_share(*rest) for _, rest in _rate_rows(figures["patients"])]
        of = figures["components"]
        cells.append(_share(of["ppv"], of["interval"], of["true"], of["of"]))
        cells += [_mean(figures[metric]["with_tumour"]) for metric in ("dsc", "nsd")]
        cells += [_mean(figures[metric]) for metric in ("dsc", "nsd")]
        body.append([name, *cells, f"{figures['false_positives_per_scan']:.2f}"])
    return _table(header, body)


def _classes(classes: Figures) -> str:
    header = ["%", "patient Sen", "patient Spe", "patient PPV", "tumour Sen", "tumour PPV", "tumour DSC", "tumour NSD"]
    body = []
    for name, each in classes.items():
        of = each["lesions"]
        cells = [_share(*rest) for _, rest in _rate_rows(each["patients"])]
        cells.append(_share(of["sensitivity"], of["interval"], of["found"], of["of"]))
        cells.append(_share(of["ppv"], of["ppv_interval"], of["true"], of["predicted"]))
        body.append([name, *cells, _mean(each["dsc"]), _mean(each["nsd"])])
    return _table(header, body)


def _confusion(table: Figures) -> str:
    columns = list(next(iter(table.values())))
    return _table(["", *columns], [[row, *(str(cells[column]) for column in columns)] for row, cells in table.items()])


def _comparison(here: Figures) -> str:
    there = here["comparison"]
    both = [("here", here), ("there", there["summary"])]
    header = ["lesions found", "both", "only here", "only there", "of", "p (exact McNemar)"]
    named = [(name, each) for name, each in there["lesions"].items()]
    named.append(("all, at IoU 0.1", there["lesions_iou"]["all"]))
    named += [(f"{name}, called so", each) for name, each in there.get("classes", {}).items()]
    named.append(("healthy patients without an alarm", there["specificity"]))
    body = [[name, *_pair(each)] for name, each in named]
    lines = []
    for name, unit in (("dsc", 100), ("nsd", 100), ("false_positives", 1)):
        each = there[name]
        ends = [f"{unit * end:+.2f}" for end in each["interval"] if end is not None]
        label = "false positives a scan" if name == "false_positives" else f"{name.upper()}, %"
        lines.append([label, f"{unit * each['difference']:+.2f}", " to ".join(ends) or "-"])
    tables = [_sensitivities(both), _patients(both), _table(header, body)]
    tables.append(_table(["there minus here", "mean", "95% interval"], lines))
    if "classes" in there:
        tables.append("Classes there\n\n" + _classes(there["summary"]["classes"]))
        tables.append(_confusion(there["summary"]["confusion"]))
    if "at_false_alarms" in there:
        tables.append(
            equal_alarms([(name, each["at_false_alarms"]) for name, each in (("here", here), ("there", there))])
        )
        tables.append(paired(there["at_false_alarms"]["mcnemar"]))
    return "\n\n".join(tables)


def paired(mcnemar: Figures) -> str:
    """Two methods at their thresholds for the same number of false positives, lesion by lesion."""
    header = ["lesions found", "both", "only here", "only there", "of", "p (exact McNemar)"]
    rules = {"found": "any overlap", "found_iou": "IoU 0.1"}
    body = [[f"{name}, {rules[rule]}", *_pair(each)] for rule, sizes in mcnemar.items() for name, each in sizes.items()]
    return _table(header, body)


def _pair(each: Figures) -> list[str]:
    counts = [str(each[key]) for key in ("both", "only_first", "only_second", "of")]
    return [*counts, f"{each['p']:.3g}" if each["of"] else "-"]  # nothing is known of none
