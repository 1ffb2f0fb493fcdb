"""Lines of cases.jsonl: what they may say, and what is said of those that may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from TextoMorphLib.cases import Case, read_cases
from TextoMorphLib.cases.importers import parse_values
from TextoMorphLib.errors import InputError


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "id left out"),
        ({"healty": True}, "unknown healty"),
        ({"values": {"tumour": [0]}}, "above 0"),
        ({"values": {"organ": [1], "tumour": [1]}}, "twice"),
        ({"values": {}}, 'label without "values"'),
        ({"fold": "0"}, "fold must be a whole number"),
        ({"id": "a/b"}, "slash"),
        ({"id": ".."}, "starts with a dot"),
        ({"age": 400}, "from 0 to 130"),
        ({"patient": ["p"]}, "patient must be a string"),
        ({"patient": True}, "patient must be a string"),
        ({"ct": 3}, "ct must be a string"),
        ({"id": "a\nb"}, "line break"),
        ({"id": " a"}, "a blank at an end"),
        ({"id": "a" * 300}, "longer than 200 bytes"),
        ({"organ": " "}, "organ is blank"),
        ({"lesion_texts": {"²": "cyst"}}, "by number of component"),
    ],
)
def test_a_bad_line_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    usual = {"id": "a", "ct": "a.nii.gz", "organ": "liver", "label": "l.nii.gz", "values": {"tumour": [1]}}
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(json.dumps(line) + "\n" for line in ({**usual, "id": "fine"}, {**usual, **change})))
    with pytest.raises(ValueError, match="line 2: ") as caught:
        read_cases(cases)
    assert words in str(caught.value)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"id": ' + "1" * 5000 + "}", "{"])
def test_json_that_cannot_be_read_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text(line)
    with pytest.raises(InputError, match="line 1: not JSON"):
        read_cases(tmp_path / "cases.jsonl")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("organ=1,tumour=1", "the value 1 stands twice"),
        ("tumour=1,tumour=2", "'tumour' stands twice"),
        ("tumour=²", "says no value"),
        ("tumour=99999999999", "up to 2147483647"),
    ],
)
def test_values_that_mean_nothing_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_values(text)


def test_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    line = {
        "id": "a",
        "ct": "ct/a.nii.gz",
        "organ": "pancreas",
        "patient": "12",
        "label": "l/a.nii.gz",
        "values": {"organ": [1], "pdac": [2, 4], "cyst": [3]},
        "texts": ["solid"],
        "lesion_texts": {"2": ["cyst"]},
        "report": "r.txt",
        "fold": 0,
        "age": 61,
        "sex": "F",
    }
    assert Case.parse(line, tmp_path).line(tmp_path) == line
