"""Scores as people read them: a table for the terminal, and CSV, JSON and one HTML page for a paper's appendix."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from TextoMorphLib.io import markdown, outputs
from TextoMorphLib.io.atomic import making
from TextoMorphLib.reader_study import pdf, plots
from TextoMorphLib.reader_study.plots import SIZE_NAMES, Scores
from TextoMorphLib.reader_study.score import ALL, DIFFERENCES
from TextoMorphLib.reader_study.table import REAL

MOST_COLUMNS = 8
BESIDE = (
    "Rows and crosses without intervals are published figures, of other readers and other cases: to look at, not to "
    "test against. (Li et al., IEEE TMI 2026, Table 1: 60 CTs a cell, 20 of them real; or the table that was given.)"
)


def export(scores: Scores, folder: Path, environment: Mapping[str, str] | None = None) -> tuple[list[Path], str]:
    """Write readings.csv, scores.json, report.html, and report.pdf where a browser is there to print it.

    Args:
        scores: What `score.score(folder, key)` returns.
        folder: Where the files go; made if need be.
        environment: The browser's environment variables; this process's own if None.

    Returns:
        The files, and one line that says why there is no PDF; empty if there is one.

    Raises:
        InputError: The folder cannot be written.
    """
    contents = {
        "readings.csv": readings_csv(scores).encode("utf-8-sig"),  # the mark makes spreadsheets read it as UTF-8
        "scores.json": (outputs.to_json(scores) + "\n").encode(),
        "report.html": report(scores).encode(),
    }
    with making(folder):
        for name, content in contents.items():
            outputs.write_bytes(folder / name, content)
    written = [folder / name for name in contents]
    page, printed = folder / "report.html", folder / "report.pdf"
    why_no_pdf = pdf.write_pdf(page, printed, environment)
    return (written if why_no_pdf else [*written, printed]), why_no_pdf


def readings_csv(scores: Scores) -> str:
    """One line a reading."""
    file = io.StringIO()
    rows = [dict(row) for row in scores["readings"]]
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        row["comment"] = _no_formula(row["comment"])
        writer.writerow({**row, "terms": "; ".join(row["terms"]), "fitting": "; ".join(row["fitting"])})
    return file.getvalue()


def _no_formula(text: str) -> str:
    """A comment that a spreadsheet does not run."""
    return "'" + text if text.lstrip().startswith(("=", "+", "-", "@")) else text


# --- The tables, as headings and rows of words ---

Table = tuple[list[str], list[list[str]]]


def tables(scores: Scores) -> list[Table]:
    """Every table that there is something to say in, in the order of the report, for a terminal or a window.

    Args:
        scores: What `score.score(folder, key)` returns.

    Returns:
        Headings and rows of words for each; the first heading says what the table is about.
    """
    found = [
        error_table,
        wrong_table,
        auc_table,
        comparison_table,
        power_table,
        term_table,
        agreement_table,
        time_table,
    ]
    return [(heads, rows) for heads, rows in (table(scores) for table in found) if rows]


def error_table(scores: Scores) -> Table:
    """The paper's layout: a row a method, columns for organ and size; error rates in percent."""
    rates = scores["error_rates"]
    columns = [
        (rate["organ"], rate["size"])
        for rate in rates
        if rate["method"] == rates[0]["method"] and (rate["organ"] != ALL or rate["size"] == ALL)
    ]
    heads = ["error rate, %", *(f"{organ}, {SIZE_NAMES[size]}" if organ != ALL else "all" for organ, size in columns)]
    rows = []
    for method in dict.fromkeys(rate["method"] for rate in rates):
        cells = {(rate["organ"], rate["size"]): rate for rate in rates if rate["method"] == method}
        rows.append([method, *(_percent(cells[column], "rate", "readings") for column in columns)])
    beside = {(row["method"], row["organ"], row["size"]): f"{100 * row['rate']:.1f}" for row in scores["beside"]}
    for method in dict.fromkeys(method for method, _, _ in beside):
        rows.append([method, *(beside.get((method, *column), "-") for column in columns)])
    return heads, rows


def wrong_table(scores: Scores) -> Table:
    """Real called synthetic, and synthetic called real, for each reader."""
    rates = scores["called_wrongly"]
    readers = list(dict.fromkeys(rate["reader"] for rate in rates))
    rows = []
    for source in dict.fromkeys(rate["source"] for rate in rates):
        name = "real called synthetic" if source == REAL else f"{source} called real"
        cells = {rate["reader"]: rate for rate in rates if rate["source"] == source}
        rows.append([name, *(_percent(cells[reader], "rate", "readings") for reader in readers)])
    return ["%", *("all readers" if reader == ALL else reader for reader in readers)], rows


