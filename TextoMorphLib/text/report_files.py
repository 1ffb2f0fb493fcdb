"""A radiology report's text out of a file: plain text, a PDF, a DICOM structured report, or a PDF within DICOM.

Of a structured report the findings' text, codes and measurements are taken, in the order of its tree; patient,
observers and dates, which DICOM keeps apart from them, are not.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text

SUFFIXES = (".txt", ".pdf", ".dcm")
STRUCTURED, PDF_IN_DICOM = "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.1"
SITES = ("finding site", "anatomic region", "target region", "location")
OTHERS = {  # how files begin that hold a report among other things, and what they are
    b"{\\rtf": "RTF",
    b"PK\3\4": "Word or another office program's",
    b"\xd0\xcf\x11\xe0": "Word or another office program's",
    b"<!doctype html": "HTML",
    b"<html": "HTML",
}
# Names of items that only say that something is said.
PLAIN = re.compile(
    r"^(?:findings?|texts?|descriptions?|impressions?|conclusions?|summary|comments?|reports?|results?)$"
)


def read_report(path: Path) -> str:
    """The report in a file, told by what the file holds.

    Raises:
        InputError: It cannot be read, holds no text, or is no report; or reading a PDF needs a package that is missing.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if start[128:] == b"DICM" or path.suffix.lower() == ".dcm":
        text = _dicom(path)
    elif start.lstrip().startswith(b"%PDF"):
        text = _pdf(path.read_bytes(), path)
    elif kind := next((kind for sign, kind in OTHERS.items() if start.lstrip().lower().startswith(sign.lower())), ""):
        raise InputError(f"{path} is no plain text ({kind}); save it as text (UTF-8) or as PDF")
    else:
        text = read_text(path)
    if not text.strip():
        raise InputError(f"{path} holds no text; if it is a picture of a report, have its text recognised first")
    return text


def _pdf(content: bytes, path: Path) -> str:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise InputError(
            f"{path} is a PDF; reading it needs the package pypdf (pip install pypdf), or save its text as a text file"
        ) from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong is told in one line below
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError(f"{path} is locked by a password; save its text as a text file")
        text = "\n".join(page.extract_text() for page in reader.pages)
    except InputError:
        raise
    except Exception as error:  # a damaged PDF fails in as many ways as there are objects in it
        raise InputError(f"{path} cannot be read as a PDF ({type(error).__name__}); it may be damaged") from error
    return re.sub(r"(?<=\w-)\n(?=\w)", "", text)  # "well-" at a line's end and "defined" on the next


def _dicom(path: Path) -> str:
    import pydicom

    try:
        dataset = pydicom.dcmread(path, force=True)
        kind = str(dataset.get("SOPClassUID", ""))
        if kind.startswith(STRUCTURED):
            return "\n".join(_lines(dataset.get("ContentSequence", ()), _name(dataset))).strip()
        document = dataset.get("EncapsulatedDocument") if kind == PDF_IN_DICOM else None
    except InputError:
        raise
    except Exception as error:  # likewise
        raise InputError(f"{path} cannot be read as DICOM ({type(error).__name__}); it may be damaged") from error
    if document is not None:
        return _pdf(document.value if hasattr(document, "value") else bytes(document), path)
    modality = str(dataset.get("Modality", "")) or "no modality"
    raise InputError(f"{path} is no report but DICOM of another kind ({modality}); open the structured report's file")


def _lines(items: Sequence[Any], under: str) -> Iterator[str]:
    """A container's texts, a line each under its heading; what it measures of one finding, in one line."""
    coded, measured, site = [], [], ""
    for item in items:
        kind, name = str(item.get("ValueType", "")), _name(item)
        if kind == "CONTAINER":
            inside = list(_lines(item.get("ContentSequence", ()), name))
            if inside:
                yield ""
                yield from [f"{name}: {inside[0]}", *inside[1:]] if name and inside[0] else inside
        elif kind == "TEXT":
            said = " ".join(str(item.get("TextValue", "")).split())
            yield said if _says_nothing(name, under) else f"{name}: {said}"
            yield from _lines(item.get("ContentSequence", ()), name)
        elif kind == "CODE":
            meaning = _meaning(item.get("ConceptCodeSequence", ()))
            if name.lower() in SITES:
                site = meaning
            else:
                coded.append(meaning if _says_nothing(name, under) else f"{name.lower()} {meaning}")
        elif kind == "NUM":
            measured += [f"{name.lower()} {value}" for value in _values(item)]
    if coded or measured:
        found = ", ".join([*coded, *measured])
        yield f"{site}: {found}." if site else f"{found}."


def _says_nothing(name: str, under: str) -> bool:
    """Whether an item's name is nothing that a reader would want to see before its text."""
    return not name or name.lower() == under.lower() or bool(PLAIN.match(name.lower()))


def _name(item: Any) -> str:
    return _meaning(item.get("ConceptNameCodeSequence", ()))


def _meaning(codes: Sequence[Any]) -> str:
    return " ".join(str(codes[0].get("CodeMeaning", "")).split()) if codes else ""


def _values(item: Any) -> Iterator[str]:
    for each in item.get("MeasuredValueSequence", ()):
        units = each.get("MeasurementUnitsCodeSequence", ())
        unit = str(units[0].get("CodeValue", "")) if units else ""
        yield f"{each.get('NumericValue', '')} {'' if unit in ('1', '{count}') else unit}".strip()
