"""A vision-language model is asked about failures: what it sees, what of its answer counts, what its failing leaves."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import failing_cases
import pytest
from PIL import Image

from chat_server import Server, said
from TextoMorphLib.cli import main
from TextoMorphLib.failures import read_failures
from TextoMorphLib.failures.vision import held_against


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def arguments(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("TextoMorphLib.text.chat.time.sleep", lambda seconds: None)
    data = failing_cases.write(tmp_path)
    found = ["failures", "find", str(data / "cases.jsonl"), "--predictions", str(data / "predictions")]
    return [*found, "--output", str(data / "failures.jsonl"), "--chat", server.url, "--model", "eye"]


def test_what_it_says_is_held_against_what_was_measured(
    arguments: list[str], server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = ["Hypoattenuating", "hyperattenuating", "haemorrhagic", "angry"]
    server.script = lambda body, number: said({"terms": answers})
    assert main(arguments) == 0
    miss, *others = read_failures(tmp_path / "failures.jsonl")
    assert miss.description["density"] == "hypo"
    assert miss.told["agreed"] == ["hypoattenuating"]
    assert miss.told["contrary"] == ["hyperattenuating", "haemorrhagic"]
    assert held_against(["septated"], replace(miss, description={}))["unmeasured"] == ["septated"]
    assert miss.told["dropped"] == 1
    assert (miss.told["by"], len(others)) == ("eye", 2)
    assert "hyperattenuating" not in miss.text, "the measured words stand"
    out = capsys.readouterr().out
    assert "3 not of the vocabulary (dropped)" in out
    assert "endpoint: 3 questions (0 from the cache), 300 tokens sent" in out
    assert "against the measured: hyperattenuating" in (tmp_path / "failures.html").read_text(encoding="utf-8")

    system, user = server.asked[0]["messages"]
    assert "- hypoattenuating: " in system["content"]
    assert '-> {"terms": ["hypoattenuating", "ill-defined"]}' in system["content"]
    (part,) = user["content"]
    picture = base64.b64decode(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(picture)) as image:
        assert image.size[0] > 600
        words = json.dumps({key: str(value) for key, value in image.info.items()})
    assert miss.case not in words, "nothing of whose it is"

    assert main(arguments) == 0, "asked again, it answers from the cache"
    assert len(server.asked) == 3


def test_an_endpoint_that_fails_costs_no_failure(
    arguments: list[str], server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = lambda body, number: (400, {}, b'{"error": "this model takes no pictures"}')
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "takes no pictures" in err
    assert "--or-rules" in err
    assert all(not failure.told and failure.text for failure in read_failures(tmp_path / "failures.jsonl"))
    assert main([*arguments, "--or-rules"]) == 0
    assert "the measured words stand alone" in capsys.readouterr().err
    assert (tmp_path / "failures.html").is_file()


def test_pictures_leave_the_computer_only_with_consent(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = [*arguments]
    away[away.index("--chat") + 1] = "https://api.example.org/v1"
    assert main(away) == 2
    assert "--consent-to-send api.example.org" in capsys.readouterr().err
    assert not (tmp_path / "failures.jsonl").exists()
