"""The chat endpoint, played by a small HTTP server with the failures of real ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat_server import Reply, Script, Server, said
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.text import chat as client
from TextoMorphLib.text import chat_reports, variants
from TextoMorphLib.text.chat import Chat, ChatError

REPORT = (
    "Liver: 3 cm hypodense lesion in segment 6. No calcification.\nSpleen: calcified granuloma.\nPancreas: no mass.\n"
)
LESION = {"lesions": [{"organ": "liver", "spans": ["3 cm hypodense lesion in segment 6.", "No calcification."]}]}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.script = lambda body, number: said(LESION)
    yield made
    made.close()


@pytest.fixture
def ask(server: Server, tmp_path: Path) -> Chat:
    return Chat(server.url, "tiny", cache=tmp_path / "cache", wait=lambda seconds: None)


def test_an_answer_counts_where_it_stands_in_the_report(server: Server, ask: Chat) -> None:
    found = chat_reports.extract(ask, REPORT)
    assert [lesion.description for lesion in found.lesions] == ["3 cm hypodense lesion in segment 6. No calcification."]
    assert found.lesions[0].understanding.description == {"density": "hypo", "calcification": "none"}
    assert found.similarity is not None
    assert found.similarity > 0.5
    assert server.paths == ["/v1/chat/completions"]
    assert server.asked[0]["temperature"] == 0
    assert server.asked[0]["response_format"]["type"] == "json_schema"
    assert str(ask.spent) == "1 questions (0 from the cache), 100 tokens sent, 20 received"


def test_the_same_question_is_asked_once(server: Server, ask: Chat) -> None:
    first, second = chat_reports.extract(ask, REPORT), chat_reports.extract(ask, REPORT)
    assert len(server.asked) == 1
    assert ask.spent.cached == 1
    assert first.similarity == second.similarity


@pytest.mark.parametrize(
    ("organ", "span", "why"),
    [
        ("liver", "3 cm hyperdense lesion in segment 6.", chat_reports.NOT_THERE),
        ("liver", "calcification", chat_reports.TURNED),
        ("pancreas", "no mass", chat_reports.DENIED),
        ("kidney", "3 cm hypodense lesion", chat_reports.OTHER_ORGAN),
        ("pancreas", "3 cm hypodense lesion in segment 6.", chat_reports.ELSEWHERE),
        ("liver", "calcified granuloma", chat_reports.ELSEWHERE),
    ],
)
def test_what_the_report_does_not_say_is_dropped_and_counted(
    server: Server, ask: Chat, organ: str, span: str, why: str
) -> None:
    server.script = lambda body, number: said({"lesions": [{"organ": organ, "spans": [span]}]})
    found = chat_reports.extract(ask, REPORT, "liver" if organ == "kidney" else None)
    assert found.lesions == []
    assert found.dropped == {why: 1}


def test_servers_without_schemas_are_asked_for_json_and_then_in_words(server: Server, ask: Chat) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        form = body.get("response_format", {}).get("type")
        if form == "json_schema":
            return 400, {}, b'{"error": "response_format is not supported"}'
        if form == "json_object":
            return said("Certainly! I found one lesion.")
        return said(f"Here it is:\n```json\n{json.dumps(LESION)}\n```\nAnything else?")

    server.script = script
    assert len(chat_reports.extract(ask, REPORT).lesions) == 1
    assert len(server.asked) == 3


def test_a_server_that_limits_its_rate_is_asked_again(server: Server, ask: Chat) -> None:
    waits: list[float] = []
    ask.wait = waits.append
    server.script = lambda body, number: (429, {"Retry-After": "7"}, b"") if number < 3 else said(LESION)
    assert len(chat_reports.extract(ask, REPORT).lesions) == 1
    assert 7.0 in waits


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (lambda body, number: said("I am sorry, I cannot read this."), "JSON"),
        (lambda body, number: said({"lesions": [{"organ": "spleen", "spans": ["x"]}]}), "JSON"),
        (lambda body, number: said("{", finish="length"), "cut its answer off"),
        (lambda body, number: (200, {}, b"<html>welcome</html>"), "as a chat endpoint does"),
        (lambda body, number: (200, {}, b'{"choices": []}'), "as a chat endpoint does"),
        (lambda body, number: (200, {}, json.dumps("answer").encode("utf-16")), "as a chat endpoint does"),
        (lambda body, number: (200, {}, b" " * (client.MOST_BYTES + 1)), "answer does not end"),
        (lambda body, number: (200, {"Content-Length": "9999"}, b'{"choices"'), "cannot be reached"),
        (lambda body, number: (500, {}, b"oops"), "answers 500, 3 times"),
        (lambda body, number: (401, {}, b"no key"), "answers 401: no key"),
        (lambda body, number: (302, {"Location": "http://example.invalid/"}, b""), "answers 302"),
    ],
)
def test_failures_are_told_in_a_line(server: Server, ask: Chat, script: Script, why: str) -> None:
    server.script = script
    with pytest.raises(ChatError, match=why):
        chat_reports.extract(ask, REPORT)


def test_a_server_that_is_slow_or_down(server: Server, ask: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(client, "TIMEOUT_S", (0.2, 0.2))

    def slow(body: dict[str, Any], number: int) -> Reply:
        release.wait(5)
        return said(LESION)

    server.script = slow
    with pytest.raises(ChatError, match="does not answer in time, 3 times"):
        chat_reports.extract(ask, REPORT)
    release.set()
    down = Chat("http://127.0.0.1:9/v1", "tiny", cache=ask.cache, wait=lambda seconds: None)
    with pytest.raises(ChatError, match="cannot be reached"):
        chat_reports.extract(down, REPORT)


def test_a_redirect_to_another_host_gets_no_text(server: Server, ask: Chat) -> None:
    other = Server()
    try:
        server.script = lambda body, number: (307, {"Location": f"{other.url}/chat/completions"}, b"")
        with pytest.raises(ChatError, match="answers 307"):
            chat_reports.extract(ask, REPORT)
        assert other.asked == []
    finally:
        other.close()


def test_an_answer_that_trickles_is_cut(server: Server, ask: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LONGEST_S", -1.0)  # any time is too long
    with pytest.raises(ChatError, match="does not end"):
        chat_reports.extract(ask, REPORT)


def test_letters_that_do_not_survive_are_no_words_of_the_report(server: Server, ask: Chat) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        answer = {"lesions": [{"organ": "liver", "spans": ["L\u00e4sion", "No calcification."]}]}
        status, headers, content = said(json.dumps(answer, ensure_ascii=False))
        return status, headers, content.replace(b"\\u00e4", "\u00e4".encode("latin-1"))

    server.script = script
    found = chat_reports.extract(ask, REPORT.replace("lesion", "L\u00e4sion"))
    assert [lesion.description for lesion in found.lesions] == ["No calcification."]
    assert found.dropped == {chat_reports.NOT_THERE: 1}


def test_a_mark_of_byte_order_is_no_fault(server: Server, ask: Chat) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        status, headers, content = said(LESION)
        return status, headers, b"\xef\xbb\xbf" + content

    server.script = script
    assert len(chat_reports.extract(ask, REPORT).lesions) == 1


def test_a_date_says_when_to_ask_again(server: Server, ask: Chat) -> None:
    waits: list[float] = []
    ask.wait = waits.append
    far = "Fri, 31 Dec 2100 23:59:59 GMT"
    server.script = lambda body, number: (429, {"Retry-After": far}, b"") if number < 2 else said(LESION)
    assert len(chat_reports.extract(ask, REPORT).lesions) == 1
    assert max(waits) == client.LONGEST_WAIT_S


def test_what_it_costs_is_told(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = Chat(server.url, "tiny", cache=tmp_path / "cache", price=(1000.0, 5000.0))
    chat_reports.extract(chat, REPORT)
    assert chat.spent.cost == pytest.approx(0.2)  # 100 and 20 of a million
    assert str(chat.spent).endswith("20 received, 0.2000 at the price given")
    chat_reports.extract(chat, REPORT)
    assert chat.spent.cost == pytest.approx(0.2), "the cache costs nothing"
    server.script = lambda body, number: (200, {}, said(LESION)[2].replace(b"usage", b"abuse"))
    chat_reports.extract(chat, REPORT + "Kidney: normal.\n")
    assert str(chat.spent).endswith("; 1 answers do not tell their tokens")
    (tmp_path / "report.txt").write_text(REPORT, encoding="utf-8")
    arguments = ["report", "extract", str(tmp_path / "report.txt"), "--chat", server.url, "--price"]
    assert main([*arguments, "cheap"]) == 2
    assert capsys.readouterr().err.startswith("error: --price 'cheap' is no price")


@pytest.mark.parametrize(
    "address",
    ["http://localhost@example.org/v1", "http://127.0.0.1.example.org/v1", "http://localhost.example.org/v1"],
)
def test_another_host_is_not_taken_for_this_computer(address: str) -> None:
    with pytest.raises(InputError, match=r"--consent-to-send \S*example\.org"):
        Chat(address, "m", consent="localhost")


def test_what_is_sent_to_another_host_has_no_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    chat = Chat("https://api.example.org/v1", "m", consent="API.example.org", cache=tmp_path / "cache")
    monkeypatch.setattr(chat, "_post", lambda messages, form: sent.append(messages) or json.dumps(LESION))
    chat_reports.extract(chat, f"Patient: Jane Doe, MRN 4711.\n{REPORT}")
    assert "3 cm hypodense lesion in segment 6" in str(sent)
    assert "Doe" not in str(sent)
    assert "4711" not in str(sent)


def test_text_leaves_the_computer_only_with_consent_to_that_host() -> None:
    with pytest.raises(InputError, match=r"--consent-to-send api\.example\.org"):
        Chat("https://api.example.org/v1", "m")
    with pytest.raises(InputError, match="--consent-to-send"):
        Chat("https://api.example.org/v1", "m", consent="example.org")
    with pytest.raises(InputError, match="no address"):
        Chat("localhost:8080", "m")
    assert not Chat("https://api.example.org/v1", "m", consent="api.example.org").local


def test_the_command_falls_back_on_the_rules_where_asked(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "report.txt"
    path.write_text(REPORT, encoding="utf-8")
    server.script = lambda body, number: said("I would rather not.")
    arguments = ["report", "extract", str(path), "--organ", "liver", "--chat", server.url]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: the endpoint 127.0.0.1 does not answer in the JSON")
    assert main([*arguments, "--or-rules"]) == 0
    out, err = capsys.readouterr()
    (line,) = [json.loads(line) for line in out.splitlines()]
    assert (line["by"], line["attributes"]) == ("rules", {"density": "hypo", "calcification": "none"})
    assert "the rules were used" in err


def test_wordings_of_an_endpoint_are_checked(server: Server, ask: Chat) -> None:
    wordings = [
        ["ill-defined hypodense lesion", "hypodense lesion with blurred margins", "well-defined hypodense lesion"],
        ["an ill-defined dark mass of 3 cm", "gloomy, hypodense, ill-defined lesion"],
        [],
    ]  # fmt: skip
    server.script = lambda body, number: said({"texts": wordings[number - 1]})
    vectors = chat_reports.encoders.load("minilm")
    found = variants.checked(
        "ill-defined hypoattenuating lesion",
        "liver",
        variants.from_chat(ask, "ill-defined hypoattenuating lesion", 10),
        10,
        lambda texts: vectors.encode(texts).pooled,
    )
    assert set(found.texts) == {"ill-defined hypodense lesion", "hypodense lesion with blurred margins"}
    assert found.dropped == {variants.MEANS_OTHER: 1, variants.NUMBERS: 1, variants.UNKNOWN: 1}
