"""Reading in the browser, seen from the network: real requests to a real server."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nibabel as nib
import numpy as np
import pytest
from small_studies import TEXT, serving, small_study

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study.answers import read_answers
from TextoMorphLib.reader_study.serve import PAGES, Server, links_path
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path, readers=("anna", "ben"))


@pytest.fixture
def server(study: Study) -> Iterator[Server]:
    with serving(study) as server:
        yield server


def ask(server: Server, path: str, body: Any = None, reader: str = "anna", **headers: str) -> tuple[int, bytes, dict]:
    """GET, or POST when there is a body; `path` follows the reader's link unless it begins with a slash."""
    link = urlsplit(server.links[reader])
    connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=10)
    content = None if body is None else json.dumps(body)
    connection.request(
        "GET" if body is None else "POST", path if path.startswith("/") else link.path + path, content, headers
    )
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_a_reader_reads_a_case_and_goes_back(server: Server, study: Study) -> None:
    status, content, _ = ask(server, "open", {})
    state = json.loads(content)
    assert status == 200
    assert (state["position"], state["total"], state["text"], state["can_go_back"]) == (0, 8, TEXT, False)
    image = nib.Nifti1Image.from_filename(study.folder / "cases" / f"{study.readers['anna'][0]}.nii")
    voxels = np.frombuffer(ask(server, "ct")[1], "<i2").reshape(state["shape"], order="F")
    assert np.array_equal(voxels, np.asanyarray(image.dataobj))
    assert np.allclose(state["spacing"], image.header.get_zooms())
    assert len(ask(server, "mask")[1]) == voxels.size

    said = {
        "seat": state["seat"],
        "position": 0,
        "call": "synthetic",
        "confidence": 4,
        "terms": ["hypoattenuating"],
        "comment": "ä",
    }
    status, content, _ = ask(server, "answer", said)
    assert (status, json.loads(content)["position"]) == (200, 1)
    assert read_answers(study, "anna").answers[0].comment == "ä", "on the disk when the next case is told"
    status, content, _ = ask(server, "answer", said)
    assert (status, json.loads(content)["error"]) == (409, "this case is answered already; reload this page")

    back = json.loads(ask(server, "back", {"seat": state["seat"], "position": 1})[1])
    assert (back["position"], back["earlier"]["call"], back["earlier"]["terms"]) == (
        0,
        "synthetic",
        ["hypoattenuating"],
    )
    assert ask(server, "answer", {**said, "call": "real"})[0] == 200
    assert [answer.call for answer in read_answers(study, "anna").answers] == ["real"]
    assert not read_answers(study, "ben").answers


def test_the_clock_stands_still_while_nobody_looks_and_goes_on_after(server: Server, study: Study) -> None:
    seat = json.loads(ask(server, "open", {})[1])["seat"]
    (session,) = (each.session for each in server.seats.values() if each.reader == "anna")
    session._clock, now = lambda: now[0], [0.0]
    for name in ("ct", "mask"):
        assert ask(server, name)[0] == 200
    assert session._shown is None, "loading is not reading"
    # Shown at 50 s, looked 5 s, then from 100 s on.
    for action, then in (("resume", 50.0), ("pause", 55.0), ("resume", 100.0), ("resume", 103.0)):
        now[0] = then
        assert ask(server, action, {"seat": seat, "position": 0})[0] == 200
    now[0] = 107.0
    ask(server, "answer", {"seat": seat, "position": 0, "call": "real", "confidence": 1})
    assert read_answers(study, "anna").answers[0].seconds == 12


def test_a_page_that_missed_the_reply_to_its_answer_adds_no_time_to_the_next_case(server: Server, study: Study) -> None:
    seat = json.loads(ask(server, "open", {})[1])["seat"]
    said = {"seat": seat, "position": 0, "call": "real", "confidence": 1, "spent": 500.0}
    assert ask(server, "answer", said)[0] == 200  # and the page, which has not heard of it, does so again
    assert ask(server, "answer", said)[0] == 409
    for action in ("pause", "resume"):
        assert ask(server, action, {"seat": seat, "position": 0, "spent": 500.0})[0] == 200
    (session,) = (each.session for each in server.seats.values() if each.reader == "anna")
    assert session._shown is None, "the next case is not on the screen"
    assert ask(server, "answer", {**said, "position": 1, "spent": 0})[0] == 200
    assert read_answers(study, "anna").answers[1].seconds < 100


