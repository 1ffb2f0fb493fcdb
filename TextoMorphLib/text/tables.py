"""Tables as a form's fields: a header names what each row's cells say, and of several rows one is meant.

"site,density,margin | head,hypodense,ill-defined" says "site: head; density: hypodense; margin: ill-defined". Rows are
lesions, or one lesion at several times; where a column is a lesion and the rows are its features, they change places.
The row that is meant is the one that a cell calls so ("index", "current"), else the first that is not earlier.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

_FIELD = re.compile(  # what a report's tables have columns of
    r"^\W*(?:lesion|observation|finding|site|location|place|region|lobe|seg(?:ment)?s?|side|organ|size|diameter|dimension"
    r"|axis|long axis|density|attenuation|hu|mean hu|signal|enhanc\w*|phase|arterial|portal|venous|delayed|washout"
    r"|type|nature|kind|character|composition|content|contents|consistency|texture|homogeneity|internal structure"
    r"|margins?|borders?|edges?|outline|contours?|shape|demarcation|delineation|walls?|rim|capsule|septa\w*|septum"
    r"|calci\w+|necro\w+|h(?:a)?emorrhag\w*|blood|fat|gas|fluid|nodul\w*|date|time|status|study|exam\w*|scan|no|nr|id"
    r"|number|name|comment|diagnosis|impression)\b[\w ./()\[\]?-]{0,24}$",
    re.IGNORECASE,
)
# A lesion's name and no field's.
_ONE = re.compile(r"^(?:lesion|finding|observation|nodule|scan|study)\W*(?:[A-H]|\d+)\b", re.IGNORECASE)
_PROSE = re.compile(r"\b(?:is|are|was|and|with|in|no)\b", re.IGNORECASE)
_RULE = re.compile(r"^[\s|:+=-]*[-=]{3}[\s|:+=-]*$")
_MEANT = re.compile(
    r"\b(?:index|target|main|dominant|principal|primary|largest|current|today|now|actual"
    r"|(?:present|this) (?:scan|study|ct))\b",
    re.IGNORECASE,
)
_EARLIER = re.compile(
    r"\b(?:prior|previous|old|earlier|before|baseline|initial|last (?:year|scan|study))\b", re.IGNORECASE
)
_UNIT = re.compile(r"[\s_(\[]*\b(mm|cm|hu)\b[\s)\]]*$", re.IGNORECASE)
_SEPARATORS = ("|", "\t", ";", ",", "  ")
_SAYS = {
    True: "yes",
    False: "no",
    "true": "yes",
    "false": "no",
    "1": "yes",
    "0": "no",
    "y": "yes",
    "n": "no",
    "x": "yes",
}
_FEATURE = re.compile(r"(?i)calci|sept|capsul|necro|h(?:a)?emorr|gas|\bfat|wall|rim\b|washout|cyst|enhanc|scar|nodul")
_ANSWERS = re.compile(r"(?i)^(?:present|presence|finding|result|value|status|yes|no|absent|y|n|\+|-|seen|not seen)$")
_TICK = re.compile(r"^\W{0,2}[xX\u2713\u2714\u2022*]\W{0,2}$")
_MOST_ROWS = 50
_MOST_CELL, _MOST_LINE = 60, 1000  # characters of a cell and of a row; more is prose


def rows_as_fields(text: str) -> str:
    """The text with each table's row as fields; prose stays as it is.

    Args:
        text: Any text.
    """
    lines, at, done = text.split("\n"), 0, list[str]()
    while at < len(lines):
        if rows_told := _ticked(lines, at):
            done += rows_told
            at += 1 + len(rows_told)
            continue
        rows = next((rows for by in _SEPARATORS if (rows := _table(lines, at, by))), None)
        if rows is None:
            done.append(lines[at])
            at += 1
            continue
        length = len(rows)
        at += length + sum(bool(_RULE.match(line)) for line in lines[at : at + length + 1])
        done += _lines(rows)
    return "\n".join(done)


def _cells(line: str, by: str) -> list[str]:
    """What a separator makes of a line; nothing if it is prose."""
    if len(line) > _MOST_LINE:
        return []
    line = line.strip("\r") if by == "\t" else line.strip()
    if by == "|":
        line = line.strip("|")
    quoted = csv.reader([line], delimiter=by[0], skipinitialspace=True)
    cells = [cell.strip() for cell in (re.split(r" {2,}", line) if by == "  " else next(quoted, []))]
    return cells if all(len(cell) <= _MOST_CELL for cell in cells) else []


def _table(lines: Sequence[str], at: int, by: str) -> list[list[str]]:
    """The rows of a table that begins at a line; none if none does."""
    header = _cells(lines[at], by) if by in lines[at] else []
    rows = [header] if len(header) > 1 else []
    for line in lines[at + 1 : at + _MOST_ROWS] if rows else ():
        if _RULE.match(line) and by in ("|", "  "):
            continue
        cells = _cells(line, by) if by in line else []
        if len(cells) != len(header):
            break
        rows.append(cells)
    named = sum(map(_is_field, header))
    listed = sum(_is_field(row[0]) for row in rows)
    enough = len(header) > 2 or by in ("|", "\t")
    least = len(header) - (len(header) > 3) if by == "," else max(2, len(header) - 2)
    across = len(rows) > 1 and enough and named >= least and all(header)
    down = len(rows) > 1 and listed >= max(2, len(rows) - 1) and (by != "," or len(header) == 2)
    answered = len(header) == 2 and bool(_ANSWERS.match(header[1]))
    return rows if across or (down and (by not in (",", ";") or answered)) else []


def _is_field(cell: str) -> bool:
    cell = cell.replace("_", " ")
    return bool(_FIELD.match(cell)) and not _ONE.match(cell) and not _PROSE.search(cell)


def answer(name: str, value: object) -> str:
    """What a form's value says of a feature: "yes" for true, a tick, and 1 where it can only be there or not."""
    key = value if isinstance(value, bool) else str(value).strip().lower()
    short = isinstance(key, str) and key in ("0", "1", "x", "y", "n")
    return _SAYS[key] if key in _SAYS and (not short or _FEATURE.search(name)) else str(value).strip()


