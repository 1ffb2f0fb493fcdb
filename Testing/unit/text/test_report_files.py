"""A report's text comes out of whatever file it is in, and nothing else of that file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from report_kinds import SENTENCES, as_dicom, as_pdf, as_structured

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.text.left_out import left_out
from TextoMorphLib.text.report_files import PDF_IN_DICOM, read_report
from TextoMorphLib.text.reports import extract

SPOILT = {
    "not text": (b"\xff\xfe\x00\x01", "not UTF-8"),
    "UTF-16 without its mark": ("Liver: 2 cm cyst.".encode("utf-16-le"), "zero bytes"),
    "RTF": (rb"{\rtf1\ansi FINDINGS: Liver: 2 cm hypo\-attenuating lesion.\par}", "RTF"),
    "Word": (b"PK\x03\x04\x14\x00\x00\x00", "no plain text"),
    "HTML": (b"<!DOCTYPE html><p>Liver: 2 cm <b>cyst</b>.</p>", "HTML"),
}


def test_every_kind_of_file_gives_the_same_lesion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "a.txt"
    text.write_text("\n".join(SENTENCES))
    pdf = as_pdf(tmp_path / "b.pdf")
    inside = as_dicom(tmp_path / "c.dcm", PDF_IN_DICOM, "DOC", EncapsulatedDocument=pdf.read_bytes() + b"\0")
    structured = as_structured(tmp_path / "d")  # told by what it holds, not by its name
    files = [text, pdf, inside, structured]
    assert main(["report", "extract", *map(str, files), "--organ", "liver"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(each["report"]) for each in found] == files
    for each in found:
        assert each["sizes_mm"] == [[23.0, 18.0]]
        assert each["segments"] == ["7"]
        assert each["description"] == " ".join(SENTENCES[:2])


def test_a_structured_report_gives_findings_and_measurements_but_no_names(tmp_path: Path) -> None:
    text = read_report(as_structured(tmp_path / "a.dcm"))
    assert not {"Doe", "Jane", "4711", "Roe", "Richard"} & set(text.replace("^", " ").split())
    (kidney,) = extract(text, "kidney")
    assert kidney.as_dict()["diameter_mm"] == 34
    assert "Cystic mass" in kidney.description
    assert [lesion.organ for lesion in extract(text)] == ["liver", "kidney"]  # and none of the history


@pytest.mark.parametrize("kind", [*SPOILT, "empty", "damaged PDF", "picture", "CT", "damaged DICOM", "missing"])
def test_what_is_no_report_is_refused(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(SPOILT.get(kind, (b"",))[0])
    if kind == "empty":
        path.write_text(" \n")
    elif kind == "damaged PDF":
        path.write_bytes(as_pdf(path).read_bytes()[:300])
    elif kind == "picture":
        as_pdf(path, ())
    elif kind == "CT":
        as_dicom(path, "1.2.840.10008.5.1.4.1.1.2", "CT")
    elif kind == "damaged DICOM":
        path.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    elif kind == "missing":
        path.unlink()
    said = {
        **{kind: said for kind, (_, said) in SPOILT.items()},
        "empty": "holds no text",
        "damaged PDF": "PDF|no text",
        "picture": "holds no text",
        "CT": r"no report but DICOM of another kind \(CT\)",
        "damaged DICOM": "DICOM",
        "missing": "cannot read",
    }
    with pytest.raises(InputError, match=said[kind]):
        read_report(path)
    assert not [each for each in caplog.records if each.name.startswith("pypdf")], "one line, of our own"


def test_a_pdf_without_pypdf_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(InputError, match="pip install pypdf"):
        read_report(as_pdf(tmp_path / "a.pdf"))


def test_what_no_lesion_took_is_told() -> None:
    report = "Liver: 2 cm cyst in segment IV. No biliary dilatation.\nSpleen: Normal.\n\nIMPRESSION:\nHepatic cyst."
    rest = left_out(report, extract(report))
    assert not any("2 cm cyst" in sentence for sentence in rest)
    assert any("Spleen" in sentence for sentence in rest)
    assert "No biliary dilatation." in rest
    assert left_out("\n".join(SENTENCES), extract("\n".join(SENTENCES))) == [SENTENCES[2]]