def test_of_two_windows_the_later_one_answers(server: Server) -> None:
    first, second = (json.loads(ask(server, "open", {})[1])["seat"] for _ in "ab")
    said = {"position": 0, "call": "real", "confidence": 1}
    status, content, _ = ask(server, "answer", {"seat": first, **said})
    assert (status, "another window" in json.loads(content)["error"]) == (409, True)
    assert ask(server, "answer", {"seat": second, **said})[0] == 200


def test_a_reader_who_reads_elsewhere_is_told_so(server: Server, study: Study) -> None:
    with Session(study, "anna"):
        status, content, _ = ask(server, "open", {})
        assert (status, "reading in another window" in json.loads(content)["error"]) == (409, True)
        assert ask(server, "open", {}, "ben")[0] == 200
    assert ask(server, "open", {})[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        {"call": "maybe"},
        {"confidence": 9},
        {"confidence": "4"},
        {"confidence": 3.0},
        {"confidence": True},
        {"terms": ["cystic"]},
        {"terms": "hypoattenuating"},
        {"comment": ["x"]},
        {"position": None},
    ],
)
def test_what_is_no_answer_is_refused(server: Server, study: Study, given: dict) -> None:
    seat = json.loads(ask(server, "open", {})[1])["seat"]
    said = {"seat": seat, "position": 0, "call": "real", "confidence": 1, **given}
    status, content, _ = ask(server, "answer", said)
    assert status == 409
    assert json.loads(content)["error"]
    assert not read_answers(study, "anna").answers


def test_a_link_opens_one_readers_cases_and_nothing_else(server: Server, study: Study) -> None:
    own = urlsplit(server.links["anna"]).path
    key = study.folder.with_name("study-key.json").read_bytes()
    case = next(iter(study.cases))
    names = ["../study.json", "..%2fstudy.json", "%2e%2e/study-key.json", "../../study-key.json", "study.json", "ben"]
    names += [
        "answers/ben.jsonl",
        "../study-links.json",
        "/etc/passwd",
        "ct/../../study.json",
        f"cases/{case}.nii",
        "%C3%A9tat",
    ]
    asked = ["/", "/r/", "/r/wrong/", own.rstrip("/"), "/study.json", "/answers/ben.jsonl", *(own + n for n in names)]
    for path in asked:
        status, content, _ = ask(server, path)
        assert (status, len(content) < 100) == (404, True), path
    everything = json.loads(ask(server, "open", {})[1])
    for name in PAGES:
        status, content, headers = ask(server, name)
        assert status == 200
        assert "no-store" in headers["Cache-Control"]
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert not any(word in content for word in (b"http:", b"https:", b"//cdn")), "works without a network"
    told = json.dumps(everything)
    assert not any(name in told for name in study.cases), "not even a case's name"
    assert not {"pair", "source", "synthetic"} & set(everything)
    assert json.loads(key)["cases"].keys() == study.cases.keys()


def test_what_the_server_sends_differs_in_the_voxels_alone(server: Server, study: Study) -> None:
    """Headers, lengths and all that is told of a case are those of its twin; the mask is, byte for byte."""
    pair_of = {case: entry["pair"] for case, entry in study.read_key()["cases"].items()}
    seen: dict[str, list[Any]] = {}
    for position, case in enumerate(study.readers["anna"]):
        state = json.loads(ask(server, "open", {})[1])
        told = {name: value for name, value in state.items() if name not in ("position", "can_go_back", "seat")}
        replies = [ask(server, name) for name in ("ct", "mask")]
        headers = [{name: value for name, value in reply[2].items() if name != "Date"} for reply in replies]
        seen.setdefault(pair_of[case], []).append([told, headers, replies[1][1]])
        ask(server, "answer", {"seat": state["seat"], "position": position, "call": "real", "confidence": 1})
    assert len(seen) == 4
    for one, two in seen.values():
        assert one == two
    assert len({json.dumps(headers) for pair in seen.values() for _, headers, _ in pair}) == 1, "of all pairs, too"


@pytest.mark.parametrize(
    "content",
    ["[" * 50_000, '{"a":' * 9_000, '{"comment": "\\ud83d"}', "[1]", "\u00e9", '{"seat": ' + "9" * 5000 + "}"],
)
def test_what_is_no_request_is_answered_so(server: Server, content: str) -> None:
    link = urlsplit(server.links["anna"])
    connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=10)
    connection.request("POST", link.path + "open", content.encode("latin-1"))
    reply = connection.getresponse()
    assert reply.status == 400
    assert "no JSON object" in json.loads(reply.read())["error"]