def auc_table(scores: Scores) -> Table:
    """ROC areas with their intervals, and each reader's."""
    readers = list(scores["readers"])
    rows = [
        [
            row["method"],
            _spread(row, "auc", _decimal),
            _p(row["p"]),
            *(_decimal(row["readers"].get(reader, math.nan)) for reader in readers),
        ]
        for row in scores["auc"]
    ]
    return ["ROC area", "all readers (95% interval)", "p (is it 0.5?)", *readers], rows


def comparison_table(scores: Scores) -> Table:
    """Methods against each other."""
    rows = [
        [
            f"{row['method']} minus {row['other']}",
            str(row["pairs"]),
            _spread(row, "difference", _signed),
            _p(row["p"]),
        ]
        for row in scores["comparisons"]
    ]
    return ["called real, percentage points", "pairs", "difference (95% interval)", "p"], rows


def power_table(scores: Scores) -> Table:
    """How many pairs would show a difference."""
    wanted = {f"{row['method']}: ROC area from 0.5": row["pairs_needed"] for row in scores["auc"]}
    for row in scores["comparisons"]:
        wanted[f"{row['method']} and {row['other']}: called real"] = row["pairs_needed"]
    rows = [[name, *(str(pairs) if pairs else "-" for pairs in needed.values())] for name, needed in wanted.items()]
    heads = ["pairs needed to show a difference", "as seen", *(f"of {100 * d:.0f} points" for d in DIFFERENCES)]
    return heads, rows


def agreement_table(scores: Scores) -> Table:
    """Kappas between readers and within each."""
    between, within = scores["agreement"]["between"], scores["agreement"]["within"]
    rows = [["between the readers (Fleiss)", str(between["cases"]), _decimal(between["kappa"])]]
    rows += [
        [f"{row['reader']}, first and second look (Cohen)", str(row["cases"]), _spread(row, "kappa", _decimal)]
        for row in within
        if row["cases"]
    ]
    return ["agreement", "cases", "kappa"], rows


def term_table(scores: Scores) -> Table:
    """How often each term was said to fit, for real and each method's tumours."""
    sources = list(dict.fromkeys(row["source"] for row in scores["terms"]))
    rows = []
    for term in dict.fromkeys(row["term"] for row in scores["terms"]):
        cells = {row["source"]: row for row in scores["terms"] if row["term"] == term}
        rows.append([term, *(_percent(cells[source], "rate", "readings") for source in sources)])
    return ["said to fit, %", *sources], rows


def time_table(scores: Scores) -> Table:
    """Seconds a case."""
    rows = [
        [
            "all readers" if row["reader"] == ALL else row["reader"],
            f"{row['median']:.0f} ({row['low']:.0f} to {row['high']:.0f})",
        ]
        for row in scores["seconds"]
        if row["median"] == row["median"]
    ]
    return ["seconds a case", "median (middle half)"], rows


def _percent(row: Mapping[str, Any], name: str, total: str) -> str:
    if not row[total]:
        return "-"
    return f"{100 * row[name]:.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f}), n = {row[total]}"


def _spread(row: Mapping[str, Any], name: str, written: Callable[[float], str]) -> str:
    """A value with its interval, as far as they can be told."""
    if math.isnan(row["low"]):
        return written(row[name])
    return f"{written(row[name])} ({written(row['low'])} to {written(row['high'])})"


