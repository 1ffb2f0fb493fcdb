"""The table that a study is made from: one tumour a line, real or synthesised elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_rows
from TextoMorphLib.text.organs import ORGANS

REAL = "real"
REQUIRED = ("ct", "mask", "organ", "text")
OPTIONAL = ("source", "pair", "diameter_mm", "organ_mask")


@dataclass(frozen=True)
class Row:
    """A tumour.

    Attributes:
        line: Its line in the table, which counts from 1.
        ct: The scan that it is in.
        mask: Where it is, on that scan's grid.
        organ: liver, pancreas or kidney.
        text: Its description.
        source: "real", or the name of the method that made it.
        pair: What ties a real tumour and its synthetic twins together.
        diameter_mm: As measured by hand; None to take that of the ball with the mask's volume.
        organ_mask: The organ, in which twins' healthy tissue is judged; None if it is not known.
    """

    line: int
    ct: Path
    mask: Path
    organ: str
    text: str
    source: str
    pair: str
    diameter_mm: float | None
    organ_mask: Path | None = None

    @property
    def synthetic(self) -> bool:
        """Whether a method made it."""
        return self.source != REAL


def read_table(path: Path) -> list[Row]:
    """Read a CSV table with a header line.

    The columns ct, mask, organ and text are needed; source (default: real), pair (default: each line its own),
    diameter_mm and organ_mask may be left out. Commas, semicolons or tabs may separate them. Relative paths start at
    the table's folder.

    Raises:
        InputError: What is wrong, with the line.
    """
    columns, found = read_rows(path)
    columns = [name.lower() for name in columns]
    if missing := [name for name in REQUIRED if name not in columns]:
        raise InputError(f"{path}: the column {missing[0]} is missing; the first line names the columns")
    if unknown := [name for name in columns if name not in REQUIRED + OPTIONAL]:
        raise InputError(f"{path}: unknown column '{unknown[0]}'; known are {', '.join(REQUIRED + OPTIONAL)}")
    rows = [_row(path, line, {name.lower(): cell.strip() for name, cell in row.items()}) for line, row in found]
    if not rows:
        raise InputError(f"{path} lists no tumours; write one a line below the header")
    _check_together(path, rows)
    return rows


def _row(path: Path, line: int, values: Mapping[str, str]) -> Row:
    where = f"{path.name} line {line}"
    if empty := [name for name in REQUIRED if not values[name]]:
        raise InputError(f"{where}: {empty[0]} is empty")
    if values["organ"] not in ORGANS:
        raise InputError(f"{where}: unknown organ '{values['organ']}'; use one of: {', '.join(ORGANS)}")
    ct, mask = (path.parent / values[name] for name in ("ct", "mask"))
    organ_mask = path.parent / values["organ_mask"] if values.get("organ_mask") else None
    for file in filter(None, (ct, mask, organ_mask)):
        if not file.exists():
            raise InputError(f"{where}: {file} does not exist")
    diameter = None
    if values.get("diameter_mm"):
        try:
            diameter = float(values["diameter_mm"].replace(",", "."))
        except ValueError:
            diameter = -1.0
        if not 0 < diameter < 500:
            raise InputError(f"{where}: diameter_mm '{values['diameter_mm']}' is no size in mm")
    source = values.get("source") or REAL
    source = REAL if source.lower() == REAL else source
    pair = values.get("pair") or f"line {line}"
    return Row(line, ct, mask, values["organ"], values["text"], source, pair, diameter, organ_mask)


def _check_together(path: Path, rows: list[Row]) -> None:
    tumours: dict[tuple[Path, Path], int] = {}
    members: dict[tuple[str, str], int] = {}
    for row in rows:
        tumour = (row.ct.resolve(), row.mask.resolve())
        if tumour in tumours:
            raise InputError(f"{path.name} line {row.line}: the same scan and mask as in line {tumours[tumour]}")
        tumours[tumour] = row.line
        member = (row.pair, row.source)
        if member in members:
            raise InputError(
                f"{path.name} line {row.line}: pair '{row.pair}' has a '{row.source}' in line {members[member]}"
            )
        members[member] = row.line
    for row in rows:
        twin = next((other for other in rows if other.pair == row.pair), row)
        if (twin.organ, twin.text) != (row.organ, row.text):
            raise InputError(f"{path.name} line {row.line}: organ and text must be those of line {twin.line}, its twin")
