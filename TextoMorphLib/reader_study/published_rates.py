"""Published error rates to stand beside a study's own; whoever writes a paper gives them, with their source."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.reader_study.study import SIZES
from TextoMorphLib.text.organs import ORGANS

COLUMNS = ("method", "organ", "size", "error_rate")


def read_beside(path: Path) -> list[dict[str, Any]]:
    """Read a CSV table with the columns method, organ, size and error_rate (percent).

    Organ and size are as in the report, or "all"; sizes are "<20", "20-50" and ">=50" (mm). A line whose rate is
    empty is skipped: docs/paper-table.csv has the lines of the paper's table, to be filled in.

    Raises:
        InputError: What is wrong, with the line.
    """
    reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(f"{path}: the first line must be {','.join(COLUMNS)}")
    rows = []
    for row in reader:
        where = f"{path.name} line {reader.line_num}"
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
        rows.append({"method": row["method"], "organ": row["organ"], "size": row["size"], "rate": rate / 100})
    if not rows:
        raise InputError(f"{path} has no error rates yet; fill in the last column, in percent")
    return rows
