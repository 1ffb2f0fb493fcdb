"""What may name a patient is struck out before a text leaves this computer, and nothing that describes a lesion."""

from __future__ import annotations

import pytest

from TextoMorphLib.text.identifiers import struck_out


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("Patient: Jane Q. Doe, MRN 4711-22, DOB: 03/04/1950.", ("Jane", "Doe", "4711", "1950")),
        ("SMITH, JOHN A   MRN: 00123456   Acc# CT-2023-8899", ("SMITH", "JOHN", "123456", "8899")),
        ("Name: garc\u00eda l\u00f3pez, mar\u00eda; Age: 67", ("garc", "pez", "mar\u00eda")),
        ("Patient John Smith was seen by Dr. Miller and Prof. A. Jones-Brown.", ("John", "Smith", "Miller", "Brown")),
        ("Frau M\u00fcller-L\u00fcdenscheidt, Mrs O'Hara", ("M\u00fcller", "denscheidt", "Hara")),
        ("Electronically signed by Robert Brown, M.D.", ("Robert", "Brown")),
        ("Reported by: A. B. O'Neill, FRCR\nThank you", ("Neill",)),
        ("on 2021-03-12, 12.03.2021, 3/12/21, 12-Mar-2021", ("2021-", "12.03", "3/12", "Mar")),
        ("12 March 2021, March 2021, Mar 3rd, 2022", ("March", "2021", "2022")),
        ("Accession Number: A1234567. Hospital No. H99881.", ("A1234567", "H99881")),
        ("NHS 943 476 5919. SSN 123-45-6789. Ref 88112233", ("943", "5919", "6789", "88112233")),
        ("Phone (555) 123-4567, 555-1234, tel. 020 7946 0958 ext. 214", ("4567", "1234", "7946", "214")),
        ("Call +49 30 1234567", ("1234567",)),
        ("12 Main Street, Springfield, IL 62704", ("Main", "Springfield", "62704")),
        ("Musterstra\u00dfe 12, 12345 Berlin; 10 Downing St, London SW1A 2AA", ("Muster", "Berlin", "Downing", "2AA")),
        ("St. Mary's Hospital, University Hospital of North Tees", ("Mary", "Tees")),
        ("jane.doe@example.com https://pacs.example.org/x?id=77", ("jane", "pacs")),
        ("A 93-year-old woman", ("93",)),
        ("Dr. van der Berg, Dr. von Humboldt and Mrs. de la Cruz", ("Berg", "Humboldt", "Cruz")),
        (
            "Dr. \u00d6zt\u00fcrk and Mr \u0141ukasz \u017b\u00f3\u0142\u0107; Dr.Smith",
            ("zt\u00fcrk", "ukasz", "Smith"),
        ),
        ("The patient, John Smith, and Pt. Anna de Witt", ("John", "Smith", "Anna", "Witt")),
        ("JOHN SMITH is a 54-year-old man. Smith J, 54M", ("JOHN", "SMITH", "Smith J")),
        ("CT of 03/2023, 5th of March 2024; www.example.org/doe", ("03/2023", "5th", "example")),
        ("Aged 95; age: 101", ("95", "101")),
    ],
)
def test_identifiers_are_struck_out(text: str, secrets: tuple[str, ...]) -> None:
    left = struck_out(text)
    assert "[removed]" in left
    assert [secret for secret in secrets if secret in left] == []


@pytest.mark.parametrize(
    "text",
    [
        "2.3 x 1.8 cm hypodense lesion in segment 6, 25 HU (range 12-30 HU), image 45/120, series 3.",
        "1.5-2.0 cm nodules; HU 35 60 80 in three phases; 110 120 130 HU.",
        "Segment IVa/IVb. LR-5. Bosniak 2F. 24.5 x 20 x 31 mm. 67-year-old man.",
        "Pancreas: Thin-walled cyst, T2N0M0.\nKidney: Right upper pole, 4.2-cm mass. The patient is stable.",
        "Renal Cell Carcinoma of 12 cm. In contact 2.5 cm with the vein. Name of lesion: none.",
        "Findings: Liver: A Klatskin tumour. Margins are sharp.",
        "Liver Lesion 1 is a 3 cm mass. Segment 4 is a 2 cm cyst. The Bosniak Cyst was a 3 cm one. Ratio 3/20.",
        "Patient. Liver Cyst. HU 95 of age-old scars, average 95 HU. Hepatic Vein I, 12 mm.",
    ],
)
def test_what_describes_a_lesion_stays(text: str) -> None:
    assert struck_out(text) == text
