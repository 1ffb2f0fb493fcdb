"""One report as files of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SENTENCES = (
    "The liver has a 23 x 18 mm hypoattenuating, well-defined lesion in segment VII.",
    "It has a thin wall.",
    "The gallbladder holds stones.",
)


def as_pdf(path: Path, lines: tuple[str, ...] = SENTENCES) -> Path:
    """A PDF of one page, with a line of text each."""
    words = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 11 Tf 14 TL 40 700 Td {words} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"xref\n0 6\n0000000000 65535 f \n" + table
    content += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % content.index(b"xref")
    path.write_bytes(content)
    return path


def as_dicom(path: Path, uid: str, modality: str, **more: Any) -> Path:
    """A DICOM file of a class, with a patient's name in its header."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = uid, generate_uid(), modality
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    for name, value in more.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def as_structured(path: Path) -> Path:
    """A structured report: findings as text, and a measured finding of the kidney."""
    tree = [
        _item("PNAME", "Person Observer Name", PersonName="Roe^Richard"),
        _item("CONTAINER", "History", ContentSequence=[_item("TEXT", "History", TextValue="Known liver cyst.")]),
        _item(
            "CONTAINER",
            "Findings",
            ContentSequence=[_item("TEXT", "Finding", TextValue=sentence) for sentence in SENTENCES],
        ),
        _item(
            "CONTAINER",
            "Measurement Group",
            ContentSequence=[
                _item("CODE", "Finding", ConceptCodeSequence=[_code("Cystic mass")]),
                _item("CODE", "Finding Site", ConceptCodeSequence=[_code("Left kidney")]),
                _item("NUM", "Diameter", MeasuredValueSequence=[_measured("34", "mm")]),
                _item("IMAGE", "Source"),
            ],
        ),
    ]
    names = {"ConceptNameCodeSequence": [_code("Imaging Report")], "ValueType": "CONTAINER"}
    return as_dicom(path, "1.2.840.10008.5.1.4.1.1.88.33", "SR", **names, ContentSequence=tree)


def _code(meaning: str, value: str = "1") -> Any:
    import pydicom

    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99T", meaning
    return code


def _item(kind: str, name: str, **more: Any) -> Any:
    import pydicom

    item = pydicom.Dataset()
    item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = "CONTAINS", kind, [_code(name)]
    for key, value in more.items():
        setattr(item, key, value)
    return item


def _measured(number: str, unit: str) -> Any:
    import pydicom

    measured = pydicom.Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = number, [_code("millimeter", unit)]
    return measured
