"""The documentation's site: every page has its place; `make docs` checks the links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from TextoMorphLib import cli

ROOT = Path(__file__).resolve().parents[3]


def test_every_page_stands_in_the_sites_navigation() -> None:
    listed = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages <= listed
    made = {"api.md"}
    assert all((ROOT / "docs" / page).is_file() or (ROOT / page).is_file() for page in listed - made)


def test_the_modules_of_the_api_are_there() -> None:
    hooks = (ROOT / "docs" / "site" / "hooks.py").read_text(encoding="utf-8")
    table = hooks[hooks.index("API = {") : hooks.index("LINK = ")]
    modules = re.findall(r'"([a-z_.]+)"', table)
    assert len(modules) > 15
    for module in modules:
        path = ROOT / "TextoMorphLib" / Path(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_the_glossarys_files_are_there_and_its_words_in_order() -> None:
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("|---|---|\n")[1].splitlines()
    assert rows == sorted(rows, key=str.lower)
    named = [path for row in rows for path in re.findall(r"`([a-z_/]+(?:\.py|/[a-z_]+))`", row)]
    assert len(named) > 40
    assert [path for path in named if not (ROOT / "TextoMorphLib" / path).exists()] == []


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """What the documentation has people type: where it stands, and its words after "textomorph"."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        indented = re.findall(r"^    \S.*$", text, re.MULTILINE)
        inline = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text) if span.startswith("textomorph ")]
        for line in [*(each for block in blocks for each in block.splitlines()), *indented, *inline]:
            if found := re.search(r"(?:^|[\s/`(])textomorph +(.+)", line):
                said = re.split(r"\s(?:#|\||&&|>|2>)|;", found[1])[0]
                words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", said)
                yield f"{page.name}: {line.strip()}", [word.strip("[]()") for word in words]


def test_every_command_and_option_that_the_documentation_names_is_there() -> None:
    app = typer.main.get_command(cli.app)
    wrong, seen = [], 0
    for where, words in command_lines():
        command: Any = app
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if words[:1] and command.name == "batch" and words[0] not in command.commands:
            command = command.commands["run"]  # which is what a batch does when nothing is said
        if command is app and not re.fullmatch(r"[a-z]+", words[0]):
            continue  # "textomorph COMMAND --help"
        seen += 1
        known = {"--help", "--version"}.union(*(each.opts + each.secondary_opts for each in command.params))
        asked = [name.split("=")[0] for word in words for name in word.split("|") if name.startswith("-")]
        wrong += [f"{where}: {name}" for name in asked if re.match(r"--?[a-z]", name) and name not in known]
        if hasattr(command, "commands") and words and not words[0].startswith("-"):
            wrong.append(f"{where}: no command '{words[0]}'")
    assert not wrong, "\n".join(wrong)
    assert seen > 80