def test_odd_headers_are_answered(server: Server) -> None:
    assert ask(server, "ct", None, Host="[")[0] == 404
    assert ask(server, "open", None, **{"Content-Length": "9" * 5000})[0] == 404
    link = urlsplit(server.links["anna"])
    connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=10)
    connection.putrequest("POST", link.path + "open")
    connection.putheader("Content-Length", "9" * 5000)
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_a_page_goes_on_after_a_restart_with_its_time(study: Study) -> None:
    with serving(study) as first:
        seat = json.loads(ask(first, "open", {})[1])["seat"]
    with serving(study) as second:
        said = {"seat": seat, "position": 0, "call": "real", "confidence": 1, "spent": 30.0}
        assert ask(second, "answer", said)[0] == 200
        other = {**said, "seat": "f" * 16, "position": 1}
        assert ask(second, "answer", other)[0] == 409, "a second window is still shut out"
        for spent in (-1, True, "5", 1e9, None):
            assert ask(second, "resume", {"seat": seat, "position": 1, "spent": spent})[0] == 200
        assert ask(second, "answer", {**said, "position": 1, "spent": 60})[0] == 200
    first_case, second_case = read_answers(study, "anna").answers
    assert 30 <= first_case.seconds < 40
    assert second_case.seconds < 20, "of what this server has shown it counts itself"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_the_links_can_be_opened(study: Study, host: str) -> None:
    if ":" in host:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this computer has no IPv6")
    with Server(study.folder, host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        address = urlsplit(server.links["anna"])
        assert address.hostname not in ("0.0.0.0", "::")
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        connection.request("GET", address.path)
        assert connection.getresponse().status == 200
        server.shutdown()
        thread.join()


def test_pages_elsewhere_cannot_ask(server: Server) -> None:
    assert ask(server, "open", {}, Host="evil.example")[0] == 404
    assert ask(server, "", None, Host="evil.example:80")[0] == 404
    status, _, _ = ask(server, "answer", {"comment": "x" * 100_000})
    assert status == 413


def test_links_stay_the_same_and_are_not_in_what_readers_get(study: Study) -> None:
    with Server(study.folder) as first, Server(study.folder, readers=["BEN"]) as second:
        assert urlsplit(first.links["ben"]).path == urlsplit(second.links["ben"]).path
        assert list(second.links) == ["ben"]
        tokens = {link.split("/r/")[1].strip("/") for link in first.links.values()}
        assert len(tokens) == 2
        for file in [path for path in study.folder.rglob("*") if path.is_file()]:
            assert not any(token.encode() in file.read_bytes() for token in tokens)
    if sys.platform != "win32":
        assert links_path(study.folder).stat().st_mode & 0o077 == 0
    links_path(study.folder).unlink()
    with Server(study.folder, readers=["ben"], keep=False) as own:
        assert own.links["ben"].split("/r/")[1].strip("/") not in tokens
    assert not links_path(study.folder).exists()


def test_links_of_another_study_are_not_taken(study: Study, tmp_path: Path) -> None:
    Server(study.folder).server_close()
    before = links_path(study.folder).read_text()
    other = small_study(tmp_path / "other", readers=("anna", "ben"), seed=2)
    links_path(other.folder).write_text(before)
    with Server(other.folder) as server:
        assert not any(link.split("/r/")[1].strip("/") in before for link in server.links.values())


def test_a_damaged_study_is_not_served(study: Study) -> None:
    next((study.folder / "cases").iterdir()).unlink()
    with pytest.raises(InputError, match="missing"):
        Server(study.folder)


def test_reading_by_lines(study: Study) -> None:
    """`vtt read --lines`, for other programs; stopped and gone on with."""
    command = [sys.executable, "-m", "TextoMorphLib", "vtt", "read", str(study.folder), "--reader", "ben", "--lines"]
    answer = json.dumps({"call": "real", "confidence": 2, "terms": ["hypoattenuating"]}) + "\n"
    done = subprocess.run(command, input=answer * 3, capture_output=True, text=True, check=True)
    assert [json.loads(line)["number"] for line in done.stdout.splitlines()] == [1, 2, 3, 4]
    bad = subprocess.run(command, input='{"call": "real"}\n', capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stderr.startswith("error: not an answer")) == (2, True)
    done = subprocess.run(command, input=answer * 9, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[0])["number"] == 4
    assert main(["vtt", "status", str(study.folder)]) == 0
    assert len(read_answers(study, "ben").answers) == 8
