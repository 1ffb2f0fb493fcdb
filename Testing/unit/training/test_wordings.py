"""Wordings of cases' descriptions, for training: what a case gets, and what a run that was stopped keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from TextoMorphLib.cases import read_cases
from TextoMorphLib.cli import main
from TextoMorphLib.io import contents
from TextoMorphLib.text.understanding import understand
from TextoMorphLib.training import wordings

REPORT = (
    "Liver: 8 mm cyst in segment 2. 4 cm hypodense lesion in segment 6 with ill-defined margins.\nPancreas: Normal.\n"
)
LINES = (
    {"id": "a", "ct": "a.nii.gz", "organ": "liver", "texts": ["hypoattenuating, well-defined lesion", "dark, sharp"]},
    {"id": "b", "ct": "b.nii.gz", "organ": "liver", "report": "b.txt"},
    {"id": "c", "ct": "c.nii.gz", "organ": "kidney", "lesion_texts": {"2": ["septated cyst"]}},
    {"id": "d", "ct": "d.nii.gz", "organ": "liver", "texts": ["a metastasis of 3 cm"]},
    {"id": "h", "ct": "h.nii.gz", "organ": "liver", "healthy": True},
)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    (tmp_path / "b.txt").write_text(REPORT, encoding="utf-8")
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return path


def test_cases_get_wordings_that_mean_the_same(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = listed.with_name("worded.jsonl")
    assert main(["cases", "texts", str(listed), "--output", str(out), "--count", "3"]) == 0
    said = capsys.readouterr()
    cases = {case.id: case for case in read_cases(out)}
    for case, texts in (("a", cases["a"].texts), ("b", cases["b"].texts), ("c", cases["c"].lesion_texts[2])):
        meant = {json.dumps(understand(text, cases[case].organ).description, sort_keys=True) for text in texts}
        assert len(texts) == len(set(texts)) == 4 + (case == "a"), "its own second text stays"
        assert len(meant) == 1
    assert cases["a"].texts[0] == LINES[0]["texts"][0]
    assert "4 cm hypodense lesion" in cases["b"].texts[0], "the report's largest lesion"
    assert cases["d"].texts == ("a metastasis of 3 cm",)
    assert cases["h"].texts == ()
    assert "kept 9 of" in said.out
    assert "1 descriptions say nothing" in said.err
    assert not out.with_name("worded.jsonl.part").exists()


def test_a_run_that_was_stopped_goes_on(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = listed.with_name("worded.jsonl")
    arguments = ["cases", "texts", str(listed), "--output", str(out), "--count", "2"]
    real = wordings.wordings_of

    def stopped(text: str, organ: str, *rest: object) -> object:
        if organ == "kidney":
            raise KeyboardInterrupt
        return real(text, organ, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(wordings, "wordings_of", stopped)
    assert main(arguments) == 130
    assert not out.exists()
    notes = out.with_name("worded.jsonl.part")
    notes.write_text(notes.read_text(encoding="utf-8") + '{"key": "cut off', encoding="utf-8")
    asked = []

    def counted(text: str, organ: str, *rest: object) -> object:
        asked.append(text)
        return real(text, organ, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(wordings, "wordings_of", counted)
    noted = notes.read_text(encoding="utf-8")
    assert main(arguments) == 0
    assert asked == ["septated cyst"], "the others were done"
    assert len(read_cases(out)[0].texts) == 4, "its own two and two more"
    notes.write_text(noted, encoding="utf-8")
    monkeypatch.setattr(contents, "program", lambda: "another")
    assert main([*arguments, "--overwrite"]) == 0
    assert len(asked) > 3, "other words, or another version, may write others"
