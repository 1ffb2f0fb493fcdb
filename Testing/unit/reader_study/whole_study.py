"""A whole Visual Turing Test, 60 cases and three simulated readers: from the shell, and in the browser.

    make turing-test    (or: python -m pytest Testing/unit/reader_study/whole_study.py)

It takes a minute or two, so it is not part of the suite. The browser's half needs Playwright, and Chrome, Chromium or
Edge.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_studies import write_table

from TextoMorphLib.reader_study.study import Study

READERS = ("anna", "ben", "carla")
RIGHT = {"anna": 0.5, "ben": 0.7, "carla": 0.9}  # how often each is right
Say = Callable[[str, str], dict[str, Any]]


def textomorph(*words: str | Path, **more: Any) -> str:
    command = [sys.executable, "-m", "TextoMorphLib", "vtt", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True, **more).stdout


@pytest.fixture
def study(tmp_path: Path) -> Study:
    table = write_table(tmp_path / "scans", 30)
    told = textomorph(
        *("create", table, "--output", tmp_path / "study", "--readers", ",".join(READERS), "--twins", "none"),
        *("--repeats", "6", "--seed", "11", "--field", "48,48,45", "--spacing", "2,2,2.5"),
    )
    assert "60 cases for 3 readers" in told
    return Study.read(tmp_path / "study")


@pytest.fixture
def says(study: Study) -> Say:
    """A reader's answer to a case: the same from the shell and in the browser."""
    key = study.read_key()["cases"]

    def say(reader: str, case: str) -> dict[str, Any]:
        rng = random.Random(f"{reader} {case}")
        synthetic = key[case]["synthetic"] == (rng.random() < RIGHT[reader])
        return {"call": "synthetic" if synthetic else "real", "confidence": rng.randint(1, 5)}

    return say


def check(study: Study, says: Say, folder: Path) -> None:
    """Every answer is there, and the exported figures are those of the answers."""
    told = textomorph("status", study.folder)
    assert all(f"{reader}: 66 of 66 answered" in told for reader in READERS)
    assert "| ours |" in textomorph("score", study.folder)
    textomorph("export", study.folder, "--output", folder)
    assert {"readings.csv", "scores.json", "report.html"} <= {path.name for path in folder.iterdir()}
    scores = json.loads((folder / "scores.json").read_text())
    assert len(scores["readings"]) == 3 * 66
    assert sum(reading["repeat"] for reading in scores["readings"]) == 3 * 6
    for reading in scores["readings"]:
        said = says(reading["reader"], reading["case"])
        assert reading["called_synthetic"] == (said["call"] == "synthetic")
        assert reading["confidence"] == said["confidence"]
    key = study.read_key()["cases"]
    wrong = sum(
        (says(reader, case)["call"] == "synthetic") != key[case]["synthetic"] for reader in READERS for case in key
    )
    (everything,) = [row for row in scores["error_rates"] if (row["organ"], row["size"]) == ("all", "all")]
    assert (everything["wrong"], everything["readings"]) == (wrong, 180)
    assert everything["low"] < everything["rate"] < everything["high"]


def test_from_the_shell(study: Study, says: Say, tmp_path: Path) -> None:
    for reader in READERS:
        lines = [json.dumps(says(reader, case)) + "\n" for case in study.readers[reader]]
        for part in (lines[:25], lines[25:]):  # a break in between
            textomorph("read", study.folder, "--reader", reader, "--lines", input="".join(part))
    check(study, says, tmp_path / "results")


@pytest.fixture
def links(study: Study) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "TextoMorphLib", "vtt", "serve", str(study.folder), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            found = [re.fullmatch(r"(\w+): (http://\S+)\n", server.stdout.readline()) for _ in READERS]
            yield {match[1]: match[2] for match in found}
        finally:
            server.terminate()


def test_in_the_browser(browser: Any, study: Study, says: Say, links: dict[str, str], tmp_path: Path) -> None:
    pages = {}
    for reader, link in links.items():  # all three read at the same time
        pages[reader] = browser.new_page()
        pages[reader].set_default_timeout(300_000)
        pages[reader].goto(link)
    for number in range(66):
        for reader, page in pages.items():
            page.wait_for_selector(f"#views[data-shown='{number + 1}']")
            said = says(reader, study.readers[reader][number])
            page.keyboard.press({"real": "r", "synthetic": "s"}[said["call"]])
            page.keyboard.press(str(said["confidence"]))
            page.wait_for_selector("#save:enabled")
            page.keyboard.press("Enter")
    for page in pages.values():
        page.wait_for_selector("#end:visible")
    check(study, says, tmp_path / "results")