def _decimal(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:+.1f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


# --- The page ---

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
section { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
section > h2 { flex: 100%; margin-bottom: 0; } section > div { flex: 1 1 26rem; min-width: 0; }
section > div.full { flex: 100%; } code { overflow-wrap: anywhere; }
div.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { border-bottom: 1px solid #d5dae0; padding: .35rem .7rem; text-align: left; vertical-align: top; }
table.narrow :is(th, td) { white-space: pre; padding: .35rem .3rem; font-size: 11.5px; }
th { background: #f3f5f8; } td { font-variant-numeric: tabular-nums; }
p.note { color: #57606a; font-size: 13px; }
svg { display: block; margin: .4rem auto 0; width: 100%; height: auto; max-height: 22rem; }
@page { size: A4 landscape; margin: 12mm; }
@media print { body { max-width: none; margin: 0; } div.wide { overflow: visible; }
  h2 { break-after: avoid; margin-top: 1.4rem; } table, svg { break-inside: avoid; }
  section { gap: .4rem 1.5rem; break-inside: avoid; } section > div { flex-basis: 20rem; } svg { max-height: 58mm; }
  section:first-of-type { break-inside: auto; } section:first-of-type svg { max-height: 50mm; }
  td { white-space: nowrap; } h1, h2 { margin-top: .8rem; } }
"""


def report(scores: Scores) -> str:
    """One self-contained HTML page with tables and plots."""
    study, readers = scores["study"], scores["readers"]
    progress = ", ".join(f"{name} {row['answered']} of {row['to_read']}" for name, row in readers.items())
    parts = [
        f"<h1>{html.escape(study['title'])}</h1>",
        f"<p>{study['cases']} cases. Answered: {html.escape(progress)}. "
        f"Study {study['id']}; the key's SHA-256, fixed before the reading: <code>{study['key_sha256']}</code>.</p>",
        "<p class='note'>The error rate is the share of wrong calls on a method's tumours and their real twins "
        "together; 50% means that the readers could not tell them apart. Tables and plots use first looks; repeated "
        "cases serve the agreement within readers alone. Intervals are 95%.</p>",
        *_section("Error rates by organ and size (mm)", error_table(scores), _note_wilson(), plots.plot_errors(scores)),
        f"<p class='note'>{html.escape(BESIDE)}</p>" if scores["beside"] else "",
        *_section("Which way the errors go", wrong_table(scores), "Wilson intervals; readings count as independent."),
        *_section("ROC from the confidence", auc_table(scores), _note_auc(), plots.plot_roc(scores)),
    ]
    if scores["comparisons"]:
        parts += _section("Methods against each other", comparison_table(scores), _note_comparison())
    parts += _section("How many pairs a study needs", power_table(scores), _note_power())
    if scores["terms"]:
        parts += _section(
            "Do the words fit?",
            term_table(scores),
            "Of the tumours whose description has the term.",
            plots.plot_terms(scores),
            below=len(scores["terms"]) > MOST_COLUMNS,
        )
    parts += _section("Agreement", agreement_table(scores), _note_agreement())
    parts += _section("Time", time_table(scores), "", plots.plot_time(scores))
    page = "\n".join(parts)
    title = html.escape(study["title"])
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{STYLE}</style></head>\n<body>\n{page}\n</body></html>\n"
    )


def _note_wilson() -> str:
    return "In brackets Wilson's interval; it takes the readings as independent, n of them."


def _note_auc() -> str:
    return (
        "0.5: synthetic and real cannot be told apart. The interval holds for other readers and other cases "
        "(Obuchowski and Rockette's method, the jackknife over pairs)."
    )


def _note_comparison() -> str:
    return (
        "On the same pairs by the same readers; interval and p-value hold for other readers and other cases "
        "(Obuchowski and Rockette)."
    )


def _note_power() -> str:
    return (
        "Real tumours with their twins, to show such a difference with these readers: power 80%, level 5% (paired "
        "t-test over the pairs). A hundredth of a ROC area counts as a point, too."
    )


def _note_agreement() -> str:
    return (
        "1: always the same answer; 0: as often as by chance. A dash: it cannot be told, from a single case or where "
        "only one answer was ever given. No interval: the answers are too few, or too much alike, to show one."
    )


def _section(title: str, table: Table, note: str = "", plot: str = "", below: bool = False) -> list[str]:
    heads, rows = table
    narrow = len(heads) > MOST_COLUMNS  # the value, its interval and the count below each other

    def cells(kind: str, values: Iterable[str]) -> str:
        if narrow:
            values = [value.replace(" (", "\n(").replace(" to ", "\u2013").replace(", ", "\n") for value in values]
        return "".join(f"<{kind}>{html.escape(value)}</{kind}>" for value in values)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    note = f"<p class='note'>{html.escape(note)}</p>" if note else ""
    kind = " class=full" * (narrow or below)  # a wide table or plot has the other below, others have it beside them
    return [
        f"<section><h2>{html.escape(title)}</h2>",
        f"<div{kind}><div class=wide><table{' class=narrow' * narrow}><tr>{cells('th', heads)}</tr>{body}</table></div>"
        f"{note}</div>",
        f"<div{kind}>{plot}</div></section>" if plot else "</section>",
    ]


def text_table(table: Table) -> str:
    """A table for the terminal; Markdown, so that it can go straight into a paper's draft."""
    return markdown.table(*table)