def _ticked(lines: Sequence[str], at: int) -> list[str]:
    """The rows below a header of answers, of which one is ticked: "Feature  Yes  No | Septa  x"."""
    heads = [(found.start(), found[0]) for found in re.finditer(r"[^\s|]+", lines[at])][-2:]
    answers = [head for _, head in heads]
    if len(heads) < 2 or not all(map(_ANSWERS.match, answers)) or len(lines[at]) > _MOST_LINE:
        return []
    rows = []
    for line in lines[at + 1 : at + _MOST_ROWS]:
        found = re.match(r"^\W{0,3}([^|\n]{2,40}?)(?:[ \t]{2,}|[ \t]*\|)[\s|]*(\S)[\s|]*$", line)
        if found is None or not _TICK.match(found[2]):
            break
        said = min(heads, key=lambda head: abs(head[0] - found.start(2)))[1]
        rows.append(f"{found[1]}: {said}")
    return rows


def told(lesions: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
    """A line for each of several lesions: its fields, or that it is not meant.

    Args:
        lesions: Of each the fields' names and what they say.
    """
    texts = [" ".join(f"{name} {said}" for name, said in lesion) for lesion in lesions]
    now = [i for i, text in enumerate(texts) if not _EARLIER.search(text)] or list(range(len(lesions)))
    meant = next((i for i in now if _MEANT.search(texts[i])), now[0])
    return [
        _line(lesion, "; ") if i == meant else f"Not meant: {_line(lesion, ', ')}" for i, lesion in enumerate(lesions)
    ]


def _line(lesion: Sequence[tuple[str, str]], between: str) -> str:
    found = []
    for name, said in lesion:
        unit = _UNIT.search(name.replace("_", " "))
        if unit and re.fullmatch(r"[-\d.,]+", said):
            name, said = _UNIT.sub("", name.replace("_", " ")) or "size", f"{said} {unit[1]}"
        name, said = name.rstrip(" .:#"), re.sub(r"[;\n]|\.(?!\d)", ",", said).rstrip(" ,")
        if said:
            found.append(f"{name}: {said}" if between == "; " else f"{name} {said}")
    return between.join(found)


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines that a table becomes."""
    header = rows[0]
    if sum(map(_is_field, header)) < max(2, len(header) - 2):
        if len(header) == 2:
            answered = rows[1:] if _ANSWERS.match(header[1]) else rows
            return [f"{name}: {answer(name, said) or 'not said'}" for name, said in answered]
        numbers = ("lesion", *map(str, range(1, len(header))))
        rows = list(zip(*([numbers, *rows] if _is_field(header[0]) else rows), strict=True))
        header = rows[0]
    return told([list(zip(header, row, strict=True)) for row in rows[1:]])
