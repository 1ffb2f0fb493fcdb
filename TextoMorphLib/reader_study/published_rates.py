"""Published error rates to stand beside a study's own: the paper's, or a table that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_table
from TextoMorphLib.reader_study.study import SIZES
from TextoMorphLib.text.organs import ORGANS

COLUMNS = ("method", "organ", "size", "error_rate")
# Li et al., "Text-Driven Tumor Synthesis", IEEE TMI 2026, Table 1: percent, for the sizes in SIZES. 60 CTs a cell,
# 20 of them real and 20 of each method. One copy prints 75 for DiffTumor in large liver tumours; the text gives 7.5.
PAPER = {
    "DiffTumor": {"liver": (20.0, 25.5, 7.5), "pancreas": (30.0, 25.0, 25.0), "kidney": (25.5, 22.5, 20.0)},
    "TextoMorph": {"liver": (32.5, 37.5, 22.5), "pancreas": (40.0, 40.0, 45.0), "kidney": (32.5, 40.0, 45.0)},
}


def paper() -> list[dict[str, Any]]:
    """The paper's Table 1, as `read_beside` gives a table."""
    return [
        {"method": f"{method} (Li et al., Table 1)", "organ": organ, "size": size, "rate": round(rate / 100, 4)}
        for method, organs in PAPER.items()
        for organ, rates in organs.items()
        for size, rate in zip(SIZES, rates, strict=True)
    ]


def read_beside(path: Path) -> list[dict[str, Any]]:
    """Read a CSV table with the columns method, organ, size and error_rate (percent).

    Organ and size are as in the report, or "all"; sizes are "<20", "20-50" and ">=50" (mm). A line whose rate is
    empty is skipped. docs/paper-table.csv is an example: the paper's table.

    Raises:
        InputError: What is wrong, with the line.
    """
    rows = []
    for where, row in read_table(path, COLUMNS):
        if not row["method"] or row["organ"] not in (*ORGANS, "all") or row["size"] not in (*SIZES, "all"):
            raise InputError(f"{where}: needs a method, an organ or all, and a size: {', '.join(SIZES)} or all")
        if not (row["error_rate"] or "").strip():
            continue
        try:
            rate = float(row["error_rate"])
        except (TypeError, ValueError):
            rate = -1.0
        if not 0 <= rate <= 100:
            raise InputError(f"{where}: error_rate '{row['error_rate']}' is no percentage")
        rows.append({"method": row["method"], "organ": row["organ"], "size": row["size"], "rate": round(rate / 100, 6)})
    if not rows:
        raise InputError(f"{path} has no error rates yet; fill in the last column, in percent")
    return rows
