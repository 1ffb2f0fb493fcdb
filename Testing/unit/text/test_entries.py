"""The user's own terms and organs: what is wrong with a file of them is said of it, in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import organs, vocabulary

TERM = {
    "name": "sunken",
    "adjectives": ["sunken"],
    "held_out": [],
    "explanation": "Darker than what lies around it.",
    "organs": ["liver"],
    "about": "lesion",
    "sets": {"density": "hypo"},
    "measured": [{"attribute": "contrast_hu", "low": -300, "high": -10}],
}
SPLEEN = {"name": "spleen", "words": ["spleen"], "places": [], "in_reports": "spleen", "terms_of": "liver"}
BAD_TERMS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "it is not JSON .*line 1"),
    "no object": ([TERM], "holds no JSON object"),
    "no terms": ({"term": [TERM]}, "terms left out"),
    "left out": (
        {"terms": [{"name": "sunken"}]},
        "term 1: held_out, explanation, organs, .* left out",
    ),
    "misspelt": ({"terms": [TERM, {**TERM, "adjective": []}]}, "term 2: unknown adjective; known are name"),
    "a text for a list": ({"terms": [{**TERM, "organs": "liver"}]}, "organs must be a list of texts, not .liver"),
    "a number for a text": ({"terms": [{**TERM, "sets": {"density": 1}}]}, "density must be a text, not 1"),
    "a check without an end": ({"terms": [{**TERM, "measured": [{"attribute": "x", "low": 1}]}]}, "high left out"),
}
BAD_ORGANS: dict[str, tuple[Any, str]] = {
    "no object": ([], "holds no JSON object"),
    "left out": ({"name": "spleen"}, "words, places, in_reports left out"),
    "misspelt": ({**SPLEEN, "most_mL": 9}, "unknown most_mL"),
    "no pattern": ({**SPLEEN, "in_reports": "("}, "no regular expression"),
    "numbers that are none": ({**SPLEEN, "rendered": {"lags": 3}}, "its numbers cannot be read"),
    "the terms of nothing": ({**SPLEEN, "terms_of": "heart"}, "'heart' is no organ"),
}


def _write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("file", "read", "bad"),
    [
        pytest.param(file, read, bad, id=f"{file}: {name}")
        for file, read, all_bad in (
            ("Vocabulary/terms/mine.json", vocabulary._data.__wrapped__, BAD_TERMS),
            ("Organs/mine.json", organs._read, BAD_ORGANS),
        )
        for name, bad in all_bad.items()
    ],
)
def test_a_bad_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, read: Callable[[], Any], bad: tuple[Any, str]
) -> None:
    content, words = bad
    path = _write(tmp_path, file, content)
    monkeypatch.setenv("TEXTOMORPH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=words) as refused:
        read()
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["Organs/mine.json", "Vocabulary/terms/mine.json"])
def test_the_command_says_it_in_one_line(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path, name, "[]")
    argv = [sys.executable, "-m", "TextoMorphLib", "generate", "ct.nii.gz", "--mask", "mask.nii.gz", "--text", "cyst"]
    environment = {**os.environ, "TEXTOMORPH_HOME": str(tmp_path)}
    done = subprocess.run(
        [*argv, "--output", str(tmp_path / "o.nii.gz")], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith(f"error: {path}: ")
